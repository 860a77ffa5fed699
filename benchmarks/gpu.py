"""A GPU without a swarm: is it exact, how fast is a span with 1 to 32 sessions, and what could graphs still bring?

Needs a CUDA GPU and nothing else; without one it says so and ends. Everything is measured on blocks of the shape of an
8-billion-parameter Llama (random weights), through the same ``Span`` and ``Batcher`` that servers use:

    exact_*          largest difference between a span and the unsplit decoder, and between one pass for several
                     sessions and one by one, as a fraction of the change that the blocks make (limit: the self-test's)
    tokens_per_s_N   N sessions, one token each in every pass, 512 positions of context
    bandwidth_N      bytes of weights and caches read per second over what copying on this GPU reaches
    graph_gain       how many times faster the same blocks are as one CUDA graph with a static cache
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, StaticCache

from meadow.models.checkpoint import open_checkpoint
from meadow.models.parts import load_span
from meadow.server.batching.batcher import Batcher
from meadow.server.batching.request import Request
from meadow.server.batching.trial import difference
from meadow.server.cache import SpanCache
from meadow.server.span import Span, StepOutput

SHAPE: Final = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 8,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 1000,
}
SESSIONS: Final = (1, 2, 4, 8, 16, 32)
CONTEXT: Final = 512
STEPS: Final = 20
DTYPES: Final = (torch.bfloat16, torch.float16)
LIMITS: Final = {torch.bfloat16: 0.08, torch.float16: 0.02, torch.float32: 2e-4}


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    if not torch.cuda.is_available():
        raise SystemExit("gpu: not run, there is no CUDA GPU here (or this torch is a CPU build).")
    device = torch.device("cuda")
    name = torch.cuda.get_device_name(device)
    say(f"{name}, torch {torch.__version__}")
    metrics: dict[str, Any] = {}
    samples: dict[str, Any] = {"gpu": name, "nvml": _nvml(say)}
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        path = make(Path(folder) / "model", SHAPE)
        copied = copy_rate(device)
        say(f"copying reaches {copied / 1e9:.0f} GB/s")
        for dtype in DTYPES:
            short = str(dtype).removeprefix("torch.")
            span, batcher = load(path, dtype, device)
            say(f"{short}: sessions are computed {batcher.mode.name}: {batcher.mode.reason}")
            for what, value in exactness(path, span, batcher).items():
                metrics[f"exact_{what}_{short}"] = {"value": value, "limit": LIMITS[dtype], "unit": "of the update"}
            for count in SESSIONS:
                seconds = pass_seconds(span, batcher, count, CONTEXT, rounds)
                samples[f"{short}_{count}"] = seconds
                middle = statistics.median(seconds)
                read = span.weight_bytes + count * CONTEXT * cache_bytes(span)
                metrics[f"tokens_per_s_{short}_{count}"] = {"value": count / middle, "limit": None, "unit": "tokens/s"}
                metrics[f"bandwidth_{short}_{count}"] = {
                    "value": read / middle / copied, "limit": None, "unit": "of copying"
                }  # fmt: skip
                say(f"{short}, {count:2} sessions: {count / middle:8.1f} tokens/s, {middle * 1e3:.2f} ms a pass")
            metrics[f"graph_gain_{short}"] = {
                "value": graph_gain(path, dtype, device, rounds), "limit": None, "unit": "times (static cache)"
            }  # fmt: skip
            del span, batcher
            torch.cuda.empty_cache()
    return {
        "metrics": metrics,
        "samples": samples,
        "models": {"blocks of 8B": SHAPE},
        "commands": [],
        "how": f"{SHAPE['num_hidden_layers']} blocks, {CONTEXT} positions of context, {STEPS} passes a sample, "
        f"medians of {rounds}",
    }


def make(path: Path, shape: dict[str, int]) -> Path:
    """A checkpoint of random weights, bfloat16."""
    torch.manual_seed(0)
    config = LlamaConfig(**shape, max_position_embeddings=8192, eos_token_id=None, bos_token_id=None)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(path)
    return path


def load(path: Path, dtype: torch.dtype, device: torch.device) -> tuple[Span, Batcher]:
    """All blocks of a checkpoint as a server has them."""
    blocks = open_checkpoint(path).config.num_hidden_layers
    span = Span(load_span(open_checkpoint(path), 0, blocks, dtype=dtype, device=str(device)), 0, blocks)
    return span, Batcher(span)


def exactness(path: Path, span: Span, batcher: Batcher) -> dict[str, float]:
    """``split``: a span against the unsplit decoder; ``together``: four sessions in a pass against one by one."""
    plain = AutoModelForCausalLM.from_pretrained(path, dtype=span.dtype).to(span.device).eval()
    hidden = _made(span, 64)
    seen: list[torch.Tensor] = []
    last = plain.model.layers[-1].register_forward_hook(
        lambda module, given, output: seen.append(output if isinstance(output, torch.Tensor) else output[0])
    )
    plain.model(inputs_embeds=hidden, use_cache=False)
    last.remove()
    cache = span.open(span.start, span.end)
    split = difference(span.step(cache, hidden).hidden, seen[0], hidden)
    cache.close()
    lengths, steps = (5, 200, 17, 64), [_made(span, 1) for _ in range(4)]
    alone = [_output(batcher.run([Request(_filled(span, n), one)])) for n, one in zip(lengths, steps, strict=True)]
    given = [Request(_filled(span, n), one) for n, one in zip(lengths, steps, strict=True)]
    together = [_output([answer]) for answer in batcher.run(given)]
    worst = max(difference(*three) for three in zip(together, alone, steps, strict=True))
    return {"split": split, "together": worst}


def pass_seconds(span: Span, batcher: Batcher, count: int, context: int, rounds: int) -> list[float]:
    """Seconds of a pass of ``count`` sessions, one new position each; ``rounds`` samples."""
    caches = [_filled(span, context) for _ in range(count)]
    hidden = [_made(span, 1) for _ in range(count)]

    def one_pass() -> None:
        for answer in batcher.run([Request(cache, one) for cache, one in zip(caches, hidden, strict=True)]):
            _output([answer])

    samples = _timed(one_pass, span.device, rounds)
    for cache in caches:
        cache.close()
    return samples


def cache_bytes(span: Span) -> int:
    """Bytes that one position of one session holds in all blocks."""
    config = span.config
    width = config.hidden_size // config.num_attention_heads * config.num_key_value_heads
    return 2 * width * span.dtype.itemsize * (span.end - span.start)


def copy_rate(device: torch.device, size: int = 1 << 30) -> float:
    """Bytes per second that the memory moves: read and written."""
    source = torch.empty(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = statistics.median(_timed(lambda: target.copy_(source), device, 5))
    return 2 * size / seconds


def graph_gain(path: Path, dtype: torch.dtype, device: torch.device, rounds: int) -> float:
    """One token through the stock decoder with a static cache: launched kernel by kernel over as one CUDA graph."""
    plain = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).to(device).eval()
    cache = StaticCache(config=plain.config, max_cache_len=CONTEXT + 64)
    hidden = torch.randn(1, 1, plain.config.hidden_size, device=device).to(dtype)
    place = torch.tensor([[CONTEXT]], device=device)

    def step() -> None:
        plain.model(inputs_embeds=hidden, past_key_values=cache, position_ids=place)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    eager = statistics.median(_timed(step, device, rounds))
    graph = torch.cuda.CUDAGraph()
    cache.reset()
    with torch.cuda.graph(graph):
        step()
    return eager / statistics.median(_timed(graph.replay, device, rounds))


def _timed(action: Callable[[], Any], device: torch.device, rounds: int) -> list[float]:
    def settle() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(3):
        action()
    samples = []
    for _ in range(rounds):
        settle()
        began = time.perf_counter()
        for _ in range(STEPS):
            action()
        settle()
        samples.append((time.perf_counter() - began) / STEPS)
    return samples


def _made(span: Span, count: int) -> torch.Tensor:
    return torch.randn(span.hidden_shape(1, count)).to(span.device, span.dtype)


def _filled(span: Span, length: int) -> SpanCache:
    generator = torch.Generator().manual_seed(length)
    cache = span.open(span.start, span.end)
    hidden = torch.randn(span.hidden_shape(1, length), generator=generator).to(span.device, span.dtype)
    span.step(cache, hidden)
    return cache


def _output(answers: Sequence[Any]) -> torch.Tensor:
    (answer,) = answers
    if not isinstance(answer, StepOutput):
        raise answer
    return answer.hidden


def _nvml(say: Callable[[str], None]) -> Any:
    """One frame of real readings, for the tests of those who have no GPU."""
    try:
        import pynvml

        from benchmarks.nvml_record import record

        recording = record(pynvml, 1)
    except Exception as error:  # a container may have CUDA without NVML
        say(f"NVML was not recorded: {error}")
        return None
    say(f"NVML: {len(json.dumps(recording))} bytes recorded")
    return recording
