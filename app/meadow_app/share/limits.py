"""The limits that the node obeys when it shares: the settings ``share.*``, as this page shows them."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Property, QCoreApplication, QObject, Signal, Slot

from meadow_app import figures
from meadow_app.link.api import Call, Failure
from meadow_app.link.node import NodeLink

translate = QCoreApplication.translate

FRACTION, RESERVE, TOKENS = "share.limit_fraction", "share.reserve_bytes", "share.kv_tokens"
DEVICE, DTYPE, MODEL = "share.device", "share.dtype", "share.model"
_GB = 1_000_000_000


class Limits(QObject):
    """What is in the settings now; a change goes to the node, and what it answers is shown."""

    changed = Signal()

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._values: dict[str, Any] = {}
        self._reading: Call | None = None
        link.connected.connect(self.read)
        if link.status == "connected":
            self.read()

    @Slot()
    def read(self) -> None:
        """Ask the node; others change settings too, and files are edited by hand."""
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self._link.api.get("/api/settings")
        self._reading.then(self._answered).otherwise(lambda _: None)  # the window says elsewhere that the node is lost

    def put(self, key: str, value: Any) -> None:
        """Change one; None takes the default."""
        if self._values.get(key) == value:
            return
        self._link.api.patch("/api/settings", {key: value}).then(self._answered).otherwise(self._refused)

    known = Property(bool, lambda self: bool(self._values), notify=changed)

    def _fraction(self) -> int:
        return round(100 * float(self._values.get(FRACTION) or 0.9))

    def _put_percent(self, percent: int) -> None:
        self.put(FRACTION, min(100, max(5, percent)) / 100)

    percent = Property(int, _fraction, _put_percent, notify=changed)
    """Of the memory that is free when sharing begins."""

    def _reserve(self) -> float:
        return float(self._values.get(RESERVE) or 0) / _GB

    def _put_reserve(self, gigabytes: float) -> None:
        # The default is in binary units; what is shown rounded must not be written back as if somebody had chosen it.
        if abs(gigabytes - round(self._reserve(), 1)) > 0.01:
            self.put(RESERVE, max(0, round(gigabytes * _GB)))

    reserve = Property(float, _reserve, _put_reserve, notify=changed)
    """Gigabytes of the machine's memory that stay free."""
    reserveText = Property(str, lambda self: figures.size(self._reserve() * _GB), notify=changed)

    def _tokens(self) -> int:
        return min(int(self._values.get(TOKENS) or 0), 2**31 - 1)

    tokens = Property(int, _tokens, lambda self, count: self.put(TOKENS, count or None), notify=changed)
    """Tokens of all sessions together; 0: as many as fit."""

    def _text(self, key: str) -> str:
        return str(self._values.get(key) or "")

    device = Property(str, lambda self: self._text(DEVICE), lambda self, v: self.put(DEVICE, v or None), notify=changed)
    """Empty: a GPU if one works, else the processor."""
    dtype = Property(str, lambda self: self._text(DTYPE), lambda self, v: self.put(DTYPE, v or None), notify=changed)
    """Empty: that of the model."""
    model = Property(str, lambda self: self._text(MODEL), lambda self, v: self.put(MODEL, v or None), notify=changed)
    """What is shared when nobody says otherwise; may be empty."""

    def _devices(self) -> list[dict[str, Any]]:
        found = {str(one.get("kind")) for one in self._link.mirror.part("machine").get("devices", {}).values()}
        words = {
            "cpu": translate("Limits", "Processor"),
            "cuda": translate("Limits", "NVIDIA GPU"),
            "mps": translate("Limits", "Apple GPU"),
        }
        # What this machine does not have is no choice, unless it is what was chosen.
        kinds = [kind for kind in words if kind in found or kind in ("cpu", self.device)]
        automatic = {"value": "", "text": translate("Limits", "Automatic")}
        return [automatic, *({"value": kind, "text": words[kind]} for kind in kinds)]

    devices = Property("QVariantList", _devices, notify=changed)

    def _dtypes(self) -> list[dict[str, Any]]:
        names = ("bfloat16", "float16", "float32")
        first = {"value": "", "text": translate("Limits", "As the model has it")}
        return [first, *({"value": name, "text": name} for name in names)]

    dtypes = Property("QVariantList", _dtypes, notify=changed)

    def show_again(self) -> None:
        """The language has changed."""
        self.changed.emit()

    def _answered(self, body: object) -> None:
        values = body.get("values") if isinstance(body, dict) else None
        if isinstance(values, dict):
            self._values = values
            self.changed.emit()

    def _refused(self, failure: Failure) -> None:
        self._link.trouble.emit(failure.message)
        self.changed.emit()  # controls go back to what is so
