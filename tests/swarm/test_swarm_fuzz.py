"""Whatever bytes a peer sends where a record, a credential, a proof or a message belongs: refused, fast and small."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import msgpack
import pytest
from mutants import mutant

from meadow.errors import ProtocolError
from meadow.swarm import proof
from meadow.swarm.dht import MAX_ANSWER_BYTES, RecordGate, SwarmClock, _unpack_records, dht_id
from meadow.swarm.identity import Identity, peer_id_from_key
from meadow.swarm.membership import Credential, Membership, Revocations
from meadow.swarm.records import (
    MAX_FUTURE_SECONDS,
    ModelRecord,
    ServerRecord,
    bucket_key,
    decode_record,
    sign_record,
    storage_keys,
)
from meadow.swarm.store import RecordStore
from meadow.wire import messages as m

PRINT = b"\xaa" * 32
SECONDS, MEMORY_KB = 1.0, 256 << 10
ODD = [
    b"\xc1", b"\xc7\x10\x40", b"\xd4\xff", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    b"\xcb\x7f\xf8" + bytes(6), b"\xcb\x7f\xf0" + bytes(6), b"\xcf" + b"\xff" * 8, b"\xd3\x80" + bytes(7), b"\x91" * 64,
    b"\x81\xa1e", b"\xc0", b"\xc3", b"\xa4\xff\xfe\xfd\xfc", b"\x00" * 16,
]  # fmt: skip


@pytest.fixture
def identity(tmp_path) -> Identity:
    return Identity.temporary(tmp_path)


def targets(identity: Identity) -> list[tuple[list[bytes], Callable[[bytes], None]]]:
    """Good bytes to start from, and what is to read them. A reader returns, or raises ProtocolError."""
    now = time.time()
    server = ServerRecord(
        identity.peer_id, "0000000a", PRINT, 0, 12, "online", throughput=4.5, numeric_class="cpu-1",
        addresses=("/ip4/192.0.2.7/tcp/31337",), expires=now + 60, coordinates=(0.1, 0.2),
    )  # fmt: skip
    model = ModelRecord(identity.peer_id, "0000000a", PRINT, "a model", "owner/name", 12, now + 60)
    records = [sign_record(server, identity).encoded, sign_record(model, identity).encoded]
    owner = Membership(identity.public_key, b"s" * 32, True)
    listed = owner.revoke(identity, [(b"x" * 32, now)])
    credential = Credential(owner.certify(identity, peer_id_from_key(b"p" * 32), now + 60))
    own = replace(owner, credential=Credential(owner.certify(identity, identity.peer_id, now + 60)))
    delegated = own.delegate(identity, peer_id_from_key(b"d" * 32), now=now)
    here = proof.Meeting(b"k" * 32, b"s" * 16, b"a" * 32, b"b" * 32, "p")
    heard = proof.Knock(b"n" * 32, b"", 0, b"")
    gate = RecordGate(SwarmClock(), RecordStore(time.time))
    keys = [dht_id(place) for one in (server, model) for place in storage_keys(one)] + [dht_id(bucket_key(PRINT, 9))]

    def admit(data: bytes) -> None:
        for key in keys:
            signed = gate.admit(key, data)
            assert signed is None or data in records, "a changed record is no record"

    def decode(data: bytes) -> None:
        record = decode_record(data, now=now, verify=False).record
        assert now < record.expires <= now + MAX_FUTURE_SECONDS

    def accept(data: bytes) -> None:
        for peer in (b"p" * 32, b"d" * 32):
            if owner.accepts(peer, data, now=now):
                assert data in (credential.encode(), delegated.encode())

    greetings = [
        m.Hello(b"n" * 16, numeric_class="x"),
        m.Open(b"s" * 16, 1, PRINT, 0, 12, 1, "float32", next=records[0]),
        m.Attach(b"s" * 16, 1, identity.peer_id, "0000000a"),
        m.Credit(1, 2),
    ]
    return [
        (records, decode),
        (records, admit),
        ([credential.encode(), delegated.encode()], accept),
        ([listed.encode()], lambda data: owner.with_revocations(Revocations.decode(data)) and None),
        ([own.encode()], lambda data: Membership.decode(data) and None),
        ([proof.knock(here, b"n" * 32, b"c", 1)], lambda data: proof.read_knock(here, data) and None),
        (
            [proof.answer(here, heard, b"m" * 32, b"", 1)],
            lambda data: proof.read_answer(here, b"n" * 32, data) and None,
        ),
        (
            [proof.entry(here, b"n" * 32, b"m" * 32)],
            lambda data: proof.read_entry(here, b"n" * 32, b"m" * 32, data) and None,
        ),
        ([msgpack.packb(records)], lambda data: _unpack_records(data, 640) and None),
        ([m.encode(one)[4:] for one in greetings], lambda data: m.decode(data) and None),
    ]


def attack(identity: Identity, count: int) -> None:
    chance = random.Random(11)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for good, read in targets(identity):
        for _ in range(count):
            data = mutant(chance, chance.choice(good), ODD)
            began = time.thread_time()
            with suppress(ProtocolError):
                read(data)
            assert time.thread_time() - began < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_KB


def test_good_bytes_are_read(identity: Identity) -> None:
    """What is attacked below is alive."""
    for good, read in targets(identity):
        for data in good:
            try:
                read(data)
            except ProtocolError as error:
                # A proof for a meeting at another time; its form is right.
                assert "prove" in str(error)


def test_fuzz_of_what_peers_send(identity: Identity) -> None:
    attack(identity, 5000)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_fuzz_of_what_peers_send_100_000(identity: Identity) -> None:
    attack(identity, 100_000)


def test_large_answers_cost_little() -> None:
    began = time.thread_time()
    for data in (b"\xdd\x00\xff\xff\xff" + b"\xc0" * MAX_ANSWER_BYTES, b"\x91" * MAX_ANSWER_BYTES, bytes(1 << 24)):
        assert _unpack_records(data, 640) == []
    assert time.thread_time() - began < SECONDS
