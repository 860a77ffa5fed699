"""Attention with grouped rows is the stock attention, and is taken only where a timing says so and never unasked."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from engine_alone import load

from meadow.server.batching import kernels
from meadow.server.batching.batcher import Batcher
from meadow.server.batching.interfaces import Attention, stock_attention
from meadow.server.batching.request import Request
from meadow.server.span import StepOutput


class Module(torch.nn.Module):
    def __init__(self, groups: int) -> None:
        super().__init__()
        self.num_key_value_groups = groups


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("queries", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
def test_grouped_rows_give_what_the_stock_function_gives(groups: int, queries: int, masked: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, 4, queries, 16, generator=generator)
    key, value = (torch.randn(2, 4 // groups, 30, 16, generator=generator) for _ in range(2))
    mask = torch.rand(2, 1, queries, 30, generator=generator) > 0.4 if masked or queries > 1 else None
    ours = kernels._rows(Module(groups), query, key, value, mask, scaling=0.25)[0]
    stock = stock_attention(None, "sdpa")(Module(groups), query, key, value, mask, scaling=0.25)[0]
    assert ours.shape == stock.shape and torch.allclose(ours, stock, atol=1e-6)


@pytest.mark.parametrize(
    ("gains", "dtype", "chosen"),
    [
        ({128: 3.0, 1024: 5.0, 4096: 6.0}, torch.bfloat16, kernels.rows_from(0)),
        ({128: 0.9, 1024: 5.0, 4096: 6.0}, torch.bfloat16, kernels.rows_from(1024)),
        ({128: 3.0, 1024: 5.0, 4096: 1.0}, torch.bfloat16, "sdpa"),
        ({128: 3.0, 1024: 1.0, 4096: 2.0}, torch.float32, kernels.rows_from(4096)),
        ({128: 3.0, 1024: 2.0, 4096: 2.0}, torch.float32, kernels.rows_from(1024)),
        ({128: 0.0, 1024: 0.0, 4096: 0.0}, torch.float32, "sdpa"),
    ],
)
def test_it_is_used_from_where_it_wins(
    gains: dict[int, float], dtype: torch.dtype, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(kernels, "_gain", lambda *call: gains[call[-2]])
    span = load("llama", dtype=dtype)
    assert kernels.choose(span, Attention(span)) == chosen


def test_reproducible_sessions_keep_the_stock_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    used: list[int] = []
    stock: Any = kernels._rows

    def counted(*args: Any, **kwargs: Any) -> Any:
        used.append(1)
        return stock(*args, **kwargs)

    monkeypatch.setattr(kernels, "_rows", counted)
    monkeypatch.setattr(kernels, "_gain", lambda *call: 9.0)
    span = load("llama", dtype=torch.bfloat16)
    batcher = Batcher(span)
    hidden = torch.randn(span.hidden_shape(1, 1), generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    outputs = []
    for reproducible in (True, False):
        cache = span.open(span.start, span.end)
        used.clear()
        with torch.inference_mode():
            answer = batcher.run([Request(cache, hidden, reproducible=reproducible)])[0]
        assert isinstance(answer, StepOutput)
        outputs.append(answer.hidden)
        assert bool(used) != reproducible
    assert torch.equal(outputs[0], span.step(span.open(span.start, span.end), hidden).hidden)


def test_families_without_sdpa_keep_their_own() -> None:
    torch.set_num_threads(1)
    span = load("gpt_oss", dtype=torch.bfloat16)
    attention = Attention(span)
    assert kernels.choose(span, attention) == attention.stock == "eager"


@pytest.mark.parametrize("family", ["deepseek_v32", "minimax_m3_vl_text", "llama"])
def test_no_model_sees_which_kernel_computes_it(family: str) -> None:
    """Sparse attention is applied under the stock names only: under another one these models attend to everything."""
    torch.set_num_threads(1)
    span = load(family)
    batcher = Batcher(span)
    batcher.kernel = kernels.rows_from(0)
    generator = torch.Generator().manual_seed(3)
    caches = [span.open(span.start, span.end) for _ in range(2)]
    for count in (40, 1, 5, 1):  # much more than an index of eight positions keeps
        hidden = torch.randn(span.hidden_shape(1, count), generator=generator)
        wanted = span.step(caches[0], hidden).hidden
        answer = batcher.run([Request(caches[1], hidden)])[0]
        assert isinstance(answer, StepOutput)
        assert (answer.hidden - wanted).abs().max() <= 1e-4 * (wanted - hidden).abs().max()


def test_another_thread_keeps_the_stock_kernel() -> None:
    seen: list[str] = []

    def ours(*args: Any, **kwargs: Any) -> Any:
        seen.append("ours")
        return kernels._STOCK(*args, **kwargs)

    states = torch.randn(1, 2, 3, 16)

    def attend() -> None:
        stock_attention(None, "sdpa")(Module(1), states, states, states, None)

    with kernels.standing_in(ours):
        attend()
        other = threading.Thread(target=attend)
        other.start()
        other.join()
    attend()
    assert seen == ["ours"]
