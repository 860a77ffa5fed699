"""The swarms that this home belongs to: a private file, read and written whole, because it holds secrets.

No swarm chosen means the public one of the settings. The key of a private swarm lies beside the file, one for each
swarm, so that nobody can tell from peer ids that a person is in two of them. The owner's key is the key of the owner's
node: whoever owns a swarm should keep a copy of the folder ``swarms``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock as LockFile

from meadow.errors import MeadowError, ProtocolError, SwarmError
from meadow.platform.paths import FileLock, Paths, private_folder
from meadow.privatefile import read_private, write_private
from meadow.swarm.identity import Identity, is_peer_id, key_from_peer_id
from meadow.swarm.invitation import MAX_PEERS, TOKEN_BYTES, Invitation, is_swarm_name
from meadow.swarm.membership import (
    CERTIFICATE_SECONDS,
    LATEST_EXPIRY,
    MAX_REVOKED,
    SECRET_BYTES,
    Certificate,
    Credential,
    Membership,
    Revocations,
)

INVITATION_SECONDS = 7 * 86400.0
MAX_MEMBERS = 4096
MAX_TOKENS = 512
MAX_SWARMS = 64
_MAX_FILE = 4 << 20
_WHAT = "file of your swarms"
T = TypeVar("T")


class UnknownSwarm(MeadowError):
    """This home is in no such swarm."""

    code = "unknown_swarm"


@dataclass(frozen=True, slots=True)
class Token:
    """An invitation that the owner gave: until when it works, for whom (a note), and who has used it."""

    until: float
    note: str = ""
    used_by: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody whom the owner let in: a note, since when, until when the certificate lasts, and whether sent away."""

    note: str
    since: float
    until: float
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One swarm. ``kind`` as in an Invitation; the fields below ``owner`` are for private ones."""

    id: str
    name: str
    kind: str
    peers: tuple[str, ...]
    owner: str = ""
    is_owner: bool = False
    secret: bytes = field(default=b"", repr=False)
    token: bytes = field(default=b"", repr=False)
    credential: bytes = field(default=b"", repr=False)
    revocations: bytes = field(default=b"", repr=False)
    tokens: dict[str, Token] = field(default_factory=dict, repr=False)
    members: dict[str, Member] = field(default_factory=dict, repr=False)

    @property
    def is_private(self) -> bool:
        """Whether it answers members only."""
        return self.kind != "public"

    def membership(self) -> Membership:
        """What a process of this home needs to be in it. Raises ProtocolError when the file is damaged."""
        return Membership(
            key_from_peer_id(self.owner),
            self.secret,
            self.kind == "invitation",
            Credential.decode(self.credential) if self.credential else None,
            Revocations.decode(self.revocations),
        )


@dataclass(slots=True)
class Seat:
    """The key under which one process of this home is in a private swarm, and what it shows there."""

    entry: Entry
    identity: Identity
    membership: Membership
    lock: FileLock | None = None
    """Held while the home's own key is in use; others get a key that this one vouches for."""

    def release(self) -> None:
        """Let another process have the home's own key."""
        if self.lock is not None:
            self.lock.release()
            self.lock = None


class SwarmBook:
    """See the module's text. Every method reads the file anew, so several processes may use it; all may block."""

    def __init__(self, paths: Paths) -> None:
        self._folder = paths.data / "swarms"
        self.file = self._folder / "swarms.json"

    # Reading

    def entries(self) -> list[Entry]:
        """All swarms, by name."""
        return sorted(self._read()[1].values(), key=lambda entry: (entry.name, entry.id))

    def current(self) -> Entry | None:
        """The one in use; None: the public one of the settings."""
        current, entries = self._read()
        return entries.get(current)

    def find(self, which: str) -> Entry:
        """By name or id. Raises UnknownSwarm."""
        return _find(self._read()[1], which)

    # Being in swarms

    def new(self, name: str, *, by_invitation: bool) -> Entry:
        """Found a private swarm, with a key of its own. Raises SwarmError when the name will not do."""
        _name(name)
        draft = private_folder(self._folder) / f"new-{secrets.token_hex(4)}.key"
        owner = Identity.load_or_create(draft)
        secret = os.urandom(SECRET_BYTES)
        bare = Membership(owner.public_key, secret, by_invitation)
        certificate = bare.certify(owner, owner.peer_id, LATEST_EXPIRY)
        entry = Entry(
            id=bare.swarm_id.hex(),
            name=_name(name),
            kind="invitation" if by_invitation else "secret",
            peers=(),
            owner=owner.peer_id,
            is_owner=True,
            secret=secret,
            credential=Credential(certificate).encode(),
        )
        try:
            self._change(lambda current, entries: (current, _with(entries, entry)))
            draft.replace(self._key(entry))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return entry

    def join(self, invitation: Invitation) -> Entry:
        """Take an invitation; nothing is dialled yet. One that is known gets the new addresses and token."""
        public = hashlib.sha256("\0".join(("public", *invitation.peers)).encode()).hexdigest()[:32]
        joined = Entry(
            id=invitation.swarm_id or public,
            name=invitation.name,
            kind=invitation.kind,
            peers=invitation.peers,
            owner=invitation.owner,
            secret=invitation.secret,
            token=invitation.token,
        )

        def change(current: str, entries: dict[str, Entry]) -> tuple[str, dict[str, Entry]]:
            nonlocal joined
            known = entries.get(joined.id)
            if known is not None:
                peers = tuple(dict.fromkeys((*invitation.peers, *known.peers)))[:MAX_PEERS]
                joined = replace(known, peers=peers, token=invitation.token or known.token)
            return current, _with(entries, joined)

        self._change(change)
        return joined

    def use(self, which: str | None) -> Entry | None:
        """Choose the swarm that this home uses; None: the public one of the settings. Raises UnknownSwarm."""
        if which is None:
            self._change(lambda current, entries: ("", entries))
            return None
        entry = self.find(which)
        self._change(lambda current, entries: (_find(entries, entry.id).id, entries))
        return entry

    def leave(self, which: str) -> Entry:
        """Forget a swarm, its secret and our key in it. Raises UnknownSwarm."""
        entry = self.find(which)

        def change(current: str, entries: dict[str, Entry]) -> tuple[str, dict[str, Entry]]:
            return "" if current == entry.id else current, {
                key: value for key, value in entries.items() if key != entry.id
            }

        self._change(change)
        self._key(entry).unlink(missing_ok=True)
        (self._folder / f"{entry.id}.peers.json").unlink(missing_ok=True)
        return entry

    def remember(
        self,
        swarm_id: str,
        *,
        peers: tuple[str, ...] | None = None,
        credential: bytes | None = None,
        revocations: bytes | None = None,
    ) -> None:
        """What the node has learnt. Raises UnknownSwarm."""

        def change(entry: Entry) -> Entry:
            if peers is not None:
                entry = replace(entry, peers=peers[:MAX_PEERS])
            if credential is not None:
                entry = replace(entry, credential=credential, token=b"")
            if revocations is not None:
                entry = replace(entry, revocations=revocations)
            return entry

        self._edit(swarm_id, change)

    def sit(self, which: str, spare: Path, *, own: bool = True) -> Seat:
        """The key for one more process in a private swarm; the second and later ones get one made in ``spare``, as do
        those that leave the home's own key to the node (``own`` false).

        Raises SwarmError when that needs a certificate that this home does not have yet.
        """
        entry = self.find(which)
        membership = entry.membership()
        private_folder(self._folder)
        certified = Identity.load_or_create(self._key(entry))
        try:
            if own:
                return Seat(entry, certified, membership, FileLock(certified.path))
        except BlockingIOError:
            pass
        identity = Identity.temporary(spare)
        if membership.by_invitation:
            if membership.credential is None:
                raise SwarmError(
                    "The owner of this swarm has not confirmed the invitation yet. Let the node of this home run in it "
                    "until then (`meadow node`), while the owner's runs too.",
                    code="not_member",
                )
            membership = replace(
                membership, credential=membership.delegate(certified, identity.peer_id, now=time.time())
            )
        return Seat(entry, identity, membership)

    # What only the owner can do

    def invite(self, which: str, peers: tuple[str, ...], *, note: str = "", now: float | None = None) -> Invitation:
        """An invitation: for a swarm by invitation one that works once, within a week.

        Raises SwarmError when this home may not invite, or no address is known.
        """
        entry = self.find(which)
        now = time.time() if now is None else now
        if not (peers := (peers or entry.peers)[:MAX_PEERS]):
            raise SwarmError(
                "Nobody could find this swarm through an invitation yet: no address of it is known. Start the node in "
                "it (`meadow node`), then invite.",
                code="not_joined",
            )
        if entry.kind != "invitation":
            return Invitation(entry.kind, entry.name, peers, entry.owner, entry.secret)
        _must_own(entry)
        token = os.urandom(TOKEN_BYTES)

        def change(entry: Entry) -> Entry:
            open_ones = {key: one for key, one in entry.tokens.items() if one.until > now}
            if len(open_ones) >= MAX_TOKENS:
                raise SwarmError("Too many invitations are open. They end after a week.", code="too_many")
            return replace(entry, tokens=open_ones | {token.hex(): Token(now + INVITATION_SECONDS, _note(note))})

        self._edit(entry.id, change)
        return Invitation(entry.kind, entry.name, peers, entry.owner, entry.secret, token)

    def admit(self, swarm_id: str, peer_id: str, token: bytes, *, now: float | None = None) -> Certificate | None:
        """A certificate for who brings an invitation that nobody else has used, or is a member; else None."""
        now = time.time() if now is None else now
        certificate: Certificate | None = None

        def change(entry: Entry) -> Entry:
            nonlocal certificate
            member = entry.members.get(peer_id)
            invited = entry.tokens.get(token.hex())
            if invited is not None and (not now < invited.until or invited.used_by not in ("", peer_id)):
                invited = None
            if not entry.is_owner or entry.kind != "invitation" or (member is not None and member.revoked):
                return entry
            if (invited is None and member is None) or (member is None and len(entry.members) >= MAX_MEMBERS):
                return entry
            certificate = entry.membership().certify(self._owner(entry), peer_id, now + CERTIFICATE_SECONDS)
            note = member.note if member is not None else invited.note if invited is not None else ""
            since = member.since if member is not None else now
            tokens = entry.tokens
            if invited is not None:
                tokens = tokens | {token.hex(): replace(invited, used_by=peer_id)}
            members = entry.members | {peer_id: Member(note, since, certificate.expires)}
            return replace(entry, tokens=tokens, members=members)

        self._edit(swarm_id, change)
        return certificate

    def revoke(self, which: str, peer_id: str, *, now: float | None = None) -> Membership:
        """Send a member away: returns what the node is to tell the others. Raises SwarmError."""
        entry = self.find(which)
        now = time.time() if now is None else now
        if entry.kind != "invitation":
            raise SwarmError(
                "In a swarm with one shared secret nobody can be sent away: whoever knows the secret can come back "
                "under another name. Found a new one (`meadow swarm new NAME --by-invitation`) and invite the others.",
                code="unsupported",
            )
        _must_own(entry)
        if not is_peer_id(peer_id):
            raise SwarmError("Name the member by its peer id (12D3Koo...): `meadow swarm members` lists them.")
        if peer_id == entry.owner:
            raise SwarmError("The owner cannot be sent away. `meadow swarm leave` forgets the swarm on this machine.")
        changed = entry.membership()

        def change(entry: Entry) -> Entry:
            nonlocal changed
            changed = entry.membership()
            known = entry.members.get(peer_id, Member("", now, now + CERTIFICATE_SECONDS))
            # A certificate that was renewed a moment ago lasts that long; a day more for clocks.
            until = max(known.until, now) + 86400.0
            kept = [one for one in changed.revocations.entries if one[1] > now and one[0] != key_from_peer_id(peer_id)]
            if len(kept) >= MAX_REVOKED:
                raise SwarmError("Too many members were sent away. Found a new swarm.", code="too_many")
            list_ = changed.revoke(self._owner(entry), [*kept, (key_from_peer_id(peer_id), until)])
            changed = changed.with_revocations(list_)
            members = entry.members | {peer_id: replace(known, revoked=True)}
            return replace(entry, members=members, revocations=list_.encode())

        self._edit(entry.id, change)
        return changed

    # Inside

    def _owner(self, entry: Entry) -> Identity:
        return Identity.load_or_create(self._key(entry))

    def _key(self, entry: Entry) -> Path:
        return self._folder / f"{entry.id}.key"

    def _edit(self, swarm_id: str, edit: Callable[[Entry], Entry]) -> None:
        self._change(lambda current, entries: (current, entries | {swarm_id: edit(_find(entries, swarm_id))}))

    def _change(self, change: Callable[[str, dict[str, Entry]], tuple[str, dict[str, Entry]]]) -> None:
        private_folder(self._folder)
        with LockFile(self._folder / "swarms.lock", mode=0o600):
            before = self._read()
            after = change(*before)
            if after != before:
                text = json.dumps({"version": 1, "current": after[0], "swarms": list(map(_to_json, after[1].values()))})
                write_private(self.file, text, what=_WHAT, replace=True)

    def _read(self) -> tuple[str, dict[str, Entry]]:
        remedy = "Move it away; what it held must be joined again."
        try:
            text = read_private(self.file, _MAX_FILE, what=_WHAT, remedy=remedy)
        except FileNotFoundError:
            return "", {}
        try:
            document = json.loads(text)
            if document["version"] != 1:
                raise SwarmError(f"The {_WHAT} {self.file} is of a newer Meadow. Update Meadow.", code="swarms_file")
            entries = {entry.id: entry for entry in map(_from_json, document["swarms"])}
            return str(document["current"]), entries
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ProtocolError) as error:
            raise SwarmError(f"The {_WHAT} {self.file} cannot be read. {remedy}", code="swarms_file") from error


def _find(entries: dict[str, Entry], which: str) -> Entry:
    found = [entry for entry in entries.values() if which in (entry.id, entry.name)]
    if len(found) > 1:
        raise UnknownSwarm("Several swarms have this name. Use the id: `meadow swarm` lists them.")
    if not found:
        raise UnknownSwarm("This home is in no such swarm. `meadow swarm` lists those that it is in.")
    return found[0]


def _with(entries: dict[str, Entry], entry: Entry) -> dict[str, Entry]:
    if entry.id not in entries:
        if len(entries) >= MAX_SWARMS:
            raise SwarmError(f"A home can be in {MAX_SWARMS} swarms. Leave one first.", code="too_many")
        if any(other.name == entry.name for other in entries.values()) and entry.is_owner:
            raise SwarmError("A swarm of this home has this name already. Choose another.", code="conflict")
    return entries | {entry.id: entry}


def _must_own(entry: Entry) -> None:
    if not entry.is_owner:
        raise SwarmError("Only the owner of this swarm decides who is in it. Ask the owner.", code="not_owner")


def _name(text: str) -> str:
    if not is_swarm_name(text):
        raise SwarmError("A swarm's name has 1 to 64 printable characters, with no space at its ends.", code="bad_name")
    return text


def _note(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:64].strip()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _to_json(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "kind": entry.kind,
        "peers": list(entry.peers),
        "owner": entry.owner,
        "is_owner": entry.is_owner,
        "secret": _text(entry.secret),
        "token": _text(entry.token),
        "credential": _text(entry.credential),
        "revocations": _text(entry.revocations),
        "tokens": {key: [one.until, one.note, one.used_by] for key, one in entry.tokens.items()},
        "members": {key: [one.note, one.since, one.until, one.revoked] for key, one in entry.members.items()},
    }


def _from_json(fields: dict[str, Any]) -> Entry:
    raw = {name: base64.b64decode(fields[name]) for name in ("secret", "token", "credential", "revocations")}
    entry = Entry(
        id=str(fields["id"]),
        name=fields["name"],
        kind=fields["kind"],
        peers=tuple(map(str, fields["peers"])),
        owner=str(fields["owner"]),
        is_owner=bool(fields["is_owner"]),
        tokens={key: Token(*value) for key, value in fields["tokens"].items()},
        members={key: Member(*value) for key, value in fields["members"].items()},
        **raw,
    )
    if not is_swarm_name(entry.name):
        raise ValueError("name")
    if len(entry.id) != 32 or not set(entry.id) <= set("0123456789abcdef"):
        raise ValueError("id")  # it becomes the name of a file
    if entry.is_private and entry.membership().swarm_id.hex() != entry.id:
        raise ValueError("id")
    return entry
