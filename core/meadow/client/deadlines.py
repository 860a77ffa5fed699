"""Who is late: a pure rule over what has been heard from each server of the route.

Slow is not dead (SESSION.md rule 9). A server that is silent for nearly as long as its own announced time allows is
asked; only one that does not answer the question either, until its time is over, is blamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_SECONDS = 2.0
FACTOR = 8.0
PROBE_SECONDS = 1.5
"""How long the answer to a probe may take. The probe is answered by a server's I/O loop, not by its compute thread."""
STUCK_SECONDS = 300.0
"""Servers that answer but get nowhere for so long are given up as well: no wait is without an end."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One server, in seconds of one clock: when it was last heard and asked (0: never), its time for this step."""

    heard: float
    probed: float
    announced: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """Servers (indexes into the route) to ask now, and the one that is dead (None: nobody is)."""

    probe: tuple[int, ...] = ()
    dead: int | None = None


def judge(hops: Sequence[Watched], started: float, now: float) -> Judgement:
    """Whom to ask and whom to blame, ``now - started`` seconds into a step."""
    probe = []
    for index, hop in enumerate(hops):
        quiet_since = max(started, hop.heard)
        deadline = max(LEAST_SECONDS, FACTOR * hop.announced)
        if now - quiet_since < deadline - PROBE_SECONDS:
            continue
        if hop.probed <= quiet_since:
            probe.append(index)
        elif now - hop.probed >= PROBE_SECONDS and now - quiet_since >= deadline:
            return Judgement(dead=index)
    return Judgement(tuple(probe))
