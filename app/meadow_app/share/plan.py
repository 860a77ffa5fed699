"""What sharing would do to this machine and for the swarm, said before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Property, QCoreApplication, QObject, Signal, Slot

from meadow_app import figures
from meadow_app.link.api import Call, Failure
from meadow_app.link.node import NodeLink
from meadow_app.share.words import short_model
from meadow_app.text.plain import one_line

translate = QCoreApplication.translate
Tree = Mapping[str, Any]


def sentence(plan: Tree) -> str:
    """What would be hosted and what changes for the swarm; numbers that nobody knows are left out."""
    machine = one_line(str(plan.get("device_name") or ""), 80)
    free = figures.quantity(plan, "memory_free")
    if not machine:
        who = translate("SharePlan", "This computer")
    elif free is None:
        who = translate("SharePlan", "Your {device}").format(device=machine)
    else:
        who = translate("SharePlan", "Your {device} ({size} free)").format(device=machine, size=figures.size(free))
    number, all_blocks = int(plan.get("end", 0)) - int(plan.get("start", 0)), int(plan.get("num_blocks", 0))
    hosts = translate("SharePlan", "{who} would host {number} of {all} blocks of {model}").format(
        who=who, number=number, all=all_blocks, model=short_model(str(plan.get("model", "")))
    )
    before, after = figures.quantity(plan, "swarm_before"), figures.quantity(plan, "swarm_after")
    if after is None:
        return translate("SharePlan", "{hosts}.").format(hosts=hosts)
    if before is None:
        text = translate("SharePlan", "{hosts}; the swarm would then reach {after}.")
        return text.format(hosts=hosts, after=figures.speed(after))
    text = translate("SharePlan", "{hosts} and lift the swarm from {before} to {after}.")
    return text.format(hosts=hosts, before=figures.decimal(before), after=figures.speed(after))


def costs(plan: Tree) -> str:
    """What it takes: memory, and what has to be downloaded first."""
    memory, download = figures.quantity(plan, "memory_bytes"), figures.quantity(plan, "download_bytes")
    if memory is None and download is None:
        return ""
    if not download:
        text = "" if memory is None else translate("SharePlan", "It would use {memory} of memory.")
        if download == 0 and memory is not None:
            text = translate("SharePlan", "It would use {memory} of memory; nothing has to be downloaded.")
        return text.format(memory=figures.size(memory or 0))
    if memory is None:
        return translate("SharePlan", "It would download {download} first.").format(download=figures.size(download))
    text = translate("SharePlan", "It would download {download} first and use {memory} of memory.")
    return text.format(download=figures.size(download), memory=figures.size(memory))


class Plan(QObject):
    """The plan for one model, asked for when somebody looks. Only the last question counts."""

    changed = Signal()

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._call: Call | None = None
        self._plan: Tree = {}
        self._failure = ""

    @Slot(str)
    def look(self, model: str = "") -> None:
        """Ask what sharing ``model`` would do; without one the node proposes what the swarm lacks."""
        if self._call is not None:
            self._call.cancel()
        self._call = self._link.api.get("/api/share/plan", {"model": model} if model else None)
        call = self._call
        call.then(lambda body: self._answered(call, body)).otherwise(lambda failure: self._refused(call, failure))
        self.changed.emit()

    def forget(self) -> None:
        """Nobody looks any more, or it is out of date."""
        if self._call is not None:
            self._call.cancel()
        self._call, self._plan, self._failure = None, {}, ""
        self.changed.emit()

    @property
    def plan(self) -> Tree:
        """As the node says it; empty when there is none."""
        return self._plan

    busy = Property(bool, lambda self: self._call is not None, notify=changed)
    known = Property(bool, lambda self: bool(self._plan.get("num_blocks")), notify=changed)
    model = Property(str, lambda self: str(self._plan.get("model") or ""), notify=changed)
    text = Property(str, lambda self: self._text(), notify=changed)
    costs = Property(str, lambda self: costs(self._plan) if self._hosts() else "", notify=changed)

    def _hosts(self) -> bool:
        return int(self._plan.get("end") or 0) > int(self._plan.get("start") or 0)

    def _text(self) -> str:
        if self._failure:
            return self._failure
        if self._hosts():
            return sentence(self._plan)
        return one_line(str(self._plan.get("text") or ""), 600)

    def _answered(self, call: Call, body: object) -> None:
        if call is self._call:
            self._call, self._failure = None, ""
            self._plan = body if isinstance(body, dict) else {}
            self.changed.emit()

    def _refused(self, call: Call, failure: Failure) -> None:
        if call is self._call:
            self._call, self._plan, self._failure = None, {}, one_line(failure.message, 600)
            self.changed.emit()
