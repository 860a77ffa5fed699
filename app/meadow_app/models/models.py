"""Models to choose from, and the token for the hub: what all model pickers share. Each picker is a ``Picker``."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Property, QObject, QTimer, Signal, Slot

from meadow_app.link.api import Call, Failure
from meadow_app.link.node import NodeLink
from meadow_app.models import catalogue
from meadow_app.models.picker import Picker

_AGAIN_MS = 1500


class Models(QObject):
    """What there is. Asked for while a picker is open, and again when the swarm changes meanwhile."""

    changed = Signal()
    tokenChanged = Signal()
    tokenKept = Signal()
    """The node has the new token, or has forgotten the old one."""

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.link = link
        self.listed: list[dict[str, Any]] = []
        self._call: Call | None = None
        self._pickers: dict[str, Picker] = {}
        self._watchers = 0
        self._token_set, self._token_busy, self._token_error = False, False, ""
        # The swarm changes in bursts; one question after each is enough.
        self._soon = QTimer(self, interval=_AGAIN_MS, singleShot=True)
        self._soon.timeout.connect(self.refresh)
        link.mirror.changed.connect(self._tree_changed)
        link.connected.connect(self._connected)

    @Slot(str, result=QObject)
    def picker(self, purpose: str) -> Picker:
        """The picker for "chat" or "share" (or another purpose: each has a search and a choice of its own)."""
        if purpose not in self._pickers:
            self._pickers[purpose] = Picker(self, purpose)
        return self._pickers[purpose]

    def watch(self, watched: bool) -> None:
        """A picker opens or closes."""
        self._watchers = max(0, self._watchers + (1 if watched else -1))
        if watched:
            self.refresh()
            self._read_token()

    @Slot()
    def refresh(self) -> None:
        """Ask now, unless an answer is on its way."""
        if self._call is None:
            self._call = self.link.api.get("/api/models")
            self._call.then(self._answered).otherwise(self._refused)

    @Slot()
    def retranslate(self) -> None:
        """The language has changed."""
        self.changed.emit()

    # The hub's token. It goes to the node and never comes back.

    tokenSet = Property(bool, lambda self: self._token_set, notify=tokenChanged)
    tokenBusy = Property(bool, lambda self: self._token_busy, notify=tokenChanged)
    tokenError = Property(str, lambda self: self._token_error, notify=tokenChanged)

    @Slot(str)
    def setToken(self, token: str) -> None:
        """Keep this token, in a file that only this person can read."""
        self._token(self.link.api.put("/api/hub-token", {"token": token.strip()}))

    @Slot()
    def forgetToken(self) -> None:
        """Forget the token."""
        self._token(self.link.api.delete("/api/hub-token"))

    def _read_token(self) -> None:
        self.link.api.get("/api/hub-token").then(self._token_known)

    def _token(self, call: Call) -> None:
        self._token_busy, self._token_error = True, ""
        self.tokenChanged.emit()
        call.then(lambda _: self._token_kept()).otherwise(self._token_refused)

    def _token_kept(self) -> None:
        self._token_busy = False
        self.tokenKept.emit()
        self._read_token()
        self.changed.emit()  # what was out of reach may not be any more

    def _token_known(self, body: object) -> None:
        self._token_set = bool(body.get("set")) if isinstance(body, dict) else False
        self.tokenChanged.emit()

    def _token_refused(self, failure: Failure) -> None:
        self._token_busy, self._token_error = False, failure.message
        self.tokenChanged.emit()

    # Inside

    def _answered(self, body: object) -> None:
        self._call = None
        self.listed = catalogue.listed(body)
        self.changed.emit()

    def _refused(self, failure: Failure) -> None:
        self._call = None
        self.changed.emit()

    def _connected(self) -> None:
        if self._watchers:
            self.refresh()
            self._read_token()

    def _tree_changed(self, keys: object) -> None:
        if not isinstance(keys, frozenset):
            return
        if self._watchers and keys & {"swarm", "demo"}:
            self._soon.start()
        if "downloads" in keys or "problems" in keys:
            for picker in self._pickers.values():
                picker.downloads_changed()
