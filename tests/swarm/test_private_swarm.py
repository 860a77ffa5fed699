"""A private swarm from outside: nothing in it answers who cannot prove to belong to it (security.md 2.3, S4)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hivemind.p2p import PeerID
from hivemind.proto import dht_pb2
from private_helpers import PrivateSwarm
from swarm_helpers import start_victim

from meadow.errors import MeadowError, ServerLost
from meadow.swarm import proof
from meadow.swarm.dht import dht_id, node_id_of
from meadow.swarm.gate import PeerRules
from meadow.swarm.identity import Identity, key_from_peer_id
from meadow.swarm.link import LINK_PROTOCOL
from meadow.swarm.node import SwarmNode
from meadow.swarm.reachability import DIAL_BACK_PROTOCOL
from meadow.swarm.records import ServerRecord, bucket_key, sign_record
from meadow.swarm.streams import StreamClosed, read_message, send_message, write_message

PRINT = b"\xaa" * 32
PROTOCOL = "meadow/1/0000000a"
SILENCE = 3.0


async def echo(peer_id: str, reader, writer) -> None:
    while True:
        await send_message(writer, b"you said ", await read_message(reader))


async def ask(node: SwarmNode, other: SwarmNode, protocol: str = PROTOCOL) -> bytes:
    reader, writer = await node.open_stream(other.peer_id, other.addresses, protocol)
    try:
        await send_message(writer, b"hello")
        return await read_message(reader, timeout=10)
    finally:
        writer.close()


class Village:
    """A private swarm with a first member that serves."""

    def __init__(self, factory, secrets: PrivateSwarm) -> None:
        self.factory, self.secrets = factory, secrets

    async def start(self) -> None:
        self.first = await self.factory.node(identity=self.secrets.owner, membership=self.owner())
        await self.first.add_stream_handler(PROTOCOL, echo)
        await self.first.publish(ServerRecord(self.first.peer_id, "0000000a", PRINT, 0, 8, "online"))

    def owner(self):
        return self.secrets.member(self.secrets.owner)

    async def member(self, **options: object) -> SwarmNode:
        identity = Identity.temporary(self.factory.home)
        return await self.factory.node(
            *self.first.addresses, identity=identity, membership=self.secrets.member(identity), **options
        )

    async def outsider(self, membership=None, identity: Identity | None = None) -> SwarmNode:
        """Knows the addresses; is connected, as nothing can keep a peer from that."""
        node = await self.factory.node(*self.first.addresses, identity=identity, membership=membership, must_join=False)
        await node._daemon.connect(self.first.peer_id, [self.first.addresses[0].split("/p2p/")[0]], timeout=10)
        return node


@pytest.fixture(params=[True, False], ids=["by invitation", "secret"])
async def village(request, swarm) -> Village:
    made = Village(swarm, PrivateSwarm.new(swarm.home, by_invitation=request.param))
    await made.start()
    return made


@pytest.fixture
async def invited(swarm) -> Village:
    made = Village(swarm, PrivateSwarm.new(swarm.home))
    await made.start()
    return made


async def is_shut_out(village: Village, node: SwarmNode) -> None:
    """Nothing of the swarm can be read, written or used, and nobody there took the stranger in."""
    first = village.first
    assert node.neighbours == 0 and await node.rejoin() == 0
    assert await node.find_servers(PRINT, 8) == []
    with pytest.raises(MeadowError):
        await ask(node, first)
    record = sign_record(
        ServerRecord(node.peer_id, "0000000b", PRINT, 0, 8, "online", expires=time.time() + 60), node._identity
    )
    key = dht_id(bucket_key(PRINT, 0))
    stored = await node._dht.protocol.call_store(PeerID.from_base58(first.peer_id), [key], [record.encoded])
    assert stored is None
    known = await first.find_servers(PRINT, 8)
    assert [signed.record.peer_id for signed in known] == [first.peer_id]
    assert node_id_of(PeerID.from_base58(node.peer_id).to_bytes()) not in first._dht.protocol.routing_table


async def test_members_find_and_use_each_other(village: Village) -> None:
    member = await village.member()
    assert [signed.record.peer_id for signed in await member.find_servers(PRINT, 8)] == [village.first.peer_id]
    assert await ask(member, village.first) == b"you said hello"
    await member.publish(ServerRecord(member.peer_id, "0000000b", PRINT, 0, 8, "online"))
    found = await village.first.find_servers(PRINT, 8)
    assert {signed.record.peer_id for signed in found} == {member.peer_id, village.first.peer_id}


async def test_a_stranger_finds_nothing(village: Village) -> None:
    await is_shut_out(village, await village.outsider())


async def test_a_wrong_secret_is_no_secret(village: Village) -> None:
    identity = Identity.temporary(village.factory.home)
    await is_shut_out(village, await village.outsider(village.secrets.with_wrong_secret(identity), identity))


@pytest.mark.parametrize("how", ["none", "expired", "patched", "self_made", "stolen", "other_swarm"])
async def test_the_secret_alone_or_a_bad_certificate_is_not_enough(invited: Village, how: str) -> None:
    """Who has got hold of the secret of a swarm by invitation."""
    secrets, home = invited.secrets, invited.factory.home
    identity, friend = Identity.temporary(home), Identity.temporary(home)
    membership = {
        "none": secrets.bare,
        "expired": lambda: secrets.member(identity, seconds=-5.0),
        "patched": lambda: secrets.patched(identity),
        "self_made": lambda: secrets.self_made(identity),
        "stolen": lambda: secrets.stolen(friend),
        "other_swarm": lambda: replace(secrets.bare(), credential=PrivateSwarm.new(home).member(identity).credential),
    }[how]()
    await is_shut_out(invited, await invited.outsider(membership, identity))


async def test_a_member_is_not_fooled_either(invited: Village) -> None:
    """The proof is mutual: a server that does not belong to the swarm gets nothing out of a member."""
    heard: list[bytes] = []

    async def listen(peer_id: str, reader, writer) -> None:
        heard.append(await read_message(reader))

    stranger = await invited.outsider()
    await stranger.add_stream_handler(PROTOCOL, listen)
    member = await invited.member()
    with pytest.raises(ServerLost) as caught:
        await ask(member, stranger)
    assert caught.value.code == "not_member"
    assert b"hello" not in b"".join(heard)


async def test_who_is_sent_away_is_gone_at_once_and_stays_away(invited: Village) -> None:
    first = invited.first
    third, leaver = await invited.member(), await invited.member()
    await leaver.publish(ServerRecord(leaver.peer_id, "0000000c", PRINT, 0, 8, "online"))
    reader, writer = await leaver.open_stream(first.peer_id, first.addresses, PROTOCOL)
    await send_message(writer, b"hello")
    assert await read_message(reader, timeout=10) == b"you said hello"

    mine = first.gate.membership
    gone = mine.revoke(invited.secrets.owner, [(key_from_peer_id(leaver.peer_id), time.time() + 3600)])
    first.gate.learn(gone.encode())
    with pytest.raises(StreamClosed):
        await read_message(reader, timeout=10)
    assert [one.record.peer_id for one in await first.find_servers(PRINT, 8)] == [first.peer_id]
    with pytest.raises(MeadowError):
        await ask(leaver, first)
    assert await leaver.find_servers(PRINT, 8) == [] or leaver.peer_id not in await owners(first)
    # One meeting is enough for the third to know, and to refuse the one that was sent away itself.
    await third.add_stream_handler(PROTOCOL, echo)
    assert await ask(third, first) == b"you said hello"
    assert not third.gate.admits(leaver.peer_id)
    with pytest.raises(MeadowError):
        await ask(leaver, third)


async def owners(node: SwarmNode) -> set[str]:
    return {one.record.peer_id for one in await node.find_servers(PRINT, 8)}


async def test_an_expiring_certificate_ends_what_it_opened(invited: Village) -> None:
    identity = Identity.temporary(invited.factory.home)
    member = await invited.factory.node(
        *invited.first.addresses, identity=identity, membership=invited.secrets.member(identity, seconds=6.0)
    )
    reader, writer = await member.open_stream(invited.first.peer_id, invited.first.addresses, PROTOCOL)
    await send_message(writer, b"hello")
    assert await read_message(reader, timeout=5) == b"you said hello"
    with pytest.raises(StreamClosed):
        await read_message(reader, timeout=20)
    with pytest.raises(MeadowError):
        await ask(member, invited.first)


# Attacks on the proof itself


async def raw(node: SwarmNode, other: SwarmNode):
    """A stream past our own gate: nothing has been said on it."""
    await node._daemon.connect(other.peer_id, [other.addresses[0].split("/p2p/")[0]], timeout=10)
    return await node._daemon.open_stream(other.peer_id, PROTOCOL, timeout=10)


async def says_nothing(reader) -> None:
    with pytest.raises(StreamClosed):
        await read_message(reader, timeout=SILENCE)


def meeting_of(village: Village, opener: SwarmNode, acceptor: SwarmNode) -> proof.Meeting:
    secrets = village.secrets
    return proof.Meeting(
        proof.derive(secrets.secret, "streams"),
        secrets.bare().swarm_id,
        key_from_peer_id(opener.peer_id),
        key_from_peer_id(acceptor.peer_id),
        PROTOCOL,
    )


async def test_replayed_knocks_and_entries(invited: Village) -> None:
    """What a member once said is worth nothing: not to others, and not to the member's own connection later."""
    member, first = await invited.member(), invited.first
    meeting = meeting_of(invited, member, first)
    credential = member.gate.membership.credential.encode()
    nonce = proof.new_nonce()
    reader, writer = await raw(member, first)
    knock = proof.knock(meeting, nonce, credential, 0)
    write_message(writer, knock)
    heard = proof.read_answer(meeting, nonce, await read_message(reader, timeout=10))
    entry = proof.entry(meeting, nonce, heard.nonce)
    await send_message(writer, entry)
    await send_message(writer, b"hello")
    assert await read_message(reader, timeout=10) == b"you said hello"

    thief = await invited.outsider()
    stream = await raw(thief, first)
    write_message(stream[1], knock)
    await says_nothing(stream[0])
    again = await raw(member, first)  # even over the member's own connection the old entry opens nothing
    write_message(again[1], knock)
    await read_message(again[0], timeout=10)
    write_message(again[1], entry)
    write_message(again[1], b"hello")
    await says_nothing(again[0])


async def test_reflection(invited: Village) -> None:
    """A stranger who sends a member's own words back to it."""
    member = await invited.member()
    await member.add_stream_handler(PROTOCOL, echo)
    mirror = await invited.outsider()

    async def reflect(peer_id: str, reader, writer) -> None:
        knock = await read_message(reader)
        other = await mirror._daemon.open_stream(member.peer_id, PROTOCOL, timeout=10)
        write_message(other[1], knock)
        await send_message(writer, await read_message(other[0], timeout=SILENCE))

    await mirror.add_stream_handler(PROTOCOL, reflect)
    with pytest.raises(ServerLost):
        await ask(member, mirror)


async def test_man_in_the_middle_with_two_ids(invited: Village) -> None:
    """One id pretends to be the server to the member, another the member to the server; all bytes are passed on."""
    member, first = await invited.member(), invited.first
    front, back = await invited.outsider(), await invited.outsider()
    passed: list[bytes] = []

    async def forward(reader, writer) -> None:
        while True:
            message = await read_message(reader)
            passed.append(message)
            await send_message(writer, message)

    async def intercept(peer_id: str, reader, writer) -> None:
        onward = await raw(back, first)
        await asyncio.gather(forward(reader, onward[1]), forward(onward[0], writer))

    await front.add_stream_handler(PROTOCOL, intercept)
    with pytest.raises(ServerLost):
        await ask(member, front)
    assert len(passed) == 1, "the knock was passed on, and not a byte came back"


async def test_calls_of_the_dht_are_bound_to_both_peers(invited: Village) -> None:
    """A sealed request of one member, repeated by a stranger or at another member."""
    member, other, first = await invited.member(), await invited.member(), invited.first
    thief = await invited.outsider()
    request = dht_pb2.FindRequest(keys=[dht_id(bucket_key(PRINT, 0)).to_bytes()], peer=member._dht.protocol.node_info)
    member.gate.seal_request(request, key_from_peer_id(first.peer_id))
    name = "MeadowDHT.rpc_find"

    async def send(node: SwarmNode, to: SwarmNode, message) -> bytes:
        await node._daemon.connect(to.peer_id, [to.addresses[0].split("/p2p/")[0]], timeout=10)
        client = node._daemon.p2p._client
        return await client.call_unary_handler(PeerID.from_base58(to.peer_id), name, message.SerializeToString())

    assert await send(member, first, request)
    for node, to in ((thief, first), (member, other), (other, first)):
        with pytest.raises(Exception, match="belong"):
            await send(node, to, request)
    changed = dht_pb2.FindRequest.FromString(request.SerializeToString())
    changed.keys.append(b"x" * 20)
    with pytest.raises(Exception, match="belong"):
        await send(member, first, changed)


# Default deny


def unary_handlers(node: SwarmNode) -> list[str]:
    return sorted(node._daemon.p2p._client.control.unary_handlers)


def stream_handlers(node: SwarmNode) -> list[str]:
    listener = node._listener
    return sorted({*(listener._services if listener else ()), *node._daemon.p2p._client.control.handlers})


async def what_answers(stranger: SwarmNode, node: SwarmNode) -> list[str]:
    """The names of all handlers of ``node`` out of which ``stranger`` gets anything but a refusal."""
    found = []
    for name in unary_handlers(node):
        for body in (b"", dht_pb2.PingRequest(peer=stranger._dht.protocol.node_info).SerializeToString()):
            try:
                await stranger._daemon.p2p._client.call_unary_handler(PeerID.from_base58(node.peer_id), name, body)
                found.append(name)
            except Exception as error:  # noqa: BLE001 - whatever a refusal looks like
                if "belong" not in str(error):
                    found.append(f"{name}: {error}")
    for name in stream_handlers(node):
        for message in (b"", b"hello", b"\x95" + bytes(40)):
            reader, writer = await stranger._daemon.open_stream(node.peer_id, name, timeout=10)
            try:
                write_message(writer, message)
                if await read_message(reader, timeout=SILENCE):
                    found.append(name)
            except StreamClosed as error:
                if error.code == "timeout":
                    found.append(f"{name}: keeps the stream")
            finally:
                writer.transport.abort()
    return sorted(set(found))


async def test_no_handler_answers_a_stranger(village: Village) -> None:
    """Everything that is registered, whatever it is called: a new handler without the check fails here."""
    first = village.first
    assert {"MeadowDHT.rpc_find", "MeadowDHT.rpc_ping", "MeadowDHT.rpc_store"} <= set(unary_handlers(first))
    assert {PROTOCOL, LINK_PROTOCOL, DIAL_BACK_PROTOCOL} <= set(stream_handlers(first))
    stranger = await village.outsider()
    assert await what_answers(stranger, first) == []

    async def careless(request: dht_pb2.PingRequest, context) -> dht_pb2.PingResponse:
        return dht_pb2.PingResponse()

    async def stream(info, reader, writer) -> None:
        writer.write(b"\0\0\0\1x")
        await writer.drain()

    await first._daemon.p2p.add_protobuf_handler("careless", careless, dht_pb2.PingRequest)
    await first._daemon.p2p.add_binary_stream_handler("careless_stream", stream)
    assert await what_answers(stranger, first) == ["careless", "careless_stream"], "this test can fail"


async def test_the_other_processes_of_a_node_have_the_same_gate(invited: Village, home: Path) -> None:
    """A server process knows the secret from its node, and what its node has learnt since."""
    member = await invited.member()
    served = await asyncio.to_thread(start_victim, home, "--attach", invited.first.daemon_maddr, server_id="000000aa")
    try:
        reader, writer = await member.open_stream(invited.first.peer_id, invited.first.addresses, served.protocol)
        await send_message(writer, b"x")
        assert (await read_message(reader, timeout=10)).endswith(b"x")
        stranger = await invited.outsider()
        stream = await stranger._daemon.open_stream(invited.first.peer_id, served.protocol, timeout=10)
        write_message(stream[1], b"x")
        await says_nothing(stream[0])
        invited.first.gate.change(rules=PeerRules.of(blocked=[member.peer_id]))
        with pytest.raises(MeadowError):
            await ask(member, invited.first, served.protocol)
    finally:
        await asyncio.to_thread(served.stop)


# Blocked and allowed peers, in any swarm


async def test_blocked_peers_are_neither_asked_nor_answered_nor_part_of_a_route(swarm) -> None:
    first = await swarm.node()
    other = await swarm.node(*first.addresses)
    await other.publish(ServerRecord(other.peer_id, "0000000b", PRINT, 0, 8, "online"))
    await first.add_stream_handler(PROTOCOL, echo)
    await other.add_stream_handler(PROTOCOL, echo)
    assert await ask(other, first) == b"you said hello"
    assert await owners(first) == {other.peer_id}
    first.gate.change(rules=PeerRules.of(blocked=[other.peer_id]))
    assert await owners(first) == set()
    with pytest.raises(MeadowError):
        await ask(other, first)
    with pytest.raises(ServerLost) as caught:
        await ask(first, other)
    assert caught.value.code == "unwanted"
    assert await other.rejoin() == 0
    first.gate.change(rules=PeerRules())
    assert await other.rejoin() == 1 and await ask(other, first) == b"you said hello"


async def test_only_allowed_peers_when_there_is_a_list(swarm) -> None:
    first = await swarm.node()
    friend, other = await swarm.node(*first.addresses), await swarm.node(*first.addresses)
    await first.add_stream_handler(PROTOCOL, echo)
    first.gate.change(rules=PeerRules.of(allowed=[friend.peer_id]))
    assert await ask(friend, first) == b"you said hello"
    with pytest.raises(MeadowError):
        await ask(other, first)
    assert await other.rejoin() == 0 and await friend.rejoin() == 1
