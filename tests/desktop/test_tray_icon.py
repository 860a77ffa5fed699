"""The icon in a real tray, clicked where it is drawn, and its menu."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desktop import SIZE, Desktop
from person import Person
from test_closing import Node, is_open


@pytest.fixture
def node(home: Path) -> Iterator[Node]:
    node = Node(home)
    yield node
    node.end()


def icon_at(desktop: Desktop, person: Person) -> tuple[int, int]:
    """The middle of the icon that the app has put into the tray: the one of its windows that is as low as the tray."""
    found = []
    for window in desktop.run("xdotool", "search", "--all", "--pid", str(person.process.pid), "--name", "").split():
        lines = desktop.run("xdotool", "getwindowgeometry", "--shell", window).splitlines()
        place = {name: int(value) for name, _, value in (line.partition("=") for line in lines)}
        if 8 < place["HEIGHT"] < 40 and place["Y"] > SIZE[1] - 60:
            found.append((place["X"] + place["WIDTH"] // 2, place["Y"] + place["HEIGHT"] // 2))
    assert len(found) == 1, found
    return found[0]


def clicks(desktop: Desktop, person: Person, button: int) -> None:
    x, y = icon_at(desktop, person)
    desktop.run("xdotool", "mousemove", str(x), str(y), "click", str(button))


def test_the_icon_brings_the_window_back_and_its_menu_works(desktop: Desktop, home: Path, node: Node) -> None:
    node.shares()
    with Person(desktop, home) as person:
        person.waits_for_the_window()
        person.sees("Sharing blocks")
        person.closes_the_window()
        person.click("Close the window", "Button")
        person.until(lambda: not is_open(person), "the hidden window")
        clicks(desktop, person, 1)
        person.until(lambda: is_open(person), "the window again")
        # The menu: Pause, and in it the first entry, with the keys that every menu of the system takes.
        clicks(desktop, person, 3)
        person.until(lambda: "Pause" in person.menu(), "the menu of the tray")
        for key in ("Down", "Right", "Return"):  # disabled entries are passed over; Right opens the list of pauses
            person.presses(key)
        person.until(lambda: "pause" in node.commands(), "the pause")
        assert person.complaints() == []
