"""``/api/swarms`` on a real socket with a real book; and that the document of it is true."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from http_client import TOKEN, running

from meadow.cli.arguments_swarm import VISIBLE as SAID
from meadow.node.http import swarms
from meadow.node.swarmcontrol import VISIBLE, SwarmControl
from meadow.platform.paths import Paths
from meadow.swarm.book import SwarmBook
from meadow.swarm.identity import Identity
from meadow.swarm.invitation import format_link, parse_link


class World:
    """The books of two homes, and where the first one's node is."""

    def __init__(self, tmp_path: Path) -> None:
        self.book = SwarmBook(Paths.of(tmp_path / "a"))
        self.other = SwarmBook(Paths.of(tmp_path / "b"))
        self.in_use: str | None = None


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
async def node(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    async with running([swarms.router(SwarmControl(world.book, lambda: world.in_use))]) as server:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx2.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as client:
            yield client


async def test_found_invite_send_away_leave(node: httpx2.AsyncClient, world: World, tmp_path: Path) -> None:
    assert (await node.get("/api/swarms")).json()["swarms"] == []
    made = await node.post("/api/swarms/new", json={"name": "Street", "by_invitation": True})
    assert made.status_code == 201 and made.json()["is_owner"] and made.json()["members"] == 0
    swarm = made.json()["id"]
    listed = (await node.get("/api/swarms")).json()
    assert listed["restart_needed"] and listed["visible"] == VISIBLE
    early = await node.post(f"/api/swarms/{swarm}/invite", json={})
    assert (early.status_code, early.json()["error"]["code"]) == (503, "not_joined")

    entry = world.book.find(swarm)
    world.book.remember(swarm, peers=(f"/ip4/192.0.2.7/tcp/4001/p2p/{entry.owner}",))
    link = (await node.post(f"/api/swarms/{swarm}/invite", json={"note": "Fern"})).json()
    assert link["once"] and link["link"].startswith("meadow://join?")
    peer = Identity.temporary(tmp_path).peer_id
    token = parse_link(link["link"]).token
    assert (await node.get(f"/api/swarms/{swarm}/members")).json()["open_invitations"][0]["note"] == "Fern"
    assert world.book.admit(swarm, peer, token) is not None
    (member,) = (await node.get(f"/api/swarms/{swarm}/members")).json()["members"]
    assert (member["peer_id"], member["note"], member["revoked"]) == (peer, "Fern", False)
    assert (await node.post(f"/api/swarms/{swarm}/revoke", json={"peer_id": peer})).status_code == 202
    (member,) = (await node.get(f"/api/swarms/{swarm}/members")).json()["members"]
    assert member["revoked"]

    world.in_use = swarm
    assert (await node.post(f"/api/swarms/{swarm}/leave", json={})).status_code == 409
    world.in_use = None
    assert (await node.post(f"/api/swarms/{swarm}/leave", json={})).json()["swarms"] == []


async def test_join_and_choose(node: httpx2.AsyncClient, world: World) -> None:
    garden = world.other.new("Garden", by_invitation=False)
    world.other.remember(garden.id, peers=(f"/ip4/192.0.2.7/tcp/4001/p2p/{garden.owner}",))
    joined = await node.post("/api/swarms/join", json={"link": format_link(world.other.invite("Garden", ()))})
    assert joined.status_code == 201 and joined.json()["id"] == garden.id and not joined.json()["is_owner"]
    assert not any(one["chosen"] for one in (await node.post("/api/swarms/public", json={})).json()["swarms"])
    assert (await node.post(f"/api/swarms/{garden.id}/use", json={})).json()["swarms"][0]["chosen"]
    members = await node.get(f"/api/swarms/{garden.id}/members")
    assert (members.status_code, members.json()["error"]["code"]) == (400, "unsupported")


async def test_no_answer_but_an_invitation_holds_a_secret(node: httpx2.AsyncClient, world: World) -> None:
    await node.post("/api/swarms/new", json={"name": "Street", "by_invitation": True})
    entry = world.book.current()
    assert entry is not None
    stored = json.loads(world.book.file.read_text())["swarms"][0]
    for path in ("/api/swarms", f"/api/swarms/{entry.id}/members"):
        text = (await node.get(path)).text
        assert stored["secret"] not in text and stored["credential"] not in text and entry.secret.hex() not in text


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("join", {"link": "https://example.org"}, 400, "bad_link"),
        ("join", {"link": "meadow://join?" + "x" * 2000}, 400, "bad_link"),
        ("join", {}, 400, None),
        ("new", {"name": " Street"}, 400, "bad_name"),
        ("new", {"name": "a", "secret": "b"}, 400, None),
        ("0" * 32 + "/use", {}, 404, "unknown_swarm"),
        ("0" * 32 + "/revoke", {"peer_id": "../x"}, 400, None),
        ("../../x/use", {}, 404, None),
    ],
)
async def test_mistakes(node: httpx2.AsyncClient, path: str, body: dict, status: int, code: str | None) -> None:
    answer = await node.post(f"/api/swarms/{path}", json=body)
    assert answer.status_code == status
    assert code is None or answer.json()["error"]["code"] == code


async def test_every_route_is_described(node: httpx2.AsyncClient) -> None:
    document = (await node.get("/openapi.json")).json()
    paths = {path: one for path, one in document["paths"].items() if path.startswith("/api/swarms")}
    assert len(paths) == 9
    for operations in paths.values():
        assert all(one.get("summary") for one in operations.values())


def test_the_command_line_and_the_app_say_the_same_about_what_stays_visible() -> None:
    assert SAID.replace("\n", " ").removeprefix("What stays visible: ").casefold() == VISIBLE.casefold()
