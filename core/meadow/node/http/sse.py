"""Server-Sent Events over ASGI: a response that goes on until its source ends, its reader goes, or the node stops.

An idle stream gets a comment now and then, so that both ends notice when the other has gone. A reader that takes
nothing for half a minute is dropped. Nothing is read ahead: the source is asked for the next chunk only when the last
one is on its way, so a slow reader slows down its own source and nothing else.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

KEEP_ALIVE: Final = 15.0
"""Seconds of silence after which a comment is sent."""
STUCK: Final = 30.0
"""Seconds after which a reader that takes nothing is given up."""
_LAST_WORDS: Final = 1.0
_COMMENT: Final = b": still here\n\n"


def encode_event(data: Any, *, event: str | None = None, id: int | str | None = None) -> bytes:
    """One event with JSON ``data``. ASCII only, so that no line separator of Unicode can end a line early."""
    lines = [] if id is None else [f"id: {id}"]
    if event is not None:
        lines.append(f"event: {event}")
    lines.append("data: " + json.dumps(data, separators=(",", ":"), allow_nan=False))
    return ("\n".join(lines) + "\n\n").encode()


class EventStream(Response):
    """A response made of the chunks that ``source`` yields.

    :param source: closed in any case; its chunks are whole events (:func:`encode_event`).
    :param stopping: set when the node stops: the source may end by itself for a second, then the stream is cut.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        source: AsyncGenerator[bytes, None],
        *,
        stopping: asyncio.Event | None = None,
        keep_alive: float = KEEP_ALIVE,
        stuck: float = STUCK,
    ) -> None:
        super().__init__(headers={"cache-control": "no-store"})
        del self.headers["content-length"]  # nobody knows it
        self._source = source
        self._stopping = stopping or asyncio.Event()
        self._keep_alive = keep_alive
        self._stuck = stuck

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of the three ends comes."""
        pump = asyncio.create_task(self._pump(send))
        gone = asyncio.create_task(_disconnect(receive))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([pump, gone, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not pump.done() and not gone.done():
                await asyncio.wait([pump, gone], timeout=_LAST_WORDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, gone, stopping):
                task.cancel()
            results = await asyncio.gather(pump, gone, stopping, return_exceptions=True)
        if isinstance(results[0], Exception) and not isinstance(results[0], TimeoutError | OSError):
            raise results[0]

    async def _pump(self, send: Send) -> None:
        pending: asyncio.Task[bytes] | None = None

        async def put(message: dict[str, Any]) -> None:
            async with asyncio.timeout(self._stuck):
                await send(message)

        async def chunk(body: bytes, *, more: bool = True) -> None:
            await put({"type": "http.response.body", "body": body, "more_body": more})

        try:
            await put({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while True:
                pending = asyncio.ensure_future(anext(self._source))
                while not (await asyncio.wait([pending], timeout=self._keep_alive))[0]:
                    await chunk(_COMMENT)
                try:
                    await chunk(pending.result())
                except StopAsyncIteration:
                    break
            await chunk(b"", more=False)
        finally:
            if pending is not None and not pending.done():
                pending.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await pending
            await self._source.aclose()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
