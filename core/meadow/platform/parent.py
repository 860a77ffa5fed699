"""A child process's two pipes to the process that spawned it: commands in, events out, one JSON a line.

When the input pipe breaks, the parent is dead: a thread of its own notices, whatever the rest of the process is busy
with, and ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TextIO, TypeVar


class Spec(Protocol):
    """What a child is told at birth. ``run_dir`` and ``run_lock`` are removed by it when its parent died."""

    @property
    def run_dir(self) -> str | None: ...
    @property
    def run_lock(self) -> str | None: ...


S = TypeVar("S", bound=Spec)


class Parent(Generic[S]):
    """Take the two pipes over; reads the first line, the child's spec.

    While ``serving`` is False the main thread is busy with importing and loading: a ping is answered here, and
    ``before_serving`` sees every other command first; what it answers with True goes no further.
    """

    def __init__(
        self, read_spec: Callable[[str], S], *, before_serving: Callable[[dict[str, Any]], bool] | None = None
    ) -> None:
        # Libraries that print must not garble the events: they get standard error.
        self._events: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._before_serving = before_serving
        self.commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.wake: Callable[[], object] | None = None
        """Called, from another thread, after every new command."""
        self.serving = False
        self.spec = read_spec(sys.stdin.readline())
        threading.Thread(target=self._listen, name="parent", daemon=True).start()

    def tell(self, event: str, **fields: Any) -> None:
        """Send one event; from any thread. Waits while the parent does not read, which slows the child down to it."""
        line = json.dumps({"event": event, **fields}) + "\n"
        try:
            with self._lock:
                self._events.write(line)
                self._events.flush()
        except OSError:
            self._die()

    def _listen(self) -> None:
        for line in sys.stdin:
            command = json.loads(line)
            if not self.serving and self._answered(command):
                continue
            self.commands.put(command)
            if self.wake is not None:
                self.wake()
        self._die()

    def _answered(self, command: dict[str, Any]) -> bool:
        if command["command"] == "ping" and self.wake is None:
            self.tell("pong")
            return True
        return self._before_serving is not None and self._before_serving(command)

    def _die(self) -> None:
        """The parent is gone without a word, and so are we; its sockets are ours to clean up."""
        if self.spec.run_dir:
            shutil.rmtree(self.spec.run_dir, ignore_errors=True)
        if self.spec.run_lock:
            with contextlib.suppress(OSError):
                os.unlink(self.spec.run_lock)
        os._exit(1)
