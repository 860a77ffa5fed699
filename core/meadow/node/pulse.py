"""Whether a child is still there, though its process is: a pure count of the seconds in which it did not answer.

A frozen process holds its pipes open and says nothing. So each child is asked now and then ("ping"), and whoever takes
its commands answers, whatever other threads compute. Only time in which this node itself ran counts: after a sleep of
the machine everybody gets all of the time anew.
"""

from __future__ import annotations

import time

from meadow.node.restart import Clocks, time_lost

ASK_SECONDS = 15.0
"""Between two pings."""
SILENT_SECONDS = 60.0
"""Of silence, and the child is taken for frozen."""
_AWAY_SECONDS = 5.0
"""By so much a tick may come late without our having been away ourselves."""


def clocks() -> Clocks:
    """Both clocks as they are now."""
    return Clocks(time.time(), time.monotonic())


class Pulse:
    """Call :meth:`tick` every ``seconds``, and :meth:`heard` for whatever the child says."""

    def __init__(self, now: Clocks, *, seconds: float, limit: float) -> None:
        self._seconds, self._limit = seconds, limit
        self._before, self._silent = now, 0.0

    def heard(self) -> None:
        """It lives."""
        self._silent = 0.0

    def tick(self, now: Clocks) -> bool:
        """Whether it has been silent for too long."""
        lost, self._before = time_lost(self._before, now, meant=self._seconds), now
        if lost > _AWAY_SECONDS:
            self._silent = 0.0
        else:
            self._silent += self._seconds
        return self._silent > self._limit
