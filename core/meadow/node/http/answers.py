"""JSON that takes long to compute, for a client that may go away meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from meadow.node.http.sse import until_gone


class LongAnswer(Response):
    """JSON that takes long to compute. When the client goes, the computation is cancelled at once."""

    def __init__(self, computation: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        super().__init__()
        self._computation = computation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(until_gone(receive))
        computing = asyncio.create_task(self._computation())
        try:
            await asyncio.wait((computing, gone), return_when=asyncio.FIRST_COMPLETED)
            if computing.done():
                await JSONResponse(computing.result())(scope, receive, send)
        finally:
            for task in (gone, computing):
                task.cancel()
            for task in (gone, computing):
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
