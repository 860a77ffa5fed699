"""Servers that attach to a session which its owner may not have opened yet: they wait a little; only so many may."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping

from meadow.errors import ProtocolError
from meadow.server.admission import ServerLimits
from meadow.server.live import LiveSession
from meadow.wire.messages import Attach

Key = tuple[str, bytes]
"""(owner, session id)."""


class Attaching:
    """Who waits for which session. Belongs to the loop."""

    def __init__(self, sessions: Mapping[Key, LiveSession], limits: ServerLimits) -> None:
        self._sessions, self._limits = sessions, limits
        self._waiting: dict[Key, set[asyncio.Future[None]]] = {}
        self._count: Counter[str] = Counter()

    def opened(self, key: Key) -> None:
        """The owner has opened this session, or announced another route for it."""
        for waiting in self._waiting.pop(key, ()):
            if not waiting.done():
                waiting.set_result(None)

    async def session_for(self, peer_id: str, request: Attach) -> LiveSession:
        """The session that ``peer_id`` attaches to, if its owner announced this server as the one in front of us.

        Raises ProtocolError: too many wait, the session does not come, the route is old, or another was announced.
        """
        if self._count[peer_id] >= self._limits.attaches_per_peer or self._count.total() >= self._limits.attaches:
            raise ProtocolError("too many servers wait for sessions", code="too_many")
        self._count[peer_id] += 1
        try:
            return await self._announced(peer_id, request)
        finally:
            self._count[peer_id] -= 1
            if not self._count[peer_id]:
                del self._count[peer_id]

    async def _announced(self, peer_id: str, request: Attach) -> LiveSession:
        key = (request.owner, request.session)
        deadline = time.monotonic() + self._limits.attach_wait
        while True:
            session = self._sessions.get(key)
            if session is not None and session.state.epoch > request.epoch:
                raise ProtocolError("attached with an old route", code="stale_epoch")
            if session is not None and session.state.epoch == request.epoch:
                if session.opened.previous != (peer_id, request.server_id):
                    raise ProtocolError("a server attached that the owner did not announce")
                return session
            await self._wait(key, deadline)

    async def _wait(self, key: Key, deadline: float) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, set()).add(waiting)
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await waiting
        except TimeoutError:
            raise ProtocolError("attached to a session that nobody opened", code="unknown_session") from None
        finally:
            others = self._waiting.get(key)
            if others is not None:
                others.discard(waiting)
                if not others:
                    del self._waiting[key]
