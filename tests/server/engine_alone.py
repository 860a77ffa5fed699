"""A real engine over a real span of a tiny model, with nothing around it: steps go in as frames, results come out.

Which steps share a pass is up to the test: the compute thread starts once everything is queued.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from families import zoo

from meadow.models.checkpoint import open_checkpoint
from meadow.models.parts import load_span
from meadow.server.batching.batcher import Batcher
from meadow.server.batching.request import Answer, Request
from meadow.server.budget import Budget
from meadow.server.engine import Done, Engine, Failed, Outcome
from meadow.server.live import Job, LiveSession
from meadow.server.sessions import SessionState
from meadow.server.span import Span
from meadow.wire.body import pack_step, read_result
from meadow.wire.limits import FRAME_PREFIX
from meadow.wire.messages import Open, Result, Step, decode, expect
from meadow.wire.ops import CacheOp


def load(family: str, start: int = 1, end: int = 4, dtype: torch.dtype = torch.float32) -> Span:
    """Blocks of a tiny model of this family, with its random weights."""
    with tempfile.TemporaryDirectory() as folder:
        zoo.save(family, Path(folder))
        part = load_span(open_checkpoint(Path(folder), cache_dir=Path(folder)), start, end, dtype=dtype)
        return Span(part, start, end)


class Watched:
    """A runner that notes how many sessions shared each pass."""

    def __init__(self, batcher: Batcher) -> None:
        self.batcher = batcher
        self.passes: list[int] = []
        self.positions: list[int] = []

    @property
    def most(self) -> int:
        return self.batcher.most

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        self.passes.append(len(requests))
        self.positions.append(sum(request.hidden.shape[1] for request in requests))
        return self.batcher.run(requests)


@dataclass
class Talk:
    """One session of a test, as its owner sees it."""

    session: LiveSession
    seq: int = 0
    length: int = 0
    results: list[torch.Tensor] = field(default_factory=list)
    failed: Failed | None = None


class Bench:
    """An engine, its sessions, and whatever it answered. Use inside a running loop."""

    def __init__(self, span: Span, runner: Any = None, *, budget: int = 1 << 20) -> None:
        self.span, self.budget = span, Budget(budget)
        self.talks: dict[LiveSession, Talk] = {}
        self.evicted: list[LiveSession] = []
        self._open = 0
        self._done: asyncio.Event = asyncio.Event()
        self.engine = Engine(
            span, self.budget, on_done=self._answered, on_evicted=self.evicted.append,
            on_forgotten=lambda session: None, idle_before_eviction=10.0, runner=runner,
        )  # fmt: skip

    def talk(self, *, owner: str | None = None, rows: int = 1, reproducible: bool = False) -> Talk:
        number = len(self.talks) + 1
        opened = Open(
            number.to_bytes(16, "big"), 1, bytes(32), self.span.start, self.span.end, rows, "float32",
            reproducible=reproducible,
        )  # fmt: skip
        state = SessionState(1, rows, can_roll_back=self.span.can_roll_back)
        session = LiveSession(number, owner or f"peer{number}", opened, state)
        self.talks[session] = talk = Talk(session)
        return talk

    def say(self, talk: Talk, hidden: torch.Tensor, ops: tuple[CacheOp, ...] = ()) -> None:
        """Queue one step."""
        talk.seq += 1
        removed = sum(op.count for op in ops if op.kind == "crop")
        step = Step(1, talk.seq, talk.length - removed, hidden.shape[1], (), keep=hidden.shape[1], ops=ops)
        step = expect(decode(pack_step(step, hidden, [[]])[FRAME_PREFIX:]), Step)
        talk.length += hidden.shape[1] - removed
        admitted = talk.session.state.admit(step)
        self._open += 1
        self.engine.submit(Job(talk.session, step, admitted))

    def _answered(self, job: Job, outcome: Outcome) -> None:
        talk = self.talks[job.session]
        if isinstance(outcome, Failed):
            talk.failed = outcome
            job.session.closed = True
        else:
            assert isinstance(outcome, Done)
            job.session.state.finish(job.step.seq, job.step.stands_for)
            result = expect(decode(outcome.frame[FRAME_PREFIX:]), Result)
            talk.results.append(read_result(result)[0].clone())
        self._open -= 1
        self._done.set()

    async def settled(self) -> None:
        """Until every step that was queued has its answer."""
        async with asyncio.timeout(60):
            while self._open:
                self._done.clear()
                await self._done.wait()


def alone(span: Span, steps: Sequence[tuple[torch.Tensor, int]]) -> list[torch.Tensor]:
    """What a session gives by itself: each step is hidden states, and how many positions to roll back before."""
    cache = span.open(span.start, span.end)
    outputs = []
    for hidden, back in steps:
        if back:
            cache.crop(back)
        outputs.append(span.step(cache, hidden).hidden.clone())
    cache.close()
    return outputs


def run(test: Callable[[], Any]) -> None:
    """Run an async test with one thread and without gradients."""
    torch.set_num_threads(1)
    asyncio.run(test())


def update(output: torch.Tensor, hidden: torch.Tensor) -> float:
    """The largest change that the blocks made: what differences are measured against."""
    return float((output - hidden).abs().max())


__all__ = ["Bench", "CacheOp", "Talk", "Watched", "alone", "load", "run", "update"]
