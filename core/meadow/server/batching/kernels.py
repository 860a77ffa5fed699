"""Attention for one new position, computed with more than one query row.

torch's bfloat16 attention on CPUs is several times slower for a head with a single query row than for two or more
(1.4 ms against 0.2 ms at 1,000 positions and 16 heads over 4 key-value heads, torch 2.13 on an AMD EPYC). The query
heads that share a key-value head are rows that may as well be given together; without sharing, the row is given twice.
In float32 that pays in long contexts only. Whether and from how many positions on it wins is measured at load, on the
shapes of the loaded model; sessions that asked for reproducible answers never get it.

A config never holds the name of a kernel. Some models look at that name themselves: those with sparse attention apply
what their index chose only under "eager" and "sdpa", and leave it to the attention function under any other name. With
a name of ours they attended to everything, silently. So the stock name stays, and what it stands for is chosen for each
thread (:func:`standing_in`).
"""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from meadow.models.standin import FAILURES
from meadow.server.batching.interfaces import Attention, register, stock_attention, stock_mask
from meadow.server.span import Span

log = logging.getLogger(__name__)

LENGTHS = (128, 1024, 4096)
"""Positions at which is measured; from the first of them on at which it wins (and at all longer ones), it is used."""
_FLOAT32_FROM = 1024  # below, the stock function is as fast, and gives the bits that plain transformers gives
_LEAST_GAIN = 1.15
_MOST_DIFFERENCE = 0.02  # of the largest output: rounding of bfloat16
_STOCK = stock_attention(None, "sdpa")  # taken before the one below gets its name
_here = threading.local()


def _sdpa(module: Any, *args: Any, **kwargs: Any) -> Any:
    """What "sdpa" means in this thread now; transformers' own unless :func:`standing_in` says otherwise."""
    return getattr(_here, "attention", _STOCK)(module, *args, **kwargs)


AttentionInterface.register("sdpa", _sdpa)


@contextmanager
def standing_in(attention: Callable[..., Any]) -> Iterator[None]:
    """Inside, on this thread, models that ask for "sdpa" get this function, and see no difference in any config."""
    before = getattr(_here, "attention", _STOCK)
    _here.attention = attention
    try:
        yield
    finally:
        _here.attention = before


def _rows(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    position_bias: torch.Tensor | None = None,
    **kwargs: Any,
) -> Any:
    """``[1, heads, 1, dim]`` queries, grouped by key-value head; anything else goes to the stock function."""
    shared_mask = attention_mask is None or attention_mask.shape[1] == 1
    if query.shape[2] != 1 or position_bias is not None or not shared_mask or kwargs.get("softcap") is not None:
        given = {"dropout": dropout, "scaling": scaling, "is_causal": is_causal, "position_bias": position_bias}
        return _STOCK(module, query, key, value, attention_mask, **given, **kwargs)
    rows, heads, _, dim = query.shape
    groups = heads // key.shape[1]
    grouped = query.reshape(rows, key.shape[1], groups, dim) if groups > 1 else query.expand(rows, heads, 2, dim)
    output = scaled_dot_product_attention(grouped, key, value, attn_mask=attention_mask, scale=scaling)
    return output[:, :, :groups].reshape(rows, 1, heads, value.shape[-1]), None


def _from(length: int) -> Callable[..., Any]:
    def attention(
        module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        chosen = _rows if key.shape[2] >= length else _STOCK
        return chosen(module, query, key, value, *args, **kwargs)

    return attention


def rows_from(length: int) -> str:
    """The name of the attention that groups rows from so many positions on."""
    return f"meadow_rows_{length}"


for _length in (0, *LENGTHS[1:]):
    register(rows_from(_length), _from(_length), stock_mask("sdpa"))


def choose(span: Span, attention: Attention) -> str:
    """The name of the faster attention for single positions: the stock one or :func:`rows_from`. Says so in the log."""
    stock = attention.stock
    if stock != "sdpa" or span.device.type != "cpu":
        return stock
    lengths = [length for length in LENGTHS if span.dtype != torch.float32 or length >= _FLOAT32_FROM]
    try:
        shapes = _shapes(span)
        gains = {n: min((_gain(*call, n, span.dtype) for call in shapes), default=0.0) for n in lengths}
    except FAILURES as error:
        log.warning("attention is not measured: %s", error)
        return stock
    start: int | None = None
    for length in reversed(lengths):
        if gains[length] < _LEAST_GAIN:
            break
        start = 0 if length == LENGTHS[0] else length
    chosen = stock if start is None else rows_from(start)
    shown = ", ".join(f"{gain:.1f} at {length}" for length, gain in gains.items())
    log.info("attention for single positions: %s; grouped rows are so many times faster: %s", chosen, shown)
    return chosen


def _shapes(span: Span) -> list[tuple[Any, tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
    """Each kind of attention call in the span: module, and the shapes of queries, keys and values."""
    seen: dict[tuple[Any, ...], Any] = {}

    def probe(module: Any, query: torch.Tensor, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        seen.setdefault((tuple(query.shape), tuple(key.shape), tuple(value.shape)), module)
        return _STOCK(module, query, key, value, *args, **kwargs)

    cache = span.open(span.start, span.end)
    with standing_in(probe), torch.inference_mode():
        span.step(cache, torch.randn(span.hidden_shape(1, 1)).to(span.device, span.dtype))
    cache.close()
    return [(module, *shapes) for shapes, module in seen.items()]


def _gain(
    module: Any,
    queries: tuple[int, ...],
    keys: tuple[int, ...],
    values: tuple[int, ...],
    length: int,
    dtype: torch.dtype,
) -> float:
    """How many times as long the stock function takes at ``length`` positions; 0.0 if the results differ."""
    generator = torch.Generator().manual_seed(0)

    def made(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    query, key, value = made(queries), made((*keys[:2], length, keys[3])), made((*values[:2], length, values[3]))

    def once(function: Callable[..., Any]) -> tuple[float, torch.Tensor]:
        began = time.perf_counter()
        for _ in range(4):
            output = function(module, query, key, value, None, scaling=queries[3] ** -0.5)[0]
        return time.perf_counter() - began, output

    with torch.inference_mode():
        pairs = [(once(_STOCK), once(_rows)) for _ in range(5)]
    expected, got = pairs[0][0][1].float(), pairs[0][1][1].float()
    if (expected - got).abs().max() > _MOST_DIFFERENCE * expected.abs().max():
        return 0.0
    return statistics.median(a[0] for a, _ in pairs) / statistics.median(b[0] for _, b in pairs)
