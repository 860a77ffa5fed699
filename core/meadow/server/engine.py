"""The compute thread: takes steps from a queue, runs them through the span, hands back bytes.

Everything that touches the span or a cache happens on this one thread; everything that touches a stream happens on the
asyncio loop. Between them go a queue in one direction and ``call_soon_threadsafe`` in the other: two hand-offs per
step. Decoding and encoding of tensors is done here as well, so a large chunk never keeps the loop from other sessions.

A pass takes what :func:`~meadow.server.scheduler.next_pass` chose of the waiting steps; ``passes.py`` makes each ready
and answers it, the runner (``batching/``) computes them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import torch

from meadow.server import passes
from meadow.server.batching.request import Alone, Request, Runner
from meadow.server.budget import Budget, Holding, choose_evictions
from meadow.server.lending import Lending
from meadow.server.live import Job, LiveSession
from meadow.server.passes import Done, Failed, Outcome, Refusal, Task
from meadow.server.prefixes import still_true
from meadow.server.rhythm import Rhythm
from meadow.server.scheduler import SHORT, Usage, Waiting, next_pass, prefill_room

if TYPE_CHECKING:
    from meadow.server.cache import SpanCache
    from meadow.server.span import Span
    from meadow.wire.prefix import Prefix

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Beginning:
    """A new session that may begin with what is here already; ``told`` hears on the loop what came of it:
    ``(sequence number, positions)``, (0, 0) for nothing."""

    session: LiveSession
    offers: Sequence[Prefix]
    told: Callable[[tuple[int, int]], None]


class _Tidy:
    """Asks the compute thread to drop what was kept for too long."""


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

    def add_pass(self, positions: Sequence[int], seconds: float) -> None:
        """Count a pass over steps of so many positions each."""
        long = sum(count for count in positions if count > SHORT)
        if not long:
            self.add(max(positions), seconds)
        elif len(positions) == 1:
            self.add(long, seconds)
        elif seconds > self.step_seconds:  # what the long ones added
            self.add(long, seconds - self.step_seconds)


def _moved(old: float, new: float) -> float:
    return new if not old else 0.8 * old + 0.2 * new


class Engine:
    """One thread, one span. The callbacks are called on the loop that :meth:`start` was called on.

    ``on_forgotten``: nothing of a session that :meth:`forget` was called for is here any more. ``runner`` computes the
    steps; None: one by one.
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
        runner: Runner | None = None,
    ) -> None:
        self.pace = Pace()
        self._span, self._budget = span, budget
        self._runner: Runner = runner or Alone(span)
        # In pieces only where somebody can profit: whoever runs alone on a made-up span wants whole steps.
        self._divides = runner is not None and not span.takes_carry
        self._on_done, self._on_evicted, self._on_forgotten = on_done, on_evicted, on_forgotten
        self._idle_before_eviction = idle_before_eviction
        self._inbox: SimpleQueue[Job | LiveSession | Beginning | _Tidy | None] = SimpleQueue()
        self._lending = Lending(span, budget)
        self._waiting: list[Task] = []
        self._lone: SpanCache | None = (
            None  # of the session that was computed last, alone: its next step is planned ahead
        )
        self._running: tuple[LiveSession, ...] = ()
        self._with_cache: dict[int, LiveSession] = {}
        self._usage = Usage()
        self._rhythm = Rhythm()
        self._stopped = False
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

    def begin(self, beginning: Beginning) -> None:
        """A session is about to open: copy what it can begin with, before any of its steps comes."""
        self._inbox.put(beginning)

    def tidy(self) -> None:
        """Drop what closed sessions left long ago; call now and then."""
        if len(self._lending):
            self._inbox.put(_Tidy())

    @property
    def kept_tokens(self) -> int:
        """Tokens of the budget that anybody gets who needs them: what closed sessions left."""
        return self._lending.tokens

    def stop(self) -> None:
        """End the thread after the pass that runs now; waits for it."""
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def computes(self, session: LiveSession) -> bool:
        """Whether a step of it is being computed now."""
        return any(one is session for one in self._running)

    @property
    def queued(self) -> int:
        """Steps that wait."""
        return len(self._waiting) + self._inbox.qsize()

    @property
    def queue_seconds(self) -> float:
        """Seconds until a step that came now would start."""
        counts = [task.left for task in list(self._waiting)]
        long = sum(count for count in counts if count > SHORT)
        passes_before = -(-sum(count <= SHORT for count in counts) // self._runner.most)
        waiting = passes_before * self.pace.step_seconds + (self.pace.expect(long) if long else 0.0)
        return waiting + (self.pace.step_seconds if self._running else 0.0)

    @property
    def holdings(self) -> list[Holding]:
        """What each session holds of the budget now, and what is kept of closed ones."""
        now = time.monotonic()
        return [
            Holding(s.number, self._budget.held(s.number), now - s.last_used, s.busy, s.client is not None)
            for s in list(self._with_cache.values())
        ] + self._lending.holdings

    # -- on the compute thread --------------------------------------------------------------------------------------

    def _work(self) -> None:
        with torch.inference_mode():
            while self._receive():
                self._wait_for_company()
                if self._stopped or (self._waiting and not self._pass(self._choose())):
                    break
        for session in list(self._with_cache.values()):
            self._drop(session)
        self._lending.clear()

    def _receive(self, timeout: float | None = None) -> bool:
        """Take in what has arrived, waiting only if there is nothing to do (or ``timeout`` seconds). False: stop."""
        lone, self._lone = self._lone, None
        if lone is not None and not self._waiting and self._inbox.empty():
            self._span.plan_ahead(lone)
            del lone  # a session that is forgotten while this waits must not be kept
        try:
            item = self._inbox.get(block=not self._waiting or timeout is not None, timeout=timeout)
            while True:
                if item is None:
                    self._stopped = True
                    return False
                if isinstance(item, LiveSession):
                    self._forget(item)
                elif isinstance(item, Beginning):
                    self._begin(item)
                elif isinstance(item, _Tidy):
                    self._lending.tidy()
                else:
                    self._waiting.append(Task(item))
                    if item.step.count <= SHORT:
                        self._rhythm.came(item.session.number, item.arrived)
                item = self._inbox.get_nowait()
        except Empty:
            return True

    def _wait_for_company(self) -> None:
        """Let sessions that are about to come take part in the next pass."""
        since = time.monotonic()
        while self._runner.most > 1 and self._waiting and not any(task.single for task in self._waiting):
            waiting = {task.session.number for task in self._waiting}
            until = self._rhythm.until(waiting, since=since, pass_seconds=self.pace.step_seconds)
            left = until - time.monotonic()
            if left <= 0 or not self._receive(left):
                return

    def _choose(self) -> list[tuple[Task, int]]:
        """The steps of the next pass, and how many positions of each; finished ones have left the queue."""
        if not self._waiting:
            return []
        waiting = [
            Waiting(
                task.session.number,
                task.session.owner,
                task.job.step.seq,
                task.left,
                task.single,
                self._divides and not task.single,
            )
            for task in self._waiting
        ]
        long = {step.session for step in waiting if step.positions > SHORT}
        streams = any(step.session not in long for step in waiting)
        streams = streams or bool(long and self._rhythm.generating(time.monotonic(), long))
        room = prefill_room(self.pace.step_seconds, self.pace.position_seconds, streams=streams)
        pieces = next_pass(waiting, self._usage.used(), most=self._runner.most, prefill=room)
        return [(self._waiting[piece.index], piece.positions) for piece in pieces]

    def _pass(self, chosen: Sequence[tuple[Task, int]]) -> bool:
        """Run a pass and answer what is through. False: the loop was closed under us, so nobody waits any more."""
        self._running = tuple(task.session for task, _ in chosen)
        try:
            outcomes = self._computed([one for one in chosen if not one[0].session.closed])
        finally:
            self._running = ()
        gone = {id(task) for task, _ in chosen if task.session.closed}
        through = gone | {id(task) for task, outcome in outcomes if outcome is not None}
        self._waiting = [task for task in self._waiting if id(task) not in through]
        assert self._loop is not None
        for task, outcome in outcomes:
            if outcome is None:
                continue
            try:
                # Before the frame leaves: what comes back because of it must find the step done.
                self._loop.call_soon_threadsafe(self._on_done, task.job, outcome)
            except RuntimeError:
                return False
            if task.job.direct is not None and isinstance(outcome, Done) and outcome.frame:
                task.job.direct.send_frame(outcome.frame)
            if len(chosen) == 1 and task.job.step.count == 1:
                self._lone = task.session.cache
            if task.job.step.count <= SHORT:
                self._rhythm.left(task.session.number, time.monotonic())
        return True

    def _computed(self, chosen: Sequence[tuple[Task, int]]) -> list[tuple[Task, Outcome | None]]:
        """The outcome of each step; None: the rest of it comes in a later pass."""
        outcomes: list[tuple[Task, Outcome | None]] = []
        ready: list[tuple[Task, int, Request]] = []
        axis = self._span.position_axis
        began = time.monotonic()
        for task, positions in chosen:
            try:
                passes.prepare(task, self._span)
                cache = self._cache_of(task.session)
                self._make_room(task, cache)
                passes.begin(task, cache)
                if task.session.names and task.job.step.ops:
                    kinds = {op.kind for op in task.job.step.ops}
                    task.session.names = still_true(task.session.names, kinds, cache.length)
                ready.append((task, positions, passes.request(task, cache, positions, axis)))
            except Exception as error:
                outcomes.append((task, passes.failure(error)))
        started = time.monotonic()
        answers = self._runner.run([request for _, _, request in ready])
        for (task, _, request), answer in zip(ready, answers, strict=True):
            outcome: Outcome | None
            try:
                if isinstance(answer, Exception):
                    raise answer
                outcome = passes.finish(task, answer, request.cache, axis)
                self._budget.hold(task.session.number, request.cache.capacity * request.cache.blocks)
            except Exception as error:
                outcome = passes.failure(error)
            outcomes.append((task, outcome))
        ended = time.monotonic()
        counts = [positions for _, positions in chosen]
        for (task, positions), seconds in zip(chosen, passes.shares(counts, ended - began), strict=True):
            session = task.session
            self._usage.add(session.number, session.owner, seconds, ended)
            if positions == task.job.step.count == 1:
                session.step_seconds = _moved(session.step_seconds, ended - began)
                session.wait_seconds = _moved(session.wait_seconds, began - task.job.arrived)
        if ready:
            self.pace.add_pass([positions for _, positions, _ in ready], ended - started)
        return outcomes

    def _cache_of(self, session: LiveSession) -> SpanCache:
        if session.cache is None:
            opened = session.opened
            session.cache = self._span.open(opened.start, opened.end, opened.rows)
            self._with_cache[session.number] = session
        return session.cache

    def _make_room(self, task: Task, cache: SpanCache) -> None:
        session = task.session
        rows = max(cache.batch, task.job.admitted.most_rows)
        needed = cache.tokens_needed(task.left) * rows * cache.blocks // cache.batch
        missing = self._budget.missing(session.number, needed)
        if missing:
            others = [holding for holding in self.holdings if holding.session != session.number]
            chosen = choose_evictions(others, missing, idle_after=self._idle_before_eviction)
            if chosen is None:
                raise Refusal("full", needed, self._budget.free)
            assert self._loop is not None
            for number in chosen:
                if self._lending.drop(number):
                    continue
                victim = self._with_cache[number]
                self._drop(victim)
                self._loop.call_soon_threadsafe(self._on_evicted, victim)
        self._budget.hold(session.number, max(needed, self._budget.held(session.number)))

    def _begin(self, beginning: Beginning) -> None:
        """Give a new session a copy of what another one of its owner began with, if there is one and room for it."""
        session, seq, length = beginning.session, 0, 0
        began = time.monotonic()
        live = [one for one in self._with_cache.values() if not one.closed and not one.opened.reproducible]
        try:
            cache, seq, length = self._lending.begin(session, beginning.offers, live)
        except Exception:  # as with a step: it costs nobody else anything, and this one only the reuse
            log.warning("what a session could begin with could not be copied", exc_info=True)
        else:
            if cache is not None:
                session.cache = cache
                self._with_cache[session.number] = session
                ended = time.monotonic()
                self._usage.add(session.number, session.owner, ended - began, ended)
        session.names = {name: positions for positions, _, name in beginning.offers}
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop was closed under us
            self._loop.call_soon_threadsafe(beginning.told, (seq, length))

    def _forget(self, session: LiveSession) -> None:
        if self._lending.keep(session):
            self._with_cache.pop(session.number, None)
            self._usage.forget(session.number)
            self._rhythm.forget(session.number)
        else:
            self._drop(session)
        self._waiting = [task for task in self._waiting if task.session is not session]
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop was closed under us
            self._loop.call_soon_threadsafe(self._on_forgotten, session)

    def _drop(self, session: LiveSession) -> None:
        cache, session.cache = session.cache, None
        session.closed = True
        self._with_cache.pop(session.number, None)
        self._budget.release(session.number)
        self._usage.forget(session.number)
        self._rhythm.forget(session.number)
        if cache is not None:
            cache.close()


__all__ = ["Done", "Engine", "Failed", "Outcome", "Pace"]
