"""The chat page with a long history: opening it, scrolling by wheel and by keys, paging back, and a streaming answer.

The page and its view-models are the real ones; the node is the fake of the tests, so that nothing of HTTP is measured.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from typing import Any

MESSAGES, TOKENS, TOKENS_PER_SECOND = 2_000, 10_000, 400
TEXT_PIECES_PER_EVENT = 4


def _history(messages: int, answer: Callable[..., list[str]]) -> list[dict[str, Any]]:
    import chat_node  # type: ignore[import-not-found]

    chance = random.Random(1)
    made = [chat_node.question(1, "Why does it shine?")]
    for number in range(2, messages + 1):
        text = "".join(answer(chance.choice((20, 60, 150, 400, 900)), seed=number))
        if number % 2:
            made.append(chat_node.question(number, text[:300].strip(), number - 1))
        else:
            made.append(chat_node.answer(number, text, number - 1))
    return made


def chat(messages: int, tokens: int, per_second: int) -> dict[str, dict[str, float]]:
    """Per activity the longest turns, in ms, and how far what was under the pointer jumped, in pixels."""
    from chat_node import CHAT, Node  # type: ignore[import-not-found]
    from chat_node import chat as told
    from chat_window import chat_window  # type: ignore[import-not-found]
    from fakes import settle, spin  # type: ignore[import-not-found]
    from PySide6.QtCore import QCoreApplication, QEventLoop, QPoint, QPointF, Qt, QTimer
    from PySide6.QtGui import QGuiApplication, QWheelEvent
    from PySide6.QtQuick import QQuickItem
    from PySide6.QtTest import QTest

    from benchmarks.text_view import answer
    from benchmarks.turns import Turns
    from meadow_app.text.document import MessageDocument

    application = QGuiApplication.instance() or QGuiApplication([])
    node = Node(told(), messages=_history(messages, answer))
    page = chat_window(node, width=900, height=760)
    found: dict[str, dict[str, float]] = {}
    turns = Turns()

    def rest(ms: int) -> None:
        loop = QEventLoop()
        QTimer.singleShot(ms, loop.quit)
        loop.exec()

    def note(name: str, jumped: float = 0.0) -> None:
        found[name] = {**turns.take(), "jumped": jumped}

    rest(500)
    turns.take()
    page.app.chat.open(CHAT)
    rest(1500)
    note("open")
    conversation = page.app.chat.current
    assert len(conversation.messages) > 1
    view: QQuickItem = next(item for item in page.items() if item.property("sticky") is not None)
    view.forceActiveFocus()

    def visible() -> dict[str, float]:
        """Where the rows of text in sight stand in the window."""
        tops: dict[str, float] = {}
        waiting = [view.property("contentItem")]
        while waiting:
            item = waiting.pop()
            kind = item.metaObject().className()
            # An item that waits to be used again is not drawn, though it says that it is visible.
            if not item.isVisible() or (kind.startswith("MessageItem") and item.property("held") is None):
                continue
            if kind.startswith("MessageText"):
                top = item.mapToScene(QPointF(0, 0)).y()
                text = item.property("textDocument").textDocument().toPlainText()
                if text and -item.height() < top < view.height():
                    tops[text] = top
            waiting += item.childItems()
        return tops

    frames: list[dict[str, float]] = []
    watching = False

    def drawn() -> None:
        if watching:
            used = time.thread_time()
            frames.append(visible())
            turns.exclude(time.thread_time() - used)

    page.window.afterRendering.connect(drawn)

    def jump() -> float:
        """How far apart rows moved between two frames that should have moved alike."""
        worst = 0.0
        for before, after in itertools.pairwise(frames):
            moved = [after[text] - before[text] for text in before if text in after]
            worst = max(worst, max(moved) - min(moved) if moved else 0.0)
        frames.clear()
        return worst

    def wheel(delta: int) -> None:
        middle = view.mapToScene(QPointF(view.width() / 2, view.height() / 2))
        event = QWheelEvent(
            middle, middle, QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        event.setTimestamp(int(time.monotonic() * 1000))
        QCoreApplication.sendEvent(page.window, event)

    for name, delta in (("wheel_up", 360), ("wheel_down", -360)):
        watching, there = True, view.property("contentY")
        turns.take()
        for _ in range(80):
            wheel(delta)
            rest(60)
        worst, watching = jump(), False
        note(name, worst)
        found[name]["pixels"] = abs(view.property("contentY") - there)
    for name, key, times in (
        ("page_up", Qt.Key.Key_PageUp, 60),
        ("page_down", Qt.Key.Key_PageDown, 60),
    ):
        turns.take()
        for _ in range(times):
            QTest.keyClick(page.window, key)
            rest(40)
        note(name)
    rows = len(conversation.messages)
    begun = time.monotonic()
    while conversation.moreAbove and time.monotonic() - begun < 120:
        before_rows = len(conversation.messages)
        QTest.keyClick(page.window, Qt.Key.Key_Home)
        spin(lambda: len(conversation.messages) > before_rows or not conversation.moreAbove)  # noqa: B023
        rest(30)
    note("to_the_top")
    found["to_the_top"]["rows"] = float(len(conversation.messages) - rows)
    QTest.keyClick(page.window, Qt.Key.Key_End)
    rest(500)
    note("to_the_end")
    node.sends(messages + 10)
    conversation.draft = "Go on"
    conversation.send()
    settle()
    stream, pieces, sent, length = node.api.streams[-1], answer(tokens), 0, 0
    turns.take()
    begun = time.monotonic()
    while sent < len(pieces):
        due = min(len(pieces), int((time.monotonic() - begun) * per_second))
        while sent < due:
            text = "".join(pieces[sent : min(due, sent + TEXT_PIECES_PER_EVENT)])
            sent = min(due, sent + TEXT_PIECES_PER_EVENT)
            stream.push("text", {"offset": length, "text": text}, str(length + len(text)))
            length += len(text)
        rest(10)
    rest(400)
    note("stream")
    assert conversation.messages[-1].text == "".join(pieces)
    assert isinstance(conversation.messages[-1].document, MessageDocument)
    page.close()
    application.processEvents()
    return found


def run(rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Once: a stall is what was longest in a minute, not an average of rounds."""
    from benchmarks.text_view import apart

    say(f"a chat of {MESSAGES} messages, and {TOKENS} tokens at {TOKENS_PER_SECOND} a second (about 2 minutes) …")
    found, command = apart("chat_page", "chat", MESSAGES, TOKENS, TOKENS_PER_SECOND)
    metrics: dict[str, Any] = {}
    for part, numbers in found.items():
        metrics[f"{part}_longest_turn_cpu_ms"] = {"value": numbers["longest_cpu"], "limit": 50.0, "unit": "ms"}
        metrics[f"{part}_longest_stall_ms"] = {"value": numbers["longest"], "limit": None, "unit": "ms"}
        if part.startswith("wheel"):
            metrics[f"{part}_jumped_px"] = {"value": numbers["jumped"], "limit": 1.0, "unit": "px"}
    return {
        "metrics": metrics,
        "samples": found,
        "models": {},
        "commands": [command],
        "how": f"the chat page with {MESSAGES} messages from a fake node, 900 x 760, offscreen, software renderer; CPU "
        "is what the window's thread used between two turns of its event loop, a stall is how late a timer of 4 ms "
        "came; rows that are in sight in two frames must move alike",
    }
