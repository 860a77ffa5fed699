"""The swarm page: where this node stands in its swarm, the models, and the picture of the one that is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Property, QCoreApplication, QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication

from meadow_app.link.node import NodeLink
from meadow_app.rows import Rows
from meadow_app.swarm import picture
from meadow_app.text.plain import one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate

_SHAPES = {"off": "ring", "joining": "arc", "rejoining": "arc", "joined": "check", "alone": "ring"}
_MOST_TICKS = 16


class Swarm(QObject):
    """View-model of the page. Nothing is computed for models that nobody looks at, but a line each."""

    changed = Signal()
    ticksChanged = Signal()

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._chosen = ""
        self._ticks: list[int] = [0]
        self._watched = False
        self._drawn: Tree | None = None
        self._drawn_key = ""
        self._known: dict[str, tuple[Tree, dict[str, Any]]] = {}
        self._models = Rows(picture.MODEL_ROLES, self)
        self._servers = Rows(picture.ROW_ROLES, self)
        self._gaps = Rows(picture.GAP_ROLES, self)
        self._coverage = Rows(picture.COVERAGE_ROLES, self)
        link.mirror.changed.connect(self._tree_changed)
        link.statusChanged.connect(self.changed)

    # The swarm

    status = Property(str, lambda self: self._status, notify=changed)
    shape = Property(str, lambda self: _SHAPES.get(self.status, "ring"), notify=changed)
    word = Property(str, lambda self: self._word(), notify=changed)
    message = Property(str, lambda self: self._message(), notify=changed)
    """Why it is not joined, in the words of the node; empty when it is, and where ``advice`` says it."""
    advice = Property(str, lambda self: self._advice(), notify=changed)
    demo = Property(bool, lambda self: self._demo, notify=changed)
    addresses = Property(list, lambda self: self._addresses(), notify=changed)
    """What others give as initial peers to meet this node."""
    local = Property(bool, lambda self: all(_is_local(one) for one in self._addresses()), notify=changed)
    """No address of these can be reached from another machine."""

    # Its models

    models = Property(QObject, lambda self: self._models, constant=True)
    chosen = Property(str, lambda self: self._chosen, notify=changed)
    name = Property(str, lambda self: self._names().get(self._chosen, ""), notify=changed)
    summary = Property(str, lambda self: picture.summary(self._model) if self._model else "", notify=changed)
    healthy = Property(bool, lambda self: bool(self._model.get("complete")), notify=changed)
    blocks = Property(int, lambda self: picture.num_blocks(self._model), notify=changed)
    servers = Property(QObject, lambda self: self._servers, constant=True)
    gaps = Property(QObject, lambda self: self._gaps, constant=True)
    coverage = Property(QObject, lambda self: self._coverage, constant=True)
    """For each block how strongly it is served, 0 (nobody) to 1."""
    ticks = Property(list, lambda self: self._ticks, notify=ticksChanged)
    """The blocks that have their number written above them."""

    @Slot(bool)
    def watch(self, watched: bool) -> None:
        """The page appears or goes."""
        self._watched = watched
        if watched:
            self._show()

    @Slot(str)
    def choose(self, fingerprint: str) -> None:
        """Look at this model."""
        if fingerprint in self._swarm.get("models", {}):
            self._chosen = fingerprint
            self._show()

    @Slot(str)
    def copy(self, text: str) -> None:
        """Into the clipboard."""
        QGuiApplication.clipboard().setText(text)

    @Slot()
    def retranslate(self) -> None:
        """The language has changed."""
        self._drawn, self._known = None, {}
        self._show()

    @property
    def _swarm(self) -> Tree:
        return self._link.mirror.part("swarm")

    @property
    def _status(self) -> str:
        return str(self._swarm.get("status", "off"))

    @property
    def _demo(self) -> bool:
        return bool(self._swarm.get("demo"))

    @property
    def _model(self) -> Tree:
        model: Tree = self._swarm.get("models", {}).get(self._chosen, {})
        return model

    def _tree_changed(self, keys: object) -> None:
        if isinstance(keys, frozenset) and "swarm" in keys:
            self._show()

    def _show(self) -> None:
        if self._watched:
            models = self._swarm.get("models", {})
            self._known = {key: known for key, known in self._known.items() if key in models}
            names = self._names()
            rows = [{**self._row(key, model), "name": names[key]} for key, model in picture.ordered(models)]
            self._models.update(rows)
            if self._chosen not in models:
                self._chosen = self._models.rows[0]["key"] if self._models.rows else ""
            if self._model is not self._drawn:
                same = self._drawn is not None and self._chosen == self._drawn_key
                self._drawn, self._drawn_key = self._model, self._chosen
                for shown, rows in (
                    (self._servers, picture.server_rows(self._model)),
                    (self._gaps, picture.gap_rows(self._model)),
                    (self._coverage, picture.coverage_rows(self._model)),
                ):
                    # The rows of another model do not leave: they would fade away over those of this one.
                    shown.update(rows) if same else shown.replace(rows)
        ticks = self._tick_list()
        if ticks != self._ticks:
            self._ticks = ticks
            self.ticksChanged.emit()
        self.changed.emit()

    def _names(self) -> dict[str, str]:
        return picture.names(self._swarm.get("models", {}))

    def _row(self, key: str, model: Tree) -> dict[str, Any]:
        """The row of a model. What did not change is the same object in the next tree, and need not be made again."""
        known = self._known.get(key)
        if known is None or known[0] is not model:
            known = self._known[key] = (model, picture.model_row(key, model))
        return known[1]

    def _word(self) -> str:
        if self._demo and self._status == "joined":
            return translate("Swarm", "The demo swarm of this computer")
        return {
            "off": translate("Swarm", "Not joined"),
            "joining": translate("Swarm", "Joining"),
            "joined": translate("Swarm", "Joined"),
            "rejoining": translate("Swarm", "Joining again"),
            "alone": translate("Swarm", "Alone"),
        }.get(self._status, one_line(self._status, 60))

    def _message(self) -> str:
        # Nobody else is there: nothing is wrong, and what can be done is said in words that need no terminal.
        if self._status == "alone" and (self._swarm.get("first") or self._swarm.get("code") == "no_peers"):
            return ""
        return one_line(str(self._swarm.get("message") or ""), 600)

    def _advice(self) -> str:
        """What the status means for the person, and what they can do."""
        if self._status == "joined":
            peers = self._swarm.get("num_peers")
            if peers is None:
                return ""
            if peers == 1:
                return translate("Swarm", "1 other peer is known.")
            return translate("Swarm", "%n other peers are known.", None, int(peers))
        if self._status == "alone" and self._swarm.get("first"):
            return translate(
                "Swarm",
                "Nobody else is here yet: for now this computer is a swarm of its own, and can already share. To join "
                "others, put the address of one of their computers into the settings, as an initial peer; or give "
                "somebody an address of this one.",
            )
        return {
            "off": translate("Swarm", "Meadow has not joined a swarm yet."),
            "joining": translate("Swarm", "Meadow looks for the peers it was told of."),
            "rejoining": translate("Swarm", "The connection was lost. Meadow goes on trying by itself."),
            "alone": translate(
                "Swarm",
                "No other peer answers. Put the address of somebody's computer into the settings, as an initial peer, "
                "or give somebody an address of this one.",
            ),
        }.get(self._status, "")

    def _addresses(self) -> list[str]:
        return [one_line(str(address), 400) for address in self._swarm.get("addresses") or []][:16]

    def _tick_list(self) -> list[int]:
        blocks = picture.num_blocks(self._model)
        for step in (1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 200, 500, 1000):
            if blocks / step <= _MOST_TICKS:
                return list(range(0, blocks, step))
        return [0]


def _is_local(address: str) -> bool:
    return address.startswith(("/ip4/127.", "/ip6/::1/"))
