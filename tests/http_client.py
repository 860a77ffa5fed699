"""HTTP as bytes, for tests that must be able to say anything to the node; and the node's HTTP side on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI

from meadow.node.http.app import make_app
from meadow.node.http.listen import RunningServer, serve
from meadow.node.http.protocol import GuardedProtocol

TOKEN = "t0ken-" + "a1B2" * 9


@dataclass
class Reply:
    """``status`` 0: the connection was closed without an answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


@contextlib.asynccontextmanager
async def running(
    routers: Sequence[APIRouter],
    *,
    protocol: type[GuardedProtocol] = GuardedProtocol,
    door: bool = True,
    app: FastAPI | None = None,
    origins: Sequence[str] = (),
) -> AsyncIterator[RunningServer]:
    """The application on a free port. ``door`` False: the same, but everybody may enter."""
    found: list[RunningServer] = []
    app = app or make_app(token=TOKEN, port_of=lambda: found[0].port, routers=routers, origins=origins)
    if not door:
        app.user_middleware.clear()
    found.append(await serve(app, protocol=protocol))
    try:
        yield found[0]
    finally:
        await found[0].close()


def head(method: str, path: str, port: int, *headers: str, token: str | None = TOKEN, host: str | None = None) -> bytes:
    """The head of a request that is fine, but for what is asked for. ``host`` "": none."""
    lines = [f"{method} {path} HTTP/1.1"]
    if host != "":
        lines.append(f"Host: {host or f'127.0.0.1:{port}'}")
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def post(path: str, port: int, body: bytes, *headers: str, token: str | None = TOKEN) -> bytes:
    """A whole POST of JSON."""
    kind = (
        [] if any(line.lower().startswith("content-type") for line in headers) else ["Content-Type: application/json"]
    )
    return head("POST", path, port, *kind, f"Content-Length: {len(body)}", *headers, token=token) + body


async def ask(port: int, request: bytes, *, seconds: float = 20.0) -> Reply:
    """Send bytes on a connection of their own and read one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(request)
            await writer.drain()
        return await asyncio.wait_for(read_reply(reader), seconds)
    finally:
        writer.transport.abort()


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    """One answer, with its whole body."""
    try:
        start = await reader.readline()
        if not start:
            return Reply()
        reply = Reply(int(start.split()[1]))
        while (line := await reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            reply.headers[name.lower()] = value.strip()
        if reply.headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                reply.body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        else:
            reply.body = await reader.readexactly(int(reply.headers.get("content-length", 0)))
        return reply
    except (ConnectionError, asyncio.IncompleteReadError, ValueError):
        return Reply()
