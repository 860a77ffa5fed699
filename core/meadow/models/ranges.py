"""Sets of byte ranges: what is here, what is missing, and which requests get it. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

Span = tuple[int, int]  # [start, end) in bytes

# Requests may fetch this share more than is needed, when a small gap between two needed ranges saves a request.
WASTE: Final = 0.005


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of bytes as sorted, disjoint, non-touching, non-empty ranges ``[start, end)``."""

    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Ranges:
        """The union of any ranges."""
        merged: list[Span] = []
        for start, end in sorted(spans):
            if start >= end:
                continue
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return cls(tuple(merged))

    @property
    def size(self) -> int:
        """Number of bytes."""
        return sum(end - start for start, end in self.spans)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __iter__(self) -> Iterator[Span]:
        return iter(self.spans)

    def union(self, other: Ranges) -> Ranges:
        """Bytes in either."""
        return Ranges.of((*self.spans, *other.spans))

    def minus(self, other: Ranges) -> Ranges:
        """Bytes in this set that are not in the other."""
        left: list[Span] = []
        holes = list(other.spans)
        first = 0
        for start, end in self.spans:
            while first < len(holes) and holes[first][1] <= start:
                first += 1
            at = start
            for hole_start, hole_end in holes[first:]:
                if hole_start >= end:
                    break
                if at < hole_start:
                    left.append((at, hole_start))
                at = max(at, hole_end)
            if at < end:
                left.append((at, end))
        return Ranges(tuple(left))

    def take(self, start: int, end: int) -> tuple[Ranges, Ranges]:
        """The bytes of this set within ``[start, end)``, and all others."""
        if start >= end:
            return Ranges(), self
        first = bisect.bisect_right(self.spans, start, key=lambda span: span[1])
        last = bisect.bisect_left(self.spans, end, lo=first, key=lambda span: span[0])
        touched = self.spans[first:last]
        inside = tuple((max(start, low), min(end, high)) for low, high in touched)
        before = ((touched[0][0], start),) if touched and touched[0][0] < start else ()
        after = ((end, touched[-1][1]),) if touched and touched[-1][1] > end else ()
        return Ranges(inside), Ranges((*self.spans[:first], *before, *after, *self.spans[last:]))


def plan_requests(missing: Ranges, waste: float = WASTE) -> Ranges:
    """Ranges to ask for: all of ``missing``, with the smallest gaps bridged as long as at most ``waste`` of its size
    is spent.
    """
    budget = int(missing.size * waste)
    bridges: list[Span] = []
    gaps = [(before[1], after[0]) for before, after in zip(missing.spans, missing.spans[1:], strict=False)]
    for start, end in sorted(gaps, key=lambda gap: gap[1] - gap[0]):
        if end - start > budget:
            break
        budget -= end - start
        bridges.append((start, end))
    return Ranges.of((*missing.spans, *bridges))
