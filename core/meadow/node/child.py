"""One child process, seen from its parent: start it, hear its events, give it commands, end it for certain.

Parent and child speak JSON lines over two pipes: commands are objects with ``command``, events objects with ``event``.
The child ends at once when its input pipe breaks, so that it cannot outlive us, however we end. ``Child`` is any such
process; ``ServerChild`` and ``EngineChild`` know what theirs are called.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from meadow.errors import MeadowError
from meadow.node import pulse
from meadow.server.spec import ServerSpec

logger = logging.getLogger(__name__)

Event = dict[str, Any]
_MAX_LINE = 16 << 20  # bytes of one event (chat/messages.py)
_MAX_BACKLOG = 64 << 20  # bytes of commands that a child has not read
_MAX_LOG = 1 << 20  # bytes; a longer log of an earlier life of the same child is begun anew


def describe_exit(status: int) -> str:
    """What an exit status says, for people: "was killed by SIGKILL", "ended with exit status 3"."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name} (exit status {status})"


class Child:
    """A spawned process. Make one with ``start``, then ``watch`` it until it ends."""

    arguments: Sequence[str] = ()
    """What the Python interpreter is started with."""
    death = "child_died"
    """The code of the error when it ends without a word."""
    consequence = ""
    """A sentence for people: what its end means."""
    answers = False
    """Whether it answers "ping" with "pong"; then one that has fallen silent is ended."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.pid = process.pid
        self.ready: Event | None = None  # its last "ready" event
        self._process = process
        self._log = log
        self._error: Event | None = None
        self._stopping = False
        self._pulse: pulse.Pulse | None = None
        self._frozen = False

    @classmethod
    async def _spawn(cls, log: Path, environment: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
        """Start the process; its standard error goes to ``log``, and ``environment`` is put on top of ours.

        Raises MeadowError when the system refuses.
        """
        try:
            errors: Any = await asyncio.to_thread(_open_log, log)
        except OSError:  # a full disk is no reason to do without the process
            errors = None
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                *cls.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=subprocess.DEVNULL if errors is None else errors,
                limit=_MAX_LINE,
                env={**os.environ, **environment} if environment else None,
                # Ctrl+C in a terminal reaches its whole process group; the child must wait for our word instead.
                start_new_session=True,
            )
        except OSError as error:
            raise MeadowError(
                f"The system starts no more processes ({error.strerror}). Close other programs and try again.",
                code="no_process",
            ) from error
        finally:
            if errors is not None:
                errors.close()

    def describe(self) -> str:
        """How messages call it."""
        return f"process {self.pid}"

    def send(self, command: Mapping[str, Any]) -> None:
        """Send one command. One that can no longer arrive is dropped: the end of the process is reported anyway."""
        self._send_line(json.dumps(command))

    def command(self, name: str, **fields: Any) -> None:
        """``send`` in fewer words."""
        self.send({"command": name, **fields})

    async def watch(self, on_event: Callable[[Self, Event], None]) -> None:
        """Hand on its events until it ends. Raises MeadowError naming it, unless we asked it to end."""
        assert self._process.stdout is not None
        asking = asyncio.create_task(self._ask()) if self.answers else None
        try:
            await self._hear(on_event)
        finally:
            if asking is not None:
                asking.cancel()
        self._kill()
        status = await self._process.wait()
        if self._stopping:
            return
        if self._error is not None:
            # What the child could explain needs no log; "internal" is what it could not.
            code = str(self._error.get("code", "internal"))
            where = self._details() if code == "internal" else ""
            raise MeadowError(str(self._error.get("message", "It failed.")) + where, code=code)
        how = (
            f"did not answer for {pulse.SILENT_SECONDS:.0f} s and was ended" if self._frozen else describe_exit(status)
        )
        message = f"{self.describe()} {how}. {self.consequence}".strip()
        raise MeadowError(message[0].upper() + message[1:] + self._details(), code=self.death)

    async def _hear(self, on_event: Callable[[Self, Event], None]) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError, ConnectionError):  # an endless line, a pipe reset: its end says more
            async for line in self._process.stdout:
                event = _parse(line)
                if self._pulse is not None:
                    self._pulse.heard()
                if event is None or event["event"] == "pong":
                    continue
                if event["event"] == "error":
                    self._error = event
                elif event["event"] == "ready":
                    self.ready = event
                try:
                    on_event(self, event)
                except Exception:  # a mistake of ours about one event must not cost us the process
                    logger.exception("an event of %s was not understood", self.describe())

    async def _ask(self) -> None:
        """Ask now and then whether it is there; one that does not answer any more is ended, and its end is told."""
        seconds = pulse.ASK_SECONDS
        self._pulse = pulse.Pulse(pulse.clocks(), seconds=seconds, limit=pulse.SILENT_SECONDS)
        while True:
            self.command("ping")
            await asyncio.sleep(seconds)
            if self._pulse.tick(pulse.clocks()):
                logger.warning("%s is silent and is ended", self.describe())
                self._frozen = True
                self._kill()
                return

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
        with contextlib.suppress(OSError):
            if self._log.stat().st_size == 0:
                self._log.unlink()

    def _kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _send_line(self, line: str) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        if pipe.is_closing():
            return
        if pipe.transport.get_write_buffer_size() > _MAX_BACKLOG:
            self._kill()  # it hangs; started anew it is of use again, and our memory is finite
            return
        pipe.write(line.encode() + b"\n")


class ServerChild(Child):
    """A process that hosts one span (:mod:`meadow.server.process`)."""

    arguments = ("-m", "meadow.server.process")
    death = "server_died"
    answers = True
    consequence = "Its blocks are no longer served from here."

    def __init__(self, spec: ServerSpec, process: asyncio.subprocess.Process, log: Path) -> None:
        super().__init__(process, log)
        self.spec = spec

    @classmethod
    async def start(cls, spec: ServerSpec, log: Path, environment: Mapping[str, str] | None = None) -> ServerChild:
        """Start the process; it begins to load. ``environment``: variables that it gets beside ours."""
        child = cls(spec, await cls._spawn(log, environment), log)
        child._send_line(spec.to_json())
        return child

    def describe(self) -> str:
        end = "" if self.spec.end is None else self.spec.end
        if self.ready is not None:
            end = self.ready["end"]
        return f"the server of blocks {self.spec.start}:{end} (process {self.pid})"


class EngineChild(Child):
    """The process that generates text for chats and for the API (:mod:`meadow.chat.process`)."""

    arguments = ("-m", "meadow.chat.process")
    death = "engine_died"
    answers = True
    consequence = "Answers that it was writing end here."

    @classmethod
    async def start(cls, spec: Mapping[str, Any], log: Path) -> Self:
        """Start the process; ``spec`` is the first line that it reads."""
        child = cls(await cls._spawn(log), log)
        child.send(spec)
        return child

    def describe(self) -> str:
        return f"the chat engine (process {self.pid})"


def _open_log(log: Path) -> Any:
    """What an earlier life of the same child said stays readable."""
    longer = log.exists() and log.stat().st_size > _MAX_LOG
    return log.open("wb" if longer else "ab")


def _parse(line: bytes) -> Event | None:
    """An event, or None: whatever else is printed is not for us."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
