"""The cheapest chain of servers: exact, and fast because most servers can be shown not to matter.

First the few best servers of every block are solved exactly, which gives a cost that can be reached. Whoever cannot be
part of anything cheaper (``problem.bounds``) is out; if somebody else is left, they are solved together. The answer
carries a bound that no route can beat, so "cheapest" is a statement that can be checked.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meadow.swarm.routing.problem import Bounds, Floats, Ints, Problem, bounds

MOST_AT_ONCE = 512
"""Servers that are solved together at most. Beyond, the answer says how far from the best it may be."""
_ENOUGH = 1e-9
_MOST_BRANCHES = 64


@dataclass(frozen=True, slots=True)
class Solution:
    """``hops``: ``(server, first block, end)`` in order, server as an index of the problem. ``cost`` in seconds;
    ``bound``: no route costs less. They are equal up to rounding when the route is proven to be the cheapest."""

    hops: tuple[tuple[int, int, int], ...]
    cost: float
    bound: float

    @property
    def exact(self) -> bool:
        """Whether nothing cheaper exists."""
        return self.cost <= self.bound * (1 + 1e-6) + 1e-9


def solve(problem: Problem, *, tolerance: float = 0.0, most: int = MOST_AT_ONCE) -> Solution | None:
    """The cheapest route, or None when there is none.

    :param tolerance: a route may cost this share more than the best; saves time where many are nearly alike.
    :param most: how many servers are looked at together. With fewer than needed the answer may not be exact, and its
        ``bound`` tells.
    """
    if not problem.size:
        return None
    sure = bounds(problem)
    if not np.isfinite(sure.rest).all():
        return None
    chosen = sure.seeds
    found = _solve_some(problem, sure, chosen, np.inf)
    limit = np.inf if found is None else found[1] * (1 - tolerance) - _ENOUGH
    left = np.flatnonzero(sure.through < limit)
    dropped = np.inf
    if len(left) > most:
        order = left[np.argpartition(sure.through[left], most)]
        dropped = float(sure.through[order[most:]].min())
        left = order[:most]
    left = np.union1d(left, chosen[sure.through[chosen] < limit])
    if len(np.setdiff1d(left, chosen, assume_unique=True)):
        better = _solve_some(problem, sure, left, limit)
        if better is not None:
            found = better
    if found is None:
        return None
    return Solution(found[0], found[1], min(found[1] * (1 - tolerance), dropped))


Path = tuple[tuple[tuple[int, int, int], ...], float]


def _solve_some(problem: Problem, sure: Bounds, chosen: Ints, limit: float) -> Path | None:
    """The cheapest route that uses only ``chosen`` and costs less than ``limit``, each server at most once.

    A shortest path may come back to a server, which a session cannot do. Then the three ways out are tried: that
    server only early, only late, or all the way between. (Branch and bound: the cheapest open branch goes first, so
    the first simple path that comes up is the best.)
    """
    some = _Some(problem, sure, chosen)
    numbers = itertools.count()
    path = some.shortest(limit, {}, {})
    queue = [(path[1], next(numbers), path, {}, {})] if path is not None else []
    for _ in range(_MOST_BRANCHES):
        if not queue:
            return None
        cost, _, path, windows, forced = heapq.heappop(queue)
        again = _repeated(path[0])
        if again is None:
            return tuple((int(chosen[i]), a, b) for i, a, b in path[0]), cost
        server, early, late = again
        low, high = windows.get(server, (0, 1 << 30))
        between = dict.fromkeys(range(early - 1, late + 1), server)
        branches: list[tuple[dict[int, tuple[int, int]], dict[int, int]]] = [
            ({**windows, server: (low, min(high, late))}, forced),
            ({**windows, server: (max(low, early), high)}, forced),
        ]
        if all(forced.get(block, server) == server for block in between):
            branches.append((windows, {**forced, **between}))
        for next_windows, next_forced in branches:
            other = some.shortest(limit, next_windows, next_forced)
            if other is not None:
                heapq.heappush(queue, (other[1], next(numbers), other, next_windows, next_forced))
    return None


def _repeated(hops: tuple[tuple[int, int, int], ...]) -> tuple[int, int, int] | None:
    """A server that comes twice: ``(server, end of its first part, start of its second)``."""
    seen: dict[int, int] = {}
    for server, start, end in hops:
        if server in seen:
            return server, seen[server], start
        seen[server] = end
    return None


class _Some:
    """A few servers of a problem, with all delays between them."""

    def __init__(self, problem: Problem, sure: Bounds, chosen: Ints) -> None:
        p = self._problem = problem
        self._first, self._last = p.first[chosen], p.last[chosen]
        self._fixed, self._each = p.fixed[chosen], p.per_block[chosen]
        self._enter = p.from_source[chosen] + self._fixed
        self._leave = p.to_target[chosen]
        self._delay = _delays(p, chosen)
        # What is measured may be shorter than the straight line, by `saved` at most.
        self._home = sure.homeward[chosen] - sure.saved
        self._rest = sure.rest

    def shortest(
        self, limit: float, windows: Mapping[int, tuple[int, int]], forced: Mapping[int, int]
    ) -> Path | None:
        """Dynamic programming over blocks. ``windows``: servers that may only be used for these blocks; ``forced``:
        block -> the only server that may compute it."""
        p, delay, fixed, each = self._problem, self._delay, self._fixed, self._each
        count, blocks = len(self._first), p.end - p.start
        first, last = self._first, self._last
        if windows:
            first, last = first.copy(), last.copy()
            for server, (low, high) in windows.items():
                first[server], last[server] = max(first[server], low), min(last[server], high)
        at = np.arange(p.start, p.end)[:, None]
        holds = (first <= at) & (at < last)
        for block, server in forced.items():
            if p.start <= block < p.end:
                only = holds[block - p.start, server]
                holds[block - p.start] = False
                holds[block - p.start, server] = only
        rows, columns = np.nonzero(holds)
        edges = np.searchsorted(rows, np.arange(blocks + 1))
        # cost[i]: the cheapest way to have all blocks before the current one computed, the last of them at i.
        cost = np.full(count, np.inf)
        came = np.full((blocks, count), -1, dtype=np.int32)
        before: Ints = np.empty(0, dtype=np.int64)
        for step in range(blocks):
            here = columns[edges[step] : edges[step + 1]]
            if not len(here):
                return None
            stay = cost[here]
            if step == 0:
                new = self._enter[here] + each[here]
            elif p.start + step in p.forbidden or not len(before):
                new = stay + each[here]
            else:
                ways = delay[np.ix_(before, here)]
                ways += cost[before][:, None]
                best = ways.argmin(axis=0)
                enter = ways[best, np.arange(len(here))] + fixed[here]
                moved = enter < stay
                came[step, here[moved]] = before[best[moved]]
                new = np.where(moved, enter, stay) + each[here]
            cost = np.full(count, np.inf)
            keep = new + (self._rest[step + 1] + self._home[here]) < limit if limit < np.inf else np.isfinite(new)
            before = here[keep]
            cost[before] = new[keep]
        if not len(before):
            return None
        final = cost[before] + self._leave[before]
        end = int(final.argmin())
        if not final[end] < limit or not np.isfinite(final[end]):
            return None
        return self._walk_back(came, int(before[end])), float(final[end])

    def _walk_back(self, came: np.ndarray, server: int) -> tuple[tuple[int, int, int], ...]:
        start = self._problem.start
        hops, stop = [], self._problem.end
        for step in range(len(came) - 1, -1, -1):
            previous = int(came[step, server])
            if previous >= 0:
                hops.append((server, start + step, stop))
                server, stop = previous, start + step
        hops.append((server, start, stop))
        return tuple(hops[::-1])


def _delays(p: Problem, chosen: Ints) -> Floats:
    """Seconds from each of ``chosen`` to each: half the distance of their coordinates, corrected where measured."""
    place = p.place[chosen]
    squares = (place * place).sum(axis=1)
    delay: Floats = 0.5 * np.sqrt(np.maximum(0.0, squares[:, None] + squares[None, :] - 2.0 * place @ place.T))
    if p.shared[chosen].any():
        same = p.peer[chosen][:, None] == p.peer[chosen][None, :]
        access = p.access[chosen]
        # No network between servers of one node: take back what both count for it.
        delay = np.where(same, -0.5 * (access[:, None] + access[None, :]), delay)
    np.fill_diagonal(delay, np.inf)
    if p.edges:
        where = {int(server): number for number, server in enumerate(chosen)}
        for (i, j), more in p.edges.items():
            if i in where and j in where:
                delay[where[i], where[j]] += more
    return delay
