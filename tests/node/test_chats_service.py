"""Answers on their way into the store and to listeners: order, ends, errors, several at once, cancellation.

The engine is made up, because these tests are about what is kept; ``test_chats_engine.py`` asks the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from chats_children import MadeUpEngine, text_of

from meadow.chat.request import Delta, Done, Finished, GenerationEvent, GenerationRequest, Hop, Started, ToolCall
from meadow.errors import MeadowError
from meadow.node.chats.errors import BadRequest, Busy, StoreUnusable, UnknownChat, UnknownMessage
from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.records import Chat, Message, Settings
from meadow.node.chats.running import AnswerEvent, Ended, Grew
from meadow.node.chats.service import ChatService
from meadow.node.chats.store import ChatStore


class Steps(MadeUpEngine):
    """Does what a test says, event by event: ``say`` the next one, or an exception."""

    def __init__(self) -> None:
        super().__init__()
        self._next: asyncio.Queue[GenerationEvent | BaseException] = asyncio.Queue()
        self.cancelled = 0

    def say(self, *events: GenerationEvent | BaseException) -> None:
        for event in events:
            self._next.put_nowait(event)

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        self.requests.append(request)
        complete = False
        try:
            while not complete:
                event = await self._next.get()
                if isinstance(event, BaseException):
                    complete = True
                    raise event
                complete = isinstance(event, Done)
                yield event
        finally:
            self.cancelled += not complete


END = (Finished(0, "stop", 2), Done(3, 2, 1, 4.5, 0.25, (), 77))


@contextlib.asynccontextmanager
async def serving(engine: Any, file: Path, **options: Any) -> AsyncIterator[ChatService]:
    service = ChatService(AsyncChatStore(file), engine, **{"save_seconds": 0.02, **options})
    await service.start()
    try:
        yield service
    finally:
        await service.close()
    store = ChatStore(file)
    assert store.check() == []
    assert not [row for row in store._db.execute("SELECT * FROM pieces")]
    assert not [row for row in store._db.execute("SELECT * FROM messages WHERE state = 'streaming'")]
    store.close()


async def new_chat(service: ChatService, **fields: Any) -> Chat:
    return await service.store(ChatStore.add_chat, **{"model": "m", **fields})


async def events_of(service: ChatService, message: Message, offset: int = 0) -> list[AnswerEvent]:
    return [event async for event in service.follow(message.chat_id, message.id, offset)]


async def ended(service: ChatService, message: Message) -> Message:
    last = (await events_of(service, message))[-1]
    assert isinstance(last, Ended)
    return last.message


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


async def stored(service: ChatService, message: Message) -> Message:
    return await service.store(ChatStore.message, message.chat_id, message.id)


async def test_an_answer_reaches_listeners_and_the_store_with_its_facts(tmp_path: Path) -> None:
    async with serving(MadeUpEngine(count=50), tmp_path / "c.db") as service:
        chat = await new_chat(service, system_prompt="Be kind.", settings=Settings(temperature=0.5))
        question, answer = await service.send(chat.id, None, "hello", Settings(seed=7))
        assert question is not None and answer is not None and answer.state == "streaming"
        events = await events_of(service, answer)
        assert [type(event) for event in (events[0], events[1], events[-1])] == [Started, Grew, Ended]
        text = "".join(event.text for event in events if isinstance(event, Grew))
        assert text == "".join(text_of("hello", 50))
        kept = await stored(service, answer)
        assert (kept.content, kept.state) == (text, "complete")
        assert kept.answer is not None and kept.answer.route is not None
        assert (kept.answer.tokens_per_second, kept.answer.first_token_seconds) == (6.5, 0.25)
        assert (kept.answer.finish_reason, kept.answer.completion_tokens, kept.answer.bytes_sent) == ("stop", 50, 99)
        assert kept.answer.settings == Settings(seed=7, temperature=0.5)
        assert [type(event) for event in await events_of(service, answer)] == [Grew, Ended]  # also when it is over


async def test_the_engine_gets_the_branch_that_is_answered_and_the_chat_as_its_conversation(tmp_path: Path) -> None:
    engine = MadeUpEngine(count=2)
    async with serving(engine, tmp_path / "c.db", default_model=lambda: "default") as service:
        chat = await new_chat(service, model=None, system_prompt="S", settings=Settings(stop=["END"], max_tokens=9))
        first, answer = await service.send(chat.id, None, "one")
        assert first is not None and answer is not None
        one = (await ended(service, answer)).content
        _, answer = await service.send(chat.id, None, "two")
        assert answer is not None
        await ended(service, answer)
        sent = engine.requests[-1]
        assert (sent.model, sent.conversation, sent.stop, sent.max_tokens) == ("default", chat.id, ("END",), 9)
        assert sent.messages == (
            {"role": "system", "content": "S"},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": one},
            {"role": "user", "content": "two"},
        )
        _, answer = await service.edit(chat.id, first.id, "one!")
        assert answer is not None
        await ended(service, answer)
        assert engine.requests[-1].messages == (
            {"role": "system", "content": "S"},
            {"role": "user", "content": "one!"},
        )
        again = await service.regenerate(chat.id, answer.id)
        await ended(service, again)
        assert engine.requests[-1].messages == engine.requests[-2].messages
        assert (await stored(service, again)).siblings == (answer.id, again.id)
        edited, none = await service.edit(chat.id, again.id, "what I would have said")
        assert none is None and edited is not None and edited.role == "assistant"
        _, answer = await service.send(chat.id, None, "and then?")
        assert answer is not None
        await ended(service, answer)
        assert [turn["content"] for turn in engine.requests[-1].messages or ()][2:] == [
            "what I would have said",
            "and then?",
        ]


async def test_tools_are_called_and_their_results_sent_in_order(tmp_path: Path) -> None:
    engine = Steps()
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"const": None}}}]
    async with serving(engine, tmp_path / "c.db") as service:
        chat = await new_chat(service, settings=Settings(tools=tools, tool_choice="f"))
        calls = (ToolCall("c1", "f", "{}"), ToolCall("c2", "f", '{"a":1}'))
        engine.say(Started(1), Finished(0, "tool_calls", 2, calls), END[1])
        _, answer = await service.send(chat.id, None, "use it")
        assert answer is not None
        kept = (await ended(service, answer)).answer
        assert kept is not None and [call.id for call in kept.tool_calls or []] == ["c1", "c2"]
        assert engine.requests[0].tools == tuple(tools) and engine.requests[0].tool_choice == "f"
        _, none = await service.send(chat.id, None, "one", role="tool", tool_call_id="c1", answer=False)
        assert none is None and len(engine.requests) == 1
        engine.say(Started(1), Delta(0, "done"), *END)
        _, answer = await service.send(chat.id, None, "", role="tool", tool_call_id="c2")
        assert answer is not None
        await ended(service, answer)
        turns = json.loads(engine.requests[1].to_json())["messages"]
        assert [call["function"] for call in turns[1]["tool_calls"]] == [
            {"name": "f", "arguments": "{}"},
            {"name": "f", "arguments": '{"a":1}'},
        ]
        assert turns[2:] == [
            {"role": "tool", "content": "one", "tool_call_id": "c1"},
            {"role": "tool", "content": "", "tool_call_id": "c2"},
        ]


async def test_stopping_keeps_the_text_and_cancels_the_engine(tmp_path: Path) -> None:
    engine = Steps()
    async with serving(engine, tmp_path / "c.db") as service:
        chat = await new_chat(service)
        engine.say(Started(3), Delta(0, "half an "))
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None
        await until(lambda: (running := service.running(chat.id)) and running.text)
        assert await service.stop(chat.id, answer.id + 1) is None
        stopped = await service.stop(chat.id)
        assert stopped is not None and (stopped.content, stopped.state) == ("half an ", "stopped")
        assert engine.cancelled == 1 and (await stored(service, answer)).state == "stopped"
        assert await service.stop(chat.id) is None
        engine.say(Started(3), Delta(0, "on"), *END)
        _, answer = await service.send(chat.id, None, "go on")
        assert answer is not None
        await ended(service, answer)
        assert engine.requests[-1].messages == (
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "half an "},
            {"role": "user", "content": "go on"},
        )


async def test_a_stopped_answer_says_how_fast_it_was_and_over_whom(tmp_path: Path) -> None:
    class Telling(Steps):
        async def end(self, conversation: str) -> bool:
            self.say(Finished(0, "cancelled", 2), Done(3, 2, 1, 4.5, 0.25, (Hop("12D3KooWOak", "a", 0, 8),), 77))
            return True

    engine = Telling()
    async with serving(engine, tmp_path / "c.db") as service:
        chat = await new_chat(service)
        engine.say(Started(3), Delta(0, "half an "))
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None
        await until(lambda: (running := service.running(chat.id)) and running.text)
        stopped = await service.stop(chat.id)
        assert stopped is not None and stopped.answer is not None
        assert (stopped.content, stopped.state) == ("half an ", "stopped")
        assert stopped.answer.tokens_per_second == 4.5 and stopped.answer.completion_tokens == 2
        assert [hop.peer_id for hop in stopped.answer.route or ()] == ["12D3KooWOak"]
        assert engine.cancelled == 0 and (await stored(service, answer)).answer == stopped.answer


async def test_an_engine_that_ends_late_tells_nothing(tmp_path: Path) -> None:
    class Slow(Steps):
        async def end(self, conversation: str) -> bool:
            return True

    engine = Slow()
    async with serving(engine, tmp_path / "c.db", tell_seconds=0.05) as service:
        chat = await new_chat(service)
        engine.say(Started(3), Delta(0, "half an "))
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None
        await until(lambda: (running := service.running(chat.id)) and running.text)
        stopped = await service.stop(chat.id)
        assert stopped is not None and (stopped.content, stopped.state) == ("half an ", "stopped")
        assert engine.cancelled == 1


async def test_an_engine_that_does_not_stop_does_not_hold_the_chat(tmp_path: Path) -> None:
    released = asyncio.Event()

    class Stubborn(MadeUpEngine):
        async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
            yield Delta(0, "text")
            while not released.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await released.wait()

    async with serving(Stubborn(), tmp_path / "c.db", stop_seconds=0.1) as service:
        chat = await new_chat(service)
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None
        await until(lambda: (running := service.running(chat.id)) and running.text)
        stopped = await service.stop(chat.id)
        assert stopped is not None and (stopped.content, stopped.state) == ("text", "stopped")
        released.set()


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (MeadowError("The chat engine ended.", code="engine_died"), "engine_died", "The chat engine ended."),
        (MeadowError("x" * 99_999, code="y" * 999), "y" * 300, "x" * 10_000),
        (RuntimeError("secret prompt"), "internal", "Something went wrong inside the node. Try again."),
    ],
)
async def test_errors_are_kept_with_the_message_and_the_text_so_far(
    tmp_path: Path, error: Exception, code: str, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Steps()
    async with serving(engine, tmp_path / "c.db") as service:
        chat = await new_chat(service)
        engine.say(Started(3), Delta(0, "so far"), error)
        _, answer = await service.send(chat.id, None, "secret question")
        assert answer is not None
        kept = await ended(service, answer)
        assert kept == (await stored(service, answer)).model_copy(update={"finished_at": kept.finished_at})
        assert (kept.state, kept.content) == ("failed", "so far")
        assert kept.answer is not None and kept.answer.error is not None
        assert (kept.answer.error.code, kept.answer.error.message) == (code, sentence)
        assert kept.answer.prompt_tokens == 3
        engine.say(Started(3), Delta(0, "better"), *END)
        assert (await ended(service, await service.regenerate(chat.id, kept.id))).content == "better"
    assert "secret" not in caplog.text


async def test_whatever_the_engine_says_can_be_kept(tmp_path: Path) -> None:
    engine = Steps()
    async with serving(engine, tmp_path / "c.db") as service:
        chat = await new_chat(service)
        strange = ToolCall("i" * 999, "\ud83d", "{\udc00")
        engine.say(
            Delta(0, "half \ud83d"),
            Delta(1, "another choice"),
            Delta(0, "\0\x1b[31m"),
            Finished(0, "r" * 999, 1, (strange,)),
            Done(1, 1, 0, float("inf"), float("nan"), (), 0),
        )
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None
        await ended(service, answer)
        kept = await stored(service, answer)
        assert kept.content == "half \ufffd\0\x1b[31m" and kept.answer is not None
        assert (kept.answer.tokens_per_second, kept.answer.first_token_seconds) == (None, None)
        engine.say(Delta(0, "no end"), Done(1, 1, 0, 1.0, 1.0))
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None
        assert (await ended(service, answer)).state == "failed"


async def test_one_answer_at_a_time_per_chat_and_many_chats_at_once(tmp_path: Path) -> None:
    engine = MadeUpEngine(count=200, seconds=0.002)
    async with serving(engine, tmp_path / "c.db") as service:
        chats = [await new_chat(service) for _ in range(8)]
        sent = await asyncio.gather(*(service.send(chat.id, None, f"q {chat.id}") for chat in chats))
        for work in (
            service.send(chats[0].id, None, "more"),
            service.send(chats[0].id, None, "more", answer=False),
            service.regenerate(chats[0].id, sent[0][1].id),  # type: ignore[union-attr]
            service.edit(chats[0].id, sent[0][0].id, "other"),  # type: ignore[union-attr]
        ):
            with pytest.raises(Busy):
                await work
        answers = [answer for _, answer in sent if answer is not None]
        for chat, message in zip(chats, await asyncio.gather(*(ended(service, a) for a in answers)), strict=True):
            assert message.content == "".join(text_of(f"q {chat.id}", 200))
        for chat in chats:
            assert len(await service.store(ChatStore.path, chat.id)) == 2  # nothing of the refused ones is left


async def test_two_who_ask_at_the_same_moment_get_one_answer_and_one_refusal(tmp_path: Path) -> None:
    async with serving(MadeUpEngine(count=20), tmp_path / "c.db") as service:
        chat = await new_chat(service)
        results = await asyncio.gather(
            *(service.send(chat.id, None, f"q{n}") for n in range(5)), return_exceptions=True
        )
        assert sum(isinstance(result, Busy) for result in results) == 4
        assert len(await service.store(ChatStore.path, chat.id)) == 2


async def test_a_refused_question_leaves_the_chat_free(tmp_path: Path) -> None:
    async with serving(MadeUpEngine(count=2), tmp_path / "c.db") as service:
        chat = await new_chat(service, model=None)
        with pytest.raises(BadRequest, match="no model yet"):
            await service.send(chat.id, None, "q")
        await service.store(ChatStore.change_chat, chat.id, model="m")
        with pytest.raises(UnknownMessage):
            await service.send(chat.id, 12345, "q")
        with pytest.raises(BadRequest, match="empty"):
            await service.send(chat.id, None, "  \n")
        with pytest.raises(UnknownChat):
            await service.send("0" * 32, None, "q")
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None and (await ended(service, answer)).state == "complete"


async def test_whoever_asks_and_goes_away_has_asked_or_not_and_nothing_in_between(tmp_path: Path) -> None:
    """Cancelled at every turn of the loop that sending takes."""
    async with serving(MadeUpEngine(count=3), tmp_path / "c.db") as service:
        for turns in range(12):
            chat = await new_chat(service)
            asking = asyncio.create_task(service.send(chat.id, None, "q"))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            await until(lambda chat=chat: chat.id not in service._taken)
            messages = await service.store(ChatStore.path, chat.id)
            assert [message.state for message in messages] in ([], ["complete", "complete"])


async def test_a_cancelled_call_of_the_store_is_done_whole_or_not_at_all(tmp_path: Path) -> None:
    store = AsyncChatStore(tmp_path / "c.db")
    gate = threading.Event()
    await store.open()
    held = asyncio.create_task(store(lambda _: gate.wait(30)))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(store(ChatStore.add_chat, title=f"{number}")) for number in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    held.cancel()  # it runs already; only nobody waits for it
    gate.set()
    await asyncio.gather(*waiting, held, return_exceptions=True)
    assert {chat.title for chat in await store(ChatStore.chats)} == {"0", "2"}
    await store.close()
    await store.close()
    with pytest.raises(StoreUnusable, match="stopping"):
        await store(ChatStore.chats)


async def test_the_loop_goes_on_while_the_store_works(tmp_path: Path) -> None:
    store = AsyncChatStore(tmp_path / "c.db")
    gate, turns = threading.Event(), 0
    working = asyncio.create_task(store(lambda _: gate.wait(30)))
    while turns < 1000:
        await asyncio.sleep(0)
        turns += 1
    assert not working.done()
    gate.set()
    await working
    await store.close()


async def test_a_listener_may_come_late_go_and_come_back_and_gets_each_character_once(tmp_path: Path) -> None:
    async with serving(MadeUpEngine(count=300, seconds=0.002), tmp_path / "c.db") as service:
        chat = await new_chat(service)
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None
        text, ends = "", 0
        while not ends:
            seen = 0
            async with contextlib.aclosing(service.follow(chat.id, answer.id, len(text))) as events:
                async for event in events:
                    if isinstance(event, Grew):
                        assert event.offset == len(text)
                        text += event.text
                        seen += 1
                    ends += isinstance(event, Ended)
                    if seen == 3:
                        break
        assert text == "".join(text_of("q", 300))
        for offset in (-5, 10**9):  # nonsense: all of it
            first = (await events_of(service, answer, offset))[0]
            assert isinstance(first, Grew) and first.text == text


async def test_a_node_that_stops_keeps_the_text_as_interrupted(tmp_path: Path) -> None:
    engine = Steps()
    async with serving(engine, tmp_path / "c.db") as service:
        chat = await new_chat(service)
        engine.say(Delta(0, "not yet fin"))
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None
        listening = asyncio.create_task(ended(service, answer))
        await until(lambda: (running := service.running(chat.id)) and running.text)
        await service.close()
        assert (await listening).state == "interrupted"
        with pytest.raises(StoreUnusable):
            await service.send(chat.id, None, "q")
    store = ChatStore(tmp_path / "c.db")
    assert (store.message(chat.id, answer.id).content, engine.cancelled) == ("not yet fin", 1)
    store.close()


async def test_text_is_in_the_file_while_it_comes(tmp_path: Path) -> None:
    """Seen by a copy of the file as a killed node would leave it."""
    engine = Steps()
    async with serving(engine, tmp_path / "c.db") as service:
        chat = await new_chat(service)
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None
        for number in range(1, 4):
            engine.say(Delta(0, "word "))
            await until(lambda number=number: (r := service.running(chat.id)) and r.saved == 5 * number)
            copy = tmp_path / f"copy{number}.db"
            for suffix in ("", "-wal"):
                source = tmp_path / f"c.db{suffix}"
                copy.with_name(copy.name + suffix).write_bytes(source.read_bytes())
            store = ChatStore(copy)
            kept = store.message(chat.id, answer.id)
            assert (kept.content, kept.state) == ("word " * number, "interrupted")
            store.close()
        engine.say(*END)
        assert (await ended(service, answer)).content == "word word word "


async def test_deleting_a_chat_stops_its_answer_and_forgets_its_session(tmp_path: Path) -> None:
    engine = Steps()
    async with serving(engine, tmp_path / "c.db") as service:
        chat = await new_chat(service)
        engine.say(Delta(0, "part"))
        _, answer = await service.send(chat.id, None, "q")
        assert answer is not None
        await until(lambda: (running := service.running(chat.id)) and running.text)
        await service.delete_chat(chat.id)
        assert engine.forgotten == [chat.id] and engine.cancelled == 1
        await service.store(ChatStore.restore_chat, chat.id)
        assert (await stored(service, answer)).state == "stopped"


async def test_old_deletions_are_purged_at_the_start(tmp_path: Path) -> None:
    store = ChatStore(tmp_path / "c.db", clock=lambda: time.time() - 31 * 86400)
    old = store.add_chat().id
    store.delete_chat(old)
    store.close()
    store = ChatStore(tmp_path / "c.db")
    new = store.add_chat().id
    store.delete_chat(new)
    store.close()
    async with serving(MadeUpEngine(), tmp_path / "c.db") as service:
        async with asyncio.timeout(30):
            while [chat.id for chat in await service.store(ChatStore.chats, deleted=True)] != [new]:
                await asyncio.sleep(0.01)


async def test_a_problem_with_the_file_is_told_once_when_it_comes_and_once_when_it_goes(tmp_path: Path) -> None:
    told: list[str | None] = []
    (tmp_path / "c.db").write_text("nonsense" * 100)
    store = AsyncChatStore(tmp_path / "c.db", on_problem=lambda error: told.append(error.code if error else None))
    service = ChatService(store, MadeUpEngine())
    await service.start()
    for _ in range(3):
        with pytest.raises(StoreUnusable):
            await store(ChatStore.chats)
    aside = await service.set_aside()
    assert aside.read_text() == "nonsense" * 100
    assert told == ["chats_damaged", None]
    with pytest.raises(BadRequest, match="not damaged"):
        await service.set_aside()
    await service.close()
