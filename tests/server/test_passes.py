"""What runs together, for how long prompts may hold up streams, and when waiting for company pays: pure decisions."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from meadow.server.rhythm import Rhythm, Stream, wait_until
from meadow.server.scheduler import MOST_PREFILL, SHORT, Piece, Usage, Used, Waiting, next_pass, prefill_room

NOBODY = Used({}, {})


def test_tokens_of_all_sessions_share_a_pass_and_a_prompt_gets_a_piece() -> None:
    waiting = [Waiting(n, f"peer{n}", 1, 1) for n in range(6)] + [Waiting(9, "reader", 1, 2000, divisible=True)]
    pieces = next_pass(waiting, NOBODY, most=32, prefill=32)
    assert sorted(pieces, key=lambda piece: piece.index) == [*(Piece(n, 1) for n in range(6)), Piece(6, 32)]


def test_two_prompts_share_the_room_for_prompts() -> None:
    waiting = [Waiting(n, f"peer{n}", 1, 200, divisible=True) for n in range(3)]
    pieces = next_pass(waiting, NOBODY, most=32, prefill=256)
    assert [piece.positions for piece in pieces] == [200, 56]


def test_of_one_session_only_the_oldest_step_runs() -> None:
    waiting = [Waiting(1, "a", 8, 1), Waiting(1, "a", 7, 1), Waiting(2, "b", 3, 1)]
    assert {piece.index for piece in next_pass(waiting, NOBODY, most=8)} == {1, 2}


def test_what_runs_alone_shares_no_pass_and_is_not_forgotten() -> None:
    waiting = [Waiting(n, f"peer{n}", 1, 1, alone=n == 2) for n in range(4)]
    used = Used({2: 5.0}, {"peer2": 5.0})
    assert {piece.index for piece in next_pass(waiting, used, most=8)} == {0, 1, 3}
    others = Used(dict.fromkeys((0, 1, 3), 9.0), {f"peer{n}": 9.0 for n in (0, 1, 3)})
    assert next_pass(waiting, others, most=8) == [Piece(2, 1)]


def test_a_step_that_cannot_be_cut_runs_whole_when_its_turn_comes() -> None:
    waiting = [Waiting(1, "a", 1, 900), Waiting(2, "b", 1, 1)]
    assert Piece(0, 900) in next_pass(waiting, Used({}, {"b": 1.0}), most=8, prefill=16)
    assert next_pass(waiting, Used({}, {"a": 1.0}), most=8, prefill=16) == [Piece(1, 1)]


def test_a_crowd_of_one_peer_leaves_others_their_place_in_every_pass() -> None:
    waiting = [Waiting(n, "crowd", 1, 1) for n in range(60)]
    waiting += [Waiting(100 + n, f"single{n}", 1, 1) for n in range(5)]
    used = Used({}, {f"single{n}": 50.0 for n in range(5)})  # although they had more
    chosen = [waiting[piece.index] for piece in next_pass(waiting, used, most=16)]
    assert len(chosen) == 16 and sum(step.peer_id != "crowd" for step in chosen) == 5


@pytest.mark.parametrize("seed", range(20))
def test_everybody_is_served_in_whatever_mixture(seed: int) -> None:
    """No session waits for ever, no session runs twice in a pass, and no pass holds too many prompt positions."""
    generator, usage, now = random.Random(seed), Usage(), 0.0
    waiting = [
        Waiting(
            n, f"peer{n % 7}", 1, generator.choice((1, 1, 5, 256)), generator.random() < 0.2, generator.random() < 0.7
        )
        for n in range(40)
    ]
    passes: Counter[int] = Counter()
    for _ in range(4000):
        if len(passes) == len(waiting):
            break
        pieces = next_pass(waiting, usage.used(), most=8, prefill=32)
        assert pieces and len({waiting[piece.index].session for piece in pieces}) == len(pieces) <= 8
        long = [p for p in pieces if waiting[p.index].positions > SHORT]
        if any(waiting[p.index].alone for p in pieces):
            assert len(pieces) == 1
        else:
            whole = [p for p in long if not waiting[p.index].divisible]
            assert sum(p.positions for p in long) <= 32 or (len(whole) == 1 and pieces[0] == whole[0])
        now += 0.01
        for piece in pieces:
            step = waiting[piece.index]
            passes[step.session] += 1
            usage.add(step.session, step.peer_id, 0.01 / len(pieces), now)
            if step.divisible and step.positions > SHORT:  # a prompt has an end; then its session generates
                waiting[piece.index] = replace(step, positions=step.positions - piece.positions or 1)
    assert set(passes) == set(range(40))


def test_prompts_are_capped_only_where_somebody_waits_for_tokens() -> None:
    assert prefill_room(0.03, 0.0015, streams=False) == MOST_PREFILL
    assert prefill_room(0.03, 0.0015, streams=True) == 24
    assert prefill_room(0.03, 0.00001, streams=True) == MOST_PREFILL
    assert prefill_room(0.03, 0.1, streams=True) == prefill_room(0.0, 0.0, streams=True) == 16


def test_a_lone_user_never_waits() -> None:
    rhythm = Rhythm()
    for turn in range(10):
        rhythm.came(1, turn + 0.2)
        assert rhythm.until({1}, since=turn + 0.2, pass_seconds=10.0) == turn + 0.2
        rhythm.left(1, turn + 0.5)
    assert not rhythm.generating(5.0, besides={1})


def test_a_pass_waits_for_who_comes_at_once_but_not_for_who_thinks() -> None:
    since = 100.0
    quick, slow, gone = Stream(99.999, 0.003), Stream(99.999, 0.5), Stream(90.0, 0.003)
    assert since < wait_until([quick], since=since, pass_seconds=0.04) < since + 0.008
    for others in ([slow], [gone], [Stream(0.0, 0.003)], [Stream(99.999)], []):
        assert wait_until(others, since=since, pass_seconds=0.04) <= since
    assert wait_until([quick], since=since, pass_seconds=0.001) <= since


def test_streams_are_known_by_how_they_come_back() -> None:
    rhythm = Rhythm()
    for turn in range(5):
        for session in (1, 2):
            rhythm.came(session, turn + 0.002)
            rhythm.left(session, turn + 0.9)
        rhythm.came(1, turn + 0.901)
        assert turn + 0.901 < rhythm.until({1}, since=turn + 0.901, pass_seconds=1.0) or turn == 0
    assert rhythm.generating(5.0, besides={1}) and not rhythm.generating(9.0, besides={1})
    rhythm.forget(2)
    assert not rhythm.generating(5.0, besides={1})
