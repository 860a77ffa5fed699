"""Whom a node deals with at all, as its person has decided. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meadow.swarm.identity import key_from_peer_id

MAX_RULES = 4096


@dataclass(frozen=True, slots=True)
class PeerRules:
    """Raw public keys. ``allowed`` empty: everybody that is not ``blocked``; else only those."""

    allowed: frozenset[bytes] = frozenset()
    blocked: frozenset[bytes] = frozenset()

    @classmethod
    def of(cls, allowed: Iterable[str] = (), blocked: Iterable[str] = ()) -> PeerRules:
        """From peer ids. Raises ValueError when one is none."""
        return cls(frozenset(map(key_from_peer_id, allowed)), frozenset(map(key_from_peer_id, blocked)))
