"""Byte ranges against plain sets of integers; the journal of what is present survives any damage as "less is here"."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meadow.models.ranges import Ranges, plan_requests
from meadow.models.store import Journal, encode_journal, parse_journal

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def numbers(ranges: Ranges) -> set[int]:
    return {number for start, end in ranges for number in range(start, end)}


def plain(spans: list[tuple[int, int]]) -> set[int]:
    return {number for start, end in spans for number in range(start, end)}


def check_shape(ranges: Ranges) -> None:
    assert all(start < end for start, end in ranges)
    assert all(a[1] < b[0] for a, b in zip(ranges.spans, ranges.spans[1:], strict=False))


@given(SPANS, SPANS, st.integers(0, 60), st.integers(0, 30))
def test_ranges_are_sets(a: list[tuple[int, int]], b: list[tuple[int, int]], start: int, length: int) -> None:
    left, right = Ranges.of(a), Ranges.of(b)
    inside, outside = left.take(start, start + length)
    for made, expected in (
        (left, plain(a)),
        (left.union(right), plain(a) | plain(b)),
        (left.minus(right), plain(a) - plain(b)),
        (inside, plain(a) & set(range(start, start + length))),
        (outside, plain(a) - set(range(start, start + length))),
    ):
        assert numbers(made) == expected and made.size == len(expected) and bool(made) == bool(expected)
    check_shape(left.union(right))
    check_shape(left.minus(right))


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**5)), max_size=20), st.floats(0, 0.1))
def test_requests_cover_what_is_missing_and_waste_little(pairs: list[tuple[int, int]], waste: float) -> None:
    missing = Ranges.of((start, start + length) for start, length in pairs)
    plan = plan_requests(missing, waste)
    assert not missing.minus(plan)
    assert plan.size - missing.size <= waste * missing.size
    assert len(plan.spans) <= len(missing.spans)


def test_small_gaps_are_bridged_and_large_ones_are_not() -> None:
    missing = Ranges.of([(0, 100_000), (100_100, 200_000), (300_000, 400_000)])
    assert plan_requests(missing, 0.005).spans == ((0, 200_000), (300_000, 400_000))


@given(SPANS, st.booleans())
def test_a_journal_comes_back_as_it_was(spans: list[tuple[int, int]], verified: bool) -> None:
    present = Ranges.of(spans)
    assert parse_journal(encode_journal(Journal(present, verified)), 60) == Journal(present, verified)


@given(SPANS, st.integers(0, 200), st.binary(max_size=3), st.integers(0, 60))
def test_a_damaged_journal_claims_nothing(spans: list[tuple[int, int]], at: int, junk: bytes, size: int) -> None:
    whole = Journal(Ranges.of(spans), True)
    raw = bytearray(encode_journal(whole))
    raw[at : at + 1] = junk
    assert parse_journal(bytes(raw), size) in (Journal(), whole)
    if size < max((end for _, end in whole.present), default=0):  # it is about another file
        assert parse_journal(encode_journal(whole), size) == Journal()
