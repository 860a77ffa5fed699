"""The real app in a process of its own, with ears for a test: commands come as JSON lines, answers go back so.

    python driven.py ARGUMENTS OF THE APP...

It says what a screen reader would find in the window, takes screenshots, and, where there is no display, hands keys and
clicks to the window as the system would. It never calls anything of the app.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleInterface, QGuiApplication, QKeySequence, QWindow
from PySide6.QtQuick import QQuickWindow

from meadow_app.__main__ import main

STATES = ("invisible", "disabled", "focused", "checked", "selected", "offscreen", "expanded", "modal", "readOnly")
MOST_ITEMS = 5000


class Closings(QObject):
    """Counts how often the app was asked to close a window, whatever it then does."""

    count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Close and isinstance(watched, QQuickWindow):
            self.count += 1
        return False


class Ears(QObject):
    """Reads standard input in a thread; answers on the thread of the window."""

    heard = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.heard.connect(self._answer)
        self._closings = Closings(self)
        for window in _windows(hidden=True):
            window.installEventFilter(self._closings)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self.heard.emit(line)

    def _answer(self, line: str) -> None:
        command = json.loads(line)
        try:
            reply = {"reply": getattr(self, f"do_{command.pop('do')}")(**command)}
        except Exception as error:  # noqa: BLE001  (the test shall say it)
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)

    def do_tree(self) -> list[dict[str, Any]]:
        """Everything that is accessible, depth first."""
        found: list[dict[str, Any]] = []
        for window in _windows():
            _describe(QAccessible.queryAccessibleInterface(window), found, 0)
        return found

    def do_windows(self) -> list[dict[str, Any]]:
        """The windows with where they are."""
        return [
            {
                "title": window.title(),
                "visible": window.isVisible(),
                "active": window.isActive(),
                "minimised": bool(window.windowStates() & Qt.WindowState.WindowMinimized),
                "rect": [window.x(), window.y(), window.width(), window.height()],
            }
            for window in _windows(hidden=True)
        ]

    def do_closings(self) -> int:
        """How often it was asked to close."""
        return self._closings.count

    def do_menu(self) -> list[str]:
        """What stands in the menu that is open outside of the window, such as that of the tray."""
        from PySide6.QtWidgets import QApplication, QMenu

        menu = QApplication.activePopupWidget()
        return [action.text() for action in menu.actions()] if isinstance(menu, QMenu) else []

    def do_grab(self, file: str) -> bool:
        """A picture of the window."""
        return _window().grabWindow().save(file)

    def do_resize(self, width: int, height: int) -> None:
        """As pulling at a corner does."""
        _window().resize(width, height)

    def do_close(self) -> None:
        """As the window's own button does, where there is no window manager to press it."""
        _window().close()

    def do_click(self, x: int, y: int) -> None:
        from PySide6.QtTest import QTest

        window = _window()
        point = window.mapFromGlobal(QPoint(x, y))
        QTest.mouseClick(window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)

    def do_presses(self, keys: str) -> None:
        from PySide6.QtTest import QTest

        QTest.keySequence(_focused(), QKeySequence(keys))

    def do_types(self, text: str) -> None:
        from PySide6.QtTest import QTest

        for letter in text:
            QTest.sendKeyEvent(
                QTest.KeyAction.Click, _focused(), Qt.Key.Key_unknown, letter, Qt.KeyboardModifier.NoModifier
            )


def _windows(*, hidden: bool = False) -> list[QQuickWindow]:
    windows = [window for window in QGuiApplication.topLevelWindows() if isinstance(window, QQuickWindow)]
    return [window for window in windows if hidden or window.isVisible()]


def _window() -> QQuickWindow:
    return _windows(hidden=True)[0]


def _focused() -> QWindow:
    return QGuiApplication.focusWindow() or _window()


def _describe(item: QAccessibleInterface | None, found: list[dict[str, Any]], depth: int) -> None:
    if item is None or not item.isValid() or len(found) >= MOST_ITEMS:
        return
    state, rect = item.state(), item.rect()
    found.append(
        {
            "depth": depth,
            "role": item.role().name,
            "name": item.text(QAccessible.Text.Name),
            "description": item.text(QAccessible.Text.Description),
            "value": item.text(QAccessible.Text.Value),
            "rect": [rect.x(), rect.y(), rect.width(), rect.height()],
            "states": [name for name in STATES if getattr(state, name)],
        }
    )
    for index in range(item.childCount()):
        _describe(item.child(index), found, depth + 1)


def _opened(application: QObject) -> None:
    QAccessible.setActive(True)
    application.setProperty("ears", Ears())  # kept as long as the app
    print(json.dumps({"opened": True}), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], opened=_opened))
