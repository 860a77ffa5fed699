"""One child kept alive: started, watched, and started again when it dies by accident (restart.py decides when)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from meadow.errors import MeadowError
from meadow.node.child import Child, Event
from meadow.node.restart import delay_before_restart, failures_in_a_row, is_for_good

logger = logging.getLogger(__name__)

C = TypeVar("C", bound=Child)


class Owner(Protocol[C]):
    """Who hears about a kept child; all of it on the loop, none of it may raise."""

    def started(self, kept: Kept[C], child: C) -> None:
        """A process was started; commands may be sent to it."""

    def heard(self, kept: Kept[C], child: C, event: Event) -> None:
        """It said something."""

    async def ended(self, kept: Kept[C], child: C, error: MeadowError | None) -> None:
        """The process is gone; without an error, because we asked it to."""

    def waiting(self, kept: Kept[C], error: MeadowError, seconds: float) -> None:
        """It will be started again in so many seconds."""

    def given_up(self, kept: Kept[C], error: MeadowError) -> None:
        """It is not started again: the error would only come back, or nothing is to be started again here."""


class Kept(Generic[C]):
    """See the module's text. ``start`` makes one process; it may raise MeadowError."""

    def __init__(self, start: Callable[[], Awaitable[C]], owner: Owner[C], *, restart: bool) -> None:
        self.child: C | None = None
        """The process that runs now."""
        self.failures = 0
        self.over = asyncio.Event()
        """Set when there is no process and none will be started."""
        self._start, self._owner, self._restart = start, owner, restart
        self._stopping = False
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it for the first time. Raises MeadowError when not even a process can be made."""
        child = await self._start()
        self._task = asyncio.create_task(self._live(child))

    def send(self, command: Mapping[str, Any]) -> bool:
        """Send a command to the process that runs now; False when there is none."""
        if self.child is None:
            return False
        self.child.send(command)
        return True

    def retry(self) -> None:
        """Do not wait any longer, if it is waiting to be started again."""
        self._hurry.set()

    def let_go(self) -> None:
        """Do not start it again."""
        self._restart = False
        self._hurry.set()

    async def stop(self, seconds: float) -> None:
        """End it for good: ask, and kill after so many seconds. Harmless when called again."""
        self._stopping = True
        self.let_go()
        if self.child is not None:
            await self.child.stop(seconds)
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _live(self, child: C) -> None:
        try:
            error: MeadowError | None = await self._one_life(child)
            while error is not None:
                if not self._restart or is_for_good(error.code, served=self._served):
                    self._owner.given_up(self, error)
                    return
                seconds = delay_before_restart(self.failures)
                self._owner.waiting(self, error, seconds)
                self._hurry.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), seconds)
                if not self._restart:
                    return
                try:
                    child = await self._start()
                except MeadowError as refused:
                    error, self.failures = refused, self.failures + 1
                else:
                    error = await self._one_life(child)
        finally:
            self.over.set()

    _served = False

    async def _one_life(self, child: C) -> MeadowError | None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        error: MeadowError | None = None
        self.child = child
        try:
            if self._stopping:  # while it was being started
                await child.stop(0.0)
                return None
            self._owner.started(self, child)
            await child.watch(self._heard)
        except MeadowError as caught:
            error = caught
            self.failures = failures_in_a_row(self.failures, loop.time() - began)
        finally:
            self.child = None
        await self._owner.ended(self, child, error)
        return error

    def _heard(self, child: C, event: Event) -> None:
        if event["event"] == "ready":
            self._served = True
        self._owner.heard(self, child, event)
