"""The rules of a session as a pure state machine: which frame is applied, answered from memory, or refused.

No clock, no socket, no tensor. The handler asks :meth:`SessionState.admit` about every Step before it goes anywhere, so
whatever order frames arrive in, a cache sees each sequence number exactly once (SESSION.md rules 3, 5, 7).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from meadow.errors import ProtocolError
from meadow.wire.limits import MAX_LENGTH, WINDOW
from meadow.wire.messages import Step
from meadow.wire.ops import Extent, after_ops


class Verdict(Enum):
    """What to do with a frame."""

    APPLY = "apply"
    """The next one: run it."""
    REPEAT = "repeat"
    """Done before: send the stored output again, touch no cache."""
    PENDING = "pending"
    """Already waiting or running: its output will come; do nothing."""
    STALE = "stale"
    """From an older epoch: drop it without a word (rule 7)."""
    GAP = "gap"
    """A frame in between is missing: refuse; the session goes on."""
    WINDOW = "window"
    """More frames under way than allowed: the sender breaks the protocol."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The verdict and, for APPLY, what the step will do to the session."""

    verdict: Verdict
    before: Extent | None = None
    after: Extent | None = None
    most_rows: int = 0


class SessionState:
    """Epoch, sequence numbers, rows and length of one session on one server.

    ``done`` is the last step whose output exists, ``accepted`` the last one that was let in; ``extent`` already counts
    all accepted steps, because they run in order and a failing one ends the session.
    """

    def __init__(self, epoch: int, rows: int, *, can_roll_back: bool) -> None:
        self.epoch = epoch
        self.done = 0
        self.accepted = 0
        self.extent = self._extent_done = Extent(rows, 0)
        self.can_roll_back = can_roll_back
        self.refusing = False
        """A step did not fit before it reached the cache: nothing is taken until the route changes."""
        self._running: deque[Extent] = deque()

    def begin(self, seq: int, length: int) -> None:
        """A new session begins with ``length`` positions that are here already, as if steps to ``seq`` were done."""
        self.done = self.accepted = seq
        self.extent = self._extent_done = Extent(self.extent.rows, length)

    @property
    def length_done(self) -> int:
        """Positions that the cache holds."""
        return self._extent_done.length

    def admit(self, step: Step) -> Admitted:
        """Decide about one frame; APPLY advances the state. Raises ProtocolError for a frame that cannot fit."""
        if step.epoch < self.epoch or (self.refusing and step.epoch == self.epoch):
            return Admitted(Verdict.STALE)
        if step.epoch > self.epoch:
            raise ProtocolError("a frame of a route that the owner did not announce", code="stale_epoch")
        if step.seq <= self.done:
            return Admitted(Verdict.REPEAT)
        if step.seq <= self.accepted:
            return Admitted(Verdict.PENDING)
        if step.seq - step.stands_for != self.accepted:
            return Admitted(Verdict.GAP)
        if len(self._running) >= WINDOW:
            return Admitted(Verdict.WINDOW)
        before = self.extent
        moved, most_rows = after_ops(before, step.ops, can_roll_back=self.can_roll_back)
        if step.position != moved.length:
            raise ProtocolError("a step starts at another position than the cache ends", code="position")
        if moved.length + step.count > MAX_LENGTH:
            raise ProtocolError("a session longer than any allowed", code="position")
        self.extent = Extent(moved.rows, moved.length + step.count)
        self.accepted = step.seq
        self._running.append(self.extent)
        return Admitted(Verdict.APPLY, moved, self.extent, most_rows)

    def finish(self, seq: int, stands_for: int = 1) -> None:
        """The step ``seq``, which stands for so many numbers, has been computed."""
        if seq != self.done + stands_for or seq > self.accepted:
            raise ValueError(f"step {seq} finished out of order after {self.done}")
        self.done = seq
        self._extent_done = self._running.popleft()

    def refuse(self) -> None:
        """The step after ``done`` did not fit, and the cache was not touched: whoever sent it is to be replaced.

        What was let in behind it is forgotten as well; the next route begins behind ``done``.
        """
        self.accepted, self.extent, self.refusing = self.done, self._extent_done, True
        self._running.clear()

    def move(self, epoch: int) -> None:
        """The owner announced a newer route."""
        self.epoch, self.refusing = epoch, False

    def needs_credit(self, step: Step) -> bool:
        """True if the sender may be waiting for a Credit: it had other frames under way when it sent this one.

        A lone decode step needs none, since ``acked`` in the next step says it for free; so a token costs one message
        per hop.
        """
        return step.again or step.acked < step.seq - 1
