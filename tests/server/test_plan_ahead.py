"""A plan that was made ahead: used once, for the step it was made for, and the same to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from meadow.models.checkpoint import open_checkpoint
from meadow.models.parts import load_span
from meadow.server.cache import SpanCache
from meadow.server.span import Span

SIZES = {
    "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
    "num_hidden_layers": 3, "vocab_size": 50,
}  # fmt: skip


@pytest.fixture(params=["full", "sliding"])
def span(request: pytest.FixtureRequest, tmp_path: Path) -> Span:
    torch.manual_seed(0)
    if request.param == "full":
        LlamaForCausalLM(LlamaConfig(**SIZES)).save_pretrained(tmp_path)
    else:
        MistralForCausalLM(MistralConfig(**SIZES, sliding_window=7)).save_pretrained(tmp_path)
    return Span(load_span(open_checkpoint(tmp_path), 1, 3, dtype=torch.float32), 1, 3)


def states(length: int, seed: int, rows: int = 1) -> torch.Tensor:
    return torch.randn(rows, length, 32, generator=torch.Generator().manual_seed(seed))


def opened(span: Span, rows: int = 1) -> SpanCache:
    cache = span.open(1, 3, rows)
    span.step(cache, states(5, 0, rows))
    return cache


def plans_made(span: Span, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every plan."""
    made: list[int] = []
    plan = span._plan
    monkeypatch.setattr(span, "_plan", lambda *a, **k: made.append(1) or plan(*a, **k))
    return made


def test_the_next_step_finds_its_plan_and_says_the_same(span: Span, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, usual = opened(span), opened(span)
    for seed in range(1, 12):
        span.plan_ahead(ahead)
        made = plans_made(span, monkeypatch)
        found = span.step(ahead, states(1, seed)).hidden
        assert not made
        monkeypatch.undo()
        assert torch.equal(found, span.step(usual, states(1, seed)).hidden)


CHANGES: list[Callable[[SpanCache], object]] = [
    lambda cache: cache.crop(0),
    lambda cache: cache.crop(1),
    lambda cache: cache.reorder([1, 0]),
    lambda cache: cache.select([1]),
    lambda cache: cache.repeat(2),
    lambda cache: cache.reset(),
    lambda cache: cache.record_past(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_happens_to_the_cache_makes_the_plan_void(
    span: Span, change: Callable[[SpanCache], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead, usual = opened(span, 2), opened(span, 2)
    span.plan_ahead(ahead)
    change(ahead)
    change(usual)
    made = plans_made(span, monkeypatch)
    found = span.step(ahead, states(1, 3, ahead.rows)).hidden
    assert made
    monkeypatch.undo()
    assert torch.equal(found, span.step(usual, states(1, 3, usual.rows)).hidden)


def test_a_plan_is_for_one_session_and_for_one_position(span: Span, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = opened(span), opened(span)
    made = plans_made(span, monkeypatch)
    span.plan_ahead(first)
    span.step(second, states(1, 1))
    assert len(made) == 2
    span.plan_ahead(first)
    span.step(first, states(2, 1))
    assert len(made) == 4
    span.plan_ahead(first)
    span.step(first, states(1, 2), positions=torch.tensor([[9]]))
    assert len(made) == 6
    span.plan_ahead(first)
    span.step(first, states(1, 2), mask=(0, torch.tensor([[0] + [1] * first.length])))
    assert len(made) == 8
    span.plan_ahead(first)  # a session with a mask plans when its step is there
    assert len(made) == 8


def test_a_session_that_is_over_is_not_planned(span: Span, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = opened(span)
    cache.close()
    made = plans_made(span, monkeypatch)
    span.plan_ahead(cache)
    assert not made
