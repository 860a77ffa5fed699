"""Messages on a stream: 4-byte big-endian length, then the bytes; with limits that hold whatever the peer does.

p2pd limits nothing (its libp2p runs with infinite limits), so every limit is here. They cost next to nothing per
message: a stream has one timer that looks, when it fires, at what happened since, instead of one armed for every read.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from meadow.errors import ProtocolError, SwarmError
from meadow.wire.limits import FRAME_PREFIX, MAX_FRAME

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

Bytes = bytes | bytearray | memoryview

_READ_AHEAD = 1 << 18  # what a stream buffers before the sender is slowed down: 2 x this
_SMALL_MESSAGE = 1 << 18  # messages up to this size never wait for the shared budget
LINGER_SECONDS = 10.0
"""How long a stream that we ended may take to deliver what was written, and to end at the other side."""
FINISH_SECONDS = 2.0
"""How long the other side may take to end a stream after our last words."""


class StreamClosed(SwarmError):
    """The stream ended, or was cut because a limit was reached (``code`` "timeout")."""

    code = "stream_closed"


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What strangers may do to the streams of one server. Times in seconds, sizes in bytes.

    ``pending_per_peer`` counts streams that have not sent a whole message yet; a server upstream carries the sessions
    of many clients, so proven streams get more room. ``budget`` bounds all half-received large messages together and
    ``budget_per_peer`` those of one peer: a message may not be larger than that.
    """

    message_bytes: int = MAX_FRAME
    first_message: float = 10.0
    idle: float = 300.0
    message: float = 30.0  # plus what the message needs at the slowest tolerated rate
    slowest_rate: float = 32 << 10  # bytes/s
    drain: float = 60.0
    pending_per_peer: int = 8
    per_peer: int = 64
    total: int = 512
    budget: int = 4 * MAX_FRAME
    budget_per_peer: int = MAX_FRAME


_DEFAULTS = StreamLimits()


class ReceiveBudget:
    """Memory that half-received messages may take, in all and for one peer; who finds it used up waits."""

    def __init__(self, total: int, per_peer: int) -> None:
        self._total, self._per_peer = total, per_peer
        self._used: Counter[str] = Counter()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, peer_id: str, size: int) -> AsyncIterator[None]:
        """Hold ``size`` bytes for the body of the with statement."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._used.total() + size <= self._total and self._used[peer_id] + size <= self._per_peer
            )
            self._used[peer_id] += size
        try:
            yield
        finally:
            self._used[peer_id] -= size
            if not self._used[peer_id]:
                del self._used[peer_id]
            async with self._changed:
                self._changed.notify_all()


class StreamGuard:
    """Watches one incoming stream and cuts it when its peer is too slow, silent, or never says anything.

    It looks twice in every allowed time-out at what has changed since, so a stream is cut up to half a time-out late,
    and a message costs no call to the clock.
    """

    def __init__(
        self,
        reader: MessageReader,
        transport: asyncio.WriteTransport,
        limits: StreamLimits,
        peer_id: str,
        budget: ReceiveBudget,
        on_first_message: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader, self._transport = reader, transport
        self.limits, self.peer_id, self.budget = limits, peer_id, budget
        self._on_first_message = on_first_message
        self._proven = False
        self._received = 0
        self._sent = 0
        self._arriving: int | None = None  # size of the message that is on its way, once its header is here
        self._seen: tuple[int, int, int | None] = (0, 0, None)
        self._since = self._loop.time()
        self._timer = self._loop.call_later(limits.first_message, self._check_first)

    def message_begins(self, size: int) -> None:
        """The header of a message of ``size`` bytes has arrived."""
        self._arriving = size

    def message_ends(self) -> None:
        """The whole message has arrived."""
        self._arriving = None
        self._received += 1
        if not self._proven:
            self._proven = True
            self._on_first_message()

    def touch(self) -> None:
        """We sent something: the stream is in use."""
        self._sent += 1

    def stop(self) -> None:
        """The stream is over; forget the timer."""
        self._timer.cancel()

    def _check_first(self) -> None:
        if self._proven:
            self._check()
        else:
            self.cut("The peer opened a stream and sent no whole message in time.")

    def _check(self) -> None:
        limits, now = self.limits, self._loop.time()
        # What is arriving counts as a change only once: a trickle of bytes is not progress.
        seen = (self._received, 0 if self._arriving is not None else self._sent, self._arriving)
        if seen != self._seen:
            self._seen, self._since = seen, now
        allowed = limits.idle if self._arriving is None else limits.message + self._arriving / limits.slowest_rate
        if now - self._since >= allowed:
            self.cut("The peer was silent for too long." if self._arriving is None else "A message took too long.")
        else:
            self._timer = self._loop.call_later(min(limits.idle, limits.message) / 2, self._check)

    def cut(self, reason: str) -> None:
        """End the stream at once; who reads from it gets StreamClosed with code "timeout"."""
        self._reader.set_exception(StreamClosed(reason, code="timeout"))
        self._transport.abort()


class MessageReader(asyncio.StreamReader):
    """A StreamReader that knows its guard; read from it with :func:`read_message`."""

    guard: StreamGuard | None = None
    ended = False
    """Whether the other side writes no more."""

    _buffer: bytearray  # these three are asyncio's own
    _paused: bool
    _transport: asyncio.ReadTransport

    def __init__(self) -> None:
        super().__init__(limit=_READ_AHEAD, loop=asyncio.get_running_loop())
        self._take: Callable[[bytes], None] | None = None
        self._most = 0
        self._over: asyncio.Future[Exception] | None = None

    async def each(self, take: Callable[[bytes], None], limit: int) -> NoReturn:
        """Call ``take`` with every message of at most ``limit`` bytes, right where its last byte arrives.

        A task that awaits each message runs one turn of the loop later. For streams that we opened: what a guard
        watches has to be read with :func:`read_message`. Raises what ``take`` raises (no more is read then),
        StreamClosed at the end of the stream, ProtocolError for a message that is too long.
        """
        over = self._over = asyncio.get_running_loop().create_future()
        self._take, self._most = take, limit
        try:
            self.feed_data(b"")
            failure = self.exception()
            if failure is not None:
                self._stop(failure)
            elif self.ended:
                self._stop(StreamClosed("The stream was closed by the other side."))
            raise await over
        finally:
            self._take = self._over = None

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]
        """Bytes have arrived."""
        if self._take is None:
            super().feed_data(data)
            return
        buffer = self._buffer
        buffer += data
        try:
            while self._take is not None and len(buffer) >= FRAME_PREFIX:
                size = int.from_bytes(buffer[:FRAME_PREFIX], "big")
                if size > self._most:
                    raise _too_long(size, self._most)
                end = FRAME_PREFIX + size
                if len(buffer) < end:
                    break
                message = bytes(memoryview(buffer)[FRAME_PREFIX:end])
                del buffer[:end]
                self._take(message)
        except Exception as error:  # for the one who waits in `each`, not for the transport
            self._stop(error)
        if self._paused:  # no more than one message ever lies here
            self._paused = False
            self._transport.resume_reading()

    def _stop(self, error: Exception) -> None:
        self._take = None
        if self._over is not None and not self._over.done():
            self._over.set_result(error)

    def feed_eof(self) -> None:
        """The stream has ended, in whatever way."""
        self.ended = True
        super().feed_eof()
        self._stop(StreamClosed("The stream was closed by the other side."))

    def set_exception(self, exc: Exception) -> None:
        """A stream that breaks is one that ends: what had arrived before is still read."""
        if isinstance(exc, OSError):
            self.feed_eof()
        else:
            super().set_exception(exc)
            self._stop(exc)


class MessageWriter(asyncio.StreamWriter):
    """A StreamWriter that knows its guard; write to it with :func:`write_message` or :func:`send_message`."""

    guard: StreamGuard | None = None
    _ended = False

    def __init__(
        self,
        transport: asyncio.Transport,
        protocol: asyncio.StreamReaderProtocol,
        reader: MessageReader,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(transport, protocol, reader, loop)
        self._stream, self._home = (transport, protocol, reader), loop

    def is_closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._ended or super().is_closing()

    def close(self) -> None:
        """End the stream; nobody waits for what was written last. Never waits; twice is harmless.

        A unix socket that is closed while something lies in it unread tells p2pd of an error; p2pd resets the stream,
        and libp2p drops what was on its way to the peer. So only our direction ends now. The rest follows when the
        other side has ended its own, or after ``LINGER_SECONDS``.
        """
        self._end(0.0)

    def finish(self) -> None:
        """End the stream after last words that must arrive: the Close of a session, the reason of a refusal.

        When our direction ends, p2pd closes both of the libp2p stream, and now and then resets it before what it was
        just given is out. So the peer, which knows last words when it sees them, ends first; we follow it, or go ahead
        after ``FINISH_SECONDS``. What still comes is dropped. Never waits; harmless on a stream that was closed.
        """
        self._end(FINISH_SECONDS)

    def _end(self, patience: float) -> None:
        if self._ended:
            return
        self._ended = True
        transport, protocol, reader = self._stream
        if reader.ended or transport.is_closing():
            transport.close()
            return
        ending = _Ending(protocol, transport)
        transport.set_protocol(ending)
        transport.resume_reading()
        reader.feed_eof()
        if patience:
            ending.timer = self._home.call_later(patience, ending.go_ahead)
        else:
            ending.go_ahead()

    def __del__(self) -> None:
        if not self._ended and not self._home.is_closed():
            self.transport.abort()


def is_ending(stream: asyncio.BaseTransport) -> bool:
    """Whether a stream was closed, or finished, and the other side has not ended it yet."""
    return not stream.is_closing() and isinstance(stream.get_protocol(), _Ending)


class MessageProtocol(asyncio.StreamReaderProtocol):
    """asyncio's own, but a write that fails loses nothing of what the other side had said before it left."""

    def __init__(self, reader: MessageReader) -> None:
        super().__init__(reader, loop=asyncio.get_running_loop())
        self._reader = weakref.ref(reader)
        self._socket: socket.socket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = transport.get_extra_info("socket")
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        reader = self._reader()
        if isinstance(exc, OSError) and self._socket is not None and reader is not None and not reader.ended:
            with suppress(OSError), self._socket.dup() as rest:
                while data := rest.recv(_READ_AHEAD):
                    reader.feed_data(data)
        super().connection_lost(exc)


class _Ending(asyncio.Protocol):
    """Takes the place of a stream's protocol once our side has ended: drops what comes until the other side ends."""

    timer: asyncio.TimerHandle | None = None

    def __init__(self, before: asyncio.StreamReaderProtocol, transport: asyncio.Transport) -> None:
        self._before, self._transport = before, transport

    def go_ahead(self) -> None:
        """End our direction."""
        try:
            self._transport.write_eof()
        except OSError:
            self._transport.abort()  # the other side is gone already
        else:
            self.timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abort)

    def pause_writing(self) -> None:
        self._before.pause_writing()

    def resume_writing(self) -> None:
        self._before.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self._before.connection_lost(exc)


async def read_message(
    reader: asyncio.StreamReader, *, limit: int | None = None, timeout: float | None = None
) -> bytes:
    """The next message.

    ``limit`` in bytes (default: that of the stream), checked before anything is allocated; ``timeout`` in seconds for
    the whole of it (default: the limits of the stream). Raises StreamClosed at the end of the stream or when time is
    up (also in the middle of a message: its writer may just have died), ProtocolError for one that is too long.
    """
    if timeout is not None:
        try:
            async with asyncio.timeout(timeout):
                return await read_message(reader, limit=limit)
        except TimeoutError as error:
            raise StreamClosed("The peer did not answer in time.", code="timeout") from error
    guard = getattr(reader, "guard", None)
    most = limit if limit is not None else (guard.limits.message_bytes if guard else _DEFAULTS.message_bytes)
    try:
        size = int.from_bytes(await reader.readexactly(FRAME_PREFIX), "big")
        if size > most:
            raise _too_long(size, most)
        if guard is None:
            return await reader.readexactly(size)
        guard.message_begins(size)
        if size <= _SMALL_MESSAGE:
            body = await reader.readexactly(size)
        else:
            async with guard.budget.reserve(guard.peer_id, size):
                body = await reader.readexactly(size)
        guard.message_ends()
        return body
    except asyncio.IncompleteReadError as error:
        raise StreamClosed("The stream was closed by the other side.") from error
    except OSError as error:
        raise StreamClosed("The stream broke.") from error


def _too_long(size: int, most: int) -> ProtocolError:
    return ProtocolError(f"A message of {size} bytes was announced; at most {most} are allowed.")


def write_message(writer: asyncio.StreamWriter, *parts: Bytes) -> None:
    """Queue one message made of ``parts`` (any contiguous buffers), without waiting. Raises StreamClosed.

    One write, so that header and body travel in one packet.
    """
    if writer.is_closing():
        raise StreamClosed("The stream is closed.")
    if len(parts) == 1 and type(parts[0]) is bytes:
        size = len(parts[0])  # the usual case, without the detour
    else:
        size = sum(memoryview(part).nbytes for part in parts)
    writer.write(b"".join((size.to_bytes(FRAME_PREFIX, "big"), *parts)))
    guard = getattr(writer, "guard", None)
    if guard is not None:
        guard.touch()


async def drain(writer: asyncio.StreamWriter, *, timeout: float | None = None) -> None:
    """Wait until the other side has taken enough for more to be written. Raises StreamClosed, also when time is up."""
    guard = getattr(writer, "guard", None)
    if timeout is None:
        timeout = guard.limits.drain if guard else _DEFAULTS.drain
    try:
        if not writer.transport.get_write_buffer_size():
            return  # the common case, without a timer
        async with asyncio.timeout(timeout):
            await writer.drain()
    except TimeoutError as error:
        writer.transport.abort()
        raise StreamClosed("The peer takes nothing from the stream any more.", code="timeout") from error
    except OSError as error:
        raise StreamClosed("The stream broke.") from error


async def send_message(writer: asyncio.StreamWriter, *parts: Bytes, timeout: float | None = None) -> None:
    """:func:`write_message`, then :func:`drain`."""
    write_message(writer, *parts)
    if writer.transport.get_write_buffer_size():
        await drain(writer, timeout=timeout)


async def connect_unix(path: str) -> tuple[MessageReader, MessageWriter]:
    """A connection to a unix socket as a pair of message streams. Raises OSError."""
    loop = asyncio.get_running_loop()
    reader = MessageReader()
    protocol = MessageProtocol(reader)
    transport, _ = await loop.create_unix_connection(lambda: protocol, path)
    return reader, MessageWriter(transport, protocol, reader, loop)
