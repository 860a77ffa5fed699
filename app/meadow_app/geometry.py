"""Where the window was, for the next start; never where nobody could see it."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QRect
from PySide6.QtGui import QGuiApplication, QWindow

LEAST: Final = (480, 560)
_SEEN: Final = 80  # so much of the window must be on a screen, each way


def saved(window: QWindow) -> list[Any]:
    """What :func:`restore` takes: x, y, width, height, and whether it is maximised."""
    maximised = window.visibility() == QWindow.Visibility.Maximized
    return [window.x(), window.y(), window.width(), window.height(), maximised]


def restore(window: QWindow, value: object) -> None:
    """Put ``window`` where it was. Anything else than :func:`saved` gave changes nothing."""
    if not (isinstance(value, list) and len(value) == 5 and all(isinstance(number, int) for number in value)):
        return
    x, y, width, height, maximised = value
    rect = QRect(x, y, max(LEAST[0], min(width, 20_000)), max(LEAST[1], min(height, 20_000)))
    seen = [screen.availableGeometry().intersected(rect) for screen in QGuiApplication.screens()]
    window.resize(rect.size())
    if any(part.width() >= _SEEN and part.height() >= _SEEN for part in seen):
        window.setPosition(rect.topLeft())
    if maximised:
        window.setVisibility(QWindow.Visibility.Maximized)
