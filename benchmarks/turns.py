"""What one turn of a window's event loop costs: how late a timer comes, and the CPU that the window's thread used.

On a machine that others use, the wall time of a turn says as much about them as about the window; its CPU does not.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QAbstractEventDispatcher, Qt, QTimer

BEAT_MS = 4


class Turns:
    """Notes every turn from its making on; :meth:`take` says what was worst and begins anew."""

    def __init__(self) -> None:
        self.stalls: list[float] = []
        self.cpu: list[float] = []
        self._used = time.thread_time()
        dispatcher = QAbstractEventDispatcher.instance()
        assert dispatcher is not None
        dispatcher.awake.connect(self._turn)  # once a turn: waiting uses no CPU, so between two is what one used
        self._beaten = time.perf_counter()
        self._timer = QTimer(interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _turn(self) -> None:
        used = time.thread_time()
        self.cpu.append((used - self._used) * 1e3)
        self._used = used

    def _beat(self) -> None:
        now = time.perf_counter()
        self.stalls.append(max(0.0, (now - self._beaten) * 1e3 - BEAT_MS))
        self._beaten = now

    def exclude(self, seconds: float) -> None:
        """CPU of this turn that was used for looking."""
        self._used += seconds

    def forget(self) -> None:
        """What was done since the last turn is not the window's work."""
        self._used = time.thread_time()
        self._beaten = time.perf_counter()

    def take(self) -> dict[str, float]:
        """The longest since the last time, in ms."""
        self._turn()
        stalls, cpu = sorted(self.stalls) or [0.0], sorted(self.cpu)
        self.stalls, self.cpu = [], []
        self.forget()
        return {
            "longest": stalls[-1],
            "longest_cpu": cpu[-1],
            "p99": stalls[int(len(stalls) * 0.99)],
            "p99_cpu": cpu[int(len(cpu) * 0.99)],
            "cpu_s": sum(cpu) / 1e3,
        }
