"""Clocks that are wrong: by up to five minutes nobody notices, beyond that the clock is named."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
from pathlib import Path

import pytest
from swarm_helpers import VICTIM, sockets_of, start_victim

from meadow.errors import SwarmError
from meadow.swarm.dht import SwarmClock
from meadow.swarm.node import SwarmNode


async def test_five_minutes_are_made_up_for(swarm, home: Path) -> None:
    """A server five minutes ahead and one five minutes late: both are found, by a right clock and by each other."""
    first = await asyncio.to_thread(start_victim, home)
    start = functools.partial(asyncio.to_thread, start_victim, home, "--initial-peer", first.addresses[0])
    skewed = await asyncio.gather(
        start("--skew", "300", server_id="0000000b"), start("--skew", "-300", server_id="0000000c")
    )
    try:
        for node, skew in zip(skewed, (300, -300), strict=True):
            assert abs((await node.stats())["offset"] + skew) < 2
        everybody = {one.peer_id for one in (first, *skewed)}
        for peer in (first, *skewed):
            client = await swarm.node(*peer.addresses, client_only=True)
            async with asyncio.timeout(30):
                while {one.server.peer_id for one in await client.find_servers(b"v" * 32, 4)} != everybody:
                    await asyncio.sleep(0.1)
    finally:
        await asyncio.gather(*(asyncio.to_thread(one.stop) for one in (*skewed, first)))


@pytest.mark.parametrize(("skew", "said"), [(420, "420 s ahead of"), (-420, "420 s behind")])
async def test_a_clock_that_is_too_wrong_is_named(swarm, home: Path, skew: int, said: str) -> None:
    first = await swarm.node()
    ours = set(sockets_of(home))
    command = [
        sys.executable,
        str(VICTIM),
        "--home",
        str(home),
        "--initial-peer",
        first.addresses[0],
        "--skew",
        str(skew),
    ]
    ended = await asyncio.to_thread(subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert ended.returncode != 0 and "SwarmError" in ended.stderr
    assert said in " ".join(ended.stderr.split()) and "Set the clock" in ended.stderr
    assert await first.find_servers(b"v" * 32, 4) == []
    for path in set(sockets_of(home)) - ours:  # it did not end as it should have
        Path(path).unlink()


def test_one_liar_does_not_make_a_clock_wrong() -> None:
    clock = SwarmClock()
    clock.add_sample(b"liar", 1e10)
    assert clock.too_wrong == 1e10  # nobody else is there to be believed
    clock.add_sample(b"honest", 0.1)
    assert clock.too_wrong is None
    clock.add_sample(b"liar", 400.0)
    clock.add_sample(b"another", -400.0)
    assert clock.too_wrong == -400.0
    clock.forget_samples()
    assert clock.too_wrong is None


def test_who_finds_nothing_because_of_the_clock_is_told() -> None:
    node = SwarmNode.__new__(SwarmNode)
    node.clock = SwarmClock()
    node._check_clock()
    node.clock.add_sample(b"peer", -301.0)
    node._check_clock()  # within what can be made up for, given the time an answer takes
    node.clock.add_sample(b"peer", -3600.0)
    with pytest.raises(SwarmError, match="3600 s ahead of"):
        node._check_clock()
