"""Dialling back: what is decided from honest and lying answers, what nobody can make us dial, and real daemons."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from meadow.swarm import reachability
from meadow.swarm.reachability import (
    DIAL_BACK_PROTOCOL,
    Answer,
    DialBack,
    DialBudget,
    Reach,
    announced_ports,
    ask,
    choose,
    decide,
    dial,
    network_of,
    target,
)
from meadow.swarm.streams import read_message, send_message

YES, NO, REFUSED = Answer.YES, Answer.NO, Answer.REFUSED


# The decision


@pytest.mark.parametrize(
    ("answers", "reach"),
    [
        ([], Reach.UNKNOWN),
        ([("a", YES)], Reach.UNKNOWN),
        ([("a", YES), ("b", REFUSED), ("c", REFUSED)], Reach.UNKNOWN),
        ([("a", YES), ("b", YES)], Reach.REACHABLE),
        ([("a", NO), ("b", NO), ("c", YES)], Reach.UNREACHABLE),
        ([("a", YES), ("b", NO)], Reach.UNKNOWN),
        # Fifty liars of one network are one voice.
        ([*[("evil", YES)] * 50, ("b", NO), ("c", NO)], Reach.UNREACHABLE),
        ([*[("evil", NO)] * 50, ("b", YES), ("c", YES)], Reach.REACHABLE),
        # Who contradicts its own neighbours says nothing.
        ([("a", YES), ("a", NO), ("b", YES)], Reach.UNKNOWN),
    ],
)
def test_the_majority_of_networks_decides(answers, reach) -> None:
    verdict = decide(answers)
    assert verdict.reach is reach and verdict.text
    assert bool(verdict.remedy) == (reach is not Reach.REACHABLE), "what is not well comes with what to do"


def test_one_of_each_network_is_asked_first() -> None:
    networks = {f"evil{number}": "77.1.0.0/16" for number in range(40)} | {"b": "77.2.0.0/16", "c": "77.3.0.0/16"}
    for seed in range(20):
        asked = choose(networks, random.Random(seed))
        assert len(asked) == reachability.ASKED and {"b", "c"} <= set(asked[:3])


def test_networks() -> None:
    assert network_of("11.77.0.1") == network_of("11.77.200.3") != network_of("11.78.0.1")
    assert network_of("2a00:1450:1::1") == network_of("2a00:1450:2::9")
    assert network_of("192.168.0.1") != network_of("192.168.0.2"), "at home everybody is a voice"


def test_neighbours_in_the_house_do_not_speak_for_the_world() -> None:
    house = {f"near{number}": network_of(f"192.168.0.{number}") for number in range(1, 6)}
    assert reachability.widest(house) == house, "a swarm of one house has nobody else"
    world = {"far": network_of("11.77.0.1")}
    assert reachability.widest(house | world) == world


def test_a_node_for_this_machine_alone_asks_nobody() -> None:
    assert announced_ports(["/ip4/127.0.0.1/tcp/4001", "/ip6/::1/tcp/4001"]) == []
    assert announced_ports(["/ip4/127.0.0.1/tcp/4001", "/ip4/192.168.1.5/tcp/4002"]) == [4002]
    assert reachability.only_local().reach is Reach.LOCAL


# What nobody can make us do


def test_only_where_the_peer_is_seen_is_dialled() -> None:
    assert target(["/ip4/11.77.0.9/tcp/50123"], 4001, allow_private=False) == "11.77.0.9"
    assert target(["/ip4/192.168.1.1/tcp/50123"], 4001, allow_private=False) is None
    assert target(["/ip4/127.0.0.1/tcp/50123"], 4001, allow_private=False) is None
    relayed = "/ip4/11.77.0.9/tcp/1/p2p/12D3KooWJRGHPyUgcPNHoKqHzgmnLHyCZDxiKBTNW2yLsSm1tnRQ/p2p-circuit"
    for odd in (relayed, "/unix/tmp/a", "/dns4/example.com/tcp/5", "", "/ip4/zzz/tcp/5", "/ip4/1.2.3.4/udp/5/quic"):
        assert target([odd], 4001, allow_private=True) is None


def test_the_budget_is_bounded_for_peers_addresses_and_all() -> None:
    budget = DialBudget(every=30, per_host=3, per_minute=10, at_once=2, known=8)

    def tries(peer: str, host: str, now: float) -> bool:
        allowed = budget.take(peer, host, now)
        if allowed:
            budget.done()
        return allowed

    assert tries("a", "h1", 0) and not tries("a", "h1", 29) and tries("a", "h1", 31)
    assert [tries(f"sybil{number}", "h2", 100) for number in range(6)] == [True] * 3 + [False] * 3
    assert sum(tries(f"many{number}", f"many{number}", 101) for number in range(100)) == 7, "ten a minute in all"
    assert [budget.take(f"slow{number}", f"slow{number}", 1000) for number in range(3)] == [True, True, False]
    assert len(budget._peers) <= 8


class _Asker:
    allow_private = True

    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    async def seen_at(self, peer_id: str) -> list[str]:
        return self._seen


async def test_low_ports_are_never_dialled(monkeypatch) -> None:
    async def must_not(*where: object) -> bool:
        raise AssertionError("dialled")

    monkeypatch.setattr(reachability, "dial", must_not)
    service = DialBack(_Asker(["/ip4/127.0.0.1/tcp/9"]))
    for port in (0, 22, 25, 1023):
        assert await service._try("peer", port) is REFUSED
    with pytest.raises(AssertionError, match="dialled"):
        await service._try("peer", 1024)


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-OpenSSH_9.6\r\nxxxxxx", b"\x13/multistream/1.0.0\n"])
async def test_only_a_libp2p_node_counts_and_nothing_is_sent_to_it(says) -> None:
    heard = asyncio.get_running_loop().create_future()

    async def other(reader, writer) -> None:
        writer.write(says)
        try:
            heard.set_result(await reader.read(100))
        except ConnectionError:
            heard.set_result(b"")
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await dial("127.0.0.1", port, timeout=1.0) is (says == b"\x13/multistream/1.0.0\n")
        assert await asyncio.wait_for(heard, 10) == b""


# Real daemons


async def test_peers_dial_back_and_a_closed_port_is_told(swarm) -> None:
    first = await swarm.node()
    second = await swarm.node(*first.addresses)
    port = int(second.own_addresses()[0].split("/")[4])
    assert await ask(second, first.peer_id, port) is YES
    assert await ask(second, first.peer_id, port) is REFUSED, "once in a while is enough"
    third = await swarm.node(*first.addresses)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert await ask(third, first.peer_id, closed.getsockname()[1]) is NO
    assert (await reachability.check(third)).reach is Reach.LOCAL


async def test_nonsense_gets_no_dial(swarm, monkeypatch) -> None:
    async def must_not(*where: object) -> bool:
        raise AssertionError("dialled")

    monkeypatch.setattr(reachability, "dial", must_not)
    first = await swarm.node()
    second = await swarm.node(*first.addresses)
    for nonsense in (b"", b"\x0f", b"\x0f\xa0\x00", b"x" * 4096):
        reader, writer = await second.open_stream(first.peer_id, (), DIAL_BACK_PROTOCOL)
        await send_message(writer, nonsense)
        try:
            assert await read_message(reader, timeout=10) == REFUSED.value
        except Exception as error:
            assert getattr(error, "code", "") == "stream_closed"
        writer.close()


async def test_a_peer_that_talks_nonsense_or_nothing_has_no_voice(swarm, monkeypatch) -> None:
    monkeypatch.setattr(reachability, "_ANSWER_SECONDS", 0.5)
    liar = await swarm.node()
    await liar.remove_stream_handler(DIAL_BACK_PROTOCOL)
    said = [b"\x07", b"\x01\x01", b"", None]

    async def lie(peer_id, reader, writer) -> None:
        await read_message(reader)
        word = said.pop(0)
        if word is None:
            await asyncio.sleep(5)
        else:
            await send_message(writer, word)

    await liar.add_stream_handler(DIAL_BACK_PROTOCOL, lie)
    asker = await swarm.node(*liar.addresses)
    while said:
        assert await ask(asker, liar.peer_id, 40000) is REFUSED
