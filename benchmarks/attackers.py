"""Peers that mean harm, each node with a peer id and a p2pd of its own: the other side of ``benchmarks attacks``.

    python -m benchmarks.attackers HOME TARGET_JSON     then on standard input: ATTACK, or "stop"

While an attack runs every node of it goes on as fast as it gets an answer. "stop" ends it and prints, as one JSON line,
how many things were tried and how many of them the victim took as it takes what is honest.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
from hivemind.p2p import PeerID
from hivemind.proto import dht_pb2

from meadow.errors import MeadowError
from meadow.swarm.channel import make_hello
from meadow.swarm.dht import MAX_RECORDS_PER_STORE, dht_id
from meadow.swarm.identity import Identity
from meadow.swarm.membership import Credential, Membership
from meadow.swarm.node import SwarmNode
from meadow.swarm.records import ServerRecord, bucket_key, sign_record
from meadow.swarm.streams import StreamClosed, read_message
from meadow.wire import messages as m

NODES, HANDS = 4, 3
"""Peer ids, and what each of them does at once."""
IDLE_STREAMS = 100
"""Streams that each peer id keeps trying to hold open without a word."""
REFUSALS = (MeadowError, ConnectionError, OSError, EOFError, TimeoutError)
CALLS = ("rpc_ping", "rpc_store", "rpc_find")


class Attacker:
    """One peer id, and the server that it wants to harm."""

    def __init__(self, node: SwarmNode, identity: Identity, target: dict[str, Any], seed: int) -> None:
        self.node, self.identity, self.target = node, identity, target
        self.print = bytes.fromhex(target["fingerprint"])
        self.chance = random.Random(seed)
        self.tried = self.taken = 0

    async def connect(self) -> None:
        """To the victim's p2pd, which lets everybody in."""
        addresses = [address.split("/p2p/")[0] for address in self.target["addresses"]]
        await self.node._daemon.connect(self.target["peer_id"], addresses, timeout=10)

    async def call(self, name: str, body: bytes) -> bytes | None:
        """A call past all checks of our own side; None when it is refused."""
        self.tried += 1
        client = self.node._daemon.p2p._client
        try:
            async with asyncio.timeout(10):
                answer: bytes = await client.call_unary_handler(
                    PeerID.from_base58(self.target["peer_id"]), f"MeadowDHT.{name}", body
                )
                return answer
        except Exception:  # noqa: BLE001 - hivemind's errors have no common class; any of them is a refusal
            await asyncio.sleep(0)
            return None

    async def say(self, *messages: bytes, wait: float = 5.0) -> bytes | None:
        """Open a stream to the server, send these bytes as they are, and read one message; None when it is refused."""
        self.tried += 1
        try:
            reader, writer = await self.node._daemon.open_stream(
                self.target["peer_id"], f"meadow/1/{self.target['server_id']}", timeout=10
            )
        except REFUSALS:
            return None
        try:
            for message in messages:
                writer.write(message)
                await writer.drain()
            return await read_message(reader, timeout=wait)
        except REFUSALS:
            return None
        finally:
            writer.transport.abort()

    # S1: malformed input

    async def malformed(self) -> None:
        """Greetings, session openings, frames and calls with bytes changed, cut and repeated."""
        honest = m.encode(make_hello()), m.encode(self.opening(16))
        kind = self.chance.randrange(4)
        if kind == 0:
            await self.say(self.spoilt(honest[0]))
        elif kind == 1:
            await self.say(honest[0], self.spoilt(honest[1]))
        elif kind == 2:
            step = m.encode(m.Step(1, 1, 0, 4, (64,), body=os.urandom(64)))
            await self.say(honest[0], honest[1], self.spoilt(step))
        else:
            bomb = b"\x91" * 50_000 if self.chance.random() < 0.5 else b"\xdf\xff\xff\xff\xff" * 100
            request = dht_pb2.StoreRequest(keys=[dht_id(b"k").to_bytes()] * 20, values=[bomb[:2000]] * 20)
            await self.call(self.chance.choice(CALLS), self.spoilt(request.SerializeToString(), prefix=0))

    def spoilt(self, data: bytes, *, prefix: int = 4) -> bytes:
        """The message with its content changed; its length prefix, mostly, says the new length."""
        body = bytearray(data[prefix:])
        for _ in range(self.chance.randint(1, 4)):
            at = self.chance.randrange(len(body) + 1)
            kind = self.chance.randrange(3)
            if kind == 0 and body:
                body[at % len(body)] ^= 1 << self.chance.randrange(8)
            elif kind == 1:
                body[at : at + self.chance.randint(0, 9)] = os.urandom(self.chance.randint(1, 40))
            else:
                del body[at : at + self.chance.randint(1, 40)]
        return (len(body).to_bytes(prefix, "big") if prefix else b"") + bytes(body)

    def opening(self, length: int) -> m.Open:
        """A session over all blocks."""
        return m.Open(
            os.urandom(16),
            1,
            self.print,
            0,
            self.target["blocks"],
            1,
            "float32",
            expected_length=length,
            rebuild=m.ANEW,
        )

    # S2: exhaustion

    async def exhausting(self) -> None:
        """Streams that stay silent, messages that never end, sessions by the thousand, floods of records."""
        kind = self.chance.randrange(5)
        if kind == 0:
            await asyncio.gather(*(self.say(wait=1.0) for _ in range(IDLE_STREAMS // HANDS)))
        elif kind == 1:
            await self.say((4 << 20).to_bytes(4, "big") + bytes(2 << 20), wait=1.0)
        elif kind == 2:
            await self.say((0xFFFFFFFF).to_bytes(4, "big"), bytes(1 << 20), wait=1.0)
        elif kind == 3:
            await self.say(m.encode(make_hello()), m.encode(self.opening(m.MAX_LENGTH)), wait=1.0)
        else:
            await self.store([self.record(random.randbytes(4).hex()) for _ in range(MAX_RECORDS_PER_STORE)])

    def record(self, server_id: str, **changes: Any) -> tuple[bytes, bytes]:
        """Key and bytes of a record of our own, as it should be."""
        server = ServerRecord(
            self.node.peer_id, server_id, self.print, 0, 4, "online", expires=time.time() + 60, **changes
        )
        return bucket_key(self.print, 0), sign_record(server, self.identity).encoded

    async def store(self, pairs: list[tuple[bytes, bytes]]) -> int:
        """How many of these records the victim keeps."""
        request = dht_pb2.StoreRequest(
            keys=[dht_id(key).to_bytes() for key, _ in pairs], values=[value for _, value in pairs]
        )
        answer = await self.call("rpc_store", request.SerializeToString())
        if answer is None:
            await asyncio.sleep(0.05)
        return 0 if answer is None else sum(dht_pb2.StoreResponse.FromString(answer).store_ok)

    # S4: a stranger at a private swarm

    async def knocking(self) -> None:
        """With another secret or none, at every door."""
        kind = self.chance.randrange(3)
        if kind == 0:
            with suppress(*REFUSALS):
                self.tried += 1
                streams = await self.node.open_stream(
                    self.target["peer_id"], self.target["addresses"], f"meadow/1/{self.target['server_id']}", timeout=2
                )
                streams[1].transport.abort()
                if self.node.gate.is_private:
                    self.taken += 1  # it has proven itself to us, and we to it
        elif kind == 1:
            self.taken += await self.say(m.encode(make_hello()), wait=1.0) is not None
        else:
            ping = dht_pb2.PingRequest(peer=dht_pb2.NodeInfo(node_id=os.urandom(20)))
            find = dht_pb2.FindRequest(keys=[dht_id(bucket_key(self.print, 0)).to_bytes()])
            name, request = self.chance.choice([("rpc_ping", ping), ("rpc_find", find)])
            if self.node.gate.is_private:
                self.node.gate.seal_request(request, PeerID.from_base58(self.target["peer_id"]).to_bytes()[-32:])
            self.taken += await self.call(name, request.SerializeToString()) is not None

    # S5: forged records

    async def forging(self) -> None:
        """Records that others signed, or nobody, or with expiries that are none; each costs a reader something."""
        key, good = self.record("0000000f")
        payload = good[64:]
        fields = msgpack.unpackb(payload)
        signed = [{"e": value} for value in (math.nan, math.inf, -math.inf, 1e300, time.time() - 1)]
        signed += [{"e": time.time() + seconds} for seconds in (660.0, 3.15e8)]
        forged = [(key, self.sign(msgpack.packb(fields | change))) for change in signed]
        forged += [(key, os.urandom(64) + payload), (key, bytes(64) + payload), (key, good[:64]), (key, b"")]
        forged += [(key, self.identity.sign(payload, domain="hello") + payload)]
        forged += [(bucket_key(os.urandom(32), 0), good), (b"anything", good), (key, good + bytes(1 << 10))]
        forged += [(key, os.urandom(64) + msgpack.packb(fields | {"e": time.time() + 100}))] * 16
        self.taken += await self.store(forged)

    def sign(self, payload: bytes) -> bytes:
        """With our own, real key."""
        return self.identity.sign(payload, domain="record") + payload


ATTACKS: dict[str, Callable[[Attacker], Awaitable[None]]] = {
    "malformed": Attacker.malformed,
    "exhausting": Attacker.exhausting,
    "knocking": Attacker.knocking,
    "forging": Attacker.forging,
}


async def _again(attack: Callable[[Attacker], Awaitable[None]], attacker: Attacker) -> None:
    while True:
        try:
            await attack(attacker)
        except (*REFUSALS, StreamClosed):
            await asyncio.sleep(0.05)
            with suppress(*REFUSALS):
                await attacker.connect()


def _stranger(identity: Identity, kind: str) -> Membership | None:
    """What somebody outside brings along: nothing, or the wrong secret with a certificate of his own making."""
    if kind != "wrong":
        return None
    made_up = Membership(identity.public_key, os.urandom(32), True)
    certificate = made_up.certify(identity, identity.peer_id, time.time() + 3600)
    return Membership(identity.public_key, made_up.secret, True, credential=Credential(certificate))


async def main(home: Path, target: dict[str, Any]) -> None:
    """Come up, say so, and obey."""
    attackers = []
    for index in range(NODES):
        identity = Identity.temporary(home)
        node = await SwarmNode.create(
            identity=identity,
            run_dir=home / "run",
            initial_peers=target["addresses"],
            client_only=True,
            must_join=False,
            membership=_stranger(identity, "wrong" if target["private"] and index % 2 else "none"),
        )
        attackers.append(Attacker(node, identity, target, index))
        await attackers[-1].connect()
    print(json.dumps({"nodes": len(attackers)}), flush=True)
    loop = asyncio.get_running_loop()
    running: list[asyncio.Task[None]] = []
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        if line in ATTACKS:
            for one in attackers:
                one.tried = one.taken = 0
                running += [asyncio.create_task(_again(ATTACKS[line], one)) for _ in range(HANDS)]
            continue
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        running.clear()
        print(
            json.dumps({"tried": sum(one.tried for one in attackers), "taken": sum(one.taken for one in attackers)}),
            flush=True,
        )
    for one in attackers:
        await one.node.close()


__all__ = ["ATTACKS", "Attacker", "main"]

if __name__ == "__main__":
    os.nice(19)  # on another machine it would take nothing from the victim's processor
    asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
