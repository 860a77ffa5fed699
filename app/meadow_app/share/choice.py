"""The model that this machine shares when nobody says otherwise: the setting ``share.model``."""

from __future__ import annotations

from PySide6.QtCore import Property, QObject, Signal, Slot

from meadow_app.link.api import Call, Failure
from meadow_app.link.node import NodeLink

_KEY = "share.model"


class Choice(QObject):
    """What the settings say now. The other settings of sharing are rows of ``Settings.form("sharing")``."""

    changed = Signal()

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._model = ""
        self._reading: Call | None = None
        link.connected.connect(self.read)
        if str(link.status) == "connected":
            self.read()

    model = Property(str, lambda self: self._model, notify=changed)
    """Empty: none was chosen."""

    @Slot()
    def read(self) -> None:
        """Ask the node; others change settings too, and files are edited by hand."""
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self._link.api.get("/api/settings").then(self._answered)

    def put(self, model: str) -> None:
        """Choose this one; empty: none."""
        call = self._link.api.patch("/api/settings", {_KEY: model or None})
        call.then(self._answered).otherwise(self._refused)

    def _answered(self, body: object) -> None:
        values = body.get("values") if isinstance(body, dict) else None
        model = str(values.get(_KEY) or "") if isinstance(values, dict) else self._model
        if model != self._model:
            self._model = model
            self.changed.emit()

    def _refused(self, failure: Failure) -> None:
        self._link.trouble.emit(failure.message)
