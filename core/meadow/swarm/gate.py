"""The one place that decides whom a node talks to: blocked and allowed peers, and the proof of a private swarm.

Every stream passes :meth:`Gate.accept` or :meth:`Gate.enter`, every call of the DHT passes a seal, and whom
:meth:`Gate.admits` refuses is neither dialled, asked, answered nor given as part of a route. The node's own gate also
lies in a file beside p2pd's socket, in the private run folder, so that its server processes and its chat engine decide
alike; they look at it again whenever it has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]

from meadow.errors import ProtocolError, ServerLost
from meadow.swarm import proof
from meadow.swarm.identity import KEY_BYTES, key_from_peer_id
from meadow.swarm.membership import MAX_REVOCATIONS, Credential, Membership, Revocations
from meadow.swarm.peerrules import MAX_RULES, PeerRules
from meadow.swarm.streams import MessageReader, MessageWriter, StreamClosed, read_message, write_message

PROOF_SECONDS = 10.0
_MAX_FILE = MAX_REVOCATIONS + 8192 + 2 * MAX_RULES * 40


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who has come in, and until when that holds (Unix seconds of the swarm; infinite where nobody is certified)."""

    until: float = float("inf")


class Gate:
    """See the module's text. Use from one asyncio loop."""

    def __init__(
        self,
        peer_id: str,
        clock: Callable[[], float],
        membership: Membership | None = None,
        rules: PeerRules | None = None,
        *,
        file: Path | None = None,
        owned: bool = True,
    ) -> None:
        """``file``: where other processes of this node look (``owned``), or where we look."""
        self.own_key = key_from_peer_id(peer_id)
        self._clock = clock
        self.membership, self.rules = membership, rules or PeerRules()
        self._file, self._owned = file, owned
        self._seen: tuple[int, int] | None = None
        self._accepted: dict[tuple[bytes, bytes], float] = {}
        self.on_change: list[Callable[[], None]] = []
        if owned:
            self._write()
        else:
            self.refresh()

    @property
    def is_private(self) -> bool:
        """Whether peers have to prove that they belong here."""
        return self.membership is not None

    def admits(self, peer: bytes | str) -> bool:
        """Whether we deal with this peer (raw public key, or peer id) at all. Our own node always may."""
        if isinstance(peer, str):
            peer = key_from_peer_id(peer)
        if peer == self.own_key:
            return True
        if peer in self.rules.blocked or (self.rules.allowed and peer not in self.rules.allowed):
            return False
        return self.membership is None or peer not in self.membership.revocations

    def change(self, *, membership: Membership | None = None, rules: PeerRules | None = None) -> None:
        """From now on. Whoever is listed in ``on_change`` is told."""
        if membership is not None:
            self.membership = membership
            self._accepted.clear()
        if rules is not None:
            self.rules = rules
        self._write()
        for tell in list(self.on_change):
            tell()

    def learn(self, encoded: bytes) -> None:
        """Take over a list of revocations that a member handed on, if it is news and the owner's."""
        if self.membership is None or not encoded:
            return
        news = self.membership.with_revocations(Revocations.decode(encoded))
        if news is not self.membership:
            self.change(membership=news)

    # Streams

    async def accept(
        self, peer_id: str, protocol: str, reader: MessageReader, writer: MessageWriter, *, certified: bool = True
    ) -> Admitted:
        """The accepting side of the proof; returns when the peer has proven itself.

        ``certified`` false is for the one protocol that gives certificates: it asks for the secret only. Raises
        ProtocolError (a stranger, who has got no answer), StreamClosed.
        """
        self.refresh()
        if not self.admits(peer_id):
            raise ProtocolError("A peer that is not wanted opened a stream.", code="unwanted")
        if self.membership is None:
            return Admitted()
        mine = self.membership
        meeting = self._meeting(key_from_peer_id(peer_id), self.own_key, protocol)
        knock = proof.read_knock(meeting, await read_message(reader, limit=proof.MAX_KNOCK, timeout=PROOF_SECONDS))
        until = self._until(meeting.opener, knock.credential, certified=certified)
        nonce = proof.new_nonce()
        write_message(
            writer,
            proof.answer(
                meeting, knock, nonce, self._credential(), mine.revocations.serial, self._news_for(knock.serial)
            ),
        )
        entry = proof.read_entry(
            meeting,
            knock.nonce,
            nonce,
            await read_message(reader, limit=proof.MAX_MESSAGE, timeout=PROOF_SECONDS),
        )
        self.learn(entry.revocations)
        if not self.admits(peer_id):
            raise ProtocolError("A peer that is not wanted opened a stream.", code="unwanted")
        return Admitted(until)

    async def enter(
        self,
        peer_id: str,
        protocol: str,
        reader: MessageReader,
        writer: MessageWriter,
        *,
        timeout: float = PROOF_SECONDS,
    ) -> None:
        """The opening side of the proof. Raises ServerLost (code "not_member") when the peer does not prove itself."""
        if self.membership is None:
            return
        mine = self.membership
        acceptor = key_from_peer_id(peer_id)
        meeting = self._meeting(self.own_key, acceptor, protocol)
        nonce = proof.new_nonce()
        try:
            write_message(writer, proof.knock(meeting, nonce, self._credential(), mine.revocations.serial))
            heard = proof.read_answer(
                meeting, nonce, await read_message(reader, limit=proof.MAX_MESSAGE, timeout=timeout)
            )
            self._until(acceptor, heard.credential, certified=True)
            self.learn(heard.revocations)
            if not self.admits(acceptor):
                raise ProtocolError("This peer was sent away.")
            write_message(writer, proof.entry(meeting, nonce, heard.nonce, self._news_for(heard.serial)))
        except (ProtocolError, StreamClosed) as error:
            writer.transport.abort()
            raise ServerLost(
                "A peer did not prove that it belongs to this private swarm, or does not believe that we do.",
                code="not_member",
            ) from error

    def must_admit(self, peer_id: str) -> None:
        """Before anything is sent to a peer. Raises ServerLost (code "unwanted")."""
        self.refresh()
        if not self.admits(peer_id):
            raise ServerLost("This peer is blocked, or was sent away from the private swarm.", code="unwanted")

    # Calls of the DHT. The messages are hivemind's protobufs, whose ``auth`` is ours to use.

    def seal_request(self, request: Any, called: bytes) -> None:
        """Before a request leaves for ``called`` (raw public key)."""
        if self.membership is not None:
            request.auth.nonce = os.urandom(16)
            request.auth.client_access_token.signature = self._credential()
            request.auth.signature = self._call_code(b"request", request, self.own_key, called)

    def check_request(self, request: Any, caller: bytes) -> None:
        """Before anything in a request is looked at. Raises ProtocolError."""
        if not self.admits(caller):
            raise ProtocolError("not wanted")
        if self.membership is None:
            return
        self._check_call(b"request", request, caller, self.own_key)
        self._until(caller, request.auth.client_access_token.signature, certified=True)

    def seal_response(self, response: Any, request: Any, caller: bytes) -> None:
        """Before an answer leaves for ``caller``."""
        if self.membership is not None:
            response.auth.nonce = request.auth.nonce
            response.auth.service_access_token.signature = self._credential()
            response.auth.signature = self._call_code(b"response", response, caller, self.own_key)

    def check_response(self, response: Any, request: Any, called: bytes) -> None:
        """Before anything in an answer is looked at. Raises ProtocolError."""
        if self.membership is None:
            return
        if response.auth.nonce != request.auth.nonce:
            raise ProtocolError("An answer to another question came from a peer.")
        self._check_call(b"response", response, self.own_key, called)
        self._until(called, response.auth.service_access_token.signature, certified=True)

    # Inside

    def refresh(self) -> None:
        """Look at the node's file again, if it has changed. Does nothing in the node itself."""
        if self._owned or self._file is None:
            return
        try:
            status = self._file.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if seen == self._seen:
                return
            membership, rules = _decode(self._file.read_bytes()[:_MAX_FILE])
        except FileNotFoundError:
            return  # the node has ended, and everything here soon will
        self._seen = seen
        if membership is not None and self.membership is not None:
            membership = membership.with_revocations(self.membership.revocations)
        self.membership, self.rules = membership, rules
        self._accepted.clear()

    def forget(self) -> None:
        """The node ends: so does its file."""
        if self._owned and self._file is not None:
            with suppress(OSError):
                self._file.unlink()

    def _write(self) -> None:
        if not self._owned or self._file is None:
            return
        draft = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_encode(self.membership, self.rules))
        os.replace(draft, self._file)

    def _meeting(self, opener: bytes, acceptor: bytes, protocol: str) -> proof.Meeting:
        assert self.membership is not None
        return proof.Meeting(self._key("streams"), self.membership.swarm_id, opener, acceptor, protocol)

    def _key(self, purpose: str) -> bytes:
        assert self.membership is not None
        return proof.derive(self.membership.secret, purpose)

    def _credential(self) -> bytes:
        assert self.membership is not None
        shown = self.membership.credential
        return b"" if shown is None else shown.encode()

    def _news_for(self, serial: int) -> bytes:
        assert self.membership is not None
        revocations = self.membership.revocations
        return revocations.encode() if revocations.serial > serial else b""

    def _until(self, peer: bytes, credential: bytes, *, certified: bool) -> float:
        """Until when ``peer`` is a member, as its credential says. Raises ProtocolError when it is none."""
        assert self.membership is not None
        now = self._clock()
        known = self._accepted.get((peer, credential))
        if known is not None and now < known:
            return known
        if not certified:
            if peer in self.membership.revocations:
                raise ProtocolError("A peer that was sent away knocks.", code="not_member")
            return float("inf")
        if not self.membership.accepts(peer, credential, now=now):
            raise ProtocolError("A peer showed no valid certificate.", code="not_member")
        until = float("inf")
        if self.membership.by_invitation and peer != self.membership.owner:
            until = Credential.decode(credential).expires
        if len(self._accepted) >= 4096:
            self._accepted.clear()
        self._accepted[peer, credential] = until  # a signature costs 70 microseconds, and members call often
        return until

    def _call_code(self, role: bytes, message: Any, caller: bytes, called: bytes) -> bytes:
        assert self.membership is not None
        message.auth.signature = b""
        kind = type(message).__name__
        body = message.SerializeToString(deterministic=True)
        return proof.seal(self._key("calls"), role, self.membership.swarm_id, caller, called, kind, body)

    def _check_call(self, role: bytes, message: Any, caller: bytes, called: bytes) -> None:
        code = message.auth.signature
        if not proof.equal(code, self._call_code(role, message, caller, called)):
            raise ProtocolError("A call came from somebody who does not belong to this swarm.")


def gate_file(control_path: str) -> Path:
    """Where a node's other processes find its gate: beside p2pd's socket, for the eyes of this user only."""
    return Path(control_path + ".gate")


def _encode(membership: Membership | None, rules: PeerRules) -> bytes:
    parts = [b"" if membership is None else membership.encode(), sorted(rules.allowed), sorted(rules.blocked)]
    encoded: bytes = msgpack.packb(parts, use_bin_type=True)
    return encoded


def _decode(encoded: bytes) -> tuple[Membership | None, PeerRules]:
    """Only ever written by our own node; still nothing but what belongs there is taken."""
    try:
        membership, allowed, blocked = msgpack.unpackb(encoded, max_map_len=0, max_ext_len=0)
        keys = [*allowed, *blocked]
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ProtocolError("The node's list of peers cannot be read. Start the node anew.") from error
    if any(type(key) is not bytes or len(key) != KEY_BYTES for key in keys):
        raise ProtocolError("The node's list of peers cannot be read. Start the node anew.")
    rules = PeerRules(frozenset(allowed), frozenset(blocked))
    return (Membership.decode(membership) if membership else None), rules


__all__ = ["Admitted", "Gate", "PeerRules", "gate_file"]
