"""Growing buffers behind the stock cache layers: the same keys and values, and a truthful forecast of their size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DynamicCache, LlamaConfig, MistralConfig

from meadow.server.cache import BadStep, SpanCache

HEADS, DIM = 2, 4
SIZES: dict[str, Any] = {
    "hidden_size": HEADS * DIM,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "num_hidden_layers": 2,
}
CONFIGS = {"full": LlamaConfig(**SIZES), "sliding": MistralConfig(**SIZES, sliding_window=7)}


def states(rows: int, length: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, HEADS, length, DIM, generator=torch.Generator().manual_seed(seed))


def feed(cache: SpanCache, stock: DynamicCache, length: int, seed: int) -> None:
    """Append to both; what attention sees and what is kept must be equal, and the forecast right."""
    forecast = cache.tokens_needed(length)
    for layer in range(2):
        keys, values = states(cache.rows, length, seed + layer), states(cache.rows, length, seed + layer + 100)
        for ours, theirs in zip(cache.update(keys, values, layer), stock.update(keys, values, layer), strict=True):
            assert torch.equal(ours, theirs)
    cache.advanced(length)
    assert cache.capacity <= forecast
    assert cache.get_mask_sizes(3, 0) == stock.get_mask_sizes(3, 0)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("feed"), st.integers(1, 90)),
        st.tuples(st.just("crop"), st.integers(0, 12)),
        st.tuples(st.just("reorder"), st.integers(0, 5)),
        st.tuples(st.just("repeat"), st.integers(1, 2)),
        st.tuples(st.just("select"), st.integers(0, 5)),
        st.tuples(st.just("record"), st.just(0)),
    ),
    min_size=1,
    max_size=14,
)


@pytest.mark.parametrize("kind", CONFIGS)
@settings(max_examples=80, deadline=None)
@given(operations=OPERATIONS)
def test_equal_to_the_stock_cache_whatever_is_asked(kind: str, operations: list[tuple[str, int]]) -> None:
    cache, stock = SpanCache(CONFIGS[kind], 0, 2, rows=2), DynamicCache(config=CONFIGS[kind])
    for seed, (name, number) in enumerate(operations):
        if name == "feed":
            feed(cache, stock, number, seed)
        elif name == "crop":
            before = cache.length
            try:
                cache.crop(number)
            except BadStep:
                assert cache.length == before
                continue
            if number or cache.recording:
                stock.crop(-number)
        elif not cache.length:
            continue
        elif name == "reorder":
            rows = [(row + number) % cache.rows for row in range(cache.rows)]
            cache.reorder(rows)
            stock.reorder_cache(torch.tensor(rows))
        elif name == "repeat" and cache.rows < 8:
            cache.repeat(number)
            stock.batch_repeat_interleave(number)
        elif name == "select":
            rows = sorted({0, number % cache.rows})
            cache.select(rows)
            stock.batch_select_indices(torch.tensor(rows))
        elif name == "record":
            cache.record_past()
            stock.activate_past_recording()
    feed(cache, stock, 1, 999)
    for ours, theirs in zip(cache.layers, stock.layers, strict=True):
        assert torch.equal(ours.keys, theirs.keys) and torch.equal(ours.values, theirs.values)


def test_a_short_session_does_not_reserve_a_whole_window() -> None:
    config = MistralConfig(**SIZES, sliding_window=4096)
    cache = SpanCache(config, 0, 2)
    assert cache.tokens_needed(16) == 64
    feed(cache, DynamicCache(config=config), 16, 0)
    assert cache.capacity == 64


def test_a_long_window_is_bounded() -> None:
    cache, stock = SpanCache(CONFIGS["sliding"], 0, 2), DynamicCache(config=CONFIGS["sliding"])
    for step in range(500):
        feed(cache, stock, 1, step)
    assert cache.capacity == 64


def test_nothing_changes_when_an_operation_does_not_fit() -> None:
    cache = SpanCache(CONFIGS["sliding"], 0, 2, rows=2)
    feed(cache, DynamicCache(config=CONFIGS["sliding"]), 20, 0)
    for operation, argument in [("crop", 21), ("crop", 3), ("reorder", [0]), ("select", [2]), ("repeat", 0)]:
        with pytest.raises(BadStep):
            getattr(cache, operation)(argument)
    assert (cache.rows, cache.length) == (2, 20)
