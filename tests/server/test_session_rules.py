"""The decisions of a server as tables: frames, what runs next, who has to go."""

from __future__ import annotations

import random

import pytest

from meadow.errors import ProtocolError
from meadow.server.budget import Budget, Holding, choose_evictions
from meadow.server.events import Seldom
from meadow.server.scheduler import Piece, Usage, Used, Waiting, next_pass
from meadow.server.sessions import SessionState, Verdict
from meadow.wire.messages import Step
from meadow.wire.ops import CacheOp, Extent


def step(seq: int, position: int, count: int = 1, epoch: int = 1, **more: object) -> Step:
    return Step(epoch, seq, position, count, (0, 0, 0), **more)  # type: ignore[arg-type]


def fresh() -> SessionState:
    return SessionState(1, 1, can_roll_back=True)


def test_every_number_is_applied_once_and_in_order() -> None:
    state = fresh()
    assert state.admit(step(1, 0, 5)).verdict is Verdict.APPLY
    assert state.admit(step(1, 0, 5)).verdict is Verdict.PENDING
    state.finish(1)
    assert state.admit(step(1, 0, 5)).verdict is Verdict.REPEAT
    assert state.admit(step(1, 77, 9)).verdict is Verdict.REPEAT  # the position decides nothing
    assert state.admit(step(3, 6)).verdict is Verdict.GAP
    assert state.admit(step(2, 5)).verdict is Verdict.APPLY
    assert state.extent == Extent(1, 6)


def test_frames_of_an_old_route_are_dropped_and_of_an_unknown_one_refused() -> None:
    state = SessionState(3, 1, can_roll_back=True)
    assert state.admit(step(1, 0, epoch=2)).verdict is Verdict.STALE
    with pytest.raises(ProtocolError) as caught:
        state.admit(step(1, 0, epoch=4))
    assert caught.value.code == "stale_epoch"
    assert state.admit(step(1, 0, epoch=3)).verdict is Verdict.APPLY


def test_five_frames_under_way_are_one_too_many() -> None:
    state = fresh()
    for seq in range(1, 5):
        assert state.admit(step(seq, seq - 1)).verdict is Verdict.APPLY
    assert state.admit(step(5, 4)).verdict is Verdict.WINDOW
    state.finish(1)
    assert state.admit(step(5, 4)).verdict is Verdict.APPLY


def test_positions_are_checked_after_the_operations() -> None:
    state = fresh()
    state.admit(step(1, 0, 10))
    with pytest.raises(ProtocolError) as caught:
        state.admit(step(2, 10, ops=(CacheOp.crop(3),)))
    assert caught.value.code == "position"
    assert state.extent == Extent(1, 10) and state.accepted == 1  # nothing moved
    admitted = state.admit(step(2, 7, ops=(CacheOp.crop(3), CacheOp.repeat(4))))
    assert (admitted.before, admitted.after, admitted.most_rows) == (Extent(4, 7), Extent(4, 8), 4)


def test_only_pipelined_frames_need_a_credit_of_their_own() -> None:
    state = fresh()
    assert not state.needs_credit(step(1, 0, acked=0))
    assert not state.needs_credit(step(9, 0, acked=8))
    assert state.needs_credit(step(2, 0, acked=0))


def test_any_order_of_any_frames_applies_each_number_exactly_once() -> None:
    """A thousand seeded storms of repeats, gaps, old epochs and random completions."""
    for seed in range(1000):
        generator = random.Random(seed)
        state = SessionState(2, 1, can_roll_back=True)
        applied: list[int] = []
        running: list[int] = []
        while len(applied) < 8:
            seq = generator.randint(1, 10)
            verdict = state.admit(step(seq, seq - 1, epoch=generator.choice([1, 2, 2]))).verdict
            if verdict is Verdict.APPLY:
                applied.append(seq)
                running.append(seq)
            assert len(running) <= 4
            if running and generator.random() < 0.4:
                state.finish(running.pop(0))
        assert applied == list(range(1, 9)), f"seed {seed}"


def test_who_used_least_runs_next() -> None:
    waiting = [
        Waiting(1, "greedy", 5, 256),
        Waiting(2, "greedy", 3, 1),
        Waiting(3, "modest", 9, 1),
        Waiting(3, "modest", 8, 1),
    ]
    assert next_pass(waiting, Used({}, {"greedy": 2.0, "modest": 0.5})) == [Piece(3, waiting[3].positions)]
    assert next_pass(waiting[:2], Used({1: 2.0, 2: 0.1}, {"greedy": 2.1})) == [Piece(1, waiting[1].positions)]
    assert next_pass(waiting[:1], Used({1: 99.0}, {"greedy": 99.0})) == [Piece(0, waiting[0].positions)]
    assert next_pass([], Used({}, {})) == []


def test_sixty_sessions_of_one_peer_get_no_more_than_one_of_another() -> None:
    usage, now = Usage(), 0.0
    turns = {"crowd": 0, "single": 0}
    for _ in range(400):
        waiting = [Waiting(n, "crowd", 1, 1) for n in range(60)] + [Waiting(99, "single", 1, 1)]
        chosen = waiting[next_pass(waiting, usage.used())[0].index]
        now += 0.01
        usage.add(chosen.session, chosen.peer_id, 0.01, now)
        turns[chosen.peer_id] += 1
    assert abs(turns["crowd"] - turns["single"]) <= 10


def test_old_use_fades() -> None:
    usage = Usage(half_life=1.0)
    usage.add(1, "a", 8.0, 1.0)
    usage.add(2, "b", 1.0, 4.0)
    assert usage.used().by_peer["a"] == pytest.approx(1.0, rel=0.01)
    usage.add(2, "b", 1.0, 100.0)
    assert "a" not in usage.used().by_peer


@pytest.mark.parametrize(
    ("missing", "expected"),
    [(10, [4]), (50, [4, 2]), (150, [4, 2, 1]), (1000, None), (0, [])],
)
def test_idle_sessions_go_first_and_active_ones_never(missing: int, expected: list[int] | None) -> None:
    holdings = [
        Holding(1, 100, 30.0, False, True),
        Holding(2, 100, 60.0, False, True),
        Holding(3, 500, 5.0, False, True),  # between two tokens
        Holding(4, 40, 1.0, False, False),  # its owner is gone
        Holding(5, 500, 90.0, True, True),  # works
        Holding(6, 0, 99.0, False, True),
    ]
    assert choose_evictions(holdings, missing, idle_after=10.0) == expected


def test_the_budget_counts_what_is_held() -> None:
    budget = Budget(100)
    budget.hold(1, 60)
    assert (budget.free, budget.missing(2, 40), budget.missing(2, 41), budget.missing(1, 100)) == (40, 0, 1, 0)
    budget.hold(1, 30)
    budget.hold(2, 70)
    assert budget.free == 0
    budget.release(2)
    budget.release(2)
    assert budget.free == 70


def test_a_problem_that_comes_again_and_again_is_told_now_and_then() -> None:
    now = 100.0
    seldom = Seldom(10.0, clock=lambda: now)
    told = []
    for tick in range(5000):  # one a centisecond, of two kinds
        now = 100.0 + tick / 100
        told += [kind for kind in ("protocol", "numbers") if seldom.passes(kind)]
    assert told == ["protocol", "numbers"] * 5
