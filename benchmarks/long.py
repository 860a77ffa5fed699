"""A long context: what a token costs at 8,192 positions, against transformers' static cache, in turns.

Both run the blocks of *medium* in this process on one thread, over made-up keys and values: ours as a server computes
them, theirs as the stock decoder does with a StaticCache that was made for the length.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, StaticCache

from benchmarks.swarm import MODELS, make_model
from meadow.models.checkpoint import open_checkpoint
from meadow.models.parts import load_span
from meadow.server.batching.batcher import Batcher
from meadow.server.batching.request import Request
from meadow.server.cache import SpanCache
from meadow.server.span import Span

LENGTHS = (128, 2048, 8192)
STEPS = 6
LIMIT = 1.1


def _states(count: int, dtype: torch.dtype) -> torch.Tensor:
    medium = MODELS["medium"]
    dim = medium["hidden_size"] // medium["num_attention_heads"]
    return torch.randn(1, medium["num_key_value_heads"], count, dim).to(dtype)


def _ours(span: Span, length: int) -> SpanCache:
    cache = span.open(span.start, span.end)
    for layer in cache.owned:
        layer.update(_states(length, span.dtype), _states(length, span.dtype))
    cache.length = length
    return cache


def _theirs(model: Any, length: int, spare: int) -> StaticCache:
    cache = StaticCache(config=model.config, max_cache_len=length + spare)
    for index in range(model.config.num_hidden_layers):
        cache.update(_states(length, model.dtype), _states(length, model.dtype), index)
    return cache


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    samples: dict[str, Any] = {}
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        path = make_model("medium", Path(folder))
        for dtype in (torch.float32, torch.bfloat16):
            model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).eval()
            blocks = MODELS["medium"]["num_hidden_layers"]
            span = Span(load_span(open_checkpoint(path), 0, blocks, dtype=dtype), 0, blocks)
            batcher = Batcher(span)
            for length in LENGTHS:
                ours, theirs = _ours(span, length), _theirs(model, length, STEPS * (rounds + 1) + 1)
                hidden = torch.randn(1, 1, MODELS["medium"]["hidden_size"]).to(dtype)
                place = length

                def step_ours(cache: SpanCache = ours, one: torch.Tensor = hidden, run: Batcher = batcher) -> None:
                    run.run([Request(cache, one)])

                def step_theirs(
                    cache: StaticCache = theirs, one: torch.Tensor = hidden, decoder: Any = model.model
                ) -> None:
                    nonlocal place
                    decoder(inputs_embeds=one, past_key_values=cache, position_ids=torch.tensor([[place]]))
                    place += 1

                pairs = []
                for _ in range(rounds + 1):
                    times = []
                    for step in (step_ours, step_theirs):
                        began = time.perf_counter()
                        for _ in range(STEPS):
                            step()
                        times.append((time.perf_counter() - began) / STEPS * 1e3)
                    pairs.append(times)
                pairs = pairs[1:]
                ratio = statistics.median(a / b for a, b in pairs)
                name = f"{str(dtype).removeprefix('torch.')}_{length}"
                samples[name] = pairs
                middle = [statistics.median(pair[side] for pair in pairs) for side in (0, 1)]
                say(f"{name}: {middle[0]:.1f} ms a token, static cache {middle[1]:.1f} ms, ratio {ratio:.3f}")
                if length == LENGTHS[-1]:
                    worst = max(worst, ratio)
    metric = {"value": worst, "limit": LIMIT, "unit": "times transformers' static cache (at most; worse of two dtypes)"}
    return {
        "metrics": {"ratio_to_static_8k": metric},
        "samples": samples,
        "models": {"medium": MODELS["medium"]},
        "commands": [],
        "how": f"all blocks of medium, one thread, {rounds} interleaved pairs of {STEPS} tokens",
    }
