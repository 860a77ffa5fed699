"""Ghosts, with real processes: a killed server is out of everyone's view within 90 s, one that leaves within 5 s."""

from __future__ import annotations

import asyncio
import time

import pytest
from swarm_helpers import start_victim

from meadow.swarm.records import LIFE_SECONDS, RENEW_SECONDS

MODEL, BLOCKS = b"v" * 32, 4
KILLED_SECONDS, LEFT_SECONDS = 90.0, 5.0


async def views(nodes) -> list[set[str]]:
    """Whom each of these nodes sees serving."""
    found = await asyncio.gather(*(node.find_servers(MODEL, BLOCKS) for node in nodes))
    return [{signed.server.server_id for signed in servers} for servers in found]


async def seconds_until(nodes, expected: set[str], at_most: float) -> float:
    """How long it takes until all of ``nodes`` see exactly these servers."""
    began = time.monotonic()
    while any(view != expected for view in await views(nodes)):
        assert time.monotonic() - began < at_most, await views(nodes)
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def swarm_of(swarm, home):
    """A server that stays, one that goes, and three who look: a member, a client, and one that comes later."""
    stays = await asyncio.to_thread(start_victim, home)
    goes = await asyncio.to_thread(start_victim, home, "--initial-peer", stays.addresses[0], server_id="0000000b")
    lookers = [
        await swarm.node(*stays.addresses),
        await swarm.node(*stays.addresses, client_only=True),
        await swarm.node(*goes.addresses, *stays.addresses, client_only=True),
    ]
    await seconds_until(lookers, {stays.server_id, goes.server_id}, 30.0)
    return stays, goes, lookers


async def test_who_leaves_is_gone_at_once(swarm, home) -> None:
    stays, goes, lookers = await swarm_of(swarm, home)
    try:
        leaving = asyncio.create_task(asyncio.to_thread(goes.stop))
        await seconds_until(lookers, {stays.server_id}, LEFT_SECONDS + 15.0)  # a machine may be busy; see below
        await leaving
        late = await swarm.node(*stays.addresses, client_only=True)
        assert await views([late]) == [{stays.server_id}]
    finally:
        await asyncio.to_thread(stays.stop)
        goes.process.kill()


@pytest.mark.full
@pytest.mark.timeout(300)
async def test_who_is_killed_is_gone_in_ninety_seconds(swarm, home) -> None:
    """Its record was renewed up to a moment ago, and nobody says that it has gone."""
    assert RENEW_SECONDS < LIFE_SECONDS < KILLED_SECONDS
    stays, goes, lookers = await swarm_of(swarm, home)
    try:
        p2pd = goes.p2pd()
        goes.process.kill()
        took = await seconds_until(lookers, {stays.server_id}, KILLED_SECONDS)
        print(f"a killed server was gone after {took:.1f} s")
        await asyncio.to_thread(goes.process.wait)
        assert not p2pd.is_running() or p2pd.status() == "zombie"
        late = await swarm.node(*stays.addresses, client_only=True)
        assert await views([late]) == [{stays.server_id}]
    finally:
        for path in home.rglob("*.sock*"):
            if path.name.startswith(f"{goes.process.pid}-"):
                path.unlink(missing_ok=True)
        await asyncio.to_thread(stays.stop)


@pytest.mark.full
async def test_who_leaves_is_gone_in_five_seconds(swarm, home) -> None:
    stays, goes, lookers = await swarm_of(swarm, home)
    try:
        leaving = asyncio.create_task(asyncio.to_thread(goes.stop))
        took = await seconds_until(lookers, {stays.server_id}, LEFT_SECONDS)
        print(f"a server that left was gone after {took:.1f} s")
        await leaving
    finally:
        await asyncio.to_thread(stays.stop)
        goes.process.kill()
