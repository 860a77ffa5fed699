"""A node for tests of view-models: no process, no network. Answers are given by hand or prepared, requests recorded.

``Call``, ``Failure`` and ``Mirror`` are the real ones. A request without a prepared answer stays open, and the test
answers it later (``api.last.answer(...)``), as a slow node would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import shiboken6
from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, QTimer, Signal

from meadow_app.link.call import Call, Failure
from meadow_app.link.mirror import Mirror

Reply = Any  # what is answered: JSON, a Failure, or a function of the request that returns one of them


@dataclass
class Request:
    """One request as the view-model made it."""

    method: str
    path: str
    query: dict[str, Any]
    body: Any
    call: Call = field(repr=False)
    cancelled: bool = False

    def answer(self, reply: Reply = None) -> None:
        """Answer now."""
        if isinstance(reply, Failure):
            self.call.fail(reply)
        else:
            self.call.succeed(reply)

    def refuse(self, code: str, message: str = "It cannot be done.", status: int = 409) -> None:
        """Answer with an error of the node."""
        self.call.fail(Failure(code, message, status))


class FakeStream(QObject):
    """An EventStream whose events the test pushes."""

    event = Signal(str, str, object)
    opened = Signal()
    interrupted = Signal(object)
    ended = Signal()
    failed = Signal(object)

    def __init__(self, path: str, last_id: str, query: Mapping[str, Any] | None, until: str | None) -> None:
        super().__init__()
        self.path, self.last_id, self.query, self.until = path, last_id, dict(query or {}), until
        self.stopped = False
        self.over = False

    def push(self, name: str, data: Any, id: str = "") -> None:
        """The node sends an event. Its data goes through JSON, as it does in truth."""
        if not self.over:
            self.last_id = id or self.last_id
            self.event.emit(name, self.last_id, json.loads(json.dumps(data)))
            if name == self.until and not self.over:
                self.over = True
                self.ended.emit()

    def interrupt(self, code: str = "node_ended", message: str = "The node closed the connection.") -> None:
        """The connection breaks; the stream would come back."""
        self.interrupted.emit(Failure(code, message))

    def fail(self, code: str, message: str = "It cannot be heard.", status: int = 404) -> None:
        """The node refuses."""
        self.over = True
        self.failed.emit(Failure(code, message, status))

    def stop(self) -> None:
        self.stopped = self.over = True

    def hurry(self) -> None:
        """Nothing to hurry."""


class FakeApi(QObject):
    """An Api that records ``requests`` and answers what :meth:`on` prepared."""

    retargeted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.url = "http://127.0.0.1:1"
        self.requests: list[Request] = []
        self.streams: list[FakeStream] = []
        self.saved: dict[str, str] = {}  # file -> path
        self._prepared: dict[tuple[str, str], Reply] = {}

    def on(self, method: str, path: str, reply: Reply = None) -> None:
        """From now on, answer such requests so: JSON, a Failure, or a function of the Request."""
        self._prepared[method, path] = reply

    @property
    def last(self) -> Request:
        """The latest request."""
        return self.requests[-1]

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests of this kind so far."""
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    def stream(self, path: str) -> FakeStream:
        """The latest stream of ``path``."""
        return [stream for stream in self.streams if stream.path == path][-1]

    def get(self, path: str, query: Mapping[str, Any] | None = None, *, seconds: float = 60) -> Call:
        return self._ask("GET", path, query, None)

    def post(self, path: str, body: Any = None, query: Mapping[str, Any] | None = None, *, seconds: float = 60) -> Call:
        return self._ask("POST", path, query, {} if body is None else body)

    def put(self, path: str, body: Any = None, query: Mapping[str, Any] | None = None, *, seconds: float = 60) -> Call:
        return self._ask("PUT", path, query, {} if body is None else body)

    def patch(
        self, path: str, body: Any = None, query: Mapping[str, Any] | None = None, *, seconds: float = 60
    ) -> Call:
        return self._ask("PATCH", path, query, {} if body is None else body)

    def delete(self, path: str, query: Mapping[str, Any] | None = None, *, seconds: float = 60) -> Call:
        return self._ask("DELETE", path, query, None)

    def download(self, path: str, query: Mapping[str, Any] | None = None, *, limit: int = 0) -> Call:
        return self._ask("GET", path, query, None)

    def save(self, path: str, query: Mapping[str, Any] | None, file: str, *, limit: int = 0) -> Call:
        self.saved[file] = path
        return self._ask("GET", path, query, None)

    def events(
        self, path: str, last_id: str = "", *, query: Mapping[str, Any] | None = None, until: str | None = None
    ) -> FakeStream:
        stream = FakeStream(path, last_id, query, until)
        self.streams.append(stream)
        return stream

    def _ask(self, method: str, path: str, query: Mapping[str, Any] | None, body: Any) -> Call:
        call = Call()
        # Through JSON: what cannot be sent fails here as it would in truth.
        request = Request(method, path, dict(query or {}), json.loads(json.dumps(body)), call)
        call._on_cancel = lambda: setattr(request, "cancelled", True)
        self.requests.append(request)
        if (method, path) in self._prepared:
            reply = self._prepared[method, path]

            def answer() -> None:
                request.answer(reply(request) if callable(reply) else reply)

            QTimer.singleShot(0, answer)  # as in truth: never before the event loop ran
        return call


class FakeLink(QObject):
    """A NodeLink without a node: connected, with an empty tree, until the test says otherwise."""

    statusChanged = Signal()
    connected = Signal()
    trouble = Signal(str)

    def __init__(self, tree: dict[str, Any] | None = None, *, status: str = "connected") -> None:
        super().__init__()
        self.api = FakeApi()
        self.mirror = Mirror(self)
        self.home: str | None = None
        self.status, self.message, self.code, self.remote = status, "", "", False
        self.troubles: list[str] = []
        self.trouble.connect(self.troubles.append)
        self.stopped = False
        self.started_node = False
        if tree is not None:
            self.tell(tree)

    def tell(self, tree: dict[str, Any]) -> None:
        """The node sends a whole tree."""
        self.mirror.replace(json.loads(json.dumps(tree)))

    def patch(self, **changes: Any) -> None:
        """The node sends a merge patch."""
        self.mirror.patch(json.loads(json.dumps(changes)))

    def become(self, status: str, message: str = "", code: str = "") -> None:
        """The link changes its status."""
        self.status, self.message, self.code = status, message, code
        self.statusChanged.emit()
        if status == "connected":
            self.connected.emit()

    def start(self) -> None:
        """Nothing to start."""

    def retry(self) -> None:
        """Nothing to try."""

    def close(self) -> None:
        """Nothing to close."""

    def stop_node(self) -> Call:
        self.stopped = True
        return self.api.post("/api/stop")


def spin(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Run the event loop until ``condition`` holds; returns what it returned. Fails after ``seconds``."""
    app = QCoreApplication.instance()
    assert app is not None, "a test of Qt needs the fixture `qt`"
    loop = QEventLoop()
    over = QTimer(singleShot=True, interval=int(seconds * 1000))
    over.timeout.connect(loop.quit)
    over.start()
    tick = QTimer(interval=5)
    tick.timeout.connect(lambda: condition() and loop.quit())
    tick.start()
    if not condition():
        loop.exec()
    tick.stop()
    result = condition()
    assert result, "this did not come in time"
    return result


def class_name(thing: QObject) -> str:
    """The name of its class, as QML made it.

    ``metaObject()`` leaves a wrapper behind that lives as long as ``thing`` does and stands for an address that QML
    frees earlier. When another object comes to lie there, PySide takes it for the old one: an item that is a
    ``QMetaObject``. So the wrapper goes at once.
    """
    meta = thing.metaObject()
    name = meta.className()
    shiboken6.invalidate(meta)
    return name


def settle() -> None:
    """Let everything that is due now happen: prepared answers, queued signals, deletions."""
    for _ in range(3):
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
