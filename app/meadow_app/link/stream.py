"""A stream of Server-Sent Events that stays: it connects again after an interruption and misses nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtNetwork import QNetworkReply, QNetworkRequest

from meadow_app.link.call import Failure
from meadow_app.link.sse import Event, Parser, TooLarge

if TYPE_CHECKING:
    from meadow_app.link.api import Api

SILENCE_SECONDS: Final = 40.0
"""The node says something every 15 s; after so long it is gone, whatever the connection looks like."""
_RETRY: Final = (0.1, 1.0, 30.0)  # seconds: the least, the usual and the most that the node can ask for
_LONGEST: Final = 15.0
_MAX_ERROR: Final = 64 << 10
_BUFFER: Final = 1 << 20
_TRY_AGAIN: Final = (408, 425, 429)


def delay(retry: float | None, failures: int, chance: float) -> float:
    """Seconds until the next attempt: ``retry`` at first, then twice as long each time, up to 15 s, and spread by up
    to a fifth (``chance`` in [0, 1)) so that not all streams of a window come back at once."""
    least, usual, most = _RETRY
    base = usual if retry is None else min(max(retry, least), most)
    # The exponent is bounded because 2.0**1024 is an error, and a node can be away for days.
    grown = min(base * 2.0 ** min(failures, 16), max(_LONGEST, base))
    return grown * (1 + 0.2 * chance)


class EventStream(QObject):
    """Listens to one path. Ends by ``stop()``, by its ``until`` event or a 204 (``ended``), or when the node refuses
    (``failed``); anything else is an interruption, after which it comes back with the id of the last event."""

    event = Signal(str, str, object)  # type: ignore[assignment]  # no filter of ours is hidden by it
    """Name, id, and the data parsed as JSON."""
    opened = Signal()
    """The node has begun to answer; again after each interruption."""
    interrupted = Signal(object)
    """A :class:`Failure`: no connection now. The next attempt comes by itself."""
    ended = Signal()
    failed = Signal(object)
    """A :class:`Failure` that trying again does not mend."""

    def __init__(
        self,
        api: Api,
        path: str,
        *,
        last_id: str = "",
        query: Mapping[str, Any] | None = None,
        until: str | None = None,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        super().__init__(api)
        self._api, self._path, self._query, self._until = api, path, query, until
        self.last_id = last_id
        self._retry: float | None = None
        self._failures = 0
        self._reply: QNetworkReply | None = None
        self._parser = Parser()
        self._error = b""
        self._answered = self._over = False
        self._silent = QTimer(self, singleShot=True, interval=int(silence * 1000))
        self._silent.timeout.connect(self._on_silence)
        self._again = QTimer(self, singleShot=True)
        self._again.timeout.connect(self._connect)
        api.retargeted.connect(self.hurry)
        self._again.start(0)

    def stop(self) -> None:
        """Listen no longer. No signal comes after this. Harmless after the end."""
        if not self._over:
            self._finish()

    def hurry(self) -> None:
        """Connect now if that was only planned for later; from scratch if the node moved."""
        if self._over:
            return
        if self._reply is not None and self._reply.request().url().toString().startswith(self._api.url + "/"):
            return
        self._drop()
        self._failures = 0
        self._again.start(0)

    # Inside

    def _connect(self) -> None:
        if not self._api.url:
            self._wait(Failure("node_unreachable", "Meadow's node is not there yet."))
            return
        request = self._api.request(self._path, self._query)
        request.setRawHeader(b"Accept", b"text/event-stream")
        if self.last_id:
            request.setRawHeader(b"Last-Event-ID", self.last_id.encode())
        self._parser = Parser(last_id=self.last_id)
        self._error = b""
        self._answered = False
        reply = self._api.network.get(request)
        reply.setReadBufferSize(_BUFFER)  # if we are slow, the node gathers instead of us
        reply.metaDataChanged.connect(self._on_answer)
        reply.readyRead.connect(self._on_bytes)
        reply.finished.connect(self._on_finished)
        self._reply = reply
        self._silent.start()

    def _on_answer(self) -> None:
        if self._answered:  # Qt asked again by itself, in the middle of an event and without the last id
            self._drop()
            self._wait(Failure("node_ended", "The node closed the connection."))
        elif self._good():
            self._answered = True
            self.opened.emit()

    def _good(self) -> bool:
        reply = self._reply
        if reply is None or _status(reply) != 200:
            return False
        kind = reply.header(QNetworkRequest.KnownHeaders.ContentTypeHeader)
        return str(kind or "").partition(";")[0].strip().lower() == "text/event-stream"

    def _on_bytes(self) -> None:
        reply = self._reply
        if reply is None:
            return
        data = bytes(reply.readAll().data())
        self._silent.start()
        if not self._good():
            self._error = (self._error + data)[:_MAX_ERROR]
            return
        try:
            events = self._parser.feed(data)
        except TooLarge:
            self._fail(Failure("too_large", "The node sent more at once than this window can take."))
            return
        self._retry = self._parser.retry if self._parser.retry is not None else self._retry
        for event in events:
            self._deliver(event)
            if self._over or self._reply is not reply:  # whoever heard it stopped us, or moved us
                return
        self.last_id = self._parser.last_id

    def _deliver(self, event: Event) -> None:
        try:
            data = json.loads(event.data)
        except (ValueError, RecursionError):
            self._fail(Failure("bad_answer", f"What answers at {self._api.url} does not speak like a Meadow node."))
            return
        self._failures = 0
        self.last_id = event.id
        self.event.emit(event.name, event.id, data)
        if event.name == self._until and not self._over:
            self._finish()
            self.ended.emit()

    def _on_finished(self) -> None:
        reply = self._reply
        if reply is None:
            return
        if reply.bytesAvailable():
            self._on_bytes()
            if self._over or self._reply is not reply:
                return
        status, good = _status(reply), self._good()
        failure = self._api.failure(reply, self._error)
        self._drop()
        if status == 204:
            self._finish()
            self.ended.emit()
        elif good or status == 0 or status >= 500 or status in _TRY_AGAIN:
            self._wait(failure or Failure("node_ended", "The node closed the connection."))
        else:
            self._fail(failure or Failure("not_a_node", f"What answers at {self._api.url} sends no events.", status))

    def _on_silence(self) -> None:
        self._drop()
        self._wait(Failure("node_silent", "The node has fallen silent."))

    def _wait(self, failure: Failure) -> None:
        seconds = delay(self._retry, self._failures, random.random())
        if failure.retry_after is not None:
            seconds = max(seconds, min(failure.retry_after, _RETRY[2]))
        self._failures += 1
        self._again.start(int(seconds * 1000))
        self.interrupted.emit(failure)

    def _fail(self, failure: Failure) -> None:
        self._finish()
        self.failed.emit(failure)

    def _finish(self) -> None:
        self._over = True
        self._again.stop()
        self._drop()
        self._api.retargeted.disconnect(self.hurry)
        self.setParent(None)  # from now on it lives as long as somebody keeps it

    def _drop(self) -> None:
        """Let go of the connection; nothing of it is heard any more."""
        self._silent.stop()
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.abort()
            reply.deleteLater()


def _status(reply: QNetworkReply) -> int:
    return int(reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute) or 0)
