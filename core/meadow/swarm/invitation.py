"""Invitation links: ``meadow://join?v=1&k=KIND&n=NAME&p=ADDRESS...``. Pure, strict and bounded: anybody can make one.

The grammar (all fields percent-encoded where needed; each once, only ``p`` up to 8 times; at most 2048 characters)::

    v   1
    k   public | secret | invitation
    n   the name that its owner gave the swarm: 1 to 64 printable characters
    p   a peer to join through: /ip4/192.0.2.7/tcp/31337/p2p/12D3Koo...
    o   the owner's peer id                            only for private swarms
    s   the secret: 32 bytes in URL-safe base64        only for private swarms
    t   an invitation that works once: 16 bytes, base64; the owner's node knows until when    only for k=invitation

A link of a private swarm is a secret. What it names is never dialled, joined or shown before a person said so.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

from meadow.errors import MeadowError
from meadow.swarm.addresses import split_peer
from meadow.swarm.identity import is_peer_id, key_from_peer_id
from meadow.swarm.membership import SECRET_BYTES, swarm_id_of

MAX_LINK = 2048
MAX_PEERS = 8
MAX_NAME = 64
TOKEN_BYTES = 16
KINDS = ("public", "secret", "invitation")
_PREFIX = "meadow://join?"
_ONCE = ("v", "k", "n", "o", "s", "t")
_BASE64 = re.compile(r"[A-Za-z0-9_-]{22,43}")
_ESCAPED = re.compile(r"(?:[A-Za-z0-9._~/:@!$'()*,;+-]|%[0-9A-Fa-f]{2})*")


class BadLink(MeadowError):
    """A text that is no invitation, or a damaged one."""

    code = "bad_link"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a link says. ``kind``: one of KINDS. ``owner`` is a peer id, ``secret`` and ``token`` raw bytes."""

    kind: str
    name: str
    peers: tuple[str, ...]
    owner: str = ""
    secret: bytes = field(default=b"", repr=False)
    token: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError("kind")
        if not is_swarm_name(self.name):
            raise ValueError("name")
        if not 0 < len(self.peers) <= MAX_PEERS or len(set(self.peers)) != len(self.peers):
            raise ValueError("peers")
        for peer in self.peers:
            split_peer(peer)
        private = self.kind != "public"
        if is_peer_id(self.owner) != private or (self.owner and not private):
            raise ValueError("owner")
        if len(self.secret) != (SECRET_BYTES if private else 0):
            raise ValueError("secret")
        if len(self.token) != (TOKEN_BYTES if self.kind == "invitation" else 0):
            raise ValueError("token")

    @property
    def swarm_id(self) -> str:
        """32 hex digits; empty for a public swarm, which has none."""
        if self.kind == "public":
            return ""
        return swarm_id_of(key_from_peer_id(self.owner), by_invitation=self.kind == "invitation").hex()


def is_swarm_name(text: str) -> bool:
    """Whether a swarm may be called this: it ends up on other people's screens."""
    return isinstance(text, str) and 0 < len(text) <= MAX_NAME and text.isprintable() and text.strip() == text


def format_link(invitation: Invitation) -> str:
    """The link. Raises ValueError when it would be too long: give fewer or shorter addresses."""
    fields = [("v", "1"), ("k", invitation.kind), ("n", invitation.name)]
    fields += [("p", peer) for peer in invitation.peers]
    if invitation.owner:
        fields += [("o", invitation.owner), ("s", _to_text(invitation.secret))]
    if invitation.token:
        fields.append(("t", _to_text(invitation.token)))
    link = _PREFIX + "&".join(f"{key}={quote(value, safe='/:')}" for key, value in fields)
    if len(link) > MAX_LINK:
        raise ValueError(f"a link has at most {MAX_LINK} characters")
    return link


def parse_link(text: str) -> Invitation:
    """Raises BadLink, and only that, for whatever is not exactly an invitation. Never repeats what the text says."""
    text = text.strip() if isinstance(text, str) and len(text) <= MAX_LINK + 16 else ""
    if len(text) > MAX_LINK or not text.isascii() or text[: len(_PREFIX)].lower() != _PREFIX:
        raise BadLink("This is no invitation to a swarm. One begins with meadow://join? and is copied as a whole.")
    try:
        return _parse(text[len(_PREFIX) :])
    except _Newer:
        raise BadLink("This invitation is for a newer Meadow. Update Meadow, then try it again.") from None
    except ValueError:
        raise BadLink("This invitation is damaged. Ask for it again, and copy all of it.") from None


class _Newer(Exception):
    pass


def _parse(query: str) -> Invitation:
    once: dict[str, str] = {}
    peers: list[str] = []
    for part in query.split("&"):
        key, equals, raw = part.partition("=")
        if not equals or not _ESCAPED.fullmatch(raw):
            raise ValueError("field")
        value = unquote_to_bytes(raw).decode("utf-8")
        if key == "p" and len(peers) < MAX_PEERS:
            peers.append(value)
        elif key in _ONCE and key not in once:
            once[key] = value
        else:
            raise ValueError("field")
    version = once.pop("v", "")
    if version != "1":
        if version.isascii() and version.isdigit():
            raise _Newer
        raise ValueError("version")
    return Invitation(
        kind=once.pop("k", ""),
        name=once.pop("n", ""),
        peers=tuple(peers),
        owner=once.pop("o", ""),
        secret=_from_text(once.pop("s", "")),
        token=_from_text(once.pop("t", "")),
    )


def _to_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _from_text(text: str) -> bytes:
    if not text:
        return b""
    if not _BASE64.fullmatch(text):
        raise ValueError("base64")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("base64") from error
    if _to_text(raw) != text:
        raise ValueError("base64")  # one secret, one spelling
    return raw
