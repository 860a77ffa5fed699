"""A DHT in which some are slow, dead or lie: what others answered is found, and nothing that is not true."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from uuid import uuid4

import msgpack
import pytest
from hivemind.p2p.p2p_daemon_bindings.control import ControlClient
from hivemind.proto import dht_pb2, p2pd_pb2

from meadow.errors import SwarmError
from meadow.swarm import node as node_module
from meadow.swarm.dht import dht_id, node_id_of
from meadow.swarm.identity import Identity
from meadow.swarm.known import AddressBook
from meadow.swarm.records import ServerRecord, bucket_key, decode_record, sign_record

PRINT = b"\x05" * 32


def server(node, server_id: str = "0000000a", **changes) -> ServerRecord:
    return ServerRecord(node.peer_id, server_id, PRINT, 0, 4, "online", **changes)


async def silent(data: bytes, remote_id) -> bytes:
    """Takes the call and never answers."""
    await asyncio.sleep(3600)
    return b""


def answer_with(node, handler) -> None:
    """From now on this node answers those who look for keys like that."""
    node._daemon.p2p._client.control.unary_handlers["MeadowDHT.rpc_find"] = handler


async def found(node) -> set[str]:
    return {signed.server.peer_id for signed in await node.find_servers(PRINT, 4)}


async def test_a_peer_that_does_not_answer_loses_nothing_of_what_others_said(swarm, monkeypatch) -> None:
    good = await swarm.node()
    dead = await swarm.node(*good.addresses)
    client = await swarm.node(*good.addresses, *dead.addresses, client_only=True)
    await good.publish(server(good))
    answer_with(dead, silent)
    # The search waits for the silent one as long as for anybody; we do not.
    client._dht.protocol.wait_timeout = 60.0
    monkeypatch.setattr(node_module, "ENOUGH_SECONDS", 0.5)
    assert await found(client) == {good.peer_id}


async def test_when_nobody_answers_it_says_so(swarm, monkeypatch) -> None:
    first = await swarm.node()
    client = await swarm.node(*first.addresses, client_only=True)
    answer_with(first, silent)
    client._dht.protocol.wait_timeout = 60.0
    monkeypatch.setattr(node_module, "ENOUGH_SECONDS", 0.2)
    monkeypatch.setattr(node_module, "FIND_SECONDS", 0.6)
    with pytest.raises(SwarmError, match="does not answer"):
        await found(client)


def liar(node, asked: list[int]):
    """An rpc_find that knows forged records and very many peers that do not exist, near every key."""
    identity = node._identity
    forged = [
        b"\0" * 64 + sign_record(server(node, "0000000f", expires=time.time() + 60), identity).encoded[64:],
        os.urandom(200),
    ]

    async def rpc_find(data: bytes, remote_id) -> bytes:
        asked.append(1)
        request = dht_pb2.FindRequest.FromString(data)
        response = dht_pb2.FindResponse(peer=node._dht.protocol.node_info)
        for _ in request.keys:
            result = dht_pb2.FindResult(type=dht_pb2.FOUND_DICTIONARY, value=msgpack.packb(forged))
            for _ in range(20):
                raw = b"\x00\x24\x08\x01\x12\x20" + Identity.temporary(node._daemon.run_dir).public_key
                result.nearest_node_ids.append(node_id_of(raw).to_bytes())
                result.nearest_peer_ids.append(raw)
            response.results.append(result)
        return response.SerializeToString()

    return rpc_find


async def test_a_poisoned_dht_hides_nobody_whom_we_know(swarm, tmp_path: Path) -> None:
    """Every peer that the DHT leads to lies; a server from the address book is found all the same, and nobody else."""
    good = await swarm.node()
    before = await swarm.node(*good.addresses)
    await good.publish(server(good))
    assert await found(before) == {good.peer_id}
    await before.note_sessions()
    book = AddressBook(tmp_path / "b.json")
    assert book.note(before.answered)
    book.save()

    liars = [await swarm.node() for _ in range(3)]
    asked: list[int] = []
    for one in liars:
        answer_with(one, liar(one, asked))
    client = await swarm.node(*(one.addresses[0] for one in liars))
    assert await found(client) == set() and asked
    assert await client.meet(AddressBook(tmp_path / "b.json").addresses(now=time.time())) >= 1
    # As if the liars had pushed it out of the part of the DHT that is asked.
    client._dht.protocol._note(good._daemon.p2p.peer_id, responded=False)
    began = time.monotonic()
    assert await found(client) == {good.peer_id}
    assert time.monotonic() - began < node_module.FIND_SECONDS


async def test_a_server_answers_for_itself_wherever_its_records_should_lie(swarm) -> None:
    """Its record is on its own node, too, even when others are nearer to the key."""
    first = await swarm.node()
    others = [await swarm.node(*first.addresses) for _ in range(2)]
    for one in (first, *others):
        one._dht.num_replicas = 1
        await one.publish(server(one))
    for one in (first, *others):
        records = one._store_of_others.sample(dht_id(bucket_key(PRINT, 0)))
        assert one.peer_id in {decode_record(entry.value, verify=False).record.peer_id for _, entry in records.items()}


async def test_a_server_with_which_a_session_was_open_is_in_the_book(swarm) -> None:
    """Found by its record, talked to by whatever process of this node: it has answered us."""
    first = await swarm.node()
    served = await swarm.node(*first.addresses)
    await served.publish(server(served))
    client = await swarm.node(*first.addresses, client_only=True)
    assert {maddr.rpartition("/")[2] for maddr in client.answered} == {first.peer_id}
    await client.note_sessions()
    assert await found(client) == {served.peer_id}
    await client._daemon.connect(served.peer_id, [served.addresses[0].split("/p2p/")[0]], timeout=10)
    await client.note_sessions()
    assert served.addresses[0] in client.answered


async def test_an_answer_that_is_late_by_a_hair_does_not_deafen_the_process() -> None:
    """A call that was given up, and whose answer arrives before its task has noticed: others are still answered."""
    control = ControlClient.__new__(ControlClient)
    control._read_task = control._write_task = None
    late, other = uuid4(), uuid4()
    loop = asyncio.get_running_loop()
    control._pending_calls = {late: loop.create_future(), other: loop.create_future()}
    control._handler_tasks = {}
    control._pending_calls[late].cancel()
    reader = asyncio.StreamReader()
    for call in (late, other):
        answer = p2pd_pb2.PersistentConnectionResponse(
            callId=call.bytes, callUnaryResponse=p2pd_pb2.CallUnaryResponse(response=b"yes")
        ).SerializeToString()
        assert len(answer) < 128  # so its length, a varint, is one byte
        reader.feed_data(bytes([len(answer)]) + answer)
    reader.feed_eof()
    await control._read_from_persistent_conn(reader)
    assert control._pending_calls[other].result() == b"yes"
