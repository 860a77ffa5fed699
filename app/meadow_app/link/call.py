"""One question to the node and its outcome: a :class:`Call` is answered, fails, or is cancelled, exactly once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from PySide6.QtCore import QObject, QTimer, Signal


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed. ``message`` is a sentence for people, ``code`` is stable (the node's are in docs/api.md)."""

    code: str
    message: str
    status: int = 0
    """The HTTP status; 0 when there was no answer."""
    retry_after: float | None = None
    """Seconds after which the node wants to be asked again, if it said so."""


class _Once(QObject):
    """Delivers an outcome to one late listener."""

    fired = Signal(object)


class Call(QObject):
    """A running question. ``done`` carries the parsed JSON (None for an empty answer), ``failed`` a :class:`Failure`.

    Exactly one of them comes, never before the event loop ran again; after :meth:`cancel` neither does. Whoever asks
    late (:meth:`then` after the end) hears it too. The caller need not keep the object: it lives until its outcome.
    """

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, on_cancel: Callable[[], None] | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._on_cancel = on_cancel
        self._state = "running"
        self._outcome: Any = None

    @property
    def running(self) -> bool:
        """Whether the outcome is still open."""
        return self._state == "running"

    def then(self, hear: Callable[..., object]) -> Self:
        """Call ``hear`` with the answer."""
        self._listen("done", self.done, hear)
        return self

    def otherwise(self, hear: Callable[..., object]) -> Self:
        """Call ``hear`` with the :class:`Failure`."""
        self._listen("failed", self.failed, hear)
        return self

    def cancel(self) -> None:
        """Want no answer any more. What the node has begun, it may finish. Harmless after the end."""
        if self.running:
            self._state = "cancelled"
            stop, self._on_cancel = self._on_cancel, None
            if stop is not None:
                stop()

    def succeed(self, result: Any) -> None:
        """For those who make calls: this is the answer. Ignored after the end."""
        if self.running:
            self._state, self._outcome, self._on_cancel = "done", result, None
            self.done.emit(result)

    def fail(self, failure: Failure) -> None:
        """For those who make calls: it went wrong. Ignored after the end."""
        if self.running:
            self._state, self._outcome, self._on_cancel = "failed", failure, None
            self.failed.emit(failure)

    def _listen(self, state: str, signal: Any, hear: Callable[..., object]) -> None:
        if self.running:
            signal.connect(hear)
        elif self._state == state:
            once, outcome = _Once(), self._outcome
            once.fired.connect(hear)
            QTimer.singleShot(0, lambda: once.fired.emit(outcome))
