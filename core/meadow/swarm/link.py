"""How fast the network between this node and its peers is: measured with the peers themselves, nobody else is asked.

A node answers small requests on one stream protocol, within an allowance for each peer and one for all together, so
that nobody can make it send much. Whoever measures gets two figures that a peer cannot make better than they are: what
it sends counts when it is here, and what we send counts when the peer has proven, by a hash over random bytes, that all
of it arrived. A peer can only make itself look slow; so the median over several peers is what counts (:func:`typical`).

Messages, each a message of :mod:`streams`: "p" is answered "p"; "d" and a size is answered with so many bytes; "u" and
a size is followed by so many bytes and then answered with their sha256. "n" is the answer to what is not allowed now.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from meadow.errors import MeadowError, ProtocolError
from meadow.swarm.streams import MessageReader, MessageWriter, StreamLimits, read_message, send_message

LINK_PROTOCOL = "meadow/1/link"
CHUNK = 64 << 10
SIZES = (CHUNK, 8 * CHUNK, 32 * CHUNK)
"""Bytes to send and to get, one after the other until a transfer took :data:`ENOUGH_SECONDS`."""
ENOUGH_SECONDS = 0.4
MOST_SECONDS = 8.0
"""For one transfer, on both sides."""
SLOWEST, FASTEST = 1e3, 1e10
"""Bytes/s; figures outside are made up."""
_PINGS = 3
_REQUEST_BYTES = 4 << 10
"""What a request without bytes counts in an allowance."""
_STREAM_SECONDS = 60.0

PEER_BYTES = 12 << 20
ALL_BYTES = 64 << 20
ALLOWANCE_SECONDS = 3600.0
"""So many bytes an hour for each peer, and for all of them: at most 18 kB/s, whatever strangers ask for."""

LIMITS = StreamLimits(
    message_bytes=CHUNK, first_message=10.0, idle=15.0, message=10.0, drain=MOST_SECONDS, pending_per_peer=1,
    per_peer=1, total=8, budget=8 * CHUNK, budget_per_peer=CHUNK,
)  # fmt: skip


class LinkNode(Protocol):
    """What measuring needs of a swarm node (meadow.swarm.node.SwarmNode has it)."""

    async def open_stream(
        self, peer_id: str, addresses: Iterable[str], protocol: str
    ) -> tuple[MessageReader, MessageWriter]: ...


@dataclass(frozen=True, slots=True)
class Link:
    """Bytes/s to (``up``) and from (``down``) one peer, None: could not be told; ``round_trip`` in seconds."""

    up: float | None
    down: float | None
    round_trip: float


@dataclass(frozen=True, slots=True)
class Typical:
    """Bytes/s up and down over the median peer, 0.0: not known; and how many ``peers`` that rests on."""

    up: float = 0.0
    down: float = 0.0
    peers: int = 0


# Decisions


class Allowance:
    """Bytes that may be moved for others: full at first, used by each request, and refilled evenly. Pure."""

    def __init__(
        self, each: float = PEER_BYTES, together: float = ALL_BYTES, seconds: float = ALLOWANCE_SECONDS
    ) -> None:
        self._each, self._together, self._seconds = each, together, seconds
        self._used: dict[str, tuple[float, float]] = {}  # peer -> (bytes, when)
        self._all = 0.0, 0.0

    def take(self, peer_id: str, size: int, now: float) -> bool:
        """Whether ``size`` bytes may be moved for this peer at ``now`` (a steady clock, seconds); if so, they count."""
        size = max(size, _REQUEST_BYTES)
        mine = self._left_over(self._used.get(peer_id, (0.0, now)), self._each, now) + size
        ours = self._left_over(self._all, self._together, now) + size
        if mine > self._each or ours > self._together:
            return False
        self._used[peer_id], self._all = (mine, now), (ours, now)
        if len(self._used) > self._together / _REQUEST_BYTES:  # those that are refilled need not be remembered
            kept = self._used.items()
            self._used = {peer: use for peer, use in kept if self._left_over(use, self._each, now) > 0}
        return True

    def _left_over(self, use: tuple[float, float], most: float, now: float) -> float:
        return max(0.0, use[0] - (now - use[1]) * most / self._seconds)


def rate(size: int, seconds: float, round_trip: float) -> float | None:
    """Bytes/s of a transfer that was asked for and answered, so that it took a round trip longer; None: made up.

    At most half of the time counts as round trip, so a peer that answers pings late gains a factor of two at most.
    """
    net = max(seconds - max(0.0, round_trip), seconds / 2)
    if not net > 0:
        return None
    found = size / net
    return found if SLOWEST <= found <= FASTEST else None


def typical(links: Sequence[Link]) -> Typical:
    """The median peer's figures, the lower of two in the middle."""
    up = [link.up for link in links if link.up is not None]
    down = [link.down for link in links if link.down is not None]
    return Typical(
        statistics.median_low(up) if up else 0.0, statistics.median_low(down) if down else 0.0, min(len(up), len(down))
    )


# Answering


class LinkServer:
    """Answers those who measure. Belongs to one loop."""

    def __init__(self, allowance: Allowance | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowance, self._clock = allowance or Allowance(), clock

    async def serve(self, peer_id: str, reader: MessageReader, writer: MessageWriter) -> None:
        """One stream. Raises ProtocolError and StreamClosed, TimeoutError when it takes too long altogether."""
        async with asyncio.timeout(_STREAM_SECONDS):
            while True:
                kind, size = _request(await read_message(reader, limit=16))
                if not self._allowance.take(peer_id, size, self._clock()):
                    await send_message(writer, b"n")
                    return
                async with asyncio.timeout(MOST_SECONDS):
                    if kind == b"p":
                        await send_message(writer, b"p")
                    elif kind == b"d":
                        await _send(writer, (os.urandom(min(CHUNK, size - at)) for at in range(0, size, CHUNK)))
                    else:
                        await send_message(writer, await _receive(reader, size))


def _request(message: bytes | bytearray) -> tuple[bytes, int]:
    kind, number = bytes(message[:1]), bytes(message[1:])
    size = int.from_bytes(number, "big")
    if kind == b"p" and not number:
        return kind, 0
    if kind not in (b"d", b"u") or len(number) != 4 or not 0 < size <= SIZES[-1]:
        raise ProtocolError("a request about the network that makes no sense")
    return kind, size


async def _send(writer: MessageWriter, parts: Iterable[bytes]) -> None:
    for part in parts:
        await send_message(writer, part, timeout=MOST_SECONDS)


async def _receive(reader: MessageReader, size: int) -> bytes:
    """The sha256 of ``size`` bytes that arrive in messages. Raises ProtocolError when they are not cut as we cut."""
    digest = hashlib.sha256()
    while size:
        part = await read_message(reader, limit=CHUNK, timeout=MOST_SECONDS)
        if len(part) != min(size, CHUNK):
            raise ProtocolError("bytes that were not asked for")
        digest.update(part)
        size -= len(part)
    return digest.digest()


# Asking


async def measure_link(
    node: LinkNode, peer_id: str, addresses: Iterable[str] = (), *, clock: Callable[[], float] = time.perf_counter
) -> Link:
    """Measure the network to one peer, with at most 2.6 MB each way and in half a minute at most.

    Raises MeadowError when the peer cannot be reached, refuses, or answers nonsense.
    """
    reader, writer = await node.open_stream(peer_id, addresses, LINK_PROTOCOL)
    try:
        round_trip = float("inf")
        for _ in range(_PINGS):
            begin = clock()
            await send_message(writer, b"p", timeout=MOST_SECONDS)
            await _answer(reader, b"p")
            round_trip = min(round_trip, clock() - begin)
        down, whole = await _series(lambda size: _download(reader, writer, size, clock), round_trip)
        up = None
        if whole:  # else the rest of a transfer is still on this stream
            up, _ = await _series(lambda size: _upload(reader, writer, size, clock), round_trip)
        return Link(up, down, round_trip)
    finally:
        writer.close()


async def _series(transfer: Callable[[int], Awaitable[float]], round_trip: float) -> tuple[float | None, bool]:
    """Bytes/s of the longest transfer that ended in time, None when none did; and whether all that began ended."""
    found: float | None = None
    for size in SIZES:
        try:
            async with asyncio.timeout(MOST_SECONDS):
                seconds = await transfer(size)
        except TimeoutError:
            return found, False
        found = rate(size, seconds, round_trip)
        if seconds >= ENOUGH_SECONDS:
            break
    return found, True


async def _download(reader: MessageReader, writer: MessageWriter, size: int, clock: Callable[[], float]) -> float:
    begin = clock()
    await send_message(writer, b"d" + size.to_bytes(4, "big"), timeout=MOST_SECONDS)
    while size:
        part = await read_message(reader, limit=CHUNK, timeout=MOST_SECONDS)
        if bytes(part) == b"n":  # no part that was asked for is so short
            raise MeadowError("This peer measures nothing more for now.", code="refused")
        if len(part) != min(size, CHUNK):
            raise ProtocolError("bytes that were not asked for")
        size -= len(part)
    return clock() - begin


async def _upload(reader: MessageReader, writer: MessageWriter, size: int, clock: Callable[[], float]) -> float:
    parts, proof = await asyncio.to_thread(_random, size)
    begin = clock()
    await send_message(writer, b"u" + size.to_bytes(4, "big"), timeout=MOST_SECONDS)
    await _send(writer, parts)
    await _answer(reader, proof)
    return clock() - begin


def _random(size: int) -> tuple[list[bytes], bytes]:
    """Parts of messages, and the sha256 over all of them: takes longer than a loop may stand still."""
    parts, digest = [os.urandom(min(CHUNK, size - at)) for at in range(0, size, CHUNK)], hashlib.sha256()
    for part in parts:
        digest.update(part)
    return parts, digest.digest()


async def _answer(reader: MessageReader, expected: bytes) -> None:
    answer = bytes(await read_message(reader, limit=32, timeout=MOST_SECONDS))
    if answer == b"n":
        raise MeadowError("This peer measures nothing more for now.", code="refused")
    if answer != expected:
        raise ProtocolError("a wrong answer about the network")
