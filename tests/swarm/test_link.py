"""The network measured between peers: what the figures mean, over real p2pd, and what hostile peers can do with it."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_helpers import Swarm

from meadow.errors import MeadowError, ProtocolError
from meadow.swarm import link
from meadow.swarm.link import (
    ALL_BYTES,
    ALLOWANCE_SECONDS,
    CHUNK,
    FASTEST,
    LINK_PROTOCOL,
    PEER_BYTES,
    SIZES,
    SLOWEST,
    Allowance,
    Link,
    LinkServer,
    Typical,
    measure_link,
    rate,
    typical,
)
from meadow.swarm.node import SwarmNode
from meadow.swarm.streams import StreamClosed, read_message, send_message

# What figures mean


def test_a_rate_is_bytes_over_the_time_that_is_not_the_round_trip() -> None:
    assert rate(1_000_000, 1.1, 0.1) == pytest.approx(1e6)
    assert rate(1_000_000, 1.0, 30.0) == pytest.approx(2e6), "late answers to pings win a factor of two at most"
    assert rate(1_000_000, 1.0, -5.0) == pytest.approx(1e6)
    assert rate(10, 1.0, 0.0) is None and rate(1 << 40, 1e-3, 0.0) is None and rate(5, 0.0, 0.0) is None


@given(st.integers(1, 1 << 40), st.floats(0, 1e9), st.floats(-1e9, 1e9))
def test_whatever_was_seen_a_rate_is_believable_or_nothing(size: int, seconds: float, round_trip: float) -> None:
    found = rate(size, seconds, round_trip)
    assert found is None or SLOWEST <= found <= FASTEST


def test_the_median_peer_counts_so_few_liars_change_little() -> None:
    honest = [Link(1e6, 5e6, 0.01), Link(1.1e6, 5.5e6, 0.01), Link(0.9e6, 4.5e6, 0.01)]
    assert typical(honest) == Typical(1e6, 5e6, 3)
    slow = [Link(SLOWEST, SLOWEST, 1.0), Link(None, None, 1.0)]
    assert typical([*honest, *slow]) == Typical(0.9e6, 4.5e6, 4)
    assert typical([*honest, Link(FASTEST, FASTEST, 0.0), Link(FASTEST, FASTEST, 0.0)]) == Typical(1.1e6, 5.5e6, 5)
    assert typical([]) == typical([Link(None, None, 1.0)]) == Typical(0.0, 0.0, 0)


# What others may have


def test_a_peer_gets_its_allowance_and_more_only_with_time() -> None:
    allowance = Allowance(each=100 << 10, together=250 << 10, seconds=100.0)
    assert allowance.take("a", 100 << 10, 0.0)
    assert not allowance.take("a", 1, 1.0) and allowance.take("a", 1, 5.0)
    assert allowance.take("b", 100 << 10, 5.0)
    assert not allowance.take("c", 100 << 10, 5.0), "nor do all of them together get more than theirs"
    assert allowance.take("c", 40 << 10, 5.0)
    assert allowance.take("a", 100 << 10, 200.0)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5 << 20), st.floats(0, 600)), max_size=60))
def test_nobody_gets_more_than_the_allowance_however_they_ask(asked: list[tuple[int, int, float]]) -> None:
    allowance, now, given_to, total = Allowance(), 0.0, dict[int, int](), 0
    for peer, size, pause in asked:
        now += pause
        if allowance.take(str(peer), size, now):
            given_to[peer] = given_to.get(peer, 0) + size
            total += size
    more = 1 + now / ALLOWANCE_SECONDS
    assert all(size <= PEER_BYTES * more + 1 for size in given_to.values())
    assert total <= ALL_BYTES * more + 1


def test_many_peers_that_ask_for_nothing_take_no_memory() -> None:
    allowance, now = Allowance(), 0.0
    for number in range(40_000):
        now += 60.0
        allowance.take(f"peer {number}", 0, now)
    assert len(allowance._used) <= ALL_BYTES / 4096 + 1


# Over real daemons


async def pair(swarm: Swarm) -> tuple[SwarmNode, SwarmNode]:
    one = await swarm.node(host_maddrs=["/ip4/127.0.0.1/tcp/0"])
    return one, await swarm.node(*one.addresses, host_maddrs=["/ip4/127.0.0.1/tcp/0"])


async def test_two_peers_measure_each_other(swarm: Swarm) -> None:
    one, other = await pair(swarm)
    for asks, answers in ((one, other), (other, one)):
        assert answers.peer_id in asks.known_peers()
        found = await measure_link(asks, answers.peer_id)
        assert found.up is not None and found.down is not None
        assert SLOWEST <= found.up <= FASTEST and SLOWEST <= found.down <= FASTEST and found.round_trip > 0


async def test_who_asks_for_too_much_or_nonsense_gets_nothing(swarm: Swarm) -> None:
    one, other = await pair(swarm)

    async def ask(*messages: bytes) -> bytes | None:
        """The last answer; None when the stream was ended instead."""
        reader, writer = await other.open_stream(one.peer_id, (), LINK_PROTOCOL)
        try:
            for message in messages:
                await send_message(writer, message)
            return bytes(await read_message(reader, limit=CHUNK, timeout=20))
        except StreamClosed:
            return None
        finally:
            writer.close()

    most = SIZES[-1].to_bytes(4, "big")
    for nonsense in (
        b"",
        b"x",
        b"p1",
        b"d",
        b"d\0\0\0\0",
        b"d" + (SIZES[-1] + 1).to_bytes(4, "big"),
        b"u\xff\xff\xff\xff",
    ):
        assert await ask(nonsense) is None, nonsense
    assert await ask(b"u" + most, b"short") is None, "cut otherwise than we cut"
    sent = 0
    while (answer := await ask(b"d" + most)) != b"n":
        assert answer is not None and len(answer) == CHUNK
        sent += SIZES[-1]
        assert sent <= PEER_BYTES
    with pytest.raises(MeadowError, match="nothing more"):
        while True:
            await measure_link(other, one.peer_id)


class Hostile:
    """Answers as it likes."""

    def __init__(self, how: str) -> None:
        self.how = how

    async def serve(self, peer_id: str, reader: object, writer: object) -> None:
        while True:
            request = bytes(await read_message(reader, limit=CHUNK))  # type: ignore[arg-type]
            if request == b"p":
                await send_message(writer, b"n" if self.how == "refuses" else b"p")  # type: ignore[arg-type]
            elif request[:1] == b"d" and self.how == "floods":
                while True:
                    await send_message(writer, os.urandom(CHUNK - 1))  # type: ignore[arg-type]
            elif request[:1] == b"d" and self.how == "sleeps":
                await asyncio.sleep(60)
            elif request[:1] == b"d":
                size = int.from_bytes(request[1:], "big")
                for _ in range(size // CHUNK):
                    await send_message(writer, bytes(CHUNK))  # type: ignore[arg-type]
            elif self.how == "guesses":
                await send_message(writer, bytes(32))  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["refuses", "floods", "sleeps", "guesses"])
async def test_a_hostile_peer_cannot_make_up_a_figure(swarm: Swarm, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MOST_SECONDS", 1.0)
    one, other = await pair(swarm)
    await one.remove_stream_handler(LINK_PROTOCOL)
    await one.add_stream_handler(LINK_PROTOCOL, Hostile(how).serve)
    if how == "sleeps":
        assert (await measure_link(other, one.peer_id)).down is None
        return
    with pytest.raises(MeadowError) as caught:
        await measure_link(other, one.peer_id)
    assert how == "refuses" or isinstance(caught.value, ProtocolError), "before it could prove that all arrived"


async def test_a_peer_that_takes_nothing_is_cut_off(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MOST_SECONDS", 1.0)
    one, other = await pair(swarm)
    ended = asyncio.Event()
    real = LinkServer()

    async def watched(peer_id: str, reader: object, writer: object) -> None:
        try:
            await real.serve(peer_id, reader, writer)  # type: ignore[arg-type]
        finally:
            ended.set()

    await one.remove_stream_handler(LINK_PROTOCOL)
    await one.add_stream_handler(LINK_PROTOCOL, watched, limits=link.LIMITS)
    reader, writer = await other.open_stream(one.peer_id, (), LINK_PROTOCOL)
    try:
        await send_message(writer, b"u" + SIZES[-1].to_bytes(4, "big"))  # and then nothing of it
        async with asyncio.timeout(30):
            await ended.wait()
    finally:
        writer.close()
