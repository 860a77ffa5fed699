"""Whoever makes us refuse something again and again waits for each refusal; everybody else does not notice."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

FREE_FAILURES = 10
"""So many calls of a peer may fail at once, and one more every second, before it is kept waiting for each refusal."""
FAILURE_SECONDS = 1.0
_MOST_PEERS = 4096


class Failures:
    """How long a peer waits for its next refusal: not at all until it has used up :data:`FREE_FAILURES`."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._peers: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def wait(self, peer: bytes) -> float:
        """Seconds, for one more failure of this peer now."""
        now = self._clock()
        left, then = self._peers.pop(peer, (float(FREE_FAILURES), now))
        left = min(float(FREE_FAILURES), left + (now - then)) - 1.0
        self._peers[peer] = max(left, 0.0), now
        while len(self._peers) > _MOST_PEERS:
            self._peers.popitem(last=False)
        return FAILURE_SECONDS if left < 0 else 0.0


__all__ = ["FAILURE_SECONDS", "FREE_FAILURES", "Failures"]
