"""Sharing in a swarm of two: what the window says, what the node says, and what the other computer sees."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from desktop import Desktop
from journeys import BUNDLED, Beside, agree, new_home
from live_node import LiveNode, live_node
from person import Person

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]


@pytest.fixture
def other() -> Iterator[LiveNode]:
    """Somebody else's computer: it hosts the first half of the model."""
    with live_node("--new-swarm") as node:
        node.wait_for(lambda state: state["swarm"]["status"] == "joined")
        node.client.post("/api/share", json={"model": str(BUNDLED), "blocks": [0, 3]}).raise_for_status()
        node.wait_for(lambda state: state["share"]["state"] == "sharing")
        yield node


@pytest.fixture
def mine(other: LiveNode) -> Iterator[Beside]:
    """The computer of the person, in the same swarm."""
    address = other.state()["swarm"]["addresses"][0]
    with new_home() as home, live_node("--initial-peers", address, home=home) as node:
        node.wait_for(lambda state: state["swarm"]["status"] == "joined" and state["swarm"]["models"])
        yield Beside(home)


def servers(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [server for model in state["swarm"]["models"].values() for server in model["servers"].values()]


def test_share_pause_resume_finish(desktop: Desktop, other: LiveNode, mine: Beside) -> None:
    mine.ask("PATCH", "/api/settings", {"share.model": str(BUNDLED)})
    with Person(desktop, mine.home) as person:
        person.waits_for_the_window()
        person.presses("Ctrl+2")
        person.click("Share", "Button")
        agree(person, mine, "sharing", "Sharing")
        assert "blocks 3:6" in mine.share()["text"]

        # Both computers see both servers, and so does the page; one of them is this one.
        other.wait_for(lambda state: len(servers(state)) == 2)
        person.until(lambda: len(servers(mine.tree())) == 2, "two servers")
        assert sum(server["mine"] for server in servers(mine.tree())) == 1
        person.presses("Ctrl+3")
        person.sees("healthy · 2 servers")
        person.sees(", this computer")

        person.presses("Ctrl+2")
        person.click("Pause", "Button")
        person.click("For 1 hour", "MenuItem")
        agree(person, mine, "waiting", "Waiting")
        assert 3000 < mine.share()["until"] - time.time() <= 3600
        other.wait_for(lambda state: len(servers(state)) == 1)

        person.click("Resume", "Button")
        agree(person, mine, "sharing", "Sharing")
        other.wait_for(lambda state: len(servers(state)) == 2)

        person.click("Finish", "Button")
        agree(person, mine, "off", "Off")
        other.wait_for(lambda state: len(servers(state)) == 1)
        assert not mine.processes("meadow.server.process")
        assert person.complaints() == []
