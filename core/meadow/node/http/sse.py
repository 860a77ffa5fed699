"""Server-Sent Events over ASGI: a response that goes on until its source ends, its reader goes, or the node stops.

An idle stream gets a comment now and then, so that both ends notice when the other has gone. A reader that takes
nothing for half a minute is dropped. Nothing is read ahead: the source is asked for the next chunk only when the last
one is on its way, so a slow reader slows down its own source and nothing else.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
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
    :param patience: so many seconds the status waits for the first chunk: an error before it is raised, for the
        application's error handlers, and so has a status of its own. None: the status goes out at once.
    :param last_words: makes the last chunk of an error that comes later; without it, the error is raised.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        source: AsyncGenerator[bytes, None],
        *,
        stopping: asyncio.Event | None = None,
        keep_alive: float = KEEP_ALIVE,
        stuck: float = STUCK,
        patience: float | None = None,
        last_words: Callable[[Exception], bytes] | None = None,
    ) -> None:
        super().__init__(headers={"cache-control": "no-store"})
        del self.headers["content-length"]  # nobody knows it
        self._source = source
        self._stopping = stopping or asyncio.Event()
        self._keep_alive = keep_alive
        self._stuck = stuck
        self._patience = patience
        self._last_words = last_words
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of the three ends comes."""
        pump = asyncio.create_task(self._pump(send))
        gone = asyncio.create_task(until_gone(receive))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([pump, gone, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not pump.done() and not gone.done():
                await asyncio.wait([pump, gone], timeout=_LAST_WORDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, gone, stopping):
                task.cancel()
            results = await asyncio.gather(pump, gone, stopping, return_exceptions=True)
        if isinstance(results[0], Exception) and not isinstance(results[0], _ReaderGone):
            raise results[0]

    async def _pump(self, send: Send) -> None:
        pending: asyncio.Task[bytes | None] | None = None
        try:
            if self._patience is None:
                await self._begin(send)
            while True:
                pending = asyncio.create_task(_next(self._source))
                while not (await asyncio.wait([pending], timeout=self._wait))[0]:
                    await self._chunk(send, _COMMENT)
                chunk = self._result(pending)
                if chunk is None:
                    break
                await self._chunk(send, chunk)
            await self._chunk(send, b"", more=False)
        finally:
            if pending is not None and not pending.done():
                pending.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await pending
            await self._source.aclose()

    @property
    def _wait(self) -> float:
        return self._keep_alive if self._begun or self._patience is None else self._patience

    def _result(self, pending: asyncio.Task[bytes | None]) -> bytes | None:
        """The chunk, None after the last. After an exception the source is at its end, so the next one is None."""
        try:
            return pending.result()
        except Exception as error:
            if not self._begun or self._last_words is None:
                raise
            return self._last_words(error)

    async def _begin(self, send: Send) -> None:
        self._begun = True
        await self._put(send, {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _chunk(self, send: Send, body: bytes, *, more: bool = True) -> None:
        if not self._begun:
            await self._begin(send)
        await self._put(send, {"type": "http.response.body", "body": body, "more_body": more})

    async def _put(self, send: Send, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._stuck):
                await send(message)
        except (TimeoutError, OSError) as error:
            raise _ReaderGone from error


class _ReaderGone(Exception):
    """The reader takes nothing any more; nobody has to hear about it."""


async def until_gone(receive: Receive) -> None:
    """Returns when the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _next(source: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(source, None)
