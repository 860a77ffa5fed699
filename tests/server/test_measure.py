"""What a server finds out about itself, for every kind of cache that a family can bring."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from families import matrix, zoo

from meadow.models.checkpoint import open_checkpoint
from meadow.models.parts import layout_of, load_span
from meadow.server.measure import bytes_per_token, kv_budget, layer_bytes, measure, numeric_class
from meadow.server.span import Span

RESULTS = json.loads((Path(__file__).parents[1] / "families" / "results.json").read_text())
WORKING = [name for name, result in RESULTS.items() if result["status"] in (matrix.PASS, matrix.ROUNDED)]
# Heads that differ from block to block, compressed keys and values, recurrent states, and the plain case.
KINDS = ("llama", "gemma4_text", "dots3_note_text", "deepseek_v3", "mamba2", "qwen3_next")


def span_of(family: str, folder: Path) -> Span:
    zoo.save(family, folder)
    checkpoint = open_checkpoint(folder, cache_dir=folder)
    blocks = layout_of(checkpoint.config).num_blocks
    return Span(load_span(checkpoint, 0, blocks), 0, blocks)


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=() if name in KINDS else pytest.mark.full) for name in WORKING]
)
def test_every_family_that_works_can_be_served(family: str, tmp_path: Path) -> None:
    span = span_of(family, tmp_path)
    measured = measure(span)
    assert measured.throughput > 0 or family not in KINDS
    # Between a few bytes and what a hundred plain blocks of this width would take.
    assert 8 <= measured.bytes_per_token <= 200 * zoo.WIDTH * 4
    assert kv_budget(span, measured.bytes_per_token) >= 1024 * (span.end - span.start)
    assert kv_budget(span, measured.bytes_per_token, 100) == 100 * (span.end - span.start)
    assert len(numeric_class(span)) <= 64
    assert ":float32:" in numeric_class(span)


def test_plain_attention_costs_its_keys_and_values(tmp_path: Path) -> None:
    span = span_of("llama", tmp_path)
    heads, width = span.config.num_key_value_heads, span.config.head_dim
    assert measure(span).bytes_per_token == 2 * heads * width * 4


def test_a_recurrent_state_is_not_charged_for_every_position(tmp_path: Path) -> None:
    span = span_of("mamba2", tmp_path)
    costs = []
    for steps in (4, 32):
        cache = span.open(span.start, span.end)
        first: list[int] = []
        for _ in range(steps):
            span.step(cache, torch.zeros(span.hidden_shape(1, 1)))
            first = first or layer_bytes(cache)
        assert layer_bytes(cache) == first
        costs.append(bytes_per_token(cache, first))
    assert costs[0] == costs[1] > 0


def test_less_memory_a_token_means_a_larger_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    span = span_of("llama", tmp_path)
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10 * 10**9}))
    assert kv_budget(span, 1000.0) == 4_000_000
    assert kv_budget(span, 2000.0) == 2_000_000
    assert kv_budget(span, 1e12) == 1024 * (span.end - span.start), "one short chat is always possible"
