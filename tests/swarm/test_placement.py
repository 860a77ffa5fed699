"""Where servers go and when they move: a table of small swarms, properties, and simulated ones that live for hours."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.swarm_sim import Setting, Simulation
from meadow.swarm.placement import (
    SETTLED_SECONDS,
    Candidate,
    Held,
    Profile,
    Verdict,
    best_model,
    best_place,
    blocks_everywhere,
    consider_move,
    may_leave,
    possible_spans,
    worths,
)

BLOCKS = 8


def held(name: str, start: int, end: int, rate: float = 100.0, leaving: bool = False) -> Held:
    return Held(name, start, end, rate, leaving)


def place(servers: list[Held], capacity: int, rate: float = 100.0) -> tuple[int, int]:
    found = best_place(Profile.of(servers, BLOCKS), rate, blocks_everywhere(capacity, BLOCKS))
    assert found is not None
    return found.start, found.end


def move(servers: list[Held], own: Held, capacity: int, settled: float = 2 * SETTLED_SECONDS) -> Verdict:
    decision = consider_move(
        Profile.of(servers, BLOCKS), own, blocks_everywhere(capacity, BLOCKS), settled=settled, rng=random.Random(1)
    )
    assert (decision.place is not None) == (decision.verdict is Verdict.MOVE) and 0 <= decision.after <= 900
    return decision.verdict


@pytest.mark.parametrize(
    ("servers", "capacity", "expected"),
    [
        ([], 4, (0, 4)),
        ([held("a", 0, 4)], 4, (4, 8)),
        ([held("a", 0, 4)], 8, (0, 8)),
        ([held("a", 0, 3), held("b", 6, 8)], 3, (3, 6)),
        ([held("a", 0, 8), held("b", 0, 4)], 4, (4, 8)),
        ([held("a", 0, 4, 1000.0), held("b", 4, 8, 10.0)], 4, (4, 8)),
        ([held("a", 0, 8), held("b", 4, 8, leaving=True)], 4, (0, 4)),
    ],
)
def test_a_newcomer_goes_where_it_lifts_the_swarm_most(
    servers: list[Held], capacity: int, expected: tuple[int, int]
) -> None:
    assert place(servers, capacity) == expected


def test_nobody_moves_away_from_blocks_that_need_it() -> None:
    own = held("a", 0, 4)
    servers = [own, held("b", 4, 8, 1.0)]
    assert move(servers, own, 4) is Verdict.STAY
    servers.append(held("c", 0, 4))
    assert move(servers, own, 4) is Verdict.MOVE
    careful = consider_move(Profile.of(servers, BLOCKS), own, [(4, 8)], settled=1e9, rng=random.Random(1), keeps=2)
    assert careful.verdict is Verdict.NEEDED


def test_a_move_must_be_worth_it_and_not_follow_another_at_once() -> None:
    own = held("a", 0, 4)
    alike = [own, held("b", 0, 4), held("c", 4, 8, 190.0)]
    assert move(alike, own, 4) is Verdict.STAY
    needed = [own, held("b", 0, 4), held("c", 4, 8, 20.0)]
    assert move(needed, own, 4) is Verdict.MOVE
    assert move(needed, own, 4, settled=60.0) is Verdict.STAY


def test_a_hole_is_filled_at_once_by_who_can_be_spared() -> None:
    own = held("a", 0, 4)
    assert move([own, held("b", 0, 4)], own, 4, settled=1.0) is Verdict.MOVE
    # Moving the hole to somewhere else helps nobody.
    assert move([own], own, 4) is Verdict.STAY


def test_of_two_that_leave_at_once_one_stays() -> None:
    a, b = held("a", 0, 4, leaving=True), held("b", 0, 4, leaving=True)
    assert [may_leave([a, b], one, BLOCKS) for one in (a, b)] == [True, False]
    assert may_leave([a, b, held("c", 0, 8)], b, BLOCKS)


def test_spans_keep_together_what_must_not_be_cut() -> None:
    spans = possible_spans(8, lambda start: 3, lambda boundary: boundary != 4)
    assert all(start != 4 and end != 4 for start, end in spans) and (5, 8) in spans and (0, 3) in spans


def test_the_model_that_becomes_complete_comes_first() -> None:
    spans = blocks_everywhere(4, BLOCKS)

    def candidate(name: str, servers: list[Held], people: int = 0) -> Candidate:
        return Candidate(name, Profile.of(servers, BLOCKS), spans, 100.0, people)

    nearly, empty = candidate("nearly", [held("a", 0, 4)]), candidate("empty", [])
    done, busy = candidate("done", [held("a", 0, 8)]), candidate("busy", [held("a", 0, 8)], people=9)
    assert best_model([empty, done, nearly])[0].name == "nearly"  # type: ignore[index]
    assert best_model([done, empty])[0].name == "empty"  # type: ignore[index]
    assert best_model([done, busy])[0].name == "busy"  # type: ignore[index]
    assert best_model([]) is None


spans = st.tuples(st.integers(0, BLOCKS - 1), st.integers(1, BLOCKS)).map(lambda s: (s[0], min(BLOCKS, s[0] + s[1])))
swarms = st.lists(st.tuples(spans, st.sampled_from([1.0, 10.0, 100.0]), st.integers(1, BLOCKS)), min_size=2, max_size=7)


@settings(max_examples=150, deadline=None)
@given(swarms, st.randoms(use_true_random=False))
def test_moves_end_and_never_tear_a_hole(drawn: list[tuple[tuple[int, int], float, int]], rng: random.Random) -> None:
    """Every server may move as often as it likes, one after the other: they come to rest, and covered stays covered."""
    servers = [held(str(i), *span, rate) for i, (span, rate, _) in enumerate(drawn)]
    moves = 0
    for _ in range(60):
        calm = True
        for number, own in enumerate(servers):
            profile = Profile.of(servers, BLOCKS)
            options = blocks_everywhere(max(drawn[number][2], own.end - own.start), BLOCKS)
            decision = consider_move(profile, own, options, settled=1e9, rng=rng)
            if decision.place is None:
                continue
            servers[number] = held(own.name, decision.place.start, decision.place.end, own.rate)
            after = Profile.of(servers, BLOCKS)
            assert (after.count == 0).sum() <= (profile.count == 0).sum()
            if profile.complete:
                gone = Profile.of([*servers[:number], *servers[number + 1 :]], BLOCKS)
                assert gone.complete, "complete also while it loads"
            calm, moves = False, moves + 1
        if calm:
            break
    assert calm and moves <= 30 * len(servers)


@settings(max_examples=60, deadline=None)
@given(swarms, st.sampled_from([1.0, 50.0]), st.integers(1, BLOCKS))
def test_worth_is_the_difference_of_the_potential(
    drawn: list[tuple[tuple[int, int], float, int]], rate: float, capacity: int
) -> None:
    profile = Profile.of([held(str(i), *span, speed) for i, (span, speed, _) in enumerate(drawn)], BLOCKS)
    options = blocks_everywhere(capacity, BLOCKS)
    scale = max(profile.speed.mean(), rate / BLOCKS)

    def potential(speed: np.ndarray) -> float:
        return float(-((speed / scale + 0.02) ** -8.0).sum())

    for (start, end), worth in zip(options, worths(profile, rate, options), strict=True):
        with_it = profile.speed.copy()
        with_it[start:end] += rate / (end - start)
        assert worth == pytest.approx(potential(with_it) - potential(profile.speed), rel=1e-3, abs=1.0)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("servers", "coverage", "balance"), [(6, 0.85, 0.15), (12, 0.93, 0.25), (50, 0.999, 0.55)])
def test_a_swarm_that_loses_a_third_an_hour_stays_up(servers: int, coverage: float, balance: float, seed: int) -> None:
    outcome = Simulation(Setting(servers, 32, 12.0, memory=(2, 32), seed=seed, routes=4)).run()
    assert outcome.coverage >= coverage and outcome.balance >= balance, outcome
    assert outcome.moves_per_server_hour <= 1.0 and outcome.route_ratio <= 1.3, outcome


def test_without_churn_nobody_moves_for_long() -> None:
    outcome = Simulation(Setting(50, 32, 6.0, churn=0.0, memory=(2, 32), routes=2)).run()
    assert outcome.coverage == 1.0 and outcome.moves_per_server_hour < 0.05, outcome


@pytest.mark.full
def test_five_thousand_servers_stay_even() -> None:
    outcome = Simulation(Setting(5000, 128, 3.0, memory=(4, 64))).run()
    assert outcome.coverage == 1.0 and outcome.balance >= 0.9 and outcome.moves_per_server_hour <= 1.0, outcome
