"""Who may open a session, and towards whom a server dials: the checks in front of everything else."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meadow.errors import ProtocolError
from meadow.server.budget import Budget, Holding, choose_evictions
from meadow.swarm.records import MAX_FUTURE_SECONDS, ServerRecord, decode_record
from meadow.swarm.streams import StreamLimits
from meadow.wire.limits import MAX_FRAME, MAX_HEADER
from meadow.wire.messages import ANEW, KEEP, Open, Problem, Step
from meadow.wire.tensors import dtype_name

if TYPE_CHECKING:
    from meadow.server.live import LiveSession
    from meadow.server.span import Span

_FIRST_POSITIONS = 64
"""Positions per row for which there must be room when a session opens: a first answer, not the whole hint."""

_SMALL = 64 << 10
"""Bytes: a decode step fits."""
_INDICES = 2048 * 8
"""Bytes for each position: the longest list of int64 indices in use (sparse attention) as a carry."""

CLOCK_SKEW = 300.0
"""Seconds by which clocks in a swarm may differ; a record a little past its life only costs a dial that fails."""


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What peers may use. Times in seconds, sizes in bytes."""

    sessions_per_peer: int = 64
    """Of one owner; a server that sends the steps of many owners is not limited by it."""
    streams_per_peer: int = 16
    """Beyond the sessions: what one peer may have open besides the streams on which servers send steps."""
    sessions: int = 1024
    idle: float = 300.0
    """A session without a step for so long is closed, whatever it still owes."""
    abandoned: float = 10.0
    """A session whose owner has no stream here, and whose next hop is lost or whose server is draining, is closed after
    so long."""
    idle_before_eviction: float = 10.0
    """A session without a step for so long may be ended when others need its room."""
    attaches_per_peer: int = 64
    attaches: int = 256
    """Servers that wait for a session that its owner has not opened here yet."""
    attach_wait: float = 10.0
    log_bytes: int = 256 << 20
    """Outputs kept for a replay, all sessions together."""
    waiting_per_owner: int = 2 * MAX_FRAME
    """Steps that have arrived and are not computed yet, all sessions of one owner together."""
    waiting: int = 8 * MAX_FRAME
    """The same for all owners together."""

    @property
    def streams(self) -> StreamLimits:
        """For the server's stream protocol. One server before us may carry every session here, each on its stream."""
        return StreamLimits(per_peer=self.sessions, total=2 * self.sessions, pending_per_peer=self.attaches_per_peer)


class Inflow:
    """Bytes of the steps that have arrived and wait for the compute thread, for each owner and in all."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._held: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Bytes that wait."""
        return self._held.total()

    def take(self, owner: str, size: int) -> bool:
        """Count ``size`` bytes more; False if there is no room. When all together have filled it, what is as small as
        a decode step is still let in, so others go on: the window and the number of sessions bound those."""
        if self._held[owner] + size > self._limits.waiting_per_owner:
            return False
        if size > _SMALL and self.total + size > self._limits.waiting:
            return False
        self._held[owner] += size
        return True

    def release(self, owner: str, size: int) -> None:
        """These bytes do not wait any more."""
        self._held[owner] -= size
        if self._held[owner] <= 0:
            del self._held[owner]


def oversized(step: Step, rows: int, span: Span) -> bool:
    """True if the main section is larger than the hidden states and the carry of such a step can be.

    What a carry may hold only the model's own code knows: up to three times the hidden states, and a list of indices
    for each position, are let through.
    """
    hidden = 4 * math.prod(span.hidden_shape(rows, step.count))
    return step.sections[0] > 4 * hidden + rows * step.count * _INDICES + MAX_HEADER


def misfit(request: Open, span: Span, fingerprint: bytes, session: LiveSession | None) -> Problem | None:
    """Why this request cannot be meant for this server, or for the session that it names."""
    if request.fingerprint != fingerprint or request.dtype != dtype_name(span.dtype):
        return Problem("wrong_model")
    if not span.start <= request.start < request.end <= span.end:
        return Problem("wrong_blocks", (span.start, span.end))
    if session is None:
        return Problem("unknown_session") if request.answered and request.rebuild == KEEP else None
    if request.epoch < session.state.epoch:
        return Problem("stale_epoch")
    if request.rebuild == ANEW:
        return None
    same = (request.start, request.end) == (session.opened.start, session.opened.end)
    return None if same else Problem("wrong_blocks", (session.opened.start, session.opened.end))


def no_room(request: Open, budget: Budget, holdings: Iterable[Holding], limits: ServerLimits) -> Problem | None:
    """Why there is no room for a new session: its hint can never fit, or not even a first answer fits now."""
    per_position = request.rows * (request.end - request.start)
    hinted = per_position * request.expected_length
    first = per_position * min(request.expected_length or _FIRST_POSITIONS, _FIRST_POSITIONS)
    missing = first - budget.free
    room = missing <= 0 or choose_evictions(holdings, missing, idle_after=limits.idle_before_eviction) is not None
    if hinted <= budget.total and room:
        return None
    return Problem("full", (max(hinted, first), max(0, budget.free)))


def next_hop(
    request: Open, fingerprint: bytes, ourselves: tuple[str, str], *, known: ServerRecord | None = None
) -> ServerRecord | None:
    """The verified record of the next hop: a server dials nothing that its owner did not sign (SESSION.md rule 14).

    Raises ProtocolError if it is forged, expired, of another model, does not continue these blocks, or is ``ourselves``
    (peer id, server id). ``known``, the next hop until now, may have an expired record: it outlives its record.
    """
    if request.next is None:
        return None
    record = decode_record(request.next).server
    if known is not None and (record.peer_id, record.server_id) == (known.peer_id, known.server_id):
        return known
    if not -CLOCK_SKEW < record.expires - time.time() <= MAX_FUTURE_SECONDS + CLOCK_SKEW:
        raise ProtocolError("the next hop's record has expired")
    if record.fingerprint != fingerprint or not record.start <= request.end < record.end:
        raise ProtocolError("the next hop does not continue this span")
    if (record.peer_id, record.server_id) == ourselves:
        raise ProtocolError("a server cannot be its own next hop")
    return record
