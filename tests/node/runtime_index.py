"""A package index on loopback with tiny wheels: a ``torch`` that says what hardware that is not here would say.

Real HTTP with ranges, real zip files with a real RECORD; faults on request. ``lock_of`` pins what is served.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from meadow.node.gpu_runtime.lock import Lock, Wheel

TORCH = """
import os, sys, types
__version__ = "2.13.0+cu130"
open({seen!r}, "a").write(" ".join(sys.orig_argv) + "|" + __file__ + "\\n")
version = types.SimpleNamespace(cuda="13.0", hip=None)
class _Cuda:
    def is_available(self): return {gpus} > 0
    def init(self): raise RuntimeError("no driver")
    def device_count(self): return {gpus}
    def mem_get_info(self, index): return (6 << 30, 8 << 30)
    def get_device_properties(self, index):
        return types.SimpleNamespace(name="NVIDIA GeForce RTX 4070", total_memory=8 << 30, uuid="")
cuda = _Cuda()
backends = types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: False))
class ones:
    def __init__(self, count, device): self.total = float(count)
    def __mul__(self, factor): self.total *= factor; return self
    def sum(self): return {answer}
"""


def torch_source(seen: str, *, gpus: int = 1, right: bool = True) -> str:
    """A ``torch/__init__.py`` that notes who imports it, in the file ``seen``."""
    return TORCH.format(seen=seen, gpus=gpus, answer="self.total" if right else "0.0")


def make_wheel(name: str, version: str, files: Mapping[str, bytes], record: Mapping[str, str] | None = None) -> bytes:
    """A wheel. ``record``: hashes to state instead of the true ones."""
    info = f"{name}-{version}.dist-info"
    files = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()}
    lines = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={(record or {}).get(path, digest)},{len(data)}")
    lines.append(f"{info}/RECORD,,")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
        archive.writestr(f"{info}/RECORD", "\n".join(lines) + "\n")
    return buffer.getvalue()


@dataclass
class Faults:
    """What goes wrong with wheels."""

    drop_after: int | None = None  # every answer ends after so many bytes
    flip: bool = False  # the last byte is another one
    stall: threading.Event | None = None  # the second half of a wheel waits for this
    missing: bool = False  # pages list nothing
    ignore_range: bool = False


@dataclass
class RuntimeIndex:
    """``sent`` counts the bytes of wheels that went out."""

    wheels: dict[str, bytes]
    url: str = ""
    html: bool = False
    sent: int = 0
    asked: list[str] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)

    def lock(self, **changes: int) -> Lock:
        """What is served, pinned."""
        wheels = []
        for file, data in self.wheels.items():
            name, version = file.split("-")[:2]
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
            digest = hashlib.sha256(data).hexdigest()
            wheels.append(Wheel(name, version, file, digest, len(data), changes.get("unpacked", unpacked)))
        return Lock("2.13.0", (13, 0), tuple(wheels))


@contextlib.contextmanager
def runtime_index(files: Mapping[str, bytes]) -> Iterator[RuntimeIndex]:
    """Serve these wheels until the end of the block."""
    index = RuntimeIndex(dict(files))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):
                self._page() if self.path.startswith("/simple/") else self._wheel()

        def _page(self) -> None:
            project = self.path.split("/")[2]
            names = [n for n in index.wheels if n.startswith(f"{project}-") and not index.faults.missing]
            if index.html:
                links = "".join(f'<a href="../../files/{name}#sha256=00">{name}</a>' for name in names)
                self._answer(200, links.encode(), {"Content-Type": "text/html"})
                return
            table = {"files": [{"filename": n, "url": f"../../files/{n}", "hashes": {}} for n in names]}
            kind = "application/vnd.pypi.simple.v1+json"
            self._answer(200, json.dumps(table).encode(), {"Content-Type": kind})

        def _wheel(self) -> None:
            data, status, headers = index.wheels[self.path.rpartition("/")[2]], 200, {}
            index.asked.append(self.headers.get("Range", "all"))
            size = len(data)
            if index.faults.flip:
                data = data[:-1] + bytes([data[-1] ^ 1])
            if "Range" in self.headers and not index.faults.ignore_range:
                start, end = (int(part) for part in self.headers["Range"].removeprefix("bytes=").split("-"))
                data, status = data[start : end + 1], 206
                headers["Content-Range"] = f"bytes {start}-{end}/{size}"
            self._answer(status, data, headers, wheel=True)

        def _answer(self, status: int, data: bytes, headers: Mapping[str, str], *, wheel: bool = False) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            limit = index.faults.drop_after if wheel else None
            half = len(data) // 2 if wheel and index.faults.stall is not None else len(data)
            for piece in (data[:half], data[half:]):
                piece = piece if limit is None else piece[:limit]
                self.wfile.write(piece)
                self.wfile.flush()
                index.sent += len(piece) if wheel else 0
                if limit is not None:
                    self.close_connection = True
                    return
                if piece and half < len(data) and index.faults.stall is not None:
                    index.faults.stall.wait(60)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
    try:
        yield index
    finally:
        if index.faults.stall is not None:
            index.faults.stall.set()
        server.shutdown()
        server.server_close()
