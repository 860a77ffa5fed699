"""A peer id is a public key; its file is private, atomic and what p2pd reads."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meadow.errors import SwarmError
from meadow.swarm.identity import Identity, key_from_peer_id, peer_id_from_key, verify


def test_key_file_is_private_and_stable(tmp_path: Path) -> None:
    first = Identity.load_or_create(tmp_path / "keys" / "identity.key")
    again = Identity.load_or_create(first.path)
    assert first.peer_id == again.peer_id
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    assert list(first.path.parent.iterdir()) == [first.path], "a draft was left behind"
    raw = first.path.read_bytes()
    assert raw[:4] == bytes.fromhex("08011240") and len(raw) == 68
    assert peer_id_from_key(raw[-32:]) == first.peer_id


def test_loose_permissions_are_tightened(tmp_path: Path) -> None:
    path = Identity.temporary(tmp_path).path
    path.chmod(0o644)
    Identity.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    code = "import sys; from meadow.swarm.identity import Identity; print(Identity.load_or_create(sys.argv[1]).peer_id)"
    command = [sys.executable, "-c", code, str(tmp_path / "identity.key")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate(timeout=60)[0] for process in processes}) == 1


@pytest.mark.parametrize("damage", [b"", b"\x08\x01\x12\x40" + bytes(64), b"x" * 68, b"\x00" * 300])
def test_damaged_file_is_named_and_kept(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "identity.key"
    path.write_bytes(damage)
    with pytest.raises(SwarmError, match="Move it away"):
        Identity.load_or_create(path)
    assert path.read_bytes() == damage


def test_unwritable_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with nobody(), pytest.raises(SwarmError, match="permissions"):
        Identity.load_or_create(tmp_path / "identity.key")


@contextmanager
def nobody() -> Iterator[None]:
    """Root may write anywhere, so root becomes somebody else for a while."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_signatures_hold_for_one_key_one_domain_and_one_message(tmp_path: Path) -> None:
    ours, other = Identity.temporary(tmp_path), Identity.temporary(tmp_path)
    signature = ours.sign(b"data", domain="record")
    assert verify(ours.peer_id, signature, b"data", domain="record")
    assert not verify(ours.peer_id, signature, b"data", domain="hello")
    assert not verify(ours.peer_id, signature, b"Data", domain="record")
    assert not verify(other.peer_id, signature, b"data", domain="record")
    # The domain and the data cannot trade bytes.
    assert not verify(ours.peer_id, ours.sign(b"bc", domain="a"), b"c", domain="ab")


@given(st.text(max_size=80), st.binary(max_size=80))
def test_hostile_peer_ids_and_signatures_are_just_wrong(peer_id: str, signature: bytes) -> None:
    assert verify(peer_id, signature, b"data") is False


def test_long_peer_id_costs_nothing() -> None:
    # base58 would take minutes for this; the test's own time limit is the judge.
    with pytest.raises(ValueError):
        key_from_peer_id("12D3KooW" + "z" * 5_000_000)
