"""The first minute: two sentences, one choice, and who can read what. Shown once; it can be skipped at any step.

Nothing happens before the person chose. The demo runs on this machine alone, a swarm that is joined by address becomes
the setting ``initial_peers`` (and the node starts anew, because it counts from then), and nothing here shares.
"""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import Property, QObject, Signal, Slot

from meadow_app.link.waiting import when_connected
from meadow_app.settings.preferences import Preferences, preferences_of

VERSION: Final = 1
"""Grows when people who have seen it should see it again."""
_SEEN: Final = "onboarding"
_LONGEST_ADDRESS: Final = 400


class Onboarding(QObject):
    """``step`` is "choose", "join" or "readers"; ``finished`` tells what was chosen: demo, join or later."""

    changed = Signal()
    finished = Signal(str)

    def __init__(self, link: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._preferences: Preferences = preferences_of(link)
        self._step, self._choice = "choose", ""
        self._error = ""
        self._call: Any = None
        self._restarting = False
        link.mirror.changed.connect(self._mirrored)
        link.statusChanged.connect(self._status_changed)

    def _is_needed(self) -> bool:
        seen = self._preferences.recall(_SEEN)
        return not isinstance(seen, int) or seen < VERSION

    needed = Property(bool, _is_needed, notify=changed)
    step = Property(str, lambda self: self._step, notify=changed)
    choice = Property(str, lambda self: self._choice, notify=changed)
    error = Property(str, lambda self: self._error, notify=changed)
    busy = Property(bool, lambda self: self._call is not None or self._restarting, notify=changed)
    connected = Property(bool, lambda self: self._link.status == "connected", notify=changed)

    def _demo(self) -> dict[str, Any]:
        demo = self._link.mirror.part("demo")
        return demo if isinstance(demo, dict) else {}

    demoStatus = Property(str, lambda self: str(self._demo().get("status", "off")), notify=changed)
    """off, starting, ready or failed."""
    demoModel = Property(str, lambda self: str(self._demo().get("model", "")), notify=changed)
    demoMessage = Property(str, lambda self: str(self._demo().get("message", "")), notify=changed)

    def _share_of_way(self) -> float:
        demo = self._demo()
        if demo.get("status") == "ready":
            return 1.0
        return demo.get("step", 0) / demo["steps"] if demo.get("steps") else 0.0

    demoProgress = Property(float, _share_of_way, notify=changed)

    def _join_text(self) -> str:
        status = self._link.mirror.part("swarm").get("status", "")
        if self._restarting or self._link.status != "connected":
            return self.tr("The node starts again with this address…")
        return {
            "joined": self.tr("Your computer is in the swarm. It shares nothing yet."),
            "alone": self.tr("Nobody answers at this address yet. Meadow goes on trying by itself."),
        }.get(status, self.tr("Joining the swarm…"))

    joinText = Property(str, _join_text, notify=changed)

    # What the person does

    @Slot()
    def chooseDemo(self) -> None:
        """Chat on this machine: start the demo, and meanwhile say who can read what."""
        self._choice, self._error = "demo", ""
        self._begin("readers")
        self._ask(lambda: self._link.api.post("/api/demo"), lambda _: None)

    @Slot()
    def chooseJoin(self) -> None:
        """Join a swarm: ask for the address of one of its peers."""
        self._choice, self._error = "join", ""
        self._begin("join")

    @Slot(str)
    def join(self, address: str) -> None:
        """Keep the address and start the node anew with it. What is no address stays in the field, with why."""
        if self._call is not None:
            return
        address = address.strip()
        if not address or len(address) > _LONGEST_ADDRESS:
            self._refuse(self.tr("Paste the address that somebody of the swarm gave you."))
            return
        self._error = ""
        self._ask(lambda: self._link.api.patch("/api/settings", {"initial_peers": [address]}), self._kept)

    @Slot()
    def back(self) -> None:
        """To the choice again. A demo that was begun ends: it was for this."""
        if self._choice == "demo":
            self._link.api.delete("/api/demo")
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._choice, self._error = "", ""
        self._begin("choose")

    @Slot()
    def tryAgain(self) -> None:
        """The demo did not start: once more."""
        self._error = ""
        self._ask(lambda: self._link.api.post("/api/demo"), lambda _: None)

    @Slot()
    def done(self) -> None:
        """Into the app; it is not shown again."""
        self._finish(self._choice or "later")

    @Slot()
    def skip(self) -> None:
        """Not now, and not again. What was begun goes on."""
        self._finish(self._choice if self._step == "readers" else "later")

    # What comes of it

    def _begin(self, step: str) -> None:
        self._step = step
        self.changed.emit()

    def _finish(self, choice: str) -> None:
        self._preferences.remember(_SEEN, VERSION)
        self._preferences.flush()
        self.changed.emit()
        self.finished.emit(choice)

    def _ask(self, ask: Any, then: Any) -> None:
        self._call = call = when_connected(self._link, ask)  # who is quick has chosen before the node is there

        def answered(body: Any) -> None:
            self._call = None
            then(body)
            self.changed.emit()

        def failed(failure: Any) -> None:
            self._call = None
            if self._choice == "join" and failure.code == "invalid_value":
                self._refuse(
                    self.tr("This is no address of a peer. It looks like %1.").replace(
                        "%1", "/ip4/192.0.2.7/tcp/31337/p2p/12D3Koo…"
                    )
                )
            else:
                self._refuse(failure.message)

        call.then(answered).otherwise(failed)
        self.changed.emit()

    def _refuse(self, message: str) -> None:
        self._error = message
        self.changed.emit()

    def _kept(self, body: Any) -> None:
        self._begin("readers")
        self._restarting = True
        call = self._link.stop_node()
        call.otherwise(lambda failure: self._not_restarted(failure.message))

    def _not_restarted(self, message: str) -> None:
        self._restarting = False
        self._refuse(message)

    def _status_changed(self) -> None:
        if self._restarting and self._link.status == "failed":  # it has ended, as it was told to
            self._restarting = False
            self._link.retry()
        self.changed.emit()

    def _mirrored(self, parts: Any) -> None:
        if parts & {"demo", "swarm"}:
            self.changed.emit()

    def retranslate(self) -> None:
        """The language is another one."""
        self.changed.emit()
