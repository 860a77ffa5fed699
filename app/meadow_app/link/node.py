"""The link to the node: finds it or starts it, follows its state, and comes back when either of them was gone.

``meadow node --json`` does both: it becomes the node of the home, or says where the one is that runs. That command is
the only one who decides that, so no window ever makes a second node. The link looks again whenever the stream of the
state is interrupted; a node that was stopped on purpose is left alone until somebody starts it or asks for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from PySide6.QtCore import Property, QCoreApplication, QObject, QTimer, Signal, Slot

from meadow_app.link.api import Api
from meadow_app.link.call import Call, Failure
from meadow_app.link.command import NodeProcess, default_command, read_token
from meadow_app.link.mirror import Mirror
from meadow_app.link.stream import EventStream

translate = QCoreApplication.translate

_POLL_MS: Final = 50
_LONG_SECONDS: Final = 30.0
_WATCH_MS: Final = 1000
_STARTING_MS: Final = 2000
_LOOKS: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds before each look after an interruption
_MANY_STARTS: Final = 4
_STARTS_SECONDS: Final = 120.0


class BadTarget(ValueError):
    """MEADOW_URL or MEADOW_TOKEN cannot be used; the text says why."""


def given_target(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The node that MEADOW_URL and MEADOW_TOKEN name; None when MEADOW_URL is unset. Raises BadTarget."""
    url = environment.get("MEADOW_URL", "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
        raise BadTarget(
            translate("NodeLink", "MEADOW_URL is no address of a node. It looks like http://127.0.0.1:4711")
        )
    if parts.scheme == "http" and host not in ("127.0.0.1", "localhost", "::1"):
        raise BadTarget(
            translate(
                "NodeLink",
                "MEADOW_URL leads to another machine without encryption, so others could read the token on its way. "
                "Use a tunnel (ssh -L) and an address on 127.0.0.1.",
            )
        )
    token = environment.get("MEADOW_TOKEN", "").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise BadTarget(
            translate("NodeLink", "MEADOW_URL is set but MEADOW_TOKEN is not. Set it to the token of that node.")
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}", token


def too_many_starts(starts: Sequence[float], now: float) -> bool:
    """Whether a node that was started at these times ends as soon as it is up, so that another start is no help."""
    return len([start for start in starts if now - start < _STARTS_SECONDS]) >= _MANY_STARTS


class NodeLink(QObject):
    """Everything that the app knows of the node, and how it talks to it."""

    statusChanged = Signal()
    connected = Signal()
    """The state is there; again after each interruption."""
    trouble = Signal(str)
    """A sentence that the person should see now, in whatever page they are."""

    def __init__(
        self,
        home: str | None = None,
        parent: QObject | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        super().__init__(parent)
        self.home = home
        self.api = Api(self)
        self.mirror = Mirror(self)
        self._environment = os.environ if environment is None else environment
        self._command = command
        self._status, self._message = "starting", ""
        self._say: Callable[[], str] = str  # makes the message, in the language in use
        self.code = ""
        """Why there is no node, for programs: "stopped", "ends_again", "incomplete", "given_target", "token_file", or
        what the node said ("settings", "node_starting", ...)."""
        self._remote = False
        self._stream: EventStream | None = None
        self._process: NodeProcess | None = None
        self._children: list[NodeProcess] = []  # those that have said what we wanted to know; reaped when they end
        self._since = 0.0
        self._starts: list[float] = []
        self._looks = 0
        self._demo = self._turned = False
        self._announcement = ""  # node.json: there while a node of this home answers
        self._looking = QTimer(self, interval=_POLL_MS)
        self._looking.timeout.connect(self._hear)
        self._later = QTimer(self, singleShot=True)
        self._later.timeout.connect(self._look)
        self._watch = QTimer(self, interval=_WATCH_MS)
        self._watch.timeout.connect(self._see)
        self._reaping = QTimer(self, singleShot=True, interval=_WATCH_MS)
        self._reaping.timeout.connect(self._reap)

    @Property(str, notify=statusChanged)
    def status(self) -> str:
        """ "starting" (at first), "connected", "lost" (comes back by itself) or "failed" (needs :meth:`retry`)."""
        return self._status

    @Property(str, notify=statusChanged)
    def message(self) -> str:
        """Why it is not connected, for people; "" when it is."""
        return self._message

    @Property(bool, notify=statusChanged)
    def remote(self) -> bool:
        """Whether this is a node that MEADOW_URL names. We neither start nor stop such a node."""
        return self._remote

    @property
    def node_pid(self) -> int | None:
        """The process of the node; None while unknown."""
        pid = self.mirror.part("node").get("pid")
        return pid if isinstance(pid, int) else None

    @property
    def started_node(self) -> bool:
        """Whether the node that answers is one that this link started."""
        return self.node_pid is not None and any(child.pid == self.node_pid for child in self._children)

    @Slot()
    def start(self) -> None:
        """Begin. Returns at once."""
        try:
            target = given_target(self._environment)
        except BadTarget:
            self._set("failed", lambda: _why(self._environment), "given_target")
            return
        self._set("starting")
        if target is None:
            self._look()
        else:
            self._remote = True
            self.api.set_target(*target)
            self._follow()

    @Slot()
    def retry(self) -> None:
        """The person wants it tried again now. Harmless while it works."""
        if self._status == "connected" or self._process is not None:
            return
        self._starts, self._looks = [], 0
        if self._remote and self._stream is not None:
            self._stream.hurry()
        else:
            self.start()

    @Slot(result=QObject)
    def stop_node(self) -> Call:
        """End the node and everything that it runs, sharing included. It is not started again by itself."""
        return self.api.post("/api/stop")

    def close(self) -> None:
        """The app ends. The node goes on."""
        for timer in (self._looking, self._later, self._watch, self._reaping):
            timer.stop()
        if self._stream is not None:
            self._stream.stop()
            self._stream = None
        for process in {*self._children, *([self._process] if self._process else [])}:
            process.close()
        self._children, self._process = [], None

    # Finding or starting

    def _look(self) -> None:
        self._watch.stop()
        self._later.stop()
        if self._process is not None:
            return
        command = self._command or default_command()
        if command is None:
            self._give_up(
                lambda: translate(
                    "NodeLink",
                    "This installation of Meadow is incomplete: its program `meadow` is missing. Install it anew.",
                ),
                "incomplete",
            )
            return
        try:
            self._process = NodeProcess(command, self.home, demo=self._demo)
        except OSError as error:
            reason = error.strerror or str(error)
            self._give_up(
                lambda: translate("NodeLink", "Meadow's node could not be started ({reason}).").format(reason=reason),
                "incomplete",
            )
            return
        self._since = time.monotonic()
        self._looking.start()

    def _hear(self) -> None:
        process = self._process
        if process is None:
            self._looking.stop()
            return
        status = process.status()  # before its words, so that none are missed
        for event in process.events():
            kind = event.get("event")
            if kind == "ready":
                self._found(event)
                return
            if kind == "waiting":
                self._set(self._status, partial(_waiting, str(event.get("message", ""))))
            elif kind == "error":
                self._refused(str(event.get("code", "")), str(event.get("message", "")))
                return
        if status is not None:
            self._refused("", process.last_words().rpartition("\n")[2][:300])
        elif not self._message and time.monotonic() - self._since > _LONG_SECONDS:
            self._set(self._status, lambda: translate("NodeLink", "The node takes longer than usual to start."))

    def _found(self, ready: Mapping[str, Any]) -> None:
        self._end_look()
        self._turned = False
        if not ready.get("already_running"):
            self._starts.append(time.monotonic())
        url, file = str(ready.get("url", "")), str(ready.get("token_file", ""))
        try:
            token = read_token(file)
        except (OSError, ValueError):
            self._give_up(
                lambda: translate(
                    "NodeLink",
                    "The token of the node in {file} cannot be read. `meadow stop` and a new start mend that.",
                ).format(file=file),
                "token_file",
            )
            return
        self._announcement = os.path.join(os.path.dirname(file), "node.json")
        if not self.api.set_target(url, token) and self._stream is not None:
            self._stream.hurry()
        self._follow()

    def _refused(self, code: str, message: str) -> None:
        self._end_look()
        if code == "node_runs" and not self._turned:
            # The node of this home has a demo and we asked for one without, or the other way round. Both are fine.
            self._demo, self._turned = not self._demo, True
            self._look()
            return
        self._turned = False

        def why() -> str:
            said = message or translate("NodeLink", "It said nothing.")
            ended = translate("NodeLink", "Meadow's node ended at once.")
            return said if code else f"{ended} {said}"

        self._give_up(why, code)
        if code == "node_starting":
            self._later.start(_STARTING_MS)

    def _end_look(self) -> None:
        self._looking.stop()
        if self._process is not None:
            self._children.append(self._process)
            self._process = None
            self._reaping.start()

    def _reap(self) -> None:
        """Take note of those that ended, so that the system can forget them."""
        for child in [child for child in self._children if child.status() is not None]:
            self._children.remove(child)
            child.close()

    # Following

    def _follow(self) -> None:
        if self._stream is None:
            stream = self.api.events("/api/events")
            stream.event.connect(self._on_event)
            stream.interrupted.connect(self._on_interrupted)
            stream.failed.connect(self._on_failed)
            self._stream = stream

    def _on_event(self, name: str, _: str, data: object) -> None:
        if isinstance(data, dict):
            if name == "state":
                self.mirror.replace(data)
            elif name == "patch":
                self.mirror.patch(data)
        if self._status != "connected" and self.mirror.tree:
            self._looks = 0
            self._later.stop()
            self._set("connected")
            self.connected.emit()

    def _on_interrupted(self, failure: Failure) -> None:
        if self._remote:
            self._set("lost", lambda: failure.message + " " + translate("NodeLink", "It is tried again."))
            return
        self._reaping.start()
        if self.mirror.part("node").get("stopping"):
            self._rest()
            return
        if too_many_starts(self._starts, time.monotonic()):
            self._give_up(
                lambda: translate(
                    "NodeLink",
                    "Meadow's node ends again and again. Its log (logs/node.log in Meadow's folder) says more.",
                ),
                "ends_again",
            )
            return
        self._set(
            "lost",
            lambda: translate("NodeLink", "The connection to Meadow's node is lost. It is found or started again."),
        )
        if self._process is None and not self._later.isActive():
            self._later.start(int(1000 * _LOOKS[min(self._looks, len(_LOOKS) - 1)]))
            self._looks += 1

    def _on_failed(self, failure: Failure) -> None:
        self._stream = None
        if failure.status == 401 and not self._remote and self._looks < len(_LOOKS):
            self._on_interrupted(failure)  # another node may have come to this address; the token is read again
        else:
            self._give_up(lambda: failure.message, failure.code)

    def _rest(self) -> None:
        """The node was stopped on purpose. It is not for us to undo that; another one is noticed."""
        self._give_up(
            lambda: translate(
                "NodeLink", "The node was stopped. Nothing is shared, and chats wait until it is started again."
            ),
            "stopped",
        )
        self._watch.start()

    def _see(self) -> None:
        if self._announcement and os.path.exists(self._announcement):
            self._look()

    def _give_up(self, message: Callable[[], str], code: str) -> None:
        if self._stream is not None:
            self._stream.stop()
            self._stream = None
        self._later.stop()
        if not self._remote:
            self.api.set_target("", "")
        self._set("failed", message, code)

    def _set(self, status: str, message: Callable[[], str] = str, code: str = "") -> None:
        """``message`` is asked again when the language changes."""
        self._say = message
        if (status, message(), code) != (self._status, self._message, self.code):
            self._status, self._message, self.code = status, message(), code
            self.statusChanged.emit()

    def retranslate(self) -> None:
        """The language has changed."""
        self._set(self._status, self._say, self.code)


def _waiting(said: str) -> str:
    return said + " " + translate("NodeLink", "The node goes on by itself when there is room.")


def _why(environment: Mapping[str, str]) -> str:
    """Why MEADOW_URL or MEADOW_TOKEN cannot be used, in the language in use; "" if they can."""
    try:
        given_target(environment)
    except BadTarget as error:
        return str(error)
    return ""
