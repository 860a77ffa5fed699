"""What a server has computed since it last said so: added up with every step, told at most once a second."""

from __future__ import annotations

from dataclasses import dataclass, field

from meadow.server.events import Computed

EACH_SECONDS = 1.0


@dataclass(slots=True)
class Counter:
    """Belongs to the server's loop."""

    _now: Computed = field(default_factory=Computed)
    _told: float = float("-inf")

    def step(self, tokens: int, bytes_in: int, bytes_out: int) -> None:
        """A step of so many tokens (rows x positions) went through; bytes of its body and of what left for it."""
        old = self._now
        self._now = Computed(old.tokens + tokens, old.bytes_in + bytes_in, old.bytes_out + bytes_out)

    def take(self, now: float, *, last: bool = False) -> Computed | None:
        """What to tell at ``now`` (a steady clock, seconds); None: nothing yet. ``last``: whatever there is."""
        if not self._now.tokens or (not last and now - self._told < EACH_SECONDS):
            return None
        told, self._now, self._told = self._now, Computed(), now
        return told
