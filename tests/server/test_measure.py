"""What a server finds out about itself, for every kind of cache that a family can bring."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from families import matrix, zoo

from meadow.models.checkpoint import open_checkpoint
from meadow.models.parts import layout_of, load_span
from meadow.server import measure as measuring
from meadow.server.measure import Measured, bytes_per_token, kv_budget, layer_bytes, measure, numeric_class, speed_key
from meadow.server.span import Span
from meadow.server.speeds import AGE_SECONDS, MOST, Speeds

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
    assert measured.prefill > 0 or not measured.throughput
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


def test_a_long_input_is_as_long_as_a_step_of_a_client_or_shorter_where_a_token_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    span, lengths = span_of("llama", tmp_path), []

    def timed(span: Span, cache: object, hidden: torch.Tensor) -> float:
        lengths.append(hidden.shape[1])
        return slow * hidden.shape[1] if hidden.shape[1] == 1 else slow * hidden.shape[1] / 4

    monkeypatch.setattr(measuring, "_timed", timed)
    monkeypatch.setattr(measuring, "bytes_per_token", lambda cache, first: 1.0)
    for slow, length, tries in ((0.0001, 256, 3), (0.02, 256, 1), (0.5, 20, 1), (60.0, 1, 1)):
        lengths.clear()
        measured = measure(span)
        assert lengths == [1] * 8 + [length] * tries
        assert measured.throughput == pytest.approx(1 / slow, rel=0.05)
        assert measured.prefill == pytest.approx((4 if length > 1 else 1) / slow, rel=0.05)


class Clock:
    now = 1e9

    def __call__(self) -> float:
        return self.now


def test_what_was_measured_is_kept_for_its_key_and_for_a_month(tmp_path: Path) -> None:
    asked: list[Measured] = []

    def found() -> Measured:
        asked.append(Measured(10.0 + len(asked), 200.0, 512.0))
        return asked[-1]

    clock, path = Clock(), tmp_path / "cache" / "speeds.json"
    speeds = Speeds(path, clock=clock)
    assert speeds.of("a", found) == speeds.of("a", found) == Speeds(path, clock=clock).of("a", found) == asked[0]
    assert len(asked) == 1 and speeds.of("b", found) == asked[1]
    clock.now += AGE_SECONDS + 1
    assert speeds.of("a", found) == asked[2]
    clock.now -= 10 * AGE_SECONDS  # the clock was wrong: what comes from the future does not count
    assert speeds.of("a", found) == asked[3]
    for number in range(2 * MOST):
        clock.now += 1
        speeds.of(f"key {number}", found)
    assert len(json.loads(path.read_text())) == MOST
    assert Speeds(None).of("a", found) == asked[-1]
    unknown = Measured(0.0, 0.0, 512.0)
    assert speeds.of("new", lambda: unknown) == unknown and "new" not in path.read_text()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{", b"\xff\xfe", b'{"a": 3}', b'{"a": [1, 2, 3]}', b'{"a": ["1", 2, 3, 1e9]}',
        b'{"a": [NaN, 2, 3, 1e9]}', b'{"a": [1e999, 2, 3, 1e9]}', b'{"a": [-1, 2, 3, 1e9]}', b'{"a": [1, 2, 0, 1e9]}',
        b'{"a": [true, 2, 3, 1e9]}', b"[" * 70000, b'{"b": "' + b"x" * 70000 + b'"}',
    ],
)  # fmt: skip
def test_a_damaged_file_only_costs_a_measurement(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "speeds.json"
    path.write_bytes(content)
    speeds, found = Speeds(path, clock=Clock()), Measured(1.0, 2.0, 3.0)
    assert speeds.of("a", lambda: found) == found
    assert speeds.of("a", lambda: pytest.fail("it is there now")) == found


def test_the_key_names_all_that_the_figures_depend_on(tmp_path: Path) -> None:
    span = span_of("llama", tmp_path)
    key = speed_key(span, bytes(32))
    assert numeric_class(span) in key and f"{span.start}:{span.end}" in key
    assert key != speed_key(span, b"\x01" * 32) and len(key) < 400
