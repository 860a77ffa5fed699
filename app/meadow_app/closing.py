"""What closing the window and quitting mean: pure decisions, and the sentences that say them.

The window may go only where a person can find Meadow again: in the tray, or in the taskbar. Quit always quits; when
something of the person's would stop with it, it first says what.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from PySide6.QtCore import QCoreApplication

translate = QCoreApplication.translate


class Close(Enum):
    """What happens when the window is closed."""

    HIDE = "hide"
    MINIMISE = "minimise"
    QUIT = "quit"


def on_close(*, tray: bool, wish: str) -> Close:
    """``wish`` is the preference "closing": "background" or "quit". Without a tray the window stays, made small."""
    if wish == "quit":
        return Close.QUIT
    if tray:
        return Close.HIDE
    return Close.MINIMISE


def is_sharing(tree: Mapping[str, Any]) -> bool:
    """Whether this machine shares, or will again by itself (waiting, draining, a problem that is being mended)."""
    return str(tree.get("share", {}).get("state", "off")) != "off"


def answers_under_way(tree: Mapping[str, Any]) -> int:
    """How many answers are being written for anybody on this machine."""
    return len(tree.get("chats", {}))


def people_served(tree: Mapping[str, Any]) -> int:
    """How many sessions others have here."""
    return len(tree.get("sessions", {}))


def explanation(close: Close, *, sharing: bool) -> str:
    """What a person must know once when the window goes and Meadow does not."""
    if close is Close.HIDE and sharing:
        return translate(
            "Closing", "Meadow goes on in the tray, and this computer goes on sharing. Quit it there to end both."
        )
    if close is Close.HIDE:
        return translate("Closing", "Meadow goes on in the tray. Quit it there to end it.")
    if sharing:
        return translate(
            "Closing",
            "This desktop has no tray, so the window stays in the taskbar while this computer shares. "
            "Quit Meadow with Ctrl+Q to end both.",
        )
    return translate(
        "Closing",
        "This desktop has no tray, so the window stays in the taskbar, where it can be found again. "
        "Quit Meadow with Ctrl+Q to end it.",
    )


def what_stops(tree: Mapping[str, Any], *, node_stops: bool) -> str:
    """What quitting ends, or "" when nothing of the person's does."""
    sentences = []
    answers, served = answers_under_way(tree), people_served(tree)
    if node_stops and is_sharing(tree):
        sentences.append(translate("Closing", "This computer stops sharing."))
        if served:
            sentences.append(translate("Closing", "%n session(s) of others move to other computers.", None, served))
    if node_stops and answers:
        sentences.append(translate("Closing", "%n answer(s) under way stop; what is there is kept.", None, answers))
    return " ".join(sentences)
