"""A thousand seeded schedules of faults against the pure rules of failover, under a virtual clock.

Each must end, within bounded virtual time, with exactly the answers of an undisturbed run. ``World(seed)`` replays one.
"""

from __future__ import annotations

import random

import pytest

from failover.simulated import World, undisturbed
from meadow.client.failover.bans import Bans

FAULTS = ("kill", "freeze", "garbage", "forget", "drain", "two", "kill")


def faulty(seed: int, *, joins: bool = True) -> World:
    """A run with up to six faults at random times; killed servers come back, as there is never a last one killed."""
    world = World(seed, joins=joins)
    chance = random.Random(seed * 7919 + 1)
    script = [(0, chance.randint(1, 30))]
    length = script[0][1]
    for _ in range(chance.randint(10, 30)):
        crop = chance.randint(1, min(4, length)) if chance.random() < 0.2 else 0
        count = chance.choice((1, 1, 1, 2, 5))
        length += count - crop
        script.append((crop, count))

    def fault() -> None:
        kind = chance.choice(FAULTS)
        places = chance.sample(range(3), 2 if kind == "two" else 1)
        for place in places:
            in_route = next(m.hop.server.peer_id for m in world.client.machine.members if m.hop.start == 2 * place)
            server = world.servers[in_route]
            others = [s for n, s in world.servers.items() if n[0] == in_route[0] and s is not server]
            if not any(other.alive and not other.frozen and not other.garbage for other in others):
                continue
            if kind in ("kill", "two"):
                server.kill()
                world.at(chance.uniform(0.5, 4.0), server.start)
            elif kind == "freeze":
                server.frozen = True
                world.at(chance.uniform(0.2, 8.0), server.wake)
            elif kind == "garbage":
                server.garbage = True
                world.at(chance.uniform(1.0, 5.0), lambda server=server: setattr(server, "garbage", False))
            elif kind == "forget":
                server.forget_log()
            else:
                world.client.do(world.client.machine.draining((in_route, "00000000"), world.now))

    for _ in range(chance.randint(1, 6)):
        world.at(chance.uniform(0.1, 4.0), fault)
    world.client.begin(script)
    world.run(240.0)
    client = world.client
    assert client.error is None, f"seed {seed}: gave up with {client.error}"
    assert client.finished, f"seed {seed}: hangs at {client.seq} of {len(script)} steps at {world.now:.1f} s"
    assert client.outputs == undisturbed(script), f"seed {seed}: another result"
    return world


@pytest.mark.parametrize("part", range(10))
def test_a_hundred_schedules_end_as_undisturbed_runs(part: int) -> None:
    moves = sum(len(faulty(seed).client.moves) for seed in range(100 * part, 100 * part + 100))
    assert moves > 50  # the faults are real


def test_step_by_step_replays_end_so_as_well() -> None:
    for seed in range(5000, 5100):
        faulty(seed, joins=False)


@pytest.mark.full
def test_many_more_schedules() -> None:
    for seed in range(10_000, 30_000):
        faulty(seed)


def test_with_nobody_left_it_ends_within_bounded_time_and_says_which_blocks() -> None:
    world = World(1, replicas=1)
    world.at(0.5, world.servers["1a"].kill)
    world.client.begin([(0, 20)] + [(0, 1)] * 400)
    world.run(120.0)
    error = world.client.error
    assert error is not None and error.code == "blocks_missing" and error.gaps == ((2, 4),)
    assert 30.0 <= world.now <= 33.0
    assert world.client.outputs  # what came so far is there


def test_the_only_one_comes_back_and_it_goes_on() -> None:
    world = World(1, replicas=1)
    world.at(0.5, world.servers["1a"].kill)
    world.at(12.0, world.servers["1a"].start)
    script = [(0, 20)] + [(0, 1)] * 60
    world.client.begin(script)
    world.run(120.0)
    assert world.client.error is None and world.client.outputs == undisturbed(script)


def test_who_failed_is_left_alone_longer_each_time_and_not_for_good() -> None:
    bans = Bans()
    assert bans.weight("a", 0.0) == 1.0
    bans.failed("a", 0.0)
    assert bans.weight("a", 4.9) == 0.0 and bans.avoided(4.9) == {"a"} and bans.avoided(5.1) == frozenset()
    assert 0.0 < bans.weight("a", 6.0) < bans.weight("a", 60.0) < 1.0
    bans.failed("a", 6.0)
    assert bans.weight("a", 15.9) == 0.0 and bans.weight("a", 16.1) > 0.0
    for _ in range(50):
        bans.failed("a", 1e6)
    assert bans.weight("a", 1e6 + 301) > 0.0 and bans.weight("a", 1e6 + 2000) == 1.0
