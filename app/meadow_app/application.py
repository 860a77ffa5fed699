"""The app as one object: what QML gets as ``app``, and the order in which things begin.

A person waits for the first frame, so little happens before it: the window, the frame of its sidebar and the message
box. View-models are made when a page first asks for them; their modules are imported then. The node is looked for once
the first frame is on the screen: finding it takes no time of the person's, but importing Qt's network classes does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Property, QObject, QUrl, Signal, Slot
from PySide6.QtQml import QQmlApplicationEngine

from meadow_app.resources import resource_root

if TYPE_CHECKING:
    from PySide6.QtGui import QWindow

    from meadow_app.link.node import NodeLink
    from meadow_app.settings.preferences import Preferences

STYLE: Final = "Fusion"
"""The Controls style, on all systems. docs/architecture.md says why."""

PAGES: Final = ("chat", "share", "swarm", "settings")


class Application(QObject):
    """What QML sees as ``app``."""

    notice = Signal(str, str)
    """A sentence for the person, and its kind: "info", "warn" or "error"."""
    pageWanted = Signal(str)
    """Somebody other than the navigation wants a page to be shown."""

    def __init__(self, home: str | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.home = home
        self._made: dict[str, QObject] = {}
        self._qml = resource_root() / "qml"
        self.engine: QQmlApplicationEngine | None = None

    # The parts, made when they are first asked for

    def _part(self, name: str, make: Callable[[], QObject]) -> QObject | None:
        if name not in self._made:
            try:
                self._made[name] = make()
            except ModuleNotFoundError as error:  # a page that does not exist yet
                if not str(error.name).startswith("meadow_app."):
                    raise
                return None
        return self._made[name]

    def _link(self) -> QObject:
        from meadow_app.link.node import NodeLink

        link = NodeLink(self.home, self)
        link.trouble.connect(lambda text: self.notify(text, "error"))
        return link

    def _chat(self) -> QObject:
        from meadow_app.chat.chats import Chats

        return Chats(self.link, self)

    def _share(self) -> QObject:
        from meadow_app.share.share import Share

        return Share(self.link, self)

    def _swarm(self) -> QObject:
        from meadow_app.swarm.swarm import Swarm

        return Swarm(self.link, self)

    def _models(self) -> QObject:
        from meadow_app.models.models import Models

        return Models(self.link, self)

    def _settings(self) -> QObject:
        from meadow_app.settings.settings import Settings

        return Settings(self.link, self)

    def _onboarding(self) -> QObject:
        from meadow_app.onboarding.onboarding import Onboarding

        return Onboarding(self.link, self)

    link: NodeLink = Property(QObject, lambda self: self._part("link", self._link), constant=True)  # type: ignore[assignment]
    chat = Property(QObject, lambda self: self._part("chat", self._chat), constant=True)
    share = Property(QObject, lambda self: self._part("share", self._share), constant=True)
    swarm = Property(QObject, lambda self: self._part("swarm", self._swarm), constant=True)
    models = Property(QObject, lambda self: self._part("models", self._models), constant=True)
    settings = Property(QObject, lambda self: self._part("settings", self._settings), constant=True)
    onboarding = Property(QObject, lambda self: self._part("onboarding", self._onboarding), constant=True)
    tray = Property(QObject, lambda self: None, constant=True)
    preferences: Preferences = Property(QObject, lambda self: self.settings.preferences, constant=True)  # type: ignore[assignment]

    # What QML asks for

    @Slot(str, result=bool)
    def hasPage(self, file: str) -> bool:
        """Whether a file below ``resources/qml`` exists."""
        return (self._qml / file).is_file()

    @Slot(str)
    @Slot(str, str)
    def notify(self, text: str, kind: str = "info") -> None:
        """Show a sentence over the page."""
        self.notice.emit(text, kind)

    @Slot()
    def newChat(self) -> None:
        """An empty chat, whatever page is shown."""
        self.pageWanted.emit("chat")
        chat: Any = self.chat
        if chat is not None:
            chat.newChat()

    @Slot()
    def showKeyboardMap(self) -> None:
        """The page with all keys."""
        self.pageWanted.emit("settings")

    @Slot(str)
    def visited(self, page: str) -> None:
        """The person went to ``page``."""

    @Slot(result=bool)
    def closeWindow(self) -> bool:
        """The window is being closed; whether it may."""
        return True

    @Slot()
    def quit(self) -> None:
        """End the app."""
        from PySide6.QtCore import QCoreApplication

        QCoreApplication.quit()

    # Begin

    def open(self) -> QWindow:
        """Show the window and begin to look for the node. Raises RuntimeError when the QML is broken."""
        os.environ["QT_QUICK_CONTROLS_STYLE"] = STYLE  # the same as QQuickStyle.setStyle, without its module
        engine = QQmlApplicationEngine(self)
        engine.setInitialProperties({"app": self})
        engine.load(QUrl.fromLocalFile(str(self._qml / "Main.qml")))
        if not engine.rootObjects():
            raise RuntimeError("The window could not be made.")
        self.engine = engine
        window: Any = engine.rootObjects()[0]
        window.show()
        self.link.start()
        return window


def qml_root() -> Path:
    """The folder of the app's QML."""
    return resource_root() / "qml"
