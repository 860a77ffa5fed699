"""What went wrong and still matters: each with the one button that helps. For the share page and any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Property, QCoreApplication, QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication

from meadow_app.link.api import Failure, segment
from meadow_app.link.node import NodeLink
from meadow_app.link.said import said
from meadow_app.rows import Rows
from meadow_app.text.plain import one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate

_LENGTH = 800
PAGES = {"free_memory": "limits", "free_disk": "disk", "choose_model": "models", "check_settings": "settings"}
"""Remedies that are a place in the window: :attr:`Problems.asked` says which."""


def action_of(key: str, problem: Tree) -> str:
    """What the button does; empty: there is nothing to press, only to read.

    "retry" only where trying again is the person's to do: the node does so by itself for all else.
    """
    remedy = str(problem.get("remedy", ""))
    if problem.get("code") == "gated":
        return "token"
    if remedy in ("retry", "check_network", "free_memory") and key.startswith("model:"):
        return "fetch"
    if remedy in ("retry", "check_network") and (key == "share" or problem.get("server_id")):
        return "share"
    if remedy == "check_driver":
        return "doctor"
    if remedy == "start_demo":
        return "demo"
    if remedy == "copy_diagnostics":
        return "diagnostics"
    return PAGES.get(remedy, "")


def label_of(action: str) -> str:
    """What stands on the button."""
    return {
        "share": translate("Problems", "Try again"),
        "fetch": translate("Problems", "Try again"),
        "demo": translate("Problems", "Start the demo"),
        "token": translate("Problems", "Enter a hub token"),
        "limits": translate("Problems", "Change the limits"),
        "disk": translate("Problems", "Free the disk"),
        "models": translate("Problems", "Choose another model"),
        "settings": translate("Problems", "Open the settings"),
        "doctor": translate("Problems", "Run the checks"),
        "diagnostics": translate("Problems", "Copy diagnostics"),
    }.get(action, "")


def _of_runtime(problem: Tree) -> bool:
    return str(problem.get("code", "")).startswith("gpu_runtime")


def rows_of(problems: Mapping[str, Tree]) -> list[dict[str, Any]]:
    """The newest first."""
    newest = sorted(problems.items(), key=lambda item: (-float(item[1].get("last", 0)), item[0]))
    return [_row(key, problem) for key, problem in newest]


def _row(key: str, problem: Tree) -> dict[str, Any]:
    action, count = action_of(key, problem), int(problem.get("count", 1))
    told = str(problem.get("message", ""))
    message = said(str(problem.get("code", "")), told)
    return {
        "key": key,
        "message": one_line(message, _LENGTH),
        # What is said in the window's language says what helps, too.
        "advice": one_line(str(problem.get("advice", "")), _LENGTH) if message == told else "",
        "action": action,
        "label": label_of(action),
        "other": translate("Problems", "Use the processor instead") if _of_runtime(problem) else "",
        "times": "" if count < 2 else translate("Problems", "%n times", None, count),
    }


class Problems(QObject):
    """The problems of the tree, newest first."""

    changed = Signal()
    asked = Signal(str, str)
    """A place of the window (see :data:`PAGES`; "token") that helps, and the model that it is about or empty."""
    processorWanted = Signal()
    """Share with the processor, as the GPU runtime cannot be had."""
    copied = Signal()
    """The diagnostics are in the clipboard."""

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._rows = Rows(["message", "advice", "action", "label", "other", "times"], self)
        self._busy, self._report = "", ""
        link.mirror.changed.connect(self._tree_changed)
        self.show_again()

    rows = Property(QObject, lambda self: self._rows, constant=True)
    count = Property(int, lambda self: self._rows.count, notify=changed)
    busy = Property(str, lambda self: self._busy, notify=changed)
    """The key of the problem whose button is at work."""
    report = Property(str, lambda self: self._report, notify=changed)
    """What the checks found; empty when none were run, or the person has closed it."""

    def show_again(self) -> None:
        """The same problems in new words: the language has changed."""
        self._rows.update(rows_of(self._link.mirror.part("problems")))
        self.changed.emit()

    def _tree_changed(self, keys: object) -> None:
        if isinstance(keys, frozenset) and "problems" in keys:
            self.show_again()

    @Slot(str)
    def dismiss(self, key: str) -> None:
        """It was read: put it away."""
        self._link.api.delete(f"/api/problems/{segment(key)}").otherwise(self._failed)

    @Slot(str)
    def act(self, key: str) -> None:
        """Press its button."""
        problem = self._link.mirror.part("problems").get(key)
        if problem is None:
            return
        action = action_of(key, problem)
        model = key.removeprefix("model:") if key.startswith("model:") else ""
        if action == "share":
            shared = str(self._link.mirror.part("share").get("model") or "")
            self._work(key, self._link.api.post("/api/share", {"model": shared} if shared else {}))
        elif action == "fetch":
            self._work(key, self._link.api.post("/api/models/fetch", {"model": model}))
        elif action == "demo":
            self._work(key, self._link.api.post("/api/demo", {}))
        elif action in ("doctor", "diagnostics"):
            self._busy = key
            self.changed.emit()
            call = self._link.api.post("/api/doctor", {"self_test": False})
            call.then(lambda body: self._reported(body, action)).otherwise(self._failed)
        elif action:
            self.asked.emit(action, model)

    @Slot(str)
    def actOtherwise(self, key: str) -> None:
        """Press its second button: do without the GPU."""
        if _of_runtime(self._link.mirror.part("problems").get(key, {})):
            self.processorWanted.emit()

    @Slot()
    def copyReport(self) -> None:
        """The report of the checks into the clipboard."""
        self._copy(self._report)

    @Slot()
    def closeReport(self) -> None:
        """The person has read it."""
        self._report = ""
        self.changed.emit()

    def _work(self, key: str, call: Any) -> None:
        self._busy = key
        self.changed.emit()
        call.then(lambda _: self._worked(key)).otherwise(self._failed)

    def _worked(self, key: str) -> None:
        self._busy = ""
        self.changed.emit()
        self.dismiss(key)  # should it fail again, it comes again

    def _reported(self, body: object, action: str) -> None:
        self._busy = ""
        text = str(body.get("text", "")) if isinstance(body, dict) else ""
        if action == "doctor":
            self._report = text
        else:
            self._copy(text)
        self.changed.emit()

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.copied.emit()

    def _failed(self, failure: Failure) -> None:
        self._busy = ""
        self.changed.emit()
        # Somebody else was faster: it is gone already.
        if failure.status != 404:
            self._link.trouble.emit(failure.message)
