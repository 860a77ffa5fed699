"""Many sessions at a time between two servers, and one peer that wants more than its share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from ring import HIDDEN, Ring, reference, ring

from meadow.errors import Refused
from meadow.swarm.channel import Channel, make_hello, protocol_name
from meadow.wire import messages as m


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
