"""What runs next: pure functions over descriptions of the waiting steps.

The engine calls :func:`next_pass` whenever the compute thread is free and runs what it returns in one pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_PREFILL = 256
"""Positions of long steps in one pass, while nobody else generates."""
_LEAST_PREFILL = 16
_STRETCH = 1.25
"""By how much long steps may stretch a pass that streams wait for, as a fraction of a pass without them. A token then
takes a little more than twice as long while somebody else's prompt is read, not ten times."""
SHORT = 8
"""A step of at most so many positions is a token, or a few that were guessed; what is longer is (part of) a prompt."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step that waits: whose it is, and in which order it came."""

    session: int
    peer_id: str
    seq: int
    positions: int
    """That are still to be computed."""
    alone: bool = False
    """May share no pass: reproducible sessions, beams, padded batches."""
    divisible: bool = False
    """May be computed in pieces."""


@dataclass(frozen=True, slots=True)
class Used:
    """Recent compute seconds, by session and by peer; old use fades (:class:`Usage`)."""

    by_session: Mapping[int, float]
    by_peer: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Piece:
    """What to run of a waiting step: ``positions`` of the step at ``index``."""

    index: int
    positions: int


def next_pass(waiting: Sequence[Waiting], used: Used, *, most: int = 1, prefill: int = MOST_PREFILL) -> list[Piece]:
    """The steps to run together now, at most ``most``, one of each session; empty if nothing waits.

    The peer that used least comes first, with its session that used least, with that session's oldest step; then the
    other peers' in turn, then each peer's second: a neighbour with a long prompt or with sixty sessions costs a chat at
    most one pass of waiting. A step that may not share a pass runs when it comes first; until then its peer's other
    sessions wait behind it, so it does come first. Of all long steps together, at
    most ``prefill`` positions run (:func:`prefill_room`), so that no stream stands still behind a prompt.
    """
    oldest: dict[int, int] = {}
    for index, step in enumerate(waiting):
        other = oldest.get(step.session)
        if other is None or step.seq < waiting[other].seq:
            oldest[step.session] = index
    of_peers: dict[str, list[tuple[float, int, int]]] = {}
    for session, index in oldest.items():
        rank = (used.by_session.get(session, 0.0), session, index)
        of_peers.setdefault(waiting[index].peer_id, []).append(rank)
    turns: list[tuple[int, float, tuple[float, int, int], int]] = []
    for peer_id, ranks in of_peers.items():
        ranks.sort()
        turns += [(turn, used.by_peer.get(peer_id, 0.0), rank, rank[2]) for turn, rank in enumerate(ranks)]
    heapq.heapify(turns)
    chosen: list[Piece] = []
    held: set[str] = set()  # peers whose next step does not fit into this pass: nothing of theirs overtakes it
    room = prefill
    while turns and len(chosen) < most:
        index = heapq.heappop(turns)[3]
        step = waiting[index]
        if step.peer_id in held:
            continue
        if step.alone:
            if not chosen:
                return [Piece(index, step.positions)]
            held.add(step.peer_id)
            continue
        if step.positions <= SHORT:
            chosen.append(Piece(index, step.positions))
        elif room > 0 and (step.divisible or step.positions <= room or not chosen):
            count = min(step.positions, room) if step.divisible else step.positions
            chosen.append(Piece(index, count))
            room -= count
        elif not step.divisible:
            held.add(step.peer_id)
    return chosen


def prefill_room(step_seconds: float, position_seconds: float, *, streams: bool) -> int:
    """Positions of long steps that may run in one pass.

    :param step_seconds: what a pass of single positions takes.
    :param position_seconds: what each position of a long step adds to a pass; 0.0: not known yet.
    :param streams: whether any other session generates at the moment.
    """
    if not streams:
        return MOST_PREFILL
    if not position_seconds or not step_seconds:
        return _LEAST_PREFILL
    fits = int(step_seconds * _STRETCH / position_seconds)
    return max(_LEAST_PREFILL, min(MOST_PREFILL, fits - fits % 8))


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
