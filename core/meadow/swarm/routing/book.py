"""What one client knows about the servers of one model, kept up to date: the holder around the pure functions.

Belongs to one asyncio loop (or one thread). It asks nobody; who asks (client/lookout.py) tells it here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from meadow.errors import BlocksMissing
from meadow.swarm.records import SignedRecord
from meadow.swarm.routing.backoff import BackOff
from meadow.swarm.routing.choose import Request, Route, choose, standby, standbys
from meadow.swarm.routing.coordinates import Coordinate
from meadow.swarm.routing.hop import Hop, Key
from meadow.swarm.routing.snapshot import Figures, Seen, Snapshot

FIGURES_SECONDS = 30.0
"""How long what a server said about itself counts."""
EDGE_SECONDS = 300.0
UNREACHABLE_SECONDS = 60.0
_MOST_EDGES = 512


class RouteBook:
    """See the module's text. ``servers`` and ``at``: the newest records, and when they came."""

    def __init__(
        self, *, own: str = "", clock: Callable[[], float] = time.monotonic, rng: random.Random | None = None
    ) -> None:
        """``own``: this machine's peer id; ``clock``: seconds, monotonic."""
        self.servers: tuple[SignedRecord, ...] = ()
        self.at = float("-inf")
        self.here: Coordinate | None = None
        self.own = own
        self._clock = clock
        self.back_off = BackOff(rng=rng)
        self._figures: dict[Key, tuple[float, Figures]] = {}
        self._edges: dict[tuple[str, str], tuple[float, float]] = {}
        self._snapshot: tuple[tuple[object, ...], Snapshot] | None = None
        self._version = 0

    # What is heard

    def update(self, servers: Iterable[SignedRecord]) -> None:
        """The swarm was searched: these are the servers now."""
        self.servers, self.at = tuple(servers), self._clock()
        keys = {(one.server.peer_id, one.server.server_id) for one in self.servers}
        self._figures = {key: value for key, value in self._figures.items() if key in keys}
        self._version += 1

    def heard(self, key: Key, figures: Figures) -> None:
        """A server said how it is."""
        self._figures[key] = self._clock(), figures
        self._version += 1

    def placed(self, here: Coordinate) -> None:
        """This machine's own coordinate has moved."""
        self.here = here
        self._version += 1

    def failed(self, key: Key) -> None:
        """A server could not be reached, hung, or answered nonsense: it is out of routes at once, for a while."""
        self.back_off.failed(key, self._clock())
        self._version += 1

    def slow(self, key: Key, times: float) -> None:
        """A server took ``times`` as long as it had said."""
        self.back_off.slow(key, self._clock(), times)
        self._version += 1

    def worked(self, key: Key) -> None:
        """A server did what it should."""
        self.back_off.worked(key, self._clock())
        self._version += 1

    def unreachable(self, first: str, second: str) -> None:
        """Peer ``first`` cannot reach peer ``second``: no route goes that way for a while."""
        self._edge(first, second, float("inf"), UNREACHABLE_SECONDS)

    def measured(self, first: str, second: str, round_trip: float) -> None:
        """A round trip between two servers, seconds."""
        self._edge(first, second, round_trip, EDGE_SECONDS)

    def _edge(self, first: str, second: str, seconds: float, life: float) -> None:
        self._edges.pop((first, second), None)
        self._edges[first, second] = self._clock() + life, seconds
        while len(self._edges) > _MOST_EDGES:
            del self._edges[next(iter(self._edges))]
        self._version += 1

    # What follows from it

    def snapshot(self, *, alone: Collection[Key] = ()) -> Snapshot:
        """What is known now. The same object as long as nothing changes."""
        now = self._clock()
        banned = frozenset(self.back_off.banned(now, alone=alone))
        which = self._version, banned, int(now)
        if self._snapshot is not None and self._snapshot[0] == which:
            return self._snapshot[1]
        seen = Seen(
            servers=self.servers,
            here=self.here,
            own=self.own,
            figures={key: value for key, (at, value) in self._figures.items() if now - at <= FIGURES_SECONDS},
            slower=self.back_off.factors(now),
            banned=banned,
            edges={ends: seconds for ends, (until, seconds) in self._edges.items() if now < until},
        )
        made = Snapshot(seen, older=None if self._snapshot is None else self._snapshot[1])
        self._snapshot = which, made
        return made

    def choose(self, request: Request) -> Route:
        """The cheapest route now.

        Servers in their back-off are left out. Where nobody else holds a block, they come back after a few seconds
        already: a swarm whose only servers failed once must recover.

        :raises BlocksMissing: nobody who may be used serves some of the blocks.
        """
        try:
            return choose(self.snapshot(), request)
        except BlocksMissing as error:
            alone = [
                (one.server.peer_id, one.server.server_id)
                for one in self.servers
                if any(one.server.start < end and one.server.end > start for start, end in error.missing)
            ]
            if not self.back_off.banned(self._clock()) - self.back_off.banned(self._clock(), alone=alone):
                raise
            return choose(self.snapshot(alone=alone), request)

    def standby(self, request: Request, route: Sequence[Hop], position: int, **options: object) -> Route | None:
        """Who could take the place of ``route[position]`` now; see :func:`.choose.standby`."""
        return standby(self.snapshot(), request, route, position, **options)  # type: ignore[arg-type]

    def standbys(self, request: Request, route: Sequence[Hop]) -> list[Route | None]:
        """One for every hop."""
        return standbys(self.snapshot(), request, route)

    def candidates(self, request: Request, count: int) -> list[SignedRecord]:
        """The few servers worth asking how they are: those of the best route, of the next best, and so on."""
        found: list[SignedRecord] = []
        avoid = set(request.avoid)
        while len(found) < count:
            try:
                route = choose(self.snapshot(), replace(request, avoid=frozenset(avoid)))
            except BlocksMissing:
                break
            found += [hop.signed for hop in route.hops]
            avoid |= {hop.key for hop in route.hops}
        return found[:count]
