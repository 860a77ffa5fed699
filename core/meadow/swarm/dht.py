"""hivemind's Kademlia, reduced to what Meadow stores in it and safe in front of strangers.

Differences from hivemind's own DHTProtocol, whose routing and search are kept:

- The only values are signed records. Key, subkey and expiry follow from the record itself, so nothing else that a peer
  says about them is believed (H4, H5), and no extension type is ever decoded (H1).
- A node's place in the DHT follows from its peer id; nobody chooses to sit next to a key, or to be many nodes.
- Requests, answers and stored records are limited in size, in number and in rate for each peer.
- Clocks may differ (H6): the offset from the initial peers is measured and used for every expiry.
- Every call passes the node's ``gate`` in both directions: in a private swarm all of it is proven first.
- Handlers have another name than hivemind's, so that foreign swarms do not mix with ours.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgpack  # type: ignore[import-untyped]
from hivemind.dht.crypto import DHTRecord, RecordValidatorBase
from hivemind.dht.protocol import DHTProtocol
from hivemind.dht.routing import DHTID, RoutingTable
from hivemind.dht.storage import DHTLocalStorage, DictionaryDHTValue
from hivemind.p2p import P2P, P2PContext, PeerID
from hivemind.p2p.servicer import ServicerBase
from hivemind.proto import dht_pb2
from hivemind.utils.timed_storage import ValueWithExpiration

from meadow.errors import ProtocolError
from meadow.swarm.gate import Gate
from meadow.swarm.identity import KEY_BYTES, is_peer_id_bytes
from meadow.swarm.records import (
    MAX_RECORD_BYTES,
    SUBKEY_BYTES,
    SignedRecord,
    decode_record,
    has_valid_signature,
    storage_keys,
    storage_subkey,
)
from meadow.swarm.store import RecordStore

MAX_KEYS_PER_FIND = 64
MAX_RECORDS_PER_STORE = 128
MAX_ANSWER_BYTES = 384 << 10  # below daemon.MAX_CALL_BYTES
MAX_HANDOVER = 512
MAX_REPLACEMENTS = 64
MAX_SKEW_SECONDS = 300.0
_HASH_BYTES = DHTID.HASH_NBYTES


_MOST_HEARD = 20_000
_heard: ContextVar[Heard | None] = ContextVar("heard", default=None)


class Heard:
    """The records that arrive while a search goes on, the newest of each: what one has when it is not waited for."""

    def __init__(self) -> None:
        self.newest: dict[tuple[type, bytes], SignedRecord] = {}
        self.answers = 0
        """How many peers have answered."""

    def add(self, signed: SignedRecord) -> None:
        """A record that has been verified."""
        which = type(signed.record), storage_subkey(signed.record)
        known = self.newest.get(which)
        if (known is None and len(self.newest) < _MOST_HEARD) or (
            known is not None and known.record.expires < signed.record.expires
        ):
            self.newest[which] = signed

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Tasks that are started inside report here whatever they are answered."""
        token = _heard.set(self)
        try:
            yield
        finally:
            _heard.reset(token)


def dht_id(key: bytes) -> DHTID:
    """Where a key lies in the DHT."""
    return DHTID.generate(source=key)


def node_id_of(peer_id: bytes) -> DHTID:
    """Where a node lies in the DHT: given by its binary peer id, not chosen."""
    return DHTID.generate(source=b"meadow/1/node/" + peer_id)


class SwarmClock:
    """Unix time as the initial peers have it: the median of what they answered, up to five minutes from our own."""

    def __init__(self) -> None:
        self._samples: OrderedDict[bytes, float] = OrderedDict()
        self._beyond: dict[bytes, float] = {}
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset

    def forget_samples(self) -> None:
        """This machine's clock was set, or stood still: what peers said about it before no longer counts."""
        self._samples.clear()
        self._beyond.clear()

    @property
    def too_wrong(self) -> float | None:
        """The swarm's clock minus ours in seconds if most peers say that it is more than can be made up for."""
        beyond = list(self._beyond.values())
        return statistics.median_low(beyond) if 2 * len(beyond) > len(self._samples) else None

    def add_sample(self, peer_id: bytes, difference: float) -> None:
        """One peer's clock minus ours, in seconds."""
        self._samples[peer_id] = max(-MAX_SKEW_SECONDS, min(MAX_SKEW_SECONDS, difference))
        self._beyond.pop(peer_id, None)
        if abs(difference) > MAX_SKEW_SECONDS + 2.0:  # a slow answer is no wrong clock
            self._beyond[peer_id] = difference
        while len(self._samples) > 32:
            self._beyond.pop(self._samples.popitem(last=False)[0], None)
        median = statistics.median(self._samples.values())
        self.offset = median if abs(median) > 1.0 else 0.0


class RateLimit:
    """A token bucket for each peer: ``burst`` units at once, ``rate`` units a second in the long run."""

    def __init__(self, burst: float, rate: float, *, peers: int = 4096) -> None:
        self._burst, self._rate, self._most = burst, rate, peers
        self._peers: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def admit(self, peer: bytes, cost: float) -> bool:
        """Whether ``peer`` may spend ``cost`` units now."""
        now = time.monotonic()
        tokens, then = self._peers.pop(peer, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        admitted = tokens >= cost
        self._peers[peer] = (tokens - cost if admitted else tokens, now)
        while len(self._peers) > self._most:
            self._peers.popitem(last=False)
        return admitted


class _Answering:
    """A servicer as strangers see it: whatever handler is added to it some day, the gate stands in front."""

    def __init__(self, servicer: Any, gate: Gate) -> None:
        self._servicer, self._gate = servicer, gate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._servicer, name)

        async def answer(request: Any, context: P2PContext) -> Any:
            caller = _public_key(context.remote_id)
            self._gate.check_request(request, caller)
            response = await method(request, context)
            self._gate.seal_response(response, request, caller)
            return response

        return answer


class _Asking:
    """A stub that seals what it sends and believes only what is sealed."""

    def __init__(self, stub: Any, gate: Gate, peer: PeerID) -> None:
        self._stub, self._gate, self._peer = stub, gate, peer

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._stub, name)

        async def ask(request: Any, timeout: float | None = None) -> Any:
            called = _public_key(self._peer)
            if not self._gate.admits(called):
                raise ProtocolError("This peer is not wanted.")
            self._gate.seal_request(request, called)
            response = await method(request, timeout=timeout)
            self._gate.check_response(response, request, called)
            return response

        return ask


def _public_key(peer: PeerID) -> bytes:
    raw = peer.to_bytes()
    if not is_peer_id_bytes(raw):
        raise ProtocolError("A peer without an Ed25519 identity calls.")
    key: bytes = raw[-KEY_BYTES:]
    return key


class RecordGate(RecordValidatorBase):
    """Decides what is a record. Nothing passes from the network into the store, or to a reader, without it."""

    def __init__(self, clock: SwarmClock, store: RecordStore) -> None:
        self.clock, self.store = clock, store

    def admit(self, key: DHTID, encoded: bytes, *, only_news: bool = False) -> SignedRecord | None:
        """The record, verified and in its right place; None when it is none, or no news and ``only_news`` is set.

        The signature comes last: it costs more than all other checks together.
        """
        try:
            signed = decode_record(encoded, now=self.clock(), verify=False)
        except ProtocolError:
            return None
        record = signed.record
        if only_news and not self.store.is_news(key, storage_subkey(record), record.expires):
            return None
        if all(dht_id(place) != key for place in storage_keys(record)) or not has_valid_signature(signed):
            return None
        return signed

    # hivemind's own interface, used when this node stores its own records. It wraps values and subkeys in msgpack.

    def validate(self, record: DHTRecord) -> bool:
        """Whether hivemind may keep this record."""
        signed = self.admit(DHTID.from_bytes(record.key), record.value)
        return (
            signed is not None
            and signed.record.expires == record.expiration_time
            and record.subkey == msgpack.packb(storage_subkey(signed.record))
        )

    def sign_value(self, record: DHTRecord) -> bytes:
        """Records are signed before they get here; only the wrapping comes off."""
        value: bytes = msgpack.unpackb(record.value)
        return value

    def strip_value(self, record: DHTRecord) -> bytes:
        """Put the wrapping back on that hivemind will take off."""
        wrapped: bytes = msgpack.packb(record.value)
        return wrapped


class MeadowDHT(DHTProtocol):
    """One node's part in the DHT. Made by hivemind's DHTNode; see the module's text for what is different."""

    _rpc_handlers = None
    _stub_type = None
    record_validator: RecordGate
    storage: RecordStore
    rate_limit: RateLimit
    gate: Gate
    _background: set[asyncio.Task[Any]]

    @classmethod
    async def create(
        cls,
        p2p: P2P,
        node_id: DHTID,
        bucket_size: int,
        depth_modulo: int,
        num_replicas: int,
        wait_timeout: float,
        parallel_rpc: int | None = None,
        cache_size: int | None = None,
        client_mode: bool = False,
        record_validator: RecordValidatorBase | None = None,
        authorizer: Any = None,
    ) -> MeadowDHT:
        """Same arguments as hivemind's; ``record_validator`` must be a RecordGate, whose store is used, and
        ``authorizer`` the Gate that every call passes in both directions."""
        if not isinstance(record_validator, RecordGate) or not isinstance(authorizer, Gate):
            raise TypeError("the DHT of Meadow needs a RecordGate and a Gate")
        self = cls(_initialized_with_create=True)
        self.p2p, self.node_id = p2p, node_id
        self.bucket_size, self.num_replicas, self.wait_timeout = bucket_size, num_replicas, wait_timeout
        self.record_validator = record_validator
        self.storage = record_validator.store  # type: ignore[assignment]
        self.cache = DHTLocalStorage(maxsize=1)  # DHTNode asks it; nothing is ever put in
        self.routing_table = RoutingTable(node_id, bucket_size, depth_modulo)
        self.rpc_semaphore = asyncio.Semaphore(64 if parallel_rpc is None else parallel_rpc)
        self.client_mode, self.gate = client_mode, authorizer
        self.rate_limit = RateLimit(burst=2000, rate=100)
        self._background = set()
        self.node_info = dht_pb2.NodeInfo() if client_mode else dht_pb2.NodeInfo(node_id=node_id.to_bytes())
        if not client_mode:
            await self.add_p2p_handlers(p2p, _Answering(self, authorizer))
        return self

    def get_stub(self, peer: PeerID) -> Any:
        """What calls ``peer``, through the gate."""
        return _Asking(ServicerBase.get_stub.__func__(type(self), self.p2p, peer), self.gate, peer)

    def stop_background(self) -> None:
        """End what runs beside the calls; p2pd, which ends next, takes the handlers with it."""
        for task in list(self._background):
            task.cancel()

    # Asking others

    async def call_ping(self, peer: PeerID, validate: bool = False, strict: bool = True) -> DHTID | None:
        """The peer's node id, or None when it does not answer. ``validate`` also takes its clock as a sample (H6)."""
        request = dht_pb2.PingRequest(peer=self.node_info)
        sent = time.time()
        try:
            async with self.rpc_semaphore:
                response = await self.get_stub(peer).rpc_ping(request, timeout=self.wait_timeout)
        except Exception:  # noqa: BLE001 - hivemind's calls fail in every way there is; all of them mean "no answer"
            self._note(peer, responded=False)
            return None
        if validate and 0 < response.dht_time < 1e11:
            self.record_validator.clock.add_sample(peer.to_bytes(), response.dht_time - (sent + time.time()) / 2)
        if not response.peer.node_id:
            return None
        self._note(peer, responded=True, claimed=response.peer.node_id)
        return node_id_of(peer.to_bytes())

    async def call_store(
        self,
        peer: PeerID,
        keys: Sequence[DHTID],
        values: Sequence[Any],
        expiration_time: Any = None,
        subkeys: Any = None,
        in_cache: Any = None,
    ) -> list[bool] | None:
        """Ask a peer to keep records; for each whether it did, None when it does not answer.

        ``values`` are encoded records. The last three arguments are hivemind's; a record says these things itself.
        """
        results: list[bool] = []
        for first in range(0, len(keys), MAX_RECORDS_PER_STORE):
            part = slice(first, first + MAX_RECORDS_PER_STORE)
            request = dht_pb2.StoreRequest(
                keys=[key.to_bytes() for key in keys[part]], values=list(values[part]), peer=self.node_info
            )
            try:
                async with self.rpc_semaphore:
                    response = await self.get_stub(peer).rpc_store(request, timeout=self.wait_timeout)
            except Exception:  # noqa: BLE001 - as in call_ping
                self._note(peer, responded=False)
                return None
            if len(response.store_ok) != len(request.keys):
                return None
            results += response.store_ok
            self._note(peer, responded=True, claimed=response.peer.node_id)
        return results

    async def call_find(
        self, peer: PeerID, keys: Collection[DHTID]
    ) -> dict[DHTID, tuple[ValueWithExpiration | None, dict[DHTID, PeerID]]] | None:
        """For each key the valid records that ``peer`` has, and the nodes it knows near the key. None: no answer."""
        wanted = list(keys)
        request = dht_pb2.FindRequest(keys=[key.to_bytes() for key in wanted], peer=self.node_info)
        try:
            async with self.rpc_semaphore:
                response = await self.get_stub(peer).rpc_find(request, timeout=self.wait_timeout)
        except Exception:  # noqa: BLE001 - as in call_ping
            self._note(peer, responded=False)
            return None
        if len(response.results) != len(wanted):
            return None
        self._note(peer, responded=True, claimed=response.peer.node_id)
        if (heard := _heard.get()) is not None:
            heard.answers += 1
        return {
            key: (await self._records_of(key, result), self._nodes_of(result))
            for key, result in zip(wanted, response.results, strict=True)
        }

    async def _records_of(self, key: DHTID, result: Any) -> ValueWithExpiration | None:
        found = DictionaryDHTValue()
        found.frozen = True  # hivemind would drop records by this machine's clock, not by the swarm's
        heard = _heard.get()
        for index, encoded in enumerate(_unpack_records(result.value, self.storage.limits.returned)):
            if index % 32 == 31:
                await asyncio.sleep(0)  # a signature takes 0.1 to 0.2 ms; others wait for this loop
            signed = self.record_validator.admit(key, encoded)
            if signed is not None:
                found.store(storage_subkey(signed.record), encoded, signed.record.expires)
                if heard is not None:
                    heard.add(signed)
        return ValueWithExpiration(found, found.latest_expiration_time) if found.data else None

    def _nodes_of(self, result: Any) -> dict[DHTID, PeerID]:
        # Lengths first: making a PeerID out of a long string takes time quadratic in its length.
        peers = [
            raw
            for raw in result.nearest_peer_ids[: self.bucket_size]
            if is_peer_id_bytes(raw) and self.gate.admits(raw[-KEY_BYTES:])
        ]
        return {node_id_of(raw): PeerID(raw) for raw in peers}

    # Answering others

    async def rpc_ping(self, request: dht_pb2.PingRequest, context: P2PContext) -> dht_pb2.PingResponse:
        """Somebody wants to know whether we are here and be known."""
        self._charge(context, 1)
        self._note(context.remote_id, responded=True, claimed=request.peer.node_id)
        return dht_pb2.PingResponse(peer=self.node_info, dht_time=self.record_validator.clock(), available=True)

    async def rpc_store(self, request: dht_pb2.StoreRequest, context: P2PContext) -> dht_pb2.StoreResponse:
        """Somebody wants us to keep records, each under its key."""
        if len(request.keys) != len(request.values) or len(request.keys) > MAX_RECORDS_PER_STORE:
            raise ValueError("malformed request")
        self._charge(context, 1 + len(request.keys))
        self._note(context.remote_id, responded=True, claimed=request.peer.node_id)
        response = dht_pb2.StoreResponse(peer=self.node_info)
        sender = context.remote_id.to_bytes()[-32:]
        for index, (raw_key, encoded) in enumerate(zip(request.keys, request.values, strict=True)):
            if index % 32 == 31:
                await asyncio.sleep(0)
            key = _key(raw_key)
            signed = self.record_validator.admit(key, encoded, only_news=True)
            response.store_ok.append(
                signed is not None
                and self.storage.put(key, storage_subkey(signed.record), encoded, signed.record.expires, sender=sender)
            )
        return response

    async def rpc_find(self, request: dht_pb2.FindRequest, context: P2PContext) -> dht_pb2.FindResponse:
        """Somebody looks for keys: the records we have, and the nodes we know nearest to each."""
        if not 0 < len(request.keys) <= MAX_KEYS_PER_FIND:
            raise ValueError("malformed request")
        self._charge(context, 1 + len(request.keys))
        self._note(context.remote_id, responded=True, claimed=request.peer.node_id)
        response = dht_pb2.FindResponse(peer=self.node_info)
        asking = node_id_of(context.remote_id.to_bytes())
        room = MAX_ANSWER_BYTES // len(request.keys) // (MAX_RECORD_BYTES + 3)
        for raw_key in request.keys:
            key = _key(raw_key)
            found = self.storage.sample(key, min(room, self.storage.limits.returned))
            result = dht_pb2.FindResult(type=dht_pb2.NOT_FOUND)
            if found is not None:
                result.type = dht_pb2.FOUND_DICTIONARY
                result.value = msgpack.packb([entry.value for _, entry in found.items()])
            for node_id, peer_id in self.routing_table.get_nearest_neighbors(key, k=self.bucket_size, exclude=asking):
                result.nearest_node_ids.append(node_id.to_bytes())
                result.nearest_peer_ids.append(peer_id.to_bytes())
            response.results.append(result)
        return response

    def _charge(self, context: P2PContext, cost: float) -> None:
        if not self.rate_limit.admit(context.remote_id.to_bytes(), cost):
            raise ValueError("too many requests")

    # Who is in the swarm

    def _note(self, peer: PeerID, *, responded: bool, claimed: bytes | None = None) -> None:
        """Remember that a peer answered or asked, or that it did not answer: it enters or leaves the routing table.

        A node that is new gets the records that it should now keep.
        """
        raw = peer.to_bytes()
        if not is_peer_id_bytes(raw):
            return
        node_id = node_id_of(raw)
        responded = responded and self.gate.admits(raw[-KEY_BYTES:])
        if responded and claimed != node_id.to_bytes():
            return  # a client, which does not want to be asked, or somebody who claims another place
        is_new = node_id not in self.routing_table
        if not responded:
            if not is_new:
                del self.routing_table[node_id]
            return
        overflow = self.routing_table.add_or_update_node(node_id, peer)
        bucket = self.routing_table.buckets[self.routing_table.get_bucket_index(node_id)]
        while len(bucket.replacement_nodes) > MAX_REPLACEMENTS:
            del self.routing_table[next(iter(bucket.replacement_nodes))]
        if is_new:
            self._spawn(self._hand_over(node_id, peer))
        if overflow is not None:  # the longest-standing node of a full bucket, which may have gone
            self._spawn(self.call_ping(overflow[1]))

    def look_at_gate(self, peer: PeerID) -> None:
        """Forget a peer that the gate does not admit any more."""
        if not self.gate.admits(_public_key(peer)):
            self._note(peer, responded=False)

    async def _hand_over(self, node_id: DHTID, peer: PeerID) -> None:
        keys, values = [], []
        places: dict[DHTID, bool] = {}
        for key, _, value, _ in self.storage.records():
            if key not in places:
                places[key] = self._should_now_keep(node_id, key)
            if places[key]:
                keys.append(key)
                values.append(value)
        if len(keys) > MAX_HANDOVER:
            chosen = random.sample(range(len(keys)), MAX_HANDOVER)
            keys, values = [keys[i] for i in chosen], [values[i] for i in chosen]
        if keys:
            await self.call_store(peer, keys, values)

    def _should_now_keep(self, node_id: DHTID, key: DHTID) -> bool:
        """Whether we are the nearest to ``key`` and the new node is among the nearest that keep replicas."""
        nearest = [
            node
            for node, _ in self.routing_table.get_nearest_neighbors(key, self.num_replicas + 1, exclude=self.node_id)
            if node != node_id
        ][: self.num_replicas]
        if not nearest:
            return True
        we_are_nearest = self.node_id.xor_distance(key) < nearest[0].xor_distance(key)
        return we_are_nearest and (
            len(nearest) < self.num_replicas or node_id.xor_distance(key) < nearest[-1].xor_distance(key)
        )

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._background.discard)


def _key(raw: bytes) -> DHTID:
    if len(raw) != _HASH_BYTES:
        raise ValueError("malformed key")
    return DHTID.from_bytes(raw)


def _unpack_records(raw: bytes, most: int) -> list[bytes]:
    """The encoded records in an answer: bounded, and nothing but byte strings of a possible size."""
    if not raw or len(raw) > MAX_ANSWER_BYTES + 1024:
        return []
    try:
        items = msgpack.unpackb(raw, max_array_len=most, max_map_len=0, max_ext_len=0)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        return []
    if not isinstance(items, list):
        return []
    return [item for item in items if isinstance(item, bytes) and SUBKEY_BYTES < len(item) <= MAX_RECORD_BYTES]
