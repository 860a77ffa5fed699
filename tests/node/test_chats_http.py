"""``/api/chats`` over real sockets: the whole life of a chat, listening with interruptions, and errors."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from chats_children import MadeUpEngine, text_of
from http_client import TOKEN, running

from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.service import ChatService
from meadow.node.http.chats import router
from meadow.node.names import friendly_name

PREFIX = "/api/chats"
TEXT = "".join(text_of("hello", 300))


class Chats:
    """A client of the API, and the service behind it."""

    def __init__(self, service: ChatService, client: httpx2.AsyncClient) -> None:
        self.service = service
        self.client = client

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.client.request(
            method, PREFIX + path, json=body if body is not None or method == "GET" else {}
        )
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, body: Any, status: int, code: str) -> str:
        error = (await self.ask(method, path, body, status))["error"]
        assert error["code"] == code
        return str(error["message"])

    async def begin(self, text: str = "hello") -> tuple[str, int]:
        """A new chat with a first message; the chat's id and the answer's."""
        chat = await self.ask("POST", "", {"model": "m"}, 201)
        sent = await self.ask("POST", f"/{chat['id']}/messages", {"content": text}, 202)
        return chat["id"], sent["answer"]["id"]

    async def listen(self, chat: str, message: int, last: str | None = None) -> AsyncIterator[tuple[str, str, Any]]:
        """Events as (name, id, data)."""
        headers = {"last-event-id": last} if last is not None else {}
        async with self.client.stream("GET", f"{PREFIX}/{chat}/messages/{message}/events", headers=headers) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    yield fields["event"], fields["id"], json.loads(fields["data"])
                    fields = {}

    async def ended(self, chat: str, message: int) -> Any:
        events = [event async for event in self.listen(chat, message)]
        assert events[-1][0] == "ended"
        return events[-1][2]


@contextlib.asynccontextmanager
async def node(file: Path, engine: Any | None = None, stopping: asyncio.Event | None = None) -> AsyncIterator[Chats]:
    service = ChatService(AsyncChatStore(file), engine or MadeUpEngine(count=300, seconds=0.001))
    await service.start()
    async with running([router(service, stopping=stopping)]) as server:
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
            yield Chats(service, client)
    await service.close()


async def test_the_life_of_a_chat(tmp_path: Path) -> None:
    async with node(tmp_path / "c.db") as api:
        settings = {"temperature": 0.5, "stop": ["END"]}
        new = {"model": "m", "system_prompt": "Be kind.", "settings": settings}
        chat = await api.ask("POST", "", new, 201)
        assert {name: value for name, value in chat["settings"].items() if value is not None} == settings
        sent = await api.ask("POST", f"/{chat['id']}/messages", {"content": "hello"}, 202)
        answer = await api.ended(chat["id"], sent["answer"]["id"])
        assert (answer["content"], answer["state"], answer["answer"]["tokens_per_second"]) == (TEXT, "complete", 6.5)
        page = await api.ask("GET", f"/{chat['id']}/messages")
        assert [message["content"] for message in page["messages"]] == ["hello", TEXT] and page["running"] is None
        assert page["messages"][1]["answer"]["route"][0] == {
            "peer_id": "12D3KooWExample", "server_id": "0a1b2c3d", "start": 0, "end": 8,
            "step_seconds": 0.02, "queue_seconds": 0.0, "name": friendly_name("12D3KooWExample"),
        }  # fmt: skip

        question = page["messages"][0]["id"]
        edited = await api.ask("POST", f"/{chat['id']}/messages/{question}/edit", {"content": "hallo"}, 202)
        await api.ended(chat["id"], edited["answer"]["id"])
        again = await api.ask("POST", f"/{chat['id']}/messages/{edited['answer']['id']}/regenerate", {}, 202)
        await api.ended(chat["id"], again["answer"]["id"])
        kept = await api.ask("GET", f"/{chat['id']}/messages/{again['answer']['id']}")
        assert kept["siblings"] == [edited["answer"]["id"], again["answer"]["id"]]
        await api.ask("POST", f"/{chat['id']}/messages/{question}/choose")
        page = await api.ask("GET", f"/{chat['id']}/messages", None)
        assert [message["content"] for message in page["messages"]] == ["hello", TEXT]

        changed = await api.ask("PATCH", f"/{chat['id']}", {"title": "Greetings", "model": None})
        assert (changed["title"], changed["model"], changed["system_prompt"]) == ("Greetings", None, "Be kind.")
        found = (await api.ask("GET", "/search?q=hallo"))["found"]
        assert [place["message_id"] for place in found] == [edited["question"]["id"]]
        assert [chat["title"] for chat in (await api.ask("GET", ""))["chats"]] == ["Greetings"]

        await api.ask("DELETE", f"/{chat['id']}/messages/{question}", None, 204)
        await api.refused("GET", f"/{chat['id']}/messages/{question}", None, 404, "unknown_message")
        await api.ask("POST", f"/{chat['id']}/messages/{question}/restore")
        await api.ask("DELETE", f"/{chat['id']}")
        await api.refused("GET", f"/{chat['id']}", None, 404, "unknown_chat")
        assert len((await api.ask("GET", "?deleted=true"))["chats"]) == 1
        await api.ask("POST", f"/{chat['id']}/restore")
        assert (await api.ask("GET", f"/{chat['id']}"))["title"] == "Greetings"


async def test_a_listener_that_is_cut_off_again_and_again_gets_every_character_once(tmp_path: Path) -> None:
    async with node(tmp_path / "c.db") as api:
        chat, answer = await api.begin()
        text, last, connections, end = "", None, 0, None
        while end is None:
            connections += 1
            count = 0
            async with contextlib.aclosing(api.listen(chat, answer, last)) as events:
                async for name, last, data in events:  # noqa: B007  (the last one matters)
                    if name == "text":
                        assert data["offset"] == len(text)
                        text += data["text"]
                        count += 1
                    if name == "ended":
                        end = data
                    if count == 10:
                        break
            assert last == str(len(text))
        assert text == TEXT == end["content"] and connections > 3
        # When it is over: the rest, or all of it for who knows nothing or nonsense.
        events = [event async for event in api.listen(chat, answer, "10")]
        assert events[0] == ("text", str(len(TEXT)), {"offset": 10, "text": TEXT[10:]})
        for last in (None, "nonsense", "-1", "9" * 15, "9" * 50):
            assert (await anext(api.listen(chat, answer, last)))[2] == {"offset": 0, "text": TEXT}


async def test_an_answer_goes_on_when_nobody_listens_and_several_may(tmp_path: Path) -> None:
    async with node(tmp_path / "c.db") as api:
        chat, answer = await api.begin()
        first = await asyncio.gather(*(anext(api.listen(chat, answer)) for _ in range(3)))  # and they go
        assert [event[0] for event in first] == ["started"] * 3
        everybody = await asyncio.gather(*(api.ended(chat, answer) for _ in range(5)))
        assert [message["content"] for message in everybody] == [TEXT] * 5


async def test_stop_and_busy(tmp_path: Path) -> None:
    async with node(tmp_path / "c.db", MadeUpEngine(count=100_000, seconds=0.001)) as api:
        chat, answer = await api.begin()
        async for name, _, _ in api.listen(chat, answer):
            if name == "text":
                break
        assert (await api.ask("GET", f"/{chat}/messages"))["running"] == answer
        sentence = await api.refused("POST", f"/{chat}/messages", {"content": "more"}, 409, "chat_busy")
        assert "Stop that answer" in sentence
        stopped = (await api.ask("POST", f"/{chat}/stop"))["answer"]
        assert stopped["state"] == "stopped" and stopped["content"]
        assert (await api.ended(chat, answer))["content"] == stopped["content"]
        assert (await api.ask("POST", f"/{chat}/stop"))["answer"] is None


async def test_streams_end_when_the_node_stops(tmp_path: Path) -> None:
    stopping = asyncio.Event()
    async with node(tmp_path / "c.db", MadeUpEngine(count=100_000, seconds=0.001), stopping) as api:
        chat, answer = await api.begin()
        with contextlib.suppress(httpx2.TransportError):
            async for name, _, _ in api.listen(chat, answer):
                if name == "text":
                    stopping.set()


async def test_export_and_import(tmp_path: Path) -> None:
    async with node(tmp_path / "c.db") as api:
        chat, answer = await api.begin()
        await api.ended(chat, answer)
        await api.ended(chat, (await api.ask("POST", f"/{chat}/messages/{answer}/regenerate", {}, 202))["answer"]["id"])
        for number in range(3):
            await api.ask("POST", "", {"title": f"chat {number}"}, 201)
        file = await api.client.get(f"{PREFIX}/{chat}/export")
        assert file.headers["content-disposition"] == 'attachment; filename="hello.json"'
        imported = await api.ask("POST", "/import", {"format": "json", "content": file.text}, 201)
        (copy,) = imported["chats"]
        assert (await api.client.get(f"{PREFIX}/{copy['id']}/export")).text == file.text
        markdown = await api.client.get(f"{PREFIX}/{chat}/export?format=markdown")
        assert markdown.headers["content-type"].startswith("text/markdown")
        imported = await api.ask("POST", "/import", {"format": "markdown", "content": markdown.text}, 201)
        messages = (await api.ask("GET", f"/{imported['chats'][0]['id']}/messages"))["messages"]
        assert [message["content"] for message in messages] == ["hello", TEXT]
        everything = await api.client.get(f"{PREFIX}/export")
        assert everything.headers["content-type"] == "application/x-ndjson"
        assert len(everything.text.splitlines()) == 6
        imported = await api.ask("POST", "/import", {"format": "json", "content": everything.text}, 201)
        assert len(imported["chats"]) == 6
        sentence = await api.refused("POST", "/import", {"format": "json", "content": "[]"}, 400, "bad_import")
        assert "not a file of conversations" in sentence
        assert len((await api.ask("GET", "?limit=200"))["chats"]) == 12


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/" + "0" * 32, None, 404, "unknown_chat"),
        ("GET", "/nonsense", None, 400, "invalid_value"),
        ("GET", "/" + "0" * 32 + "/messages/0", None, 400, "invalid_value"),
        ("GET", "/CHAT/messages/9223372036854775807", None, 404, "unknown_message"),
        ("GET", "/CHAT/messages/9223372036854775808", None, 400, "invalid_value"),
        ("GET", "/CHAT/messages/77/events", None, 404, "unknown_message"),
        ("GET", "?limit=1000", None, 400, "invalid_value"),
        ("GET", "?after=" + "0" * 32, None, 404, "unknown_chat"),
        ("POST", "", {"titel": "misspelt"}, 400, "unknown_argument"),
        ("POST", "", {"settings": {"temprature": 1}}, 400, "unknown_argument"),
        ("POST", "", {"settings": {"temperature": -1}}, 400, "invalid_value"),
        ("POST", "", {"settings": {"temperature": "hot"}}, 400, "invalid_value"),
        ("POST", "", {"title": "x" * 301}, 400, "invalid_value"),
        ("POST", "/CHAT/messages", {"content": " "}, 400, "invalid_request"),
        ("POST", "/CHAT/messages", {"content": "x", "parent_id": 99}, 404, "unknown_message"),
        ("POST", "/CHAT/messages", {"content": "x", "parent_id": 10**30}, 404, "unknown_message"),
        ("POST", "/CHAT/messages", {"content": "x", "role": "system"}, 400, "invalid_value"),
        ("POST", "/CHAT/messages", {}, 400, "invalid_value"),
        ("POST", "/CHAT/messages/99/regenerate", {}, 404, "unknown_message"),
        ("POST", "/CHAT/messages/99/choose", {}, 404, "unknown_message"),
        ("POST", "/" + "0" * 32 + "/stop", {}, 404, "unknown_chat"),
        ("POST", "/import", {"format": "xml", "content": ""}, 400, "invalid_value"),
        ("POST", "/storage/set-aside", {}, 400, "invalid_request"),
    ],
)
async def test_what_cannot_be_done_has_a_status_a_code_and_a_sentence(
    tmp_path: Path, method: str, path: str, body: Any, status: int, code: str
) -> None:
    async with node(tmp_path / "c.db") as api:
        chat = await api.ask("POST", "", {"model": "m"}, 201)
        sentence = await api.refused(method, path.replace("CHAT", chat["id"]), body, status, code)
        assert len(sentence) > 10 and "temprature" not in sentence.replace("settings.temprature", "")
        assert (await api.ask("GET", f"/{chat['id']}/messages"))["messages"] == []


async def test_half_a_character_is_refused_everywhere(tmp_path: Path) -> None:
    async with node(tmp_path / "c.db") as api:
        chat = await api.ask("POST", "", {"model": "m"}, 201)
        headers = {"content-type": "application/json"}
        for path, body in (
            ("", '{"title": "\\ud800"}'),
            ("", '{"settings": {"stop": ["\\udc00"]}}'),
            ("", '{"settings": {"json_schema": {"a": "\\udc00"}}}'),
            ("", '{"settings": {"tools": [{"\\udc00": 1}]}}'),
            (f"/{chat['id']}/messages", '{"content": "\\ud800"}'),
            ("/import", '{"format": "markdown", "content": "## You\\n\\ud800"}'),
        ):
            answer = await api.client.post(PREFIX + path, content=body, headers=headers)
            assert answer.status_code == 400, (path, body, answer.text)
        answer = await api.client.get(f"{PREFIX}/search", params={"q": "\0"})
        assert answer.status_code == 200


@pytest.mark.parametrize("damaged", [True, False], ids=["damaged", "newer"])
async def test_the_node_answers_also_without_its_conversations(tmp_path: Path, damaged: bool) -> None:
    file = tmp_path / "c.db"
    if damaged:
        file.write_text("no database" * 100)
    else:
        async with node(file) as api:
            await api.begin()
        import sqlite3

        with contextlib.closing(sqlite3.connect(file)) as raw:
            raw.execute("PRAGMA user_version = 999")
    before = file.read_bytes()
    async with node(file) as api:
        code = "chats_damaged" if damaged else "chats_newer"
        storage = await api.ask("GET", "/storage")
        assert storage["file"] == str(file) and storage["problem"]["code"] == code
        await api.refused("GET", "", None, 503, code)
        await api.refused("POST", "", {}, 503, code)
        assert file.read_bytes() == before
        if damaged:
            aside = await api.ask("POST", "/storage/set-aside")
            assert Path(aside["file"]).read_bytes() == before
            assert (await api.ask("GET", "/storage"))["problem"] is None
            chat, answer = await api.begin()
            assert (await api.ended(chat, answer))["state"] == "complete"
        else:
            await api.refused("POST", "/storage/set-aside", {}, 400, "invalid_request")


async def test_nothing_without_the_token(tmp_path: Path) -> None:
    async with node(tmp_path / "c.db") as api:
        chat, _ = await api.begin()
        async with httpx2.AsyncClient(base_url=api.client.base_url) as stranger:
            for path in ("", f"/{chat}", f"/{chat}/messages", "/export", "/search?q=hello", f"/{chat}/export"):
                answer = await stranger.get(PREFIX + path)
                assert answer.status_code == 401 and "hello" not in answer.text
