"""A node: joining, records, streams, and how it ends."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from swarm_helpers import echo, processes_of, sockets_of, start_victim

from meadow.errors import DaemonDied, NoPeers, ProtocolError, ServerLost, ServerTimeout, SwarmError
from meadow.swarm import node as node_module
from meadow.swarm.identity import Identity
from meadow.swarm.node import MODEL_BACKERS, SwarmNode
from meadow.swarm.records import ModelRecord, ServerRecord, decode_record
from meadow.swarm.rundir import private_run_dir
from meadow.swarm.streams import StreamClosed, StreamLimits, read_message, send_message

PRINT = b"\xaa" * 32


def server(node: SwarmNode, server_id: str = "0000000a", start: int = 0, end: int = 12, **more: object) -> ServerRecord:
    return ServerRecord(node.peer_id, server_id, PRINT, start, end, "online", **more)


async def answer_upper(peer_id: str, reader, writer) -> None:
    while True:
        await send_message(writer, (await read_message(reader)).upper())


async def ask(streams, message: bytes) -> bytes:
    await send_message(streams[1], message)
    return await read_message(streams[0], timeout=10)


# Joining


async def test_new_swarm_and_joining(swarm) -> None:
    first = await swarm.node()
    assert len(first.addresses) == 1 and first.addresses[0].endswith(f"/p2p/{first.peer_id}")
    client = await swarm.node(*first.addresses, client_only=True)
    assert client.addresses == [], "a client listens nowhere"
    assert client.peer_id != first.peer_id


async def test_no_initial_peer_answers(home) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        stranger = Identity.temporary(home)
        address = f"/ip4/127.0.0.1/tcp/{unused.getsockname()[1]}/p2p/{stranger.peer_id}"
        with pytest.raises(NoPeers) as caught:
            await SwarmNode.create(identity=Identity.temporary(home), run_dir=home / "run", initial_peers=[address])
    assert address in str(caught.value)


async def test_one_of_two_initial_peers_is_enough(swarm, home) -> None:
    first = await swarm.node()
    gone = f"/ip4/127.0.0.1/tcp/9/p2p/{Identity.temporary(home).peer_id}"
    await first.publish(server(first))
    joined = await swarm.node(gone, *first.addresses)
    assert len(await joined.find_servers(PRINT, 12)) == 1


@pytest.mark.parametrize("address", ["", "127.0.0.1:80", "/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/udp/1/quic-v1"])
async def test_malformed_addresses(home, address: str) -> None:
    identity = Identity.temporary(home)
    with pytest.raises(NoPeers, match="must look like"):
        await SwarmNode.create(identity=identity, run_dir=home / "run", initial_peers=[address])
    with pytest.raises(SwarmError, match="TCP only"):
        await SwarmNode.create(identity=identity, run_dir=home / "run", host_maddrs=[address + "/udp/1"])


async def test_taken_port_is_an_error_that_leaves_nothing(home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SwarmError, match="port"):
            await SwarmNode.create(
                identity=Identity.temporary(home), run_dir=home / "run", host_maddrs=[f"/ip4/127.0.0.1/tcp/{port}"]
            )
    assert processes_of(home) == [] and sockets_of(home) == []


async def cut(one, other) -> None:
    """No connection, and neither knows the other any more."""
    await other._daemon.disconnect(one.peer_id)
    for here, there in ((one, other), (other, one)):
        here._dht.protocol._note(there._daemon.p2p.peer_id, responded=False)


async def test_split_swarm_grows_together(swarm) -> None:
    first = await swarm.node()
    second = await swarm.node(*first.addresses)
    third = await swarm.node(*second.addresses)
    await cut(first, second)
    await cut(first, third)
    await first.publish(server(first))
    third._contacts.answered.pop(first.addresses[0], None)  # they have never met
    assert await third.find_servers(PRINT, 12) == []
    await second.rejoin()  # what every node does every two minutes
    assert len(await third.find_servers(PRINT, 12)) == 1


async def test_who_is_alone_looks_for_company_before_it_looks_for_servers(swarm) -> None:
    """A client drops a peer that is late once; when that was its only one, it must not stay alone for minutes."""
    first = await swarm.node()
    await first.publish(server(first))
    client = await swarm.node(*first.addresses, client_only=True)
    await cut(first, client)
    assert client.neighbours == 0
    assert len(await client.find_servers(PRINT, 12)) == 1


# Records


async def test_servers_are_found_by_block_and_merged(swarm) -> None:
    first = await swarm.node()
    second = await swarm.node(*first.addresses)
    client = await swarm.node(*first.addresses, client_only=True)
    await first.publish(server(first, "0000000a", 0, 20))
    await first.publish(server(first, "0000000b", 20, 24))
    published = await second.publish(server(second, "0000000a", 4, 9, throughput=3.5))
    found = {(one.server.peer_id, one.server.server_id): one for one in await client.find_servers(PRINT, 24)}
    assert set(found) == {(first.peer_id, "0000000a"), (first.peer_id, "0000000b"), (second.peer_id, "0000000a")}
    third_party = decode_record(found[second.peer_id, "0000000a"].encoded, now=time.time())
    assert third_party.record == published.record
    assert third_party.server.addresses and third_party.server.throughput == 3.5
    assert await client.find_servers(b"\xbb" * 32, 24) == []


async def test_newest_record_wins_and_gone_is_gone(swarm) -> None:
    first = await swarm.node()
    second = await swarm.node(*first.addresses)
    client = await swarm.node(*first.addresses, client_only=True)
    await second.publish(replace(server(second), state="joining"))
    await second.publish(replace(server(second), state="online"))
    assert [one.server.state for one in await client.find_servers(PRINT, 12)] == ["online"]
    await second.publish(ModelRecord(second.peer_id, "0000000a", PRINT, "m", None, 12))
    assert len(await client.find_models()) == 1
    await second.close()
    assert await client.find_servers(PRINT, 12) == []
    assert await client.find_models() == []


async def test_records_are_renewed_and_expire(swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "LIFE_SECONDS", 3.0)
    monkeypatch.setattr(node_module, "RENEW_SECONDS", 1.0)
    first = await swarm.node()
    client = await swarm.node(*first.addresses, client_only=True)
    before = await first.publish(server(first))
    await asyncio.sleep(4)
    (after,) = await client.find_servers(PRINT, 12)
    assert after.record.expires > before.record.expires + 2
    for task in first._tasks:
        task.cancel()  # as if it had been killed
    await asyncio.sleep(4)
    assert await client.find_servers(PRINT, 12) == []


async def test_records_reach_nodes_that_come_later(swarm) -> None:
    """Who publishes first and dies must still be known to those who joined in between."""
    first = await swarm.node()
    publisher = await swarm.node(*first.addresses)
    record = await publisher.publish(server(publisher))
    later = await swarm.node(*first.addresses)
    await asyncio.sleep(0.5)
    found = await later.find_servers(PRINT, 12)
    assert [one.encoded for one in found] == [record.encoded]


async def test_popular_model_has_few_index_entries(swarm) -> None:
    first = await swarm.node()
    claim = ("a model", "owner/model", 24)
    identities = [Identity.temporary(swarm.home) for _ in range(MODEL_BACKERS + 2)]
    backers = [await swarm.node(*first.addresses) for _ in range(2)]
    for number, _ in enumerate(identities):
        backer = backers[number % 2]
        await backer.publish(ModelRecord(backer.peer_id, f"{number:08x}", PRINT, *claim))
    await first.publish(ModelRecord(first.peer_id, "000000aa", PRINT, "another name", None, 24))
    entries = await first.find_models()
    assert sum(entry.claim == (PRINT, *claim) for entry in entries) <= MODEL_BACKERS + 1
    assert any(entry.name == "another name" for entry in entries), "another claim must not count as backing"
    # Those whose turn it is have not changed by asking again, and the entry ends with them.
    needed = [await node._is_needed(record) for node in backers for record in node._announced.values()]
    assert 1 <= sum(needed) <= MODEL_BACKERS


async def test_foreign_records_cannot_be_published(swarm) -> None:
    first, second = await swarm.node(), await swarm.node()
    with pytest.raises(ValueError):
        await first.publish(server(second))


# Streams


async def test_stream_to_another_node(swarm) -> None:
    first = await swarm.node()
    client = await swarm.node(*first.addresses, client_only=True)
    seen: list[str] = []

    async def handler(peer_id, reader, writer):
        seen.append(peer_id)
        await answer_upper(peer_id, reader, writer)

    await first.add_stream_handler("meadow/1/0000000a", handler)
    streams = await client.open_stream(first.peer_id, first.own_addresses(), "meadow/1/0000000a")
    assert await ask(streams, b"hello") == b"HELLO"
    big = os.urandom(3 << 20)
    assert await ask(streams, big) == big.upper()
    assert await ask(streams, b"") == b""
    assert seen == [client.peer_id]
    streams[1].close()


async def test_dialling_a_peer_that_was_never_met(swarm) -> None:
    """Two swarms that know nothing of each other: the addresses in the record are enough."""
    first, stranger = await swarm.node(), await swarm.node()
    await stranger.add_stream_handler("meadow/1/0000000a", answer_upper)
    streams = await first.open_stream(stranger.peer_id, stranger.addresses, "meadow/1/0000000a")
    assert await ask(streams, b"hello") == b"HELLO"
    streams[1].close()


async def test_failures_to_open(swarm, home) -> None:
    first, second = await swarm.node(), await swarm.node()
    with pytest.raises(ServerLost):
        await first.open_stream(second.peer_id, second.addresses, "meadow/1/0000000a")
    with pytest.raises(ServerLost):
        await first.open_stream(first.peer_id, first.addresses, "meadow/1/0000000a")
    unknown = Identity.temporary(home).peer_id
    with pytest.raises((ServerLost, ServerTimeout)):
        await first.open_stream(unknown, ["/ip4/127.0.0.1/tcp/9"], "meadow/1/0000000a", timeout=5)
    with pytest.raises((ServerLost, ServerTimeout)):
        await first.open_stream(unknown, [], "meadow/1/0000000a", timeout=3)


async def test_private_addresses_are_not_dialled_in_a_public_swarm(swarm) -> None:
    public, inside = await swarm.node(allow_private=False), await swarm.node()
    await inside.add_stream_handler("meadow/1/0000000a", answer_upper)
    with pytest.raises((ServerLost, ServerTimeout)):
        await public.open_stream(inside.peer_id, inside.addresses, "meadow/1/0000000a", timeout=3)
    attached = await SwarmNode.attach(public.daemon_maddr)
    assert not attached.allow_private, "a server process dials for strangers, so it must know too"
    await attached.close()


async def test_silent_listener_is_a_timeout(swarm) -> None:
    first = await swarm.node()
    identity = Identity.temporary(swarm.home)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"/ip4/127.0.0.1/tcp/{silent.getsockname()[1]}"
        with pytest.raises((ServerLost, ServerTimeout)):
            await first.open_stream(identity.peer_id, [address], "meadow/1/0000000a", timeout=2)


async def test_two_server_processes_on_one_node(swarm, home) -> None:
    """SESSION.md rule 1: names carry the server, and a stream from the node to itself is like any other."""
    first = await swarm.node()
    client = await swarm.node(*first.addresses, client_only=True)
    servers = []
    try:
        start = functools.partial(asyncio.to_thread, start_victim, home, "--attach", first.daemon_maddr)
        servers += await asyncio.gather(start(server_id="0000000b"), start(server_id="0000000c"))
        for one in servers:
            assert one.peer_id == first.peer_id
            for who in (client, first):
                streams = await who.open_stream(first.peer_id, first.addresses, one.protocol)
                await echo(who, streams, one.server_id.encode())
                streams[1].close()
        # From one server to the other, as a hop inside one node.
        hop = await SwarmNode.attach(first.daemon_maddr)
        streams = await hop.open_stream(first.peer_id, (), servers[0].protocol)
        await echo(hop, streams, b"hop")
        streams[1].close()
        with pytest.raises(SwarmError, match="already serves"):
            await hop.add_stream_handler(servers[0].protocol, answer_upper)
        await hop.close()
        # A killed server's name is free again, and only its own clients notice.
        streams = await client.open_stream(first.peer_id, first.addresses, servers[0].protocol)
        await echo(client, streams, b"before")
        servers[0].process.kill()
        with pytest.raises((StreamClosed, ProtocolError)):
            await ask(streams, b"after")
        other = await client.open_stream(first.peer_id, first.addresses, servers[1].protocol)
        await echo(client, other, b"still here")
        with pytest.raises((ServerLost, StreamClosed)):
            await ask(await client.open_stream(first.peer_id, first.addresses, servers[0].protocol), b"x")
        # The kernel closes what a killed process had open one after the other.
        async with asyncio.timeout(10):
            while True:
                try:
                    streams = await first.open_stream(first.peer_id, first.addresses, servers[0].protocol)
                except ServerLost:
                    break
                streams[1].close()
                await asyncio.sleep(0.05)
        other[1].close()
    finally:
        for one in servers:
            await asyncio.to_thread(one.stop)
        await asyncio.to_thread(private_run_dir, home / "run")  # the next start removes what the killed one left


async def test_handler_ends_and_defects_close_their_own_stream_only(swarm, caplog) -> None:
    first = await swarm.node()

    async def handler(peer_id, reader, writer):
        message = await read_message(reader)
        if message == b"defect":
            raise ZeroDivisionError
        if message == b"protocol":
            raise ProtocolError("no")
        await send_message(writer, message)

    await first.add_stream_handler("meadow/1/0000000a", handler)
    for message in (b"defect", b"protocol"):
        streams = await first.open_stream(first.peer_id, (), "meadow/1/0000000a")
        with pytest.raises(StreamClosed):
            await ask(streams, message)
    assert caplog.text.count("a stream handler failed") == 1
    streams = await first.open_stream(first.peer_id, (), "meadow/1/0000000a")
    assert await ask(streams, b"fine") == b"fine"
    with pytest.raises(StreamClosed):
        await read_message(streams[0], timeout=5)


async def test_limits_of_a_stream(swarm) -> None:
    first = await swarm.node()
    limits = StreamLimits(message_bytes=1000, first_message=0.5, idle=1.0, total=3)
    await first.add_stream_handler("meadow/1/0000000a", answer_upper, limits=limits)
    quiet, talkative, large = [await first.open_stream(first.peer_id, (), "meadow/1/0000000a") for _ in range(3)]
    one_too_many = await first.open_stream(first.peer_id, (), "meadow/1/0000000a")
    with pytest.raises(StreamClosed):
        await ask(one_too_many, b"x")
    for _ in range(6):  # longer than first_message and idle together, but never silent
        assert await ask(talkative, b"x") == b"X"
        await asyncio.sleep(0.3)
    with pytest.raises(StreamClosed):
        await read_message(quiet[0], timeout=0.1)
    with pytest.raises(StreamClosed):
        await ask(large, bytes(1001))
    with pytest.raises(StreamClosed):
        await read_message(talkative[0], timeout=10)  # idle


async def test_reader_that_stops_reading_is_dropped(swarm) -> None:
    first = await swarm.node()
    done = asyncio.Event()

    async def flood(peer_id, reader, writer):
        try:
            while True:
                await send_message(writer, bytes(1 << 20), timeout=0.5)
        except StreamClosed as error:
            assert error.code == "timeout"
            done.set()

    await first.add_stream_handler("meadow/1/0000000a", flood)
    _, writer = await first.open_stream(first.peer_id, (), "meadow/1/0000000a")
    await asyncio.wait_for(done.wait(), 10)
    writer.transport.abort()


# The end


async def test_close_is_quick_and_can_be_repeated(swarm, home) -> None:
    first = await swarm.node()
    await first.publish(server(first))
    await first.add_stream_handler("meadow/1/0000000a", answer_upper)
    reader, _ = await first.open_stream(first.peer_id, (), "meadow/1/0000000a")
    async with asyncio.timeout(10):
        await first.close()
        await first.close()
    assert reader.at_eof() or await reader.read() == b""
    assert first.died.done()
    assert processes_of(home) == [] and sockets_of(home) == []
    with pytest.raises(DaemonDied):
        await first.find_servers(PRINT, 12)


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
async def test_death_of_p2pd_is_noticed(swarm, signal_number: int) -> None:
    first = await swarm.node()
    await first.publish(server(first))
    attached = await SwarmNode.attach(first.daemon_maddr)
    await attached.add_stream_handler("meadow/1/0000000a", answer_upper)
    local = await first.open_stream(first.peer_id, (), "meadow/1/0000000a")
    os.kill(first._daemon.p2p._child.pid, signal_number)
    status = await asyncio.wait_for(asyncio.shield(first.died), 10)
    assert status == -signal_number or signal_number == signal.SIGTERM
    assert await asyncio.wait_for(asyncio.shield(attached.died), 10) is None
    for node in (first, attached):
        with pytest.raises(DaemonDied):
            await node.open_stream(Identity.temporary(swarm.home).peer_id, [], "meadow/1/0000000a")
    assert await ask(local, b"local streams do not need it") == b"LOCAL STREAMS DO NOT NEED IT"
    local[1].close()
    async with asyncio.timeout(10):
        await attached.close()
        await first.close()


async def test_attaching_to_nothing(home) -> None:
    with pytest.raises(DaemonDied):
        await SwarmNode.attach(f"/unix{home}/run/nothing.sock")
    with pytest.raises(SwarmError):
        await SwarmNode.attach("nonsense")


async def test_killed_owner_takes_p2pd_with_it(home) -> None:
    victim = await asyncio.to_thread(start_victim, home)
    attached = await SwarmNode.attach(victim.maddr)
    daemon = victim.p2pd()
    victim.process.kill()
    victim.process.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, [daemon], 10)
    assert alive == []
    assert await asyncio.wait_for(asyncio.shield(attached.died), 10) is None, "a server process of it notices"
    await attached.close()
    before = sockets_of(home)
    assert any("local" in path for path in before) and any(str(victim.process.pid) in path for path in before)
    # The next start of a node removes what the killed one could not.
    node = await SwarmNode.create(identity=Identity.temporary(home), run_dir=home / "run")
    left = [path for path in sockets_of(home) if path in before]
    await node.close()
    assert left == []


WATCHED = """
import os, sys, time
from meadow.swarm import launch
if os.fork() == 0:
    launch.watch(os.getppid())
    print("daemon", os.getpid(), flush=True)
    time.sleep(60)
else:
    time.sleep(60)
"""


def test_watcher_for_systems_without_parent_death_signal(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", WATCHED], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    daemon = psutil.Process(int(owner.stdout.readline().split()[1]))
    (watcher,) = daemon.children()
    owner.kill()
    owner.wait()
    _, alive = psutil.wait_procs([daemon, watcher], 10)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
    owner.stdout.close()


def test_launcher_refuses_an_owner_that_is_gone() -> None:
    script = Path(node_module.__file__).with_name("launch.py")
    done = subprocess.run([sys.executable, str(script), "1", sys.executable, "-c", "print('ran')"], capture_output=True)
    assert done.returncode != 0 and b"ran" not in done.stdout


# The run directory


def test_long_path_gets_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    chosen = private_run_dir(deep)
    try:
        assert len(str(chosen)) < 70 and chosen == private_run_dir(deep) != deep
        assert chosen.stat().st_mode & 0o777 == 0o700
    finally:
        chosen.rmdir()


def test_open_directory_is_closed_and_a_foreign_one_refused(home: Path) -> None:
    (home / "run").mkdir(mode=0o777)
    (home / "run").chmod(0o777)
    assert private_run_dir(home / "run").stat().st_mode & 0o777 == 0o700
    (home / "file").touch()
    with pytest.raises(SwarmError):
        private_run_dir(home / "file")
    (home / "link").symlink_to(home / "run")
    with pytest.raises(SwarmError, match="somebody else"):
        private_run_dir(home / "link")
