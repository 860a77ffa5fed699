"""Conversations with the real chat engine, over two real servers of the bundled model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from chat.bench import Bench, bench

from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.records import Answer, Message, Settings
from meadow.node.chats.running import Ended, Grew
from meadow.node.chats.service import ChatService
from meadow.node.chats.store import ChatStore
from meadow.resources import resource

DEMO = resource("demo-model")
GREEDY = Settings(temperature=0, max_tokens=24)


@pytest.fixture(scope="module")
def swarm(endless_chat_model: Path) -> Iterator[Bench]:
    with bench([(DEMO, "0:3"), (DEMO, "3:6"), (endless_chat_model, "0:4")]) as made:
        yield made


def facts(message: Message) -> Answer:
    assert message.answer is not None
    return message.answer


async def answered(service: ChatService, message: Message | None) -> tuple[Message, str]:
    """The message as it ended, and the text that a listener got."""
    assert message is not None
    text = ""
    async for event in service.follow(message.chat_id, message.id):
        if isinstance(event, Grew):
            text += event.text
        if isinstance(event, Ended):
            return event.message, text
    raise AssertionError("it never ended")


def test_a_chat_of_several_turns_branches_and_a_restart(swarm: Bench, tmp_path: Path) -> None:
    async def talk() -> tuple[str, Message, Message]:
        service = ChatService(AsyncChatStore(tmp_path / "c.db"), swarm.handle)
        await service.start()
        chat = await service.store(ChatStore.add_chat, model=str(DEMO), settings=GREEDY)
        _, message = await service.send(chat.id, None, "How does Meadow work?")
        first, text = await answered(service, message)
        assert first.state == "complete" and first.content == text != ""
        assert [(hop.start, hop.end) for hop in facts(first).route or []] == [(0, 3), (3, 6)]
        assert (facts(first).completion_tokens or 0) <= 24 and facts(first).reused_tokens == 0
        question, message = await service.send(chat.id, None, "And what is a swarm?")
        assert question is not None
        second, _ = await answered(service, message)
        assert (facts(second).reused_tokens or 0) > 0  # the session stayed open between the turns
        # The same question on the same path gives the same words, whether the session goes on or is built anew.
        again, _ = await answered(service, await service.regenerate(chat.id, second.id))
        assert (again.content, again.siblings) == (second.content, (second.id, again.id))
        _, message = await service.edit(chat.id, question.id, "And what is a swarm?")
        edited, _ = await answered(service, message)
        assert edited.content == second.content
        await service.close()
        return chat.id, first, second

    chat, first, second = swarm.loop.run(talk(), timeout=120)

    async def after_a_restart() -> None:
        service = ChatService(AsyncChatStore(tmp_path / "c.db"), swarm.handle)
        await service.start()
        await swarm.handle.forget(chat)
        path = await service.store(ChatStore.path, chat)
        assert [message.content for message in path][1::2] == [first.content, second.content]
        rebuilt, _ = await answered(service, await service.regenerate(chat, path[-1].id))
        assert rebuilt.content == second.content and facts(rebuilt).reused_tokens == 0
        await service.delete_chat(chat)
        await service.close()

    swarm.loop.run(after_a_restart(), timeout=120)


@pytest.mark.full
def test_stop_several_at_once_and_errors(swarm: Bench, endless_chat_model: Path, tmp_path: Path) -> None:
    async def talk() -> None:
        service = ChatService(AsyncChatStore(tmp_path / "c.db"), swarm.handle)
        await service.start()
        chats = [await service.store(ChatStore.add_chat, model=str(endless_chat_model)) for _ in range(3)]
        sent = [(await service.send(chat.id, None, "Go on and on"))[1] for chat in chats]
        for message in sent:
            assert message is not None
            async for event in service.follow(message.chat_id, message.id):
                if isinstance(event, Grew):
                    break
        stopped = await asyncio.gather(*(service.stop(chat.id) for chat in chats))
        for message in stopped:
            assert message is not None and message.state == "stopped" and message.content
            kept = await service.store(ChatStore.message, message.chat_id, message.id)
            assert kept.content == message.content
        async with asyncio.timeout(30):
            while swarm.handle.running:
                await asyncio.sleep(0.01)
        chat = await service.store(ChatStore.add_chat, model="/no/such/model")
        failed, _ = await answered(service, (await service.send(chat.id, None, "hello"))[1])
        assert failed.state == "failed" and facts(failed).error is not None and facts(failed).error.code  # type: ignore[union-attr]
        await service.close()

    swarm.loop.run(talk(), timeout=120)
