"""Every hole of hivemind 1.1.12, attacked in a live process while an honest client is served and goes on being served.

The fixture ``honest`` keeps a client busy with its stream and with the DHT; its last act in every test is to see that
this still works. Controls run the same attack against stock hivemind, so that a test that cannot fail would show.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest
from hivemind.dht.routing import DHTID
from hivemind.p2p import P2P, PeerID
from hivemind.p2p.p2p_daemon_bindings.utils import P2PDaemonError, P2PHandlerError
from hivemind.proto import dht_pb2, runtime_pb2
from swarm_helpers import start_victim

from meadow.errors import ServerLost, SwarmError
from meadow.swarm import hardening
from meadow.swarm.dht import RateLimit, dht_id, node_id_of
from meadow.swarm.identity import Identity
from meadow.swarm.patience import FAILURE_SECONDS, FREE_FAILURES, Failures
from meadow.swarm.records import ServerRecord, SignedRecord, bucket_key, bucket_keys, sign_record, storage_subkey
from meadow.swarm.store import RecordStore, StoreLimits
from meadow.swarm.streams import StreamClosed, read_message, send_message

MIB = 1 << 20
REFUSED = (P2PHandlerError, P2PDaemonError, TimeoutError)


async def call(node, victim, name: str, message) -> bytes:
    """A raw call, past everything that our own side would check."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    peer = PeerID.from_base58(victim.peer_id)
    return await asyncio.wait_for(node._daemon.p2p._client.call_unary_handler(peer, name, data), 10)


def nested(depth: int, code: int = 0x40) -> bytes:
    data = msgpack.packb([])
    for _ in range(depth):
        data = msgpack.packb(msgpack.ExtType(code, data if code == 0x40 else msgpack.packb([None, 1e9, []]) + data))
        data = msgpack.packb([msgpack.unpackb(data)]) if code == 0x40 else data
    return data


async def evil_peer(swarm, victim):
    node = await swarm.node(*victim.addresses)
    await node._daemon.connect(victim.peer_id, [victim.addresses[0].split("/p2p/")[0]], timeout=10)
    return node


# H1: nested extension types


CRASH = """
import os, sys, threading
from hivemind.utils.serializer import MSGPackSerializer
from meadow.swarm import hardening
def attack():
    try:
        MSGPackSerializer.loads(bytes.fromhex(sys.argv[1]))
    except ValueError:
        os.write(1, b"refused")
def attack_in_small_thread():
    threading.stack_size(512 << 10)
    thread = threading.Thread(target=attack)
    thread.start()
    thread.join()
child = os.fork()
if child == 0:
    attack_in_small_thread()
    os._exit(0)
os.write(1, b"signal %d, " % os.WTERMSIG(os.waitpid(child, 0)[1]))
hardening.install()
attack_in_small_thread()
"""


def test_h1_nesting_crashes_stock_hivemind_and_not_ours() -> None:
    command = [sys.executable, "-c", CRASH, nested(250).hex()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout == f"signal {signal.SIGSEGV}, refused", "no crash without the patch: is it still needed?"


async def test_h1_live(swarm, victim, honest) -> None:
    evil = await evil_peer(swarm, victim)
    bomb = nested(250)
    with pytest.raises(P2PHandlerError):
        await call(evil, victim, "legacy_load", dht_pb2.FindRequest(keys=[bomb]))
    key = dht_id(bucket_key(b"v" * 32, 0)).to_bytes()
    for subkey in (b"", bomb, msgpack.packb(None)):  # b"" was hivemind's tag for a whole dictionary
        request = dht_pb2.StoreRequest(
            keys=[key], subkeys=[subkey], values=[bomb], expiration_time=[time.time() + 30], in_cache=[False]
        )
        answer = dht_pb2.StoreResponse.FromString(await call(evil, victim, "MeadowDHT.rpc_store", request))
        assert list(answer.store_ok) == [False]


# H2: lengths


async def test_h2_live_announced_lengths_take_no_memory(swarm, victim, honest) -> None:
    evil = await evil_peer(swarm, victim)
    before = victim.peak()
    for protocol, header in (
        ("legacy_stream", (1 << 62).to_bytes(8, "big")),
        (victim.protocol, (0xFFFFFFFF).to_bytes(4, "big")),
        (victim.protocol, ((4 << 20) + 1).to_bytes(4, "big")),
    ):
        reader, writer = await evil.open_stream(victim.peer_id, victim.addresses, protocol)
        writer.write(header)
        with pytest.raises((ConnectionError, StreamClosed, asyncio.IncompleteReadError)):
            for _ in range(300):
                writer.write(bytes(MIB))
                await asyncio.wait_for(writer.drain(), 10)
                if reader.at_eof():
                    raise StreamClosed("cut")
            await asyncio.wait_for(reader.readexactly(1), 10)
        writer.transport.abort()
    assert victim.peak() - before < 64 * MIB


async def test_h2_live_half_sent_messages_share_one_budget(swarm, victim, honest) -> None:
    """Legal sizes, never finished: memory is bounded for all streams together, and time for each."""
    evil = await evil_peer(swarm, victim)
    before = victim.peak()
    streams = []
    for _ in range(6):
        reader, writer = await evil.open_stream(victim.peer_id, victim.addresses, victim.protocol)
        await send_message(writer, b"hello")
        await read_message(reader, timeout=10)
        writer.write((4 << 20).to_bytes(4, "big") + bytes(3 << 20))
        streams.append((reader, writer))
    await honest.goes_on()
    for reader, writer in streams:  # message limit: 1 s + 4 s for 4 MiB
        with pytest.raises((StreamClosed, ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 30)
        writer.transport.abort()
    assert victim.peak() - before < 48 * MIB


# H3: tensors


def hostile_tensors() -> list[runtime_pb2.Tensor]:
    types = runtime_pb2.CompressionType
    data = bytes(512)
    return [
        runtime_pb2.Tensor(compression=types.Value("FLOAT16"), buffer=data, size=[256], dtype="(9999,9999)f4"),
        runtime_pb2.Tensor(compression=types.Value("FLOAT16"), buffer=data, size=[256], dtype="O"),
        runtime_pb2.Tensor(compression=types.Value("NONE"), buffer=data, size=[1 << 30], dtype="float32"),
        runtime_pb2.Tensor(compression=types.Value("NONE"), buffer=data, size=[0, 1 << 30, 1 << 30], dtype="float32"),
        runtime_pb2.Tensor(compression=types.Value("NONE"), buffer=b"", size=[1] * 5000, dtype="float32"),
        runtime_pb2.Tensor(compression=types.Value("QUANTILE_8BIT"), buffer=data, size=[512], dtype="float32"),
        runtime_pb2.Tensor(compression=types.Value("BLOCKWISE_8BIT"), buffer=data, size=[512], dtype="float32"),
    ]


async def test_h3_live(swarm, victim, honest) -> None:
    evil = await evil_peer(swarm, victim)
    before = victim.peak()
    for tensor in hostile_tensors():
        with pytest.raises(P2PHandlerError):
            await call(evil, victim, "legacy_tensor", tensor)
    honest_tensor = runtime_pb2.Tensor(buffer=bytes(512), size=[2, 64], dtype="float32")
    answer = runtime_pb2.Tensor.FromString(await call(evil, victim, "legacy_tensor", honest_tensor))
    assert list(answer.size) == [128]
    assert victim.peak() - before < 64 * MIB


# H4 and H5: records


def forgeries(attacker: Identity, owner_record: SignedRecord) -> dict[str, tuple[bytes, bytes]]:
    """(DHT key, encoded record) pairs, none of which may ever be kept."""
    now = time.time()
    server = owner_record.server
    key = bucket_key(server.fingerprint, 0)
    mine = ServerRecord(attacker.peer_id, "0000000f", server.fingerprint, 0, 4, "online", expires=now + 60)
    payload = owner_record.encoded[64:]

    def with_expiry(value: object) -> bytes:
        fields = msgpack.unpackb(sign_record(mine, attacker).encoded[64:])
        fields["e"] = value
        raw = msgpack.packb(fields)
        return attacker.sign(raw, domain="record") + raw

    fields = msgpack.unpackb(payload)
    newer = msgpack.packb(fields | {"e": now + 120})
    moved = msgpack.packb(fields | {"a": ["/ip4/203.0.113.9/tcp/9"], "e": now + 120})
    good = sign_record(mine, attacker).encoded
    return {
        "nan": (key, with_expiry(math.nan)),
        "infinite": (key, with_expiry(math.inf)),
        "1e300": (key, with_expiry(1e300)),
        "in ten years": (key, with_expiry(now + 3.15e8)),
        "in eleven minutes": (key, with_expiry(now + 660)),
        "expired": (key, with_expiry(now - 1)),
        "minus infinity": (key, with_expiry(-math.inf)),
        "unsigned": (key, bytes(64) + payload),
        "no payload": (key, good[:64]),
        "empty": (key, b""),
        "signed by another": (key, attacker.sign(payload, domain="record") + payload),
        "prolonged by another": (key, attacker.sign(newer, domain="record") + newer),
        "moved with the old signature": (key, owner_record.encoded[:64] + moved),
        "another purpose": (key, attacker.sign(good[64:], domain="hello") + good[64:]),
        "without a purpose": (key, attacker._key.sign(good[64:]) + good[64:]),
        "in another bucket": (bucket_key(server.fingerprint, 1), good),
        "under another model": (bucket_key(b"w" * 32, 0), good),
        "in the index of models": (b"meadow/1/models/" + bytes([server.fingerprint[0] % 8]), good),
        "under an unknown key": (b"anything", good),
        "one megabyte": (key, good + bytes(MIB // 4)),
        "trailing bytes": (key, attacker.sign(good[64:] + b"\0", domain="record") + good[64:] + b"\0"),
        "nested": (key, bytes(64) + nested(250)),
        "cut": (key, good[:-1]),
    }


async def store(node, victim, pairs: list[tuple[bytes, bytes]], **fields: object) -> list[bool]:
    keys = [dht_id(key).to_bytes() for key, _ in pairs]
    request = dht_pb2.StoreRequest(keys=keys, values=[value for _, value in pairs], **fields)
    return list(dht_pb2.StoreResponse.FromString(await call(node, victim, "MeadowDHT.rpc_store", request)).store_ok)


async def test_h4_h5_live_forged_records_are_not_kept(swarm, victim, honest) -> None:
    evil = await evil_peer(swarm, victim)
    (record,) = await honest.node.find_servers(b"v" * 32, 4)
    before = await victim.stats()
    for name, pair in forgeries(evil._identity, record).items():
        accepted = await store(
            evil, victim, [pair], expiration_time=[math.nan], subkeys=[storage_subkey(record.record)], in_cache=[True]
        )
        assert accepted == [False], name
    assert (await victim.stats())["records"] == before["records"]
    # The same message with nothing wrong is kept: the forgeries fail for their own reasons, not for a common one.
    good = ServerRecord(evil.peer_id, "0000000f", b"w" * 32, 0, 4, "online", expires=time.time() + 60)
    pair = (bucket_key(b"w" * 32, 0), sign_record(good, evil._identity).encoded)
    assert await store(evil, victim, [pair], expiration_time=[math.nan]) == [True]


async def test_h4_live_replayed_older_record_does_not_shorten_the_newer(swarm, victim) -> None:
    """In hivemind's own storage the replay made the record vanish when the older one would have expired."""
    evil, client = await evil_peer(swarm, victim), await swarm.node(*victim.addresses, client_only=True)
    base = ServerRecord(evil.peer_id, "0000000f", b"x" * 32, 0, 4, "online")
    key = bucket_key(b"x" * 32, 0)
    older, newer = (
        sign_record(replace(base, expires=time.time() + life), evil._identity).encoded for life in (1.5, 60.0)
    )
    assert await store(evil, victim, [(key, newer)]) == [True]
    assert await store(evil, victim, [(key, older)]) == [False]
    await asyncio.sleep(2)
    assert [signed.encoded for signed in await client.find_servers(b"x" * 32, 4)] == [newer]


async def test_h4_live_flood_of_records_is_counted(swarm, victim, honest) -> None:
    evil = await evil_peer(swarm, victim)
    before, peak = await victim.stats(), victim.peak()
    accepted = 0
    for batch in range(12):
        pairs = []
        for index in range(100):
            model = bytes([index]) * 32
            record = ServerRecord(
                evil.peer_id, f"{batch * 100 + index:08x}", model, 0, 4, "online", expires=time.time() + 500
            )
            pairs.append((bucket_key(model, 0), sign_record(record, evil._identity).encoded))
        accepted += sum(await store(evil, victim, pairs))
    with pytest.raises(P2PHandlerError):  # more than fits into one request, and in the end more than its rate allows
        await store(evil, victim, [(b"k", b"v")] * 5000)
    with pytest.raises(P2PHandlerError):
        for _ in range(100):
            await store(evil, victim, [(b"k", b"v")] * 128)
    assert accepted == StoreLimits().per_owner
    assert (await victim.stats())["records"] <= before["records"] + StoreLimits().per_owner
    assert victim.peak() - peak < 64 * MIB


async def test_h5_foreign_storage_calls_are_not_even_served(swarm, victim, honest) -> None:
    evil = await evil_peer(swarm, victim)
    request = dht_pb2.StoreRequest(
        keys=[DHTID.generate(b"k").to_bytes()], subkeys=[b""], values=[b"v"], expiration_time=[1e300], in_cache=[False]
    )
    with pytest.raises(REFUSED):
        await call(evil, victim, "DHTProtocol.rpc_store", request)


async def test_live_oversized_calls(swarm, victim, honest) -> None:
    """Protobuf turns 4 MiB of empty fields into hundreds; p2pd stops such a message first."""
    evil = await evil_peer(swarm, victim)
    peak = victim.peak()
    evil._daemon.p2p._client.control.persistent_conn_max_msg_size = 16 * MIB  # our own side's check
    with pytest.raises(REFUSED):
        await call(evil, victim, "MeadowDHT.rpc_find", b"\x12\x00" * (MIB // 3))
    assert victim.peak() - peak < 64 * MIB


async def test_live_nobody_chooses_a_place_in_the_dht(swarm, victim, honest) -> None:
    evil = await evil_peer(swarm, victim)
    await asyncio.sleep(0.2)
    before = (await victim.stats())["nodes"]
    for _ in range(50):
        request = dht_pb2.PingRequest(peer=dht_pb2.NodeInfo(node_id=DHTID.generate().to_bytes()), validate=True)
        await call(evil, victim, "MeadowDHT.rpc_ping", request)
    await asyncio.sleep(0.2)
    assert (await victim.stats())["nodes"] <= before


# The reader's side: hostile answers


def hostile_answers(attacker: Identity, record: SignedRecord) -> dict[str, dht_pb2.FindResult]:
    found = dht_pb2.FOUND_DICTIONARY
    here = bucket_key(record.server.fingerprint, 0)  # elsewhere some of them would be in their right place
    values = [value for key, value in forgeries(attacker, record).values() if key == here and len(value) < 10_000]
    return {
        "nested": dht_pb2.FindResult(type=found, value=nested(250), expiration_time=math.inf),
        "nested dictionary": dht_pb2.FindResult(type=found, value=nested(3, 0x50)),
        "regular": dht_pb2.FindResult(type=dht_pb2.FOUND_REGULAR, value=nested(250), expiration_time=1e300),
        "huge array": dht_pb2.FindResult(type=found, value=b"\xdd\xff\xff\xff\xff"),
        "deep array": dht_pb2.FindResult(type=found, value=b"\x91" * 100_000),
        "forged": dht_pb2.FindResult(type=found, value=msgpack.packb(values)),
        "many": dht_pb2.FindResult(type=found, value=msgpack.packb([b"x" * 500] * 600)),
        "long peers": dht_pb2.FindResult(nearest_node_ids=[b"i" * 20], nearest_peer_ids=[b"p" * 300_000]),
        "odd peers": dht_pb2.FindResult(nearest_node_ids=[b"", b"i" * 99], nearest_peer_ids=[b"", b"\0" * 38]),
    }


async def test_hostile_answers_do_not_hurt_who_asks(swarm, victim, honest) -> None:
    """A node of the swarm that answers every search with poison: the honest records are found all the same."""
    evil = await evil_peer(swarm, victim)
    (record,) = await honest.node.find_servers(b"v" * 32, 4)
    asked = 0
    poison = b""

    async def answer(request: bytes, remote_id: PeerID) -> bytes:
        nonlocal asked
        asked += 1
        return poison

    evil._daemon.p2p._client.control.unary_handlers["MeadowDHT.rpc_find"] = answer
    reader = await swarm.node(*victim.addresses, *evil.addresses, client_only=True)

    async def forgive() -> None:
        """Make the hostile node one of those that are asked, whatever it answered before."""
        reader._dht.blacklist.clear()
        await reader.rejoin()
        await asyncio.sleep(0.05)

    me = dht_pb2.NodeInfo(node_id=node_id_of(PeerID.from_base58(evil.peer_id).to_bytes()).to_bytes())
    for name, result in hostile_answers(evil._identity, record).items():
        poison = dht_pb2.FindResponse(results=[result], peer=me).SerializeToString()
        await forgive()
        before = asked
        found = await reader.find_servers(b"v" * 32, 4)
        assert [signed.server.peer_id for signed in found] == [victim.peer_id], name
        assert asked > before, "the hostile node was not asked"
    many = dht_pb2.FindResponse(results=[dht_pb2.FindResult()] * 50_000).SerializeToString()
    for raw in (b"", b"\xff" * 50, many):
        poison = raw
        await forgive()
        found = await reader.find_servers(b"v" * 32, 4)
        assert [signed.server.peer_id for signed in found] == [victim.peer_id]


# H6: clocks


async def test_h6_clocks_may_differ(swarm, home, victim, honest) -> None:
    """One node is two minutes ahead, one two minutes late: with hivemind neither could join."""
    start = functools.partial(asyncio.to_thread, start_victim, home, "--initial-peer", victim.addresses[0])
    skewed = await asyncio.gather(
        start("--skew", "120", server_id="0000000b"), start("--skew", "-120", server_id="0000000c")
    )
    everybody = {victim.peer_id, skewed[0].peer_id, skewed[1].peer_id}
    honest.expects = everybody
    try:
        for node, skew in zip(skewed, (120, -120), strict=True):
            assert abs((await node.stats())["offset"] + skew) < 2
        client = await swarm.node(*victim.addresses, client_only=True)
        assert {signed.server.peer_id for signed in await client.find_servers(b"v" * 32, 4)} == everybody
    finally:
        honest.expects = None
        await asyncio.gather(*(asyncio.to_thread(node.stop) for node in skewed))


# H8: streams that do nothing, and H9: calls that are abandoned


async def test_h8_live_idle_streams(swarm, victim, honest) -> None:
    evil = await evil_peer(swarm, victim)
    before = await victim.stats()
    streams = [await evil.open_stream(victim.peer_id, victim.addresses, victim.protocol) for _ in range(150)]
    await asyncio.sleep(0.3)
    # Six may wait for their first message; all others are closed at once.
    assert (await victim.stats())["tasks"] <= before["tasks"] + 12
    await honest.goes_on()
    for reader, writer in streams:
        with pytest.raises((StreamClosed, ConnectionError)):
            await read_message(reader, timeout=10)
        writer.transport.abort()
    await asyncio.sleep(0.2)
    assert (await victim.stats())["tasks"] <= before["tasks"] + 2


async def test_h8_live_trickle_and_silence(swarm, victim, honest) -> None:
    """One byte at a time never makes a first message; the stream is cut by the clock, not by silence."""
    evil = await evil_peer(swarm, victim)
    reader, writer = await evil.open_stream(victim.peer_id, victim.addresses, victim.protocol)

    async def trickle() -> None:
        for byte in (1000).to_bytes(4, "big") + bytes(1000):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.1)

    task = asyncio.create_task(trickle())
    started = time.monotonic()
    with pytest.raises((StreamClosed, ConnectionError)):
        await read_message(reader, timeout=30)
    assert time.monotonic() - started < 25, "cut by the reader's own time-out instead"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    writer.transport.abort()


async def test_h8_live_proven_streams_are_counted_for_each_peer(swarm, victim, honest) -> None:
    evil = await evil_peer(swarm, victim)
    served = []
    for _ in range(20):
        streams = await evil.open_stream(victim.peer_id, victim.addresses, victim.protocol)
        try:
            await send_message(streams[1], b"hello")
            await read_message(streams[0], timeout=10)
        except (StreamClosed, ConnectionError):
            streams[1].transport.abort()
        else:
            served.append(streams)
    assert len(served) == 12
    for _, writer in served:
        writer.transport.abort()


async def test_h9_live_abandoned_calls(swarm, victim, honest) -> None:
    evil = await evil_peer(swarm, victim)
    for _ in range(3):
        calls = [asyncio.create_task(call(evil, victim, "legacy_slow", dht_pb2.FindRequest())) for _ in range(150)]
        await asyncio.sleep(0.5)
        for one in calls:
            one.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    async with asyncio.timeout(60):
        while (await victim.stats())["calls"] > 5:
            await asyncio.sleep(0.1)


async def test_h9_calls_fail_when_p2pd_ends(swarm) -> None:
    first, second = await swarm.node(), await swarm.node()
    await second._daemon.connect(first.peer_id, [first.addresses[0].split("/p2p/")[0]], timeout=10)

    async def never(request, context):
        await asyncio.sleep(60)

    await first._daemon.p2p.add_protobuf_handler("never", never, dht_pb2.FindRequest)
    pending = asyncio.create_task(
        second._daemon.p2p._client.call_unary_handler(PeerID.from_base58(first.peer_id), "never", b"")
    )
    await asyncio.sleep(0.2)
    second._daemon.p2p._child.kill()
    with pytest.raises(P2PDaemonError):
        await asyncio.wait_for(pending, 10)


# The relay, the network, the files


async def test_relay_is_closed(swarm, victim, honest, home) -> None:
    evil = await evil_peer(swarm, victim)
    hop = "/libp2p/circuit/relay/0.2.0/hop"
    with pytest.raises(ServerLost):
        await evil.open_stream(victim.peer_id, victim.addresses, hop)
    stock = await P2P.create(use_relay=False, auto_nat=False, nat_port_map=False)
    try:
        address = str((await stock.get_visible_maddrs())[0]).split("/p2p/")[0]
        await evil._daemon.connect(stock.peer_id.to_base58(), [address], timeout=10)
        await asyncio.sleep(0.5)
        _, writer = await evil._daemon.open_stream(stock.peer_id.to_base58(), hop, timeout=10)
        writer.transport.abort()
    finally:
        await stock.shutdown()


async def test_p2pd_listens_on_tcp_only_and_asks_no_router(victim, honest) -> None:
    daemon = victim.p2pd()
    assert daemon.net_connections("udp") == []
    assert {one.laddr.ip for one in daemon.net_connections("tcp") if one.status == "LISTEN"} == {"127.0.0.1"}
    arguments = daemon.cmdline()
    assert "-natPortMap=0" in arguments and "-relayService=0" in arguments and "-autonat=0" in arguments
    assert all("/tcp/" in address for address in victim.addresses)


async def test_sockets_are_private(victim, honest) -> None:
    run = Path(victim.maddr.removeprefix("/unix")).parent
    assert run.stat().st_mode & 0o777 == 0o700
    sockets = list(run.glob("*.sock"))
    assert len(sockets) >= 3
    assert all(len(str(path).encode()) < 104 for path in sockets)


# The patches themselves


def test_another_hivemind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.1.13")
    with pytest.raises(SwarmError, match=r"needs hivemind 1\.1\.12.*found 1\.1\.13"):
        hardening.check_hivemind()


@pytest.mark.parametrize("name", ["receive_raw_data", "_make_process_args", "_UNIX_SOCKET_PREFIX"])
def test_a_missing_attribute_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delattr(P2P, name)
    with pytest.raises(SwarmError, match=name):
        hardening.check_hivemind()


def test_install_twice_changes_nothing() -> None:
    hardening.install()
    patched = P2P.receive_raw_data
    hardening.install()
    assert P2P.receive_raw_data is patched


# What counts and limits, without a network


def test_store_gives_way_to_many_peers_instead_of_one() -> None:
    now = 1000.0
    store = RecordStore(lambda: now, StoreLimits(total=10, per_owner=8, per_sender=3))
    keys = [DHTID.generate(bytes([index])) for index in range(20)]
    big = b"A" * 32
    assert [store.put(key, big + b"0000", b"v", now + 60) for key in keys[:9]] == [True] * 8 + [False]
    assert all(store.put(keys[0], bytes([66 + index]) * 32 + b"0000", b"v", now + 60) for index in range(6))
    assert len(store) == 10
    owners = [subkey[:32] for _, subkey, _, _ in store.records()]
    assert owners.count(big) == 4
    # One peer that brings records of others is limited too.
    others = [bytes([90 + index]) * 32 + b"0000" for index in range(5)]
    assert sum(store.put(keys[1], other, b"v", now + 60, sender=b"S" * 32) for other in others) <= 3
    now += 61
    assert len(store) == 0


def test_one_peer_cannot_bury_the_others_under_one_key() -> None:
    store = RecordStore(lambda: 1000.0)
    key, most = DHTID.generate(b"k"), StoreLimits().per_owner_and_key
    assert sum(store.put(key, b"A" * 32 + index.to_bytes(4, "big"), b"v", 1060.0) for index in range(100)) == most
    assert store.put(key, b"A" * 32 + bytes(4), b"renewed", 1061.0)  # what it has may be renewed
    assert store.put(key, b"B" * 32 + bytes(4), b"v", 1060.0)


def test_who_fails_again_and_again_waits() -> None:
    now = 0.0
    failures = Failures(clock=lambda: now)
    assert [failures.wait(b"evil") for _ in range(FREE_FAILURES + 2)] == [0.0] * FREE_FAILURES + [FAILURE_SECONDS] * 2
    assert failures.wait(b"another") == 0.0
    now = 3.0
    assert [failures.wait(b"evil") for _ in range(4)] == [0.0] * 3 + [FAILURE_SECONDS]


def test_rate_limit() -> None:
    limit = RateLimit(burst=10, rate=1000, peers=3)
    assert limit.admit(b"a", 10) and not limit.admit(b"a", 5)
    assert limit.admit(b"b", 10), "one peer's use is not another's"
    time.sleep(0.02)
    assert limit.admit(b"a", 5)
    for name in (b"c", b"d", b"e"):
        limit.admit(name, 1)
    assert len(limit._peers) == 3


def test_bucket_keys_have_different_places() -> None:
    assert len({dht_id(key) for key in bucket_keys(b"v" * 32, 0, 128)}) == 16
