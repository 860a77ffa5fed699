"""No knob that nothing reads: every setting is looked up somewhere, and those of chats reach the engine."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meadow.chat.request import Done, Finished, GenerationEvent, GenerationRequest
from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.records import Settings as Sampling
from meadow.node.chats.service import ChatService
from meadow.node.chats.store import ChatStore
from meadow.node.settings import REGISTRY, Settings

CORE = Path(__file__).resolve().parents[2] / "core" / "meadow"
SAMPLING = ("max_tokens", "temperature", "top_p", "top_k")


def test_every_setting_is_read_by_the_node() -> None:
    sources = [path for path in CORE.rglob("*.py") if "settings" not in path.parts and path.name != "settings.py"]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    read = set(re.findall(r"\[\"([a-z_.]+)\"\]", code)) | {f"chat.{name}" for name in SAMPLING}
    read.add("initial_peers")  # the client reads it from the file itself
    assert set(REGISTRY) <= read
    assert 'settings[f"chat.{name}"] for name in ("max_tokens", "temperature", "top_p", "top_k")' in code
    assert '.get("initial_peers"' in code


class Listening:
    """An engine that keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[GenerationRequest] = []

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        self.asked.append(request)
        yield Finished(0, "stop", 0)
        yield Done(1, 0, 0, 0.0, 0.0)

    async def end(self, conversation: str) -> bool:
        return False

    async def forget(self, conversation: str) -> None:
        pass


@pytest.mark.parametrize("sampling", [{"max_tokens": 1, "temperature": 0, "top_p": 0.01, "top_k": 0}, {}])
async def test_a_chat_that_says_nothing_else_uses_the_settings(tmp_path: Path, sampling: dict[str, float]) -> None:
    settings = Settings({f"chat.{name}": value for name, value in sampling.items()})
    engine = Listening()
    service = ChatService(
        AsyncChatStore(tmp_path / "chats.sqlite3"),
        engine,
        default_settings=lambda: Sampling(**{name: settings[f"chat.{name}"] for name in SAMPLING}),
    )
    await service.start()
    try:
        chat = await service.store(ChatStore.add_chat, model="m", settings=Sampling(temperature=0.5))
        _, message = await service.send(chat.id, None, "Hello")
        assert message is not None
        while (await service.store(ChatStore.message, chat.id, message.id)).state == "streaming":
            continue
        (request,) = engine.asked
        asked = {name: getattr(request, name) for name in SAMPLING}
        assert asked == {**dict.fromkeys(SAMPLING), **sampling, "temperature": 0.5}
    finally:
        await service.close()


def test_what_a_setting_may_be_a_chat_may_be_too() -> None:
    for name in SAMPLING:
        schema = REGISTRY[f"chat.{name}"].schema["anyOf"][0]
        for value in (schema["minimum"], schema["maximum"]):
            assert getattr(Sampling(**{name: value}), name) == value
