"""The app as one object: what QML gets as ``app``, and the order in which things begin.

A person waits for the first frame, so little happens before it: the window, the frame of its sidebar and the message
box. View-models are made when a page first asks for them; their modules are imported then. The node is looked for once
the first frame is on the screen: finding it takes none of the person's time, but importing Qt's network classes does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Property, QCoreApplication, QObject, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QGuiApplication, QWindow
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickWindow
from shiboken6 import Shiboken

from meadow_app.closing import Close, explanation, is_sharing, on_close, what_stops
from meadow_app.geometry import restore, saved
from meadow_app.language import Language
from meadow_app.resources import resource_root
from meadow_app.settings.appearance import Appearance
from meadow_app.settings.places import places
from meadow_app.settings.preferences import Preferences
from meadow_app.style import use_style

if TYPE_CHECKING:
    from meadow_app.deeplink import Link
    from meadow_app.instance import Asked
    from meadow_app.link.node import NodeLink
    from meadow_app.tray import Tray

STOP_MS: Final = 5000
"""How long quitting waits for the node to say that it heard."""


class Application(QObject):
    """What QML sees as ``app``."""

    notice = Signal(str, str)
    """A sentence for the person, and its kind: "info", "warn" or "error"."""
    pageWanted = Signal(str)
    """Somebody other than the navigation wants a page to be shown."""
    explained = Signal(str)
    """Before the window goes for the first time: what goes on without it."""
    quitAsked = Signal(str)
    """Before quitting: what stops."""
    demoAsked = Signal()
    """A link asks for the demo. It starts only when the person says so."""

    def __init__(self, home: str | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.home = home
        self._made: dict[str, QObject] = {}
        self._resources = resource_root()
        self._preferences = Preferences(places(home).preferences, self)
        self._language = Language(self._resources / "translations", self)
        self._language.changed.connect(self._retranslate)
        self._appearance = Appearance(self._preferences, self._language, self)
        self._engine: QQmlApplicationEngine | None = None
        self._window: QQuickWindow | None = None
        self._close = Close.QUIT
        self._begun = False
        self._broken = False  # the node does not start because of its settings file
        self._waiting: list[Link] = []  # links that came before the first frame

    @property
    def window(self) -> QQuickWindow | None:
        """The window, between :meth:`open` and :meth:`end`."""
        return self._window

    # The parts, made when they are first asked for

    def _part(self, name: str, make: Callable[[], QObject]) -> QObject:
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def _link(self) -> QObject:
        from meadow_app.link.node import NodeLink

        link = NodeLink(self.home, self)
        self._preferences.setParent(link)  # where preferences_of looks
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

    def _tray(self) -> QObject:
        from meadow_app.tray import Tray

        tray = Tray(self.link, self.share, self, hidden=self._is_hidden, node_stops=self._node_is_ours)  # type: ignore[arg-type]
        tray.openWanted.connect(self._open_page)
        tray.quitWanted.connect(self.quit)
        return tray

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
    tray: Tray = Property(QObject, lambda self: self._part("tray", self._tray), constant=True)  # type: ignore[assignment]
    preferences = Property(QObject, lambda self: self._preferences, constant=True)

    def _retranslate(self) -> None:
        """Another language: what Python says is said again, by those who can, and by all who follow the tree."""
        for part in list(self._made.values()):
            again: Any = getattr(part, "retranslate", None)
            if again is not None:
                again()
        if "link" in self._made and (keys := frozenset(self.link.mirror.tree)):
            self.link.mirror.changed.emit(keys)

    # What QML asks for

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
        chat.newChat()

    @Slot()
    def showKeyboardMap(self) -> None:
        """The page with all keys."""
        self.pageWanted.emit("settings/keyboard")

    # Begin

    def open(self) -> QQuickWindow:
        """Show the window; the rest begins after its first frame. Raises RuntimeError when the QML is broken."""
        use_style(self._resources / "qml")
        engine = QQmlApplicationEngine()
        self._language.translate_engine(engine)
        engine.setInitialProperties({"app": self})
        engine.load(QUrl.fromLocalFile(str(self._resources / "qml" / "Main.qml")))
        window = next(iter(engine.rootObjects()), None)
        if not isinstance(window, QQuickWindow):
            raise RuntimeError("The window could not be made.")
        self._engine, self._window = engine, window
        restore(window, self._preferences.recall("window"))
        # Single shot: frames may be swapped on a thread of their own, faster than this one hears of the first.
        once = Qt.ConnectionType(Qt.ConnectionType.AutoConnection.value | Qt.ConnectionType.SingleShotConnection.value)
        window.frameSwapped.connect(self._first_frame, once)
        window.show()
        return window

    @Slot()
    def _first_frame(self) -> None:
        QTimer.singleShot(0, self._begin)

    def _begin(self) -> None:
        """All that the first frame did not need."""
        if self._window is not None:
            self.link.connected.connect(self._connected)
            self.link.statusChanged.connect(self._look_at_settings)
            self.link.start()
            self._window.setProperty("ready", True)
            self._begun = True
            for link in self._waiting:
                self._follow(link)
            self._waiting.clear()
            QTimer.singleShot(0, self._start_tray)

    def _start_tray(self) -> None:
        from meadow_app.tray import app_icon

        QGuiApplication.setWindowIcon(app_icon())
        self.tray.start()

    def _open_page(self, page: str) -> None:
        self.show()
        if page:
            self.pageWanted.emit(page)

    def _is_hidden(self) -> bool:
        """Whether the person cannot see the window."""
        window = self._window
        return window is None or not window.isVisible() or window.visibility() == QWindow.Visibility.Minimized

    def end(self) -> None:
        """Take the window down, before the objects that it shows."""
        if self._engine is not None:
            self._preferences.flush()
            if "tray" in self._made:
                self.tray.stop()
            self._window = None
            Shiboken.delete(self._engine)
            self._engine = None
            if "link" in self._made:
                self.link.close()

    @Slot()
    def show(self) -> None:
        """Bring the window before the person, from wherever it is."""
        if self._window is not None:
            if self._window.visibility() == QWindow.Visibility.Minimized:
                self._window.showNormal()
            self._window.show()
            self._window.raise_()
            self._window.requestActivate()

    def asked(self, asked: Asked) -> None:
        """Another start of the app, or a link, wants the window."""
        if asked.activation:
            os.environ["XDG_ACTIVATION_TOKEN"] = asked.activation  # Qt takes it from there when it comes forward
        self.show()
        for link in asked.links:
            self._follow(link)

    def _follow(self, link: Link) -> None:
        """What a link shows. It changes nothing that the person would not see."""
        if not self._begun:
            self._waiting.append(link)
        elif link.action == "unknown":
            self.notify(self.tr("This link is not one that Meadow understands."), "warn")
        elif link.action == "later":
            self.notify(self.tr("This version of Meadow cannot take invitations yet."), "warn")
        elif link.action == "demo":  # it starts programs, and any web page may have opened the link
            self.newChat()
            self.demoAsked.emit()
        elif link.action == "open":
            self.newChat()
            chat: Any = self.chat
            chat.current.chooseModel(link.model)

    # Close and quit

    def _tree(self) -> dict[str, Any]:
        return self.link.mirror.tree if "link" in self._made else {}

    @Slot(result=bool)
    def closeWindow(self) -> bool:
        """The window is being closed. Never lets it close: it is hidden, minimised, or the app quits."""
        sharing = is_sharing(self._tree())
        wish = self._preferences.value("closing")
        self._close = on_close(tray=bool(self.tray.available), wish=wish)
        if self._close is Close.QUIT:
            self.quit()
        elif self._preferences.recall(f"explained-{self._close.value}"):
            self.leave()
        else:
            self.explained.emit(explanation(self._close, sharing=sharing))
        return False

    @Slot()
    def leave(self) -> None:
        """The person knows what goes on: the window goes."""
        self._preferences.remember(f"explained-{self._close.value}", True)
        self._remember_window()
        if self._window is not None:
            if self._close is Close.HIDE:
                self._window.hide()
            else:
                self._window.showMinimized()

    def _remember_window(self) -> None:
        if self._window is not None:
            self._preferences.remember("window", saved(self._window))

    def _connected(self) -> None:
        node = self.link.mirror.part("node")
        if self.link.started_node:
            self._preferences.remember("node", [node.get("pid"), node.get("started")])

    def _look_at_settings(self) -> None:
        """A settings file that the node refuses: lead to what can be done about it, and say how that went."""
        from meadow_app.settings.recovery import CODES

        if str(self.link.status) == "failed" and self.link.code in CODES:
            if not self._broken:
                self.pageWanted.emit("settings")
            self._broken = True
        elif str(self.link.status) == "connected" and self._broken:
            self._broken = False
            settings: Any = self.settings
            settings.load()
            if kept := settings.recovery.kept:
                name = os.path.basename(kept)
                self.notify(
                    self.tr("Meadow goes on with the defaults. The old settings are kept as %1.").replace("%1", name)
                )

    def _node_is_ours(self) -> bool:
        """Whether a window of Meadow started this node, now or in an earlier life, so that quitting ends it."""
        node = self._tree().get("node", {})
        return bool(node) and self._preferences.recall("node") == [node.get("pid"), node.get("started")]

    @Slot()
    def quit(self) -> None:
        """End the app and the node that it started, after saying what stops with them."""
        stops = what_stops(self._tree(), node_stops=self._node_is_ours())
        if stops:
            self.show()
            self.quitAsked.emit(stops)
        else:
            self.quitNow()

    @Slot()
    def quitNow(self) -> None:
        """The same without a question."""
        self._remember_window()
        if self._window is not None:
            self._window.hide()
        if self._node_is_ours():
            stop = self.link.stop_node()
            stop.then(lambda _: QCoreApplication.quit()).otherwise(lambda _: QCoreApplication.quit())
            QTimer.singleShot(STOP_MS, QCoreApplication.quit)
        else:
            QCoreApplication.quit()
