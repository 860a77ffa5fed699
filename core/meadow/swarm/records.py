"""What nodes publish about themselves: which span a server hosts, and which models are up. Pure: bytes in, data out.

A record on the wire is ``signature (64) + payload (msgpack map)``, at most 512 bytes, and stands alone: the payload
names its owner, its fingerprint and its expiry, so anybody can verify it, wherever it comes from. The DHT key and
subkey under which it may be stored follow from the payload too (:func:`storage_keys`, :func:`storage_subkey`), so one
signature covers key, subkey, value and expiry.

Decoding is strict and bounded: hostile bytes give ProtocolError and nothing else. Unknown fields are ignored, so that
later versions can say more.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass, field, replace
from typing import Any

import msgpack  # type: ignore[import-untyped]

from meadow.errors import ProtocolError
from meadow.swarm.addresses import is_tcp_address
from meadow.swarm.identity import (
    KEY_BYTES,
    SIGNATURE_BYTES,
    Identity,
    key_from_peer_id,
    peer_id_from_key,
    verify_key,
)
from meadow.wire.limits import FINGERPRINT, MAX_BLOCKS, MAX_RECORD

MAX_RECORD_BYTES = MAX_RECORD
MAX_ADDRESSES = 6
BLOCKS_PER_BUCKET = 8
MODEL_SHARDS = 8  # the index of models is spread over this many keys
LIFE_SECONDS = 60.0
RENEW_SECONDS = 20.0
MAX_FUTURE_SECONDS = 600.0
SUBKEY_BYTES = KEY_BYTES + 4

STATES = ("joining", "online", "draining", "gone")
_DOMAIN = "record"
_SERVER_ID = re.compile(r"[0-9a-f]{8}")
_WORD = re.compile(r"[A-Za-z0-9_.+:-]*")
_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}(/[A-Za-z0-9_.-]{1,96})?")


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """One server: who hosts blocks ``[start, end)`` of which model, how fast, and where to dial it.

    ``throughput`` is in tokens/s, measured by the server itself and only a hint. ``protocol`` is the range of protocol
    versions. ``expires`` is a Unix time; publishing sets it. State "gone" takes an earlier record back.
    ``reachability`` ("direct", "relay", "" = not known) and ``coordinates`` (seconds, for estimating round trips) may
    be empty: ``routing.coordinates`` says what they mean. ``prefill``: tokens/s of a long input; ``uplink``,
    ``downlink``: bytes/s between this node and other peers, measured; 0: not known. Hints all of them.
    """

    peer_id: str
    server_id: str
    fingerprint: bytes
    start: int
    end: int
    state: str
    dtype: str = "float32"
    quantisation: str = "none"
    throughput: float = 0.0
    protocol: tuple[int, int] = (1, 1)
    numeric_class: str = ""
    addresses: tuple[str, ...] = ()
    expires: float = 0.0
    reachability: str = ""
    coordinates: tuple[float, ...] = ()
    prefill: float = 0.0
    uplink: float = 0.0
    downlink: float = 0.0

    def __post_init__(self) -> None:
        _check_owner(self.peer_id, self.server_id, self.fingerprint)
        _check_span(self.start, self.end)
        _check(self.state in STATES, "state")
        for name, limit in (("dtype", 16), ("quantisation", 24), ("numeric_class", 64), ("reachability", 16)):
            value = getattr(self, name)
            _check(isinstance(value, str) and len(value) <= limit and _WORD.fullmatch(value) is not None, name)
        for name in ("throughput", "prefill", "uplink", "downlink"):
            value = getattr(self, name)
            _check(_is_number(value) and 0 <= value <= (1e12 if name.endswith("link") else 1e9), name)
        _check(
            isinstance(self.protocol, tuple)
            and len(self.protocol) == 2
            and all(_is_int(version) and 0 <= version < 65536 for version in self.protocol)
            and self.protocol[0] <= self.protocol[1],
            "protocol",
        )
        _check(isinstance(self.addresses, tuple) and len(self.addresses) <= MAX_ADDRESSES, "addresses")
        _check(all(is_tcp_address(address) for address in self.addresses), "addresses")
        _check(_is_number(self.expires) and self.expires >= 0, "expires")
        _check(isinstance(self.coordinates, tuple) and len(self.coordinates) <= 6, "coordinates")
        _check(all(_is_number(value) and abs(value) <= 1e6 for value in self.coordinates), "coordinates")


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One entry in the index of models that are up: how people find a model without knowing its fingerprint.

    ``name`` and ``hub_id`` are the publisher's claim; the fingerprint decides. ``gone`` takes an earlier entry back.
    """

    peer_id: str
    server_id: str
    fingerprint: bytes
    name: str
    hub_id: str | None
    num_blocks: int
    expires: float = 0.0
    gone: bool = False

    def __post_init__(self) -> None:
        _check_owner(self.peer_id, self.server_id, self.fingerprint)
        _check_span(0, self.num_blocks)
        # Printable and without the invisible characters that turn text around: this ends up on somebody's screen.
        _check(isinstance(self.name, str) and 0 < len(self.name) <= 64 and self.name.isprintable(), "name")
        _check(self.hub_id is None or isinstance(self.hub_id, str), "hub_id")
        _check(self.hub_id is None or _HUB_ID.fullmatch(self.hub_id) is not None, "hub_id")
        _check(_is_number(self.expires) and self.expires >= 0, "expires")
        _check(isinstance(self.gone, bool), "gone")

    @property
    def claim(self) -> tuple[bytes, str, str | None, int]:
        """What is said about the model, without who says it: entries with equal claims back each other."""
        return self.fingerprint, self.name, self.hub_id, self.num_blocks


Record = ServerRecord | ModelRecord


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record together with the bytes that prove it. ``encoded`` may be handed to others (:func:`decode_record`)."""

    record: Record
    encoded: bytes = field(repr=False)

    @property
    def server(self) -> ServerRecord:
        """The record as a ServerRecord; ProtocolError when it is of the other kind."""
        if not isinstance(self.record, ServerRecord):
            raise ProtocolError("A record about a model came where one about a server belongs.")
        return self.record

    @property
    def model(self) -> ModelRecord:
        """The record as a ModelRecord; ProtocolError when it is of the other kind."""
        if not isinstance(self.record, ModelRecord):
            raise ProtocolError("A record about a server came where one about a model belongs.")
        return self.record


def sign_record(record: Record, identity: Identity) -> SignedRecord:
    """Encode and sign. Addresses that do not fit into 512 bytes are left out, last first.

    Raises ValueError when the record belongs to another peer or does not fit even without addresses.
    """
    if record.peer_id != identity.peer_id:
        raise ValueError("a record can only be signed by the peer it is about")
    payload = _encode(record)
    while len(payload) + SIGNATURE_BYTES > MAX_RECORD_BYTES and isinstance(record, ServerRecord) and record.addresses:
        record = replace(record, addresses=record.addresses[:-1])
        payload = _encode(record)
    if len(payload) + SIGNATURE_BYTES > MAX_RECORD_BYTES:
        raise ValueError(f"a record may have {MAX_RECORD_BYTES} bytes, this one has {len(payload) + SIGNATURE_BYTES}")
    return SignedRecord(record, identity.sign(payload, domain=_DOMAIN) + payload)


def decode_record(encoded: bytes, *, now: float | None = None, verify: bool = True) -> SignedRecord:
    """Decode and verify what came from the network.

    ``now`` (Unix seconds) also checks the expiry: not in the past, not more than ten minutes ahead. ``verify=False``
    leaves out the signature, for a caller that checks cheaper things first and the signature after them with
    :func:`has_valid_signature`. Raises ProtocolError, and only that, for everything that is wrong.
    """
    if not isinstance(encoded, bytes) or not SIGNATURE_BYTES < len(encoded) <= MAX_RECORD_BYTES:
        raise ProtocolError("A record of an impossible size came from the network.")
    try:
        fields = msgpack.unpackb(
            encoded[SIGNATURE_BYTES:], raw=False, strict_map_key=True, ext_hook=_no_ext, timestamp=0
        )
        if not isinstance(fields, dict):
            raise ValueError("not a map")
        record = _from_fields(fields)
    except (ValueError, TypeError, KeyError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise ProtocolError("A malformed record came from the network.") from error
    signed = SignedRecord(record, encoded)
    if now is not None and not now < record.expires <= now + MAX_FUTURE_SECONDS:
        raise ProtocolError("A record from the network has expired or is valid for too long.")
    if verify and not has_valid_signature(signed):
        raise ProtocolError("A record from the network has a wrong signature.")
    return signed


def has_valid_signature(signed: SignedRecord) -> bool:
    """Whether the owner named in the record signed exactly these bytes.

    The same bytes come again with every search until the record is renewed; they are checked once.
    """
    return _is_signed(signed.record.peer_id, signed.encoded)


@functools.lru_cache(maxsize=4096)
def _is_signed(peer_id: str, encoded: bytes) -> bool:
    signature, payload = encoded[:SIGNATURE_BYTES], encoded[SIGNATURE_BYTES:]
    return verify_key(key_from_peer_id(peer_id), signature, payload, domain=_DOMAIN)


def bucket_key(fingerprint: bytes, bucket: int) -> bytes:
    """The DHT key for the servers of blocks ``[8 * bucket, 8 * bucket + 8)`` of a model."""
    return b"meadow/1/servers/" + fingerprint + bucket.to_bytes(2, "big")


def bucket_keys(fingerprint: bytes, start: int, end: int) -> list[bytes]:
    """The keys of all buckets that blocks ``[start, end)`` touch."""
    first, last = start // BLOCKS_PER_BUCKET, (end - 1) // BLOCKS_PER_BUCKET
    return [bucket_key(fingerprint, bucket) for bucket in range(first, last + 1)]


def model_key(shard: int) -> bytes:
    """The DHT key of one shard of the index of models."""
    return b"meadow/1/models/" + bytes([shard])


def model_keys() -> list[bytes]:
    """The keys of the whole index of models."""
    return [model_key(shard) for shard in range(MODEL_SHARDS)]


def storage_keys(record: Record) -> list[bytes]:
    """Every DHT key under which this record belongs; found under any other, it is refused."""
    if isinstance(record, ModelRecord):
        return [model_key(record.fingerprint[0] % MODEL_SHARDS)]
    return bucket_keys(record.fingerprint, record.start, record.end)


def storage_subkey(record: Record) -> bytes:
    """The 36 bytes (public key, server id) that separate the records under one key."""
    return key_from_peer_id(record.peer_id) + bytes.fromhex(record.server_id)


def is_gone(record: Record) -> bool:
    """Whether this record only says that an earlier one no longer holds."""
    return record.gone if isinstance(record, ModelRecord) else record.state == "gone"


def _encode(record: Record) -> bytes:
    fields: dict[str, Any] = {
        "p": key_from_peer_id(record.peer_id),
        "s": bytes.fromhex(record.server_id),
        "f": record.fingerprint,
        "e": float(record.expires),
    }
    if isinstance(record, ModelRecord):
        fields |= {"k": "m", "n": record.name, "b": record.num_blocks, "g": record.gone}
        if record.hub_id is not None:
            fields["h"] = record.hub_id
    else:
        fields |= {
            "k": "s",
            "b": [record.start, record.end],
            "z": STATES.index(record.state),
            "d": record.dtype,
            "q": record.quantisation,
            "t": float(record.throughput),
            "v": list(record.protocol),
            "c": record.numeric_class,
            "a": list(record.addresses),
        }
        if record.reachability:
            fields["r"] = record.reachability
        if record.coordinates:
            fields["x"] = [float(value) for value in record.coordinates]
        if record.prefill:
            fields["l"] = float(record.prefill)
        if record.uplink or record.downlink:
            fields["n"] = [int(record.uplink), int(record.downlink)]
    encoded: bytes = msgpack.packb(fields, use_bin_type=True)
    return encoded


def _from_fields(fields: dict[str, Any]) -> Record:
    public_key, server_id = _of(fields["p"], bytes), _of(fields["s"], bytes)
    common = {
        "peer_id": peer_id_from_key(public_key),
        "server_id": server_id.hex(),
        "fingerprint": fields["f"],
        "expires": fields["e"],
    }
    if fields["k"] == "m":
        return ModelRecord(
            **common, name=fields["n"], hub_id=fields.get("h"), num_blocks=fields["b"], gone=fields.get("g", False)
        )
    if fields["k"] != "s":
        raise ValueError("unknown kind of record")
    start, end = _of(fields["b"], list)
    state = fields["z"]
    if not _is_int(state) or not 0 <= state < len(STATES):
        raise ValueError("unknown state")
    links = _of(fields.get("n", [0, 0]), list)
    if len(links) != 2:
        raise ValueError("malformed links")
    return ServerRecord(
        **common,
        start=start,
        end=end,
        state=STATES[state],
        dtype=fields["d"],
        quantisation=fields["q"],
        throughput=fields["t"],
        protocol=tuple(_of(fields["v"], list)),  # type: ignore[arg-type]
        numeric_class=fields["c"],
        addresses=tuple(_of(fields["a"], list)),
        reachability=fields.get("r", ""),
        coordinates=tuple(_of(fields.get("x", []), list)),
        prefill=fields.get("l", 0.0),
        uplink=links[0],
        downlink=links[1],
    )


def _no_ext(code: int, data: bytes) -> object:
    raise ValueError("extension types are not part of a record")


def _of(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}")
    return value


def _check(condition: bool, name: str) -> None:
    if not condition:
        raise ValueError(f"invalid {name} in a record")


def _check_owner(peer_id: str, server_id: str, fingerprint: bytes) -> None:
    key_from_peer_id(peer_id)
    _check(isinstance(server_id, str) and _SERVER_ID.fullmatch(server_id) is not None, "server_id")
    _check(isinstance(fingerprint, bytes) and len(fingerprint) == FINGERPRINT, "fingerprint")


def _check_span(start: int, end: int) -> None:
    _check(_is_int(start) and _is_int(end) and 0 <= start < end <= MAX_BLOCKS, "span")


def _is_int(value: object) -> bool:
    return type(value) is int  # not bool


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
