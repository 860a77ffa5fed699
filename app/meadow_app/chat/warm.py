"""What showing a message needs, imported while nobody waits: together it takes longer than a window may stand still.

A module a turn of the event loop, so that a key pressed meanwhile is seen in between. Who opens a chat before that is
done waits for what is left.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from PySide6.QtCore import QObject, QTimer

_TEXT: Final = "blocks look languages highlight segments painter ruler inline markdown document".split()
_MODULES: Final = (*(f"meadow_app.text.{name}" for name in _TEXT), "meadow_app.chat.listening")
_FIRST_MS: Final = 200
_STEP_MS: Final = 15


class Warm(QObject):
    """Begins by itself, some time after it was made, and stops when all is there."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._left = list(_MODULES)
        self._timer = QTimer(self, interval=_FIRST_MS)
        self._timer.timeout.connect(self._step)
        self._timer.start()

    def _step(self) -> None:
        if not self._left:
            self._timer.stop()
            return
        self._timer.setInterval(_STEP_MS)
        import_module(self._left.pop(0))
