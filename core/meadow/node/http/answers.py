"""Responses that notice when the client goes away: a stream of events, and one that is computed for long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

HEARTBEAT_SECONDS = 10.0
"""Between comments on a silent stream, so that nobody in between takes it for dead."""
FIRST_FRAME_SECONDS = 10.0
"""How long the status waits for the first frame: an error before it has a status of its own, one after it has not."""
_HEARTBEAT = b": still working\n\n"


class AnswerStream(Response):
    """Server-Sent Events from an async generator of frames. When the client goes, the generator is closed at once.

    An exception before the first frame is raised, for the application's error handlers; later, ``last_words`` makes the
    final frame from it.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        last_words: Callable[[Exception], bytes],
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        first_frame_seconds: float = FIRST_FRAME_SECONDS,
    ) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._frames = frames
        self._last_words = last_words
        self._heartbeat_seconds = heartbeat_seconds
        self._patience = first_frame_seconds
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_until_gone(receive))
        coming = asyncio.create_task(_next(self._frames))
        try:
            while True:
                seconds = self._heartbeat_seconds if self._started else self._patience
                await asyncio.wait((coming, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    return
                frame: bytes | None = _HEARTBEAT
                if coming.done():
                    frame = self._result(coming)
                await self._send(send, frame)
                if frame is None:
                    return
                if coming.done():
                    coming = asyncio.create_task(_next(self._frames))
        finally:
            await _end(gone, coming)
            await self._frames.aclose()

    def _result(self, coming: asyncio.Task[bytes | None]) -> bytes | None:
        """The frame, None after the last. After an exception the generator is at its end, so the next one is None."""
        try:
            return coming.result()
        except Exception as error:
            if not self._started:
                raise
            return self._last_words(error)

    async def _send(self, send: Send, frame: bytes | None) -> None:
        if not self._started:
            self._started = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": frame or b"", "more_body": frame is not None})


class LongAnswer(Response):
    """JSON that takes long to compute. When the client goes, the computation is cancelled at once."""

    def __init__(self, computation: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        super().__init__()
        self._computation = computation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_until_gone(receive))
        computing = asyncio.create_task(self._computation())
        try:
            await asyncio.wait((computing, gone), return_when=asyncio.FIRST_COMPLETED)
            if computing.done():
                await JSONResponse(computing.result())(scope, receive, send)
        finally:
            await _end(gone, computing)


async def _next(frames: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(frames, None)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
