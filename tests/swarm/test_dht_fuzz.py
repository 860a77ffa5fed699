"""Whatever bytes a peer sends where a call of the DHT, its answer, or a question about the network belongs."""

from __future__ import annotations

import asyncio
import random
import resource
import time
from types import SimpleNamespace

import msgpack
import pytest
from google.protobuf.message import DecodeError
from hivemind.dht.routing import RoutingTable
from hivemind.p2p import PeerID
from hivemind.proto import dht_pb2
from mutants import mutant

from meadow.errors import ProtocolError
from meadow.swarm import link
from meadow.swarm.dht import MAX_KEYS_PER_FIND, MeadowDHT, RateLimit, RecordGate, SwarmClock, dht_id, node_id_of
from meadow.swarm.identity import Identity, peer_id_from_key
from meadow.swarm.records import ServerRecord, bucket_key, sign_record
from meadow.swarm.store import RecordStore

PRINT = b"\xaa" * 32
SECONDS, MEMORY_KB = 1.0, 256 << 10
REFUSALS = (ValueError, ProtocolError, DecodeError)
ODD = [b"\xff" * 10, b"\x80" * 9 + b"\x01", b"\x00", b"\x0a\xff\xff\xff\xff\x0f", b"\xdd\xff\xff\xff\xff", b"\x91" * 64]


class Stub:
    """The other side of a call, which answers with these bytes."""

    def __init__(self) -> None:
        self.answer = b""

    async def rpc_find(self, request: dht_pb2.FindRequest, timeout: float) -> dht_pb2.FindResponse:
        return dht_pb2.FindResponse.FromString(self.answer)


class Open:
    """A gate that lets everybody in."""

    def admits(self, peer: object) -> bool:
        return True


def dht_alone() -> tuple[MeadowDHT, Stub]:
    """A node's part in the DHT without a network."""
    dht = MeadowDHT(_initialized_with_create=True)
    stub = Stub()
    store = RecordStore(time.time)
    dht.record_validator, dht.storage = RecordGate(SwarmClock(), store), store
    dht.node_id = node_id_of(b"us")
    dht.node_info = dht_pb2.NodeInfo(node_id=dht.node_id.to_bytes())
    dht.bucket_size, dht.num_replicas, dht.wait_timeout = 20, 5, 3.0
    dht.routing_table = RoutingTable(dht.node_id, 20, 5)
    dht.rpc_semaphore = asyncio.Semaphore(64)
    dht.rate_limit = RateLimit(burst=1e12, rate=1e12)
    dht.client_mode, dht.gate, dht._background = False, Open(), set()
    dht.get_stub = lambda peer: stub
    dht._spawn = lambda work: work.close()  # nobody is there to be handed anything
    return dht, stub


async def attack(identity: Identity, count: int) -> None:
    dht, stub = dht_alone()
    key = bucket_key(PRINT, 0)
    server = ServerRecord(identity.peer_id, "0000000a", PRINT, 0, 4, "online", expires=time.time() + 500)
    good = sign_record(server, identity).encoded
    caller = PeerID.from_base58(peer_id_from_key(b"c" * 32))
    context = SimpleNamespace(remote_id=caller)
    raw_key, node = dht_id(key).to_bytes(), dht_pb2.NodeInfo(node_id=node_id_of(caller.to_bytes()).to_bytes())
    found = dht_pb2.FindResult(type=dht_pb2.FOUND_DICTIONARY, value=msgpack.packb([good] * 3))
    found.nearest_peer_ids.append(caller.to_bytes())
    found.nearest_node_ids.append(node.node_id)
    store = dht_pb2.StoreRequest(keys=[raw_key] * 3, values=[good] * 3, peer=node).SerializeToString()
    find = dht_pb2.FindRequest(keys=[raw_key, dht_id(b"x").to_bytes()], peer=node).SerializeToString()
    ping = dht_pb2.PingRequest(peer=node).SerializeToString()
    answer = dht_pb2.FindResponse(results=[found], peer=node).SerializeToString()

    async def stored(data: bytes) -> None:
        await dht.rpc_store(dht_pb2.StoreRequest.FromString(data), context)

    async def searched(data: bytes) -> None:
        response = await dht.rpc_find(dht_pb2.FindRequest.FromString(data), context)
        assert 0 < len(response.results) <= MAX_KEYS_PER_FIND

    async def pinged(data: bytes) -> None:
        await dht.rpc_ping(dht_pb2.PingRequest.FromString(data), context)

    async def answered(data: bytes) -> None:
        stub.answer = data
        heard = await dht.call_find(caller, [dht_id(key)])
        for value, peers in (heard or {}).values():
            assert len(peers) <= dht.bucket_size
            assert value is None or [entry.value for _, entry in value.value.items()] == [good]

    async def measured(data: bytes) -> None:
        kind, size = link._request(data)
        assert kind in (b"p", b"d", b"u") and 0 <= size <= link.SIZES[-1]

    chance = random.Random(23)
    await answered(answer)
    await stored(store)
    assert len(dht.storage) == 1, "what is attacked is alive"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    targets = [(stored, store), (searched, find), (pinged, ping), (answered, answer), (measured, b"d\0\0\0\x10")]
    for read, valid in targets:
        for _ in range(count):
            data = mutant(chance, valid, ODD)
            began = time.thread_time()
            try:
                await read(data)
            except REFUSALS:
                pass
            assert time.thread_time() - began < SECONDS
    assert {entry[2] for entry in dht.storage.records()} == {good}, "a changed record is no record"
    assert len(dht.routing_table.uid_to_peer_id) <= 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_KB


async def test_fuzz_of_calls(tmp_path) -> None:
    await attack(Identity.temporary(tmp_path), 5000)


@pytest.mark.full
@pytest.mark.timeout(1800)
async def test_fuzz_of_calls_100_000(tmp_path) -> None:
    await attack(Identity.temporary(tmp_path), 100_000)
