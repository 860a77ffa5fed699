"""The ASGI middleware around everything: asks the gate, reads the body within its limits, answers when code fails.

It also writes the access log, which has no query and no body, and makes sure that no header leaves that would open the
node to web pages.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meadow.node.http.gate import BODY_LIMIT, Refusal, Rules, refusal, too_large
from meadow.node.http.problems import Problem, problem_of

_access = logging.getLogger("meadow.node.http.access")

BODY_SECONDS = 30.0
"""Time for the whole body. On loopback 4 MiB take milliseconds; a sender of single bytes gets no further."""

_HARDENED = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Door:
    """See the module's text. Outermost around the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        port_of: Callable[[], int],
        origins: Iterable[str] = (),
        body_limit: int = BODY_LIMIT,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        """``port_of``: the port that we listen on, which with port 0 is known only later."""
        self._app = app
        self._token = token
        self._port_of = port_of
        self._origins = frozenset(origins)
        self._body_limit = body_limit
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:  # the listener speaks no WebSocket; should that change, they are still refused
            await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(scope, send)
        rules = Rules(self._token, self._port_of(), self._origins, self._body_limit)
        client = scope.get("client")
        raw_path = scope.get("raw_path") or scope["path"].encode()
        try:
            refused = refusal(rules, scope["method"], raw_path, scope["headers"], client[0] if client else None)
            if refused is not None:
                await answer.refuse(refused)
                return
            body = await self._read(rules, receive)
            if isinstance(body, Refusal):
                await answer.refuse(body)
            elif body is not None:
                await self._app(scope, _replay(body, receive), answer.send)
        except asyncio.CancelledError:
            # The listener is closing. Ending here lets it close the connection without a traceback in the log.
            return
        except Exception as error:
            problem = problem_of(error)
            if not answer.started:
                await answer.problem(problem)
        finally:
            answer.log()

    async def _read(self, rules: Rules, receive: Receive) -> bytes | Refusal | None:
        """The whole body; None when the client has gone. Counted as it comes: there may be no Content-Length."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return None
                    size += len(message.get("body", b""))
                    if size > rules.body_limit:
                        return too_large(rules)
                    parts.append(message.get("body", b""))
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            return Refusal(408, "too_slow", "The body of the request did not arrive in time.")


def _replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body once, and then waits for the client to go."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


class _Answer:
    """The response of one request on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.started = False
        self._scope = scope
        self._send = send
        self._status = 0
        self._size = 0
        self._id = f"req_{secrets.token_hex(8)}"
        self._begin = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._status = message["status"]
            message = {**message, "headers": self._headers(message.get("headers", ()))}
        elif message["type"] == "http.response.body":
            self._size += len(message.get("body", b""))
        await self._send(message)

    def _headers(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        kept = [(name, value) for name, value in headers if not name.lower().startswith(b"access-control-")]
        present = {name.lower() for name, _ in kept}
        kept += [(name, value) for name, value in _HARDENED if name not in present]
        return [*kept, (b"x-request-id", self._id.encode())]

    async def refuse(self, refused: Refusal) -> None:
        headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
        await self.problem(Problem(refused.status, refused.code, refused.message, headers=headers))

    async def problem(self, problem: Problem) -> None:
        body = json.dumps(problem.body(self._scope["path"])).encode()
        headers: list[tuple[bytes, bytes]] = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
        ]
        await self.send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def log(self) -> None:
        raw: Any = self._scope.get("raw_path") or self._scope["path"].encode()
        path = raw.decode("ascii", "backslashreplace")[:200]
        seconds = time.perf_counter() - self._begin
        _access.info("%s %s %s %d %.3fs %dB", self._id, self._scope["method"], path, self._status, seconds, self._size)
