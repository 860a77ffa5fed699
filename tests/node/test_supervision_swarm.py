"""A node's place in its swarm, kept: nobody answers, p2pd dies or hangs, ports are taken, the machine sleeps."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from supervising import Watched, eventually, supervised

from meadow.errors import MeadowError, NoPeers, SwarmError
from meadow.node import member as member_module
from meadow.node.restart import Clocks
from meadow.swarm.identity import Identity
from meadow.swarm.node import SwarmNode
from meadow.swarm.records import ModelRecord, ServerRecord

PRINT = b"\xaa" * 32


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="mw-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def node(home: Path) -> AsyncIterator[Watched]:
    """No servers, not joined yet."""
    async with supervised(home) as watched:
        yield watched


@pytest.fixture
async def others(home: Path) -> AsyncIterator[list[SwarmNode]]:
    """Nodes of other people, to be closed at the end."""
    nodes: list[SwarmNode] = []
    yield nodes
    for one in nodes:
        await one.close()


async def other(home: Path, identity: Identity | None = None, **options: object) -> SwarmNode:
    return await SwarmNode.create(
        identity=identity or Identity.temporary(home),
        run_dir=home / "others",
        **options,  # type: ignore[arg-type]
    )


def p2pd_of(watched: Watched) -> psutil.Process:
    run = str(watched.supervisor._run.path)
    found = []
    for one in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # one that ended has no command line any more
            if any(run in word for word in one.cmdline()):
                found.append(one)
    (child,) = found
    return child


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody else listens on this port of loopback."""
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        yield


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def records_of(watched: Watched) -> tuple[ServerRecord, ModelRecord]:
    peer_id = watched.supervisor.peer_id
    assert peer_id is not None
    return (
        ServerRecord(peer_id, "0000000a", PRINT, 0, 4, "online"),
        ModelRecord(peer_id, "0000000a", PRINT, name="tiny", hub_id=None, num_blocks=4),
    )


async def expiry(searcher: SwarmNode, watched: Watched) -> float:
    """When the node's own server record, as others find it, expires; 0.0 when they find none."""
    found = [
        one.record for one in await searcher.find_servers(PRINT, 4) if one.record.peer_id == watched.supervisor.peer_id
    ]
    return found[0].expires if found else 0.0


async def test_alone_until_somebody_answers(node: Watched, others: list[SwarmNode], home: Path) -> None:
    """The node starts before the peer it knows, as after a power cut; what it serves is found as soon as it joined."""
    identity, port = Identity.temporary(home), free_port()
    address = f"/ip4/127.0.0.1/tcp/{port}"
    await node.supervisor.join(initial_peers=[f"{address}/p2p/{identity.peer_id}"])
    alone = await node.until("swarm", status="alone")
    assert alone["code"] == "no_peers" and alone["message"]
    assert node.supervisor.node is not None
    await node.supervisor._member.publish("0000000a", records_of(node))
    after = node.now
    others.append(await other(home, identity, host_maddrs=[address]))
    assert others[0].addresses == [f"{address}/p2p/{identity.peer_id}"]
    joined = await node.until("swarm", after=after, status="joined")
    assert joined["initial_peers"] == node.supervisor.addresses
    await eventually(lambda: expiry(others[0], node))


@pytest.mark.full
async def test_a_peer_that_is_connected_but_says_nothing_is_nobody(
    node: Watched, others: list[SwarmNode], home: Path
) -> None:
    """p2pd of a node that stands still takes the connection; only an answer of the node itself counts."""
    script = (
        "import asyncio, sys; from pathlib import Path; from meadow.swarm.identity import Identity\n"
        "from meadow.swarm.node import SwarmNode\n"
        "async def main():\n"
        "    home = Path(sys.argv[1])\n"
        "    node = await SwarmNode.create(identity=Identity.temporary(home), run_dir=home / 'others')\n"
        "    print(node.addresses[0], flush=True)\n"
        "    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)\n"
        "    await node.close()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(home), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None and process.stdin is not None
        address = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(NoPeers):  # one that must join
            others.append(await other(home, initial_peers=[address]))
        await node.supervisor.join(initial_peers=[address])
        await node.until("swarm", status="alone")
        os.kill(process.pid, signal.SIGCONT)
        await node.until("swarm", status="joined")
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 60)


async def test_the_first_of_a_swarm_comes_back_with_all_it_knew(
    node: Watched, others: list[SwarmNode], home: Path
) -> None:
    """It has no initial peers of its own; it keeps the records and finds those who are in them."""
    await node.supervisor.join()
    addresses = node.supervisor.addresses
    others.append(await other(home, initial_peers=addresses))
    await others[0].publish(ServerRecord(others[0].peer_id, "0000000b", PRINT, 0, 4, "online"))
    await node.supervisor._member.publish("0000000a", records_of(node))
    for _ in range(2):
        after = node.now
        p2pd_of(node).kill()
        await node.until("swarm", after=after, status="rejoining", code="p2pd_died")
        with pytest.raises(SwarmError):
            await node.supervisor.find_servers(PRINT, 4)
        await node.until("swarm", after=after, status="joined")
        assert node.supervisor.addresses == addresses
        found = {one.record.peer_id for one in await node.supervisor.find_servers(PRINT, 4)}
        assert others[0].peer_id in found
        assert node.supervisor.node is not None
        await eventually(lambda: node.supervisor.node is not None and node.supervisor.node.neighbours)


@pytest.mark.full
async def test_records_of_a_server_that_died_with_p2pd_are_taken_back(
    node: Watched, others: list[SwarmNode], home: Path
) -> None:
    await node.supervisor.join()
    others.append(await other(home, initial_peers=node.supervisor.addresses))
    await node.supervisor._member.publish("0000000a", records_of(node))
    await eventually(lambda: expiry(others[0], node))
    after = node.now
    p2pd_of(node).kill()
    await node.until("swarm", after=after, status="rejoining")
    await node.supervisor._member.withdraw("0000000a")
    await node.until("swarm", after=after, status="joined")

    async def gone() -> bool:
        return not await expiry(others[0], node)

    await eventually(gone)


@pytest.mark.full
async def test_another_port_when_the_old_one_is_taken(node: Watched) -> None:
    await node.supervisor.join()
    before = node.supervisor.addresses
    port = int(before[0].split("/")[4])
    after = node.now
    p2pd_of(node).kill()
    # Taken at the first moment at which it is free, before the next p2pd can have it.
    squatters = await eventually(lambda: squat(port))
    try:
        await node.until("swarm", after=after, status="joined")
    finally:
        squatters.close()
    assert node.supervisor.addresses != before
    assert len(node.supervisor.addresses) == 1


def squat(port: int) -> socket.socket | None:
    squatter = socket.socket()
    squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
    except OSError:
        squatter.close()
        return None
    return squatter


@pytest.mark.full
async def test_a_port_that_was_asked_for_is_waited_for(node: Watched) -> None:
    port = free_port()
    with taken(port):
        joining = asyncio.create_task(node.supervisor.join(host_maddrs=[f"/ip4/127.0.0.1/tcp/{port}"]))
        event = await node.until("swarm", status="joining", code="swarm")
        assert str(port) in event["message"] and event["seconds"] > 0
        assert not joining.done()
    await asyncio.wait_for(joining, 60)
    await node.until("swarm", status="joined")


@pytest.mark.parametrize(
    "options", [{"initial_peers": ["nonsense"]}, {"host_maddrs": ["/ip4/127.0.0.1/udp/1/quic-v1"]}], ids=str
)
async def test_what_a_person_must_correct_is_not_tried_again(node: Watched, options: dict[str, list[str]]) -> None:
    with pytest.raises(MeadowError, match="must look like"):
        await node.supervisor.join(**options)  # type: ignore[arg-type]
    assert not [event for event in node.events if event["event"] == "swarm"]


@pytest.mark.full
async def test_a_p2pd_that_hangs_is_replaced(node: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_module, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(member_module, "HANG_SECONDS", 0.5)
    await node.supervisor.join()
    hanging = p2pd_of(node)
    after = node.now
    hanging.suspend()
    event = await node.until("swarm", after=after, status="rejoining")
    assert "did not answer" in event["message"]
    await node.until("swarm", after=after, status="joined")
    assert not hanging.is_running()


async def test_after_a_sleep_everything_is_said_again_at_once(
    node: Watched, others: list[SwarmNode], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sleeping laptop shows as wall time that the steady clock has not seen."""
    others.append(await other(home))
    await node.supervisor.join(initial_peers=others[0].addresses)
    await node.supervisor._member.publish("0000000a", records_of(node))
    first = await eventually(lambda: expiry(others[0], node))
    # What happened meanwhile: the other side has given up the connection.
    await others[0]._daemon.disconnect(str(node.supervisor.peer_id))
    after, slept = node.now, 0.0
    monkeypatch.setattr(member_module, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(member_module, "_clocks", lambda: Clocks(time.time() + slept, time.monotonic()))
    slept = 7200.0
    event = await node.until("swarm", after=after, status="joined")
    assert 7100 < event["slept"] <= 7300
    # Records are renewed every 20 s anyway, but the node did not wait for that.
    renewed = await eventually(lambda: expiry(others[0], node))
    assert renewed > first
    assert len([one for one in node.events[after:] if one["event"] == "swarm"]) == 1


@pytest.mark.full
async def test_a_new_address_is_told(
    node: Watched, others: list[SwarmNode], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network changed: records name where the node is now."""
    monkeypatch.setattr(member_module, "LOOK_SECONDS", 0.1)
    others.append(await other(home))
    await node.supervisor.join(initial_peers=others[0].addresses)
    member = node.supervisor.node
    assert member is not None
    await node.supervisor._member.publish("0000000a", records_of(node))
    real = list(member.addresses)
    # As if p2pd had been somewhere else before: the next look finds it where it really is.
    member.addresses = [real[0].replace("127.0.0.1", "127.0.0.2")]
    await node.supervisor._member.publish("0000000a", records_of(node))

    async def addresses() -> bool:
        found = [one.server for one in await others[0].find_servers(PRINT, 4)]
        return [one.addresses for one in found] == [(real[0].split("/p2p/")[0],)]

    await eventually(addresses)
