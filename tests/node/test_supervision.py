"""Two spans of one model and the chat engine on one node: whatever is killed, the others go on and it comes back."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from supervising import Watched, plain_answer, supervised

from meadow.chat.request import Delta, GenerationRequest
from meadow.chat.spec import EngineSpec
from meadow.errors import MeadowError
from meadow.swarm.identity import Identity
from meadow.swarm.node import SwarmNode

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = "Why do bees swarm?"
LEFT, RIGHT = "0000000a", "0000000b"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def node(endless_chat_model: Path) -> AsyncIterator[Watched]:
    """Blocks 0:2 and 2:4 at one server each, and the engine, all of one node, alone in its swarm."""
    home = Path(tempfile.mkdtemp(prefix="mw-"))
    try:
        async with supervised(home) as watched:
            await watched.serve(endless_chat_model, LEFT, 0, 2)
            await watched.serve(endless_chat_model, RIGHT, 2, 4)
            await watched.supervisor.spawn_engine(EngineSpec(threads=1), watched.engine)
            await watched.supervisor.join()
            for server_id in (LEFT, RIGHT):
                await watched.until("online", server_id=server_id)
            yield watched
    finally:
        shutil.rmtree(home, ignore_errors=True)


def pid_of(watched: Watched, server_id: str) -> int:
    child = watched.supervisor.servers[server_id].kept.child
    assert child is not None
    return child.pid


def engine_pid(watched: Watched) -> int:
    assert watched.supervisor.engine is not None and watched.supervisor.engine.kept.child is not None
    return watched.supervisor.engine.kept.child.pid


def p2pd(watched: Watched) -> psutil.Process:
    assert watched.supervisor.node is not None
    return psutil.Process(watched.supervisor.node._daemon.p2p._child.pid)


async def test_chat_through_the_spans_of_ones_own_node(node: Watched, endless_chat_model: Path) -> None:
    """SESSION.md rule 1: p2pd cannot dial itself, and both servers and the engine share one p2pd."""
    assert await node.answer(endless_chat_model, PROMPT, 24) == plain_answer(endless_chat_model, PROMPT, 24)
    await node.until("sessions", server_id=LEFT, count=1)
    await node.until("sessions", server_id=RIGHT, count=1)


async def test_a_server_is_killed(node: Watched, endless_chat_model: Path) -> None:
    after, killed, other = node.now, pid_of(node, LEFT), pid_of(node, RIGHT)
    os.kill(killed, signal.SIGKILL)
    event = await node.until("restarting", after=after, server_id=LEFT)
    assert event["code"] == "server_died"
    assert f"(process {killed}) was killed by SIGKILL" in event["reason"]
    assert event["seconds"] > 0
    await node.until("online", after=after, server_id=LEFT)
    assert pid_of(node, LEFT) != killed
    assert pid_of(node, RIGHT) == other
    assert not [one for one in node.events[after:] if one.get("server_id") == RIGHT and one["event"] != "sessions"]
    assert not list(node.supervisor._run.path.glob(f"{killed}-*")), "the sockets of the dead are removed"
    assert await node.answer(endless_chat_model, PROMPT, 8) == plain_answer(endless_chat_model, PROMPT, 8)


async def test_p2pd_is_killed(node: Watched, endless_chat_model: Path) -> None:
    """The same node is back at the same place; the spans stay loaded where they are."""
    after, addresses, peer_id = node.now, node.supervisor.addresses, node.supervisor.peer_id
    pids = pid_of(node, LEFT), pid_of(node, RIGHT), engine_pid(node)
    p2pd(node).kill()
    await node.until("swarm", after=after, status="rejoining", code="p2pd_died")
    back = await node.until("swarm", after=after, status="joined")
    for server_id in (LEFT, RIGHT):
        await node.until("online", after=after, server_id=server_id)
    assert back["initial_peers"] == node.supervisor.addresses == addresses
    assert back["peer_id"] == node.supervisor.peer_id == peer_id
    assert (pid_of(node, LEFT), pid_of(node, RIGHT), engine_pid(node)) == pids
    assert not [one for one in node.events[after:] if one["event"] == "progress"], "nothing was loaded again"
    assert await node.answer(endless_chat_model, PROMPT, 8) == plain_answer(endless_chat_model, PROMPT, 8)

    home = Path(tempfile.mkdtemp(prefix="mw-"))
    try:
        async with await SwarmNode.create(
            identity=Identity.temporary(home), run_dir=home / "run", initial_peers=addresses, client_only=True
        ) as stranger:
            fingerprint = bytes.fromhex((await node.until("online", server_id=LEFT))["fingerprint"])
            found = await stranger.find_servers(fingerprint, 4)
        assert {signed.server.server_id for signed in found} == {LEFT, RIGHT}
    finally:
        shutil.rmtree(home)


async def test_the_engine_is_killed(node: Watched, endless_chat_model: Path) -> None:
    after, killed = node.now, engine_pid(node)
    request = GenerationRequest(model=str(endless_chat_model), prompt=PROMPT, max_tokens=4000, temperature=0)
    answer = node.engine.generate(request)
    with pytest.raises(MeadowError) as caught:
        async for event in answer:
            if isinstance(event, Delta) and engine_pid_or_none(node) == killed:
                os.kill(killed, signal.SIGKILL)
    assert caught.value.code == "engine_died"
    assert (await node.until("restarting", after=after, code="engine_died")).get("server_id") is None
    assert await node.answer(endless_chat_model, PROMPT, 8) == plain_answer(endless_chat_model, PROMPT, 8)
    assert engine_pid(node) != killed


def engine_pid_or_none(watched: Watched) -> int | None:
    assert watched.supervisor.engine is not None
    child = watched.supervisor.engine.kept.child
    return None if child is None else child.pid


@pytest.mark.full
async def test_finish_waits_for_the_last_session(node: Watched, endless_chat_model: Path) -> None:
    """Last in this file: afterwards a server is gone."""
    after, pid = node.now, pid_of(node, LEFT)
    request = GenerationRequest(model=str(endless_chat_model), prompt=PROMPT, max_tokens=4000, temperature=0)
    answer = node.engine.generate(request)
    await anext(answer)
    await node.until("sessions", after=after, server_id=LEFT)
    leaving = asyncio.create_task(node.supervisor.stop_server(LEFT, drain_seconds=600))
    await node.until("draining", after=after, server_id=LEFT)
    fingerprint = bytes.fromhex((await node.until("online", server_id=RIGHT))["fingerprint"])
    found = await node.supervisor.find_servers(fingerprint, 4)
    assert {signed.server.server_id: signed.server.state for signed in found} == {LEFT: "draining", RIGHT: "online"}
    for _ in range(5):
        await anext(answer)  # but the one that was there goes on
    assert not leaving.done() and psutil.pid_exists(pid)
    await answer.aclose()
    await asyncio.wait_for(leaving, 60)
    await node.until("stopped", after=after, server_id=LEFT)
    assert not psutil.pid_exists(pid)
    assert list(node.supervisor.servers) == [RIGHT]
    found = await node.supervisor.find_servers(fingerprint, 4)
    assert {signed.server.server_id for signed in found} == {RIGHT}
    with pytest.raises(MeadowError) as caught:
        await node.supervisor.stop_server(LEFT)
    assert caught.value.code == "unknown_server"
