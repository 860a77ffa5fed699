"""Messages in both directions over one stream: what client and server share above bytes and below sessions."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import NoReturn, Protocol

from meadow.errors import VersionMismatch
from meadow.swarm.streams import MessageReader, StreamClosed, read_message
from meadow.wire.limits import MAX_FRAME, MAX_GREETING, NONCE, PROTOCOL_MAX
from meadow.wire.messages import Hello, Message, common_version, decode, encode, expect

_MEADOW = version("meadow")
MAX_BACKLOG = MAX_FRAME + (MAX_FRAME >> 1)
"""Bytes that may wait for a peer that does not read. The window keeps honest peers far below it."""


class Node(Protocol):
    """What sessions need of a swarm node (meadow.swarm.node.SwarmNode has it)."""

    @property
    def peer_id(self) -> str: ...

    async def open_stream(
        self, peer_id: str, addresses: Iterable[str], protocol: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]: ...


def protocol_name(server_id: str) -> str:
    """The libp2p stream protocol of a server. It carries the id because one node may host several (rule 1)."""
    return f"meadow/1/{server_id}"


class Channel:
    """One stream with one peer. Writing never waits; a peer that lets too much pile up is cut off.

    Made and read on its loop; :meth:`send_frame` may be called from any thread. It writes to the socket itself when
    nothing waits there, so an answer leaves from the thread that computed it: handing it to the loop first costs a
    thread switch for each hop and token.
    """

    def __init__(self, peer_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer_id = peer_id
        self.heard = time.monotonic()
        self.closed = False
        self._reader, self._writer = reader, writer
        self._transport = writer.transport
        self._guard = getattr(writer, "guard", None)
        self._loop = asyncio.get_running_loop()
        # A descriptor of our own: the loop may close the transport's, and its number be used again, while we write.
        self._socket: socket.socket = writer.get_extra_info("socket").dup()
        self._lock = threading.Lock()
        self._rest: list[bytes | memoryview] = []

    async def receive(self, *, limit: int = MAX_FRAME, timeout: float | None = None) -> Message:
        """The next message. Raises StreamClosed at the end, ProtocolError for anything malformed."""
        data = await read_message(self._reader, limit=limit, timeout=timeout)
        self.heard = time.monotonic()
        return decode(data)

    async def each(self, take: Callable[[Message], None], *, limit: int = MAX_FRAME) -> NoReturn:
        """Call ``take`` with every message as soon as it is here. Raises what it raises, and like :meth:`receive`."""

        def arrived(data: bytes) -> None:
            self.heard = time.monotonic()
            take(decode(data))

        if isinstance(self._reader, MessageReader) and self._reader.guard is None:
            await self._reader.each(arrived, limit)
        while True:
            arrived(await read_message(self._reader, limit=limit))

    async def greet(self, hello: Hello, *, timeout: float) -> Hello:
        """Read the other side's Hello in answer to ``hello``. Raises VersionMismatch if there is no common version."""
        theirs = expect(await self.receive(limit=MAX_GREETING, timeout=timeout), Hello)
        check_version(theirs)
        return theirs

    def send(self, *messages: Message) -> None:
        """Send messages, or queue them. After the end of the stream this does nothing: the reader notices the end."""
        self.send_frame(b"".join([encode(message) for message in messages]))

    def send_frame(self, frame: bytes) -> None:
        """Send an encoded message (with its length prefix), or queue what the socket does not take. Thread-safe."""
        with self._lock:
            if self.closed:
                return
            sent = 0
            if not self._rest and not self._transport.get_write_buffer_size():
                try:
                    sent = self._socket.send(frame)
                except (BlockingIOError, InterruptedError):
                    sent = 0
                except OSError:
                    return  # the reader notices the end
            if sent < len(frame):
                self._rest.append(memoryview(frame)[sent:])
                if len(self._rest) == 1:
                    self._loop.call_soon_threadsafe(self._hand_over)
        if self._guard is not None:
            self._guard.touch()

    def _hand_over(self) -> None:
        """Leave to the transport what the socket did not take; it goes on when the peer reads."""
        with self._lock:
            rest, self._rest = self._rest, []
            if rest and not self._transport.is_closing():
                self._writer.writelines(rest)
        if self._transport.get_write_buffer_size() > MAX_BACKLOG:
            self._transport.abort()

    @property
    def backlog(self) -> int:
        """Bytes that the peer has not taken yet."""
        return self._transport.get_write_buffer_size() + sum(len(part) for part in self._rest)

    def close(self) -> None:
        """End the stream once what is queued has been sent. Never waits."""
        self._end(self._writer.close)

    def finish(self, *messages: Message) -> None:
        """Send last words, and end the stream when the peer has. Never waits; after the end this does nothing."""
        self.send(*messages)
        finish = getattr(self._writer, "finish", self._writer.close)
        self._end(finish)

    def _end(self, end: Callable[[], None]) -> None:
        if not self.closed:
            self._hand_over()
            with self._lock:
                self.closed = True
                self._socket.close()
            end()


def make_hello(numeric_class: str = "", *, echo: bytes = b"") -> Hello:
    """Our side of the greeting, with a fresh nonce."""
    return Hello(os.urandom(NONCE), echo=echo, meadow=_MEADOW, numeric_class=numeric_class, clock=time.time())


def check_version(hello: Hello) -> None:
    """Raises VersionMismatch, in words for both cases, if ``hello`` has no protocol version in common with us."""
    if common_version(hello) is not None:
        return
    if hello.oldest > PROTOCOL_MAX:
        raise VersionMismatch("This Meadow is too old for that peer: update Meadow here.")
    raise VersionMismatch("That peer runs a Meadow that is too old for this one: its owner has to update it.")


__all__ = ["MAX_BACKLOG", "Channel", "Node", "StreamClosed", "check_version", "make_hello", "protocol_name"]
