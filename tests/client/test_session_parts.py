"""What a client session is made of: who is late, the background loop, how a step is cut."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import pytest
import torch

from meadow.client.deadlines import Judgement, Watched, judge
from meadow.client.loop import BackgroundLoop
from meadow.client.session import _mask_part, _sections
from meadow.client.transport import HopState
from meadow.errors import MeadowError
from meadow.wire.messages import Opened


@pytest.mark.parametrize(
    ("hops", "now", "expected"),
    [
        ([Watched(0, 0, 0.01)], 0.4, Judgement()),
        ([Watched(0, 0, 0.01)], 0.6, Judgement(probe=(0,))),  # asked early enough for an answer within its time
        ([Watched(0, 0.6, 0.01)], 1.9, Judgement()),  # asked, and still has time to answer
        ([Watched(0, 0.6, 0.01)], 2.2, Judgement(dead=0)),
        ([Watched(0, 2.1, 0.01)], 3.0, Judgement()),
        ([Watched(2.2, 2.1, 0.01)], 2.6, Judgement()),  # it answered: slow is not dead
        ([Watched(2.2, 2.1, 0.01)], 4.3, Judgement(probe=(0,))),  # and silent again: ask again
        ([Watched(0, 0, 1.0)], 6.4, Judgement()),  # it said that it takes long
        ([Watched(0, 0, 1.0)], 6.6, Judgement(probe=(0,))),
        ([Watched(5.0, 0, 0), Watched(0, 2.1, 0)], 5.1, Judgement(dead=1)),
        ([Watched(0, 0, 0), Watched(0, 0, 0)], 2.5, Judgement(probe=(0, 1))),
    ],
)
def test_only_who_is_silent_after_being_asked_is_dead(hops: list[Watched], now: float, expected: Judgement) -> None:
    assert judge(hops, 0.0, now) == expected


def test_silence_before_the_step_does_not_count() -> None:
    assert judge([Watched(heard=0.0, probed=0.0, announced=0.0)], started=100.0, now=100.4) == Judgement()
    assert judge([Watched(heard=0.0, probed=50.0, announced=0.0)], started=100.0, now=102.5) == Judgement(probe=(0,))


def test_the_loop_runs_things_and_ends() -> None:
    loop = BackgroundLoop("test-loop")

    async def where() -> str:
        return threading.current_thread().name

    async def fails() -> None:
        raise ValueError("as it is")

    assert loop.run(where()) == "test-loop"
    with pytest.raises(ValueError, match="as it is"):
        loop.run(fails())
    cancelled = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        loop.run(endless(), timeout=0.05)
    assert cancelled.wait(5)
    loop.close()
    loop.close()
    assert not any(thread.name == "test-loop" for thread in threading.enumerate())
    with pytest.raises(MeadowError, match="closed"):
        loop.run(where())
    loop.call_if_alive(print)


def test_a_forked_child_is_told_so() -> None:
    loop = BackgroundLoop("test-fork")

    async def nothing() -> None:
        pass

    loop._pid = os.getpid() + 1  # as in a child: forking a process full of threads is what must not happen
    try:
        with pytest.raises(MeadowError, match="forked"):
            loop.run(nothing())
    finally:
        loop._pid = os.getpid()
        loop.close()


def test_an_extra_tensor_travels_once_for_all_its_blocks() -> None:
    shared, own = torch.zeros(1, 2), torch.ones(1, 2)
    extras = {0: {"ids": shared}, 1: {"ids": shared, "bias": own}, 2: {"ids": shared}, 5: {"ids": own}}
    sections = _sections(extras, 0, 3)
    assert [(e.name, e.blocks) for e in sections] == [("ids", (0, 1, 2)), ("bias", (1,))]
    assert [(e.name, e.blocks) for e in _sections(extras, 3, 6)] == [("ids", (5,))]
    assert _sections(None, 0, 3) == []


def test_a_mask_change_is_cut_so_that_every_frame_brings_its_columns() -> None:
    values = torch.arange(12)[None]  # columns 2..14 of a session with 6 positions that takes 8 more
    first, second = _mask_part((2, values), 6, 0, 5), _mask_part((2, values), 6, 5, 8)
    assert first is not None and second is not None
    assert (first[0], first[1].tolist()) == (2, [list(range(9))])
    assert (second[0], second[1].tolist()) == (11, [[9, 10, 11]])
    assert _mask_part(None, 6, 0, 5) is None


def test_a_queue_of_an_earlier_step_excuses_nobody() -> None:
    """A server that froze after it had named a long queue is dead as soon as any other; a queue named now excuses."""
    opened = Opened(session=bytes(16), epoch=1, step_seconds=0.05, position_seconds=0.01)
    state = HopState(Any, Any, opened=opened, queue=(9.0, 4.0), probed=10.5)  # type: ignore[arg-type]
    assert judge([state.watched(1, 10.0)], started=10.0, now=12.0) == Judgement(dead=0)
    state.queue = (10.5, 4.0)
    assert judge([state.watched(1, 10.0)], started=10.0, now=12.0) == Judgement()
