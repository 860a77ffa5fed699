"""Who failed lately: out for a while, then trusted again step by step. Pure: the clock is an argument.

A server that failed is not used for a time that doubles with each failure in a row; afterwards it counts as slower than
it says, and that halves with time. Nobody is lost for ever: a success forgives, a quiet time does too, and where only
banned servers hold a block, they may be tried again sooner.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from meadow.swarm.routing.hop import Key

FIRST_SECONDS = 4.0
MOST_SECONDS = 300.0
ALONE_SECONDS = 8.0
"""The longest time that a server is out when nobody else holds its blocks."""
HALF_LIFE_SECONDS = 120.0
MOST_FACTOR = 64.0
FAILED_FACTOR = 4.0
"""How many times slower a server counts right after a failure; again so for each further one."""
_MOST_KNOWN = 4096


@dataclass(frozen=True, slots=True)
class _Mark:
    failures: int
    failed_at: float
    out_seconds: float
    factor: float
    at: float


class BackOff:
    """Times are seconds of any monotonic clock."""

    def __init__(self, *, rng: random.Random | None = None) -> None:
        self._marks: dict[Key, _Mark] = {}
        self._rng = rng or random.Random()

    def failed(self, key: Key, now: float) -> None:
        """The server could not be reached, hung, or answered nonsense."""
        before = self._marks.get(key)
        failures = 1 if before is None else before.failures + 1
        # Not everybody comes back at the same moment.
        out = min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** (failures - 1)) * self._rng.uniform(1.0, 1.25)
        factor = min(MOST_FACTOR, self.factor(key, now) * FAILED_FACTOR)
        self._put(key, _Mark(failures, now, out, factor, now))

    def slow(self, key: Key, now: float, times: float) -> None:
        """It took ``times`` as long as it had said. It stays usable and counts as slower."""
        if times <= 1.0:
            return
        before = self._marks.get(key)
        factor = min(MOST_FACTOR, max(self.factor(key, now), times))
        failures, failed_at, out = (
            (0, -1e300, 0.0) if before is None else (before.failures, before.failed_at, before.out_seconds)
        )
        self._put(key, _Mark(failures, failed_at, out, factor, now))

    def worked(self, key: Key, now: float) -> None:
        """It did what it should: failures in a row are over, and half of what it was blamed for is forgiven."""
        before = self._marks.get(key)
        if before is not None:
            factor = max(1.0, self.factor(key, now) / 2)
            if factor < 1.05:
                del self._marks[key]
            else:
                self._put(key, _Mark(0, -1e300, 0.0, factor, now))

    def factor(self, key: Key, now: float) -> float:
        """How many times slower than it says the server counts, at least 1: what it was blamed for halves with time."""
        mark = self._marks.get(key)
        if mark is None:
            return 1.0
        return max(1.0, mark.factor * 0.5 ** ((now - mark.at) / HALF_LIFE_SECONDS))

    def factors(self, now: float) -> dict[Key, float]:
        """All that count as slower now."""
        return {key: factor for key in self._marks if (factor := self.factor(key, now)) > 1.0}

    def banned(self, now: float, *, alone: Iterable[Key] = ()) -> set[Key]:
        """Who must not be used now. ``alone``: servers without which some block has nobody: they are back sooner."""
        alone = set(alone)
        return {key for key, mark in self._marks.items() if now < self._back_at(key, mark, alone)}

    def back_at(self, keys: Iterable[Key], *, alone: bool = False) -> float | None:
        """When the first of ``keys`` may be used again; None when none of them is out."""
        wanted = set(keys)
        times = [self._back_at(k, m, wanted if alone else set()) for k, m in self._marks.items() if k in wanted]
        return min(times, default=None)

    @staticmethod
    def _back_at(key: Key, mark: _Mark, alone: set[Key]) -> float:
        return mark.failed_at + (min(mark.out_seconds, ALONE_SECONDS) if key in alone else mark.out_seconds)

    def _put(self, key: Key, mark: _Mark) -> None:
        self._marks.pop(key, None)
        self._marks[key] = mark
        while len(self._marks) > _MOST_KNOWN:  # the oldest news
            del self._marks[next(iter(self._marks))]
