"""Checks of this machine by the node (``POST /api/doctor``), and the text to copy into a question."""

from __future__ import annotations

import time
from typing import Any, Final

from PySide6.QtCore import Property, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication

from meadow_app.settings.words import of_node

_LONGEST: Final = 600.0
"""Seconds. Each check has a limit of its own; together they are below this."""


class Diagnostics(QObject):
    """``run`` asks for the checks, ``cancel`` gives up; ``results`` has what was found, the worst first."""

    changed = Signal()

    def __init__(self, link: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._call: Any = None
        self._results: list[dict[str, Any]] = []
        self._text = ""
        self._error = ""
        self._begin = 0.0
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self.changed)

    running = Property(bool, lambda self: self._call is not None, notify=changed)
    results = Property(list, lambda self: self._results, notify=changed)
    """Each with ``title``, ``status`` (ok, warn, fail), ``what`` and ``advice``."""
    text = Property(str, lambda self: self._text, notify=changed)
    error = Property(str, lambda self: self._error, notify=changed)

    def _elapsed(self) -> int:
        return int(time.monotonic() - self._begin) if self._call is not None else 0

    seconds = Property(int, _elapsed, notify=changed)
    """How long the checks have been running."""

    def _sum_up(self) -> str:
        statuses = [result["status"] for result in self._results]
        if not statuses:
            return ""
        if "fail" in statuses:
            return self.tr("Something does not work. What to do about it is written below.")
        if "warn" in statuses:
            return self.tr("Meadow works here, but it could work better.")
        return self.tr("All is well.")

    summary = Property(str, _sum_up, notify=changed)

    @Slot(bool)
    def run(self, self_test: bool) -> None:
        """Make all checks. ``self_test``: also compute with a small model, which takes a minute."""
        if self._call is not None:
            return
        self._results, self._text, self._error = [], "", ""
        self._begin = time.monotonic()
        self._call = self._link.api.post("/api/doctor", {"self_test": self_test}, seconds=_LONGEST)
        self._call.then(self._found).otherwise(self._failed)
        self._clock.start()
        self.changed.emit()

    @Slot()
    def cancel(self) -> None:
        """Wait for the answer no longer."""
        if self._call is not None:
            self._call.cancel()
            self._over()

    @Slot()
    def copy(self) -> None:
        """Put the report on the clipboard. It holds no secrets and nothing of chats."""
        QGuiApplication.clipboard().setText(self._text)

    def _found(self, body: Any) -> None:
        order = {"fail": 0, "warn": 1, "ok": 2}
        checks = body.get("checks", ()) if isinstance(body, dict) else ()
        self._results = sorted(
            (
                {
                    "title": of_node(str(check.get("title", ""))),
                    "status": check.get("status") if check.get("status") in order else "warn",
                    "what": str(check.get("what", "")),
                    "advice": str(check.get("do", "")),
                }
                for check in checks
            ),
            key=lambda result: order[str(result["status"])],
        )
        self._text = str(body.get("text", "")) if isinstance(body, dict) else ""
        self._over()

    def _failed(self, failure: Any) -> None:
        self._error = failure.message
        self._over()

    def _over(self) -> None:
        self._call = None
        self._clock.stop()
        self.changed.emit()
