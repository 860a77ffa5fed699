"""A desktop for tests: a display, a window manager, a tray and a message bus of its own, or none of it (offscreen)."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

NEEDED = ("Xvfb", "openbox", "dbus-daemon", "dbus-send", "xdotool")
SIZE = (1400, 960)
START_SECONDS = 60.0


def missing(*, tray: bool = True) -> list[str]:
    """The programs that are not on this machine; scripts/bootstrap.py installs them where it may."""
    return [name for name in (*NEEDED, *(["trayer"] if tray else [])) if shutil.which(name) is None]


@dataclass
class Desktop:
    """What a program needs in its environment to appear there. ``display`` is "" offscreen."""

    environment: dict[str, str]
    display: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    logs: Path = Path()
    manager: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> str:
        """A tool such as xdotool on this desktop; what it prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout.strip()

    def start(self, *command: str, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        """A program that lives as long as this desktop; what it says goes into a file."""
        with (self.logs / f"{command[0]}.txt").open("ab") as log:
            process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=pass_fds
            )
        self.processes.append(process)
        return process

    def keep_managed(self) -> None:
        """Wait until a window manager is there, and start one where there is none.

        Now and then openbox ends while another screen is being opened on this machine.
        """

        def managed() -> bool:
            if self.manager is None or self.manager.poll() is not None:
                self.manager = self.start("openbox", "--sm-disable")
            return _answers(self)

        _until(managed, "openbox")

    def prefers(self, scheme: str) -> None:
        """The system goes light or dark while programs run, as settings do it: over the message bus."""
        value = {"light": 2, "dark": 1}[scheme]
        self.run(
            *("dbus-send", "--session", "--type=signal", "/org/freedesktop/portal/desktop"),
            "org.freedesktop.portal.Settings.SettingChanged",
            *("string:org.freedesktop.appearance", "string:color-scheme", f"variant:uint32:{value}"),
        )


def _base(folder: Path) -> dict[str, str]:
    """The environment without any desktop of the person who runs the tests; nothing is drawn by a GPU."""
    gone = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "MEADOW_URL", "MEADOW_TOKEN")
    kept = {name: value for name, value in os.environ.items() if name not in gone and not name.startswith("QT_")}
    return {
        **kept,
        "QT_QUICK_BACKEND": "software",
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_CURRENT_DESKTOP": "GNOME",  # so that Qt asks the message bus for light or dark
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
    }


@contextlib.contextmanager
def offscreen() -> Iterator[Desktop]:
    """No display at all: Qt draws into memory."""
    with tempfile.TemporaryDirectory(prefix="mw-") as folder:
        yield Desktop({**_base(Path(folder)), "QT_QPA_PLATFORM": "offscreen"})


@contextlib.contextmanager
def real(*, tray: bool = True) -> Iterator[Desktop]:
    """Xvfb with openbox and, if wanted, trayer."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mw-")))
        desktop = Desktop(_base(folder), logs=folder)
        stack.callback(_end, desktop)
        bus, theirs = os.pipe()
        desktop.start("dbus-daemon", "--session", "--nofork", f"--print-address={theirs}", pass_fds=(theirs,))
        desktop.environment["DBUS_SESSION_BUS_ADDRESS"] = _line(bus, theirs)
        number, theirs = os.pipe()
        screen = f"{SIZE[0]}x{SIZE[1]}x24"
        desktop.start("Xvfb", "-displayfd", str(theirs), "-screen", "0", screen, "-nolisten", "tcp", pass_fds=(theirs,))
        desktop.display = desktop.environment["DISPLAY"] = ":" + _line(number, theirs)
        desktop.keep_managed()
        if tray:
            desktop.start("trayer", "--edge", "bottom", "--width", "10", "--height", "24", "--SetDockType", "true")
            _until(lambda: desktop.run("xdotool", "search", "--class", "trayer") != "", "trayer")
        yield desktop


def _answers(desktop: Desktop) -> bool:
    """Whether a window manager has announced itself."""
    done = subprocess.run(["xdotool", "get_desktop"], env=desktop.environment, capture_output=True, timeout=30)
    return done.returncode == 0


def _line(mine: int, theirs: int) -> str:
    """The first line that a program writes into a pipe it was given."""
    os.close(theirs)
    with os.fdopen(mine) as file:
        line = file.readline().strip()
    assert line, "a program of the test desktop did not start"
    return line


def _until(condition: object, what: str) -> None:
    assert callable(condition)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if condition():
                return
        except AssertionError:
            pass
        assert time.monotonic() < deadline, f"{what} did not start"
        time.sleep(0.05)


def _end(desktop: Desktop) -> None:
    for process in reversed(desktop.processes):
        process.terminate()
    for process in desktop.processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
