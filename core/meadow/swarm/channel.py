"""Messages in both directions over one stream: what client and server share above bytes and below sessions."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from importlib.metadata import version
from typing import Protocol

from meadow.errors import VersionMismatch
from meadow.swarm.streams import StreamClosed, read_message
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
    """One stream with one peer. Writing never waits; a peer that lets too much pile up is cut off."""

    __slots__ = ("_guard", "_reader", "_transport", "_writer", "closed", "heard", "peer_id")

    def __init__(self, peer_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer_id = peer_id
        self.heard = time.monotonic()
        self.closed = False
        self._reader, self._writer = reader, writer
        self._transport = writer.transport
        self._guard = getattr(writer, "guard", None)

    async def receive(self, *, limit: int = MAX_FRAME, timeout: float | None = None) -> Message:
        """The next message. Raises StreamClosed at the end, ProtocolError for anything malformed."""
        data = await read_message(self._reader, limit=limit, timeout=timeout)
        self.heard = time.monotonic()
        return decode(data)

    async def greet(self, hello: Hello, *, timeout: float) -> Hello:
        """Read the other side's Hello in answer to ``hello``. Raises VersionMismatch if there is no common version."""
        theirs = expect(await self.receive(limit=MAX_GREETING, timeout=timeout), Hello)
        check_version(theirs)
        return theirs

    def send(self, *messages: Message) -> None:
        """Queue messages in one write. After the end of the stream this does nothing: the reader notices the end."""
        self.send_frame(b"".join([encode(message) for message in messages]))

    def send_frame(self, frame: bytes) -> None:
        """Queue an encoded message (with its length prefix)."""
        if self.closed or self._transport.is_closing():
            return
        self._writer.write(frame)
        if self._guard is not None:
            self._guard.touch()
        if self._transport.get_write_buffer_size() > MAX_BACKLOG:
            self._transport.abort()

    @property
    def backlog(self) -> int:
        """Bytes that the peer has not taken yet."""
        return self._transport.get_write_buffer_size()

    def close(self) -> None:
        """End the stream once what is queued has been sent. Never waits."""
        if not self.closed:
            self.closed = True
            self._writer.close()


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
