"""What a route is made of, and which blocks nobody serves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from meadow.errors import BlocksMissing
from meadow.swarm.records import ServerRecord, SignedRecord

Key = tuple[str, str]
"""``(peer id, server id)``: one server."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One server of a route and the blocks ``[start, end)`` that it computes there (perhaps not all it has)."""

    signed: SignedRecord
    start: int
    end: int

    @property
    def server(self) -> ServerRecord:
        return self.signed.server

    @property
    def key(self) -> Key:
        """Who it is."""
        return self.server.peer_id, self.server.server_id


def uncovered(servers: Iterable[SignedRecord], start: int, end: int) -> list[tuple[int, int]]:
    """The ranges of ``[start, end)`` that none of these servers holds."""
    return uncovered_spans(((s.server.start, s.server.end) for s in servers), start, end)


def uncovered_spans(spans: Iterable[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """The ranges of ``[start, end)`` that none of these spans holds."""
    gaps, at = [], start
    for first, last in sorted(spans):
        if first > at:
            gaps.append((at, min(first, end)))
        at = max(at, last)
        if at >= end:
            break
    if at < end:
        gaps.append((at, end))
    return [gap for gap in gaps if gap[0] < gap[1]]


def missing(online: Sequence[SignedRecord], start: int, end: int, dtype: str | None) -> BlocksMissing:
    """The error that names the blocks that nobody of ``online`` serves (in ``dtype``), and says what to do."""
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
