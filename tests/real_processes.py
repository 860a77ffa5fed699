"""Real ``meadow`` commands for tests: started, listened to, killed, and searched for afterwards.

Every process carries a mark in its environment, which its children inherit. So strays are found whoever their parent
has become, and nothing that a test did not start is ever touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import queue
import select
import signal
import subprocess
import sys
import termios
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import psutil

from meadow.cli import main

MARK = "MEADOW_TEST_MARK"
GRACE = 5.0  # seconds in which everything must be gone


class Command:
    """One running ``meadow`` command; its JSON events are read by a thread."""

    def __init__(self, arguments: list[str], mark: str, errors: Path, stdin: Any = subprocess.DEVNULL) -> None:
        self.errors = errors
        with errors.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "meadow", *arguments],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env={**os.environ, MARK: mark},
            )
        self.lines: list[str] = []
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("{"):
                self._events.put(json.loads(line))
        self._events.put(None)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stderr(self) -> str:
        """What it said on standard error so far."""
        return self.errors.read_text(errors="replace")

    @property
    def stdout(self) -> str:
        return "".join(self.lines)

    def wait_for(self, name: str, seconds: float = 60.0) -> dict[str, Any]:
        """The next event of this name. Fails when the output ends or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self._events.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no event {name!r} in {seconds} s; so far: {self.stdout}{self.stderr}") from None
            if event is None:
                self._events.put(None)
                raise AssertionError(f"ended without an event {name!r}: {self.stdout}{self.stderr}")
            if event["event"] == name:
                return event

    def children(self) -> dict[str, list[psutil.Process]]:
        """Its living descendants by kind: "p2pd" and "server"."""
        found: dict[str, list[psutil.Process]] = {"p2pd": [], "server": []}
        for child in psutil.Process(self.pid).children(recursive=True):
            line = " ".join(child.cmdline())
            if "p2pd" in line:
                found["p2pd"].append(child)
            elif "meadow.server.process" in line:
                found["server"].append(child)
        return found

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def exit_status(self, seconds: float = 60.0) -> int:
        """Wait for its end."""
        return self.process.wait(seconds)


class Terminal:
    """A ``meadow`` command at a terminal of its own, and the person before it."""

    def __init__(self, arguments: list[str], mark: str) -> None:
        self._mine, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "meadow", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, MARK: mark, "TERM": "dumb"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  (so that Ctrl+C is a signal)
        )
        os.close(theirs)
        self._unseen = ""
        self._screen = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def types(self, text: str) -> None:
        """Press keys."""
        os.write(self._mine, text.encode())

    def sees(self, text: str, seconds: float = 60.0) -> None:
        """Wait until ``text`` is on the screen, after what was seen before."""
        deadline = time.monotonic() + seconds
        while text not in self._unseen:
            assert self._read(deadline), f"never saw {text!r}: {self._screen}"
        self._unseen = self._unseen.partition(text)[2]

    def sees_anything(self, seconds: float = 60.0) -> None:
        """Wait until something new is on the screen."""
        deadline = time.monotonic() + seconds
        while not self._unseen.strip():
            assert self._read(deadline), f"nothing new came: {self._screen}"

    def exit_status(self, seconds: float = 60.0) -> int:
        """Wait for its end."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and self._read(deadline):
            continue
        return self.process.wait(max(1.0, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        if not select.select([self._mine], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        try:
            text = os.read(self._mine, 4096).decode(errors="replace")
        except OSError:  # its end
            return False
        self._unseen += text
        self._screen += text
        return True

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


class Processes:
    """All commands of one test."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.mark = uuid.uuid4().hex
        self.commands: list[Command | Terminal] = []

    def start(self, *arguments: str | os.PathLike[str], stdin: Any = subprocess.DEVNULL) -> Command:
        """Start ``meadow ARGUMENTS... --home HOME``."""
        number = len(self.commands)
        command = Command(
            [*map(str, arguments), "--home", str(self.home)], self.mark, self.home / f"stderr-{number}.txt", stdin
        )
        self.commands.append(command)
        return command

    def at_terminal(self, *arguments: str | os.PathLike[str]) -> Terminal:
        """Start ``meadow ARGUMENTS... --home HOME`` at a terminal."""
        terminal = Terminal([*map(str, arguments), "--home", str(self.home)], self.mark)
        self.commands.append(terminal)
        return terminal

    def run(self, *arguments: str | os.PathLike[str], seconds: float = 90.0) -> Command:
        """Start a command and wait for its end."""
        command = self.start(*arguments)
        command.exit_status(seconds)
        return command

    def inside(self, *arguments: str | os.PathLike[str]) -> tuple[int, list[dict[str, Any]]]:
        """Run a command in this very process, which has imported torch already: exit status and events.

        Its p2pd and server processes are as real as ever, and are marked.
        """
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        output = io.StringIO()
        os.environ[MARK] = self.mark
        try:
            with contextlib.redirect_stdout(output):
                status = main([*map(str, arguments), "--home", str(self.home), "--json"])
        finally:
            del os.environ[MARK]
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return status, [json.loads(line) for line in output.getvalue().splitlines()]

    def serve(
        self, model: Path, blocks: str, *, peers: list[str] | None = None, extra: tuple[str, ...] = ()
    ) -> Command:
        """Start ``meadow serve --json``; in a new swarm unless ``peers`` are given."""
        swarm = ("--new-swarm",) if peers is None else ("--initial-peers", ",".join(peers))
        return self.start("serve", model, "--blocks", blocks, *swarm, "--threads", "1", "--json", *extra)

    def alive(self) -> list[psutil.Process]:
        """Every living process that carries this test's mark."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == self.mark:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def sockets(self) -> list[Path]:
        """Socket files below the home."""
        return [path for path in self.home.rglob("*") if path.is_socket()]

    def end(self) -> None:
        """Ask all commands to end, and kill those that do not."""
        for command in self.commands:
            if command.process.poll() is None:
                command.signal(signal.SIGTERM)
        for command in self.commands:
            try:
                command.exit_status(GRACE + 5)
            except subprocess.TimeoutExpired:
                command.process.kill()
                command.exit_status(5)

    def assert_nothing_left(self, *, sockets: bool = True) -> None:
        """No process and no socket file of this test is left, at the latest a few seconds after the end."""
        deadline = time.monotonic() + GRACE
        while (alive := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.1)
        strays = [" ".join(process.cmdline())[:200] for process in alive]
        for process in alive:
            process.kill()
        assert not strays, f"stray processes: {strays}"
        if sockets:
            assert not self.sockets()
