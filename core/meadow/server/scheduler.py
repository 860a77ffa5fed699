"""What runs next: one pure function over descriptions of the waiting steps.

The engine calls :func:`next_steps` whenever the compute thread is free and runs what it returns. Today that is always
one step; when steps of several sessions are computed in one pass, this function returns several and nothing else
changes its shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step that waits: whose it is, and in which order it came."""

    session: int
    peer_id: str
    seq: int
    positions: int
    alone: bool = False
    """Reproducible sessions may never share a pass."""


@dataclass(frozen=True, slots=True)
class Used:
    """Recent compute seconds, by session and by peer; old use fades (:class:`Usage`)."""

    by_session: Mapping[int, float]
    by_peer: Mapping[str, float]


def next_steps(waiting: Sequence[Waiting], used: Used) -> list[int]:
    """Indexes into ``waiting`` of the steps to run together now; empty if nothing waits.

    The peer that used least comes first, then its session that used least, then that session's oldest step: so a
    neighbour with a long prompt or with sixty sessions costs a chat at most one step of waiting, and whoever is alone
    never waits at all.
    """
    best: int | None = None
    best_rank: tuple[float, float, int, int] | None = None
    for index, step in enumerate(waiting):
        rank = (used.by_peer.get(step.peer_id, 0.0), used.by_session.get(step.session, 0.0), step.session, step.seq)
        if best_rank is None or rank < best_rank:
            best, best_rank = index, rank
    return [] if best is None else [best]


class Usage:
    """Compute seconds by session and peer that halve every ``half_life`` seconds.

    Fading is what makes a peer that rested for a while equal to a new one, and keeps the tables small.
    """

    def __init__(self, half_life: float = 5.0) -> None:
        self._half_life = half_life
        self._at = 0.0
        self._sessions: dict[int, float] = {}
        self._peers: dict[str, float] = {}

    def add(self, session: int, peer_id: str, seconds: float, now: float) -> None:
        """Count a pass of ``seconds`` that ended at ``now`` (any clock in seconds)."""
        self._fade(now)
        self._sessions[session] = self._sessions.get(session, 0.0) + seconds
        self._peers[peer_id] = self._peers.get(peer_id, 0.0) + seconds

    def used(self) -> Used:
        """A view for :func:`next_steps`."""
        return Used(self._sessions, self._peers)

    def forget(self, session: int) -> None:
        """The session ended."""
        self._sessions.pop(session, None)

    def _fade(self, now: float) -> None:
        if now - self._at < self._half_life / 8:  # not on every step: a table walk per token would be waste
            return
        factor = 0.5 ** ((now - self._at) / self._half_life)
        self._at = now
        for table in (self._sessions, self._peers):
            for key in list(table):
                table[key] *= factor  # type: ignore[index]
                if table[key] < 1e-6:  # type: ignore[index]
                    del table[key]  # type: ignore[arg-type]
