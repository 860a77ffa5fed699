"""How long the window stands still while an answer streams, and while a long history is scrolled.

Real windows of Qt Quick, offscreen, drawn in software (the slowest way to draw). A stall is the time between two turns
of the event loop beyond the pause that was asked for: parsing, layout, painting and rendering are all in it.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOKENS, TOKENS_PER_SECOND = 10_000, 200
MESSAGES, SCREENS = 2_000, 50
BEAT_MS = 4

_WORDS = (
    "the light of a distant star has to cross every block between its server and you before **one** token can be "
    "chosen; `hidden_states` go on, and the *answer* grows by a word at a time while peers come and go"
).split()

_WINDOW = """
import QtQuick
import QtQuick.Controls
import "file:{qml}"
import "file:{qml}/text"
ApplicationWindow {{
    visible: true; width: 900; height: 760; color: Theme.surface
    property var message
    property var history
    {body}
}}
"""
_ANSWER = """
    Flickable {
        objectName: "view"; anchors.fill: parent; contentHeight: text.height; contentWidth: width
        onContentHeightChanged: contentY = Math.max(0, contentHeight - height)
        MarkdownView { id: text; width: parent.width; document: message }
    }
"""
_HISTORY = """
    ListView {
        objectName: "view"; anchors.fill: parent; model: history; reuseItems: true; spacing: 16; cacheBuffer: 400
        delegate: MarkdownView { required property var modelData; width: ListView.view.width; document: modelData }
    }
"""


def answer(tokens: int, seed: int = 0) -> list[str]:
    """Tokens of an answer like those of chat models: paragraphs, lists, code, a table now and then."""
    chance = random.Random(seed)
    made: list[str] = []
    while len(made) < tokens:
        kind = chance.choice(("text", "text", "text", "list", "code", "table", "heading"))
        words = [chance.choice(_WORDS) for _ in range(chance.randint(30, 120))]
        if kind == "text":
            made += [word + " " for word in words] + ["\n", "\n"]
        elif kind == "heading":
            made += ["## ", *(word + " " for word in words[:5]), "\n", "\n"]
        elif kind == "list":
            for start in range(0, len(words), 12):
                made += ["- ", *(word + " " for word in words[start : start + 12]), "\n"]
            made.append("\n")
        elif kind == "code":
            made += ["```", "python", "\n"]
            for line in range(len(words) // 3):
                made += [
                    "    " * (line % 3),
                    f"value_{line}",
                    " = ",
                    "compute(",
                    '"text"',
                    ", ",
                    f"{line}",
                    ")  # why\n",
                ]
            made += ["```", "\n", "\n"]
        else:
            made += ["| Peer | Blocks | tok/s |\n", "|---|:-:|--:|\n"]
            for line in range(6):
                made += ["| ", words[line], " | ", f"{line}", " | ", f"{line * 1.5}", " |\n"]
            made.append("\n")
    return made[:tokens]


def _window(body: str, **properties: Any) -> tuple[Any, Any, Any]:
    from PySide6.QtCore import QUrl
    from PySide6.QtGui import QGuiApplication
    from PySide6.QtQml import QQmlApplicationEngine

    from meadow_app.style import use_style

    qml = Path(__file__).resolve().parent.parent / "resources" / "qml"
    use_style(qml)
    application = QGuiApplication.instance() or QGuiApplication([])
    engine = QQmlApplicationEngine()
    engine.setInitialProperties(properties)
    engine.loadData(_WINDOW.format(qml=qml, body=body).encode(), QUrl("file:benchmark.qml"))
    return application, engine, engine.rootObjects()[0]


class _Beats:
    """Notes the times between the turns of the event loop."""

    def __init__(self) -> None:
        from PySide6.QtCore import QElapsedTimer, Qt, QTimer

        self.stalls: list[float] = []
        self.work: list[float] = []
        self._used = time.thread_time()
        self._clock = QElapsedTimer()
        self._clock.start()
        self._last = self._clock.nsecsElapsed()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def _beat(self) -> None:
        now = self._clock.nsecsElapsed()
        self.stalls.append(max(0.0, (now - self._last) / 1e6 - BEAT_MS))
        self._last = now
        used = time.thread_time()
        self.work.append((used - self._used) * 1e3)
        self._used = used

    def result(self, frames: list[float]) -> dict[str, float]:
        self._timer.stop()
        # What the first frames take is start-up.
        stalls = sorted(self.stalls[50:])
        return {
            "longest": stalls[-1],
            "longest_cpu": max(self.work[50:]),
            "p99": stalls[int(len(stalls) * 0.99)],
            "total_s": sum(self.stalls) / 1e3,
            "frame": statistics.median(b - a for a, b in zip(frames, frames[1:], strict=False)) if frames[1:] else 0.0,
        }


def stream(tokens: int, per_second: int) -> dict[str, float]:
    """Stream an answer into a window; stalls in ms."""
    from PySide6.QtCore import QTimer

    from meadow_app.text.document import MessageDocument

    message = MessageDocument()
    application, engine, window = _window(_ANSWER, message=message)
    pieces = answer(tokens)
    application.processEvents()
    beats, begun, sent = _Beats(), time.perf_counter(), 0

    def send() -> None:
        nonlocal sent
        due = min(len(pieces), int((time.perf_counter() - begun) * per_second))
        for piece in pieces[sent:due]:
            message.append(piece)
        sent = due
        if sent == len(pieces):
            ticker.stop()
            message.finish()
            QTimer.singleShot(300, application.quit)

    ticker = QTimer()
    ticker.timeout.connect(send)
    ticker.start(5)
    application.exec()
    found = beats.result([])
    assert message.sourceText() == "".join(pieces)
    found["rows"] = message.rowCount()
    found["hidden"] = float(message.property("hiddenCharacters"))
    window.close()
    del engine
    return found


def scroll(messages: int, screens: int) -> dict[str, float]:
    """Scroll through a history, half a screen per tenth of a second, from its top and then back up from its end."""
    from meadow_app.text.document import MessageDocument

    chance = random.Random(1)
    documents = [
        MessageDocument("".join(answer(chance.choice((20, 60, 150, 400, 900)), seed=number)))
        for number in range(messages)
    ]
    application, engine, window = _window(_HISTORY, history=documents)
    from PySide6.QtCore import QObject, QTimer

    view = window.findChild(QObject, "view")
    frames: list[float] = []
    window.afterRendering.connect(lambda: frames.append(time.perf_counter() * 1e3))
    application.processEvents()
    beats, begun, down = _Beats(), time.perf_counter(), True
    distance, speed, end = screens * 760, 3800, 0.0

    def move() -> None:
        nonlocal begun, down, end
        passed = (time.perf_counter() - begun) * speed
        if down and passed > distance:
            view.positionViewAtEnd()
            down, begun, end = False, time.perf_counter(), float(view.property("contentY"))
        elif down:
            view.setProperty("contentY", passed)
        else:
            view.setProperty("contentY", end - passed)
            if passed > distance:
                ticker.stop()
                application.quit()

    ticker = QTimer()
    ticker.timeout.connect(move)
    ticker.start(8)
    application.exec()
    found = beats.result(frames)
    window.close()
    del engine
    return found


def apart(module: str, function: str, *numbers: int) -> tuple[dict[str, Any], list[str]]:
    """Run one measurement in a process of its own: the loop and the memory of one must not disturb the other."""
    code = f"import json; from benchmarks import {module}; print(json.dumps({module}.{function}{numbers}))"
    root = Path(__file__).resolve().parent.parent
    environment = os.environ | {
        "QT_QPA_PLATFORM": "offscreen",
        "QT_QUICK_BACKEND": "software",
        "PYTHONPATH": os.pathsep.join(str(root / part) for part in ("", "app", "tests/app")),
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]), command


def run(rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Both, once: a stall is what was longest in a minute, not an average of rounds."""
    say(f"streaming {TOKENS} tokens at {TOKENS_PER_SECOND} a second ({TOKENS // TOKENS_PER_SECOND} s) …")
    streamed, first = apart("text_view", "stream", TOKENS, TOKENS_PER_SECOND)
    say(f"scrolling through {MESSAGES} messages …")
    scrolled, second = apart("text_view", "scroll", MESSAGES, SCREENS)
    names = {
        "longest": "longest_stall_ms",
        "longest_cpu": "longest_turn_cpu_ms",
        "p99": "p99_stall_ms",
        "frame": "between_frames_ms",
    }
    metrics = {
        f"{part}_{name}": {"value": found[key], "limit": None, "unit": "ms"}
        for part, found in (("stream", streamed), ("scroll", scrolled))
        for key, name in names.items()
        if not (part == "stream" and key == "frame")
    }
    return {
        "metrics": metrics,
        "samples": {"stream": streamed, "scroll": scrolled},
        "models": {},
        "commands": [first, second],
        "how": f"{TOKENS} tokens at {TOKENS_PER_SECOND}/s into one message; {MESSAGES} messages, {SCREENS} screens "
        "down and up at five screens a second; Qt Quick offscreen, software renderer, 900 x 760; a stall is the time "
        f"between two turns of the event loop beyond {BEAT_MS} ms, CPU is what the thread used in one turn",
    }
