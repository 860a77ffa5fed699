"""Network coordinates: every node finds a place for itself such that distances are round trips.

Vivaldi with height vectors (F. Dabek, R. Cox, F. Kaashoek, R. Morris: "Vivaldi: A Decentralized Network Coordinate
System", SIGCOMM 2004, sections 2.4 to 2.6 and 5.4): two dimensions for the long-haul network and a height for the
access link, which every packet crosses whichever way it goes. Distances are seconds of round trip:

    rtt(a, b) = |place_a - place_b| + height_a + height_b

Pure: samples in, a new coordinate out.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

DIMENSIONS = 2
ERROR_GAIN = 0.25
"""c_e of the paper: how fast the opinion about one's own error moves."""
STEP_GAIN = 0.25
"""c_c of the paper: how far a sample moves us at most."""
LEAST_HEIGHT = 1e-5
MOST_SECONDS = 10.0
"""No round trip on earth is longer; what is claimed beyond it is cut."""
LEAST_ERROR, MOST_ERROR = 0.02, 1.0
_TOO_WRONG = 0.9


@dataclass(frozen=True, slots=True)
class Coordinate:
    """``place`` and ``height`` in seconds; ``error``: its own mean error, as a share of a round trip, 0 to 1."""

    place: tuple[float, float] = (0.0, 0.0)
    height: float = LEAST_HEIGHT
    error: float = MOST_ERROR

    @classmethod
    def of(cls, values: Sequence[float]) -> Coordinate | None:
        """From ``(x, y, height, error)`` of a record; None when it has none, or one that its owner calls unknown.

        Strangers wrote it: numbers are cut to what is possible. More values (a later version) are ignored.
        """
        if len(values) < 4:
            return None
        x, y, height, error = (float(value) for value in values[:4])
        if not all(math.isfinite(value) for value in (x, y, height, error)) or error > _TOO_WRONG:
            return None
        return cls(
            (_cut(x, -MOST_SECONDS, MOST_SECONDS), _cut(y, -MOST_SECONDS, MOST_SECONDS)),
            _cut(height, LEAST_HEIGHT, MOST_SECONDS),
            _cut(error, LEAST_ERROR, MOST_ERROR),
        )

    @property
    def values(self) -> tuple[float, ...]:
        """As it stands in a record: microseconds are exact enough. Empty while nothing is known."""
        if self.error > _TOO_WRONG:
            return ()
        return (*(round(value, 6) for value in (*self.place, self.height)), round(self.error, 3))

    def round_trip(self, other: Coordinate) -> float:
        """Seconds to there and back, as far as the coordinates say."""
        return math.dist(self.place, other.place) + self.height + other.height


def moved(own: Coordinate, other: Coordinate, round_trip: float, *, rng: random.Random | None = None) -> Coordinate:
    """Our coordinate after one measured round trip to a node that is at ``other``; Vivaldi's adaptive step.

    A sample counts by ``w = e_own / (e_own + e_other)``, so that who knows its place is not moved by who does not.
    ``rng`` only decides in which direction two nodes in the very same place part.
    """
    measured = _cut(round_trip, LEAST_HEIGHT, MOST_SECONDS)
    guess = own.round_trip(other)
    weight = own.error / (own.error + max(other.error, LEAST_ERROR))
    wrong = abs(guess - measured) / measured
    error = wrong * ERROR_GAIN * weight + own.error * (1 - ERROR_GAIN * weight)
    force = STEP_GAIN * weight * (measured - guess)
    away = [a - b for a, b in zip(own.place, other.place, strict=True)]
    length = math.hypot(*away)
    if length < 1e-9:
        angle = (rng or random).uniform(0.0, 2 * math.pi)
        away, length = [math.cos(angle), math.sin(angle)], 1.0
        flat = 0.0
    else:
        flat = length
    # The unit vector of [away, h_own + h_other] in the geometry of height vectors, whose length is the guess.
    whole = max(flat + own.height + other.height, 1e-9)
    share = (flat / whole) if flat else 1.0
    place = tuple(
        _cut(a + force * share * d / length, -MOST_SECONDS, MOST_SECONDS) for a, d in zip(own.place, away, strict=True)
    )
    height = _cut(own.height + force * (own.height + other.height) / whole, LEAST_HEIGHT, MOST_SECONDS)
    return Coordinate((place[0], place[1]), height, _cut(error, LEAST_ERROR, MOST_ERROR))


def _cut(value: float, low: float, high: float) -> float:
    return low if value < low else high if value > high else value
