"""A simulated swarm that is placed and routed by the real code: servers come and go, the clock is made up.

What is simulated: who is there, what they hold, how long they drain and load, and that others see it late. What
decides: ``meadow.swarm.placement`` (where a newcomer goes, who moves, who must stay) and ``meadow.swarm.routing``.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from meadow.errors import BlocksMissing
from meadow.swarm.identity import peer_id_from_key
from meadow.swarm.placement import (
    LOOK_SECONDS,
    SETTLED_SECONDS,
    Decision,
    Held,
    Profile,
    Verdict,
    best_place,
    blocks_everywhere,
    consider_move,
    may_leave,
)
from meadow.swarm.records import ServerRecord, SignedRecord
from meadow.swarm.routing import Coordinate, Request, Seen, Snapshot, choose

SEEN_SECONDS = 10.0
"""Until others see what changed: records are fetched every ten seconds (``node.swarmview``)."""
EXPIRES_SECONDS = 60.0
"""A server that vanishes stays in the records for so long (``records.LIFE_SECONDS``)."""
DRAIN_SECONDS = 60.0
LOAD_SECONDS = (45.0, 180.0)
"""To download, load and measure a span: evenly drawn."""
HOLE_SECONDS = 20.0
TRUE, SEEN = 0, 1


@dataclass(frozen=True, slots=True)
class Setting:
    """One run. ``churn``: share of the servers that leave in an hour (half without a word), as many come.

    ``rates``: block-tokens/s, ``memory``: blocks that fit; both drawn log-evenly from the range.
    """

    servers: int
    blocks: int
    hours: float
    churn: float = 0.3
    rates: tuple[float, float] = (20.0, 2000.0)
    memory: tuple[int, int] = (4, 64)
    seed: int = 1
    routes: int = 12


@dataclass(slots=True)
class Server:
    """One simulated server. ``there``: its span is in the columns of what is true, and of what is seen."""

    number: int
    rate: float
    memory: int
    place: tuple[float, float]
    height: float
    span: tuple[int, int] = (0, 1)
    state: str = "loading"
    ready: bool = False
    since: float = 0.0
    moves: int = 0
    alive: bool = True
    leaving: bool = False
    life: int = 0
    there: list[tuple[int, int] | None] = field(default_factory=lambda: [None, None])

    @property
    def name(self) -> str:
        return f"{self.number:08x}"

    def held(self, span: tuple[int, int] | None = None) -> Held:
        start, end = span or self.span
        return Held(self.name, start, end, self.rate, self.leaving)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``coverage``: share of the time in which every block was served, of the time in which the servers' memory was
    enough for all; ``balance``: throughput of the weakest block over what an even, fractional split of all servers
    would give it, averaged over that time; ``route_ratio``: cost of routes from late records and wrong coordinates over
    the cheapest there was, median; ``ghosts``: share of routes that led to a server that was gone."""

    coverage: float
    balance: float
    least_balance: float
    moves_per_server_hour: float
    most_moves: int
    route_ratio: float
    ghosts: float
    changes: int


class Simulation:
    """See the module's text. ``run`` once."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._rng = random.Random(setting.seed)
        self._now = 0.0
        self._numbers = itertools.count()
        self._order = itertools.count()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._servers: dict[int, Server] = {}
        blocks = setting.blocks
        self._speed = np.zeros((2, blocks))
        self._count = np.zeros((2, blocks), dtype=np.int64)
        self._rate = 0.0
        self._memory = 0
        self._cities = [(self._rng.gauss(0, 0.05), self._rng.gauss(0, 0.03)) for _ in range(20)]
        self._spans = {size: blocks_everywhere(size, blocks) for size in range(1, blocks + 1)}
        self._last = 0.0
        self._possible = self._covered = self._balance = 0.0
        self._least = 1.0
        self._server_seconds = 0.0
        self._moves = self._changes = 0
        self._measuring = self._alarmed = False
        self._ratios: list[float] = []
        self._ghosts: list[bool] = []

    def run(self) -> Outcome:
        """Fill the swarm, let it settle for a quarter of an hour, then measure for the set hours."""
        setting, rng = self._setting, self._rng
        for _ in range(setting.servers):
            self._come(at_once=True)
        end = 900.0 + setting.hours * 3600.0
        arrivals = setting.churn * setting.servers / 3600.0
        when = 0.0
        while arrivals and (when := when + rng.expovariate(arrivals)) < end:
            self._at(when, self._come)
        for number in range(setting.routes):
            self._at(900.0 + (number + 0.5) * (end - 900.0) / setting.routes, self._try_route)
        self._at(900.0, self._begin)
        while self._queue and self._queue[0][0] < end:
            at, _, action = heapq.heappop(self._queue)
            self._pass(at)
            action()
        self._pass(end)
        alive_hours = self._server_seconds / 3600.0
        return Outcome(
            coverage=self._covered / self._possible if self._possible else 1.0,
            balance=self._balance / self._possible if self._possible else 1.0,
            least_balance=self._least,
            moves_per_server_hour=self._moves / alive_hours if alive_hours else 0.0,
            most_moves=max((server.moves for server in self._servers.values()), default=0),
            route_ratio=float(np.median(self._ratios)) if self._ratios else 1.0,
            ghosts=float(np.mean(self._ghosts)) if self._ghosts else 0.0,
            changes=self._changes,
        )

    # Time

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), action))

    def _in(self, seconds: float, action: Callable[[], None]) -> None:
        self._at(self._now + seconds, action)

    def _begin(self) -> None:
        self._measuring = True

    def _pass(self, now: float) -> None:
        spent, self._now = now - self._now, now
        if not self._measuring or spent <= 0:
            return
        self._server_seconds += spent * len(self._servers)
        if self._memory >= self._setting.blocks:
            weakest = float(self._speed[TRUE].min()) if (self._count[TRUE] > 0).all() else 0.0
            share = weakest / (self._rate / self._setting.blocks)
            self._possible += spent
            self._covered += spent * (weakest > 0)
            self._balance += spent * share
            self._least = min(self._least, share)

    def _put(self, server: Server, column: int, span: tuple[int, int] | None) -> None:
        """Make a server's span count among what is true, or among what is seen."""
        for sign, which in ((-1, server.there[column]), (1, span)):
            if which is not None:
                here = slice(*which)
                self._speed[column, here] += sign * server.rate / (which[1] - which[0])
                self._count[column, here] += sign
        server.there[column] = span
        if column == SEEN and not self._alarmed and self._measuring and (self._count[SEEN] == 0).any():
            self._alarm()
        self._changes += column == TRUE

    def _alarm(self) -> None:
        """Every node looks at the swarm each ten or twenty seconds, and sees a hole then."""
        self._alarmed = bool((self._count[SEEN] == 0).any())
        if self._alarmed:
            for one in list(self._servers.values()):
                self._in(self._rng.uniform(0.0, HOLE_SECONDS), functools.partial(self._consider, one))
            self._in(HOLE_SECONDS, self._alarm)

    def _show(self, server: Server, span: tuple[int, int] | None, after: float = SEEN_SECONDS) -> None:
        life = server.life = server.life + 1
        self._in(after, lambda: self._put(server, SEEN, span) if server.life == life else None)

    def _view(self) -> Profile:
        return Profile(np.where(self._count[SEEN] > 0, self._speed[SEEN], 0.0), self._count[SEEN].copy())

    # Servers

    def _come(self, at_once: bool = False) -> None:
        setting, rng = self._setting, self._rng
        low, high = np.log(setting.rates)
        least, most = np.log(setting.memory)
        city = rng.choice(self._cities)
        server = Server(
            next(self._numbers),
            float(np.exp(rng.uniform(low, high))),
            round(float(np.exp(rng.uniform(least, most)))),
            (city[0] + rng.gauss(0, 0.004), city[1] + rng.gauss(0, 0.004)),
            float(np.exp(rng.uniform(np.log(0.001), np.log(0.02)))),
        )
        self._servers[server.number] = server
        if setting.churn:
            self._in(rng.expovariate(setting.churn / 3600.0), lambda: self._leave(server))
        place = best_place(self._view(), server.rate, self._options(server), rng=rng)
        assert place is not None
        server.span = place.start, place.end
        if at_once:
            self._put(server, SEEN, server.span)
            self._online(server)
        else:
            self._show(server, server.span)  # "joining" says where it will be
            self._in(rng.uniform(*LOAD_SECONDS), lambda: self._online(server))
        self._in(rng.uniform(0, LOOK_SECONDS), lambda: self._look(server))

    def _options(self, server: Server) -> list[tuple[int, int]]:
        return self._spans[min(server.memory, self._setting.blocks)]

    def _online(self, server: Server) -> None:
        if not server.alive:
            return
        server.state, server.leaving, server.since = "online", False, self._now
        if not server.ready:
            server.ready = True
            self._rate += server.rate
            self._memory += server.memory
        self._put(server, TRUE, server.span)

    def _leave(self, server: Server) -> None:
        """Its owner switches it off: half of them without a word, the others after draining."""
        if not server.alive:
            return
        if self._rng.random() < 0.5 or server.state != "online":
            self._gone(server, EXPIRES_SECONDS)
        else:
            server.leaving = True
            self._show(server, None)
            self._in(DRAIN_SECONDS, lambda: self._gone(server, 0.0))

    def _gone(self, server: Server, seen_after: float) -> None:
        if not server.alive:
            return
        server.alive = False
        self._put(server, TRUE, None)
        if server.ready:
            self._rate -= server.rate
            self._memory -= server.memory
        del self._servers[server.number]
        self._show(server, None, seen_after)

    def _look(self, server: Server) -> None:
        if server.alive:
            self._in(LOOK_SECONDS * self._rng.uniform(0.8, 1.2), lambda: self._look(server))
            self._consider(server)

    def _consider(self, server: Server) -> None:
        """Would another place be better? Then say so, look again, drain, load, and be there."""
        if not server.alive:
            return
        view = self._view()
        if server.state != "online" or server.leaving or server.there[SEEN] != server.span:
            return
        decision = self._decide(server, view)
        if decision.verdict is Verdict.MOVE:
            self._in(decision.after, lambda: self._announce(server))

    def _decide(self, server: Server, view: Profile) -> Decision:
        settled = self._now - server.since if server.moves else SETTLED_SECONDS
        return consider_move(view, server.held(), self._options(server), settled=settled, rng=self._rng)

    def _announce(self, server: Server) -> None:
        if not server.alive or server.state != "online" or server.leaving or server.there[SEEN] != server.span:
            return
        decision = self._decide(server, self._view())
        if decision.verdict is not Verdict.MOVE or decision.place is None:
            return
        target = decision.place.start, decision.place.end
        server.leaving = True
        server.state = "draining"
        self._show(server, target)  # one record drains, the other says "joining"
        self._in(2 * SEEN_SECONDS, lambda: self._depart(server, target))

    def _depart(self, server: Server, target: tuple[int, int]) -> None:
        if not server.alive:
            return
        hole = (self._count[SEEN] == 0).any()
        if not hole and not self._may_leave(server):
            server.leaving, server.state = False, "online"
            self._show(server, server.span)
            return
        self._in(DRAIN_SECONDS, lambda: self._load(server, target))

    def _may_leave(self, server: Server) -> bool:
        start, end = server.span
        others = self._count[TRUE, start:end] - 1
        if (others > 5).all():  # more than ever drain at once on one block; else ask the real thing
            return True
        held = [one.held() for one in self._servers.values() if one.there[TRUE] is not None]
        return may_leave(held, server.held(), self._setting.blocks)

    def _load(self, server: Server, target: tuple[int, int]) -> None:
        if not server.alive:
            return
        server.moves += 1
        self._moves += self._measuring
        server.state, server.span = "loading", target
        self._put(server, TRUE, None)
        self._in(self._rng.uniform(*LOAD_SECONDS), lambda: self._online(server))

    # Routes

    def _try_route(self) -> None:
        """A client's route from what it sees, against the cheapest that there is."""
        rng = self._rng
        here = Coordinate(rng.choice(self._cities), 0.005, 0.1)
        true = [self._record(one, 0.0) for one in self._servers.values() if one.state == "online" and one.ready]
        seen = [self._record(one, 0.1) for one in self._servers.values() if one.there[SEEN] == one.span]
        truth = Snapshot(Seen(true, here))
        request = Request(0, self._setting.blocks, prompt=rng.choice([0, 200, 1000]))
        try:
            best = choose(truth, request)
            late = choose(Snapshot(Seen(seen, here)), request)
        except BlocksMissing:
            return
        path = [(truth.index.get(hop.key), hop.start, hop.end) for hop in late.hops]
        self._ghosts.append(any(i is None for i, _, _ in path))
        if not self._ghosts[-1]:
            self._ratios.append(_cost(truth, request, path) / best.cost)  # type: ignore[arg-type]

    def _record(self, server: Server, wrong: float) -> SignedRecord:
        start, end = server.span
        scale = self._rng.uniform(1 - wrong, 1 + wrong)
        record = ServerRecord(
            peer_id_from_key(server.number.to_bytes(32, "big")),
            server.name,
            b"s" * 32,
            start,
            end,
            "online",
            throughput=server.rate / (end - start),
            coordinates=(server.place[0] * scale, server.place[1] * scale, server.height * scale, 0.1),
        )
        return SignedRecord(record, b"")


def _cost(truth: Snapshot, request: Request, path: list[tuple[int, int, int]]) -> float:
    from meadow.swarm.routing.snapshot import OVERHEAD_SECONDS

    total, before = 0.0, None
    for i, start, end in path:
        total += truth.from_here(i) if before is None else truth.delay(before, i)
        each = truth.step[i] + truth.position[i] * request.prompt / request.new
        total += OVERHEAD_SECONDS + float(each) * (end - start)
        before = i
    return total + truth.from_here(path[-1][0])
