"""Closing the window, quitting, a second start: what happens, and what the person is told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from desktop import Desktop
from person import Person

BARE_NODE = Path(__file__).parents[1] / "cli" / "bare_node.py"
NOWHERE = {"MEADOW_URL": "http://127.0.0.1:9", "MEADOW_TOKEN": "x"}


class Node:
    """A node without a swarm: sharing goes through its states by itself."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen([sys.executable, str(BARE_NODE), str(home)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        url = self.process.stdout.readline().strip()
        headers = {"authorization": f"Bearer {(home / 'api-token').read_text().strip()}"}
        self.client = httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=30)

    def shares(self) -> None:
        self.client.post("/api/share", json={"model": "owner/name"}).raise_for_status()

    def started_by_the_app(self) -> None:
        """As if an earlier window had started this node."""
        node = self.client.get("/api/state").json()["node"]
        remembered = {"onboarding": 1, "node": [node["pid"], node["started"]]}
        (self.home / "app.json").write_text(json.dumps({"version": 1, "remembered": remembered}))

    def commands(self) -> list[str]:
        path = self.home / "commands.jsonl"
        return [json.loads(line)[0] for line in path.read_text().splitlines()] if path.exists() else []

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.client.close()


@pytest.fixture
def node(home: Path) -> Iterator[Node]:
    node = Node(home)
    yield node
    node.end()


def is_open(person: Person) -> bool:
    (window,) = person.windows()
    return window["visible"] and not window["minimised"]


def test_with_a_tray_it_hides_and_says_once_that_sharing_goes_on(desktop: Desktop, home: Path, node: Node) -> None:
    node.shares()
    with Person(desktop, home) as person:
        person.waits_for_the_window()
        person.sees("Sharing blocks")
        person.closes_the_window()
        person.sees("this computer goes on sharing")
        person.click("Close the window", "Button")
        person.until(lambda: not is_open(person), "the hidden window")
        # Whoever starts Meadow again gets this window, and is not told again.
        again = subprocess.run(
            [sys.executable, "-m", "meadow_app", "--home", str(home)], env=desktop.environment, timeout=60, check=False
        )
        assert again.returncode == 0
        person.until(lambda: is_open(person), "the window again")
        person.closes_the_window()
        person.until(lambda: not is_open(person), "the hidden window")
        assert person.complaints() == []
    assert "stop" not in node.commands()


def test_esc_keeps_the_window(desktop: Desktop, home: Path, node: Node) -> None:
    node.shares()
    with Person(desktop, home) as person:
        person.waits_for_the_window()
        person.sees("Sharing blocks")
        person.closes_the_window()
        person.sees("this computer goes on sharing")
        person.presses("Esc")
        person.sees_no_more("this computer goes on sharing")
        assert is_open(person)


def test_without_a_tray_it_stays_in_the_taskbar_while_sharing(
    desktop_without_tray: Desktop, home: Path, node: Node
) -> None:
    node.shares()
    with Person(desktop_without_tray, home) as person:
        person.waits_for_the_window()
        person.sees("Sharing blocks")
        person.closes_the_window()
        person.sees("has no tray")
        person.click("Close the window", "Button")
        person.until(lambda: person.windows()[0]["minimised"], "the window in the taskbar")
        assert person.windows()[0]["visible"]


def test_without_a_tray_and_without_sharing_the_window_stays_too(desktop_without_tray: Desktop, home: Path) -> None:
    with Person(desktop_without_tray, home, **NOWHERE) as person:
        person.waits_for_the_window()
        person.closes_the_window()
        person.sees("has no tray")
        person.click("Close the window", "Button")
        person.until(lambda: person.windows()[0]["minimised"], "the window in the taskbar")


def test_quitting_says_what_stops_and_ends_the_node_that_the_app_started(
    desktop: Desktop, home: Path, node: Node
) -> None:
    node.started_by_the_app()
    node.shares()
    with Person(desktop, home) as person:
        person.waits_for_the_window()
        person.sees("Sharing blocks")
        person.presses("Ctrl+Q")
        person.sees("This computer stops sharing.")
        person.click("Cancel", "Button")
        person.sees_no_more("This computer stops sharing.")
        person.presses("Ctrl+Q")
        person.click("Quit", "Button")
        assert person.end() == 0
    assert node.process.wait(20) == 0
    assert "stop" in node.commands()


def test_a_node_of_others_goes_on(desktop: Desktop, home: Path, node: Node) -> None:
    node.shares()
    with Person(desktop, home) as person:
        person.waits_for_the_window()
        person.sees("Sharing blocks")
        person.presses("Ctrl+Q")
        assert person.end() == 0
    assert node.process.poll() is None
    assert "stop" not in node.commands()


def test_a_second_start_hands_over_its_link(desktop: Desktop, home: Path) -> None:
    with Person(desktop, home, **NOWHERE) as person:
        person.waits_for_the_window()
        again = subprocess.run(
            [sys.executable, "-m", "meadow_app", "--home", str(home), "meadow://join?swarm=x"],
            env=desktop.environment,
            timeout=60,
            check=False,
        )
        assert again.returncode == 0
        person.sees("cannot take invitations yet")
