"""Who failed lately: such a server is left alone for a while, longer each time, and never for good."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

FIRST_SECONDS = 5.0
MOST_SECONDS = 300.0
FORGET_SECONDS = 900.0


@dataclass(slots=True)
class _Ban:
    until: float
    seconds: float


class Bans:
    """Back-off by server, in seconds of any one clock."""

    def __init__(self) -> None:
        self._bans: dict[Hashable, _Ban] = {}

    def failed(self, peer: Hashable, now: float) -> None:
        """It failed: left alone for five seconds, and for twice as long each time it fails again soon after."""
        ban = self._bans.get(peer)
        seconds = FIRST_SECONDS
        if ban is not None and now < ban.until + FORGET_SECONDS:
            seconds = min(MOST_SECONDS, 2 * ban.seconds) if now >= ban.until else ban.seconds
        self._bans[peer] = _Ban(now + seconds, seconds)
        for old in [key for key, one in self._bans.items() if now >= one.until + FORGET_SECONDS]:
            del self._bans[old]

    def weight(self, peer: Hashable, now: float) -> float:
        """1: nothing is held against it; 0: it is left alone now; in between: it failed not long ago."""
        ban = self._bans.get(peer)
        if ban is None:
            return 1.0
        if now < ban.until:
            return 0.0
        return min(1.0, (now - ban.until) / FORGET_SECONDS)

    def avoided(self, now: float) -> frozenset[Hashable]:
        """Who is left alone now."""
        return frozenset(peer for peer, ban in self._bans.items() if now < ban.until)
