"""The swarms of a home: founded, joined, invited to, left; what others must not read is private."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from meadow.errors import MeadowError, SwarmError
from meadow.platform.paths import Paths
from meadow.swarm.book import INVITATION_SECONDS, SwarmBook, UnknownSwarm
from meadow.swarm.identity import Identity
from meadow.swarm.invitation import Invitation, format_link, parse_link

NOW = 1_800_000_000.0


def home(tmp_path: Path, name: str) -> SwarmBook:
    return SwarmBook(Paths.of(tmp_path / name))


def address(peer_id: str) -> tuple[str, ...]:
    return (f"/ip4/127.0.0.1/tcp/4001/p2p/{peer_id}",)


def test_found_invite_join_admit(tmp_path: Path) -> None:
    owners, friends = home(tmp_path, "a"), home(tmp_path, "b")
    street = owners.new("Our street", by_invitation=True)
    assert street.is_owner and owners.current() is None and owners.entries() == [street]
    owners.use("Our street")
    link = format_link(owners.invite("Our street", address(street.owner), note="Fern", now=NOW))
    joined = friends.join(parse_link(link))
    assert (joined.id, joined.name, joined.owner, joined.is_owner) == (street.id, street.name, street.owner, False)
    friend = friends.sit(joined.id, tmp_path)
    assert friend.membership.credential is None

    certificate = owners.admit(street.id, friend.identity.peer_id, joined.token, now=NOW)
    assert certificate is not None
    other = Identity.temporary(tmp_path)
    assert owners.admit(street.id, other.peer_id, joined.token, now=NOW) is None, "an invitation works once"
    assert owners.admit(street.id, other.peer_id, b"", now=NOW) is None
    assert owners.admit(street.id, other.peer_id, os.urandom(16), now=NOW) is None
    assert owners.admit(street.id, friend.identity.peer_id, joined.token, now=NOW) is not None, "an answer got lost"
    later = owners.admit(street.id, friend.identity.peer_id, b"", now=NOW + 86400 * 20)
    assert later is not None and later.expires > certificate.expires
    (member,) = owners.find(street.id).members.values()
    assert member.note == "Fern" and not member.revoked

    changed = owners.revoke(street.id, friend.identity.peer_id, now=NOW + 86400 * 20)
    assert friend.identity.public_key in changed.revocations
    assert owners.admit(street.id, friend.identity.peer_id, joined.token, now=NOW + 86400 * 20) is None
    assert owners.find(street.id).membership() == changed


def test_invitations_end(tmp_path: Path) -> None:
    owners = home(tmp_path, "a")
    street = owners.new("street", by_invitation=True)
    invitation = owners.invite("street", address(street.owner), now=NOW)
    guest = Identity.temporary(tmp_path)
    assert owners.admit(street.id, guest.peer_id, invitation.token, now=NOW + INVITATION_SECONDS) is None
    with pytest.raises(SwarmError, match="address"):
        owners.invite("street", ())


def test_members_of_a_swarm_with_one_secret_invite_each_other(tmp_path: Path) -> None:
    first, second, third = (home(tmp_path, name) for name in "abc")
    garden = first.new("garden", by_invitation=False)
    second.join(first.invite("garden", address(garden.owner)))
    invitation = second.invite("garden", ())
    assert invitation.peers == address(garden.owner) and not invitation.token
    assert third.join(parse_link(format_link(invitation))).membership().secret == garden.secret
    with pytest.raises(SwarmError, match="new one"):
        first.revoke("garden", garden.owner)
    with pytest.raises(SwarmError):
        second.revoke("garden", garden.owner)


def test_only_the_owner_invites_by_name(tmp_path: Path) -> None:
    owners, friends = home(tmp_path, "a"), home(tmp_path, "b")
    street = owners.new("street", by_invitation=True)
    friends.join(owners.invite("street", address(street.owner)))
    for attempt in (
        lambda: friends.invite("street", ()),
        lambda: friends.revoke("street", street.owner),
        lambda: owners.revoke("street", street.owner),
        lambda: owners.revoke("street", "nobody"),
    ):
        with pytest.raises(SwarmError):
            attempt()


def test_use_and_leave(tmp_path: Path) -> None:
    book = home(tmp_path, "a")
    garden = book.new("garden", by_invitation=False)
    public = book.join(Invitation("public", "everybody", address(garden.owner)))
    assert not public.is_private and len(book.entries()) == 2
    assert book.use("garden") == garden and book.current() == garden
    assert book.use(None) is None and book.current() is None
    book.use(garden.id)
    key = book.file.parent / f"{garden.id}.key"
    assert key.exists()
    book.leave("garden")
    assert book.current() is None and book.entries() == [public] and not key.exists()
    with pytest.raises(UnknownSwarm):
        book.find("garden")


def test_every_process_of_a_home_has_a_key_of_its_own(tmp_path: Path) -> None:
    book = home(tmp_path, "a")
    street = book.new("street", by_invitation=True)
    first, second = book.sit("street", tmp_path), book.sit("street", tmp_path)
    assert first.identity.peer_id == street.owner != second.identity.peer_id
    bare = replace(street.membership(), credential=None)
    for seat in (first, second):
        assert seat.membership.credential is not None
        assert bare.accepts(seat.identity.public_key, seat.membership.credential.encode(), now=time.time())
    first.release()
    third = book.sit("street", tmp_path)
    assert third.identity.peer_id == street.owner
    third.release()


def test_the_file_is_private_and_damage_is_named(tmp_path: Path) -> None:
    book = home(tmp_path, "a")
    garden = book.new("garden", by_invitation=False)
    assert stat.S_IMODE(book.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(book.file.parent.stat().st_mode) == 0o700
    text = book.file.read_text()
    for damage in (
        "{",
        "[]",
        text.replace(garden.id, "../" + garden.id[3:]),
        text.replace('"version": 1', '"version": 2'),
    ):
        book.file.write_text(damage)
        with pytest.raises(MeadowError, match="swarms"):
            book.entries()
    book.file.write_text(text)
    book.file.chmod(0o644)
    with pytest.raises(MeadowError, match="no secret"):
        book.entries()


@pytest.mark.parametrize("name", ["", " a", "a" * 65, "a\nb", "\u202eabc"])
def test_names(tmp_path: Path, name: str) -> None:
    book = home(tmp_path, "a")
    with pytest.raises(SwarmError, match="name"):
        book.new(name, by_invitation=False)
    assert book.entries() == [] and list(book.file.parent.glob("*.key")) == []


def test_two_swarms_of_one_name(tmp_path: Path) -> None:
    book, other = home(tmp_path, "a"), home(tmp_path, "b")
    book.new("garden", by_invitation=False)
    with pytest.raises(SwarmError, match="already"):
        book.new("garden", by_invitation=True)
    theirs = other.new("garden", by_invitation=False)
    book.join(other.invite("garden", address(theirs.owner)))
    with pytest.raises(UnknownSwarm, match="Several"):
        book.find("garden")
    assert book.find(theirs.id).id == theirs.id
