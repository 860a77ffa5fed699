"""Which servers, in which order, together hold the blocks that are wanted: a pure function over their records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from meadow.errors import BlocksMissing
from meadow.swarm.records import ServerRecord, SignedRecord

# What one more hop costs beside its compute: network and hand-over, seconds. Measured round trips replace this constant
# once servers publish coordinates; until then it makes one server of ten blocks win over two of five equally fast ones.
HOP_SECONDS = 0.02
# A server that does not say how fast it is counts as this slow, seconds per block and token.
UNKNOWN_SECONDS_PER_BLOCK = 0.05


@dataclass(frozen=True, slots=True)
class Hop:
    """One server of a route and the blocks ``[start, end)`` that it computes there (perhaps not all it has)."""

    signed: SignedRecord
    start: int
    end: int

    @property
    def server(self) -> ServerRecord:
        return self.signed.server


def find_route(
    servers: Iterable[SignedRecord],
    start: int,
    end: int,
    *,
    dtype: str | None = None,
    avoid: Collection[tuple[str, str]] = (),
    indivisible: Sequence[tuple[int, int]] = (),
) -> list[Hop]:
    """The cheapest chain of servers over blocks ``[start, end)``.

    :param servers: valid records of one model.
    :param dtype: only servers that compute in this dtype; None takes any.
    :param avoid: ``(peer_id, server_id)`` pairs that must not be used.
    :param indivisible: ranges of blocks that may not be cut (:func:`meadow.models.layout.indivisible_ranges`).
    :raises BlocksMissing: nobody serves some of the blocks; the error names them.
    """
    online = [
        signed
        for signed in servers
        if signed.server.state == "online" and (signed.server.peer_id, signed.server.server_id) not in avoid
    ]
    usable = [signed for signed in online if dtype is None or signed.server.dtype == dtype]
    # Equal cost would leave the choice to the order in which records arrived: ids decide instead.
    usable.sort(key=lambda signed: (signed.server.peer_id, signed.server.server_id))
    cuts = [
        block for block in range(start + 1, end) if not any(first < block < last for first, last in indivisible)
    ] + [end]

    # Dijkstra over block boundaries: from boundary `at`, a server that holds block `at` leads as far as it reaches.
    best: dict[int, float] = {start: 0.0}
    came: dict[int, Hop] = {}
    queue: list[tuple[float, int]] = [(0.0, start)]
    while queue:
        cost, at = heappop(queue)
        if at == end:
            break
        if cost > best[at]:
            continue
        for signed in usable:
            server = signed.server
            if not server.start <= at < server.end:
                continue
            each = _seconds_per_block(server)
            for to in cuts:
                if not at < to <= server.end:
                    continue
                total = cost + HOP_SECONDS + each * (to - at)
                if total < best.get(to, float("inf")):
                    best[to] = total
                    came[to] = Hop(signed, at, to)
                    heappush(queue, (total, to))
    if end not in came:
        raise _missing(online, start, end, dtype)
    hops: list[Hop] = []
    at = end
    while at != start:
        hops.append(came[at])
        at = came[at].start
    return hops[::-1]


def _seconds_per_block(server: ServerRecord) -> float:
    if server.throughput <= 0:
        return UNKNOWN_SECONDS_PER_BLOCK
    return 1.0 / (server.throughput * (server.end - server.start))


def uncovered(servers: Iterable[SignedRecord], start: int, end: int) -> list[tuple[int, int]]:
    """The ranges of ``[start, end)`` that none of these servers holds."""
    gaps, at = [], start
    for first, last in sorted((s.server.start, s.server.end) for s in servers):
        if first > at:
            gaps.append((at, min(first, end)))
        at = max(at, last)
        if at >= end:
            break
    if at < end:
        gaps.append((at, end))
    return [gap for gap in gaps if gap[0] < gap[1]]


def _missing(online: Sequence[SignedRecord], start: int, end: int, dtype: str | None) -> BlocksMissing:
    usable = [signed for signed in online if dtype is None or signed.server.dtype == dtype]
    gaps = uncovered(usable, start, end)
    what = f" in {dtype}" if dtype else ""
    for other in sorted({signed.server.dtype for signed in online} - {dtype}):
        if gaps and not uncovered([signed for signed in online if signed.server.dtype == other], start, end):
            return BlocksMissing(
                f"All blocks of this model are served in {other}, but not{what}: load it with dtype={other} "
                f"(--dtype {other}).",
                gaps,
            )
    if not gaps:
        return BlocksMissing(
            f"Every block is served{what}, but in pieces that cut through blocks that must stay together. "
            "Wait for another server, or serve the whole range yourself with `meadow serve`.",
            [(start, end)],
        )
    names = ", ".join(f"{first}:{last}" for first, last in gaps)
    first, last = gaps[0]
    return BlocksMissing(
        f"Nobody serves blocks {names}{what} of this model right now. Wait for somebody to join, or serve them "
        f"yourself: meadow serve MODEL --blocks {first}:{last}",
        gaps,
    )
