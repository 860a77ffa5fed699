"""Certificates, delegations, revocations and proofs as bytes: no process, no socket."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from private_helpers import PrivateSwarm

from meadow.errors import ProtocolError
from meadow.swarm import proof
from meadow.swarm.identity import Identity
from meadow.swarm.membership import Credential, Membership, Revocations, swarm_id_of

NOW = 1_800_000_000.0


@pytest.fixture
def swarm(tmp_path: Path) -> PrivateSwarm:
    return PrivateSwarm.new(tmp_path)


def shown(membership: Membership) -> bytes:
    return b"" if membership.credential is None else membership.credential.encode()


def test_the_owner_lets_in_and_nobody_else_does(swarm: PrivateSwarm, tmp_path: Path) -> None:
    friend, other = Identity.temporary(tmp_path), Identity.temporary(tmp_path)
    now, bare = time.time(), swarm.bare()
    assert bare.accepts(friend.public_key, shown(swarm.member(friend)), now=now)
    assert bare.accepts(swarm.owner.public_key, b"", now=now)
    for credential in (
        b"",
        shown(swarm.self_made(friend)),
        shown(swarm.stolen(other)),
        shown(swarm.patched(friend)),
        shown(swarm.member(friend, seconds=-1.0)),
        shown(PrivateSwarm.new(tmp_path).member(friend)),
        shown(swarm.member(friend))[:-1],
    ):
        assert not bare.accepts(friend.public_key, credential, now=now)
    with pytest.raises(ValueError, match="owner"):
        bare.certify(friend, friend.peer_id, now)


def test_in_a_swarm_without_certificates_the_secret_is_enough(tmp_path: Path) -> None:
    swarm = PrivateSwarm.new(tmp_path, by_invitation=False)
    assert swarm.bare().accepts(Identity.temporary(tmp_path).public_key, b"", now=NOW)


def test_the_kind_is_part_of_the_id(swarm: PrivateSwarm) -> None:
    key = swarm.owner.public_key
    assert swarm_id_of(key, by_invitation=True) != swarm_id_of(key, by_invitation=False)


def test_other_processes_of_a_members_home(swarm: PrivateSwarm, tmp_path: Path) -> None:
    home, process, stranger = (Identity.temporary(tmp_path) for _ in range(3))
    membership, now = swarm.member(home), time.time()
    credential = membership.delegate(home, process.peer_id, now=now)
    bare = swarm.bare()
    assert bare.accepts(process.public_key, credential.encode(), now=now)
    assert not bare.accepts(stranger.public_key, credential.encode(), now=now)
    assert not bare.accepts(process.public_key, credential.encode(), now=now + 86401)
    assert credential.delegation is not None
    signed_by_nobody = replace(credential, delegation=replace(credential.delegation, peer=stranger.public_key))
    assert not bare.accepts(stranger.public_key, signed_by_nobody.encode(), now=now)
    sent_away = bare.with_revocations(bare.revoke(swarm.owner, [(home.public_key, now + 1e6)]))
    assert not sent_away.accepts(process.public_key, credential.encode(), now=now), "a home goes with all its processes"
    with pytest.raises(ValueError):
        bare.delegate(stranger, process.peer_id, now=now)


def test_the_owner_may_run_other_processes_too(swarm: PrivateSwarm, tmp_path: Path) -> None:
    process, now = Identity.temporary(tmp_path), time.time()
    own = swarm.member(swarm.owner)
    credential = own.delegate(swarm.owner, process.peer_id, now=now)
    assert swarm.bare().accepts(process.public_key, credential.encode(), now=now)


def test_a_list_of_revocations_is_the_owners_and_only_grows_newer(swarm: PrivateSwarm, tmp_path: Path) -> None:
    friend, foe = Identity.temporary(tmp_path), Identity.temporary(tmp_path)
    bare = swarm.bare()
    first = bare.revoke(swarm.owner, [(foe.public_key, NOW)])
    later = bare.with_revocations(first)
    second = later.revoke(swarm.owner, [])
    assert foe.public_key in later.revocations and friend.public_key not in later.revocations
    assert later.with_revocations(Revocations()) is later
    assert later.with_revocations(first) is later
    newest = later.with_revocations(second)
    assert foe.public_key not in newest.revocations
    assert newest.with_revocations(first) is newest, "an older list that is repeated brings nobody back or away"
    for forged in (
        replace(first, serial=9),
        replace(first, entries=()),
        replace(first, entries=((friend.public_key, NOW),)),
        replace(first, signature=bytes(64)),
    ):
        assert bare.with_revocations(forged) is bare
    assert Revocations.decode(first.encode()) == first
    assert Revocations.decode(Revocations().encode()) == Revocations()


def test_what_a_home_keeps_comes_back(swarm: PrivateSwarm, tmp_path: Path) -> None:
    friend = Identity.temporary(tmp_path)
    membership = swarm.member(friend)
    membership = membership.with_revocations(membership.revoke(swarm.owner, [(os.urandom(32), NOW)]))
    assert Membership.decode(membership.encode()) == membership
    assert swarm.secret.hex() not in repr(membership) and repr(swarm.secret) not in repr(membership)


@pytest.mark.parametrize("expires", [float("nan"), float("inf"), -1.0, 1e300, 7])
def test_silly_expiries(swarm: PrivateSwarm, tmp_path: Path, expires: float) -> None:
    friend = Identity.temporary(tmp_path)
    certificate = swarm.bare().certify(swarm.owner, friend.peer_id, 1.0)
    encoded = Credential(replace(certificate, expires=expires)).encode()
    with pytest.raises(ProtocolError):
        Credential.decode(encoded)


# Proofs


def meeting(swarm: PrivateSwarm, opener: bytes, acceptor: bytes, protocol: str = "meadow/1/0000000a") -> proof.Meeting:
    return proof.Meeting(proof.derive(swarm.secret, "streams"), swarm.bare().swarm_id, opener, acceptor, protocol)


def test_a_proof_is_worth_something_once_and_between_these_two(swarm: PrivateSwarm) -> None:
    one, two, third = (bytes([number]) * 32 for number in (1, 2, 3))
    here = meeting(swarm, one, two)
    mine, theirs = proof.new_nonce(), proof.new_nonce()
    knock = proof.knock(here, mine, b"credential", 3)
    heard = proof.read_knock(here, knock)
    assert heard.credential == b"credential" and heard.serial == 3
    answer = proof.answer(here, heard, theirs, b"other", 4, b"list")
    said = proof.read_answer(here, mine, answer)
    assert said.revocations == b"list" and said.nonce == theirs
    entry = proof.entry(here, mine, theirs, b"news")
    assert proof.read_entry(here, mine, theirs, entry).revocations == b"news"

    elsewhere = [
        meeting(swarm, two, one),  # reflected
        meeting(swarm, third, two),  # by another peer
        meeting(swarm, one, third),  # to another peer
        meeting(swarm, one, two, "meadow/1/0000000b"),  # to another service
        replace(here, swarm_id=b"x" * 16),
        replace(here, key=b"x" * 32),
    ]
    for other in elsewhere:
        with pytest.raises(ProtocolError):
            proof.read_knock(other, knock)
        with pytest.raises(ProtocolError):
            proof.read_answer(other, mine, answer)
        with pytest.raises(ProtocolError):
            proof.read_entry(other, mine, theirs, entry)
    with pytest.raises(ProtocolError):
        proof.read_answer(here, proof.new_nonce(), answer)  # replayed to a later knock
    with pytest.raises(ProtocolError):
        proof.read_entry(here, mine, proof.new_nonce(), entry)  # replayed to a later answer
    with pytest.raises(ProtocolError):
        proof.read_answer(here, mine, knock)
    with pytest.raises(ProtocolError):
        proof.read_entry(here, mine, theirs, answer)


def test_every_changed_byte_of_a_proof_is_noticed(swarm: PrivateSwarm) -> None:
    here = meeting(swarm, b"a" * 32, b"b" * 32)
    knock = proof.knock(here, proof.new_nonce(), b"credential", 300)
    for position in range(len(knock)):
        changed = bytearray(knock)
        changed[position] ^= 0x21
        with pytest.raises(ProtocolError):
            proof.read_knock(here, bytes(changed))


FUZZ = settings(
    max_examples=1000, deadline=1000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(st.binary(max_size=600))
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\x91" * 500)
@example(b"\xc7\x10\x40" + bytes(16))
def test_hostile_bytes_give_protocol_error_only(data: bytes) -> None:
    here = proof.Meeting(b"k" * 32, b"s" * 16, b"a" * 32, b"b" * 32, "p")
    for read in (
        lambda: Credential.decode(data),
        lambda: Revocations.decode(data),
        lambda: Membership.decode(data),
        lambda: proof.read_knock(here, data),
        lambda: proof.read_answer(here, b"n" * 32, data),
        lambda: proof.read_entry(here, b"n" * 32, b"m" * 32, data),
    ):
        try:
            read()
        except ProtocolError:
            continue
        assert not data, "only an empty list of revocations is nothing"
