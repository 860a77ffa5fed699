"""How fast a swarm is for one person who chats, from what its servers say of themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meadow.errors import BlocksMissing
from meadow.swarm.records import SignedRecord
from meadow.swarm.routing import HOP_SECONDS, find_route


def swarm_speed(
    servers: Iterable[SignedRecord],
    num_blocks: int,
    *,
    dtype: str | None = None,
    indivisible: Sequence[tuple[int, int]] = (),
) -> float | None:
    """Tokens/s of one session over the route that a client would choose, which is the cheapest.

    Server i of the route computes n_i of the L_i blocks that it hosts; throughput_i, in its record, is the tokens/s of
    one session through all L_i of them. Blocks of a model cost about the same, so

        tokens/s = 1 / sum over i of (HOP_SECONDS + n_i / (L_i * throughput_i))

    with HOP_SECONDS = 0.02 for the network between two servers, as in ``swarm/routing.py``. An estimate: records are
    claims, and nothing here knows how busy anybody is.

    :returns: 0.0 when nobody serves some of the blocks; None when a server of the route does not say how fast it is.
    """
    try:
        route = find_route(servers, 0, num_blocks, dtype=dtype, indivisible=indivisible)
    except BlocksMissing:
        return 0.0
    seconds = 0.0
    for hop in route:
        server = hop.server
        if server.throughput <= 0:
            return None
        seconds += HOP_SECONDS + (hop.end - hop.start) / ((server.end - server.start) * server.throughput)
    return 1.0 / seconds
