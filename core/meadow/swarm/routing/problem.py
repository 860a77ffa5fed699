"""The shortest-path problem behind a route, as plain arrays, and lower bounds that say which servers cannot matter.

Costs are seconds. A route over blocks ``[start, end)`` that enters server ``i`` computes some blocks there and leaves:

    cost = from_source[i1] + sum over hops (fixed[i] + per_block[i] * blocks) + sum over neighbours delay(i, j)
           + to_target[ik]

``fixed`` holds what every hop at ``i`` costs wherever it comes from: its queue, and its access delay (the height of its
network coordinate, once for coming in and once for leaving, halved because a round trip counts both ways). So the delay
between two servers that is left is half the distance of their coordinates: a metric, which is what the bounds use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WEIGHTS = (0.2, 0.7, 2.0)
"""How much the way to a server counts when the best of each block are looked for: how far a hop of the route that
wins lies from its neighbours is not known yet, so several guesses take part."""
GROUPS = 2
"""Servers are dealt into so many groups; the best of each group for each block are tried first."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Arrays have one entry for each of ``n`` servers that may be used.

    ``first``, ``last``: the blocks ``[first, last)`` that count, already cut to what is wanted and to where cuts are
    allowed. ``fixed``, ``per_block``: seconds. ``place``: coordinates ``[n, dims]`` in seconds of round trip.
    ``source``, ``target``: places of the two ends, ``[dims]``; None: unknown. ``from_source``, ``to_target``: seconds
    to come from the source and to get to the target, without the servers' own ``access`` delay. ``forbidden``:
    boundaries where a route may not be cut. ``edges``: ``(i, j)`` -> seconds more (or less) than the coordinates say;
    inf: cannot be reached. ``shared``: servers beside which another one of their node may come, without a network.
    ``peer``: servers of equal number share a node and a delay of zero.
    """

    start: int
    end: int
    first: Ints
    last: Ints
    fixed: Floats
    per_block: Floats
    place: Floats
    source: Floats | None
    target: Floats | None
    from_source: Floats
    to_target: Floats
    access: Floats
    peer: Ints
    shared: NDArray[np.bool_]
    forbidden: frozenset[int] = frozenset()
    edges: Mapping[tuple[int, int], float] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many servers there are."""
        return len(self.first)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is certain before any path is looked at.

    ``through[i]``: no route that uses server ``i`` costs less. ``rest[b]``: what blocks ``[start + b, end)`` cost at
    least, without delays. ``saved``: what measured edges may save against coordinates. ``seeds``: servers that are
    best for some block by these bounds.
    """

    through: Floats
    rest: Floats
    saved: float
    seeds: Ints
    homeward: Floats


def bounds(problem: Problem) -> Bounds:
    """Lower bounds for all servers at once; about 1 ms for ten thousand.

    A hop of ``k`` of the ``L`` blocks of server ``i`` costs at least ``k * u_i`` with ``u_i = per_block + fixed / L``,
    so block ``b`` costs at least ``m_b``, the least ``u_i`` of all servers that hold it. A route through ``i`` replaces
    ``m_b`` by that server's own cost on the blocks it takes there. Delays: the way from the source over ``i`` to the
    target is no shorter than the two straight lines, because half the distance is a metric; and some server must be
    visited for every block.
    """
    p = problem
    blocks = p.end - p.start
    first, last = p.first - p.start, p.last - p.start
    length = last - first
    # A neighbour on the same node costs no access delay on that side.
    fixed = np.where(p.shared, np.maximum(0.0, p.fixed - p.access), p.fixed)
    each = p.per_block + fixed / length
    least = least_over(first, last, each, blocks)
    homeward, outward = _to(p.place, p.target), _to(p.place, p.source)
    loop = outward + homeward
    saved = float(
        max(0.0, (outward - p.from_source).max())
        + max(0.0, (homeward - p.to_target).max())
        - sum(more for more in p.edges.values() if more < 0)
    )
    nearest = float(least_over(first, last, loop, blocks).max())
    highest = most_of(least, first, last)
    extra = p.per_block - highest
    extra = fixed + np.where(extra >= 0, extra, extra * length)
    total = float(least.sum())
    through = total + extra + np.maximum(loop, nearest) - saved
    rest = np.concatenate([np.cumsum(least[::-1])[::-1], [0.0]])
    seeds = np.unique(
        np.concatenate([best_of_groups(first, last, each + weight * loop / length, blocks) for weight in WEIGHTS])
    )
    return Bounds(through, rest, saved, seeds, homeward)


def _to(place: Floats, end: Floats | None) -> Floats:
    if end is None:
        return np.zeros(len(place))
    away = place - end
    distance: Floats = 0.5 * np.sqrt((away * away).sum(axis=1))
    return distance


def least_over(first: Ints, last: Ints, value: Floats, blocks: int) -> Floats:
    """For each block the least ``value`` of the servers ``[first, last)`` that hold it; inf where nobody does."""
    table = _scatter(first, last, value, blocks, np.inf)
    return _push_down(table)


def best_of_groups(first: Ints, last: Ints, value: Floats, blocks: int) -> Ints:
    """For each block and each of a few groups of servers, the one of least ``value``; each once, sorted."""
    count = len(first)
    # A positive float32 sorts like its bits, so value and index travel together through the minimum.
    bits = np.maximum(value, 0.0).astype(np.float32).view(np.int32).astype(np.int64)
    packed = (bits << 32) | np.arange(count)
    group = np.arange(count) % GROUPS
    nobody = np.iinfo(np.int64).max
    table = _push_down(_scatter(first + group * blocks, last + group * blocks, packed, blocks * GROUPS, nobody))
    return np.unique(table[table != nobody] & 0xFFFFFFFF)


def _scatter(first: Ints, last: Ints, value: np.ndarray, size: int, nobody: float) -> np.ndarray:
    """``[level, size]``: entry ``[k, x]`` is the least value of those who claim ``[x, x + 2**k)``."""
    level = np.log2(last - first + 0.5).astype(np.int64)
    table = np.full((int(level.max(initial=0)) + 1, size), nobody, dtype=value.dtype)
    flat = table.reshape(-1)
    np.minimum.at(flat, level * size + first, value)
    np.minimum.at(flat, level * size + last - (1 << level), value)
    return table


def _push_down(table: np.ndarray) -> np.ndarray:
    size = table.shape[1]
    for level in range(len(table) - 1, 0, -1):
        half = 1 << (level - 1)
        np.minimum(table[level - 1], table[level], out=table[level - 1])
        if half < size:
            np.minimum(table[level - 1, half:], table[level, : size - half], out=table[level - 1, half:])
    return table[0]


def most_of(values: Floats, first: Ints, last: Ints) -> Floats:
    """The largest of ``values[first:last]`` for each pair."""
    rows = [values]
    while (1 << len(rows)) <= len(values):
        half = 1 << (len(rows) - 1)
        before = rows[-1]
        row = before.copy()
        np.maximum(before[:-half], before[half:], out=row[:-half])
        rows.append(row)
    table = np.stack(rows)
    level = np.log2(last - first + 0.5).astype(np.int64)
    result: Floats = np.maximum(table[level, first], table[level, last - (1 << level)])
    return result
