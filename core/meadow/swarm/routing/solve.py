"""The cheapest chain of servers: exact for a few hundred, and close to it, with a bound that tells how close, for many.

First the few best servers of every block are solved exactly, which gives a cost that can be reached. Whoever cannot be
part of anything cheaper (``problem.bounds``) is out. If few are left, they are solved together, and nothing is cheaper.
If many are left, the route found so far puts a price on every block, and the servers that promise most at these prices
are tried with it, a few times (column generation). The answer carries a bound that no route can
beat, so what it claims can be checked.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from meadow.swarm.routing.problem import Bounds, Floats, Ints, Problem, bounds

MOST_AT_ONCE = 640
"""Servers that are solved together at most. Beyond, the answer says how far from the best it may be."""
ROUNDS = 3
"""How often prices are tried where more servers are left."""
TRIED = 96
"""Servers that are tried in one round."""
SHORT = 192
"""Servers of a short list, beside the best of every block."""
Path = tuple[tuple[tuple[int, int, int], ...], float]
"""``(server, first block, end)`` for each hop, and what it costs."""
_Windows = dict[int, tuple[int, int]]
_Open = tuple[float, int, Path, _Windows, dict[int, int]]
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


def solve(
    problem: Problem,
    *,
    tolerance: float = 0.0,
    most: int = MOST_AT_ONCE,
    known: Sequence[tuple[int, int, int]] | None = None,
) -> Solution | None:
    """The cheapest route, or None when there is none.

    :param tolerance: a route may cost this share more than the best; saves time where many are nearly alike.
    :param most: how many servers are looked at together. With fewer than needed the answer may not be exact, and its
        ``bound`` tells.
    :param known: a route that is possible, perhaps a good one: what costs more is not looked at.
    """
    if not problem.size:
        return None
    sure = bounds(problem)
    if not np.isfinite(sure.rest).all():
        return None
    chosen = sure.seeds
    found: Path | None = None
    if known:
        found = tuple(known), cost_of(problem, known)
    if found is None or not np.isfinite(found[1]):
        found = _solve_some(problem, sure, chosen, np.inf)
    limit = np.inf if found is None else found[1] * (1 - tolerance) - _ENOUGH
    left = np.union1d(np.flatnonzero(sure.through < limit), chosen[sure.through[chosen] < limit])
    if len(left) <= max(most, 1):
        if known or len(np.setdiff1d(left, chosen, assume_unique=True)):
            found = _solve_some(problem, sure, left, limit) or found
        return None if found is None else Solution(found[0], found[1], found[1] * (1 - tolerance))
    if found is None:  # what the best of every block cannot do (edges that do not exist), more of them may
        found = _solve_some(problem, sure, left[np.argpartition(sure.through[left], most - 1)[:most]], np.inf)
        if found is None:
            found = _solve_some(problem, sure, left, np.inf)
        if found is None:
            return None
    nearest = left[np.argpartition(sure.through[left], most - 1)[:most]]
    found = _solve_some(problem, sure, np.union1d(nearest, chosen), found[1] - _ENOUGH) or found
    for _ in range(ROUNDS):
        promising = _promising(problem, left, found)
        better = _solve_some(problem, sure, np.union1d(promising, chosen), found[1] - _ENOUGH)
        if better is None:
            break
        found = better
    bound = float(sure.through[left].min())
    return Solution(found[0], found[1], min(found[1], bound))


def cost_of(problem: Problem, hops: Sequence[tuple[int, int, int]]) -> float:
    """What a route costs, in seconds."""
    p, total, before = problem, 0.0, None
    for i, start, end in hops:
        if not p.first[i] <= start < end <= p.last[i] or start in p.forbidden:
            return float("inf")
        if before is None:
            total += p.from_source[i]
        elif p.peer[before] == p.peer[i]:
            total -= 0.5 * (p.access[before] + p.access[i])
        else:
            total += 0.5 * float(np.linalg.norm(p.place[before] - p.place[i])) + p.edges.get((before, i), 0.0)
        total += p.fixed[i] + p.per_block[i] * (end - start)
        before = i
    return float(total + p.to_target[before])


def short_list(problem: Problem, found: Solution) -> Ints:
    """The servers among which the best route of similar requests is: those of ``found``, which was solved with all,
    those that promise most at its prices, and the best of every block, so that any few of them may fail."""
    sure = bounds(problem)
    size = min(SHORT, problem.size)
    nearest = np.argpartition(sure.through, size - 1)[:size]
    everybody = np.arange(problem.size)
    promising = _promising(problem, everybody, (found.hops, found.cost))
    return np.unique(np.concatenate([sure.seeds, nearest[: size // 2], promising]))


def _promising(problem: Problem, left: Ints, found: Path) -> Ints:
    """The servers that would save most at the prices of the route that was found, and those of the route.

    A hop's price (all that it costs, way there included) is spread over its blocks. A server that takes all blocks of
    its span saves their prices, and costs its own time and the way from the route's servers there and back.
    """
    p = problem
    price = np.zeros(p.end - p.start)
    place = np.zeros((p.end - p.start, p.place.shape[1]))
    before: int | None = None
    for server, start, end in found[0]:
        here = slice(start - p.start, end - p.start)
        way = p.from_source[server] if before is None else 0.5 * np.linalg.norm(p.place[server] - p.place[before])
        price[here] = (way + p.fixed[server]) / (end - start) + p.per_block[server]
        place[here] = p.place[server]
        before = server
    total = np.concatenate([[0.0], np.cumsum(price)])
    first, last = p.first[left] - p.start, p.last[left] - p.start
    into = p.place[left] - place[np.maximum(first - 1, 0)]
    out = p.place[left] - place[np.minimum(last, len(price) - 1)]
    way = 0.5 * (np.sqrt((into * into).sum(axis=1)) + np.sqrt((out * out).sum(axis=1)))
    saved = total[last] - total[first] - p.fixed[left] - p.per_block[left] * (last - first) - 0.5 * way
    tried = left if len(left) <= TRIED else left[np.argpartition(-saved, TRIED)[:TRIED]]
    return np.union1d(tried, np.array([server for server, _, _ in found[0]]))


def _solve_some(problem: Problem, sure: Bounds, chosen: Ints, limit: float) -> Path | None:
    """The cheapest route that uses only ``chosen`` and costs less than ``limit``, each server at most once.

    A shortest path may come back to a server, which a session cannot do. Then the three ways out are tried: that
    server only early, only late, or all the way between. (Branch and bound: the cheapest open branch goes first, so
    the first simple path that comes up is the best.)
    """
    some = _Some(problem, sure, chosen)
    numbers = itertools.count()
    path = some.shortest(limit, {}, {})
    queue: list[_Open] = [(path[1], next(numbers), path, {}, {})] if path is not None else []
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
        branches: list[tuple[_Windows, dict[int, int]]] = [
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
        # `rest` spreads what entering a server costs over its blocks; of the server where a path is now, that is paid.
        self._paid = p.fixed[chosen] / (self._last - self._first)

    def shortest(self, limit: float, windows: Mapping[int, tuple[int, int]], forced: Mapping[int, int]) -> Path | None:
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
            if limit < np.inf:
                paid = self._paid[here] * (self._last[here] - (p.start + step + 1))
                keep = new + (self._rest[step + 1] + self._home[here]) - paid < limit
            else:
                keep = np.isfinite(new)
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
