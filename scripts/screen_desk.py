"""The desk of screen_states.py: the real window over a node that answers what is written down here, and hands."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_QUICK_BACKEND", "software")
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "app"), str(ROOT / "tests"), str(ROOT)]

import trees  # type: ignore[import-not-found]  # noqa: E402
from chat_node import CHAT, OTHER, answer, chat, question  # type: ignore[import-not-found]  # noqa: E402
from fakes import settle, spin  # type: ignore[import-not-found]  # noqa: E402
from hostile import HOSTILE  # type: ignore[import-not-found]  # noqa: E402
from PySide6.QtCore import Q_ARG, QMetaObject, QPoint, QPointF, Qt  # noqa: E402
from PySide6.QtQuick import QQuickItem  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from screens import Screens  # type: ignore[import-not-found]  # noqa: E402

WIDE, NARROW, LEAST = (1180, 780), (500, 700), (480, 560)
TEXT = """A **hash table** keeps values under keys and finds them at once, however many there are.

1. A function turns the key into a number.
2. The number says in which bucket to look.

```python
def put(table: list, key: str, value: int) -> None:
    bucket = table[hash(key) % len(table)]  # where it belongs
    bucket.append((key, value))
```

| operation | on average | at worst |
|-----------|-----------:|---------:|
| put       |       O(1) |     O(n) |
| get       |       O(1) |     O(n) |
"""
ROUTE = [
    {"peer_id": "12D3KooWPeer0000", "name": "Quiet Birch", "start": 0, "end": 24, "step_seconds": 0.041,
     "queue_seconds": 0.04, "wire_seconds": 2.2, "steps": 120},
    {"peer_id": "12D3KooWPeer0001", "name": "Golden Fern", "start": 24, "end": 52, "step_seconds": 0.052,
     "queue_seconds": 0.01, "wire_seconds": 3.1, "steps": 120},
    {"peer_id": "12D3KooWPeer0003", "name": "Steady Oak", "start": 52, "end": 80, "step_seconds": 0.047,
     "queue_seconds": 0.0, "wire_seconds": 4.0, "steps": 120},
]  # fmt: skip
FACTS = {
    "model": trees.MODEL, "prompt_tokens": 412, "completion_tokens": 168, "reused_tokens": 380, "bytes_sent": 1_400_000,
    "tokens_per_second": 4.1, "first_token_seconds": 0.8, "pass_seconds": 0.236, "finish_reason": "stop",
    "route": ROUTE,
}  # fmt: skip
MOVED = {"seconds": 0.6, "left": [{**ROUTE[2], "name": "Misty Reed"}], "took": [ROUTE[2]]}
LONG = {**FACTS, "prompt_tokens": 30_900, "completion_tokens": 1204}
ASKED = question(1, "Explain a hash table with a small example in Python.")
FAILED = {"error": {"code": "server_lost", "message": "Steady Oak went away in the middle of the answer."}}
EVIL = ("html", "image_remote", "misleading_link", "right_to_left", "tags", "ansi", "zalgo", "mnemonic", "huge_table")
TALKS: dict[str, list[dict[str, Any]]] = {
    "finished": [ASKED, answer(2, TEXT, 1, facts=FACTS)],
    "streaming": [ASKED, answer(2, "", 1, "streaming")],
    "failed": [ASKED, answer(2, TEXT[:88], 1, "failed", FAILED)],
    "moved": [ASKED, answer(2, TEXT, 1, facts={**FACTS, "moved": MOVED}, siblings=[2, 5, 6])],
    "full": [ASKED, answer(2, TEXT, 1, facts=LONG)],
    "hostile": [
        question(11, HOSTILE["long_word"][:400]),
        answer(12, "\n\n".join(HOSTILE[name] for name in EVIL), 11, facts=FACTS),
    ],
    "stopped": [ASKED, answer(2, TEXT[:88], 1, "stopped")],
    "interrupted": [ASKED, answer(2, TEXT[:88], 1, "interrupted")],
}
KEYS = {"finished": CHAT, "streaming": OTHER} | {
    name: f"{number:x}" * 32 for number, name in enumerate(TALKS) if number > 1
}


class Desk:
    """The window, and hands."""

    def __init__(self, scheme: str, home: Path, translations: Path) -> None:
        self.screens = Screens(home, translations)
        self.language, self.zoom = "en", 1.0
        self.size: tuple[int, int] | None = None  # instead of the wide one
        self.later: Callable[[], object] | None = None  # puts back what a state has opened, after its picture
        self.app, self.link, self.window = self.screens.app, self.screens.link, self.screens.window
        self.app._preferences.setProperty("scheme", scheme)
        self.remarks(False)
        self.screens.set()
        for page in Screens.NAMES:
            self.go(page)
            QTest.qWait(200)  # pages come when there is time, and then stay

    def remarks(self, there: bool) -> None:
        """Whether the settings file has something wrong in it, and something that waits for a restart."""
        prepared: Any = self.link.api._prepared["GET", "/api/settings"]
        self.settings = getattr(self, "settings", prepared)
        shown = self.settings if there else {**self.settings, "remarks": [], "restart_needed": []}
        self.link.api.on("GET", "/api/settings", shown)
        self.app.settings.load()
        settle()

    def talk(self, name: str) -> None:
        """A chat in this state is open."""
        on, talk = self.link.api.on, TALKS[name]
        running = 2 if name == "streaming" else None
        key, now = KEYS[name], time.time()
        one = chat(key, "Hash tables", used=now, model=trees.MODEL)
        chats = [one, *self.more_chats()]
        on("GET", "/api/chats", {"chats": chats, "next": None})
        on("GET", f"/api/chats/{key}", one)
        on("GET", f"/api/chats/{key}/messages", {"messages": talk, "next": None, "running": running})
        on("GET", "/api/models/info", trees.INFO)
        on("DELETE", f"/api/chats/{key}", {})
        on("DELETE", f"/api/chats/{key}/messages/2", {})
        hit = {"chat_id": key, "title": "Hash tables", "snippet": "Hash tables", "highlights": [[5, 10]]}
        said = {**hit, "message_id": 2, "snippet": "A hash table keeps values under keys", "highlights": [[7, 12]]}
        on("GET", "/api/chats/search", {"found": [{**hit, "message_id": None}, said], "next": None})
        self.link.become("lost")
        self.link.become("connected")  # all is read again
        settle()
        self.app.chat.open(key)
        self.go("chat")
        spin(lambda: not self.app.chat.current.loading)
        if name == "streaming":
            self.screens.rest()
            self.link.api.stream(f"/api/chats/{key}/messages/2/events").push("text", {"offset": 0, "text": TEXT[:390]})
            self.screens.rest()

    @staticmethod
    def more_chats() -> Iterator[dict[str, Any]]:
        titles = (
            "Letter to the landlord",
            "A very long title that somebody gave to a chat about everything",
            "Früchte — Ünïcode ελληνικά",
            "Soup",
        )
        for number, title in enumerate(titles, 1):
            used = time.time() - number * number * 50_000
            yield chat(f"{number:032x}", title, used=used, model=trees.MODEL, pinned=number == 1)

    def tell(self, tree: dict[str, Any]) -> None:
        """The node is in this state."""
        for session in tree["sessions"].values():
            session["since"] = time.time() - (time.time() - session["since"]) % 5000
        self.link.tell({"demo": {"status": "off", "model": "demo-model"}, **tree})
        settle()

    def go(self, page: str, size: tuple[int, int] = WIDE) -> None:
        """To a page."""
        size = self.size if self.size and size == WIDE else size
        self.screens.set(language=self.language, zoom=self.zoom, width=size[0], height=size[1])
        QMetaObject.invokeMethod(self.window, "go", Q_ARG("QString", page))
        self.rest()

    def item(self, text: str) -> QQuickItem | None:
        """The last visible thing that says this."""
        found = [one for one in self.screens.items() if text in (one.property("text"), one.property("name"))]
        return found[-1] if found else None

    def press(self, text: str) -> None:
        """With the mouse."""
        item = spin(lambda: self.item(text))
        middle = item.mapToScene(QPointF(item.width() / 2, item.height() / 2)).toPoint()
        QTest.mouseClick(self.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(middle))
        self.rest()

    def types(self, text: str) -> None:
        """With the keyboard, as the system hands over what was written."""
        for letter in text:
            QTest.sendKeyEvent(
                QTest.KeyAction.Click, self.window, Qt.Key.Key_unknown, letter, Qt.KeyboardModifier.NoModifier
            )
        self.rest()

    def rest(self) -> None:
        """Until nothing moves, and what fades in or slides is there."""
        self.screens.rest()
        QTest.qWait(450)
        self.screens.rest()

    def escape(self) -> None:
        """Close what is open over the page, and put back what the last state has changed."""
        for _ in range(2):
            QTest.keyClick(self.window, Qt.Key.Key_Escape)
            settle()
        later, self.later = self.later, None
        if later is not None:
            later()
            settle()
