"""The cheapest route for a request, from a snapshot: pure, and the same for the same input.

For a chat ("latency") the cost is the seconds that one token takes round the ring, plus the prompt's seconds spread
over the tokens that are expected to come out of it:

    cost = sum over hops (queue + overhead + blocks * step) + delays once round
           + (prompt / new) * sum over hops (blocks * position + bytes of a position / downlink)

``step`` and ``position`` are seconds per block: of one position alone, and of each one in a long input. For batches
("throughput") what counts is the slowest server of the route, which all work has to pass (:mod:`.batches`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meadow.errors import BlocksMissing
from meadow.swarm.routing.batches import widest
from meadow.swarm.routing.hop import Hop, Key, missing, uncovered
from meadow.swarm.routing.problem import Floats, Ints, Problem
from meadow.swarm.routing.snapshot import OVERHEAD_SECONDS, Snapshot
from meadow.swarm.routing.solve import MOST_AT_ONCE, Solution, short_list, solve

NEW_TOKENS = 128
"""How many tokens an answer has, where nobody says."""
CROWDED_SECONDS = 0.5
"""What a server whose cache has no room for the whole session counts as slower, a token: others have to leave first."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a route is wanted for: blocks ``[start, end)``.

    :param dtype: only servers that compute in this dtype; None: all in one dtype is not asked for.
    :param prompt: positions that go in before the first token comes out.
    :param new: tokens that are expected to come out.
    :param rows: sequences at once.
    :param objective: "latency": one token's way; "throughput": work that all can do together.
    :param reproducible: all servers of one numeric class.
    :param tokens: positions that the session will hold; servers whose cache is too full for them count as slower.
    :param position_bytes: of the hidden states of one position.
    :param avoid: servers that must not be used.
    :param indivisible: ranges of blocks that may not be cut (``meadow.models.layout.indivisible_ranges``).
    """

    start: int
    end: int
    dtype: str | None = None
    prompt: int = 0
    new: int = NEW_TOKENS
    rows: int = 1
    objective: Literal["latency", "throughput"] = "latency"
    reproducible: bool = False
    tokens: int = 0
    position_bytes: int = 0
    avoid: Collection[Key] = ()
    indivisible: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one hop. ``delay``: one way from what comes before it; ``queue``: before a step; ``compute``: one
    token through its blocks; ``prompt``: each position of a long input."""

    delay: float
    queue: float
    compute: float
    prompt: float

    @property
    def total(self) -> float:
        """What the hop adds to a token."""
        return self.delay + self.queue + self.compute


@dataclass(frozen=True, slots=True)
class Route:
    """``costs``: one for each hop. ``home``: seconds from the last server back. ``cost``: what was minimised, and
    ``bound``: no route costs less; equal when the route is proven to be the cheapest."""

    hops: tuple[Hop, ...]
    costs: tuple[Cost, ...]
    home: float
    cost: float
    bound: float
    request: Request

    @property
    def ring_seconds(self) -> float:
        """One token: through all servers and back."""
        return sum(cost.total for cost in self.costs) + self.home

    @property
    def first_token_seconds(self) -> float:
        """The prompt through all servers one after the other: chunks overlap, so it is less for a long one."""
        return self.ring_seconds + self.request.prompt * sum(cost.prompt for cost in self.costs)

    @property
    def exact(self) -> bool:
        """Whether it is proven that nothing costs less."""
        return self.cost <= self.bound * (1 + 1e-6) + 1e-9


@dataclass(frozen=True, slots=True)
class Listed:
    """A short list: ``servers`` of a snapshot for ``request`` and its like, the best route ``hops`` for it, and what no
    route for it is below."""

    request: Request
    servers: Ints
    hops: tuple[tuple[int, int, int], ...]
    bound: float


def choose(snapshot: Snapshot, request: Request, *, tolerance: float = 0.0, most: int = MOST_AT_ONCE) -> Route:
    """The cheapest route. ``tolerance``, ``most``: as for :func:`meadow.swarm.routing.solve.solve`.

    :raises BlocksMissing: nobody who may be used serves some of the blocks; the error names them.
    """
    routes = [
        _route(snapshot, request, found, None, None)
        for usable in _alike(snapshot, request)
        if (found := _solve(snapshot, request, usable, None, None, tolerance, most)) is not None
    ]
    if not routes:
        raise _nobody(snapshot, request)
    return min(routes, key=lambda route: route.cost)


def standby(
    snapshot: Snapshot,
    request: Request,
    route: Sequence[Hop],
    position: int,
    *,
    avoid: Collection[Key] = (),
    exact_span: bool = False,
) -> Route | None:
    """The best servers to take the place of ``route[position]``, between the same neighbours; None: nobody can.

    Servers of the route itself are left out, and ``avoid`` too. ``exact_span``: only one server that holds all of it.
    """
    hop = route[position]
    others = {one.key for one in route} | set(request.avoid) | set(avoid)
    numeric = hop.server.numeric_class if request.reproducible else None
    wanted = replace(request, start=hop.start, end=hop.end, avoid=others, objective="latency")
    before = snapshot.index.get(route[position - 1].key) if position else None
    after = snapshot.index.get(route[position + 1].key) if position + 1 < len(route) else None
    if (position and before is None) or (position + 1 < len(route) and after is None):
        before = after = None  # a neighbour that is not known any more: as if from here
    usable = _usable(snapshot, wanted, numeric)
    if exact_span:
        usable = usable[(snapshot.start[usable] <= hop.start) & (snapshot.end[usable] >= hop.end)]
    found = _solve(snapshot, wanted, usable, before, after, 0.0, MOST_AT_ONCE)
    return None if found is None else _route(snapshot, wanted, found, before, after)


def standbys(snapshot: Snapshot, request: Request, route: Sequence[Hop]) -> list[Route | None]:
    """A warm standby for every hop: the best single server that holds its span, else the best chain."""
    return [
        standby(snapshot, request, route, position, exact_span=True) or standby(snapshot, request, route, position)
        for position in range(len(route))
    ]


def _alike(snapshot: Snapshot, request: Request) -> list[Ints]:
    """The servers that may be used together: all, or one set for each numeric class."""
    if not request.reproducible:
        return [_usable(snapshot, request, None)]
    return [_usable(snapshot, request, one) for one in sorted(set(snapshot.numeric_class[_mask(snapshot, request)]))]


def _mask(snapshot: Snapshot, request: Request) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = snapshot.online & ~snapshot.banned & np.isfinite(snapshot.client)
    mask &= (snapshot.start < request.end) & (snapshot.end > request.start)
    if request.dtype is not None:
        mask &= snapshot.dtype == request.dtype
    for key in request.avoid:
        if (number := snapshot.index.get(key)) is not None:
            mask[number] = False
    if request.tokens:
        mask &= snapshot.room >= request.tokens * request.rows  # room for one block at least
    return mask


def _usable(snapshot: Snapshot, request: Request, numeric_class: str | None) -> Ints:
    mask = _mask(snapshot, request)
    if numeric_class is not None:
        mask &= snapshot.numeric_class == numeric_class
    return np.flatnonzero(mask)


def _solve(
    snapshot: Snapshot,
    request: Request,
    usable: Ints,
    before: int | None,
    after: int | None,
    tolerance: float,
    most: int,
) -> Solution | None:
    """The solution, its servers as numbers of the snapshot."""
    if request.objective == "latency" and before is None and after is None and len(usable) > most:
        listed = prepare(snapshot, request)
        few = usable[np.isin(usable, listed.servers, assume_unique=True)]
        if (found := _solve_all(snapshot, request, few, None, None, tolerance, len(few), listed.hops)) is not None:
            # Leaving servers out only makes routes dearer, so the bound holds for this request if it did for its like.
            sure = listed.bound if replace(request, avoid=()) == listed.request else 0.0
            return replace(found, bound=min(found.cost, sure))
    return _solve_all(snapshot, request, usable, before, after, tolerance, most)


def prepare(snapshot: Snapshot, request: Request) -> Listed:
    """Work that all similar requests share, done once for a snapshot: the few hundred servers worth looking at.

    Requests are alike when they differ only in who is avoided and (up to a factor of two) in how long their prompt is
    for its answer. Takes a tenth of a second for ten thousand servers; done beforehand, a route takes milliseconds.
    """
    plain = replace(request, avoid=())
    bucket = round(math.log2(1.0 + request.prompt / max(1, request.new)))
    alike = replace(plain, prompt=0, new=bucket, indivisible=())
    if (known := snapshot.listed.get(alike)) is not None:
        return known
    usable = _usable(snapshot, plain, None)
    made = _problem(snapshot, plain, usable, None, None)
    listed = Listed(plain, usable, (), 0.0)
    if made is not None:
        problem, kept = made
        found = solve(problem)
        if found is not None:
            chosen = usable[kept]
            hops = tuple((int(chosen[i]), a, b) for i, a, b in found.hops)
            listed = Listed(plain, chosen[short_list(problem, found)], hops, found.bound)
    snapshot.listed[alike] = listed
    return listed


def least_cost(snapshot: Snapshot, request: Request, most: int) -> float | None:
    """What the best route costs when up to ``most`` servers are solved together, without a short list: what choosing
    quickly is measured against."""
    usable = _usable(snapshot, request, None)
    found = _solve_all(snapshot, request, usable, None, None, 0.0, most)
    return None if found is None else found.cost


def _solve_all(
    snapshot: Snapshot,
    request: Request,
    usable: Ints,
    before: int | None,
    after: int | None,
    tolerance: float,
    most: int,
    likely: Sequence[tuple[int, int, int]] = (),
) -> Solution | None:
    made = _problem(snapshot, request, usable, before, after)
    if made is None:
        return None
    problem, kept = made
    chosen = usable[kept]
    if request.objective == "throughput":
        found = widest(problem, snapshot.queue[chosen], _delay_function(snapshot, chosen))
    else:
        where = {int(server): number for number, server in enumerate(chosen)} if likely else {}
        known = [(where[i], a, b) for i, a, b in likely if i in where]
        found = solve(problem, tolerance=tolerance, most=most, known=known if len(known) == len(likely) else None)
    if found is None:
        return None
    return replace(found, hops=tuple((int(chosen[i]), a, b) for i, a, b in found.hops))


def _delay_function(snapshot: Snapshot, servers: Ints) -> Callable[[int | None, int], float]:
    def delay(i: int | None, j: int) -> float:
        return snapshot.from_here(int(servers[j])) if i is None else snapshot.delay(int(servers[i]), int(servers[j]))

    return delay


def _problem(
    snapshot: Snapshot, request: Request, usable: Ints, before: int | None, after: int | None
) -> tuple[Problem, Ints] | None:
    """The problem, and which of ``usable`` are in it."""
    up, down, forbidden = _cuts(request)
    first = up[np.clip(snapshot.start[usable], request.start, request.end) - request.start]
    last = down[np.clip(snapshot.end[usable], request.start, request.end) - request.start]
    kept = np.flatnonzero(first < last)
    if not len(kept):
        return None
    first, last, chosen = first[kept], last[kept], usable[kept]
    slower, rows = snapshot.slower[chosen], max(1, request.rows)
    share = request.prompt / max(1, request.new)
    step, position = snapshot.step[chosen], snapshot.position[chosen]
    per_block = slower * (step + position * (rows - 1 + share * rows))
    access = snapshot.access[chosen]
    fixed = slower * (snapshot.queue[chosen] + OVERHEAD_SECONDS) + access
    if request.position_bytes:
        down_rate = snapshot.downlink[chosen]
        moved = request.position_bytes * rows * (1 + share)
        fixed = fixed + np.where(down_rate > 0, moved / np.maximum(down_rate, 1.0), 0.0)
    if request.tokens:
        needed = request.tokens * rows * (last - first)
        fixed = fixed + np.where(snapshot.room[chosen] < needed, CROWDED_SECONDS, 0.0)

    def end(server: int | None, *, leaving: bool) -> tuple[Floats | None, Floats]:
        if server is None:
            return (None if snapshot.seen.here is None else snapshot.here), 0.5 * snapshot.client[chosen]
        return snapshot.place[server], snapshot.delays(server, chosen, towards=leaving) - 0.5 * access

    source, from_source = end(before, leaving=False)
    target, to_target = end(after, leaving=True)
    problem = Problem(
        start=request.start,
        end=request.end,
        first=first,
        last=last,
        fixed=fixed,
        per_block=per_block,
        place=snapshot.place[chosen],
        source=source,
        target=target,
        from_source=from_source,
        to_target=to_target,
        access=access,
        peer=snapshot.peer[chosen],
        shared=snapshot.shared[chosen],
        forbidden=forbidden,
        edges=snapshot.edges_among(chosen),
    )
    return problem, kept


def _cuts(request: Request) -> tuple[Ints, Ints, frozenset[int]]:
    """For each boundary the next one at which a route may be cut, and the one before; and those where it may not."""
    boundaries = np.arange(request.start, request.end + 1)
    forbidden = {
        block
        for low, high in request.indivisible
        for block in range(max(low + 1, request.start + 1), min(high, request.end))
    }
    allowed = np.array([block for block in boundaries.tolist() if block not in forbidden])
    up = allowed[np.searchsorted(allowed, boundaries)]
    down = allowed[np.searchsorted(allowed, boundaries, side="right") - 1]
    return up, down, frozenset(forbidden)


def _route(snapshot: Snapshot, request: Request, found: Solution, before: int | None, after: int | None) -> Route:
    hops, costs, last = [], [], before
    for i, start, end in found.hops:
        delay = snapshot.from_here(i) if last is None else snapshot.delay(last, i)
        slower = float(snapshot.slower[i])
        compute = slower * (end - start) * float(snapshot.step[i])
        prompt = slower * (end - start) * float(snapshot.position[i])
        hops.append(Hop(snapshot.signed[i], start, end))
        costs.append(Cost(delay, slower * (float(snapshot.queue[i]) + OVERHEAD_SECONDS), compute, prompt))
        last = i
    assert last is not None
    home = snapshot.from_here(last) if after is None else snapshot.delay(last, after)
    return Route(tuple(hops), tuple(costs), home, found.cost, found.bound, request)


def _nobody(snapshot: Snapshot, request: Request) -> BlocksMissing:
    avoid = set(request.avoid)
    online = [
        signed
        for number, signed in enumerate(snapshot.signed)
        if snapshot.online[number] and not snapshot.banned[number] and snapshot.keys[number] not in avoid
    ]
    alike = [one for one in online if request.dtype is None or one.server.dtype == request.dtype]
    if request.reproducible and not uncovered(alike, request.start, request.end):
        return BlocksMissing(
            "A reproducible session needs servers that compute alike; these differ in the versions of torch or "
            "transformers, or in their hardware. Use a normal session.",
            [(request.start, request.end)],
        )
    return missing(online, request.start, request.end, request.dtype)
