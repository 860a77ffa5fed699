"""Which span a server should host, and when moving is worth it: pure decisions over what the swarm looks like.

A server of ``rate`` block-tokens a second that hosts ``L`` blocks gives each of them ``rate / L`` tokens a second. The
swarm is as fast as its weakest block, so what a server is worth somewhere is how much it lifts a potential

    P = sum over blocks of -1 / (T_b + eps)**8

where ``T_b`` is the tokens/s that all servers of block ``b`` give together. P rises most where little is there, and an
uncovered block weighs more than everything else; the high power makes it follow the weakest block (a soft minimum).
``benchmarks simulate`` chose the numbers: with power 2 the weakest of 128 blocks on 5,000 servers had 0.83 of what an
even split would give it, with 8 it has 0.95. All servers raise the same P, so nobody has an interest in undoing a move,
and they cannot go back and forth (a potential game: D. Monderer, L. Shapley, "Potential Games", 1996).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WORTH = 2.0
"""A server moves when it is worth so many times more elsewhere: loading takes minutes, in which it gives nothing."""
SETTLED_SECONDS = 3600.0
"""After a move a server stays for so long, unless blocks are without any server."""
LOOK_SECONDS = 900.0
"""Between two looks at whether another place would be better; each server looks at times of its own."""
HURRY_SECONDS = 45.0
"""Within this time, at random, a server offers to fill a hole: the first one does, the others see it coming."""
NEARLY = 0.97
"""Places worth this share of the best are as good: newcomers spread over them instead of all choosing one."""
_POWER = 8.0
_EPS = 0.02


@dataclass(frozen=True, slots=True)
class Held:
    """One server as placement sees it. ``rate``: block-tokens/s. ``leaving``: it drains. ``name`` orders servers."""

    name: str
    start: int
    end: int
    rate: float
    leaving: bool = False

    @property
    def each(self) -> float:
        """Tokens/s that it gives to each of its blocks."""
        return self.rate / (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Profile:
    """What every block has: ``speed [blocks]`` tokens/s of all its servers together, ``count [blocks]`` servers."""

    speed: Floats
    count: NDArray[np.int64]

    @classmethod
    def of(cls, servers: Iterable[Held], blocks: int) -> Profile:
        """Of the servers that stay."""
        speed, count = np.zeros(blocks + 1), np.zeros(blocks + 1, dtype=np.int64)
        for one in servers:
            if not one.leaving:
                speed[one.start] += one.each
                speed[one.end] -= one.each
                count[one.start] += 1
                count[one.end] -= 1
        count = np.cumsum(count)[:-1]
        return cls(np.where(count > 0, np.maximum(np.cumsum(speed)[:-1], 0.0), 0.0), count)

    def without(self, one: Held) -> Profile:
        """The same, had this server not been counted."""
        speed, count = self.speed.copy(), self.count.copy()
        here = slice(one.start, one.end)
        speed[here] = np.maximum(0.0, speed[here] - one.each)
        count[here] -= 1
        speed[count <= 0] = 0.0
        return Profile(speed, count)

    @property
    def complete(self) -> bool:
        """Whether every block has a server."""
        return bool((self.count > 0).all())


@dataclass(frozen=True, slots=True)
class Place:
    """Blocks ``[start, end)`` and what a server there adds to the potential."""

    start: int
    end: int
    worth: float


class Verdict(StrEnum):
    """Whether to move."""

    STAY = "stay"
    MOVE = "move"
    NEEDED = "needed"
    """It would be better elsewhere, but without it some of its blocks would have nobody."""


@dataclass(frozen=True, slots=True)
class Decision:
    """``place``: where to, when the verdict is MOVE. ``after``: seconds to wait, and look again, before it is done."""

    verdict: Verdict
    place: Place | None = None
    after: float = 0.0


def blocks_everywhere(capacity: int, blocks: int) -> list[tuple[int, int]]:
    """All spans of as many blocks as fit, for a model whose blocks are alike."""
    length = max(1, min(capacity, blocks))
    return [(start, start + length) for start in range(blocks - length + 1)]


def possible_spans(blocks: int, fitting: Callable[[int], int], may_cut: Callable[[int], bool]) -> list[tuple[int, int]]:
    """The largest span from every block on. ``fitting(start)``: how many blocks fit; ``may_cut``: at boundaries."""
    spans = []
    for start in range(blocks):
        end = start + min(fitting(start), blocks - start)
        if end > start and may_cut(start) and may_cut(end):
            spans.append((start, end))
    # Of spans that end alike, the longest says it all: more blocks, fewer hops.
    longest = {end: start for start, end in reversed(spans)}
    return sorted((start, end) for end, start in longest.items())


def worths(profile: Profile, rate: float, spans: Sequence[tuple[int, int]]) -> Floats:
    """What a server of ``rate`` block-tokens/s adds to the potential on each of ``spans``; ``[len(spans)]``.

    Scaled by the mean speed of the swarm, so that the numbers of different models and sizes compare.
    """
    ends = np.array(spans, dtype=np.int64).reshape(-1, 2)
    lengths = ends[:, 1] - ends[:, 0]
    scale = max(float(profile.speed.mean()), rate / max(1, len(profile.speed)), 1e-9)
    speed = profile.speed / scale
    before = (speed + _EPS) ** -_POWER
    result = np.empty(len(spans))
    for length in np.unique(lengths):
        gain = before - (speed + rate / (int(length) * scale) + _EPS) ** -_POWER
        total = np.concatenate([[0.0], np.cumsum(gain)])
        which = lengths == length
        result[which] = total[ends[which, 1]] - total[ends[which, 0]]
    return result


def best_place(
    profile: Profile, rate: float, spans: Sequence[tuple[int, int]], *, rng: random.Random | None = None
) -> Place | None:
    """Where a server that is nowhere yet lifts the swarm most; None when there is no span that it can hold.

    With ``rng`` one of the places that are nearly as good, so that those who come at the same moment spread out; where
    blocks have nobody, and without ``rng``, the best, and the first of equals.
    """
    if not len(spans):
        return None
    worth = worths(profile, rate, spans)
    top = int(np.flatnonzero(worth >= worth.max() * (1 - 1e-9))[0])  # the first of those equal up to rounding
    if rng is not None and profile.complete:
        top = int(rng.choice(np.flatnonzero(worth >= NEARLY * worth[top]).tolist()))
    return Place(*spans[top], float(worth[top]))


def may_leave(servers: Iterable[Held], own: Held, blocks: int) -> bool:
    """Whether every block of ``own`` has another server that stays.

    Two servers may have said at the same moment that they leave, each relying on the other. Then the one whose name
    comes first may go, and the other sees here that it must stay; so both look again after they have said it.
    """
    staying = [other for other in servers if other.name != own.name and (not other.leaving or other.name > own.name)]
    profile = Profile.of([Held(o.name, o.start, o.end, o.rate) for o in staying], blocks)
    return bool((profile.count[own.start : own.end] > 0).all())


def consider_move(
    profile: Profile,
    own: Held,
    spans: Sequence[tuple[int, int]],
    *,
    settled: float,
    rng: random.Random,
    keeps: int = 1,
) -> Decision:
    """Whether ``own`` should host another span.

    :param profile: the swarm as it is, ``own`` included.
    :param spans: what it could hold.
    :param settled: seconds since it came where it is.
    :param keeps: servers that every block of ``own`` must keep.

    Without a hole nothing is moved that its blocks need, and a move is worth it when the server adds :data:`WORTH`
    times as much there. A hole in the swarm is filled at once, by whoever is worth least where it is, after a delay
    that is drawn at random and longer for those who are needed more.
    """
    rest = profile.without(own)
    here = float(worths(rest, own.rate, [(own.start, own.end)])[0])
    hole = bool((profile.count == 0).any())
    if not hole and settled < SETTLED_SECONDS:
        return Decision(Verdict.STAY)
    if hole:
        fills = [span for span in spans if (profile.count[span[0] : span[1]] == 0).any()]
        place = best_place(rest, own.rate, fills or spans)
    else:
        place = best_place(rest, own.rate, spans, rng=rng)
    if place is None or (place.start, place.end) == (own.start, own.end) or place.worth < WORTH * here:
        return Decision(Verdict.STAY)
    if hole:
        # Nobody can use the model now, so nothing is torn: what counts is that fewer blocks lack a server afterwards.
        after = rest.count.copy()
        after[place.start : place.end] += 1
        if (after == 0).sum() >= (profile.count == 0).sum():
            return Decision(Verdict.STAY)
    elif (rest.count[own.start : own.end] < keeps).any():
        return Decision(Verdict.NEEDED)
    if not hole:
        return Decision(Verdict.MOVE, place, rng.uniform(0.0, LOOK_SECONDS / 5))
    spare = float(rest.count[own.start : own.end].min())
    return Decision(Verdict.MOVE, place, HURRY_SECONDS * rng.uniform(0.2, 1.0) / (1.0 + 0.5 * spare))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that could be shared. ``people``: sessions that are open there now, as far as known."""

    name: str
    profile: Profile
    spans: Sequence[tuple[int, int]]
    rate: float
    people: int = 0


def best_model(candidates: Sequence[Candidate]) -> tuple[Candidate, Place] | None:
    """Which model to host, when the person left it open.

    First one that would become complete by it (everybody can chat with it then), then one that lacks blocks, then the
    one whose people wait most: where the server lifts the weakest block by the largest share, weighed by its sessions.
    None: nothing fits.
    """
    best: tuple[tuple[float, ...], Candidate, Place] | None = None
    for candidate in candidates:
        place = best_place(candidate.profile, candidate.rate, candidate.spans)
        if place is None:
            continue
        before = candidate.profile
        count = before.count.copy()
        count[place.start : place.end] += 1
        speed = before.speed.copy()
        speed[place.start : place.end] += candidate.rate / (place.end - place.start)
        completes = not before.complete and bool((count > 0).all())
        lifted = float(speed.min()) / max(float(before.speed.min()), 1e-9) if before.complete else 0.0
        missing = 0.0 if before.complete else float((count > 0).mean())
        rank = (float(completes), missing, min(lifted, 1e6) * (1 + candidate.people), place.worth)
        if best is None or rank > best[0]:
            best = rank, candidate, place
    return None if best is None else (best[1], best[2])
