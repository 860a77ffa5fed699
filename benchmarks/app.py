"""What the window costs: seconds to a message box that takes keys, memory, and work while nothing happens.

Both windows run offscreen, drawn in software. "Takes keys" means what a person means: a key is pressed as the system
presses it, again and again from the first frame on, until its letter stands in the box.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

_TYPING = """
import sys, time
from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer
from PySide6.QtGui import QKeyEvent

def typing(window, done):
    def press():
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            key = QKeyEvent(kind, Qt.Key.Key_X, Qt.KeyboardModifier.NoModifier, "x")
            QCoreApplication.sendEvent(window, key)
        box = window.activeFocusItem()
        if box is not None and "x" in str(box.property("text") or ""):
            print(time.time() - float(sys.argv[1]), flush=True)
            done()
        else:
            QTimer.singleShot(0, press)
    def first():
        window.frameSwapped.disconnect(first)
        press()
    window.frameSwapped.connect(first)
"""

_BARE = """
from PySide6.QtGui import QGuiApplication
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickWindow
app = QGuiApplication([])
engine = QQmlApplicationEngine()
engine.loadData(b'''
import QtQuick
import QtQuick.Controls.Basic
ApplicationWindow {
    visible: true; width: 1180; height: 780; title: "Meadow"
    TextArea { anchors.fill: parent; focus: true }
}
''')
typing(engine.rootObjects()[0], app.quit)
app.exec()
"""

_APP = """
from meadow_app.__main__ import main
def opened(application):
    typing(application.window, application.quitNow)
main(["--home", sys.argv[2]], opened=opened)
"""

_IDLE = "import sys; from meadow_app.__main__ import main; main(['--home', sys.argv[1]])"

SETTLE_SECONDS = 20.0
IDLE_SECONDS = 30.0
START_LIMIT, PSS_LIMIT_MB, IDLE_LIMIT = 1.5, 200.0, 1.0


def environment() -> dict[str, str]:
    """No display and no GPU; nothing of the person's desktop."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "MEADOW_"))}
    return {**kept, "QT_QPA_PLATFORM": "offscreen", "QT_QUICK_BACKEND": "software"}


def seconds_to_typing(script: str, *arguments: str, extra: dict[str, str] | None = None) -> float:
    """From the start of a Python process to the letter in the box."""
    command = [sys.executable, "-c", _TYPING + script, str(time.time()), *arguments]
    output = subprocess.run(
        command, env={**environment(), **(extra or {})}, capture_output=True, text=True, timeout=120, check=True
    )
    return float(output.stdout.split()[0])


def after_the_first_minute(home: str) -> None:
    """Most starts are not the first one: nobody is welcomed."""
    Path(home, "app.json").write_text(json.dumps({"version": 1, "remembered": {"onboarding": 1}}))


def pss(pid: int) -> float:
    """Proportional set size in MB: shared pages count by their share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this kernel does not say the PSS")


@contextlib.contextmanager
def running(home: str) -> Iterator[psutil.Process]:
    """The app with the node that it starts; both are gone afterwards."""
    after_the_first_minute(home)
    process = subprocess.Popen([sys.executable, "-c", _IDLE, home], env=environment(), stderr=subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)
        stop = [sys.executable, "-m", "meadow", "stop", "--home", home]
        subprocess.run(stop, capture_output=True, timeout=120, check=False)


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """See benchmarks/README.md."""
    nowhere = {"MEADOW_URL": "http://127.0.0.1:9", "MEADOW_TOKEN": "x"}  # no node: starting one is other work
    pairs: list[list[float]] = []
    with tempfile.TemporaryDirectory(prefix="mw-") as home:
        after_the_first_minute(home)
        seconds_to_typing(_BARE)  # compiled QML and bytecode are there from the second start on, for both
        seconds_to_typing(_APP, home, extra=nowhere)
        for number in range(rounds):
            pair = [seconds_to_typing(_BARE), seconds_to_typing(_APP, home, extra=nowhere)]
            say(f"round {number + 1}: bare {pair[0]:.3f} s, app {pair[1]:.3f} s, ratio {pair[1] / pair[0]:.2f}")
            pairs.append(pair)
    with tempfile.TemporaryDirectory(prefix="mw-") as home, running(home) as process:
        deadline = time.monotonic() + 120
        while not Path(home, "node.json").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(SETTLE_SECONDS)
        before, began = process.cpu_times(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        after, seconds = process.cpu_times(), time.monotonic() - began
        idle = 100 * (after.user + after.system - before.user - before.system) / seconds
        memory = pss(process.pid)
    ratio = statistics.median(app / bare for bare, app in pairs)
    return {
        "metrics": {
            "start_ratio": {"value": ratio, "limit": START_LIMIT, "unit": "x"},
            "start_bare_s": {"value": statistics.median(pair[0] for pair in pairs), "limit": None, "unit": "s"},
            "start_app_s": {"value": statistics.median(pair[1] for pair in pairs), "limit": None, "unit": "s"},
            "app_pss_mb": {"value": memory, "limit": PSS_LIMIT_MB, "unit": "MB"},
            "idle_cpu_percent": {"value": idle, "limit": IDLE_LIMIT, "unit": "%"},
        },
        "samples": {"start": pairs},
        "commands": [[sys.executable, "-m", "meadow_app"]],
        "how": f"median over {rounds} pairs of app / bare in the same pair, process start to a typed letter, second "
        f"start and later, no node; memory and CPU of the app's own process with an idle node that it started, "
        f"{SETTLE_SECONDS:.0f} s after it was there, over {IDLE_SECONDS:.0f} s; offscreen, software renderer",
    }
