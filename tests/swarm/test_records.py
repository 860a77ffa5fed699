"""Records prove themselves, fit into 512 bytes, and no bytes of a stranger do more than raise ProtocolError."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meadow.errors import ProtocolError
from meadow.swarm.addresses import dialable, is_tcp_address, split_peer
from meadow.swarm.identity import Identity
from meadow.swarm.records import (
    MAX_RECORD_BYTES,
    ModelRecord,
    Record,
    ServerRecord,
    bucket_keys,
    decode_record,
    sign_record,
    storage_keys,
    storage_subkey,
)

NOW = 1_800_000_000.0
ME = Identity.temporary(tempfile.mkdtemp())
OTHER = Identity.temporary(tempfile.mkdtemp())
SERVER = ServerRecord(
    ME.peer_id, "0a1b2c3d", b"f" * 32, 3, 20, "online", "bfloat16", "none", 12.5, (1, 3), "torch2.13-tf5.23-bf16",
    ("/ip4/203.0.113.7/tcp/4001", "/ip6/2001:db8::7/tcp/4001"), NOW + 60, "direct", (0.01, -0.02),
)  # fmt: skip
MODEL = ModelRecord(ME.peer_id, "0a1b2c3d", b"f" * 32, "A model", "owner/model", 24, NOW + 60)


def forge(record: Record, **changes: object) -> bytes:
    """The record correctly signed, but with raw fields changed past every check of ours (None removes one)."""
    payload = msgpack.unpackb(sign_record(record, ME).encoded[64:])
    payload.update(changes)
    raw = msgpack.packb({key: value for key, value in payload.items() if value is not None})
    return ME.sign(raw, domain="record") + raw


@pytest.mark.parametrize(
    "record",
    [
        SERVER,
        MODEL,
        replace(MODEL, hub_id=None),
        replace(SERVER, addresses=()),
        replace(SERVER, prefill=512.5, uplink=2e6, downlink=9e6),
    ],
)
def test_round_trip(record: Record) -> None:
    signed = sign_record(record, ME)
    assert len(signed.encoded) <= MAX_RECORD_BYTES
    assert decode_record(signed.encoded, now=NOW).record == record


def test_full_record_fits_by_dropping_addresses_only() -> None:
    addresses = tuple(f"/ip6/2001:db8:85a3:1111:2222:8a2e:370:733{i}/tcp/4123{i}" for i in range(6))
    full = replace(SERVER, addresses=addresses, numeric_class="n" * 64, coordinates=(1.0,) * 6)
    signed = sign_record(full, ME)
    assert len(signed.encoded) <= MAX_RECORD_BYTES
    kept = signed.server.addresses
    assert kept and kept == addresses[: len(kept)] and replace(full, addresses=kept) == signed.record


def test_keys_follow_from_the_record() -> None:
    assert storage_keys(SERVER) == bucket_keys(b"f" * 32, 0, 24)
    assert len(storage_keys(replace(SERVER, start=8, end=16))) == 1
    assert len(storage_keys(replace(SERVER, start=7, end=9))) == 2
    assert storage_subkey(SERVER)[:32] == ME.public_key and storage_subkey(SERVER)[32:].hex() == "0a1b2c3d"


def test_only_the_owner_can_sign() -> None:
    with pytest.raises(ValueError):
        sign_record(SERVER, OTHER)
    raw = sign_record(SERVER, ME).encoded[64:]
    with pytest.raises(ProtocolError, match="signature"):
        decode_record(OTHER.sign(raw, domain="record") + raw)


def test_every_changed_byte_is_noticed() -> None:
    encoded = sign_record(SERVER, ME).encoded
    for position in range(len(encoded)):
        changed = bytearray(encoded)
        changed[position] ^= 1
        with pytest.raises(ProtocolError):
            decode_record(bytes(changed), now=NOW)


@pytest.mark.parametrize("expires", [NOW - 1, NOW, NOW + 601, 1e300])
def test_expiry_must_be_near(expires: float) -> None:
    encoded = sign_record(replace(SERVER, expires=expires), ME).encoded
    with pytest.raises(ProtocolError, match="expired"):
        decode_record(encoded, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"e": float("nan")}, {"e": float("inf")}, {"e": "soon"}, {"e": True}, {"e": -1.0},
        {"t": float("nan")}, {"t": -1.0}, {"t": 1e300}, {"t": [1.0]},
        {"b": [5, 5]}, {"b": [-1, 4]}, {"b": [0, 1 << 40]}, {"b": [0]}, {"b": [0.0, 4.0]}, {"b": [False, True]},
        {"p": b"short"}, {"p": b"k" * 33}, {"p": None}, {"s": b""}, {"s": b"12345"}, {"s": "0a1b2c3d"},
        {"f": b"f" * 31}, {"f": "f" * 32}, {"z": 4}, {"z": -1}, {"z": "online"}, {"k": "x"}, {"k": None},
        {"d": "float32\n"}, {"d": "x" * 17}, {"q": "<b>"}, {"c": "\u202eevil"}, {"v": [3, 1]}, {"v": [1, 1, 1]},
        {"a": ["/ip4/203.0.113.7/udp/4001/quic-v1"]}, {"a": ["/ip4/300.1.1.1/tcp/1"]}, {"a": ["/unix/tmp/x"]},
        {"a": ["/ip4/203.0.113.7/tcp/4001"] * 7}, {"a": "text"}, {"x": [float("inf")]}, {"x": [0.0] * 7}, {"r": 7},
        {"l": -1.0}, {"l": "fast"}, {"n": [1]}, {"n": [-1, 0]}, {"n": [1, 1e13]}, {"n": {}}, {"l": float("inf")},
        {"a": [["/ip4/203.0.113.7/tcp/4001"]]}, {"t": msgpack.ExtType(5, b"x")}, {"t": msgpack.Timestamp(1)},
    ],
    ids=repr,
)  # fmt: skip
def test_signed_nonsense_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        decode_record(forge(SERVER, **changes), now=NOW)


@pytest.mark.parametrize(
    "changes",
    [{"n": ""}, {"n": "x" * 65}, {"n": "a\u202eb"}, {"n": "a\nb"}, {"n": 7}, {"h": "../x"}, {"h": "a/b/c"}, {"b": 0},
     {"b": True}, {"g": 1}],
    ids=repr,
)  # fmt: skip
def test_signed_nonsense_about_a_model_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        decode_record(forge(MODEL, **changes), now=NOW)


def test_unknown_fields_are_ignored() -> None:
    assert decode_record(forge(SERVER, future={"anything": [1, 2]}), now=NOW).record == SERVER


def test_optional_fields_may_be_missing() -> None:
    assert decode_record(forge(SERVER, r=None, x=None), now=NOW).record == replace(
        SERVER, reachability="", coordinates=()
    )


def nested(depth: int, opening: bytes) -> bytes:
    return bytes(64) + opening * depth + b"\x00"


@settings(max_examples=400)
@given(st.binary(max_size=600))
@example(nested(400, b"\x91"))
@example(nested(400, b"\x81\xa1a"))
@example(bytes(64) + b"\xdd\xff\xff\xff\xff")  # an array of 2**32 - 1
@example(bytes(64) + b"\xdf\xff\xff\xff\xff")
@example(bytes(64) + b"\xc6\xff\xff\xff\xff")
@example(bytes(64) + b"\xc7\x04\x40\x91\x91\x91\x91")
@example(bytes(64) + b"\x81\xa1k\xa1\xff")  # not UTF-8
@example(bytes(64) + b"\x80\x00")  # trailing bytes
def test_random_bytes_give_protocol_error_only(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_record(data, now=NOW)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary(max_size=40)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=400)
@given(st.sampled_from([SERVER, MODEL]), st.dictionaries(st.sampled_from("kpsfebzdqtvcaxrnhg"), _VALUES, max_size=4))
def test_signed_records_with_random_fields_are_refused_or_sound(record: Record, changes: dict[str, object]) -> None:
    encoded = forge(record, **changes)
    try:
        decoded = decode_record(encoded, now=NOW).record
    except ProtocolError:
        return
    # What passes is a record that we could have made ourselves.
    assert NOW < decoded.expires <= NOW + 600
    assert type(decoded)(**{field.name: getattr(decoded, field.name) for field in fields(decoded)}) == decoded


def test_addresses() -> None:
    relay = f"/ip4/203.0.113.7/tcp/1/p2p/{ME.peer_id}"
    for good in ("/ip4/1.2.3.4/tcp/0", "/dns4/example.org/tcp/443", relay, relay + "/p2p-circuit", "/ip6/::1/tcp/9"):
        assert is_tcp_address(good)
    for bad in (
        "", "/", "/ip4/1.2.3.4", "/ip4/1.2.3.4/udp/1", "/ip4/1.2.3.4/tcp/65536", "/ip4/1.2.3.4/tcp/-1",
        "/ip4/1.2.3.4/tcp/1/ws", "/ip4/1.2.3.4/tcp/1/", "/dns4/-bad/tcp/1", "/dns4/a b/tcp/1", "/ip4/1.2.3.4/tcp/１",
        "/ip4/1.2.3.4/tcp/1/p2p/QmNotOurs", relay + "/p2p-circuit/x", "ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/tcp/1" * 20,
    ):  # fmt: skip
        assert not is_tcp_address(bad), bad
    assert split_peer(relay) == ("/ip4/203.0.113.7/tcp/1", ME.peer_id)


def test_private_addresses_of_strangers_are_not_dialled_in_a_public_swarm() -> None:
    inside = [
        "/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/192.168.1.1/tcp/80", "/ip4/169.254.1.1/tcp/1",
        "/ip6/::1/tcp/1", "/ip6/fe80::1/tcp/1", "/ip4/0.0.0.0/tcp/1", "/dns4/localhost/tcp/1",
        "/ip6/::ffff:127.0.0.1/tcp/1",
    ]  # fmt: skip
    public = "/ip4/8.8.8.8/tcp/4001"
    assert dialable([*inside, public], allow_private=False) == [public]
    assert dialable([*inside, public], allow_private=True) == [*inside, public]
    assert dialable(["/ip4/8.8.8.8/tcp/0", "/ip4/8.8.8.8/udp/1"], allow_private=True) == []
