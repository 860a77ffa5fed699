"""What closing and quitting mean, as tables; and where the window comes back."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QGuiApplication, QWindow

from meadow_app.closing import Close, explanation, is_sharing, on_close, what_stops
from meadow_app.geometry import LEAST, restore, saved

SHARING = {"state": "sharing", "reason": "serving"}


@pytest.mark.parametrize(
    ("tray", "sharing", "wish", "expected"),
    [
        (True, True, "background", Close.HIDE),
        (True, False, "background", Close.HIDE),
        (False, True, "background", Close.MINIMISE),
        (False, False, "background", Close.QUIT),
        (True, True, "quit", Close.QUIT),
        (False, True, "quit", Close.QUIT),
    ],
)
def test_a_window_only_goes_where_it_can_be_found(tray: bool, sharing: bool, wish: str, expected: Close) -> None:
    assert on_close(tray=tray, sharing=sharing, wish=wish) is expected


@pytest.mark.parametrize("state", ["starting", "sharing", "waiting", "draining", "problem"])
def test_everything_but_off_is_sharing(state: str) -> None:
    assert is_sharing({"share": {"state": state}})


def test_off_and_unknown_are_not() -> None:
    assert not is_sharing({"share": {"state": "off"}})
    assert not is_sharing({})


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"share": SHARING}, ["stops sharing"]),
        ({"share": SHARING, "sessions": {"a/b": {}, "a/c": {}}}, ["stops sharing", "others"]),
        ({"chats": {"1": {}}}, ["under way"]),
        ({"share": SHARING, "chats": {"1": {}}}, ["stops sharing", "under way"]),
    ],
)
def test_quitting_says_what_stops_with_the_node(tree: dict[str, Any], words: list[str]) -> None:
    text = what_stops(tree, node_stops=True)
    assert all(word in text for word in words), text
    assert what_stops(tree, node_stops=False) == ""  # nothing of the person's stops with the window alone


def test_quitting_an_idle_node_needs_no_question() -> None:
    assert what_stops({"share": {"state": "off"}, "chats": {}}, node_stops=True) == ""


def test_the_explanations_differ() -> None:
    texts = {
        explanation(Close.HIDE, sharing=True),
        explanation(Close.HIDE, sharing=False),
        explanation(Close.MINIMISE, sharing=True),
    }
    assert len(texts) == 3


def test_the_window_comes_back_where_it_was() -> None:
    screen = QGuiApplication.primaryScreen().availableGeometry()
    wanted = QRect(screen.x() + 10, screen.y() + 20, LEAST[0] + 5, LEAST[1] + 5)
    first, second = QWindow(), QWindow()
    first.setGeometry(wanted)
    restore(second, saved(first))
    assert second.geometry() == wanted


def test_a_window_that_was_on_a_screen_that_is_gone_is_seen_all_the_same() -> None:
    window = QWindow()
    before = window.position()
    restore(window, [90_000, 90_000, 700, 700, False])
    assert window.position() == before
    assert (window.width(), window.height()) == (700, 700)


@pytest.mark.parametrize("value", [None, "x", [], [1, 2, 3], [1, 2, 3, "4", False], {"x": 1}, [1.5, 2, 3, 4, True]])
def test_anything_else_changes_nothing(value: object) -> None:
    window = QWindow()
    before = window.geometry()
    restore(window, value)
    assert window.geometry() == before


def test_no_window_is_too_small_to_be_used() -> None:
    window = QWindow()
    restore(window, [0, 0, 1, 1, False])
    assert (window.width(), window.height()) == LEAST
