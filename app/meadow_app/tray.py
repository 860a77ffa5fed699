"""The icon in the tray: the state of sharing as a shape and a colour, the three verbs, open, quit, and notifications.

Whether there is a tray is asked of the system again and again: panels come late and restart. What is asked is
``isSystemTrayAvailable``; an icon's own ``isVisible`` is true also where nobody can see it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Property, QCoreApplication, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from meadow_app.closing import answers_under_way, is_sharing
from meadow_app.news import Pace, between, unmarked
from meadow_app.resources import resource_root
from meadow_app.share.words import SHAPES
from meadow_app.text.plain import label

if TYPE_CHECKING:
    from meadow_app.link.node import NodeLink
    from meadow_app.share.share import Share

_LOOK_MS: Final = 5000
_NOTICE_MS: Final = 8000
_SENTENCE: Final = 110  # the tooltips of some systems end at 127 characters
_IN_MENU: Final = 60
translate = QCoreApplication.translate


def app_icon() -> QIcon:
    """The app's own icon, for windows and notifications."""
    icon = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        icon.addFile(str(resource_root() / "icons" / "app" / f"meadow-{size}.png"))
    return icon


def quit_label(tree: Mapping[str, Any], *, node_stops: bool) -> str:
    """What quitting means now, in a few words. The question that follows says more."""
    if not node_stops:
        return translate("Tray", "Quit Meadow")
    if is_sharing(tree):
        return translate("Tray", "Quit, and stop sharing…")
    if answers_under_way(tree):
        return translate("Tray", "Quit, and stop the answer…")
    return translate("Tray", "Quit Meadow")


class Tray(QObject):
    """Follows the link and the share view-model. Nothing is shown before :meth:`start`."""

    openWanted = Signal(str)
    """Bring the window forward, on this page ("": the one it shows)."""
    quitWanted = Signal()
    availableChanged = Signal()

    def __init__(
        self,
        link: NodeLink,
        share: Share,
        parent: QObject | None = None,
        *,
        hidden: Callable[[], bool] = lambda: False,
        node_stops: Callable[[], bool] = lambda: True,
        there: Callable[[], bool] = QSystemTrayIcon.isSystemTrayAvailable,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``hidden``: whether the person cannot see the window. ``node_stops``: whether quitting ends the node.
        ``there``: whether the system has a tray now."""
        super().__init__(parent)
        self._link, self._share = link, share
        self._hidden, self._node_stops, self._there, self._clock = hidden, node_stops, there, clock
        self._icon: QSystemTrayIcon | None = None
        self._icons: dict[str, QIcon] = {}
        self._state, self._tooltip = "", ""
        self._before: Mapping[str, Any] = link.mirror.tree
        self._pace = Pace()
        self._page = ""  # of the notification that was shown last
        self._menu = QMenu()
        self._make_menu()
        self._looking = QTimer(self, interval=_LOOK_MS)
        self._looking.timeout.connect(self.look)
        share.changed.connect(self._show)
        link.statusChanged.connect(self._show)
        link.mirror.changed.connect(self._tree_changed)

    @Property(bool, notify=availableChanged)
    def available(self) -> bool:
        """Whether a person finds Meadow in the tray."""
        return self._icon is not None

    @property
    def icon(self) -> QSystemTrayIcon | None:
        """The icon, while there is a tray."""
        return self._icon

    @property
    def menu(self) -> QMenu:
        """The menu of the icon."""
        return self._menu

    @Slot()
    def start(self) -> None:
        """Appear, now or as soon as there is a tray."""
        self.look()
        self._looking.start()

    @Slot()
    def stop(self) -> None:
        """Disappear for good."""
        self._looking.stop()
        self._remove()

    @Slot()
    def look(self) -> None:
        """See whether the tray came or went. When it went, a hidden window must come back: it could not be found."""
        there = self._there()
        if there and self._icon is None:
            icon = QSystemTrayIcon(self)
            icon.setContextMenu(self._menu)
            icon.activated.connect(self._activated)
            icon.messageClicked.connect(lambda: self.openWanted.emit(self._page))
            self._icon = icon
            self._state = ""
            self._show()
            icon.show()
            self.availableChanged.emit()
        elif not there and self._icon is not None:
            self._remove()
            self.availableChanged.emit()
            if self._hidden():
                self.openWanted.emit("")

    @Slot(str, str, str)
    def tell(self, title: str, text: str, page: str = "") -> None:
        """A notification, now. Plain text, whatever is in it."""
        if self._icon is not None:
            self._page = page
            self._icon.showMessage(unmarked(title), unmarked(text), app_icon(), _NOTICE_MS)

    @Slot()
    def retranslate(self) -> None:
        """The language has changed."""
        self._name_actions()
        self._state = ""
        self._show()

    # Inside

    def _remove(self) -> None:
        icon, self._icon = self._icon, None
        if icon is not None:
            icon.hide()
            icon.deleteLater()

    def _make_menu(self) -> None:
        menu, share = self._menu, self._share
        self._header = menu.addAction("")
        self._header.setEnabled(False)
        menu.addSeparator()
        self._turn_on = self._action(menu, self._share_wanted)
        self._resume = self._action(menu, share.turnOn)
        self._pause_menu = menu.addMenu("")
        self._hour = self._action(self._pause_menu, share.pauseHour)
        self._tomorrow = self._action(self._pause_menu, share.pauseUntilTomorrow)
        self._endless = self._action(self._pause_menu, share.pause)
        self._finish = self._action(menu, share.finish)
        menu.addSeparator()
        self._open = self._action(menu, lambda: self.openWanted.emit(""))
        self._quit = self._action(menu, self.quitWanted.emit)
        self._name_actions()

    def _action(self, menu: QMenu, do: Callable[[], object]) -> QAction:
        action = menu.addAction("")
        action.triggered.connect(lambda checked=False: do())
        return action

    def _name_actions(self) -> None:
        self._turn_on.setText(translate("Tray", "Share this computer"))
        self._resume.setText(translate("Tray", "Resume sharing"))
        self._pause_menu.setTitle(translate("Tray", "Pause"))
        self._hour.setText(translate("Tray", "For 1 hour"))
        self._tomorrow.setText(translate("Tray", "Until tomorrow"))
        self._endless.setText(translate("Tray", "Until I resume"))
        self._finish.setText(translate("Tray", "Finish, then stop"))
        self._open.setText(translate("Tray", "Open Meadow"))

    def _share_wanted(self) -> None:
        """The first time, a person reads in the window what sharing would do here before it begins."""
        if not self._share.model or str(self._share.reason) == "never_turned_on":
            self.openWanted.emit("share")
        else:
            self._share.turnOn()

    def _show(self) -> None:
        state, word, sentence = self._facts()
        share = self._share
        said = sentence if sentence.startswith(word) else f"{word}: {sentence}" if sentence else word
        self._header.setText(label(unmarked(said, _IN_MENU)))
        self._turn_on.setVisible(not share.on and not share.paused)
        self._turn_on.setEnabled(bool(share.available))
        self._resume.setVisible(bool(share.paused))
        self._resume.setEnabled(bool(share.available))
        self._pause_menu.menuAction().setVisible(not share.paused)
        self._pause_menu.setEnabled(bool(share.canPause))
        self._finish.setEnabled(bool(share.canFinish))
        self._quit.setText(quit_label(self._link.mirror.tree, node_stops=self._node_stops()))
        if self._icon is None:
            return
        if state != self._state:
            self._state = state
            self._icon.setIcon(self._picture(state))
        tooltip = f"Meadow: {word}\n{unmarked(sentence, _SENTENCE)}".strip()
        if tooltip != self._tooltip or not self._icon.toolTip():
            self._tooltip = tooltip
            self._icon.setToolTip(tooltip)

    def _facts(self) -> tuple[str, str, str]:
        status = str(self._link.status)
        if status == "connected":
            return str(self._share.state), str(self._share.word), str(self._share.text)
        message = str(self._link.message)
        if status == "starting":
            return "starting", translate("Tray", "Starting"), message or translate("Tray", "Looking for Meadow's node.")
        return "lost", translate("Tray", "Not connected"), message

    def _picture(self, state: str) -> QIcon:
        if state not in self._icons:
            name = state if state in SHAPES or state == "lost" else "off"
            self._icons[state] = QIcon(str(resource_root() / "icons" / "tray" / f"{name}.svg"))
        return self._icons[state]

    def _tree_changed(self, keys: object) -> None:
        tree = self._link.mirror.tree
        if self._hidden():
            for news in between(self._before, tree):
                if self._pace.allows(news.key, self._clock()):
                    self.tell(news.title, news.text, news.page)
        self._before = tree
        self._show()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        kinds = QSystemTrayIcon.ActivationReason
        if reason in (kinds.Trigger, kinds.DoubleClick):
            self.openWanted.emit("")
