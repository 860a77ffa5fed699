"""What a hop costs: the same model from plain transformers and over one, two, three servers, in turns."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.generation.streamers import BaseStreamer

from benchmarks.floor import floor
from benchmarks.swarm import MODELS, local_swarm, make_model
from meadow import AutoDistributedModelForCausalLM

PROMPT, NEW = 16, 64
LIMITS = {1: 0.95, 2: 0.93, 3: 0.91}


class Clock(BaseStreamer):
    """Notes when each token came."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        self.times.append(time.perf_counter())

    def end(self) -> None:
        pass


def timed(model: Any, prompt: torch.Tensor) -> tuple[float, float, list[int]]:
    """(decode ms per token after the first one, tokens/s of the whole call, tokens)."""
    clock = Clock()
    began = time.perf_counter()
    output = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=NEW, min_new_tokens=NEW, do_sample=False,
        pad_token_id=0, streamer=clock,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    made = clock.times[1:]  # the first call of put hands over the prompt
    per_token = (made[-1] - made[0]) / (len(made) - 1) * 1e3
    return per_token, NEW / seconds, output[0, PROMPT:].tolist()


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    torch.set_num_threads(1)
    metrics: dict[str, Any] = {}
    samples: dict[str, Any] = {}
    commands: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("tiny", "medium"):
            path = make_model(name, Path(folder))
            plain = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
            prompt = torch.randint(0, 1000, (1, PROMPT), generator=torch.Generator().manual_seed(0))
            worst = worst_floor = 0.0
            for servers in (1, 2, 3):
                with local_swarm(path, MODELS[name]["num_hidden_layers"], servers, commands) as peers:
                    remote = AutoDistributedModelForCausalLM.from_pretrained(path, initial_peers=peers)
                    try:
                        expected = timed(plain, prompt)[2]
                        equal = timed(remote, prompt)[2] == expected
                        pairs = [(timed(plain, prompt)[:2], timed(remote, prompt)[:2]) for _ in range(rounds)]
                    finally:
                        remote.close()
                local_ms = statistics.median(pair[0][0] for pair in pairs)
                swarm_ms = statistics.median(pair[1][0] for pair in pairs)
                overhead = statistics.median((pair[1][0] - pair[0][0]) / servers for pair in pairs)
                ratio = statistics.median(pair[1][1] / pair[0][1] for pair in pairs)
                worst = max(worst, overhead)
                samples[f"{name}_{servers}"] = {"pairs": pairs, "tokens_equal": equal}
                say(
                    f"{name}, {servers} servers: local {local_ms:.2f} ms, swarm {swarm_ms:.2f} ms a token, "
                    f"{overhead:.2f} ms a hop, {ratio:.3f} of local tokens/s, tokens equal: {equal}"
                )
                if name == "tiny":
                    least = floor(path, MODELS[name]["num_hidden_layers"], servers, rounds=rounds, say=say)
                    worst_floor = max(worst_floor, least["ms_per_hop"])
                    samples[f"floor_{servers}"] = least
                if name == "medium":
                    metrics[f"ratio_to_local_medium_{servers}"] = {
                        "value": ratio, "limit": LIMITS[servers], "unit": "of local tokens/s (at least)"
                    }  # fmt: skip
            limit = 1.0 if name == "tiny" else None
            metrics[f"overhead_ms_per_hop_{name}"] = {"value": worst, "limit": limit, "unit": "ms (at most)"}
            if name == "tiny":
                metrics["floor_ms_per_hop_tiny"] = {"value": worst_floor, "limit": None, "unit": "ms, without Meadow"}
    return {
        "metrics": metrics,
        "samples": samples,
        "models": MODELS,
        "commands": commands,
        "how": f"{PROMPT}-token prompt, {NEW} greedy tokens, float32, one thread a process, {rounds} interleaved pairs",
    }
