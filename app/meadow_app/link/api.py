"""HTTP to the node with Qt's network classes: bounded, timed, without proxies, redirects, cookies or caches.

The node is on this machine and the token opens it, so the request goes where it was told to go or nowhere. Nothing here
blocks; outcomes come through :class:`Call`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from PySide6.QtCore import QByteArray, QCoreApplication, QObject, QSaveFile, QTimer, QUrl, Signal
from PySide6.QtNetwork import QHttp1Configuration, QNetworkAccessManager, QNetworkProxy, QNetworkReply, QNetworkRequest

from meadow_app.link.call import Call, Failure
from meadow_app.link.said import said
from meadow_app.link.stream import EventStream

__all__ = ["Api", "Call", "EventStream", "Failure", "segment"]

translate = QCoreApplication.translate

MAX_REPLY: Final = 16 << 20
"""Bytes of a reply that is parsed."""
MAX_DOWNLOAD: Final = 256 << 20
"""Bytes of a reply that is kept in memory as it is."""
MAX_FILE: Final = 64 << 30
"""Bytes of a reply that goes into a file."""
SILENCE_SECONDS: Final = 60.0
_CONNECTIONS: Final = 40  # streams stay open; the usual 6 of a host would soon keep commands waiting

_Query = Mapping[str, Any] | None
_ATTRIBUTE = QNetworkRequest.Attribute


def segment(text: str) -> str:
    """``text`` (an id, a model, the key of a problem) as one segment of a path."""
    return quote(text, safe="")


class Api(QObject):
    """The node's API. Without a target every call fails with ``node_unreachable``."""

    retargeted = Signal()
    """The node answers at another address, or with another token, than before."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.url = ""
        self._token = ""
        self._readings: set[_Reading] = set()  # a connection to a method does not keep its object alive
        self.network = QNetworkAccessManager(self)
        self.network.setProxy(QNetworkProxy(QNetworkProxy.ProxyType.NoProxy))

    def set_target(self, url: str, token: str) -> bool:
        """Where the node answers ("" for nowhere), and the token it wants. Returns whether that is new."""
        if (url, token) == (self.url, self._token):
            return False
        self.url, self._token = url, token
        self.retargeted.emit()
        return True

    def get(self, path: str, query: _Query = None, *, seconds: float = SILENCE_SECONDS) -> Call:
        """Ask. ``path`` like "/api/chats" (see :func:`segment`); ``query`` without the entries that are None."""
        return self._json("GET", path, query, None, seconds)

    def post(self, path: str, body: Any = None, query: _Query = None, *, seconds: float = SILENCE_SECONDS) -> Call:
        """Command. ``body`` is sent as JSON; None as ``{}``. ``seconds`` of silence, then it has failed."""
        return self._json("POST", path, query, {} if body is None else body, seconds)

    def put(self, path: str, body: Any = None, query: _Query = None, *, seconds: float = SILENCE_SECONDS) -> Call:
        """Set."""
        return self._json("PUT", path, query, {} if body is None else body, seconds)

    def patch(self, path: str, body: Any = None, query: _Query = None, *, seconds: float = SILENCE_SECONDS) -> Call:
        """Change some fields."""
        return self._json("PATCH", path, query, {} if body is None else body, seconds)

    def delete(self, path: str, query: _Query = None, *, seconds: float = SILENCE_SECONDS) -> Call:
        """Remove."""
        return self._json("DELETE", path, query, None, seconds)

    def download(self, path: str, query: _Query = None, *, limit: int = MAX_DOWNLOAD) -> Call:
        """The bytes of an answer, unparsed. What may be large goes to :meth:`save`."""
        kept = bytearray()
        return self._send("GET", path, query, None, SILENCE_SECONDS, limit, kept.extend, lambda: bytes(kept))

    def save(self, path: str, query: _Query, file: str, *, limit: int = MAX_FILE) -> Call:
        """Write an answer to ``file``, which is whole or untouched in the end. The outcome is its size in bytes."""
        target = QSaveFile(file)
        if not target.open(QSaveFile.OpenModeFlag.WriteOnly):
            said = translate("NodeLink", "The file {file} cannot be written: {reason}.")
            return self._refuse(Failure("file", said.format(file=file, reason=target.errorString())))
        size = 0

        def write(data: bytes) -> None:
            nonlocal size
            size += len(data)
            if target.write(data) != len(data):
                raise OSError(target.errorString())

        def commit() -> int:
            if not target.commit():
                raise OSError(target.errorString())
            return size

        return self._send("GET", path, query, None, SILENCE_SECONDS, limit, write, commit)

    def events(self, path: str, last_id: str = "", *, query: _Query = None, until: str | None = None) -> EventStream:
        """Listen. ``until``: the name of the event that ends the stream for good. The caller keeps the object."""
        return EventStream(self, path, last_id=last_id, query=query, until=until)

    def request(self, path: str, query: _Query = None, *, seconds: float | None = None) -> QNetworkRequest:
        """A request as all of ours are. ``seconds`` of silence end it; None: whoever reads it looks after that."""
        url = self.url + path
        if query:
            given = {name: _text(value) for name, value in query.items() if value is not None}
            url += f"?{urlencode(given)}" if given else ""
        request = QNetworkRequest(QUrl.fromEncoded(QByteArray(url.encode()), QUrl.ParsingMode.StrictMode))
        request.setRawHeader(b"Authorization", f"Bearer {self._token}".encode())
        request.setRawHeader(b"Accept-Encoding", b"identity")  # what is small on the wire must be small here
        request.setAttribute(_ATTRIBUTE.RedirectPolicyAttribute, QNetworkRequest.RedirectPolicy.ManualRedirectPolicy)
        request.setAttribute(_ATTRIBUTE.CacheLoadControlAttribute, QNetworkRequest.CacheLoadControl.AlwaysNetwork)
        request.setAttribute(_ATTRIBUTE.CacheSaveControlAttribute, False)
        for attribute in (
            _ATTRIBUTE.CookieLoadControlAttribute,
            _ATTRIBUTE.CookieSaveControlAttribute,
            _ATTRIBUTE.AuthenticationReuseAttribute,
        ):
            request.setAttribute(attribute, QNetworkRequest.LoadControl.Manual)
        request.setAttribute(_ATTRIBUTE.Http2AllowedAttribute, False)
        connections = QHttp1Configuration()
        connections.setNumberOfConnectionsPerHost(_CONNECTIONS)
        request.setHttp1Configuration(connections)
        request.setTransferTimeout(0 if seconds is None else int(seconds * 1000))
        return request

    def failure(self, reply: QNetworkReply, body: bytes) -> Failure | None:
        """What went wrong with a finished reply, in the node's own words where it has some; None if nothing did."""
        status = status_of(reply)
        if 200 <= status < 300 and reply.error() == QNetworkReply.NetworkError.NoError:
            return None
        if status < 300:  # no answer, or one that broke off
            return _unreachable(reply.error(), self.url)
        code, message = _node_error(body)
        message = said(code, message) if message else message
        if status == 401:
            message = translate("NodeLink", "The node at {url} does not know our token.").format(url=self.url)
        if not message:
            strange = translate("NodeLink", "Something answers at {url}, but not like a Meadow node ({status}).")
            code, message = "not_a_node", strange.format(url=self.url, status=status)
        after = bytes(reply.rawHeader("Retry-After").data()).decode("ascii", "replace")
        return Failure(code, message, status, float(after) if after.isdigit() and len(after) < 6 else None)

    def _json(self, method: str, path: str, query: _Query, body: Any, seconds: float) -> Call:
        kept = bytearray()

        def parse() -> Any:
            return json.loads(kept) if kept else None

        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        return self._send(method, path, query, data, seconds, MAX_REPLY, kept.extend, parse)

    def _send(
        self,
        method: str,
        path: str,
        query: _Query,
        body: bytes | None,
        seconds: float,
        limit: int,
        take: Callable[[bytes], object],
        result: Callable[[], Any],
    ) -> Call:
        """``take`` gets the bytes of a good answer as they come (at most ``limit``), ``result`` makes the outcome."""
        if not self.url:
            said = translate("NodeLink", "Meadow's node is not there yet. Try again in a moment.")
            return self._refuse(Failure("node_unreachable", said))
        request = self.request(path, query, seconds=seconds)
        data = QByteArray(body or b"")
        if body is not None:
            request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
        # Qt's own verbs: it sends a POST once, and others again when the connection breaks (see _Reading).
        if method == "GET":
            reply = self.network.get(request)
        elif method == "DELETE":
            reply = self.network.deleteResource(request)
        elif method == "POST":
            reply = self.network.post(request, data)
        elif method == "PUT":
            reply = self.network.put(request, data)
        else:
            reply = self.network.sendCustomRequest(request, QByteArray(method.encode()), data)
        reading = _Reading(self, reply, limit, take, result)
        self._readings.add(reading)
        reply.finished.connect(lambda: self._readings.discard(reading))
        return reading.call

    def _refuse(self, failure: Failure) -> Call:
        call = Call()
        QTimer.singleShot(0, lambda: call.fail(failure))
        return call


class _Reading:
    """Reads one reply to its end.

    When a connection breaks in the middle of an answer, Qt may ask again by itself, and then the bytes of a second
    answer follow those of the first. Its headers give that away.
    """

    def __init__(
        self, api: Api, reply: QNetworkReply, limit: int, take: Callable[[bytes], object], result: Callable[[], Any]
    ) -> None:
        self._api, self._reply, self._limit, self._take, self._result = api, reply, limit, take, result
        self._size = 0
        self._error = b""  # the body of a refusal
        self._trouble: Failure | None = None
        self._answered = False
        self.call = Call(reply.abort)
        reply.metaDataChanged.connect(self._on_headers)
        reply.readyRead.connect(self._read)
        reply.finished.connect(self._finished)

    def _on_headers(self) -> None:
        if self._answered and self._size:
            self._give_up(_unreachable(QNetworkReply.NetworkError.RemoteHostClosedError, self._api.url))
        self._answered = True

    def _read(self) -> None:
        data = bytes(self._reply.readAll().data())
        self._size += len(data)
        if self._trouble is not None or not self.call.running:
            return
        good = 200 <= status_of(self._reply) < 300
        if self._size > (self._limit if good else MAX_REPLY):
            said = translate("NodeLink", "The node's answer is larger than this window can take.")
            self._give_up(Failure("too_large", said))
        elif not good:
            self._error += data
        else:
            try:
                self._take(data)
            except OSError as error:
                self._give_up(_not_written(error))

    def _give_up(self, failure: Failure) -> None:
        self._trouble = failure
        self._reply.abort()

    def _finished(self) -> None:
        if self._reply.bytesAvailable():
            self._read()
        self._reply.deleteLater()
        failure = self._trouble or self._api.failure(self._reply, self._error)
        if failure is None:
            try:
                result = self._result()
            except OSError as error:
                failure = _not_written(error)
            except (ValueError, RecursionError):
                said = translate("NodeLink", "What answers at {url} is no JSON.").format(url=self._api.url)
                failure = Failure("bad_answer", said, status_of(self._reply))
        if failure is None:
            self.call.succeed(result)
        else:
            self.call.fail(failure)


def status_of(reply: QNetworkReply) -> int:
    """The HTTP status; 0 while there is none."""
    return int(reply.attribute(_ATTRIBUTE.HttpStatusCodeAttribute) or 0)


def _unreachable(error: QNetworkReply.NetworkError, url: str) -> Failure:
    kinds = QNetworkReply.NetworkError
    if error in (kinds.OperationCanceledError, kinds.TimeoutError):
        said = translate("NodeLink", "The node at {url} does not answer. It may be busy; try again.")
        return Failure("node_timeout", said.format(url=url))
    if error in (kinds.RemoteHostClosedError, kinds.ProtocolFailure):
        said = translate("NodeLink", "The node at {url} ended before it answered. It is started again; try then.")
        return Failure("node_ended", said.format(url=url))
    return Failure("node_unreachable", translate("NodeLink", "Nothing answers at {url}.").format(url=url))


def _not_written(error: OSError) -> Failure:
    said = translate("NodeLink", "The file could not be written: {reason}.")
    return Failure("file", said.format(reason=error))


def _node_error(body: bytes) -> tuple[str, str]:
    try:
        error = json.loads(body)["error"]
        return str(error["code"])[:200], str(error["message"])[:4000]
    except (ValueError, RecursionError, LookupError, TypeError):
        return "not_a_node", ""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
