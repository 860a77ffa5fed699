"""A model hub on loopback, for tests: the few calls that Meadow makes, over real HTTP, with faults on request.

It speaks what huggingface.co speaks: the listing of a revision with sizes and hashes, and ``resolve`` with ranges;
large files are answered with a redirect to another host (a content network that must never see the token).

    with HubServer() as hub:
        hub.add("owner/model", folder)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.faults.drop_after = 10_000      # every answer of the content network ends after so many bytes
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Faults:
    """What goes wrong. All of it concerns the bytes of large files, unless it says otherwise."""

    drop_after: int | None = None  # close the connection after so many bytes of a body
    drops: int | None = None  # only so many times (None: always)
    ignore_range: bool = False  # answer 200 with the whole file
    lie_range: bool = False  # Content-Range says something else than was asked
    lie_total: bool = False  # Content-Range gives another size of the file
    lie_length: int = 0  # added to Content-Length
    no_length: bool = False  # no Content-Length: the end of the connection ends the body
    extra: bytes = b""  # sent after the body
    shift: int = 0  # serve bytes from another place than asked
    flip: tuple[str, int] | None = None  # (file, offset): this byte is damaged on the way
    statuses: list[int] = field(default_factory=list)  # answered instead, one after the other
    api_statuses: list[int] = field(default_factory=list)  # the same for the listing
    gated: bool = False  # every call needs the token
    no_hashes: bool = False  # the listing states no sha256 and no git hash
    etag: str | None = None  # X-Linked-Etag instead of the true one
    commit: str | None = None  # X-Repo-Commit instead of the true one
    trickle: float = 0.0  # seconds between single bytes
    slow: float = 0.0  # seconds between pieces of 16 KiB
    redirect_to: str | None = None  # send large files there instead of to the content network
    raw_listing: bytes | None = None  # the listing, instead of the true one


@dataclass(frozen=True)
class Request:
    """One request as it arrived. ``host`` is "hub" or "cdn"; ``sent`` counts the bytes of the body that went out."""

    host: str
    path: str
    headers: dict[str, str]
    status: int
    sent: int


@dataclass(frozen=True)
class _Model:
    folder: Path
    commit: str
    large: Callable[[str], bool]


class HubServer:
    """Start with ``with``. ``url`` is for HF_ENDPOINT; ``requests`` is the log of what was asked."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.faults = Faults()
        self._requests: list[Request] = []
        self._busy = 0
        self._models: dict[str, _Model] = {}
        self._lock = threading.Lock()
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), self._handler(role)) for role in ("hub", "cdn")]
        for server in self._servers:
            server.daemon_threads = True
        self._threads = [
            # the default poll of half a second is what closing would wait for
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            for server in self._servers
        ]

    def __enter__(self) -> HubServer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def url(self) -> str:
        """Address of the hub."""
        return f"http://127.0.0.1:{self._servers[0].server_address[1]}"

    @property
    def cdn_url(self) -> str:
        """Address of the content network: another host name, as in real life."""
        return f"http://localhost:{self._servers[1].server_address[1]}"

    def add(self, model: str, folder: Path, *, large: Callable[[str], bool] | None = None) -> str:
        """Publish a folder; returns its commit. ``large`` says which files are stored apart (default: safetensors)."""
        commit = hashlib.sha1(f"{model} {len(self._models)}".encode()).hexdigest()
        self._models[model] = _Model(folder, commit, large or (lambda name: name.endswith(".safetensors")))
        return commit

    def bytes_sent(self, suffix: str = ".safetensors") -> int:
        """Bytes of bodies of files with this ending that went out."""
        return sum(request.sent for request in self.requests if urlsplit(request.path).path.endswith(suffix))

    def log(self, request: Request) -> None:
        """Called by the handlers."""
        with self._lock:
            self._requests.append(request)

    @property
    def requests(self) -> list[Request]:
        """All requests so far, once the last of them is over: a client knows its answer before the server is done."""
        for _ in range(500):
            with self._lock:
                if self._busy == 0:
                    return list(self._requests)
            time.sleep(0.01)
        raise TimeoutError("a request is still being answered")

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Around every answer."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1

    def take(self, statuses: list[int]) -> int | None:
        """The next fault of a list."""
        with self._lock:
            return statuses.pop(0) if statuses else None

    def may_drop(self) -> bool:
        """Is this answer to be cut short?"""
        with self._lock:
            if self.faults.drop_after is None or self.faults.drops == 0:
                return False
            if self.faults.drops is not None:
                self.faults.drops -= 1
            return True

    def find(self, path: str) -> tuple[str, _Model, str] | None:
        """(model, its data, rest of the path) of the model that a path names."""
        for name, model in self._models.items():
            if path.startswith(f"/{name}/"):
                return name, model, path.removeprefix(f"/{name}/")
        return None

    def _handler(self, role: str) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(_Handler):
            server_role = role
            owner = hub

        return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_role: str
    owner: HubServer

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the log is ``HubServer.requests``."""

    def do_GET(self) -> None:
        try:
            with self.owner.working():
                if self.server_role == "cdn":
                    self._serve_cdn()
                else:
                    self._serve_hub()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _serve_hub(self) -> None:
        hub, path = self.owner, urlsplit(self.path).path
        if hub.faults.gated and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self._plain(401, b"no", {"X-Error-Code": "GatedRepo"})
        if path.startswith("/api/models"):
            if (status := hub.take(hub.faults.api_statuses)) is not None:
                return self._plain(status, b"fault")
            found = hub.find(path.removeprefix("/api/models"))
            return self._listing(*found) if found else self._plain(401, b"", {"X-Error-Code": "RepoNotFound"})
        found = hub.find(path)
        match = re.fullmatch(r"resolve/([^/]+)/(.+)", found[2]) if found else None
        if found is None or match is None:
            return self._plain(404, b"")
        name, model, _ = found
        file = unquote(match[2])
        if match[1] != model.commit or not (model.folder / file).is_file():
            return self._plain(404, b"", {"X-Error-Code": "EntryNotFound"})
        facts = {"X-Repo-Commit": hub.faults.commit or model.commit}
        if not model.large(file):
            return self._bytes(model.folder / file, file, facts, faulty=False)
        facts["X-Linked-Etag"] = f'"{hub.faults.etag or _sha256(model.folder / file)}"'
        facts["Location"] = hub.faults.redirect_to or f"{hub.cdn_url}/{name}/{file}?signed=1"
        return self._plain(302, b"", facts)

    def _serve_cdn(self) -> None:
        hub, parts = self.owner, urlsplit(self.path)
        found = hub.find(parts.path)
        if found is None or parse_qs(parts.query).get("signed") != ["1"]:
            return self._plain(403, b"")
        if (status := hub.take(hub.faults.statuses)) is not None:
            return self._plain(status, b"fault")
        return self._bytes(found[1].folder / found[2], found[2], {}, faulty=True)

    def _listing(self, name: str, model: _Model, rest: str) -> None:
        revision = unquote(rest.removeprefix("revision/"))
        if revision not in ("main", model.commit):
            return self._plain(404, b"", {"X-Error-Code": "RevisionNotFound"})
        siblings: list[dict[str, object]] = []
        for path in sorted(item for item in model.folder.iterdir() if item.is_file()):
            entry: dict[str, object] = {"rfilename": path.name, "size": path.stat().st_size}
            if not self.owner.faults.no_hashes:
                data = path.read_bytes()
                entry["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
                if model.large(path.name):
                    entry["lfs"] = {"sha256": _sha256(path), "size": len(data), "pointerSize": 134}
            siblings.append(entry)
        listing = json.dumps({"id": name, "sha": model.commit, "siblings": siblings}).encode()
        return self._plain(200, self.owner.faults.raw_listing or listing)

    def _plain(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self._log(status, len(body))

    def _bytes(self, path: Path, file: str, headers: dict[str, str], *, faulty: bool) -> None:
        faults = self.owner.faults if faulty else Faults()
        data = bytearray(path.read_bytes())
        size = len(data)
        if faults.flip is not None and faults.flip[0] == file:
            data[faults.flip[1]] ^= 0x01
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, end = (int(match[1]), int(match[2]) + 1) if match and not faults.ignore_range else (0, size)
        status = 206 if match and not faults.ignore_range else 200
        body = bytes(data[start + faults.shift : end + faults.shift]).ljust(end - start, b"\0")
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if status == 206:
            total = size + 1 if faults.lie_total else size
            first = start + 1 if faults.lie_range else start
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{total}")
        if faults.no_length:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body) + faults.lie_length))
        self.end_headers()
        cut = faults.drop_after if self.owner.may_drop() and faulty else None
        self._send(status, body[:cut] + (faults.extra if cut is None else b""), faults)
        if cut is not None or faults.no_length or faults.lie_length:
            self.close_connection = True

    def _send(self, status: int, body: bytes, faults: Faults) -> None:
        sent = 0
        step = 1 if faults.trickle else 16_384
        try:
            for at in range(0, len(body), step):
                self.wfile.write(body[at : at + step])
                sent += len(body[at : at + step])
                time.sleep(faults.trickle or faults.slow)
        finally:
            self._log(status, sent)

    def _log(self, status: int, sent: int) -> None:
        self.owner.log(Request(self.server_role, self.path, dict(self.headers.items()), status, sent))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
