"""The first hour with Meadow as somebody new has it: nothing is there but the app."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from desktop import Desktop
from journeys import (
    BUNDLED,
    DEMO,
    MESSAGE,
    QUESTION,
    START,
    SUGGESTION,
    Beside,
    agree,
    answers,
    focused,
    new_home,
    welcomed,
)
from person import Person


@dataclass
class First:
    """Somebody who made three clicks, and the node that came of them."""

    person: Person
    node: Beside


@pytest.fixture(scope="module")
def first(desktop: Desktop) -> Iterator[First]:
    with new_home() as home, Beside(home) as node, Person(desktop, home, first_time=True) as person:
        welcomed(person)
        person.click(DEMO, "Button")
        person.click(START, "Button")
        person.click(SUGGESTION, "Button")
        yield First(person, node)
        assert person.complaints() == []


def test_three_clicks_to_the_first_answer(first: First) -> None:
    first.person.sees("tok/s")
    assert "hidden states" in answers(first.node)[-1]  # what the model was taught about this question


def test_share_pause_and_finish(first: First) -> None:
    """In a swarm of one's own: the card, the page and the node say the same all the time."""
    person, node = first.person, first.node
    node.ask("PATCH", "/api/settings", {"share.model": str(BUNDLED)})
    person.presses("Ctrl+2")
    person.click("Share", "Button")
    agree(person, node, "sharing", "Sharing")
    person.click("Pause", "Button")
    person.click("For 1 hour", "MenuItem")
    agree(person, node, "waiting", "Waiting")
    person.click("Stop", "Button")
    agree(person, node, "off", "Off")


def test_a_second_start_brings_the_window_forward_with_its_link(first: First, desktop: Desktop) -> None:
    person = first.person
    person.presses("Ctrl+2")
    person.desktop.run("xdotool", "getactivewindow", "windowminimize")
    person.until(lambda: not person.windows()[0]["active"], "the window out of the way")
    again = [sys.executable, "-m", "meadow_app", "--home", str(person.home), "meadow://demo"]
    assert subprocess.run(again, env=desktop.environment, timeout=60, check=False).returncode == 0
    person.until(lambda: person.windows()[0]["active"], "the window before the person")
    person.finds(SUGGESTION, "Button")  # a new chat with the demo


@pytest.mark.full
def test_keys_alone_lead_to_the_first_answer(desktop: Desktop, home: Path) -> None:
    with Beside(home) as node, Person(desktop, home, first_time=True) as person:
        welcomed(person)
        person.until(lambda: focused(person, DEMO), "the focus on the suggested choice")
        person.presses("Return")
        person.until(lambda: focused(person, START), "the focus on the next step")
        person.presses("Space")
        person.until(lambda: focused(person, MESSAGE), "the focus in the message box")
        person.finds(SUGGESTION, "Button")  # the demo is up
        person.types(QUESTION)
        person.presses("Return")
        person.sees("tok/s")
        assert "swarm" in answers(node)[-1].lower()
        assert person.complaints() == []


@pytest.mark.full
def test_a_settings_file_that_cannot_be_read_is_set_aside(desktop: Desktop, home: Path) -> None:
    broken = '{"share.model": '
    (home / "settings.json").write_text(broken)
    with Beside(home) as node, Person(desktop, home) as person:
        person.waits_for_the_window()
        person.sees("The settings file cannot be used")
        person.click("Set it aside and start with the defaults", "Button")
        person.sees("The old settings are kept as settings.json.set-aside")
        person.sees_no_more("The settings file cannot be used")
        assert node.tree()["node"]
        assert (home / "settings.json.set-aside").read_text() == broken
        assert person.complaints() == []


@pytest.mark.full
def test_a_broken_file_comes_before_the_welcome(desktop: Desktop, home: Path) -> None:
    (home / "settings.json").write_text("nothing")
    with Beside(home), Person(desktop, home, first_time=True) as person:
        person.waits_for_the_window()
        person.sees("The settings file cannot be used")
        (home / "settings.json").unlink()
        person.click("Try again", "Button")
        person.sees_no_more("The settings file cannot be used")
