"""Sharing with a real node: the commands in every order, and what becomes of it when something fails."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest
from live_node import LiveNode, live_node

BUNDLED = Path(__file__).parents[2] / "resources" / "demo-model"


def command(node: LiveNode, name: str, **body: Any) -> int:
    return node.client.post(f"/api/{name}", json=body).status_code


def wait_for(node: LiveNode, state: str, reason: str | None = None) -> dict[str, Any]:
    return node.wait_for(lambda s: s["share"]["state"] == state and (reason is None or s["share"]["reason"] == reason))[
        "share"
    ]


def servers(node: LiveNode) -> list[psutil.Process]:
    return node.processes("meadow.server.process")


@pytest.mark.full
@pytest.mark.timeout(600)
def test_share_pause_resume_fail_and_finish(tmp_path: Path) -> None:
    folder, away = tmp_path / "toy", tmp_path / "away"
    shutil.copytree(BUNDLED, folder)
    with live_node("--new-swarm") as node:
        node.wait_for(lambda s: s["swarm"]["status"] == "joined")
        for name in ("pause", "resume", "finish"):
            assert command(node, name) == 409, f"there is nothing to {name}"
        assert command(node, "share", model=str(folder), blocks=[0, 3]) == 202
        assert "blocks 0:3" in wait_for(node, "sharing")["text"]
        assert command(node, "resume") == 409, "nothing is paused"
        assert command(node, "share", model=str(folder)) == 202, "what is shared may be asked for again"
        assert len(servers(node)) == 1

        # The folder goes away and the server dies: that is for good, until the person asks again.
        folder.rename(away)
        servers(node)[0].kill()
        wait_for(node, "problem", "server_failed")
        away.rename(folder)
        assert command(node, "share", model=str(folder), blocks=[0, 3]) == 202
        wait_for(node, "sharing")
        assert not node.state()["problems"], "what went wrong is over"

        assert command(node, "pause") == 202
        wait_for(node, "waiting", "paused")
        node.wait_for(lambda _: not servers(node))
        assert command(node, "resume") == 202
        wait_for(node, "sharing")

        assert command(node, "finish", seconds=5) == 202
        wait_for(node, "off", "turned_off")
        assert not servers(node)
        node.wait_for(lambda s: not any(model["num_servers"] for model in s["swarm"]["models"].values()))

        # Nobody serves anything now, so all of it is taken.
        assert command(node, "share", model=str(folder)) == 202
        assert "blocks 0:6" in wait_for(node, "sharing")["text"]


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_killed_node_shares_again_what_its_own_records_still_claim(tmp_path: Path) -> None:
    with live_node("--new-swarm") as first:
        first.wait_for(lambda s: s["swarm"]["status"] == "joined")
        address = first.state()["swarm"]["addresses"][0]
        home = tmp_path / "h"
        home.mkdir()
        for _ in range(2):
            with live_node("--initial-peers", address, home=home) as second:
                second.wait_for(lambda s: s["swarm"]["status"] == "joined")
                assert command(second, "share", model=str(BUNDLED)) == 202
                assert "blocks 0:6" in wait_for(second, "sharing")["text"]
                second.process.kill()
