"""What a client remembers about servers: who is out and for how long, how far all are, and why a route was taken."""

from __future__ import annotations

import math
import random

import pytest

from meadow.errors import BlocksMissing
from meadow.swarm.identity import peer_id_from_key
from meadow.swarm.records import ServerRecord, SignedRecord
from meadow.swarm.routing import Coordinate, Figures, Request, RouteBook, explain, moved
from meadow.swarm.routing.backoff import ALONE_SECONDS, FIRST_SECONDS, HALF_LIFE_SECONDS, MOST_SECONDS

REQUEST = Request(0, 8)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def server(number: int, start: int = 0, end: int = 8, **facts: object) -> SignedRecord:
    peer_id = peer_id_from_key(bytes([number]) * 32)
    fields = {"state": "online", "throughput": 100.0, **facts}
    return SignedRecord(ServerRecord(peer_id, f"{number:08x}", b"f" * 32, start, end, **fields), b"signed")  # type: ignore[arg-type]


def key(signed: SignedRecord) -> tuple[str, str]:
    return signed.server.peer_id, signed.server.server_id


def book(*servers: SignedRecord) -> tuple[RouteBook, Clock]:
    clock = Clock()
    made = RouteBook(clock=clock, rng=random.Random(1))
    made.update(servers)
    return made, clock


def first(made: RouteBook) -> int:
    return int(made.choose(REQUEST).hops[0].server.server_id, 16)


def test_who_failed_is_never_chosen_within_its_back_off_and_comes_back_with_less_weight() -> None:
    fast, slow = server(1, throughput=120.0), server(2, throughput=100.0)
    made, clock = book(fast, slow)
    assert first(made) == 1
    made.failed(key(fast))
    back = made.back_off.back_at([key(fast)])
    assert back is not None and FIRST_SECONDS <= back - clock.now <= 1.3 * FIRST_SECONDS
    while clock.now < back - 0.01:
        assert first(made) == 2
        clock.now += 0.25
    clock.now = back + 1.0
    assert first(made) == 2, "usable again, but it counts as slower"
    assert key(fast) not in made.back_off.banned(clock.now)
    clock.now += 6 * HALF_LIFE_SECONDS
    assert first(made) == 1, "what it was blamed for is forgotten"


def test_back_off_doubles_and_a_success_ends_it() -> None:
    one, other = server(1), server(2, throughput=1.0)
    made, clock = book(one, other)
    times = []
    for _ in range(9):
        made.failed(key(one))
        back = made.back_off.back_at([key(one)])
        assert back is not None
        times.append(back - clock.now)
        clock.now = back
    assert all(1.5 < b / a < 2.6 for a, b in zip(times[:6], times[1:6], strict=False))
    assert times[-1] <= 1.3 * MOST_SECONDS
    made.worked(key(one))
    made.failed(key(one))
    assert made.back_off.back_at([key(one)]) - clock.now <= 1.3 * FIRST_SECONDS  # type: ignore[operator]


def test_where_all_are_banned_they_come_back_soon() -> None:
    only = server(1)
    made, clock = book(only)
    for _ in range(8):
        made.failed(key(only))
    with pytest.raises(BlocksMissing):
        made.choose(REQUEST)
    clock.now += ALONE_SECONDS + 0.1
    assert first(made) == 1
    assert key(only) in made.back_off.banned(clock.now), "with an alternative it would still be out"


def test_a_slow_server_loses_to_one_that_is_honest() -> None:
    liar, honest = server(1, throughput=1000.0), server(2, throughput=100.0)
    made, _ = book(liar, honest)
    assert first(made) == 1
    made.slow(key(liar), 40.0)
    assert first(made) == 2


def test_what_a_server_says_of_itself_counts_for_a_while() -> None:
    busy, idle = server(1, throughput=120.0), server(2)
    made, clock = book(busy, idle)
    made.heard(key(busy), Figures(queue_seconds=1.0))
    assert first(made) == 2
    clock.now += 31
    assert first(made) == 1
    made.heard(key(busy), Figures(draining=True))
    assert first(made) == 2


def test_a_server_whose_cache_is_full_is_left_out_for_what_does_not_fit() -> None:
    full, empty = server(1, throughput=500.0), server(2)
    made, _ = book(full, empty)
    made.heard(key(full), Figures(free_tokens=900))
    assert int(made.choose(Request(0, 8, tokens=100)).hops[0].server.server_id, 16) == 1
    assert int(made.choose(Request(0, 8, tokens=1000)).hops[0].server.server_id, 16) == 2


def test_an_edge_that_does_not_exist_is_not_used() -> None:
    head, near, far = server(1, 0, 4), server(2, 4, 8), server(3, 4, 8, throughput=50.0)
    made, clock = book(head, near, far)
    assert [hop.server.server_id for hop in made.choose(REQUEST).hops] == ["00000001", "00000002"]
    made.unreachable(head.server.peer_id, near.server.peer_id)
    assert [hop.server.server_id for hop in made.choose(REQUEST).hops] == ["00000001", "00000003"]
    clock.now += 61
    assert [hop.server.server_id for hop in made.choose(REQUEST).hops] == ["00000001", "00000002"]


def test_the_nearer_of_two_equals_wins() -> None:
    near, far = server(9, coordinates=(0.0, 0.01, 0.001, 0.1)), server(1, coordinates=(0.0, 0.2, 0.001, 0.1))
    made, _ = book(far, near)
    made.placed(Coordinate((0.0, 0.0), 0.001, 0.1))
    assert first(made) == 9


def test_reproducible_routes_stay_within_one_numeric_class() -> None:
    a, b = server(1, 0, 4, numeric_class="a"), server(2, 4, 8, numeric_class="b")
    slow = server(3, 4, 8, numeric_class="a", throughput=1.0)
    made, _ = book(a, b)
    with pytest.raises(BlocksMissing, match="alike"):
        made.choose(Request(0, 8, reproducible=True))
    made.update([a, b, slow])
    assert [hop.server.server_id for hop in made.choose(REQUEST).hops][1] == "00000002"
    assert [hop.server.server_id for hop in made.choose(Request(0, 8, reproducible=True)).hops][1] == "00000003"


def test_a_long_prompt_prefers_who_is_fast_at_prompts() -> None:
    chatty, reader = server(1, throughput=60.0, prefill=100.0), server(2, throughput=50.0, prefill=5000.0)
    made, _ = book(chatty, reader)
    assert first(made) == 1
    assert int(made.choose(Request(0, 8, prompt=4000)).hops[0].server.server_id, 16) == 2


def test_standbys_are_chosen_beforehand_and_are_others() -> None:
    servers = [server(1, 0, 4), server(2, 4, 8), server(3, 0, 4, throughput=50.0), server(4, 2, 8, throughput=40.0)]
    made, _ = book(*servers)
    route = made.choose(REQUEST)
    spare = made.standbys(REQUEST, route.hops)
    assert [None if s is None else s.hops[0].server.server_id for s in spare] == ["00000003", "00000004"]
    made.failed(key(servers[2]))
    assert made.standby(REQUEST, route.hops, 0) is None


def test_a_route_is_explained_in_words() -> None:
    made, _ = book(server(1, 0, 4), server(2, 4, 8), server(3, 0, 4, throughput=50.0))
    made.failed(key(server(3, 0, 4)))
    route = made.choose(REQUEST)
    text = "\n".join(explain(made.snapshot(), route))
    assert "blocks 0:4" in text and "Nobody else could take over blocks 4:8" in text
    assert "1 server is left out because" in text and "tokens/s" in text and "No other route is cheaper." in text
    made, _ = book(server(1, 0, 4), server(2, 4, 8), server(3, 0, 4, throughput=50.0))
    text = "\n".join(explain(made.snapshot(), made.choose(REQUEST)))
    assert "Next best" in text and "slower by 10.0 ms a token (+10.0 ms computing)" in text


@pytest.mark.parametrize("values", [(), (1.0,), (0.0, 0.0, 0.0, 1.0), (math.nan, 0.0, 0.0, 0.1)])
def test_a_coordinate_of_somebody_who_knows_nothing_is_none(values: tuple[float, ...]) -> None:
    assert Coordinate.of(values) is None


def test_a_hostile_coordinate_is_cut() -> None:
    wild = Coordinate.of((1e6, -1e6, -5.0, 0.0, 7.0))
    assert wild is not None and wild.place == (10.0, -10.0) and wild.height > 0 and wild.error > 0


def test_coordinates_find_their_places() -> None:
    """Forty nodes of a made-up internet find coordinates from pings whose times scatter by 10 %."""
    rng = random.Random(3)
    real = [((rng.uniform(0, 0.15), rng.uniform(0, 0.08)), rng.uniform(0.001, 0.02)) for _ in range(40)]

    def trip(a: int, b: int) -> float:
        return math.dist(real[a][0], real[b][0]) + real[a][1] + real[b][1]

    found = [Coordinate() for _ in real]
    for _ in range(12000):
        a, b = rng.sample(range(40), 2)
        found[a] = moved(found[a], found[b], trip(a, b) * rng.uniform(1.0, 1.1), rng=rng)
    wrong = sorted(
        abs(found[a].round_trip(found[b]) - trip(a, b)) / trip(a, b) for a in range(40) for b in range(40) if a != b
    )
    assert wrong[len(wrong) // 2] < 0.12 and wrong[len(wrong) * 9 // 10] < 0.35
    assert all(one.error < 0.3 and len(one.values) == 4 for one in found)
    assert all(Coordinate.of(one.values) is not None for one in found)


def test_one_liar_does_not_throw_a_node_far_away() -> None:
    rng = random.Random(1)
    own = Coordinate((0.0, 0.0), 0.001, 0.1)
    for _ in range(5):
        own = moved(own, Coordinate((10.0, 10.0), 10.0, 0.02), 0.01, rng=rng)
    assert all(map(math.isfinite, (*own.place, own.height)))
    assert max(map(abs, own.place)) <= 10.0 and own.height <= 10.0
