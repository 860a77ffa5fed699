"""The compute thread: takes steps from a queue, runs them through the span, hands back bytes.

Everything that touches the span or a cache happens on this one thread; everything that touches a stream happens on the
asyncio loop. Between them go a queue in one direction and ``call_soon_threadsafe`` in the other: two hand-offs per
step. Decoding and encoding of tensors is done here as well, so a large chunk never keeps the loop from other sessions.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import torch

from meadow.errors import ProtocolError
from meadow.server.budget import Budget, Holding, choose_evictions
from meadow.server.live import Job, LiveSession
from meadow.server.scheduler import Usage, Waiting, next_steps
from meadow.wire.body import forward_step, read_step, result_frame
from meadow.wire.messages import PROBLEMS
from meadow.wire.tensors import is_finite

if TYPE_CHECKING:
    from meadow.server.cache import SpanCache
    from meadow.server.span import Span

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """A step went through: the frame for the next hop or the owner (b"": nobody wants it), and the cache's length."""

    frame: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A step did not go through; the session is over. ``detail`` is for our own log only."""

    code: str
    params: tuple[int, ...] = ()
    detail: str = ""


Outcome = Done | Failed


class _Refusal(Exception):
    def __init__(self, code: str, *params: int) -> None:
        self.failed = Failed(code, params)


@dataclass(slots=True)
class Pace:
    """How long steps take: moving averages in seconds, for one position and for each position of a long step."""

    step_seconds: float = 0.0
    position_seconds: float = 0.0

    def add(self, positions: int, seconds: float) -> None:
        """Count a step."""
        if positions <= 4:
            self.step_seconds = _moved(self.step_seconds, seconds)
        else:
            self.position_seconds = _moved(self.position_seconds, seconds / positions)

    def expect(self, positions: int) -> float:
        """Seconds that a step of so many positions will probably take."""
        return self.step_seconds + (self.position_seconds or self.step_seconds) * (positions - 1)


def _moved(old: float, new: float) -> float:
    return new if not old else 0.8 * old + 0.2 * new


class Engine:
    """One thread, one span. The callbacks are called on the loop that :meth:`start` was called on.

    ``on_forgotten``: nothing of a session that :meth:`forget` was called for is here any more.
    """

    def __init__(
        self,
        span: Span,
        budget: Budget,
        *,
        on_done: Callable[[Job, Outcome], None],
        on_evicted: Callable[[LiveSession], None],
        on_forgotten: Callable[[LiveSession], None],
        idle_before_eviction: float,
    ) -> None:
        self.pace = Pace()
        self.current: LiveSession | None = None
        self._span, self._budget = span, budget
        self._on_done, self._on_evicted, self._on_forgotten = on_done, on_evicted, on_forgotten
        self._idle_before_eviction = idle_before_eviction
        self._inbox: SimpleQueue[Job | LiveSession | None] = SimpleQueue()
        self._waiting: list[Job] = []
        self._with_cache: dict[int, LiveSession] = {}
        self._usage = Usage()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._work, name="meadow-compute", daemon=True)

    def start(self) -> None:
        """Start the thread; call on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a step."""
        self._inbox.put(job)

    def forget(self, session: LiveSession) -> None:
        """The session is over: free its cache, drop its steps."""
        self._inbox.put(session)

    def stop(self) -> None:
        """End the thread after the step that runs now; waits for it."""
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join()

    @property
    def queued(self) -> int:
        """Steps that wait."""
        return len(self._waiting) + self._inbox.qsize()

    @property
    def queue_seconds(self) -> float:
        """Seconds until a step that came now would start."""
        waiting = sum(self.pace.expect(job.step.count) for job in list(self._waiting))
        return waiting + (self.pace.step_seconds if self.current is not None else 0.0)

    @property
    def holdings(self) -> list[Holding]:
        """What each session holds of the budget now."""
        now = time.monotonic()
        return [
            Holding(s.number, self._budget.held(s.number), now - s.last_used, s.busy, s.client is not None)
            for s in list(self._with_cache.values())
        ]

    # -- on the compute thread --------------------------------------------------------------------------------------

    def _work(self) -> None:
        assert self._loop is not None
        with torch.inference_mode():
            while self._receive():
                for index in sorted(self._choose(), reverse=True):
                    job = self._waiting.pop(index)
                    if job.session.closed:
                        continue
                    outcome = self._run(job)
                    try:
                        # Before the frame leaves: what comes back because of it must find the step done.
                        self._loop.call_soon_threadsafe(self._on_done, job, outcome)
                    except RuntimeError:  # the loop was closed under us: nobody waits for this any more
                        return
                    if job.direct is not None and isinstance(outcome, Done) and outcome.frame:
                        job.direct.send_frame(outcome.frame)
        for session in list(self._with_cache.values()):
            self._drop(session)

    def _receive(self) -> bool:
        """Take in what has arrived, waiting only if there is nothing to do. False: stop."""
        try:
            item = self._inbox.get(block=not self._waiting)
            while True:
                if item is None:
                    return False
                if isinstance(item, LiveSession):
                    self._drop(item)
                    self._waiting = [job for job in self._waiting if job.session is not item]
                    assert self._loop is not None
                    with suppress(RuntimeError):  # the loop was closed under us
                        self._loop.call_soon_threadsafe(self._on_forgotten, item)
                else:
                    self._waiting.append(item)
                item = self._inbox.get_nowait()
        except Empty:
            return True

    def _choose(self) -> list[int]:
        if len(self._waiting) == 1:
            return [0]
        return next_steps(
            [
                Waiting(
                    job.session.number, job.session.owner, job.step.seq, job.step.count, job.session.opened.reproducible
                )
                for job in self._waiting
            ],
            self._usage.used(),
        )

    def _run(self, job: Job) -> Outcome:
        session = self.current = job.session
        started = time.monotonic()
        try:
            outcome: Outcome = self._step(job)
        except _Refusal as refusal:
            outcome = refusal.failed
        except ProtocolError as error:
            outcome = Failed(error.code if error.code in PROBLEMS else "protocol", (), str(error))
        except Exception as error:  # whatever the model's own code raises costs this session, and only this one
            log.warning("a step of a session failed", exc_info=True)
            outcome = Failed("internal", (), type(error).__name__)
        finally:
            self.current = None
        ended = time.monotonic()
        self._usage.add(session.number, session.owner, ended - started, ended)
        if isinstance(outcome, Done):
            self.pace.add(job.step.count, ended - started)
            if job.step.count == 1:
                session.step_seconds = _moved(session.step_seconds, ended - started)
                session.wait_seconds = _moved(session.wait_seconds, started - job.arrived)
        return outcome

    def _step(self, job: Job) -> Done:
        session, step, span = job.session, job.step, self._span
        opened, after = session.opened, job.admitted.after
        assert after is not None
        content = read_step(step)
        expected = span.hidden_shape(after.rows, step.count)
        if tuple(content.hidden.shape) != expected:
            raise ProtocolError("hidden states of another shape", code="bad_step")
        if not is_finite(content.hidden) or not all(c is None or is_finite(c) for c in content.carry):
            raise _Refusal("not_finite", 0)
        cache = session.cache
        if cache is None:
            cache = session.cache = span.open(opened.start, opened.end, opened.rows)
            self._with_cache[session.number] = session
        self._make_room(session, cache, job)
        for op in step.ops:
            _apply(cache, op.kind, op.count, op.indices)
        output = span.step(
            cache,
            content.hidden,
            positions=content.positions,
            mask=content.mask,
            extras=content.extras or None,
            carry=content.carry,
        )
        if cache.length != after.length:
            raise RuntimeError("the cache has another length than the session")
        self._budget.hold(session.number, cache.capacity * cache.blocks)
        if not is_finite(output.hidden):
            raise _Refusal("not_finite", 1)
        if opened.next is not None:
            return Done(forward_step(step, output.hidden, output.carry), after.length)
        if not step.keep and not step.answer:
            return Done(b"", after.length)
        carry = output.carry if opened.want_carry else ()
        return Done(result_frame(step, output.hidden, carry, axis=span.position_axis), after.length)

    def _make_room(self, session: LiveSession, cache: SpanCache, job: Job) -> None:
        rows = max(cache.batch, job.admitted.most_rows)
        needed = cache.tokens_needed(job.step.count) * rows * cache.blocks // cache.batch
        missing = self._budget.missing(session.number, needed)
        if missing:
            others = [holding for holding in self.holdings if holding.session != session.number]
            chosen = choose_evictions(others, missing, idle_after=self._idle_before_eviction)
            if chosen is None:
                raise _Refusal("full", needed, self._budget.free)
            assert self._loop is not None
            for number in chosen:
                victim = self._with_cache[number]
                self._drop(victim)
                self._loop.call_soon_threadsafe(self._on_evicted, victim)
        self._budget.hold(session.number, max(needed, self._budget.held(session.number)))

    def _drop(self, session: LiveSession) -> None:
        cache, session.cache = session.cache, None
        session.closed = True
        self._with_cache.pop(session.number, None)
        self._budget.release(session.number)
        self._usage.forget(session.number)
        if cache is not None:
            cache.close()


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
