"""One model picker: what was typed, what is looked at, what it costs, and fetching it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Property, QCoreApplication, QObject, QUrl, Signal, Slot

from meadow_app import figures
from meadow_app.link.api import Call, Failure, segment
from meadow_app.models import catalogue, costs
from meadow_app.rows import Rows
from meadow_app.share.progress import Progress, of_transfer
from meadow_app.share.words import short_model
from meadow_app.text.plain import one_line

if TYPE_CHECKING:
    from meadow_app.models.models import Models

Tree = Mapping[str, Any]
translate = QCoreApplication.translate
_FETCH_CODES = ("gated",)


class Picker(QObject):
    """Made by ``Models.picker``. ``looked`` is the model whose facts are shown; choosing it comes next."""

    changed = Signal()
    chosen = Signal(str)
    """The person has chosen this model: an id of the hub, or the whole path of a folder."""

    def __init__(self, models: Models, purpose: str) -> None:
        super().__init__(models)
        self._models, self._purpose = models, purpose
        self._link = models.link
        self._rows = Rows(catalogue.ROLES, self)
        self._search, self._looked = "", ""
        self._taking = ""  # what is chosen once its facts are there
        self._info: Tree = {}
        self._failure: Failure | None = None
        self._call: Call | None = None
        self._asked_fetch, self._was_fetching = "", False
        models.changed.connect(self._show)

    # What is shown

    purpose = Property(str, lambda self: self._purpose, constant=True)
    rows = Property(QObject, lambda self: self._rows, constant=True)
    looked = Property(str, lambda self: self._looked, notify=changed)
    lookedName = Property(str, lambda self: short_model(self._looked), notify=changed)
    busy = Property(bool, lambda self: self._call is not None, notify=changed)
    facts = Property(str, lambda self: costs.facts_line(self._info), notify=changed)
    cost = Property(str, lambda self: self._cost(), notify=changed)
    trouble = Property(str, lambda self: self._trouble(), notify=changed)
    """Why it cannot be taken, in a sentence; empty when it can."""
    gated = Property(bool, lambda self: self._gated(), notify=changed)
    """Its owner must let the person in, and the hub must know who asks: a token helps."""
    missing = Property(str, lambda self: self._missing(), notify=changed)
    """The size of what has to be downloaded before it can be used; empty: nothing."""
    canChoose = Property(bool, lambda self: self._can_choose(), notify=changed)
    fetching = Property(bool, lambda self: self._fetching(), notify=changed)
    fraction = Property(float, lambda self: self._fraction(), notify=changed)
    """0 to 1 while fetching; negative: nobody knows."""
    progressText = Property(str, lambda self: self._progress().text, notify=changed)
    diskText = Property(str, lambda self: self._disk_text(), notify=changed)

    def _set_search(self, text: str) -> None:
        if text != self._search:
            self._search = text
            self._show()
            if text.strip() and not self._rows.count:
                self.look("")  # what is looked at is none of what was searched for

    search = Property(str, lambda self: self._search, _set_search, notify=changed)

    @Slot(str, result=str)
    def sectionName(self, section: str) -> str:
        """What stands above the models of one kind."""
        return catalogue.section_name(section)

    @Slot(str, result=str)
    def shortName(self, model: str) -> str:
        """What a model is called on a button: a folder by its last part."""
        return short_model(model)

    # What the person does

    @Slot(bool)
    def watch(self, watched: bool) -> None:
        """The picker opens or closes."""
        self._models.watch(watched)
        if watched:
            self._show()
            if self._looked:
                self.look(self._looked)

    @Slot(str)
    def look(self, model: str) -> None:
        """Show what this model is and costs."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._taking = ""
        if model != self._looked:
            self._looked, self._info, self._failure = model, {}, None
        if model:
            self._call = call = self._link.api.get("/api/models/info", {"model": model})
            call.then(lambda body: self._answered(call, body)).otherwise(lambda why: self._refused(call, why))
        self.changed.emit()

    @Slot(str)
    def take(self, model: str) -> None:
        """Choose this model as soon as it is known what it is; one that costs a download is only shown."""
        self.look(model)
        self._taking = model

    @Slot(QUrl)
    def lookFolder(self, folder: QUrl) -> None:
        """Show what the model in this folder is."""
        if path := folder.toLocalFile():
            self.look(path)

    @Slot()
    def choose(self) -> None:
        """Take what is looked at."""
        if self._can_choose():
            if self._listed().get("demo") and self._link.mirror.part("demo").get("status") in ("off", "failed"):
                self._link.api.post("/api/demo", {}).otherwise(self._tell)
            self.chosen.emit(self._looked)

    @Slot()
    def fetch(self) -> None:
        """Download what a chat with it needs; what is there already is not fetched again."""
        self._asked_fetch, self._failure = self._looked, None
        self.changed.emit()
        self._link.api.post("/api/models/fetch", {"model": self._looked}).otherwise(self._fetch_refused)

    @Slot()
    def cancel(self) -> None:
        """Stop fetching. What has come stays, so it can go on from there."""
        self._asked_fetch = ""
        self._link.api.delete(f"/api/downloads/{segment(self._download_key())}").otherwise(self._cancel_refused)
        self.changed.emit()

    @Slot(str)
    def free(self, model: str) -> None:
        """Delete what is on this disk of a model of the hub."""
        call = self._link.api.delete("/api/models/local", {"model": model})
        call.then(lambda _: self._freed(model)).otherwise(self._tell)

    def downloads_changed(self) -> None:
        """For ``Models``: something about downloads or problems is new in the tree."""
        fetching = self._download() is not None
        if self._was_fetching and not fetching and self._looked:
            self._asked_fetch = ""
            self.look(self._looked)  # it is there now, or the node says why not
        self._was_fetching = fetching
        self.changed.emit()

    # Inside

    def _show(self) -> None:
        self._rows.update(catalogue.rows(self._models.listed, self._search, self._purpose))
        self.changed.emit()

    def _listed(self) -> Tree:
        return next((one for one in self._models.listed if one.get("model") == self._looked), {})

    def _disk_free(self) -> float | None:
        return figures.quantity(self._link.mirror.part("machine"), "disk_free")

    def _disk_text(self) -> str:
        free = self._disk_free()
        return "" if free is None else translate("Models", "{size} free on the disk").format(size=figures.size(free))

    def _cost(self) -> str:
        if self._purpose == "share":
            return costs.share_cost(self._info)
        return costs.chat_cost(self._info, self._disk_free())

    def _problem(self) -> Tree:
        return self._link.mirror.part("problems").get(f"model:{self._looked}", {})

    def _gated(self) -> bool:
        codes = (self._failure.code if self._failure else "", self._problem().get("code"))
        return bool(self._info.get("gated")) or any(code in _FETCH_CODES for code in codes)

    def _trouble(self) -> str:
        if self._failure is not None:
            return one_line(self._failure.message, 600)
        if self._info and self._info.get("supported") is False:
            return one_line(str(self._info.get("reason") or ""), 600) or translate(
                "Models", "Meadow cannot run this model."
            )
        if self._info.get("reason"):
            return one_line(str(self._info["reason"]), 600)
        if self._problem() and not self._fetching():
            return one_line(str(self._problem().get("message", "")), 600)
        if self._purpose == "chat" and costs.too_large(self._info, self._disk_free()):
            return translate("Models", "There is not enough room on the disk. Free some, then try again.")
        return ""

    def _missing(self) -> str:
        missing = costs.missing_bytes(self._info)
        return figures.size(missing) if missing and self._purpose == "chat" else ""

    def _can_choose(self) -> bool:
        known = (
            bool(self._info.get("num_blocks")) and self._failure is None and self._info.get("supported") is not False
        )
        return bool(self._looked) and known and not self._fetching()

    def _download_key(self) -> str:
        return f"chat:{self._looked}"

    def _download(self) -> Tree | None:
        found = self._link.mirror.part("downloads").get(self._download_key())
        return found if isinstance(found, dict) else None

    def _fetching(self) -> bool:
        return self._download() is not None or (bool(self._asked_fetch) and self._asked_fetch == self._looked)

    def _progress(self) -> Progress:
        return of_transfer((self._download() or {}).get("progress") or {})

    def _fraction(self) -> float:
        fraction = self._progress().fraction
        return -1.0 if fraction is None else fraction

    def _answered(self, call: Call, body: object) -> None:
        if call is self._call:
            self._call, self._failure = None, None
            self._info = body if isinstance(body, dict) else {}
            self.changed.emit()
            taking, self._taking = self._taking, ""
            if taking and taking == self._looked and not self._missing():
                self.choose()

    def _refused(self, call: Call, failure: Failure) -> None:
        if call is self._call:
            self._call, self._info, self._failure = None, {}, failure
            self.changed.emit()

    def _fetch_refused(self, failure: Failure) -> None:
        self._asked_fetch, self._failure = "", failure
        self.changed.emit()

    def _cancel_refused(self, failure: Failure) -> None:
        if failure.status != 404:  # it was over already
            self._tell(failure)

    def _freed(self, model: str) -> None:
        self._models.refresh()
        if model == self._looked:
            self.look(model)

    def _tell(self, failure: Failure) -> None:
        self._link.trouble.emit(failure.message)
