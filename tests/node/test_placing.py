"""Where in a model a node helps most, from what others say of themselves; and that the reason it gives is true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meadow.node.placing import MOST_FASTER, Because, because, choose_blocks, profile_of, typical_rate
from meadow.swarm.identity import Identity
from meadow.swarm.placement import Held, Profile
from meadow.swarm.records import ServerRecord

BLOCKS = 12
PRINT = bytes(range(32))


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> str:
    return Identity.temporary(tmp_path_factory.mktemp("id")).peer_id


def server(peer: str, number: int, start: int, end: int, throughput: float = 10.0) -> ServerRecord:
    return ServerRecord(peer, f"{number:08x}", PRINT, start, end, "online", throughput=throughput)


def profile(*spans: tuple[int, int, float]) -> Profile:
    return Profile.of([Held(str(n), a, b, rate) for n, (a, b, rate) in enumerate(spans)], BLOCKS)


def fits(count: int):
    return lambda start: min(count, BLOCKS - start)


# What records say


def test_records_become_what_every_block_has(peer: str) -> None:
    found = profile_of([server(peer, 1, 0, 8, 10.0), server(peer, 2, 4, 12, 5.0)], BLOCKS)
    assert found.count.tolist() == [1] * 4 + [2] * 4 + [1] * 4
    assert found.speed == pytest.approx([10.0] * 4 + [15.0] * 4 + [5.0] * 4)


def test_who_does_not_say_how_fast_it_is_counts_as_the_median(peer: str) -> None:
    said = [server(peer, 1, 0, 4, 10.0), server(peer, 2, 0, 4, 30.0), server(peer, 3, 0, 4, 20.0)]
    assert typical_rate(said) == 80.0  # 20 tokens/s through four blocks
    found = profile_of([*said, server(peer, 4, 4, 12, 0.0)], BLOCKS)
    assert found.speed[4:] == pytest.approx([80.0 / 8] * 8)
    assert typical_rate([server(peer, 1, 0, 4, 0.0)]) == typical_rate([]) == 1.0


def test_claims_are_cut_to_the_model_and_to_what_is_believable(peer: str) -> None:
    honest = [server(peer, number, 0, 12, 10.0) for number in range(3)]
    boaster, beyond, outside = server(peer, 7, 6, 12, 1e9), server(peer, 8, 10, 500, 1.0), server(peer, 9, 40, 50)
    found = profile_of([*honest, boaster, beyond, outside], BLOCKS)
    assert found.count.tolist() == [3] * 6 + [4] * 4 + [5] * 2
    assert np.isfinite(found.speed).all()
    assert found.speed[8] <= 30.0 + MOST_FASTER * typical_rate([*honest, boaster, beyond]) / 6 * (1 + 1e-9)


# Which blocks


def test_blocks_without_anybody_come_first_and_nothing_beside_them(peer: str) -> None:
    gap = profile((0, 5, 100.0), (8, 12, 100.0))
    assert choose_blocks(gap, 50.0, fits(12)) == (5, 8), "all fit, only these are needed"
    assert choose_blocks(gap, 50.0, fits(2)) in [(5, 7), (6, 8)]
    assert choose_blocks(profile(), 50.0, fits(12)) == (0, 12)
    two = profile((1, 4, 10.0), (5, 12, 10.0))
    assert choose_blocks(two, 50.0, fits(12)) == (0, 5), "what lies between two gaps comes with them"


def test_what_must_stay_together_does() -> None:
    gap = profile((0, 5, 100.0), (6, 12, 100.0))
    assert choose_blocks(gap, 50.0, fits(12), indivisible=[(4, 7)]) == (4, 7)
    assert choose_blocks(gap, 50.0, fits(4), indivisible=[(4, 7)]) == (4, 7)
    elsewhere = choose_blocks(gap, 50.0, fits(2), indivisible=[(4, 7)])  # the gap does not fit: a part that does
    assert elsewhere is not None and (elsewhere[1] <= 4 or elsewhere[0] >= 7)
    assert choose_blocks(gap, 50.0, fits(2), indivisible=[(0, 12)]) is None


def test_where_all_have_somebody_the_weakest_part_is_helped() -> None:
    weak = profile((0, 12, 120.0), (0, 8, 400.0))
    assert choose_blocks(weak, 40.0, fits(4)) == (8, 12)


def test_nothing_fits() -> None:
    assert choose_blocks(profile(), 10.0, fits(0)) is None


def test_the_same_machine_is_told_the_same_and_machines_spread() -> None:
    alike = profile((0, 12, 120.0))
    first = {choose_blocks(alike, 10.0, fits(3), seed=f"peer{number}") for number in range(40)}
    again = {choose_blocks(alike, 10.0, fits(3), seed=f"peer{number}") for number in range(40)}
    assert first == again and len(first) >= 4
    for number in range(5):
        same = {choose_blocks(alike, 10.0, fits(3), seed=f"peer{number}") for _ in range(5)}
        assert len(same) == 1


SPANS = st.tuples(st.integers(0, BLOCKS - 1), st.integers(1, BLOCKS), st.floats(0.1, 1e4)).map(
    lambda each: (each[0], min(BLOCKS, each[0] + each[1]), each[2])
)


@given(
    spans=st.lists(SPANS, max_size=6),
    count=st.integers(1, BLOCKS),
    together=st.none() | st.tuples(st.integers(0, BLOCKS - 2), st.integers(2, 4)),
    rate=st.floats(0.1, 1e4),
    seed=st.text(max_size=4),
)
def test_whatever_the_swarm_looks_like_the_choice_fits_and_its_reason_is_true(
    spans: list[tuple[int, int, float]], count: int, together: tuple[int, int] | None, rate: float, seed: str
) -> None:
    before = profile(*spans)
    kept = [] if together is None else [(together[0], min(BLOCKS, together[0] + together[1]))]
    span = choose_blocks(before, rate, fits(count), indivisible=kept, seed=seed)
    if span is None:
        assert kept and kept[0][1] - kept[0][0] > count
        return
    start, end = span
    assert 0 <= start < end <= BLOCKS and end - start <= count
    assert all(end <= a or start >= b or (start <= a and b <= end) for a, b in kept)
    here, fewest = before.count[start:end], before.count.min()
    why = because(before, span)
    if why is Because.MISSING:
        assert here.min() == 0
    elif why is Because.FEWEST:
        assert here.min() == fewest < before.count.max()
    elif why is Because.SLOWEST:
        assert before.speed[start:end].min() == pytest.approx(before.speed.min())
        assert before.speed.min() < before.speed.max()
    if why is not Because.MISSING and not kept:
        assert (before.count > 0).all(), "a gap is never passed over"


def test_reasons() -> None:
    assert because(profile(), (0, 3)) is Because.MISSING
    assert because(profile((0, 12, 12.0), (0, 6, 6.0)), (6, 12)) is Because.FEWEST
    assert because(profile((0, 6, 6.0), (6, 12, 60.0)), (0, 6)) is Because.SLOWEST
    assert because(profile((0, 6, 6.0), (6, 12, 60.0)), (6, 12)) is Because.ALIKE
    assert because(profile((0, 12, 12.0)), (3, 6)) is Because.ALIKE
    assert all(str(why).endswith(".") for why in Because)
