"""Two whole nodes in a private swarm by invitation: the owner's confirms the other's, and then they are joined."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from live_node import LiveNode, live_node

from meadow.platform.paths import Paths
from meadow.swarm.book import SwarmBook
from meadow.swarm.invitation import parse_link


@pytest.mark.full
def test_two_nodes_meet_in_a_private_swarm() -> None:
    root = Path(tempfile.mkdtemp(prefix="m"))
    owners, friends = (SwarmBook(Paths.of(root / name)) for name in "of")
    try:
        street = owners.new("Street", by_invitation=True)
        owners.use(street.id)
        with live_node("--port", "0", home=root / "o") as owner:
            entry = friends.join(parse_link(invite(owner, street.id)))
            friends.use(entry.id)
            assert owner.client.get("/api/swarms").json()["swarms"][0]["in_use"]
            with live_node("--port", "0", home=root / "f") as friend:
                friend.wait_for(lambda state: state["swarm"]["status"] == "joined")
                assert friend.client.get("/api/swarms").json()["swarms"][0]["confirmed"]
                members = owner.client.get(f"/api/swarms/{street.id}/members").json()["members"]
                assert len(members) == 1 and members[0]["peer_id"] != street.owner
    finally:
        shutil.rmtree(root, ignore_errors=True)


def invite(owner: LiveNode, swarm: str) -> str:
    """As soon as the node knows where it is."""
    deadline = time.monotonic() + 60
    while True:
        answer = owner.client.post(f"/api/swarms/{swarm}/invite", json={})
        if answer.status_code == 201:
            return answer.json()["link"]
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)
