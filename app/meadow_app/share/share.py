"""Sharing this machine: one state, one word, one reason, three verbs; and all that the share page shows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from PySide6.QtCore import Property, QCoreApplication, QObject, QTimer, Signal, Slot

from meadow_app import figures
from meadow_app.link.api import Call, Failure
from meadow_app.link.node import NodeLink
from meadow_app.rows import Rows
from meadow_app.share import hosted, words
from meadow_app.share.choice import Choice
from meadow_app.share.contributions import Contributions
from meadow_app.share.plan import Plan
from meadow_app.share.problems import Problems
from meadow_app.share.progress import Progress, of_runtime, of_start

translate = QCoreApplication.translate

MORNING = 8
"""The hour that "tomorrow" begins at, as for ``meadow pause --until tomorrow``."""
HOUR_SECONDS = 3600.0
_AGAIN_MS = 10_000
_SHOWN = frozenset(("share", "servers", "sessions", "downloads", "machine", "node"))


def seconds_until_tomorrow(now: datetime) -> float:
    """Until eight in the morning. ``now``: local time, with its zone."""
    day = (now + timedelta(days=1)).replace(hour=MORNING, minute=0, second=0, microsecond=0)
    # The clocks may change in the night: the same time on the wall, with the zone of that day.
    return (day.replace(tzinfo=None).astimezone() - now).total_seconds()


class Share(QObject):
    """See the module's text. ``on`` is what the person wants, ``state`` what is so."""

    changed = Signal()
    modelWanted = Signal()
    """Sharing was asked for, but nobody knows of which model: let the person choose one."""

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._asked: bool | None = None
        self._plan, self._choice = Plan(link, self), Choice(link, self)
        self._problems, self._contributions = Problems(link, self), Contributions(link, self)
        self._servers = Rows(hosted.SERVER_ROLES, self)
        self._users = Rows(hosted.USER_ROLES, self)
        self._tiles = Rows(hosted.TILE_ROLES, self)
        self._watched = False
        self._timer = QTimer(self, interval=_AGAIN_MS)
        self._timer.timeout.connect(self._show)
        link.mirror.changed.connect(self._tree_changed)
        link.statusChanged.connect(self.changed)
        link.connected.connect(self._connected)
        self._choice.changed.connect(self._choice_changed)
        self._plan.changed.connect(self.changed)
        self._problems.processorWanted.connect(self.useProcessor)
        self._contributions.changed.connect(self._show)
        self._show()

    # What the page and the card show

    state = Property(str, lambda self: self._state, notify=changed)
    shape = Property(str, lambda self: words.SHAPES[self.state], notify=changed)
    """Of the icon: states differ in shape, not only in colour."""
    reason = Property(str, lambda self: str(self._share.get("reason", "")), notify=changed)
    word = Property(str, lambda self: words.word(self.state), notify=changed)
    text = Property(str, lambda self: words.sentence(self._share, self._tree_servers), notify=changed)
    brief = Property(str, lambda self: words.reason(self._share, self._tree_servers), notify=changed)
    """The same below the word of the state, which it does not say again."""
    interrupted = Property(str, lambda self: self._interrupted(), notify=changed)
    """What was shared when Meadow ended, in a sentence; empty: nothing, or the person knows."""
    canApply = Property(bool, lambda self: self.available and self._wanted == "on", notify=changed)
    """Something is shared with the limits of its beginning; new ones can be taken over."""
    canUseProcessor = Property(bool, lambda self: self.canApply and self.reason == "gpu_runtime", notify=changed)
    """It waits for the GPU runtime; the processor could begin now."""
    until = Property(str, lambda self: self._until(), notify=changed)
    """When a pause or the finishing ends; empty when neither does."""
    available = Property(bool, lambda self: self._available, notify=changed)
    on = Property(bool, lambda self: self._on(), notify=changed)
    paused = Property(bool, lambda self: self._wanted == "paused", notify=changed)
    finishing = Property(bool, lambda self: self._wanted == "finishing", notify=changed)
    failed = Property(bool, lambda self: self._wanted == "on" and self._state == "problem", notify=changed)
    """The person wants to share, and it went wrong."""
    starting = Property(bool, lambda self: self.state == "starting", notify=changed)
    canPause = Property(bool, lambda self: self.available and self._wanted == "on", notify=changed)
    canFinish = Property(bool, lambda self: self.available and self._wanted in ("on", "paused"), notify=changed)
    fraction = Property(float, lambda self: self._fraction(), notify=changed)
    """0 to 1 while starting; negative: under way, nobody knows how far."""
    progressText = Property(str, lambda self: self._progress().text, notify=changed)
    model = Property(str, lambda self: self._model(), notify=changed)
    """What is shared, or would be; empty: nobody has chosen."""
    modelName = Property(str, lambda self: words.short_model(self._model()), notify=changed)

    plan = Property(QObject, lambda self: self._plan, constant=True)
    problems = Property(QObject, lambda self: self._problems, constant=True)
    contributions = Property(QObject, lambda self: self._contributions, constant=True)
    servers = Property(QObject, lambda self: self._servers, constant=True)
    users = Property(QObject, lambda self: self._users, constant=True)
    tiles = Property(QObject, lambda self: self._tiles, constant=True)

    # What the person does

    @Slot()
    def turnOn(self) -> None:
        """Share; also after a pause."""
        if self._wanted == "paused":
            self._tell("/api/resume", {}, on=True)
        elif model := self._model():
            self._tell("/api/share", {"model": model}, on=True)
        else:
            self.modelWanted.emit()
            self.changed.emit()

    @Slot()
    def pauseHour(self) -> None:
        """Give the machine back for an hour."""
        self._tell("/api/pause", {"seconds": HOUR_SECONDS}, on=False)

    @Slot()
    def pauseUntilTomorrow(self) -> None:
        """Give the machine back until tomorrow morning."""
        self._tell("/api/pause", {"seconds": seconds_until_tomorrow(datetime.now().astimezone())}, on=False)

    @Slot()
    def pause(self) -> None:
        """Give the machine back until the person resumes."""
        self._tell("/api/pause", {}, on=False)

    @Slot()
    def finish(self) -> None:
        """Finish what is running, then stop."""
        self._tell("/api/finish", {}, on=False)

    @Slot()
    def stopNow(self) -> None:
        """Cancel what is starting, or end what is finishing now."""
        self._tell("/api/finish", {"seconds": 0}, on=False)

    @Slot()
    def shareAgain(self) -> None:
        """Go on with what was shared when Meadow ended, with the limits that are set."""
        if model := str(self._share.get("interrupted") or ""):
            self._tell("/api/share", {"model": model}, on=True)

    @Slot()
    def forgetInterrupted(self) -> None:
        """The person knows."""
        self._link.api.delete("/api/interrupted").otherwise(self._refused)

    @Slot()
    def applyNow(self) -> None:
        """Take over the limits as they are now: open sessions end within a minute, then it is shared anew."""
        self._tell("/api/share/anew", {}, on=True)

    @Slot()
    def useProcessor(self) -> None:
        """Share with the processor instead of the GPU, from now on."""
        call = self._link.api.patch("/api/settings", {"share.device": "cpu"})
        call.then(lambda _: self._on_processor()).otherwise(self._refused)

    def _on_processor(self) -> None:
        if self._wanted == "on":
            self._tell("/api/share/anew", {"seconds": 0}, on=True)
        else:
            model = str(self._share.get("model") or "") or self._model()
            self._tell("/api/share", {"model": model} if model else {}, on=True)

    @Slot(bool)
    def turn(self, on: bool) -> None:
        """The switch. Off is gentle: what runs is finished, and what only starts is given up."""
        if on:
            self.turnOn()
        elif self._state == "starting":
            self.stopNow()
        else:
            self.finish()

    @Slot(str)
    def choose(self, model: str) -> None:
        """Share this model from the next time on."""
        self._choice.put(model)

    @Slot()
    def settingsChanged(self) -> None:
        """Somebody changed settings in this window: the plan and the model may be others now."""
        self._choice.read()
        self._look()

    @Slot(bool)
    def watch(self, watched: bool) -> None:
        """A page that shows this appears or goes: what costs the node work is only asked for then."""
        self._watched = watched
        self._contributions.watch(watched)
        if watched:
            self._timer.start()
            self._choice.read()
            self._look()
        else:
            self._timer.stop()

    @Slot()
    def retranslate(self) -> None:
        """The language has changed."""
        self._contributions.show_again()
        self._problems.show_again()
        self._plan.changed.emit()
        self._show()

    # Inside

    @property
    def _share(self) -> Mapping[str, Any]:
        return self._link.mirror.part("share")

    @property
    def _state(self) -> str:
        return words.state_of(self._share)

    @property
    def _available(self) -> bool:
        return str(self._link.status) == "connected"

    @property
    def _chosen(self) -> str:
        return str(self._choice.model)

    @property
    def _wanted(self) -> str:
        return str(self._share.get("wanted", "off"))

    @property
    def _tree_servers(self) -> list[Mapping[str, Any]]:
        return list(self._link.mirror.part("servers").values())

    def _on(self) -> bool:
        return self._asked if self._asked is not None else self._wanted == "on"

    def _model(self) -> str:
        shared = str(self._share.get("model") or "") if self._wanted != "off" else ""
        return shared or self._chosen or str(self._plan.model)

    def _interrupted(self) -> str:
        model = str(self._share.get("interrupted") or "")
        if not model or self._wanted != "off":
            return ""
        text = translate("Share", "You were sharing {model} when Meadow ended. It does not begin again by itself.")
        return text.format(model=words.short_model(model))

    def _until(self) -> str:
        until, now = figures.quantity(self._share, "until"), time.time()
        if until is None or until <= now:
            return ""
        if self._state == "waiting":
            return translate("Share", "Until {time}.").format(time=figures.moment(until, now))
        return translate("Share", "At the latest at {time} that is over.").format(time=figures.moment(until, now))

    def _progress(self) -> Progress:
        if self._state != "starting":
            return Progress(None, "")
        downloads = self._link.mirror.part("downloads").values()
        runtime = of_runtime(self._link.mirror.part("share"))
        return runtime or of_start(self._tree_servers, downloads) or Progress(None, "")

    def _fraction(self) -> float:
        fraction = self._progress().fraction
        return -1.0 if fraction is None else fraction

    def _tell(self, path: str, body: dict[str, Any], *, on: bool) -> None:
        self._asked = on  # the switch stays where it was put until the tree says what came of it
        self.changed.emit()
        call: Call = self._link.api.post(path, body)
        call.then(lambda _: self._settled()).otherwise(self._refused)

    def _settled(self) -> None:
        self._asked = None
        self.changed.emit()

    def _refused(self, failure: Failure) -> None:
        self._settled()
        self._link.trouble.emit(failure.message)

    def _tree_changed(self, keys: object) -> None:
        if not isinstance(keys, frozenset):
            return
        if "swarm" in keys and not self._plan.known and not self._plan.busy:
            self._look()  # what was refused because nobody knew the swarm yet may be known now
        if not keys & _SHOWN:
            return
        if "share" in keys:
            self._asked = None
            self._look()
        self._show()

    def _show(self) -> None:
        tree, now = self._link.mirror.tree, time.time()
        self._servers.update(hosted.server_rows(tree, now))
        self._users.update(hosted.user_rows(tree, now))
        self._tiles.update(hosted.tiles(tree, self._contributions.tokens_today))
        self.changed.emit()

    def _connected(self) -> None:
        self._asked = None
        self._look()
        self.changed.emit()

    def _choice_changed(self) -> None:
        self._look()
        self.changed.emit()

    def _look(self) -> None:
        """What it would do matters while it is off and somebody looks."""
        if self._watched and self._wanted in ("off", "finishing") and self._available:
            self._plan.look(self._chosen)
