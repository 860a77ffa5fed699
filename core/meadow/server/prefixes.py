"""What closed sessions leave behind for a while, and how a new one of the same owner begins with it.

Pure decisions; lending.py does what they say. What is kept counts in the budget of the server and is the first to go
when anybody needs room; it is found by names that its owner gave (wire/prefix.py), and by nobody else.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from meadow.wire.prefix import Prefix

if TYPE_CHECKING:
    from meadow.server.cache import SpanCache

SECONDS = 300.0
"""So long a beginning is kept without being used."""
MOST, MOST_OF_OWNER = 64, 8
COPYING_SHARE = 0.1
"""Of the compute thread's time, for the copies of one owner: asking for one costs a few bytes only."""


class Source(Protocol):
    """A cache whose beginning may be copied."""

    @property
    def owner(self) -> str: ...
    @property
    def cache(self) -> SpanCache | None: ...
    @property
    def names(self) -> Mapping[bytes, int]: ...


@dataclass(slots=True, eq=False)
class Kept:
    """The cache of a closed session; ``number``: that of the session, under which the budget knows it."""

    number: int
    owner: str
    cache: SpanCache | None
    names: Mapping[bytes, int]
    used: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Found:
    """The first ``length`` positions of ``source`` are what a new session begins with, as if frames to ``seq`` had
    brought them."""

    source: Source
    length: int
    seq: int


def longest(owner: str, blocks: tuple[int, int], offers: Sequence[Prefix], sources: Iterable[Source]) -> Found | None:
    """The source with the longest beginning that has one of the offered names; of the same owner and blocks only."""
    best: Found | None = None
    for source in sources:
        cache = source.cache
        if cache is None or source.owner != owner or (cache.start, cache.end) != blocks:
            continue
        for length, seq, name in offers:
            longer = best is None or length >= best.length  # of two alike, what came last
            if longer and source.names.get(name) == length and cache.lends(length):
                best = Found(source, length, seq)
    return best


def still_true(names: Mapping[bytes, int], kinds: Collection[str], length: int) -> dict[bytes, int]:
    """The names that hold after cache operations of these kinds, which left ``length`` positions."""
    if not set(kinds) <= {"crop", "record_past"}:
        return {}
    return {name: positions for name, positions in names.items() if positions <= length}


class Allowance:
    """When each owner may have the next copy: the compute thread serves others, too."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def free(self, owner: str, now: float) -> bool:
        """Whether a copy may be made for it now."""
        return now >= self._next.get(owner, now)

    def took(self, owner: str, seconds: float, now: float) -> None:
        """A copy for it has just taken so long."""
        self._next = {one: until for one, until in self._next.items() if until > now}
        self._next[owner] = now + seconds * (1 / COPYING_SHARE - 1)


class Prefixes:
    """What is kept, oldest first."""

    def __init__(self) -> None:
        self._kept: dict[int, Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def all(self) -> list[Kept]:
        """In the order in which they would go."""
        return sorted(list(self._kept.values()), key=lambda kept: kept.used)

    def add(self, kept: Kept) -> list[Kept]:
        """Keep it; returns what has to go for it: what has no name that it lacks, and the oldest, if there are many."""
        mine = [one for one in self.all() if one.owner == kept.owner]
        over = [one for one in mine if set(one.names.items()) <= set(kept.names.items())]
        self._kept[kept.number] = kept
        mine = [one for one in [*mine, kept] if one not in over]
        over += mine[: max(0, len(mine) - MOST_OF_OWNER)]
        left = [one for one in self.all() if one not in over]
        return over + left[: max(0, len(left) - MOST)]

    def old(self, now: float) -> list[Kept]:
        """What nobody has used for too long."""
        return [kept for kept in self.all() if now - kept.used >= SECONDS]

    def remove(self, number: int) -> Kept | None:
        """Take it out; None if it is not here."""
        return self._kept.pop(number, None)
