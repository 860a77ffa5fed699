"""A stream of events as a response: nothing is read ahead, and every end is an end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meadow.node.http.sse import EventStream, encode_event

PATIENCE = 30.0


class Source:
    """Yields one chunk for each permission, and remembers what happened to it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.given = 0
        self.closed = asyncio.Event()
        self.go = asyncio.Semaphore(0)
        self._error = error

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                await self.go.acquire()
                if self._error is not None:
                    raise self._error
                self.given += 1
                yield encode_event(self.given)
        finally:
            self.closed.set()


async def forever() -> Any:
    await asyncio.Event().wait()


def collecting(sent: list[Any]) -> Callable[[Any], Awaitable[None]]:
    async def send(message: Any) -> None:
        sent.append(message)

    return send


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)


async def test_the_end_of_the_source_ends_the_response() -> None:
    async def two() -> AsyncGenerator[bytes, None]:
        yield b"a"
        yield b"b"

    sent: list[Any] = []
    await EventStream(two())({"type": "http"}, forever, collecting(sent))
    assert [message.get("body") for message in sent] == [None, b"a", b"b", b""]
    assert sent[0]["status"] == 200 and sent[-1]["more_body"] is False
    headers = dict(sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream") and headers[b"cache-control"] == b"no-store"
    assert b"content-length" not in headers


async def test_a_reader_that_is_gone_ends_the_source() -> None:
    source, gone = Source(), asyncio.Event()

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    sent: list[Any] = []
    running = asyncio.create_task(EventStream(source.chunks())({"type": "http"}, receive, collecting(sent)))
    source.go.release()
    await until(lambda: len(sent) == 2)
    gone.set()
    async with asyncio.timeout(PATIENCE):
        await running
    assert source.closed.is_set()


async def test_nothing_is_read_ahead_of_a_slow_reader() -> None:
    source, taken = Source(), asyncio.Semaphore(0)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        await taken.acquire()
        sent.append(message)

    running = asyncio.create_task(EventStream(source.chunks())({"type": "http"}, forever, send))
    for _ in range(100):
        source.go.release()
    for count in range(1, 6):
        taken.release()
        await until(lambda: len(sent) == count)  # noqa: B023
        for _ in range(20):
            await asyncio.sleep(0)
        assert source.given <= count, "one chunk is on its way, the next is not made yet"
    running.cancel()
    await asyncio.wait([running])
    assert source.closed.is_set()


async def test_a_reader_that_takes_nothing_is_given_up() -> None:
    source = Source()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await forever()

    source.go.release()
    async with asyncio.timeout(PATIENCE):
        await EventStream(source.chunks(), stuck=0.01)({"type": "http"}, forever, send)
    assert source.closed.is_set()


async def test_the_end_of_the_node_cuts_what_is_stuck() -> None:
    source, stopping = Source(), asyncio.Event()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await forever()

    source.go.release()
    running = asyncio.create_task(EventStream(source.chunks(), stopping=stopping)({"type": "http"}, forever, send))
    await until(lambda: source.given == 1)
    stopping.set()
    async with asyncio.timeout(PATIENCE):
        await running
    assert source.closed.is_set()


async def test_a_mistake_in_the_source_is_not_hidden() -> None:
    source = Source(ValueError("ours"))
    source.go.release()
    with pytest.raises(ValueError, match="ours"):
        await EventStream(source.chunks())({"type": "http"}, forever, collecting([]))
    assert source.closed.is_set()


async def test_a_cancelled_response_cleans_up() -> None:
    source = Source()
    sent: list[Any] = []
    running = asyncio.create_task(EventStream(source.chunks())({"type": "http"}, forever, collecting(sent)))
    source.go.release()
    await until(lambda: len(sent) == 2)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled() and source.closed.is_set()


@given(st.dictionaries(st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[]))))
def test_any_text_stays_within_its_event(data: dict[str, str]) -> None:
    encoded = encode_event(data, event="patch", id=7)
    lines = encoded.decode().splitlines()  # splits at every separator that Unicode knows
    assert lines[:2] == ["id: 7", "event: patch"] and lines[3:] == [""]
    assert json.loads(lines[2].removeprefix("data: ")) == data


async def test_with_patience_an_error_has_a_status_of_its_own() -> None:
    source, sent = Source(ValueError("ours")), list[Any]()
    source.go.release()
    with pytest.raises(ValueError, match="ours"):
        await EventStream(source.chunks(), patience=PATIENCE, last_words=lambda error: b"never")(
            {"type": "http"}, forever, collecting(sent)
        )
    assert sent == [], "the application's error handlers can still answer"


async def test_a_later_error_becomes_the_last_words() -> None:
    async def one_and_an_error() -> AsyncGenerator[bytes, None]:
        yield b"a"
        raise ValueError("ours")

    sent = list[Any]()
    stream = EventStream(one_and_an_error(), patience=PATIENCE, last_words=lambda error: b"sorry")
    await stream({"type": "http"}, forever, collecting(sent))
    assert [message.get("body") for message in sent] == [None, b"a", b"sorry", b""]


async def test_a_long_wait_for_the_first_chunk_begins_with_a_comment() -> None:
    source, sent = Source(), list[Any]()
    stream = EventStream(source.chunks(), patience=0.01, keep_alive=PATIENCE)
    running = asyncio.create_task(stream({"type": "http"}, forever, collecting(sent)))
    await until(lambda: len(sent) == 2)
    assert sent[0]["type"] == "http.response.start" and sent[1]["body"].startswith(b": ")
    running.cancel()
    await asyncio.wait([running])
