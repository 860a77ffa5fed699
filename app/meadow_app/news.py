"""What happened while nobody looked: decided by comparing two states of the node. Pure; the tray shows it.

Three things matter enough to interrupt: an answer is finished, the node stopped sharing by itself, a new problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from PySide6.QtCore import QCoreApplication

from meadow_app.share import words
from meadow_app.text.plain import one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate

SAME_SECONDS: Final = 600.0
"""The same news is not told twice within this time."""
SPAN_SECONDS: Final = 60.0
MOST: Final = 3
"""At most so many within a minute; the window tells the rest."""
_LONGEST: Final = 240
_NO_MARKUP: Final = str.maketrans({"<": "\u2039", ">": "\u203a", "&": "+"})


@dataclass(frozen=True, slots=True)
class News:
    """One notification. ``page``: what a click on it opens."""

    key: str
    title: str
    text: str
    page: str


def unmarked(text: str, limit: int = _LONGEST) -> str:
    """``text`` as one line that no desktop takes for markup: some show links and images in tooltips and notifications,
    others show the escapes, so the three characters are replaced by ones that look like them."""
    return one_line(text, limit).translate(_NO_MARKUP)


def between(before: Tree, after: Tree) -> list[News]:
    """What a person would want to know that is true in ``after`` and was not in ``before``."""
    if not before or _part(before, "node").get("started") != _part(after, "node").get("started"):
        return []  # the first tree, or another life of the node: nothing to compare with
    return [*_answers(before, after), *_waiting(before, after), *_problems(before, after)]


def _answers(before: Tree, after: Tree) -> list[News]:
    running, found = _part(after, "chats"), []
    for key, answer in _part(before, "chats").items():
        if key not in running and answer.get("conversation") and answer.get("tokens"):
            model = unmarked(words.short_model(str(answer.get("model") or "")), 80)
            title = translate("Tray", "Your answer is finished")
            found.append(News(f"answer:{key}", title, model, "chat"))
    return found


def _waiting(before: Tree, after: Tree) -> list[News]:
    old, new = _part(before, "share"), _part(after, "share")
    if new.get("state") != "waiting" or new.get("reason") in ("paused", old.get("reason")):
        return []
    servers = list(_part(after, "servers").values())
    text = unmarked(words.sentence(new, servers))
    return [News(f"waiting:{new.get('reason')}", translate("Tray", "This computer does not share now"), text, "share")]


def _problems(before: Tree, after: Tree) -> list[News]:
    old = _part(before, "problems")
    return [
        News(
            f"problem:{key}",
            translate("Tray", "Meadow has a problem"),
            unmarked(f"{problem.get('message', '')} {problem.get('advice', '')}"),
            "share" if problem.get("server_id") else "",
        )
        for key, problem in _part(after, "problems").items()
        if key not in old
    ]


def _part(tree: Tree, name: str) -> Tree:
    found = tree.get(name)
    return found if isinstance(found, Mapping) else {}


@dataclass
class Pace:
    """Keeps notifications rare."""

    told: dict[str, float] = field(default_factory=dict)

    def allows(self, key: str, now: float) -> bool:
        """Whether this may be shown now; counts it if so. ``now``: seconds of a clock that only goes forward."""
        self.told = {other: when for other, when in self.told.items() if now - when < SAME_SECONDS}
        if key in self.told or sum(now - when < SPAN_SECONDS for when in self.told.values()) >= MOST:
            return False
        self.told[key] = now
        return True
