"""The parts of the GPU benchmark that need no GPU, on this processor; without a GPU the benchmark itself says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks import gpu

SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 50,
}


def test_a_span_is_exact_and_its_passes_are_timed(tmp_path: Path) -> None:
    path = gpu.make(tmp_path / "model", SHAPE)
    with torch.inference_mode():
        span, batcher = gpu.load(path, torch.float32, torch.device("cpu"))
        found = gpu.exactness(path, span, batcher)
        assert found["split"] <= gpu.LIMITS[torch.float32] and found["together"] <= gpu.LIMITS[torch.float32]
        assert len(gpu.pass_seconds(span, batcher, 3, 8, 2)) == 2
        assert gpu.cache_bytes(span) == 2 * (64 // 4 * 2) * 4 * 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so() -> None:
    with pytest.raises(SystemExit, match="no CUDA GPU"):
        gpu.run(rounds=1, say=print)
