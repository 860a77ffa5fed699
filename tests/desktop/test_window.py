"""The window itself: it starts, takes keys, goes where it is told, and follows the system."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from desktop import Desktop
from person import Person
from pictures import brightness

NOWHERE = {"MEADOW_URL": "http://127.0.0.1:9", "MEADOW_TOKEN": "x"}  # these tests need no node
PAGES = (("Ctrl+2", "Share"), ("Ctrl+3", "Swarm"), ("Ctrl+4", "Settings"), ("Ctrl+1", "Chat"))


@pytest.fixture
def person(desktop: Desktop, home: Path) -> Iterator[Person]:
    with Person(desktop, home, **NOWHERE) as person:
        yield person.waits_for_the_window()
        assert person.complaints() == []


def is_at(person: Person, page: str) -> bool:
    item = person.looks_for(page, "PageTab")
    return item is not None and item.is_("selected")


def test_it_goes_everywhere_with_keys(person: Person) -> None:
    for keys, page in PAGES:
        person.presses(keys)
        person.until(lambda page=page: is_at(person, page), f"the page {page}")
    person.presses("F1")
    person.sees("Keyboard")
    assert is_at(person, "Settings")


def test_tab_and_space_reach_the_navigation(person: Person) -> None:
    def reaches(name: str) -> bool:
        focus = person.focus()
        if focus is not None and focus.name == name:
            return True
        person.presses("Tab")
        return False

    person.until(lambda: reaches("Swarm"), "the focus on Swarm")
    person.presses("Space")
    person.until(lambda: is_at(person, "Swarm"), "the page Swarm")


def test_the_mouse_goes_there_too(person: Person) -> None:
    person.click("Share", "PageTab")
    person.until(lambda: is_at(person, "Share"), "the page Share")
    person.sees("Share this computer")


def test_text_grows_and_is_as_large_at_the_next_start(desktop: Desktop, home: Path) -> None:
    with Person(desktop, home, **NOWHERE) as person:
        person.waits_for_the_window()
        height = person.finds("Share", "PageTab").rect[3]
        person.presses("Ctrl++")
        person.until(lambda: person.finds("Share", "PageTab").rect[3] > height, "larger text")
        larger = person.finds("Share", "PageTab").rect[3]
        person.presses("Ctrl+Q")
        assert person.end() == 0
    with Person(desktop, home, **NOWHERE) as person:
        person.waits_for_the_window()
        assert person.finds("Share", "PageTab").rect[3] == larger
        person.presses("Ctrl+0")
        person.until(lambda: person.finds("Share", "PageTab").rect[3] == height, "text at 100 %")


def test_a_narrow_window_has_a_drawer(person: Person) -> None:
    person.resizes(500, 700)
    person.click("Menu", "Button")
    person.click("Swarm", "PageTab")
    person.until(lambda: person.looks_for("Swarm", "PageTab") is None, "the drawer gone")
    person.sees("Swarm")


def test_it_goes_dark_and_light_with_the_system(person: Person, desktop: Desktop, tmp_path: Path) -> None:
    def look() -> float:
        return brightness(person.screenshot(tmp_path / "window.png"))

    for scheme, fits in (("dark", lambda value: value < 0.3), ("light", lambda value: value > 0.8)):
        desktop.prefers(scheme)
        person.until(lambda fits=fits: fits(look()), f"a {scheme} window")


def test_the_window_is_as_large_as_it_was(desktop: Desktop, home: Path) -> None:
    with Person(desktop, home, **NOWHERE) as person:
        person.waits_for_the_window()
        person.resizes(900, 640)
        person.until(lambda: person.windows()[0]["rect"][2:] == [900, 640], "the new size")
        person.presses("Ctrl+Q")
        assert person.end() == 0
    with Person(desktop, home, **NOWHERE) as person:
        person.waits_for_the_window()
        assert person.windows()[0]["rect"][2:] == [900, 640]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it(desktop: Desktop, home: Path, number: signal.Signals) -> None:
    with Person(desktop, home, **NOWHERE) as person:
        person.waits_for_the_window()
        person.process.send_signal(number)
        assert person.end() == 0


def test_it_works_without_any_display(no_display: Desktop, home: Path) -> None:
    with Person(no_display, home, **NOWHERE) as person:
        person.waits_for_the_window()
        person.click("Share", "PageTab")
        person.sees("Share this computer")
        person.presses("Ctrl+Q")
        assert person.end() == 0
        assert person.complaints() == []
