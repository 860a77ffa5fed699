"""The token budget: how much KV cache all sessions of a server may hold together.

A token here is one row x one position x one block. Room is taken before a pass, for what the pass needs, not for the
longest that a session might become; so many short chats fit where worst-case reservation would hold two.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holding:
    """What one session holds, and whether it may be asked to go."""

    session: int
    tokens: int
    idle_seconds: float
    busy: bool
    """A step of it waits or runs."""
    attached: bool
    """Its owner has a stream open."""
    kept: bool = False
    """No session any more: kept in case that its owner begins another one alike."""


def choose_evictions(holdings: Iterable[Holding], missing: int, *, idle_after: float) -> list[int] | None:
    """The sessions to end so that ``missing`` tokens become free; None if idle ones do not suffice.

    Only sessions without work that rested for ``idle_after`` seconds, or whose owner is gone, are chosen: owners that
    are gone first, then the longest idle. What is only kept goes before all of them. An active session is never ended
    for another one.
    """
    idle = [h for h in holdings if not h.busy and h.tokens and (h.idle_seconds >= idle_after or not h.attached)]
    idle.sort(key=lambda h: (not h.kept, h.attached, -h.idle_seconds))
    chosen: list[int] = []
    for holding in idle:
        if missing <= 0:
            break
        chosen.append(holding.session)
        missing -= holding.tokens
    return chosen if missing <= 0 else None


class Budget:
    """Tokens held by each session, against a fixed total. Thread-safe."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._held: dict[int, int] = {}
        self._used = 0
        self._lock = threading.Lock()

    @property
    def free(self) -> int:
        """Tokens that nobody holds."""
        return self.total - self._used

    def held(self, session: int) -> int:
        """Tokens that this session holds."""
        return self._held.get(session, 0)

    def missing(self, session: int, needed: int) -> int:
        """How many tokens are lacking for the session to hold ``needed`` in all (0: it fits)."""
        return max(0, needed - self.held(session) - self.free)

    def hold(self, session: int, tokens: int) -> None:
        """The session now holds ``tokens`` in all. The caller has checked :meth:`missing`."""
        with self._lock:
            self._used += tokens - self._held.get(session, 0)
            self._held[session] = tokens

    def release(self, session: int) -> None:
        """The session holds nothing any more."""
        with self._lock:
            self._used -= self._held.pop(session, 0)
