"""One thing that was just deleted and can be brought back for some seconds. The node keeps it for 30 days anyway."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Property, QObject, QTimer, Signal, Slot

SECONDS = 10
"""Long enough to read the line, to reach for the button, and to be sure."""


class Undo(QObject):
    """At most one offer at a time; a new one replaces it, and what it was about stays deleted."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None, *, seconds: float = SECONDS) -> None:
        super().__init__(parent)
        self._text, self._kind = "", ""
        self._undo: Callable[[], None] | None = None
        self._timer = QTimer(self, singleShot=True, interval=int(seconds * 1000))
        self._timer.timeout.connect(self.dismiss)

    text = Property(str, lambda self: self._text, notify=changed)
    """What was deleted; empty: nothing can be undone now."""
    kind = Property(str, lambda self: self._kind, notify=changed)
    """ "chat" or "message": where the offer is shown."""

    def offer(self, kind: str, text: str, undo: Callable[[], None]) -> None:
        """Say ``text`` for some seconds; ``undo`` takes it back."""
        self._kind, self._text, self._undo = kind, text, undo
        self._timer.start()
        self.changed.emit()

    @Slot()
    def take(self) -> None:
        """Take it back. Harmless when the offer is over."""
        undo = self._undo
        self.dismiss()
        if undo is not None:
            undo()

    @Slot()
    def dismiss(self) -> None:
        """The offer is over."""
        if self._undo is not None:
            self._timer.stop()
            self._text, self._undo = "", None
            self.changed.emit()
