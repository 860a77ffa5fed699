"""The whole app in a real window (offscreen) over a fake node, for tests that go through every screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import trees
from fakes import FakeLink, settle, spin
from PySide6.QtCore import Q_ARG, QMetaObject, QObject
from PySide6.QtGui import QAccessible
from PySide6.QtQuick import QQuickItem, QQuickWindow

from meadow.node.http.settings import describe
from meadow.node.settings import REGISTRY
from meadow_app.application import Application
from meadow_app.language import Language
from meadow_app.settings.settings import PAGES

DOCTOR = {
    "checks": [
        {"title": "Versions", "status": "ok", "what": "Meadow 0.1.0 with Python 3.11.", "do": ""},
        {"title": "GPU", "status": "warn", "what": "There is no GPU that Meadow can use.", "do": "Nothing to do."},
    ],
    "text": "Meadow doctor",
}
CHAT: dict[str, Any] = {
    "id": "c1", "title": "Why the sky is dark at night", "model": trees.MODEL, "created": trees.NOW,
    "updated": trees.NOW, "settings": {}, "system_prompt": "", "archived": False, "pinned": False,
}  # fmt: skip


def fake_link(home: Path) -> FakeLink:
    """A node in a busy swarm that answers what the pages ask when they open."""
    link = FakeLink({**trees.sharing(), "demo": {"status": "off", "model": "demo-model"}})
    link.home = str(home)
    values = {key: describe(setting).default for key, setting in REGISTRY.items()}
    values |= {"share.reserve_bytes": 3_000_000_000, "host_maddrs": ["/ip4/0.0.0.0/tcp/31337"]}
    settings = {
        "values": values,
        "chosen": ["share.reserve_bytes", "host_maddrs"],
        "restart_needed": ["host_maddrs"],
        "file": str(home / "settings.json"),
        "remarks": ["Line 3: There is no setting. It has no effect."],
    }
    api = link.api
    api.on("GET", "/api/settings", settings)
    api.on("GET", "/api/settings/registry", [describe(setting).model_dump() for setting in REGISTRY.values()])
    api.on("POST", "/api/doctor", DOCTOR)
    api.on("POST", "/api/demo", {})
    api.on("GET", "/api/models", trees.MODELS)
    api.on("GET", "/api/share/plan", trees.PLAN)
    api.on("GET", "/api/contributions", trees.contributions())
    api.on("GET", "/api/hub-token", {"set": False})
    return link


_MOST_LOOKS = 40


class Screens:
    """The window. ``show`` goes to a screen; ``NAMES`` has them all."""

    NAMES = ("chat", "share", "swarm", *(f"settings/{page}" for page, _, _ in PAGES))

    def __init__(self, home: Path, translations: Path) -> None:
        QAccessible.setActive(True)
        (home / "app.json").write_text(json.dumps({"version": 1, "remembered": {"onboarding": 1}}))
        self.app = Application(str(home))
        self.app._language._folder = translations
        self.link = fake_link(home)
        self.link.setParent(self.app)
        self.app._made["link"] = self.link
        self.app._preferences.setParent(self.link)
        self.warnings: list[str] = []
        self.window: QQuickWindow = self.app.open()
        self.app._engine.warnings.connect(lambda found: self.warnings.extend(one.toString() for one in found))  # type: ignore[union-attr]
        spin(lambda: self.window.property("ready"))
        settle()

    @property
    def language(self) -> Language:
        """Change it through ``set``."""
        return self.app._language

    def set(self, *, language: str = "en", zoom: float = 1.0, width: int = 1180, height: int = 780) -> None:
        """As a person would, while it runs."""
        preferences: QObject = self.app._preferences
        preferences.setProperty("language", language)
        preferences.setProperty("zoom", zoom)
        self.window.resize(width, height)
        settle()

    def show(self, name: str) -> None:
        """Go to a screen and wait until nothing moves any more."""
        QMetaObject.invokeMethod(self.window, "go", Q_ARG("QString", name))
        self.rest()

    def rest(self) -> None:
        """Until three looks in a row see the same. A cursor that blinks or a bar that wanders never rests."""
        seen: list[Any] = []

        def still() -> bool:
            settle()
            seen.append([(item.x(), item.y(), item.width(), item.height()) for item in self.items()])
            return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

        spin(lambda: len(seen) > _MOST_LOOKS or (still() and (seen.extend([None] * _MOST_LOOKS) or True)))

    def items(self, root: QQuickItem | None = None) -> list[QQuickItem]:
        """All visible items below ``root``, or of the window."""
        return list(_visible(root or self.window.contentItem()))

    def close(self) -> None:
        """Take it down."""
        self.app.end()
        settle()


def _visible(item: QQuickItem) -> Iterator[QQuickItem]:
    if item.isVisible() and item.opacity() > 0:
        yield item
        for child in item.childItems():
            yield from _visible(child)
