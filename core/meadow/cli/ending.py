"""The end of a command: what must be finished is finished before; nobody waits for a thread that still imports.

Importing hivemind takes a second, many on a busy machine, and cannot be interrupted. A command that was told to stop
meanwhile has cleaned up long before that thread is done, and nothing of what it does is wanted any more.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

PATIENCE_SECONDS = 1.0
"""What else threads may be busy with, such as writing a file, takes less."""


class Impatient(ThreadPoolExecutor):
    """An executor for a loop, whose end takes only so long."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As any executor's, but for the limit."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        until = time.monotonic() + PATIENCE_SECONDS
        for thread in list(self._threads) if wait else ():
            thread.join(max(0.0, until - time.monotonic()))


def leave(status: int) -> None:
    """End this process now, if there are threads that would keep it; else return."""
    me = threading.current_thread()
    if any(thread is not me and not thread.daemon for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
