"""Pictures of the states that a quiet node does not show: a swarm of fourteen, a download, a failure, each dialog.

    scripts/screen_states.py FOLDER SCHEME [--only WORD]      (QT_SCALE_FACTOR=2 for large ones)

The real window over a node that only answers what is written down here. screenshots.py runs it for each look.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
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
from PySide6.QtCore import Q_ARG, QMetaObject, QPoint, QPointF, Qt  # noqa: E402
from PySide6.QtQuick import QQuickItem  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402
from screens import Screens  # type: ignore[import-not-found]  # noqa: E402

WIDE, NARROW = (1180, 780), (500, 700)
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
    "prompt_tokens": 412, "completion_tokens": 168, "reused_tokens": 380, "bytes_sent": 1_400_000,
    "tokens_per_second": 6.2, "first_token_seconds": 0.8, "finish_reason": "stop", "route": ROUTE,
}  # fmt: skip
ASKED = question(1, "Explain a hash table with a small example in Python.")
FAILED = {"error": {"code": "server_lost", "message": "Steady Oak went away in the middle of the answer."}}
TALK = [ASKED, answer(2, TEXT, 1, facts=FACTS)]
TALKS = {
    "finished": TALK,
    "streaming": [ASKED, answer(2, TEXT[:170], 1, "streaming")],
    "failed": [ASKED, answer(2, TEXT[:88], 1, "failed", FAILED)],
}


class Desk:
    """The window, and hands."""

    def __init__(self, scheme: str, home: Path) -> None:
        self.screens = Screens(home, home)
        self.app, self.link, self.window = self.screens.app, self.screens.link, self.screens.window
        self.app._preferences.setProperty("scheme", scheme)
        self.screens.set()
        for page in Screens.NAMES:
            self.go(page)
            QTest.qWait(200)  # pages come when there is time, and then stay

    def talk(self, name: str) -> None:
        """A chat in this state is open."""
        on, talk = self.link.api.on, TALKS[name]
        running = 2 if name == "streaming" else None
        key = {"finished": CHAT, "streaming": OTHER}.get(name, "e" * 32)
        one = chat(key, "Hash tables", used=2000.0, model=trees.MODEL)
        chats = [one, *self.more_chats()]
        on("GET", "/api/chats", {"chats": chats, "next": None})
        on("GET", f"/api/chats/{key}", one)
        on("GET", f"/api/chats/{key}/messages", {"messages": talk, "next": None, "running": running})
        on("GET", "/api/models/info", trees.INFO)
        found = [{"chat_id": key, "message_id": 2, "title": "Hash tables", "snippet": "A hash table keeps values"}]
        on("GET", "/api/chats/search", {"results": found, "next": None})
        self.link.become("lost")
        self.link.become("connected")  # all is read again
        settle()
        self.app.chat.open(key)
        self.go("chat")
        spin(lambda: not self.app.chat.current.loading)

    @staticmethod
    def more_chats() -> Iterator[dict[str, Any]]:
        titles = (
            "Letter to the landlord",
            "A very long title that somebody gave to a chat about everything",
            "日本語",
            "Soup",
        )
        for number, title in enumerate(titles):
            yield chat(f"{number:032x}", title, model=trees.MODEL, pinned=number == 0)

    def tell(self, tree: dict[str, Any]) -> None:
        """The node is in this state."""
        self.link.tell({"demo": {"status": "off", "model": "demo-model"}, **tree})
        settle()

    def go(self, page: str, size: tuple[int, int] = WIDE) -> None:
        """To a page."""
        self.screens.set(width=size[0], height=size[1])
        QMetaObject.invokeMethod(self.window, "go", Q_ARG("QString", page))
        self.screens.rest()

    def item(self, text: str) -> QQuickItem | None:
        """The last visible thing that says this."""
        found = [one for one in self.screens.items() if text in (one.property("text"), one.property("name"))]
        return found[-1] if found else None

    def press(self, text: str) -> None:
        """With the mouse."""
        item = spin(lambda: self.item(text))
        middle = item.mapToScene(QPointF(item.width() / 2, item.height() / 2)).toPoint()
        QTest.mouseClick(self.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(middle))
        self.screens.rest()

    def escape(self) -> None:
        """Close what is open over the page."""
        for _ in range(2):
            QTest.keyClick(self.window, Qt.Key.Key_Escape)
            settle()


def share(tree: dict[str, Any], size: tuple[int, int] = WIDE) -> Callable[[Desk], None]:
    def state(desk: Desk) -> None:
        desk.tell(tree)
        desk.go("share", size)

    return state


def swarm(*models: dict[str, Any], size: tuple[int, int] = WIDE) -> Callable[[Desk], None]:
    def state(desk: Desk) -> None:
        desk.tell(trees.base(swarm=trees.swarm(*models)))
        desk.go("swarm", size)

    return state


def talk(name: str, *presses: str, size: tuple[int, int] = WIDE) -> Callable[[Desk], None]:
    def state(desk: Desk) -> None:
        desk.tell(trees.sharing())
        desk.talk(name)
        desk.go("chat", size)
        for text in presses:
            desk.press(text)

    return state


def picker(desk: Desk) -> None:
    talk("finished")(desk)
    found = next(one for one in desk.screens.items() if "ModelPicker" in one.metaObject().className())
    QMetaObject.invokeMethod(found, "open")
    desk.screens.rest()


def search(desk: Desk) -> None:
    talk("finished")(desk)
    QTest.keyClick(desk.window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    for letter in "table":
        QTest.keyClick(desk.window, Qt.Key(ord(letter.upper())))
    desk.screens.rest()


def broken(desk: Desk) -> None:
    desk.link.become(
        "failed", "settings.json, line 3: this is no JSON. Mend the line, or set the file aside.", "settings"
    )
    desk.go("settings")


def notices(desk: Desk) -> None:
    desk.link.become("connected")
    desk.go("share")
    desk.app.notify("The last answer is on the clipboard.", "info")
    desk.app.notify("This version of Meadow cannot take invitations yet.", "warn")
    desk.app.notify("The disk is full, so this could not be kept. Make room, then try again.", "error")
    desk.screens.rest()


PAUSED = trees.waiting("paused", "Paused by you.", until=trees.NOW + 3600)
OFF = trees.base(share=trees.share("off", "never_turned_on", "Sharing is off; it was never turned on."))
STATES: dict[str, Callable[[Desk], None]] = {
    "state-chat-finished": talk("finished"),
    "state-chat-streaming": talk("streaming"),
    "state-chat-failed": talk("failed"),
    "state-chat-narrow": talk("finished", size=NARROW),
    "state-chat-drawer": talk("finished", "Menu", size=NARROW),
    "state-chat-readers": talk("finished", "Who could read this chat"),
    "state-chat-instructions": talk("finished", "Instructions and style"),
    "state-chat-more": talk("finished", "More"),
    "state-chat-route": talk("finished", "6.2 tok/s over 3 peers · first token 0.8 s"),
    "state-chat-model": picker,
    "state-share-off": share(OFF),
    "state-share-downloading": share(trees.starting("downloading")),
    "state-share-loading": share(trees.starting("loading")),
    "state-share-sharing": share(trees.sharing()),
    "state-share-paused": share(PAUSED),
    "state-share-battery": share(trees.waiting("on_battery", "Waiting: the computer runs on battery.")),
    "state-share-draining": share(trees.draining()),
    "state-share-problem": share(trees.failed()),
    "state-share-problem-narrow": share(trees.failed(), NARROW),
    "state-swarm-large": swarm(trees.large_model(), trees.small_model()),
    "state-swarm-gap": swarm(trees.gappy_model()),
    "state-swarm-widest": swarm(trees.widest_model()),
    "state-swarm-narrow": swarm(trees.large_model(), size=NARROW),
    "state-swarm-none": swarm(),
    "state-settings-sharing": lambda desk: desk.go("settings/sharing"),
    "state-quit": lambda desk: (desk.app.quitAsked.emit("This computer stops sharing."), desk.screens.rest()),  # type: ignore[dict-item, return-value]
    "state-search": search,
    "state-settings-broken": broken,
    "state-notices": notices,
}


def welcome(desk: Desk, take: Callable[[str], None]) -> None:
    """The first minute."""
    desk.window.setProperty("welcome", True)
    for size, (width, height) in (("", WIDE), ("-narrow", NARROW)):
        desk.screens.set(width=width, height=height)
        for name, step in (
            ("choose", lambda: None),
            ("join", desk.app.onboarding.chooseJoin),
            ("readers", desk.app.onboarding.chooseDemo),
        ):
            step()
            desk.screens.rest()
            take(f"state-welcome-{name}{size}")
        desk.app.onboarding.back()
    desk.window.setProperty("welcome", False)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("scheme", choices=("light", "dark"))
    parser.add_argument("--only", default="", metavar="WORD")
    options = parser.parse_args()
    application = QApplication(["meadow"])
    application.setQuitOnLastWindowClosed(False)
    with tempfile.TemporaryDirectory(prefix="mw-") as home:
        desk = Desk(options.scheme, Path(home))

        def take(name: str) -> None:
            look = f"{options.scheme}-{int(desk.window.devicePixelRatio())}00"
            desk.window.grabWindow().save(str(options.folder / f"{name}-{look}.png"))

        if options.only in "state-welcome":
            welcome(desk, take)
        for name, state in STATES.items():
            if options.only in name:
                try:
                    state(desk)
                    take(name)
                except AssertionError as error:
                    desk.screens.warnings.append(f"{name}: {error}")
                desk.escape()
        warnings = list(desk.screens.warnings)
        desk.screens.close()
    for line in warnings:
        print(line)
    return 1 if warnings else 0


if __name__ == "__main__":
    sys.exit(main())
