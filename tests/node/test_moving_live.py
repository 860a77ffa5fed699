"""A real node that moves to other blocks by itself: it says so, and everything is served all the time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from live_node import LiveNode, live_node
from real_processes import Processes

PROGRAM = str(Path(__file__).with_name("moving_node.py"))
BUNDLED = Path(__file__).parents[2] / "resources" / "demo-model"
BLOCKS = 6


def hosted(state: dict[str, Any]) -> tuple[int, int] | None:
    """The blocks that it serves now."""
    spans = [(s["start"], s["end"]) for s in state["servers"].values() if s["status"] == "online"]
    return spans[0] if state["share"]["state"] == "sharing" and len(spans) == 1 else None


def looks(node: LiveNode) -> int:
    return (node.home / "stderr.txt").read_text().count("looked")


@pytest.mark.full
@pytest.mark.timeout(300)
def test_it_goes_where_fewer_are_says_so_and_stays_there(processes: Processes) -> None:
    with live_node("--new-swarm", program=(PROGRAM,)) as node:
        state = node.wait_for(lambda s: s["swarm"]["status"] == "joined")
        peers = [state["swarm"]["addresses"][0]]
        processes.serve(BUNDLED, f"0:{BLOCKS}", peers=peers).wait_for("online")
        assert node.client.post("/api/share", json={"model": str(BUNDLED)}).status_code == 202
        first = hosted(node.wait_for(hosted))
        assert first is not None and first[1] - first[0] == 2
        before = looks(node)
        node.wait_for(lambda _: looks(node) >= before + 2)
        assert hosted(node.state()) == first, "all places are alike, so it stays"

        processes.serve(BUNDLED, f"{first[0]}:{first[1]}", peers=peers).wait_for("online")
        said: set[str] = set()

        def arrived(state: dict[str, Any]) -> bool:
            said.add(state["share"]["text"])
            return hosted(state) not in (None, first) and "moving" not in state["share"]

        second = hosted(node.wait_for(arrived))
        assert second is not None and (second[1] <= first[0] or second[0] >= first[1]), "where only one server is"
        words = f"Moving to blocks {second[0]}:{second[1]}, which fewer servers hold"
        assert any(words in text for text in said), said

        before = looks(node)
        node.wait_for(lambda _: looks(node) >= before + 4)
        assert hosted(node.state()) == second, "never back and forth"
        assert not node.state()["problems"]
        assert node.client.post("/api/finish", json={"seconds": 0}).status_code == 202
        node.wait_for(lambda s: s["share"]["state"] == "off")


@pytest.mark.full
@pytest.mark.timeout(300)
def test_it_never_leaves_blocks_that_nobody_else_has_nor_those_that_the_person_chose(processes: Processes) -> None:
    with live_node("--new-swarm", program=(PROGRAM,)) as node:
        state = node.wait_for(lambda s: s["swarm"]["status"] == "joined")
        peers = [state["swarm"]["addresses"][0]]
        processes.serve(BUNDLED, "0:4", peers=peers).wait_for("online")
        assert node.client.post("/api/share", json={"model": str(BUNDLED)}).status_code == 202
        assert hosted(node.wait_for(hosted)) == (4, 6), "the gap"
        before = looks(node)
        node.wait_for(lambda _: looks(node) >= before + 3)
        assert hosted(node.state()) == (4, 6)
        assert node.client.post("/api/finish", json={"seconds": 0}).status_code == 202
        node.wait_for(lambda s: s["share"]["state"] == "off")

        # All of it is there twice then, but for 4:6; the person still wants 0:2.
        processes.serve(BUNDLED, "0:6", peers=peers).wait_for("online")
        assert node.client.post("/api/share", json={"model": str(BUNDLED), "blocks": [0, 2]}).status_code == 202
        assert hosted(node.wait_for(hosted)) == (0, 2)
        before = looks(node)
        node.wait_for(lambda _: looks(node) >= before + 3)
        assert hosted(node.state()) == (0, 2)
