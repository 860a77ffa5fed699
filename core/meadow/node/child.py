"""One server process, seen from its parent: start it, hear its events, give it commands, end it for certain.

Parent and child speak JSON lines over two pipes. The child ends at once when its input pipe breaks, so that it cannot
outlive us, however we end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError
from meadow.server.spec import ServerSpec

Event = dict[str, Any]
_MAX_LINE = 1 << 20


def describe_exit(status: int) -> str:
    """What an exit status says, for people: "was killed by SIGKILL", "ended with exit status 3"."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name} (exit status {status})"


class ServerChild:
    """A spawned server process. Make one with ``ServerChild.start``."""

    def __init__(self, spec: ServerSpec, process: asyncio.subprocess.Process, log: Path) -> None:
        self.spec = spec
        self.pid = process.pid
        self.ready: Event | None = None  # its "ready" event, once it can serve
        self._process = process
        self._log = log
        self._error: Event | None = None
        self._stopping = False

    @classmethod
    async def start(cls, spec: ServerSpec, log: Path) -> ServerChild:
        """Start the process; its standard error goes to ``log``."""
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "meadow.server.process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=_MAX_LINE,
                # Ctrl+C in a terminal reaches its whole process group; the child must wait for our word instead.
                start_new_session=True,
            )
        child = cls(spec, process, log)
        child._send_line(spec.to_json())
        return child

    @property
    def name(self) -> str:
        """How messages call it."""
        end = "" if self.spec.end is None else self.spec.end
        if self.ready is not None:
            end = self.ready["end"]
        return f"the server of blocks {self.spec.start}:{end} (process {self.pid})"

    def command(self, name: str, **fields: Any) -> None:
        """Send one command. One that can no longer arrive is dropped: the end of the process is reported anyway."""
        self._send_line(json.dumps({"command": name, **fields}))

    async def watch(self, on_event: Callable[[ServerChild, Event], None]) -> None:
        """Hand on its events until it ends. Raises MeadowError naming it, unless we asked it to end."""
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError, ConnectionError):  # an endless line, a pipe reset: its end says more
            async for line in self._process.stdout:
                with contextlib.suppress(json.JSONDecodeError):
                    event = json.loads(line)
                    if event.get("event") == "error":
                        self._error = event
                    elif event.get("event") == "ready":
                        self.ready = event
                    on_event(self, event)
        self._kill()
        status = await self._process.wait()
        if self._stopping:
            return
        if self._error is not None:
            # What the server could explain needs no log; "internal" is what it could not.
            where = self._details() if self._error["code"] == "internal" else ""
            raise MeadowError(self._error["message"] + where, code=self._error["code"])
        message = f"{self.name} {describe_exit(status)}. Its blocks are no longer served from here."
        raise MeadowError(message[0].upper() + message[1:] + self._details(), code="server_died")

    def _details(self) -> str:
        """Where its log is, if there is anything in it."""
        return f" Details: {self._log}" if self._log.exists() and self._log.stat().st_size else ""

    async def stop(self, seconds: float) -> None:
        """Ask it to end; kill it when it has not after ``seconds``."""
        self._stopping = True
        self.command("stop")
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait(), seconds)
        self._kill()
        await self._process.wait()
        if self._log.exists() and self._log.stat().st_size == 0:
            self._log.unlink(missing_ok=True)

    def _kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _send_line(self, line: str) -> None:
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(line.encode() + b"\n")
