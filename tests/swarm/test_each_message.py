"""Messages that are taken where their last byte arrives: whole, in order, bounded, and with an end that says why."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from meadow.errors import ProtocolError
from meadow.swarm.streams import MessageProtocol, MessageReader, StreamClosed

LIMIT = 3 << 20


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


async def taken(
    pieces: list[bytes], take: Callable[[bytes], None], *, early: int = 0, limit: int = LIMIT
) -> BaseException:
    """Send ``pieces``, the first ``early`` before anybody takes, and end. Returns what ``each`` raised."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    reader = MessageReader()
    transport, _ = await loop.create_connection(lambda: MessageProtocol(reader), sock=ours)

    async def send() -> None:
        for piece in pieces[early:]:
            await loop.sock_sendall(theirs, piece)
            await asyncio.sleep(0)
        theirs.close()

    for piece in pieces[:early]:
        writing = asyncio.create_task(loop.sock_sendall(theirs, piece))
        await asyncio.wait([writing], timeout=0.2)  # a large one fills the buffers and waits for its reader
    sending = asyncio.create_task(send()) if early < len(pieces) else None
    if sending is None:
        theirs.close()
    try:
        async with asyncio.timeout(20):
            with pytest.raises((StreamClosed, ProtocolError, ValueError)) as raised:
                await reader.each(take, limit)
        return raised.value
    finally:
        if sending is not None:
            sending.cancel()
        transport.abort()
        theirs.close()


MESSAGES = [b"a", b"", b"b" * 5000, b"c" * (2 << 20), b"d"]


@pytest.mark.parametrize("size", [1 << 22, 70_000, 4099, 7])
def test_messages_arrive_whole_however_their_bytes_come(size: int) -> None:
    messages = MESSAGES if size > 7 else [b"a", b"", b"b" * 50]
    data = b"".join(map(framed, messages))
    got: list[bytes] = []
    end = asyncio.run(taken([data[at : at + size] for at in range(0, len(data), size)], got.append))
    assert got == messages
    assert isinstance(end, StreamClosed)


def test_what_came_before_is_taken_too_and_a_paused_stream_goes_on() -> None:
    got: list[bytes] = []
    data = framed(b"first") + framed(b"x" * (1 << 20))
    end = asyncio.run(taken([data[: 700 << 10], data[700 << 10 :]], got.append, early=1))
    assert [len(message) for message in got] == [5, 1 << 20]
    assert isinstance(end, StreamClosed)


def test_a_stream_that_has_ended_still_gives_what_it_brought() -> None:
    got: list[bytes] = []
    end = asyncio.run(taken([framed(b"last words")], got.append, early=1))
    assert got == [b"last words"]
    assert isinstance(end, StreamClosed)


def test_a_message_that_is_too_long_is_refused_before_it_is_here() -> None:
    got: list[bytes] = []
    end = asyncio.run(taken([framed(b"ok"), (101).to_bytes(4, "big") + b"z"], got.append, limit=100))
    assert got == [b"ok"]
    assert isinstance(end, ProtocolError)


def test_what_the_taker_raises_ends_it_and_nothing_more_is_taken() -> None:
    got: list[bytes] = []

    def take(message: bytes) -> None:
        got.append(message)
        if message == b"bad":
            raise ValueError("no")

    end = asyncio.run(taken([framed(b"good") + framed(b"bad") + framed(b"late")], take))
    assert got == [b"good", b"bad"]
    assert isinstance(end, ValueError)
