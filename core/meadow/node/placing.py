"""Where in a model this machine helps the swarm most, from the records of those who serve it, and why. Pure.

The decision is that of ``swarm/placement.py``; here is what a node brings to it.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np

from meadow.platform.fit import may_cut
from meadow.swarm.placement import Held, Profile, best_place, possible_spans
from meadow.swarm.records import ServerRecord

Span = tuple[int, int]

MOST_FASTER = 100.0
"""A server counts for at most so many times the median: who claims any speed must not keep all others away."""


class Because(StrEnum):
    """Why these blocks. The values are sentences for the person."""

    MISSING = "Nobody serves these blocks yet."
    FEWEST = "These blocks have the fewest computers."
    SLOWEST = "These blocks are the slowest part of the swarm."
    ALIKE = "More computers make the swarm faster, and it stands when one of them leaves."


def held_of(servers: Sequence[ServerRecord], blocks: int) -> list[Held]:
    """Servers as placement sees them. Records are claims: spans are cut to the model, speeds to :data:`MOST_FASTER`;
    who does not say how fast it is counts as the median of those who do."""
    inside = [(one, one.start, min(one.end, blocks)) for one in servers if one.start < blocks]
    rates = [one.throughput * (one.end - one.start) for one, _, _ in inside]
    typical = typical_rate(servers)
    return [
        Held(name_of(one), start, end, min(rate or typical, MOST_FASTER * typical), one.state == "draining")
        for (one, start, end), rate in zip(inside, rates, strict=True)
    ]


def name_of(server: ServerRecord) -> str:
    """What tells servers apart, and orders them."""
    return f"{server.peer_id}/{server.server_id}"


def profile_of(servers: Sequence[ServerRecord], blocks: int) -> Profile:
    """What every block has, of the servers that stay: see :func:`held_of`."""
    return Profile.of(held_of(servers, blocks), blocks)


def typical_rate(servers: Sequence[ServerRecord]) -> float:
    """Block-tokens/s of the median server that says how fast it is; 1.0 when none does."""
    said = [one.throughput * (one.end - one.start) for one in servers if one.throughput > 0]
    return statistics.median_low(said) if said else 1.0


def choose_blocks(
    profile: Profile,
    rate: float,
    fitting: Callable[[int], int],
    *,
    indivisible: Sequence[Span] = (),
    seed: str = "",
) -> Span | None:
    """The span where this machine lifts the swarm most; None when nothing fits.

    Where blocks have nobody, only those are taken, and what lies between them: there is less to download, and the model
    is whole the sooner.

    :param rate: block-tokens/s of this machine.
    :param fitting: how many blocks fit from a first one on.
    :param seed: who asks. Equally good places differ from one to another, and stay the same for the same one, so that
        what is planned is what is done.
    """
    blocks = len(profile.count)
    spans = possible_spans(blocks, fitting, lambda boundary: may_cut(boundary, indivisible))
    place = best_place(profile, rate, spans, rng=random.Random(seed))
    if place is None:
        return None
    start, end = place.start, place.end
    missing = np.flatnonzero(profile.count[start:end] == 0)
    if not len(missing):
        return start, end
    first, last = start + int(missing[0]), start + int(missing[-1]) + 1
    while not may_cut(first, indivisible):
        first -= 1
    while not may_cut(last, indivisible):
        last += 1
    return first, last


def because(profile: Profile, span: Span) -> Because:
    """Why ``span`` is where a server helps; true of the swarm as it is in ``profile``."""
    here = slice(*span)
    if (profile.count[here] == 0).any():
        return Because.MISSING
    if profile.count[here].min() == profile.count.min() < profile.count.max():
        return Because.FEWEST
    if profile.speed[here].min() <= profile.speed.min() * (1 + 1e-9) and profile.speed.min() < profile.speed.max():
        return Because.SLOWEST
    return Because.ALIKE
