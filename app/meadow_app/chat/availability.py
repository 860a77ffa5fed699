"""Whether the open chat can be asked something: how much of its model is up, who could read along, and the demo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Property, QCoreApplication, QObject, Signal, Slot

from meadow_app.chat import people
from meadow_app.link.said import said
from meadow_app.link.waiting import when_connected
from meadow_app.text.plain import one_line

if TYPE_CHECKING:
    from meadow_app.chat.conversation import Conversation
    from meadow_app.link.call import Failure
    from meadow_app.link.node import NodeLink

Tree = Mapping[str, Any]
translate = QCoreApplication.translate


class Availability(QObject):
    """Of the chat that ``current`` gives. ``changed`` is emitted by whoever knows that the chat or the tree changed."""

    changed = Signal()

    def __init__(self, link: NodeLink, current: Callable[[], Conversation], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link, self._current = link, current
        self._wanted, self._failure = False, ""
        self._choosing = ""  # the demo's model, until the chat has it
        self._chooser: Conversation | None = None
        self._waiting: Conversation | None = None  # its draft is sent when it can be answered
        link.mirror.changed.connect(self._tree_changed)
        link.statusChanged.connect(self._go_on)
        self.changed.connect(self._go_on)

    upText = Property(str, lambda self: people.up_text(self._model()), notify=changed)
    upKind = Property(str, lambda self: people.up_kind(self._model()), notify=changed)
    privacy = Property(str, lambda self: people.who_can_read(self._tree, self._model()), notify=changed)
    private = Property(bool, lambda self: people.stays_here(self._tree, self._model()), notify=changed)
    """Nothing of this chat leaves the machine, as things are now."""
    demo = Property(bool, lambda self: people.is_demo(self._tree, self._model()), notify=changed)
    """The chat asks the bundled model, which knows little but itself."""
    noModel = Property(bool, lambda self: self._no_model(), notify=changed)
    """Nothing can be asked: the model of the chat is not up, and no other is; or the wanted demo still starts."""
    demoMissing = Property(bool, lambda self: self._demo_missing(), notify=changed)
    """This chat asks the bundled model, and the demo that serves it is not up."""
    demoStatus = Property(str, lambda self: str(self._demo.get("status", "off")), notify=changed)
    demoBusy = Property(bool, lambda self: self._wanted or self._demo.get("status") == "starting", notify=changed)
    demoText = Property(str, lambda self: self._demo_text(), notify=changed)
    canAnswer = Property(bool, lambda self: bool(self._model().get("complete")), notify=changed)
    """All of the chat's model is up."""
    looking = Property(bool, lambda self: self._looking(), notify=changed)
    """It is not known yet what is up."""
    canAsk = Property(bool, lambda self: self._can_ask(), notify=changed)
    """There is a text that can be sent, now or later."""
    queued = Property(str, lambda self: self._queued(), notify=changed)
    """What was written is sent later: when, in a sentence; empty: nothing waits."""
    demoFraction = Property(float, lambda self: self._demo_fraction(), notify=changed)

    @Slot()
    def startDemo(self) -> None:
        """Start the demo beside the joined swarm. A chat whose model is not up asks the demo's then."""
        self._wanted, self._failure = True, ""
        call = when_connected(self._link, lambda: self._link.api.post("/api/demo"))
        call.then(lambda _: self._look()).otherwise(self._refused)
        self.changed.emit()

    @Slot()
    def send(self) -> None:
        """Ask what was written: now, or as soon as what is starting has started."""
        chat = self._current()
        if not str(chat.draft).strip() or chat.is_writing:
            return
        if self._coming():
            self._waiting = chat
            self.changed.emit()
        else:
            chat.send()

    @Slot()
    def keep(self) -> None:
        """Do not send it; the text stays."""
        self._waiting = None
        self.changed.emit()

    # Inside

    def _coming(self) -> bool:
        """Whether sending now would be too early, and later will do."""
        if str(self._link.status) in ("starting", "lost"):
            return True
        if str(self._link.status) != "connected" or self._model().get("complete"):
            return bool(self._choosing)
        return self._wanted or bool(self._choosing) or self._demo.get("status") == "starting"

    def _can_ask(self) -> bool:
        chat = self._current()
        if self._coming():
            return bool(str(chat.draft).strip()) and not chat.is_writing and self._waiting is not chat
        return bool(chat.canSend)

    def _queued(self) -> str:
        if self._waiting is None or self._waiting is not self._current():
            return ""
        if str(self._link.status) != "connected":
            return translate("Chat", "Your message is sent as soon as Meadow is ready.")
        return translate("Chat", "Your message is sent as soon as the demo is ready.")

    def _looking(self) -> bool:
        if str(self._link.status) in ("starting", "lost"):
            return True
        swarm = self._link.mirror.part("swarm")
        return str(self._link.status) == "connected" and not swarm.get("models") and swarm.get("status") == "joining"

    def _go_on(self) -> None:
        """Whether what waits can be sent, or will never be."""
        chat = self._current()
        if self._choosing and (chat is not self._chooser or chat.problem or str(chat.model) == self._choosing):
            self._choosing, self._chooser = "", None
        waiting = self._waiting
        if waiting is None:
            return
        failed = str(self._link.status) == "failed" or bool(self._failure)
        if waiting is not self._current() or not str(waiting.draft).strip() or failed:
            self._waiting = None
            self.changed.emit()
        elif not self._coming() and waiting.canSend:
            self._waiting = None
            waiting.send()
            self.changed.emit()

    @property
    def _tree(self) -> Tree:
        return self._link.mirror.tree

    @property
    def _demo(self) -> Tree:
        return self._link.mirror.part("demo")

    def _model(self) -> Tree:
        return people.find_model(self._tree, str(self._current().model))

    def _no_model(self) -> bool:
        if self._wanted:
            return not self._model().get("complete")
        if str(self._link.status) != "connected" or not self._tree or self._model().get("complete"):
            return False
        return not people.default_model(self._tree)

    def _demo_missing(self) -> bool:
        if str(self._link.status) != "connected" or self._model().get("complete"):
            return False
        if self._current().chat.get("model"):
            return people.means_demo(self._tree, str(self._current().model))
        if str(self._current().problemCode) == "demo_off":
            return True
        # What answered here may have been the demo, and nobody else can.
        return bool(self._demo.get("interrupted")) and not people.default_model(self._tree)

    def _demo_text(self) -> str:
        if self._failure:
            return self._failure
        if message := self._demo.get("message"):
            return one_line(said(str(self._demo.get("code") or ""), str(message)), 400)
        if self._wanted or self._demo.get("status") == "starting":
            return translate("Chat", "The demo is starting; that takes some seconds.")
        if self._demo.get("interrupted"):
            return translate("Chat", "The demo was on when Meadow ended. It does not start again by itself.")
        return ""

    def _demo_fraction(self) -> float:
        steps = self._demo.get("steps") or 0
        return min(1.0, (self._demo.get("step") or 0) / steps) if steps else 0.0

    def _refused(self, failure: Failure) -> None:
        self._wanted, self._failure = False, one_line(failure.message, 400)
        self.changed.emit()

    def _tree_changed(self, keys: frozenset[str]) -> None:
        if keys & {"demo", "swarm"}:
            self._look()

    def _look(self) -> None:
        """Whether what was wanted is there."""
        status, model = self._demo.get("status"), self._demo.get("model")
        if status == "failed":
            self._wanted, self._waiting = False, None
        elif self._wanted and status == "ready" and model and people.find_model(self._tree, str(model)).get("complete"):
            self._wanted = False
            if not self._current().chat.get("model") or not self._model().get("complete"):
                self._choosing, self._chooser = str(model), self._current()
                self._current().chooseModel(str(model))
        if status == "ready" and str(self._current().problemCode) == "demo_off":
            self._current().dismissProblem()  # it is true no longer
        self.changed.emit()
