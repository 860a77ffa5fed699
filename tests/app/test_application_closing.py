"""What closing and quitting mean, as tables; and where the window comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fakes
import pytest
from PySide6.QtCore import QCoreApplication, QLocale, QRect
from PySide6.QtGui import QGuiApplication, QWindow

from meadow_app.application import Application
from meadow_app.closing import Close, explanation, is_sharing, on_close, what_stops
from meadow_app.deeplink import Link
from meadow_app.geometry import LEAST, restore, saved
from meadow_app.instance import Asked
from meadow_app.link.node import NodeLink

SHARING = {"state": "sharing", "reason": "serving"}


@pytest.mark.parametrize(
    ("tray", "wish", "expected"),
    [
        (True, "background", Close.HIDE),
        (False, "background", Close.MINIMISE),
        (True, "quit", Close.QUIT),
        (False, "quit", Close.QUIT),
    ],
)
def test_a_window_only_goes_where_it_can_be_found(tray: bool, wish: str, expected: Close) -> None:
    assert on_close(tray=tray, wish=wish) is expected


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
        explanation(Close.MINIMISE, sharing=False),
    }
    assert len(texts) == 4


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


def test_a_link_only_offers_the_demo(home: Path) -> None:
    app = Application(str(home))
    app._begun = True
    app._made["link"] = link = fakes.FakeLink()
    asked: list[str] = []
    app.demoAsked.connect(lambda: asked.append("demo"))
    app.asked(Asked((Link("demo"),), ""))
    assert asked == ["demo"]
    assert not [request for request in link.api.requests if request.path == "/api/demo"]


def test_another_language_reaches_what_python_says_of_the_node_and_of_chats(home: Path) -> None:
    app = Application(str(home))
    app._made["link"] = link = NodeLink(str(home), app, environment={"MEADOW_URL": "nonsense"})
    locale = QLocale()
    try:
        app._language.use("en")
        link.start()
        before = link.property("message")
        heard: list[str] = []
        chat: Any = app.chat
        chat.changed.connect(lambda: heard.append("chat"))
        app._language.use("de")
        assert "MEADOW_URL" in link.property("message") and link.property("message") != before
        assert heard
        assert explanation(Close.HIDE, sharing=False).startswith("Meadow läuft")
        app._language.use("en")
        assert link.property("message") == before
    finally:
        for translator in app._language._translators:
            QCoreApplication.removeTranslator(translator)
        QLocale.setDefault(locale)
