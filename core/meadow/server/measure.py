"""What a server finds out about itself before it serves: how fast it is, what its cache costs, whom it computes like.

Measured on the loaded span, never derived from names in its config: families differ in how many heads a block has, in
how they compress what they cache, and in whether they cache positions at all.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import psutil
import torch
import transformers

from meadow.models.standin import FAILURES
from meadow.platform.machine import processor_name
from meadow.server.cache import Buffer, SpanCache
from meadow.server.span import Span
from meadow.wire.tensors import dtype_name

_STEPS = 8
LONG_POSITIONS = 256
"""Positions of the long input that is tried: a client sends no longer step (``session``'s chunks)."""
_LONG_SECONDS = 10.0
"""Fewer positions where so many would take longer than this, one by one."""
_LONG_ENOUGH = 0.5
# Shares of the memory that is free once the weights are loaded.
_GPU_SHARE = 0.8
_RAM_SHARE = 0.4
# A recurrent state is as large for one position as for a million. The budget counts positions, so the state is spread
# over those of a short chat.
_CHAT = 512
_LEAST_POSITIONS = 1024  # what a server holds at least: one short chat, however little memory seems free


@dataclass(frozen=True, slots=True)
class Measured:
    """What a few steps of one session showed."""

    throughput: float
    """Tokens/s of one session through this span, one token at a time; a hint for routing, no promise. 0.0: unknown."""
    prefill: float
    """Tokens/s of a long input of one session through this span. 0.0: unknown."""
    bytes_per_token: float
    """Memory that one position of one row takes in the cache of one block, on average over the blocks."""


def measure(span: Span) -> Measured:
    """Take a few single tokens and then a long input through ``span``, as one session would."""
    throughput, cost = _single(span)
    return Measured(throughput, _long(span, 1.0 / throughput) if throughput else 0.0, cost)


def _single(span: Span) -> tuple[float, float]:
    """Tokens/s one at a time, and bytes per token."""
    cache = span.open(span.start, span.end, 1)
    generator = torch.Generator().manual_seed(0)
    seconds = float("inf")
    first: list[int] = []
    try:
        for _ in range(_STEPS):
            hidden = torch.randn(span.hidden_shape(1, 1), generator=generator).to(span.device, span.dtype)
            seconds = min(seconds, _timed(span, cache, hidden))
            first = first or layer_bytes(cache)
        throughput, cost = round(1.0 / max(seconds, 1e-6), 3), bytes_per_token(cache, first)
    except FAILURES:
        # Blocks that need tensors from the client cannot be tried without one: keys and values of plain attention.
        throughput, cost = 0.0, 2.0 * span.config.hidden_size * span.dtype.itemsize
    finally:
        cache.close()
    return throughput, cost


def _long(span: Span, token_seconds: float) -> float:
    """Tokens/s of a long input; the best of three tries, if they are short."""
    positions = max(1, min(LONG_POSITIONS, int(_LONG_SECONDS / token_seconds)))
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(span.hidden_shape(1, positions), generator=generator).to(span.device, span.dtype)
    seconds = float("inf")
    for _ in range(3):
        cache = span.open(span.start, span.end, 1)
        try:
            seconds = min(seconds, taken := _timed(span, cache, hidden))
        except FAILURES:
            return 0.0
        finally:
            cache.close()
        if taken > _LONG_ENOUGH:
            break
    return round(positions / max(seconds, 1e-6), 3)


def _timed(span: Span, cache: SpanCache, hidden: torch.Tensor) -> float:
    """Seconds of one step."""
    begin = time.perf_counter()
    span.step(cache, hidden)
    if span.device.type == "cuda":
        torch.cuda.synchronize(span.device)
    return time.perf_counter() - begin


def speed_key(span: Span, fingerprint: bytes) -> str:
    """What the figures of :func:`measure` depend on: hardware, versions, dtype, threads; model and span."""
    if span.device.type == "cuda":
        hardware = torch.cuda.get_device_name(span.device)
    else:
        hardware = f"{processor_name()} x{os.cpu_count()}"
    blocks = f"{fingerprint.hex()[:32]} {span.start}:{span.end}"
    return f"{hardware} | {numeric_class(span)} | {blocks} | {version('meadow')}"


def layer_bytes(cache: SpanCache) -> list[int]:
    """Bytes that each layer which this cache owns occupies."""
    return [_storage_bytes(_tensors(vars(layer).values())) for layer in cache.owned]


def bytes_per_token(cache: SpanCache, first: list[int]) -> float:
    """What a position of a row costs in one block, on average.

    :param cache: of one row, after several single positions.
    :param first: :func:`layer_bytes` after the first of them; tells what grows from what is there once and for all.
    """
    total = 0.0
    for layer, before, now in zip(cache.owned, first, layer_bytes(cache), strict=True):
        buffer = getattr(layer, "key_buffer", None)
        if buffer is not None and buffer.tensor is not None:
            # It grows in steps: what counts is its share of the room that was taken with it.
            total += now / (buffer.tensor.shape[0] * buffer.tensor.shape[2])
        else:
            grown = (now - before) / max(1, cache.length - 1)
            total += grown + (now - grown * cache.length) / _CHAT
    state = _storage_bytes(_tensors(cache.module_state or ()))
    return (total + state / _CHAT) / max(1, cache.blocks)


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, Buffer):
            yield from _tensors((value.tensor, value.view))
        elif isinstance(value, dict):
            yield from _tensors(value.values())
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _storage_bytes(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of all storages behind these tensors; views of one storage count once."""
    storages = {storage.data_ptr(): storage.nbytes() for storage in (tensor.untyped_storage() for tensor in tensors)}
    return sum(storages.values())


def kv_budget(span: Span, bytes_per_token: float, kv_tokens: int | None = None) -> int:
    """Tokens x blocks that all sessions together may cache: what was asked for, else a share of the free memory.

    :param kv_tokens: tokens that were asked for, each in all blocks.
    """
    blocks = span.end - span.start
    if kv_tokens is not None:
        return kv_tokens * blocks
    if span.device.type == "cuda":
        room = torch.cuda.mem_get_info(span.device)[0] * _GPU_SHARE
    else:
        room = psutil.virtual_memory().available * _RAM_SHARE
    return max(_LEAST_POSITIONS * blocks, int(room / max(bytes_per_token, 1.0)))


def numeric_class(span: Span) -> str:
    """Servers of the same class compute the same bits: kind of device, versions, dtype, attention (at most 64 chars).

    The number of threads counts too: it decides in which order sums are taken.
    """
    if span.device.type == "cuda":
        device = "cuda-" + "".join(map(str, torch.cuda.get_device_capability(span.device)))
    else:
        device = f"{span.device.type}-{platform.machine()}-{torch.backends.cpu.get_cpu_capability()}"
        device += f"-{torch.get_num_threads()}"
    attention = getattr(span.config, "_attn_implementation", None) or "eager"
    version = torch.__version__.partition("+")[0]
    words = f"{device}:{version}:{transformers.__version__}:{dtype_name(span.dtype)}:{attention}"
    return re.sub(r"[^A-Za-z0-9_.+:-]", "_", words)[:64]
