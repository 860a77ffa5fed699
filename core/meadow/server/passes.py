"""What is done for the steps of one pass: check and make ready each, compute them, put each one's answer into a frame.

Everything here runs on the compute thread. A step that cannot be done costs its own session and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from meadow.errors import ProtocolError
from meadow.server.batching.request import Request
from meadow.server.live import Job, LiveSession
from meadow.wire.body import Content, forward_step, read_step, result_frame
from meadow.wire.messages import PROBLEMS
from meadow.wire.tensors import is_finite

if TYPE_CHECKING:
    from meadow.server.cache import SpanCache
    from meadow.server.span import Span, StepOutput

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """A step went through: the frame for the next hop or the owner (b"": nobody wants it), and the cache's length."""

    frame: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A step did not go through; unless the cache is untouched the session is over. ``detail`` is for our own log."""

    code: str
    params: tuple[int, ...] = ()
    detail: str = ""
    untouched: bool = False
    """It did not fit, and the cache is as it was: the session goes on when somebody else sends the step."""


Outcome = Done | Failed


class Refusal(Exception):
    """A step cannot be done; ``failed`` says why."""

    def __init__(self, code: str, *params: int, untouched: bool = False) -> None:
        self.failed = Failed(code, params, untouched=untouched)


def failure(error: Exception) -> Failed:
    """What to tell about an exception; whatever the model's own code raises costs one session, and only that one."""
    if isinstance(error, Refusal):
        return error.failed
    if isinstance(error, ProtocolError):
        return Failed(error.code if error.code in PROBLEMS else "protocol", (), str(error))
    log.warning("a step of a session failed", exc_info=error)
    return Failed("internal", (), type(error).__name__)


@dataclass(slots=True, eq=False)
class Task:
    """A step that waits or is being computed, piece by piece if it is a long one."""

    job: Job
    positions: int = 0
    """That have been computed."""
    pieces: list[torch.Tensor] = field(default_factory=list)
    content: Content | None = None

    @property
    def session(self) -> LiveSession:
        return self.job.session

    @property
    def left(self) -> int:
        """Positions still to be computed."""
        return self.job.step.count - self.positions

    @property
    def single(self) -> bool:
        """Whether it must run alone, as far as its header tells."""
        session, step = self.job.session, self.job.step
        after = self.job.admitted.after
        rows = after.rows if after is not None else 1
        return session.opened.reproducible or rows != 1 or any(step.sections[1:2]) or bool(step.sections[-1])


def prepare(task: Task, span: Span) -> Content:
    """Read and check the tensors of a step, once. Raises Refusal or ProtocolError."""
    if task.content is None:
        step, after = task.job.step, task.job.admitted.after
        assert after is not None
        session = task.session
        try:
            if task.job.round <= session.refused_round:
                raise Refusal("gap", untouched=True)
            try:
                content = read_step(step)
            except ProtocolError:
                raise Refusal("bad_step", untouched=True) from None
            if tuple(content.hidden.shape) != span.hidden_shape(after.rows, step.count):
                raise Refusal("bad_step", untouched=True)
            if not is_finite(content.hidden) or not all(c is None or is_finite(c) for c in content.carry):
                raise Refusal("not_finite", 0, untouched=True)
        except Refusal:
            session.refused_round = max(session.refused_round, task.job.round)  # nor what was let in behind it
            raise
        task.content = content
    return task.content


def begin(task: Task, cache: SpanCache) -> None:
    """Do what the step asks of the cache before its first position."""
    if not task.positions:
        for op in task.job.step.ops:
            _apply(cache, op.kind, op.count, op.indices)


def request(task: Task, cache: SpanCache, positions: int, axis: int) -> Request:
    """The next ``positions`` of a prepared step, along axis ``axis`` of its hidden states."""
    content = task.content
    assert content is not None
    hidden = content.hidden
    if positions < task.job.step.count:
        hidden = hidden.narrow(axis, task.positions, positions)
    return Request(
        cache,
        hidden,
        content.positions,
        content.mask,
        content.extras,
        content.carry,
        task.session.opened.reproducible,
    )


def finish(task: Task, output: StepOutput, cache: SpanCache, axis: int) -> Done | None:
    """Take in what a pass gave. None: more of this step is still to come. Raises Refusal."""
    step, opened, after = task.job.step, task.session.opened, task.job.admitted.after
    assert after is not None
    if not is_finite(output.hidden):
        raise Refusal("not_finite", 1)
    task.positions += output.hidden.shape[axis]
    if task.left or task.pieces:
        task.pieces.append(output.hidden)
    if task.left:
        return None
    if cache.length != after.length:
        raise RuntimeError("the cache has another length than the session")
    hidden = torch.cat(task.pieces, dim=axis) if task.pieces else output.hidden
    if opened.next is not None:
        return Done(forward_step(step, hidden, output.carry), after.length)
    if not step.keep and not step.answer:
        return Done(b"", after.length)
    carry = output.carry if opened.want_carry else ()
    return Done(result_frame(step, hidden, carry, axis=axis), after.length)


def shares(pieces: Sequence[int], seconds: float) -> list[float]:
    """What each step of a pass is charged: ``seconds`` by its positions."""
    total = sum(pieces)
    return [seconds * count / total for count in pieces]


def _apply(cache: SpanCache, kind: str, count: int, indices: tuple[int, ...]) -> None:
    if kind == "crop":
        cache.crop(count)
    elif kind == "reorder":
        cache.reorder(list(indices))
    elif kind == "select":
        cache.select(list(indices))
    elif kind == "repeat":
        cache.repeat(count)
    elif kind == "record_past":
        cache.record_past()
    else:
        cache.reset()
