"""Every session runs its own step, and waits at each row-wise module until all are there; that module runs once.

Masks, rotary embeddings, caches and recurrences stay each session's own, so a family that is right alone is right
here. It costs Python for each session, so it stands behind packing. Sessions are greenlets: one thread, switched where
we say, so nothing of torch's state for each thread changes hands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import greenlet

from meadow.server.batching.request import Answer, Request, answer
from meadow.server.batching.rowwise import RowWise, find
from meadow.server.span import Span

_Call = tuple["_Meeting", tuple[Any, ...], dict[str, Any]]


class _Meeting:
    """Stands for the ``forward`` of one row-wise module."""

    def __init__(self, rowwise: RowWise, lockstep: Lockstep) -> None:
        self.rowwise, self._lockstep = rowwise, lockstep
        self.forward = rowwise.module.forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._lockstep.running:
            return self.forward(*args, **kwargs)
        parent = greenlet.getcurrent().parent
        assert parent is not None
        return parent.switch((self, args, kwargs))

    def together(self, calls: Sequence[tuple[tuple[Any, ...], dict[str, Any]]]) -> list[Any]:
        """The result of each call, or the exception that its session is to get."""
        try:
            return self.rowwise.together(calls, self.forward)
        except Exception:  # one of them may be at fault: only that one shall pay
            return [_tried(self.forward, *call) for call in calls]


def _tried(forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return forward(*args, **kwargs)
    except Exception as error:
        return error


class Lockstep:
    """Row-wise modules of one span, made to meet."""

    def __init__(self, span: Span) -> None:
        """Raises what the span raises if it cannot take a made-up step; ValueError if nothing can be shared."""
        if span.state_in_blocks:
            raise ValueError("the family keeps the state of a session in the modules of its blocks")
        self.running = False
        self._span = span
        self._meetings = [_Meeting(one, self) for one in find(span)]
        if not self._meetings:
            raise ValueError("no module treats all positions alike")
        for meeting in self._meetings:
            meeting.rowwise.module.forward = meeting  # type: ignore[method-assign]

    def remove(self) -> None:
        """Make the modules what they were."""
        for meeting in self._meetings:
            del meeting.rowwise.module.forward

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        """An answer for each request. A failure costs only the step that failed."""
        self.running = True
        try:
            return _all([lambda r=request: answer(self._span, r) for request in requests])  # type: ignore[misc]
        finally:
            self.running = False


def _all(jobs: Sequence[Callable[[], Answer]]) -> list[Answer]:
    threads = [greenlet.greenlet(job) for job in jobs]
    results: dict[int, Answer] = {}
    waiting: dict[int, _Call] = {}

    def resume(number: int, value: Any = None) -> None:
        thread = threads[number]
        if isinstance(value, Exception):
            came = thread.throw(value)
        else:
            came = thread.switch() if value is None else thread.switch(value)
        if thread.dead:
            results[number] = came
        else:
            waiting[number] = came

    for number in range(len(jobs)):
        resume(number)
    while waiting:
        # Whoever is furthest behind goes first, so all come together again at the next module.
        meeting = min((call[0] for call in waiting.values()), key=lambda m: m.rowwise.order)
        there = [number for number, call in waiting.items() if call[0] is meeting]
        calls = [waiting.pop(number)[1:] for number in there]
        for number, value in zip(there, meeting.together(calls), strict=True):
            resume(number, value)
    return [results[number] for number in range(len(jobs))]
