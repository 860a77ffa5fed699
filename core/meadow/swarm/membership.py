"""Who belongs to a private swarm: its secret, the owner's certificates, who was sent away. Pure: bytes in, data out.

A private swarm has a secret of 32 bytes. In one that is *open to holders* of the secret that is all. In one *by
invitation* a member also has a certificate: the owner's signature over (swarm, peer, expiry). A home may run several
processes with keys of their own; the certified key signs a short-lived :class:`Delegation` for those. The owner sends
people away with a signed list (:class:`Revocations`) that members hand on to each other; a later list replaces an
earlier one, and an entry may be dropped when the certificate it meant has expired anyway.

The id of a swarm is a hash of its owner's key and of its kind, so nobody can turn one kind into the other.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import msgpack  # type: ignore[import-untyped]

from meadow.errors import ProtocolError
from meadow.swarm.identity import KEY_BYTES, SIGNATURE_BYTES, Identity, key_from_peer_id, verify_key

SECRET_BYTES = 32
SWARM_ID_BYTES = 16
MAX_CREDENTIAL = 512
MAX_REVOKED = 1024
MAX_REVOCATIONS = 64 << 10
CERTIFICATE_SECONDS = 30 * 86400.0
"""How long a certificate lasts; the owner's node renews it when half of that is over."""
DELEGATION_SECONDS = 86400.0
LATEST_EXPIRY = 4102444800.0
"""2100-01-01: what claims to last longer is nonsense."""

_CERTIFICATE, _DELEGATION, _REVOCATIONS = "swarm-member", "swarm-delegate", "swarm-revoked"


def swarm_id_of(owner: bytes, *, by_invitation: bool) -> bytes:
    """The id of the swarm of this owner (raw public key) and kind."""
    if len(owner) != KEY_BYTES:
        raise ValueError("an owner is an Ed25519 public key of 32 bytes")
    return hashlib.sha256(b"meadow/1/swarm\0" + owner + (b"invitation" if by_invitation else b"secret")).digest()[
        :SWARM_ID_BYTES
    ]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The owner says that ``peer`` (raw public key) belongs to a swarm until ``expires`` (Unix seconds)."""

    peer: bytes
    expires: float
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delegation:
    """A certified peer says that ``peer`` (raw public key) is another process of its own home until ``expires``."""

    peer: bytes
    expires: float
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a member shows: a certificate and, for another process of the same home, a delegation."""

    certificate: Certificate
    delegation: Delegation | None = None

    @property
    def bearer(self) -> bytes:
        """The raw public key of the peer that may show this."""
        return self.certificate.peer if self.delegation is None else self.delegation.peer

    @property
    def expires(self) -> float:
        """When it stops to count (Unix seconds)."""
        times = [self.certificate.expires] + ([] if self.delegation is None else [self.delegation.expires])
        return min(times)

    def encode(self) -> bytes:
        """At most 512 bytes."""
        parts = [[one.peer, one.expires, one.signature] for one in (self.certificate, self.delegation) if one]
        encoded: bytes = msgpack.packb(parts, use_bin_type=True)
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> Credential:
        """Raises ProtocolError, and only that. Nothing is verified: see :meth:`Membership.accepts`."""
        parts = _unpack(encoded, MAX_CREDENTIAL)
        if type(parts) is not list or len(parts) not in (1, 2):
            raise ProtocolError("A malformed credential came from a peer.")
        fields = []
        for part in parts:
            if type(part) is not list or len(part) != 3:
                raise ProtocolError("A malformed credential came from a peer.")
            peer, expires, signature = part
            fields.append((_raw(peer, KEY_BYTES), _time(expires), _raw(signature, SIGNATURE_BYTES)))
        return cls(Certificate(*fields[0]), Delegation(*fields[1]) if len(fields) == 2 else None)


@dataclass(frozen=True, slots=True)
class Revocations:
    """Who was sent away: public keys with the time until which to remember that. ``serial`` grows with each list."""

    serial: int = 0
    entries: tuple[tuple[bytes, float], ...] = ()
    signature: bytes = field(default=b"", repr=False)

    def __contains__(self, peer: bytes) -> bool:
        return any(known == peer for known, _ in self.entries)

    def encode(self) -> bytes:
        """Empty for a list that says nothing, else at most 64 KiB."""
        if not self.serial:
            return b""
        encoded: bytes = msgpack.packb([self.serial, [list(entry) for entry in self.entries], self.signature])
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> Revocations:
        """Raises ProtocolError, and only that. Nothing is verified: see :meth:`Membership.with_revocations`."""
        if not encoded:
            return cls()
        parts = _unpack(encoded, MAX_REVOCATIONS)
        if type(parts) is not list or len(parts) != 3 or type(parts[0]) is not int or not 0 < parts[0] < 1 << 53:
            raise ProtocolError("A malformed list of revocations came from a peer.")
        if type(parts[1]) is not list or len(parts[1]) > MAX_REVOKED:
            raise ProtocolError("A malformed list of revocations came from a peer.")
        entries = []
        for entry in parts[1]:
            if type(entry) is not list or len(entry) != 2:
                raise ProtocolError("A malformed list of revocations came from a peer.")
            entries.append((_raw(entry[0], KEY_BYTES), _time(entry[1])))
        return cls(parts[0], tuple(entries), _raw(parts[2], SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True)
class Membership:
    """What one process knows of the private swarm that it is in. Holds the secret: never log it.

    ``owner`` is the raw public key of the owner, ``credential`` our own (None: not certified, or not needed).
    """

    owner: bytes
    secret: bytes = field(repr=False)
    by_invitation: bool = False
    credential: Credential | None = None
    revocations: Revocations = Revocations()

    def __post_init__(self) -> None:
        if len(self.owner) != KEY_BYTES or len(self.secret) != SECRET_BYTES:
            raise ValueError("a private swarm has an owner's key and a secret, of 32 bytes each")

    @property
    def swarm_id(self) -> bytes:
        """16 bytes."""
        return swarm_id_of(self.owner, by_invitation=self.by_invitation)

    def accepts(self, peer: bytes, credential: bytes, *, now: float) -> bool:
        """Whether the owner lets ``peer`` (raw public key) in, as far as ``credential`` (encoded) proves it.

        That the peer knows the secret, and is who it says, is proven elsewhere (``proof``).
        """
        if peer in self.revocations:
            return False
        if not self.by_invitation or peer == self.owner:
            return True
        try:
            shown = Credential.decode(credential)
        except ProtocolError:
            return False
        certificate, delegation = shown.certificate, shown.delegation
        if shown.bearer != peer or certificate.peer in self.revocations or not now < shown.expires:
            return False
        if not verify_key(
            self.owner, certificate.signature, self._says(certificate.peer, certificate.expires), domain=_CERTIFICATE
        ):
            return False
        return delegation is None or verify_key(
            certificate.peer, delegation.signature, self._says(peer, delegation.expires), domain=_DELEGATION
        )

    def certify(self, owner: Identity, peer_id: str, expires: float) -> Certificate:
        """Let a peer in. Raises ValueError when ``owner`` is not the owner."""
        self._must_own(owner)
        peer = key_from_peer_id(peer_id)
        return Certificate(peer, expires, owner.sign(self._says(peer, expires), domain=_CERTIFICATE))

    def delegate(self, certified: Identity, peer_id: str, *, now: float) -> Credential:
        """What another process of the home of ``certified`` shows. Raises ValueError without a credential for it."""
        if self.credential is None or self.credential.certificate.peer != certified.public_key:
            raise ValueError("only the certified key can speak for other processes")
        peer = key_from_peer_id(peer_id)
        expires = min(self.credential.certificate.expires, now + DELEGATION_SECONDS)
        signature = certified.sign(self._says(peer, expires), domain=_DELEGATION)
        return Credential(self.credential.certificate, Delegation(peer, expires, signature))

    def revoke(self, owner: Identity, entries: Iterable[tuple[bytes, float]]) -> Revocations:
        """The next list, with exactly these entries (raw public key, until when). Raises ValueError."""
        self._must_own(owner)
        chosen = tuple(sorted(entries))
        if len(chosen) > MAX_REVOKED:
            raise ValueError(f"a list holds at most {MAX_REVOKED} peers")
        unsigned = Revocations(self.revocations.serial + 1, chosen)
        return replace(unsigned, signature=owner.sign(self._listed(unsigned), domain=_REVOCATIONS))

    def with_revocations(self, news: Revocations) -> Membership:
        """With a list that somebody handed on, if it is later than ours and the owner's; else unchanged."""
        if news.serial <= self.revocations.serial or not verify_key(
            self.owner, news.signature, self._listed(news), domain=_REVOCATIONS
        ):
            return self
        return replace(self, revocations=news)

    def encode(self) -> bytes:
        """For another process of this home; secret."""
        credential = b"" if self.credential is None else self.credential.encode()
        parts = [self.owner, self.secret, self.by_invitation, credential, self.revocations.encode()]
        encoded: bytes = msgpack.packb(parts, use_bin_type=True)
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> Membership:
        """The inverse of :meth:`encode`. Raises ProtocolError."""
        parts = _unpack(encoded, MAX_REVOCATIONS + 4096)
        if type(parts) is not list or len(parts) != 5 or type(parts[2]) is not bool:
            raise ProtocolError("What this node knows of its private swarm cannot be read.")
        credential = Credential.decode(parts[3]) if parts[3] else None
        revocations = Revocations.decode(parts[4]) if parts[4] else Revocations()
        return cls(_raw(parts[0], KEY_BYTES), _raw(parts[1], SECRET_BYTES), parts[2], credential, revocations)

    def _says(self, peer: bytes, expires: float) -> bytes:
        signed: bytes = msgpack.packb([self.swarm_id, peer, float(expires)], use_bin_type=True)
        return signed

    def _listed(self, listed: Revocations) -> bytes:
        signed: bytes = msgpack.packb([self.swarm_id, listed.serial, [list(entry) for entry in listed.entries]])
        return signed

    def _must_own(self, owner: Identity) -> None:
        if owner.public_key != self.owner:
            raise ValueError("only the owner of a swarm decides who is in it")


def _unpack(encoded: bytes, most: int) -> Any:
    if not isinstance(encoded, bytes) or not 0 < len(encoded) <= most:
        raise ProtocolError("Something of an impossible size came from a peer.")
    try:
        return msgpack.unpackb(encoded, raw=False, ext_hook=_no_ext, max_map_len=0, timestamp=0)
    except (ValueError, TypeError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise ProtocolError("Something malformed came from a peer.") from error


def _no_ext(code: int, data: bytes) -> object:
    raise ValueError("extension types are not part of this")


def _raw(value: Any, size: int) -> bytes:
    if type(value) is not bytes or len(value) != size:
        raise ProtocolError("Something malformed came from a peer.")
    return value


def _time(value: Any) -> float:
    if type(value) is not float or not math.isfinite(value) or not 0 <= value <= LATEST_EXPIRY:
        raise ProtocolError("Something with an impossible expiry came from a peer.")
    return value
