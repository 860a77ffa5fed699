"""What fits where: tables for people, properties for every case nobody thought of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meadow.platform.fit import (
    DEFAULT_KV_TOKENS,
    MAX_KV_TOKENS,
    ModelFacts,
    NoShare,
    SharePlan,
    Why,
    blocks_that_fit,
    fitting_as_planned,
    gaps,
    may_cut,
    plan_share,
    room,
)
from meadow.platform.readings import Code, Device, Kind, Reason

GB = 10**9


def model(blocks: int = 80, *, numbers: int = 450_000_000, cache: float = 2048.0, **more: object) -> ModelFacts:
    """Bfloat16, 0.9 GB a block, 4 KiB for a token in a block."""
    return ModelFacts(
        "Big-70B",
        blocks,
        "bfloat16",
        (numbers,) * blocks,
        (0,) * blocks,
        (cache,) * blocks,
        (0.0,) * blocks,
        missing_bytes=(7,) * blocks,
        **more,  # type: ignore[arg-type]
    )


def planned(facts: ModelFacts, device: Device, *, start: int = 0, **options: Any) -> SharePlan | NoShare:
    """From the first block at which anything fits, not before ``start``."""

    def place(fitting: Callable[[int], int]) -> tuple[int, int] | None:
        free = (at for at in range(start, facts.num_blocks) if may_cut(at, facts.indivisible) and fitting(at))
        return None if (first := next(free, None)) is None else (first, first + fitting(first))

    return plan_share(facts, device, place=place, **options)


def card(free: int, total: int = 24 * GB, **more: object) -> Device:
    return Device(Kind.CUDA, 0, "RTX", memory_total=total, memory_free=free, torch="cuda:0", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("costs", "space", "start", "indivisible", "count"),
    [
        ((10, 10, 10), 0, 0, (), 0),
        ((10, 10, 10), 9, 0, (), 0),
        ((10, 10, 10), 10, 0, (), 1),
        ((10, 10, 10), 29, 0, (), 2),
        ((10, 10, 10), 30, 0, (), 3),
        ((10, 10, 10), 1000, 0, (), 3),
        ((10, 10, 10), 1000, 2, (), 1),
        ((10, 10, 10), 1000, 3, (), 0),
        ((50, 10, 10), 45, 1, (), 2),  # a large first block does not stand in the way of the others
        ((0, 0, 0), 0, 0, (), 3),
        ((10, 10, 10, 10), 35, 0, ((1, 4),), 1),
        ((10, 10, 10, 10), 25, 1, ((1, 4),), 0),
        ((10, 10, 10, 10), 30, 1, ((1, 4),), 3),
    ],
)
def test_blocks_that_fit(
    costs: tuple[int, ...], space: int, start: int, indivisible: tuple[tuple[int, int], ...], count: int
) -> None:
    assert blocks_that_fit(costs, space, start=start, indivisible=indivisible) == count


@pytest.mark.parametrize(
    ("free", "reserve", "head_room", "limit", "space"),
    [
        (10 * GB, GB, 0.1, None, int(8.1 * GB)),
        (10 * GB, GB, 0.1, 6 * GB, int(4.5 * GB)),
        (10 * GB, GB, 0.0, 99 * GB, 9 * GB),
        (GB, 2 * GB, 0.1, None, 0),
        (10 * GB, GB, 0.1, -5, 0),
    ],
)
def test_room(free: int, reserve: int, head_room: float, limit: int | None, space: int) -> None:
    assert room(free, reserve=reserve, head_room=head_room, limit=limit) == space


def test_a_plan() -> None:
    plan = planned(model(), card(11 * GB), start=10)
    assert isinstance(plan, SharePlan)
    assert (plan.start, plan.end, plan.num_blocks, plan.device, plan.dtype) == (10, 19, 80, "cuda:0", "bfloat16")
    assert plan.capacity == 9
    assert plan.weight_bytes == 9 * 900_000_000
    assert plan.kv_tokens >= DEFAULT_KV_TOKENS
    assert plan.download_bytes == 63
    assert plan.message == "The RTX (11.0 GB free) would host 9 of 80 blocks of Big-70B: 10:19, 8.9 GB."


def test_room_that_is_left_goes_to_the_cache() -> None:
    small = planned(model(2), card(24 * GB))
    assert isinstance(small, SharePlan)
    assert small.kv_tokens == MAX_KV_TOKENS
    asked = planned(model(2), card(24 * GB), kv_tokens=1000)
    assert isinstance(asked, SharePlan)
    assert asked.kv_tokens == 1000


def test_float32_takes_twice_as_much() -> None:
    half, full = (planned(model(), card(20 * GB), dtype=dtype) for dtype in (None, "float32"))
    assert isinstance(half, SharePlan)
    assert isinstance(full, SharePlan)
    assert (half.capacity, full.capacity) == (18, 9)


def test_what_keeps_its_type_is_counted_as_it_is() -> None:
    facts = replace(model(1), numbers=(10,), kept_bytes=(100,), cache_numbers=(2.5,), cache_kept_bytes=(1.0,))
    assert facts.weight_bytes(0, "float16") == 120
    assert facts.weight_bytes(0, "float32") == 140
    assert facts.cache_bytes(0, 3) == 18
    assert facts.block_bytes(3) == (138,)


@pytest.mark.parametrize(
    ("device", "options", "why", "words"),
    [
        (card(11 * GB, reason=Reason(Code.GPU_LOST, "It is lost.")), {}, Why.DEVICE, "It is lost."),
        (Device(Kind.CUDA, 0, "RTX", torch="cuda:0"), {}, Why.DEVICE, "not known"),
        (Device(Kind.CUDA, 0, "RTX", memory_free=9 * GB), {}, Why.DEVICE, "not known"),
        (card(GB), {}, Why.NOTHING_FITS, "One block of Big-70B needs about 2.1 GB, and 1.0 GB are free on the RTX"),
        (card(11 * GB), {"dtype": "int8"}, Why.DTYPE, "int8"),
        (card(11 * GB), {"limit_fraction": 0.1}, Why.NOTHING_FITS, "allow Meadow more"),
        (card(11 * GB), {"reserve": 9 * GB}, Why.NOTHING_FITS, "needs about 11.1 GB"),
        (card(11 * GB), {"blocks": (0, 10)}, Why.NOTHING_FITS, "Blocks 0:10 of Big-70B needs"),
    ],
)
def test_no_plan_says_why(device: Device, options: dict, why: Why, words: str) -> None:
    plan = planned(model(), device, **options)
    assert isinstance(plan, NoShare)
    assert plan.why is why
    assert words in plan.message
    assert (plan.device is not None) == (device.reason is not None)


def test_exactly_these_blocks_if_they_fit() -> None:
    plan = planned(model(), card(11 * GB), blocks=(3, 9))
    assert isinstance(plan, SharePlan)
    assert (plan.start, plan.end) == (3, 9)


def test_memory_that_is_shared_with_the_person_is_left_to_them() -> None:
    cpu = Device(Kind.CPU, 0, "CPU", memory_total=16 * GB, memory_free=11 * GB, torch="cpu")
    on_cpu, on_card = planned(model(), cpu), planned(model(), card(11 * GB))
    assert isinstance(on_cpu, SharePlan)
    assert isinstance(on_card, SharePlan)
    assert on_cpu.capacity < on_card.capacity


# Properties


@st.composite
def models(draw: st.DrawFn) -> ModelFacts:
    count = draw(st.integers(1, 24))
    sizes = st.integers(0, 2 * GB)
    per_token = st.floats(0, 1 << 16, allow_nan=False)
    cuts = sorted(draw(st.lists(st.integers(0, count), max_size=4)))
    return ModelFacts(
        "any",
        count,
        draw(st.sampled_from(["float32", "bfloat16", "float16"])),
        *(tuple(draw(st.lists(sizes, min_size=count, max_size=count))) for _ in range(2)),
        *(tuple(draw(st.lists(per_token, min_size=count, max_size=count))) for _ in range(2)),
        indivisible=tuple((first, last) for first, last in zip(cuts[::2], cuts[1::2], strict=False) if first < last),
    )


spans = st.lists(st.tuples(st.integers(-2, 26), st.integers(-2, 26)), max_size=6)
memory = st.integers(0, 80 * GB)


@given(models(), memory, memory, st.integers(0, 23), st.sampled_from([None, 1, 4096]), st.floats(0.0, 1.0))
def test_more_memory_never_fits_less_and_nothing_exceeds_what_is_free(
    facts: ModelFacts, one: int, other: int, start: int, tokens: int | None, limit: float
) -> None:
    less, more = sorted((one, other))
    plans = []
    for free in (less, more):
        device = card(free, 90 * GB)
        plans.append(planned(facts, device, start=start, kv_tokens=tokens, limit_fraction=limit))
        plan = plans[-1]
        if isinstance(plan, SharePlan):
            assert plan.weight_bytes + plan.cache_bytes + plan.reserve_bytes <= free
            assert plan.weight_bytes + plan.cache_bytes + plan.reserve_bytes <= free * limit
            assert 0 <= plan.start < plan.end <= facts.num_blocks
            assert may_cut(plan.start, facts.indivisible)
            assert may_cut(plan.end, facts.indivisible)
            assert plan.end - plan.start <= plan.capacity
            again = fitting_as_planned(facts, plan, kv_tokens=tokens, limit_fraction=limit)
            assert again(plan.start) == plan.capacity, "what fitted then is known later"
    small, large = plans
    if isinstance(small, SharePlan):
        assert isinstance(large, SharePlan)
        assert large.start <= small.start
        if large.start == small.start:
            assert large.end >= small.end
            assert large.capacity >= small.capacity


@given(st.lists(st.integers(0, 100), max_size=12), st.integers(0, 600), st.integers(0, 600), st.integers(0, 12))
def test_blocks_that_fit_is_monotone_and_as_large_as_can_be(costs: list[int], one: int, other: int, start: int) -> None:
    less, more = sorted((one, other))
    count = blocks_that_fit(costs, less, start=start)
    assert count <= blocks_that_fit(costs, more, start=start)
    assert sum(costs[start : start + count]) <= less or not count
    assert start + count >= len(costs) or sum(costs[start : start + count + 1]) > less


@given(spans, st.integers(1, 24))
def test_gaps_are_exactly_what_nobody_serves(served: list[tuple[int, int]], blocks: int) -> None:
    found = gaps(served, blocks)
    held = {block for start, end in served for block in range(start, end)}
    assert [block for start, end in found for block in range(start, end)] == sorted(set(range(blocks)) - held)
    assert all(start < end for start, end in found)


def test_facts_from_json() -> None:
    table = {
        "event": "facts",
        "name": "m",
        "hub_id": None,
        "fingerprint": "ab" * 32,
        "num_blocks": 1,
        "dtype": "bfloat16",
        "numbers": [5],
        "kept_bytes": [6],
        "cache_numbers": [1.5],
        "cache_kept_bytes": [0.0],
        "indivisible": [[0, 1]],
        "missing_bytes": [3],
        "new": "ignored",
    }
    facts = ModelFacts.of(table)
    assert (facts.fingerprint, facts.indivisible, facts.numbers) == (b"\xab" * 32, ((0, 1),), (5,))
