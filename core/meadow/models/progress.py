"""How far a long piece of work is: bytes, rate and time left, at a pace that a screen can follow."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_WINDOW_SECONDS: Final = 5.0
_REPORT_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """One report. ``rate`` is bytes/s over the last seconds (0 when unknown); ``seconds_left`` is None when unknown."""

    done: int
    total: int
    rate: float
    seconds_left: float | None
    file: str


Report = Callable[[Progress], None]


class ProgressMeter:
    """Counts bytes and calls ``report`` at most ten times a second, and once more at the end."""

    def __init__(self, total: int, report: Report | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._report = report
        self._clock = clock
        self._done = 0
        self._last_report = float("-inf")
        self._samples: deque[tuple[float, int]] = deque([(clock(), 0)])
        self._lock = threading.Lock()  # headers of several files come at once

    def add(self, count: int, file: str) -> None:
        """``count`` more bytes of ``file`` are done (negative: they turned out to be bad)."""
        with self._lock:
            self._done += count
            now = self._clock()
            if now - self._last_report >= _REPORT_SECONDS:
                self._tell(now, file)

    def expect(self, more: int) -> None:
        """There turn out to be ``more`` bytes to do."""
        with self._lock:
            self._total += more

    def finish(self, file: str) -> None:
        """Report the final state."""
        with self._lock:
            self._tell(self._clock(), file)

    def _tell(self, now: float, file: str) -> None:
        self._last_report = now
        self._samples.append((now, self._done))
        while len(self._samples) > 2 and now - self._samples[0][0] > _WINDOW_SECONDS:
            self._samples.popleft()
        if self._report is None:
            return
        then, before = self._samples[0]
        rate = max(0.0, (self._done - before) / (now - then)) if now > then else 0.0
        left = max(0, self._total - self._done)
        seconds = 0.0 if left == 0 else left / rate if rate > 0 else None
        self._report(Progress(self._done, self._total, rate, seconds, file))
