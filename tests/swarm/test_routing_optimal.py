"""The cheapest route is the cheapest: against every simple path, on random swarms; and its bound holds."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meadow.errors import BlocksMissing
from meadow.swarm.identity import peer_id_from_key
from meadow.swarm.records import ServerRecord, SignedRecord
from meadow.swarm.routing import Coordinate, Figures, Request, Route, Seen, Snapshot, choose, standby
from meadow.swarm.routing.snapshot import OVERHEAD_SECONDS

BLOCKS = 6
PEERS = [peer_id_from_key(bytes([number]) * 32) for number in range(12)]
place = st.floats(-0.1, 0.1).map(lambda value: round(value, 4))


@st.composite
def servers(draw: st.DrawFn) -> list[SignedRecord]:
    count = draw(st.integers(1, 6))
    found = []
    for number in range(count):
        start = draw(st.integers(0, BLOCKS - 1))
        end = draw(st.integers(start + 1, BLOCKS))
        where = (draw(place), draw(place), draw(st.floats(0.0001, 0.03)), 0.1) if draw(st.booleans()) else ()
        found.append(
            SignedRecord(
                ServerRecord(
                    PEERS[draw(st.integers(0, 5))],
                    f"{number:08x}",
                    b"f" * 32,
                    start,
                    end,
                    "online",
                    throughput=draw(st.sampled_from([0.0, 2.0, 10.0, 100.0, 1000.0])),
                    coordinates=where,
                ),
                b"signed",
            )
        )
    return found


@st.composite
def seen(draw: st.DrawFn) -> Seen:
    records = draw(servers())
    keys = [(one.server.peer_id, one.server.server_id) for one in records]
    pairs = draw(st.lists(st.tuples(st.sampled_from(PEERS[:6]), st.sampled_from(PEERS[:6])), max_size=4))
    return Seen(
        records,
        here=draw(st.none() | st.builds(Coordinate, st.tuples(place, place), st.just(0.002), st.just(0.1))),
        own=draw(st.sampled_from(["", PEERS[0]])),
        figures={
            key: Figures(
                step_seconds=draw(st.sampled_from([0.0, 0.01, 0.5])),
                queue_seconds=draw(st.sampled_from([0.0, 0.2])),
                round_trip=draw(st.sampled_from([None, 0.001, 0.3])),
            )
            for key in keys
            if draw(st.booleans())
        },
        slower={key: 4.0 for key in keys if draw(st.integers(0, 3)) == 0},
        edges={pair: draw(st.sampled_from([0.001, 0.05, math.inf])) for pair in pairs if pair[0] != pair[1]},
    )


def cost_of(snapshot: Snapshot, request: Request, path: list[tuple[int, int, int]]) -> float:
    """The cost of a route, added up hop by hop as choose.py says it is."""
    share = request.prompt / request.new
    total, before = 0.0, None
    for i, start, end in path:
        total += snapshot.from_here(i) if before is None else snapshot.delay(before, i)
        per_block = snapshot.step[i] + snapshot.position[i] * share
        total += snapshot.slower[i] * (snapshot.queue[i] + OVERHEAD_SECONDS + per_block * (end - start))
        before = i
    return float(total + snapshot.from_here(before))


def all_paths(snapshot: Snapshot, request: Request, forbidden: set[int]) -> list[list[tuple[int, int, int]]]:
    found: list[list[tuple[int, int, int]]] = []

    def go(at: int, path: list[tuple[int, int, int]]) -> None:
        if at == request.end:
            found.append(path)
            return
        for i in range(len(snapshot)):
            if any(i == used for used, _, _ in path) or not snapshot.start[i] <= at < snapshot.end[i]:
                continue
            for to in range(at + 1, min(int(snapshot.end[i]), request.end) + 1):
                if to == request.end or to not in forbidden:
                    go(to, [*path, (i, at, to)])

    go(request.start, [])
    return found


def path_of(snapshot: Snapshot, route: Route) -> list[tuple[int, int, int]]:
    return [(snapshot.index[hop.key], hop.start, hop.end) for hop in route.hops]


@settings(max_examples=200, deadline=None)
@given(
    seen(),
    st.sampled_from([(0, BLOCKS), (0, BLOCKS), (2, 5)]),
    st.sampled_from([0, 300]),
    st.sampled_from([(), ((1, 3),), ((0, 2), (3, 6))]),
)
def test_no_simple_path_is_cheaper(
    seen: Seen, span: tuple[int, int], prompt: int, indivisible: tuple[tuple[int, int], ...]
) -> None:
    snapshot = Snapshot(seen)
    request = Request(*span, prompt=prompt, indivisible=indivisible)
    forbidden = {block for low, high in indivisible for block in range(low + 1, high)}
    paths = all_paths(snapshot, request, forbidden)
    costs = [cost for path in paths if math.isfinite(cost := cost_of(snapshot, request, path))]
    if not costs:
        with pytest.raises(BlocksMissing):
            choose(snapshot, request)
        return
    route = choose(snapshot, request)
    path = path_of(snapshot, route)
    assert route.hops[0].start == span[0] and route.hops[-1].end == span[1]
    assert all(a.end == b.start for a, b in itertools.pairwise(route.hops))
    assert len({hop.key for hop in route.hops}) == len(route.hops)
    assert route.cost == pytest.approx(cost_of(snapshot, request, path), rel=1e-6, abs=1e-8)
    assert route.cost == pytest.approx(min(costs), rel=1e-6, abs=1e-8)
    assert route.exact
    if not prompt:
        assert route.ring_seconds == pytest.approx(route.cost, rel=1e-6, abs=1e-8)


def line(*spans: tuple[int, int, float]) -> Seen:
    """Servers of these spans and throughputs, of which nobody knows where they are."""
    return Seen(
        [
            SignedRecord(ServerRecord(PEERS[i], f"{i:08x}", b"f" * 32, a, b, "online", throughput=t), b"signed")
            for i, (a, b, t) in enumerate(spans)
        ]
    )


def test_who_is_best_for_its_last_blocks_only_is_found() -> None:
    """Seen: what entering a server costs was counted twice when paths were given up early."""
    snapshot = Snapshot(line((0, 4, 100.0), (4, 8, 100.0), (0, 4, 50.0), (2, 8, 40.0)))
    route = choose(snapshot, Request(0, 8))
    assert path_of(snapshot, route) == [(0, 0, 4), (1, 4, 8)]


@pytest.mark.parametrize("seed", range(12))
def test_small_swarms_of_long_models_are_solved_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spans = []
    for _ in range(8):
        start = int(rng.integers(0, 10))
        spans.append((start, int(rng.integers(start + 1, 13)), float(np.exp(rng.uniform(1, 6)))))
    snapshot, request = Snapshot(line(*spans)), Request(0, 12)
    costs = [cost_of(snapshot, request, path) for path in cut_at_ends(snapshot, request)]
    if not costs:
        with pytest.raises(BlocksMissing):
            choose(snapshot, request)
    else:
        assert choose(snapshot, request).cost == pytest.approx(min(costs))


def cut_at_ends(snapshot: Snapshot, request: Request) -> list[list[tuple[int, int, int]]]:
    """All simple paths that are cut only where some span begins or ends: with equal distances one of them is best."""
    inside = {*snapshot.start.tolist(), *snapshot.end.tolist()}
    return all_paths(snapshot, request, set(range(request.start + 1, request.end)) - inside)


@settings(max_examples=80, deadline=None)
@given(seen(), st.integers(1, 4))
def test_a_bound_holds_however_few_are_looked_at(seen: Seen, most: int) -> None:
    snapshot, request = Snapshot(seen), Request(0, BLOCKS)
    try:
        best = choose(snapshot, request)
    except BlocksMissing:
        return
    try:
        hasty = choose(snapshot, request, most=most, tolerance=0.2)
    except BlocksMissing:
        return
    assert hasty.bound <= best.cost + 1e-8
    assert hasty.cost >= best.cost - 1e-8


@settings(max_examples=80, deadline=None)
@given(servers())
def test_for_batches_no_path_has_a_faster_slowest_server(records: list[SignedRecord]) -> None:
    snapshot, request = Snapshot(Seen(records)), Request(0, BLOCKS, objective="throughput")
    paths = all_paths(snapshot, request, set())

    def slowest(path: list[tuple[int, int, int]]) -> float:
        return max(float(snapshot.step[i]) * (end - start) for i, start, end in path)

    if not paths:
        with pytest.raises(BlocksMissing):
            choose(snapshot, request)
        return
    route = choose(snapshot, request)
    path = path_of(snapshot, route)
    assert len({i for i, _, _ in path}) == len(path)
    assert route.cost == pytest.approx(slowest(path))
    best = min(map(slowest, paths))
    assert route.bound <= best * 1.002
    # Never worse than the route of least latency; the best, where no server would be needed twice for it.
    assert slowest(path) <= slowest(path_of(snapshot, choose(snapshot, Request(0, BLOCKS)))) * 1.002
    if route.exact:
        assert slowest(path) <= best * 1.002


@settings(max_examples=80, deadline=None)
@given(seen())
def test_a_standby_is_the_best_that_is_not_in_the_route(seen: Seen) -> None:
    snapshot, request = Snapshot(seen), Request(0, BLOCKS)
    try:
        route = choose(snapshot, request)
    except BlocksMissing:
        return
    used = {snapshot.index[hop.key] for hop in route.hops}
    for number, hop in enumerate(route.hops):
        other = standby(snapshot, request, route.hops, number)
        before = None if number == 0 else snapshot.index[route.hops[number - 1].key]
        after = None if number + 1 == len(route.hops) else snapshot.index[route.hops[number + 1].key]
        costs = []
        for path in all_paths(snapshot, Request(hop.start, hop.end), set()):
            if used & {i for i, _, _ in path}:
                continue
            cost = cost_of(snapshot, request, path)
            first, last = path[0][0], path[-1][0]
            if before is not None:
                cost += snapshot.delay(before, first) - snapshot.from_here(first)
            if after is not None:
                cost += snapshot.delay(last, after) - snapshot.from_here(last)
            if math.isfinite(cost):
                costs.append(cost)
        assert (other is None) == (not costs)
        if other is not None:
            assert not {one.key for one in other.hops} & {one.key for one in route.hops}
            assert other.cost == pytest.approx(min(costs), rel=1e-6, abs=1e-8)


def test_among_many_servers_the_answer_is_that_of_all_pairs() -> None:
    """300 servers in the plain, against dynamic programming over all of them with nothing pruned."""
    rng = np.random.default_rng(5)
    records, blocks = [], 24
    for number in range(300):
        length = int(rng.integers(2, 9))
        start = int(rng.integers(0, blocks - length + 1))
        records.append(
            SignedRecord(
                ServerRecord(
                    peer_id_from_key(bytes([number % 256, number // 256]) + bytes(30)),
                    f"{number:08x}",
                    b"f" * 32,
                    start,
                    start + length,
                    "online",
                    throughput=float(np.exp(rng.uniform(0, 5))),
                    coordinates=(float(rng.normal(0, 0.05)), float(rng.normal(0, 0.05)), 0.005, 0.1),
                ),
                b"signed",
            )
        )
    snapshot = Snapshot(Seen(records, here=Coordinate((0.01, 0.0), 0.003, 0.1)))
    route = choose(snapshot, Request(0, blocks))
    delay = np.array([[snapshot.delay(i, j) for j in range(300)] for i in range(300)])
    cost = np.full(300, np.inf)
    for block in range(blocks):
        holds = (snapshot.start <= block) & (block < snapshot.end)
        if block == 0:
            enter = np.array([snapshot.from_here(i) for i in range(300)])
        else:
            enter = (cost[:, None] + delay).min(axis=0)
        cost = np.where(holds, np.minimum(cost, enter + OVERHEAD_SECONDS) + snapshot.step, np.inf)
    expected = min(cost[i] + snapshot.from_here(i) for i in range(300))
    assert route.exact and route.ring_seconds == pytest.approx(expected, rel=1e-9)
