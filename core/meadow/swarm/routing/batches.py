"""Routes for batches: many sequences keep all servers busy at once, so the slowest server decides.

The least possible time of the slowest hop is found exactly (a bottleneck path over block boundaries, where the network
between servers does not count because it only delays). Among the routes that reach it the one with the fewest hops is
taken, and for each of its hops the nearest server that keeps up.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np

from meadow.swarm.routing.problem import Floats, Ints, Problem
from meadow.swarm.routing.solve import Solution, solve

SLACK = 1.001
"""Rounding: two servers that differ by less are as fast as each other."""
STEP = 1.1
"""How much longer the slowest hop may take, time and again, until no server is needed twice."""


def widest(problem: Problem, queue: Floats, delay: Callable[[int | None, int], float]) -> Solution | None:
    """The route whose slowest hop is fastest. ``queue``: seconds that steps wait at each server already.

    ``delay(i, j)``: seconds from server ``i`` (None: from the source) to ``j``. None when there is no route.
    ``cost``: seconds of the slowest hop; ``bound``: no route's slowest hop takes less. A session uses a server once,
    which the bound leaves out: where its route would come back to one, hops that take a little longer are allowed.
    """
    p = problem
    blocks = p.end - p.start
    first, last = p.first - p.start, p.last - p.start
    # pace[a, b]: seconds a block of the fastest server that holds [a, b). A queue is work that is shared by all steps.
    pace = p.per_block + queue / (last - first)
    fastest = np.full((blocks + 1, blocks + 1), np.inf)
    np.minimum.at(fastest, (first, last), pace)
    fastest = np.minimum.accumulate(fastest, axis=0)
    fastest = np.minimum.accumulate(fastest[:, ::-1], axis=1)[:, ::-1]
    boundary = np.arange(blocks + 1)
    length = boundary[None, :] - boundary[:, None]
    fastest[length <= 0] = np.inf
    taken = fastest * np.maximum(length, 1)
    for block in p.forbidden:
        taken[block - p.start, :] = taken[:, block - p.start] = np.inf
    slowest = np.full(blocks + 1, np.inf)
    slowest[0] = 0.0
    for b in range(1, blocks + 1):
        slowest[b] = np.maximum(slowest[:b], taken[:b, b]).min()
    best = float(slowest[blocks])
    if not np.isfinite(best):
        return None
    latency = solve(p)
    limit, worst = best * SLACK, np.inf if latency is None else _slowest(latency.hops, pace)
    while limit < worst:
        route = _within(limit, taken, pace, first, last, delay)
        if route is not None:
            hops = tuple((i, p.start + a, p.start + b) for i, a, b in route)
            return Solution(hops, _slowest(hops, pace), best)
        limit *= STEP
    return None if latency is None else Solution(latency.hops, worst, best)


def _slowest(hops: Iterable[tuple[int, int, int]], pace: Floats) -> float:
    return max(float(pace[i]) * (b - a) for i, a, b in hops)


def _within(
    limit: float, taken: Floats, pace: Floats, first: Ints, last: Ints, delay: Callable[[int | None, int], float]
) -> list[tuple[int, int, int]] | None:
    """The fewest hops of which none takes longer than ``limit``, each at the nearest server that is not used yet."""
    blocks = len(taken) - 1
    allowed = taken <= limit
    hops = np.full(blocks + 1, np.inf)
    came = np.zeros(blocks + 1, dtype=np.int64)
    hops[0] = 0
    for b in range(1, blocks + 1):
        ways = np.where(allowed[:b, b], hops[:b] + 1, np.inf)
        came[b] = int(ways.argmin())
        hops[b] = ways[came[b]]
    cuts = [blocks]
    while cuts[-1]:
        cuts.append(int(came[cuts[-1]]))
    cuts.reverse()
    route: list[tuple[int, int, int]] = []
    before: int | None = None
    for a, b in itertools.pairwise(cuts):
        fit = np.flatnonzero((first <= a) & (last >= b) & (pace * (b - a) <= limit))
        free = [int(i) for i in fit if all(i != used for used, _, _ in route)]
        if not free:
            return None
        before = min(free, key=lambda i: (delay(before, i), i))
        route.append((before, a, b))
    return route
