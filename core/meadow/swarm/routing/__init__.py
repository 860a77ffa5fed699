"""Which servers, in which order, together hold the blocks that are wanted.

``choose(Snapshot(Seen(records, ...)), Request(...)) -> Route`` is a pure function; :class:`RouteBook` holds what a
client knows and calls it. Start reading at ``choose.py``; ``problem.py`` and ``solve.py`` have the algorithm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from meadow.swarm.records import SignedRecord
from meadow.swarm.routing.book import RouteBook
from meadow.swarm.routing.choose import Cost, Request, Route, choose, standby, standbys
from meadow.swarm.routing.coordinates import Coordinate, moved
from meadow.swarm.routing.explain import explain
from meadow.swarm.routing.hop import Hop, Key, uncovered
from meadow.swarm.routing.snapshot import HOP_SECONDS, Figures, Seen, Snapshot


def find_route(
    servers: Iterable[SignedRecord],
    start: int,
    end: int,
    *,
    dtype: str | None = None,
    avoid: Collection[Key] = (),
    indivisible: Sequence[tuple[int, int]] = (),
) -> list[Hop]:
    """The cheapest chain of servers over blocks ``[start, end)``, by their records alone.

    :param servers: valid records of one model.
    :param dtype: only servers that compute in this dtype; None takes any.
    :param avoid: servers that must not be used.
    :param indivisible: ranges of blocks that may not be cut (:func:`meadow.models.layout.indivisible_ranges`).
    :raises BlocksMissing: nobody serves some of the blocks; the error names them.
    """
    request = Request(start, end, dtype, avoid=avoid, indivisible=tuple(indivisible))
    return list(choose(Snapshot(Seen(tuple(servers))), request).hops)


__all__ = [
    "HOP_SECONDS",
    "Coordinate",
    "Cost",
    "Figures",
    "Hop",
    "Key",
    "Request",
    "Route",
    "RouteBook",
    "Seen",
    "Snapshot",
    "choose",
    "explain",
    "find_route",
    "moved",
    "standby",
    "standbys",
    "uncovered",
]
