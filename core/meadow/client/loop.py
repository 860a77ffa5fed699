"""The asyncio loop behind the blocking client: one daemon thread on which all streams live."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from meadow.errors import MeadowError

T = TypeVar("T")


class BackgroundLoop:
    """An asyncio loop on a thread of its own. Closed at interpreter exit if nobody closed it before."""

    def __init__(self, name: str = "meadow-client") -> None:
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop
        self._closed = False
        made = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(made,), name=name, daemon=True)
        self._thread.start()
        made.wait()
        atexit.register(self.close)

    def run(self, coroutine: Coroutine[Any, Any, T], *, timeout: float | None = None) -> T:
        """Run a coroutine there and wait for its result. Interrupting the wait cancels it.

        Raises what it raises; TimeoutError after ``timeout`` seconds; MeadowError in a forked child.
        """
        future = self.start(coroutine)
        try:
            return future.result(timeout)
        except CancelledError:
            raise MeadowError("Meadow was closed while an answer was awaited.") from None
        except BaseException:
            future.cancel()
            raise

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine there without waiting. Raises MeadowError in a forked child or on a closed loop."""
        try:
            self._check()
        except MeadowError:
            coroutine.close()
            raise
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call a function there soon, without waiting. Raises MeadowError if the loop is closed."""
        self._check()
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError as error:
            raise MeadowError("Meadow is closed.") from error

    def call_if_alive(self, function: Callable[..., object], *args: object) -> None:
        """Like :meth:`call`, but does nothing on a closed loop or in a forked child: for clean-up code."""
        if os.getpid() == self._pid and not self._closed:
            try:
                self._loop.call_soon_threadsafe(function, *args)
            except RuntimeError:
                return  # closed between the look and the call

    def close(self) -> None:
        """Cancel everything that runs there and end the thread. Doing it twice is harmless."""
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(5.0)

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise MeadowError(
                "This process was forked from one that used Meadow; its connections did not come along. "
                "Load the model in the new process, or start it with the spawn method."
            )
        if self._closed:
            raise MeadowError("Meadow is closed.")
        if threading.current_thread() is self._thread:
            raise MeadowError("A blocking call of Meadow was made on Meadow's own thread.")

    def _run(self, made: threading.Event) -> None:
        # Made here, where no signal arrives: a loop that Ctrl+C interrupts while it is made complains when it is freed.
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        made.set()
        try:
            self._loop.run_forever()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        finally:
            self._loop.close()
