"""One connection: uvicorn's HTTP/1.1 with the clocks and bounds that it lacks.

uvicorn waits forever for a request that never becomes complete, and for a reader that never reads. Both are bounded
here, per connection, at the level of the socket, before any of our code has run.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEAD_SECONDS = 10.0
"""Time from the connection, or from the end of the last request on it, to the end of the next head."""
DRAIN_SECONDS = 10.0
"""How long the rest of a refused body is read away, so that the sender gets to read the refusal."""
DRAIN_BYTES = 32 << 20
STALL_SECONDS = 60.0
"""How long a client may leave our answer unread."""
MAX_CONNECTIONS = 64


class GuardedProtocol(H11Protocol):
    """See the module's text. ``head_seconds`` and ``stall_seconds`` come with the class of a listener (``bounded``)."""

    head_seconds = HEAD_SECONDS
    stall_seconds = STALL_SECONDS
    max_connections = MAX_CONNECTIONS
    config: Config
    server_state: ServerState

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._phase = ""  # "head": a request is due; "drain": what is left of a refused one; "": neither
        self._phase_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._drained = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > self.max_connections:
            self._make_room()

    def _make_room(self) -> None:
        """End the connection that has waited longest for a request; if all are at work, this one."""
        idle = [other for other in self.connections if isinstance(other, GuardedProtocol) and other._phase == "head"]
        oldest = min((other for other in idle if other is not self), key=lambda other: other._since, default=self)
        if oldest is self:
            self._say(503, "too_many_connections", "Too many connections are open. Close some and try again.")
        else:
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_phase("")
        self._end_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._phase == "drain":
            self._drained += len(data)
            if self._drained > DRAIN_BYTES:
                self.transport.abort()
                return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        """Look where the conversation is, and set the clock that belongs to it."""
        if self.transport.is_closing():
            self._set_phase("")
        elif self.conn.their_state is h11.IDLE:
            self._set_phase("head")
        elif self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY:
            self._set_phase("drain")
        else:
            self._set_phase("")

    def _set_phase(self, phase: str) -> None:
        if phase == self._phase:
            return
        self._phase = phase
        self._since = self.loop.time()
        self._drained = 0
        if self._phase_timer is not None:
            self._phase_timer.cancel()
            self._phase_timer = None
        if phase:
            seconds = self.head_seconds if phase == "head" else DRAIN_SECONDS
            self._phase_timer = self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._phase_timer = None
        if self._phase == "head" and self.conn.trailing_data[0]:
            self._say(408, "too_slow", "The request did not arrive in time.")
        else:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_stall()

    def _end_stall(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls this for bytes that are not HTTP."""
        self._say(400, "not_http", "This is not a well-formed HTTP request.")

    def _say(self, status: int, code: str, message: str) -> None:
        """Answer without the application, and close."""
        body = json.dumps({"error": {"code": code, "message": message}}).encode()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            head = f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self._set_phase("")
        self.transport.close()


def bounded(
    *,
    head_seconds: float = HEAD_SECONDS,
    stall_seconds: float = STALL_SECONDS,
    max_connections: int = MAX_CONNECTIONS,
) -> type[GuardedProtocol]:
    """The protocol with other bounds; uvicorn makes its protocols itself and takes only a class."""
    return type(
        "GuardedProtocol",
        (GuardedProtocol,),
        {"head_seconds": head_seconds, "stall_seconds": stall_seconds, "max_connections": max_connections},
    )
