"""How two peers prove to each other that they belong to the same private swarm. Pure: bytes in, bytes out.

libp2p has proven both peer ids already, so a proof that names both is worth nothing to anybody else: it cannot be
replayed by, reflected to or relayed between other peers. No clock is part of it.

In front of a stream, three messages (O opens it, A accepts it)::

    Knock    O -> A   a nonce, and a code over it: a stranger cannot make it and gets not one byte of an answer
    Answer   A -> O   A's nonce, and a code over both
    Entry    O -> A   a code over both: O is here and now

Knock and Answer carry the certificate of who sends it; all carry the serial of the list of revocations, and Answer
and Entry the list itself when the other side's is older. Every code covers the roles, the swarm, both peers, the name
of the protocol and everything else in the message.

In front of each call of the DHT, :func:`seal` codes the whole request, and the answer with the request's nonce.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]

from meadow.errors import ProtocolError
from meadow.swarm.membership import MAX_CREDENTIAL, MAX_REVOCATIONS

NONCE_BYTES = 32
CODE_BYTES = 32
MAX_MESSAGE = MAX_REVOCATIONS + 2 * MAX_CREDENTIAL
MAX_KNOCK = MAX_CREDENTIAL + 256


@dataclass(frozen=True, slots=True)
class Meeting:
    """What both sides know of a stream: whose it is and what for. ``opener`` and ``acceptor`` are raw public keys."""

    key: bytes
    swarm_id: bytes
    opener: bytes
    acceptor: bytes
    protocol: str

    def code(self, role: bytes, *parts: bytes) -> bytes:
        """32 bytes that only a holder of the key can make, for this role and these parts in this order."""
        return _code(self.key, role, self.swarm_id, self.opener, self.acceptor, self.protocol.encode(), *parts)


@dataclass(frozen=True, slots=True)
class Knock:
    """The opener's first message."""

    nonce: bytes
    credential: bytes
    serial: int
    code: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the acceptor says to a knock that is right."""

    nonce: bytes
    credential: bytes
    serial: int
    revocations: bytes
    code: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """The opener's last message."""

    revocations: bytes
    code: bytes


def derive(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose, from the secret of the swarm."""
    return hmac.digest(secret, b"meadow/1/" + purpose.encode(), "sha256")


def new_nonce() -> bytes:
    """32 fresh random bytes."""
    return os.urandom(NONCE_BYTES)


def knock(meeting: Meeting, nonce: bytes, credential: bytes, serial: int) -> bytes:
    """The opener begins."""
    code = meeting.code(b"knock", nonce, credential, _number(serial))
    return _pack(nonce, credential, serial, code)


def read_knock(meeting: Meeting, data: bytes) -> Knock:
    """Raises ProtocolError unless it comes from a holder of the secret, for this very meeting."""
    nonce, credential, serial, code = _unpack(data, (bytes, bytes, int, bytes))
    found = Knock(_nonce(nonce), _short(credential), _serial(serial), code)
    _check(code, meeting.code(b"knock", nonce, credential, _number(serial)))
    return found


def answer(
    meeting: Meeting, heard: Knock, nonce: bytes, credential: bytes, serial: int, revocations: bytes = b""
) -> bytes:
    """The acceptor's side. ``revocations``: our list, if theirs is older."""
    code = meeting.code(b"answer", heard.nonce, nonce, credential, _number(serial), revocations)
    return _pack(nonce, credential, serial, revocations, code)


def read_answer(meeting: Meeting, ours: bytes, data: bytes) -> Answer:
    """``ours`` is the nonce of our knock. Raises ProtocolError unless the acceptor has proven itself."""
    nonce, credential, serial, revocations, code = _unpack(data, (bytes, bytes, int, bytes, bytes))
    found = Answer(_nonce(nonce), _short(credential), _serial(serial), revocations, code)
    _check(code, meeting.code(b"answer", ours, nonce, credential, _number(serial), revocations))
    return found


def entry(meeting: Meeting, ours: bytes, theirs: bytes, revocations: bytes = b"") -> bytes:
    """The opener ends. ``ours`` and ``theirs`` are the two nonces."""
    return _pack(revocations, meeting.code(b"entry", ours, theirs, revocations))


def read_entry(meeting: Meeting, theirs: bytes, ours: bytes, data: bytes) -> Entry:
    """``theirs`` is the opener's nonce. Raises ProtocolError unless the opener has proven that it is here now."""
    revocations, code = _unpack(data, (bytes, bytes))
    _check(code, meeting.code(b"entry", theirs, ours, revocations))
    return Entry(revocations, code)


def seal(key: bytes, role: bytes, swarm_id: bytes, caller: bytes, called: bytes, kind: str, *parts: bytes) -> bytes:
    """The code of a call of the DHT: ``role`` is request or response, ``kind`` the type of the message."""
    return _code(key, role, swarm_id, caller, called, kind.encode(), *parts)


def equal(code: bytes, expected: bytes) -> bool:
    """Compares without telling by its time where they differ."""
    return hmac.compare_digest(code, expected)


def _code(key: bytes, *parts: bytes) -> bytes:
    # Lengths in front, so that no two lists of parts give the same bytes.
    return hmac.digest(key, b"".join(len(part).to_bytes(4, "big") + part for part in parts), hashlib.sha256)


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _pack(*values: Any) -> bytes:
    packed: bytes = msgpack.packb(list(values), use_bin_type=True)
    return packed


def _unpack(data: bytes, kinds: tuple[type, ...]) -> list[Any]:
    if not 0 < len(data) <= MAX_MESSAGE:
        raise ProtocolError("A proof of an impossible size came from a peer.")
    try:
        values = msgpack.unpackb(data, max_array_len=8, max_map_len=0, max_ext_len=0)
    except (ValueError, TypeError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise ProtocolError("A malformed proof came from a peer.") from error
    if type(values) is not list or [type(value) for value in values] != list(kinds):
        raise ProtocolError("A malformed proof came from a peer.")
    return values


def _nonce(value: bytes) -> bytes:
    if len(value) != NONCE_BYTES:
        raise ProtocolError("A malformed proof came from a peer.")
    return value


def _short(value: bytes) -> bytes:
    if len(value) > MAX_CREDENTIAL:
        raise ProtocolError("A malformed proof came from a peer.")
    return value


def _serial(value: int) -> int:
    if not 0 <= value < 1 << 53:
        raise ProtocolError("A malformed proof came from a peer.")
    return value


def _check(code: bytes, expected: bytes) -> None:
    if not equal(code, expected):
        raise ProtocolError("A peer did not prove that it belongs to this swarm.")
