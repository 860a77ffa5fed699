"""Many sessions at a time between two servers, and one peer that wants more than its share."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch
from ring import HIDDEN, Ring, reference, ring

from meadow.errors import Refused, SwarmError
from meadow.swarm.channel import Channel, make_hello, protocol_name
from meadow.wire import messages as m
from meadow.wire.body import pack_step
from meadow.wire.limits import MAX_STEP


@pytest.fixture(scope="module")
def many() -> Iterator[Ring]:
    with ring((0, 2, {"limits": {"sessions_per_peer": 80}}), (2, 5, {"limits": {"sessions_per_peer": 80}})) as made:
        yield made


def test_two_servers_carry_the_sessions_of_a_whole_crowd(many: Ring) -> None:
    """All sessions between two servers come from one peer there: the server in front."""
    hidden = torch.randn(1, 3, HIDDEN, generator=torch.Generator().manual_seed(1))
    hops = [server.hop() for server in many.servers]
    sessions = [many.session(hops) for _ in range(80)]
    for session in sessions:
        session.step(hidden[:, :2])
    wanted = reference(hidden, many.spans)[:, 2:]
    for session in sessions:
        assert torch.equal(session.step(hidden[:, 2:]), wanted)
    assert [server.stats()["sessions"] for server in many.servers] == [80, 80]
    with pytest.raises(Refused) as caught:
        many.session(hops)
    assert caught.value.code == "too_many"
    for session in sessions:
        session.close()


def test_one_peer_has_so_many_streams_and_is_told(many: Ring) -> None:
    record = many.servers[0].hop().server

    async def open_many() -> list[str]:
        channels, answers = [], []
        for _ in range(100):
            reader, writer = await many.node.open_stream(
                record.peer_id, record.addresses, protocol_name(record.server_id)
            )
            channel = Channel(record.peer_id, reader, writer)
            channels.append(channel)
            channel.send(make_hello(), m.Info())
            await channel.receive()
            answer = await channel.receive()
            answers.append(answer.code if isinstance(answer, m.Problem) else type(answer).__name__)
        for channel in channels:
            channel.close()
        return answers

    answers = many.loop.run(open_many())
    assert answers == ["InfoReply"] * 96 + ["too_many"] * 4


@pytest.fixture(scope="module")
def tight() -> Iterator[Ring]:
    """One slow server on which 40 000 bytes may wait: two chunks of 256 positions, of four that a window holds."""
    with ring((0, 2, {"delay": 0.2, "limits": {"waiting_per_owner": 40_000}})) as made:
        yield made


def wait_until_empty(made: Ring) -> None:
    deadline = time.monotonic() + 10
    while (stats := made.servers[0].stats())["waiting"] or stats["sessions"]:
        assert time.monotonic() < deadline, "bytes that nobody waits for are still counted"
        time.sleep(0.05)


def test_too_many_bytes_that_wait_are_refused_and_others_go_on(tight: Ring) -> None:
    hidden = torch.randn(1, 1024, HIDDEN, generator=torch.Generator().manual_seed(2))
    caught: list[Exception] = []

    def flood(session: object) -> None:
        try:
            session.step(hidden)  # type: ignore[attr-defined]
        except Refused as error:
            caught.append(error)

    with tight.session() as greedy, tight.session() as modest:
        thread = threading.Thread(target=flood, args=(greedy,))
        thread.start()
        parts = [modest.step(hidden[:, i : i + 1]) for i in range(4)]
        thread.join(30)
        assert [error.code for error in caught] == ["full"]  # type: ignore[attr-defined]
        assert torch.equal(torch.cat(parts, 1), reference(hidden[:, :4], tight.spans))
    wait_until_empty(tight)
    with tight.session() as later:  # what was counted was given back
        assert torch.equal(later.step(hidden[:, :500]), reference(hidden[:, :500], tight.spans))
    wait_until_empty(tight)


def test_a_step_with_more_bytes_than_its_positions_need_is_not_even_queued(many: Ring) -> None:
    hops = [many.servers[0].hop()]
    before = many.servers[0].stats()["steps"]
    with many.session(hops) as session, many.session(hops) as other:
        transport = session._transport
        assert transport is not None
        frame = pack_step(m.Step(1, 1, 0, 1, ()), torch.zeros(1, 50_000, HIDDEN), [[]])
        transport.send(1, frame)
        session._seq = 1
        with pytest.raises(Refused) as caught:
            session.step(torch.zeros(1, 1, HIDDEN))
        assert caught.value.code == "bad_step"
        assert many.servers[0].stats()["steps"] == before
        other.step(torch.zeros(1, 1, HIDDEN))


def test_a_step_that_must_stay_whole_has_an_end(many: Ring) -> None:
    hidden = torch.randn(1, MAX_STEP + 1, HIDDEN, generator=torch.Generator().manual_seed(3))
    hops = [many.servers[0].hop()]
    with many.session(hops, reproducible=True) as session:
        with pytest.raises(SwarmError, match="smaller pieces"):
            session.step(hidden, keep=1)
        got = session.step(hidden[:, :MAX_STEP], keep=1)  # the session is as it was
    assert torch.equal(got, reference(hidden[:, :MAX_STEP], many.spans[:1])[:, -1:])
