"""One page in a real window (offscreen), with real view-models over a fake node; for tests and screenshots of pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import shiboken6
from fakes import FakeLink, class_name, settle, spin
from PySide6.QtCore import Property, QByteArray, QObject, QPoint, Qt, QUrl, Signal, Slot
from PySide6.QtQml import QQmlApplicationEngine, QQmlExpression, QQmlProperty
from PySide6.QtQuick import QQuickItem, QQuickWindow
from PySide6.QtTest import QTest

from meadow_app.models.models import Models
from meadow_app.settings.settings import Settings
from meadow_app.share.share import Share
from meadow_app.style import use_style
from meadow_app.swarm.swarm import Swarm

QML = Path(__file__).resolve().parents[2] / "resources" / "qml"
use_style(QML)

# The palette is that of Main.qml.
_WINDOW = """
import QtQuick
import QtQuick.Controls
import "."

ApplicationWindow {{
    id: window
    required property var app
    property alias page: loader.item
    property string scheme: "light"
    property real zoom: 1
    visible: true
    color: Theme.surface
    font.pixelSize: Theme.body
    LayoutMirroring.enabled: Application.layoutDirection === Qt.RightToLeft
    LayoutMirroring.childrenInherit: true
    palette {{
        window: Theme.surface; windowText: Theme.ink; base: Theme.field; alternateBase: Theme.raised
        text: Theme.ink; button: Theme.control; buttonText: Theme.ink; brightText: Theme.accentInk
        highlight: Theme.accent; highlightedText: Theme.accentInk; accent: Theme.accent
        placeholderText: Theme.soft; link: Theme.accent; toolTipBase: Theme.raised; toolTipText: Theme.ink
        light: Theme.accentSoft; midlight: Theme.faint; mid: Theme.line; dark: Theme.accent; shadow: Theme.faint
    }}
    Binding {{ target: Theme; property: "scheme"; value: window.scheme }}
    Binding {{ target: Theme; property: "zoom"; value: window.zoom }}
    Loader {{
        id: loader
        anchors.fill: {fill}
        width: {width}
        Component.onCompleted: setSource("{file}", {{"app": window.app, {more}}})
    }}
}}
"""


class PageApp(QObject):
    """What pages see as ``app``."""

    notice = Signal(str, str)
    pageWanted = Signal(str)

    def __init__(self, link: FakeLink) -> None:
        super().__init__()
        self._parts = {"share": Share(link, self), "swarm": Swarm(link, self), "models": Models(link, self)}
        self._parts["settings"] = Settings(link, self)
        self.link = link
        self.notes: list[str] = []
        self.pages: list[str] = []
        self.notice.connect(lambda text, _: self.notes.append(text))
        self.pageWanted.connect(self.pages.append)

    share = Property(QObject, lambda self: self._parts["share"], constant=True)
    swarm = Property(QObject, lambda self: self._parts["swarm"], constant=True)
    models = Property(QObject, lambda self: self._parts["models"], constant=True)
    settings = Property(QObject, lambda self: self._parts["settings"], constant=True)

    @Slot(str)
    @Slot(str, str)
    def notify(self, text: str, kind: str = "info") -> None:
        self.notice.emit(text, kind)


class PageWindow:
    """A window with one page. ``warnings`` are those of the QML engine; there must be none."""

    def __init__(
        self,
        link: FakeLink,
        file: str,
        *,
        width: int = 920,
        height: int = 780,
        card: int = 0,
        more: str = "",
        **set: Any,
    ) -> None:
        """``card``: not a page but a part of one, of this width."""
        self.warnings: list[str] = []
        self.app = PageApp(link)
        self._engine = QQmlApplicationEngine()
        self._engine.warnings.connect(lambda found: self.warnings.extend(one.toString() for one in found))
        self._engine.setInitialProperties({"app": self.app, "width": width, "height": height, **set})
        source = _WINDOW.format(file=file, more=more, fill="undefined" if card else "parent", width=card or "undefined")
        self._engine.loadData(QByteArray(source.encode()), QUrl.fromLocalFile(f"{QML}/PageWindow.qml"))
        assert self._engine.rootObjects(), self.warnings
        window = self._engine.rootObjects()[0]
        assert isinstance(window, QQuickWindow)
        self.window = window
        spin(lambda: self.page is not None and self.window.isExposed())
        settle()

    @property
    def page(self) -> QQuickItem:
        return self.window.property("page")

    def items(self) -> list[QQuickItem]:
        """All visible items, those of popups too."""
        found: list[QQuickItem] = []

        def walk(item: QQuickItem) -> None:
            if item.isVisible():
                found.append(item)
                for child in item.childItems():
                    walk(child)

        walk(self.window.contentItem())
        overlay = QQmlProperty.read(self.window, "Overlay.overlay", self._engine.rootContext())
        if isinstance(overlay, QQuickItem) and overlay not in found:
            walk(overlay)
        return found

    def evaluate(self, item: QObject, expression: str) -> Any:
        """Of QML, with this item as its scope."""
        found = QQmlExpression(self._engine.rootContext(), item, expression).evaluate()
        return found[0] if isinstance(found, tuple) else found

    def texts(self) -> list[str]:
        """All texts that are shown."""
        return [text for item in self.items() if isinstance(text := item.property("text"), str) and text]

    def shows(self, part: str) -> bool:
        """Whether a text with this in it is shown."""
        return any(part in text for text in self.texts())

    def item(self, text: str, kind: str = "") -> QQuickItem:
        """The one visible control with this text; ``kind``: in the name of its class."""
        found = [one for one in self.items() if one.property("text") == text and kind in class_name(one)]
        found = [one for one in found if one.property("down") is not None] or found
        assert found, f"no {kind or 'item'} says {text!r}; there is {self.texts()}"
        return found[0]

    def click(self, item: QQuickItem | str) -> None:
        """With the mouse, in the middle of it."""
        target = self.item(item) if isinstance(item, str) else item
        seen: list[tuple[float, ...]] = []

        def rests() -> bool:
            """Layouts are made anew at the next frame; who clicks before that misses."""
            middle = target.mapToScene(target.boundingRect().center())
            seen.append((middle.x(), middle.y(), target.width()))
            return len(seen) > 5 and len(set(seen[-5:])) == 1

        spin(rests)
        middle = target.mapToScene(target.boundingRect().center())
        assert 0 <= middle.x() < self.window.width() and 0 <= middle.y() < self.window.height(), "it is out of sight"
        QTest.mouseClick(
            self.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0), QPoint(*map(int, (middle.x(), middle.y())))
        )
        settle()

    def key(self, key: Qt.Key) -> None:
        """On the keyboard."""
        QTest.keyClick(self.window, key)
        settle()

    def type(self, text: str) -> None:
        """On the keyboard."""
        for character in text:
            QTest.keyClick(self.window, character)
        settle()

    def save(self, file: str | Path) -> None:
        """A screenshot."""
        assert self.window.grabWindow().save(str(file)), file

    def close(self) -> None:
        """Take it down."""
        self.window.close()
        del self.window
        shiboken6.delete(self._engine)  # with all of QML, before the objects that it shows
        settle()
