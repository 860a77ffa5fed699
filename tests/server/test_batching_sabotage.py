"""The self-test and the canary have power: a packed pass that is wrong where it matters is not accepted, or found out.

Each sabotage breaks one thing that packing has to get right. It must be rejected for every family that depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from engine_alone import load
from transformers.masking_utils import causal_mask_function

from meadow.server.batching import batcher as batching
from meadow.server.batching import packed
from meadow.server.batching.batcher import ALONE, LOCKSTEP, PACKED, Batcher, Mode
from meadow.server.batching.request import Request
from meadow.server.batching.trial import lengths_to_try
from meadow.server.span import StepOutput

Patch = pytest.MonkeyPatch


def no_mask(patch: Patch) -> None:
    patch.setattr(packed, "session_mask", lambda *_: None)


def plain_causal(patch: Patch) -> None:
    """Windows and chunks are forgotten."""
    stock = packed.session_mask

    def causal(base: Any, cache: Any, count: int, layer: int, arguments: dict[str, Any]) -> Any:
        return stock(
            base, cache, count, layer, {**arguments, "mask_function": causal_mask_function, "local_size": None}
        )

    patch.setattr(packed, "session_mask", causal)


def positions_off(patch: Patch) -> None:
    stock = packed.PackedCache.__init__

    def init(self: Any, *args: Any) -> None:
        stock(self, *args)
        self.positions = self.positions + (self.positions > self.positions.min())

    patch.setattr(packed.PackedCache, "__init__", init)


def positions_of_the_first(patch: Patch) -> None:
    """Every session is taken to be as long as the first."""
    stock = packed.PackedCache.__init__

    def init(self: Any, caches: Any, counts: Any) -> None:
        stock(self, caches, counts)
        first = caches[0].length
        self.positions = torch.cat([torch.arange(first, first + count) for count in counts])[None]

    patch.setattr(packed.PackedCache, "__init__", init)


def shared_rotary(patch: Patch) -> None:
    """One rotary for all sessions, although it depends on the longest."""
    patch.setattr(batching, "length_dependent", lambda span: [])


def exchanged_keys(patch: Patch) -> None:
    """The last two sessions attend to each other's keys and values."""
    stock = packed._cut

    def cut(states: Any, cache: Any) -> Any:
        parts = list(stock(states, cache))
        return parts[:-2] + parts[:-3:-1]

    patch.setattr(packed, "_cut", cut)
    patch.setattr(packed, "session_mask", lambda *_: None)


CASES: dict[str, tuple[Callable[[Patch], None], tuple[str, ...]]] = {
    "no masks": (no_mask, ("llama", "gemma3_text", "mixtral")),
    "plain causal masks": (plain_causal, ("gemma3_text", "mistral", "gpt_oss", "llama4_text")),
    "positions one too far": (positions_off, ("llama", "gemma3_text", "qwen3", "gpt_neox")),
    "positions of the first session": (positions_of_the_first, ("llama", "deepseek_v3", "llama4_text")),
    "keys of another session": (exchanged_keys, ("llama", "gpt_oss")),
}
NORMAL = ("llama", "gemma3_text")


def cases() -> list[Any]:
    return [
        pytest.param(name, family, id=f"{name}, {family}", marks=() if family in NORMAL else pytest.mark.full)
        for name, (_, families) in CASES.items()
        for family in families
    ]


@pytest.mark.parametrize(("name", "family"), cases())
def test_what_is_sabotaged_is_not_accepted(name: str, family: str, monkeypatch: Patch) -> None:
    torch.set_num_threads(1)
    span = load(family)
    assert Batcher(span).mode.name == PACKED, "the sabotage would prove nothing"
    CASES[name][0](monkeypatch)
    assert Batcher(load(family)).mode.name != PACKED


@pytest.mark.parametrize("name", ["no masks", "positions of the first session", "keys of another session"])
def test_nor_in_bfloat16_where_more_rounding_is_let_through(name: str, monkeypatch: Patch) -> None:
    torch.set_num_threads(1)
    assert Batcher(load("llama", dtype=torch.bfloat16)).mode.name == PACKED
    CASES[name][0](monkeypatch)
    assert Batcher(load("llama", dtype=torch.bfloat16)).mode.name != PACKED


def test_a_rotary_that_looks_at_the_longest_session_is_asked_for_each(monkeypatch: Patch) -> None:
    """phi3's longrope: with one rotary for all, a long session changes the numbers of every short one."""
    torch.set_num_threads(1)
    span = load("phi3+longrope")
    span.slots = []  # as if its rotary kept nothing, which would keep it from packing anyway
    assert batching.length_dependent(span)
    honest = Batcher(span).mode
    shared_rotary(monkeypatch)
    other = load("phi3+longrope")
    other.slots = []
    assert honest.name == PACKED and Batcher(other).mode.name != PACKED


@pytest.mark.parametrize("family", ["llama", "gemma3_text"])
def test_the_canary_finds_what_goes_wrong_later_and_takes_it_back(family: str, monkeypatch: Patch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(batching, "CANARY", 12)
    changes: list[Mode] = []
    span = load(family)
    batcher = Batcher(span, on_change=changes.append)
    assert batcher.mode.name == PACKED
    generator = torch.Generator().manual_seed(2)
    shared = [span.open(span.start, span.end) for _ in range(4)]
    single = [span.open(span.start, span.end) for _ in range(4)]
    with torch.inference_mode():
        for turn in range(8):
            if turn == 3:
                positions_off(monkeypatch)
            hidden = [torch.randn(span.hidden_shape(1, 1 + turn % 2), generator=generator) for _ in shared]
            answers = batcher.run([Request(cache, one) for cache, one in zip(shared, hidden, strict=True)])
            if changes:
                break
            for cache, one, answer in zip(single, hidden, answers, strict=True):
                assert isinstance(answer, StepOutput)
                span.step(cache, one)
    assert [mode.name for mode in changes] == [LOCKSTEP] and batcher.mode is changes[0]
    assert "given up" in changes[0].reason
    # The pass in which it was found was done again one by one: lengths and later passes are right.
    assert len({cache.length for cache in shared}) == 1
    wanted = [span.step(cache, torch.ones(span.hidden_shape(1, 1))) for cache in shared]
    assert all(torch.isfinite(one.hidden).all() for one in wanted)


def test_an_honest_canary_changes_nothing(monkeypatch: Patch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(batching, "CANARY", 5)
    span = load("llama")
    batcher = Batcher(span)
    generator = torch.Generator().manual_seed(2)
    shared = [span.open(span.start, span.end) for _ in range(3)]
    single = [span.open(span.start, span.end) for _ in range(3)]
    for _ in range(12):
        hidden = [torch.randn(span.hidden_shape(1, 2), generator=generator) for _ in shared]
        with torch.inference_mode():
            answers = batcher.run([Request(cache, one) for cache, one in zip(shared, hidden, strict=True)])
        for cache, one, answer in zip(single, hidden, answers, strict=True):
            assert isinstance(answer, StepOutput)
            assert torch.allclose(answer.hidden, span.step(cache, one).hidden, atol=1e-4)
    assert batcher.mode.name == PACKED


def test_a_pass_that_raises_is_done_one_by_one_and_given_up_after_a_while(monkeypatch: Patch) -> None:
    torch.set_num_threads(1)
    span = load("llama")
    batcher = Batcher(span)
    generator = torch.Generator().manual_seed(4)
    shared = [span.open(span.start, span.end) for _ in range(3)]
    single = [span.open(span.start, span.end) for _ in range(3)]

    def broken(self: Any) -> None:
        raise RuntimeError("a kernel that fails on packed rows only, when everything has been written")

    monkeypatch.setattr(packed.PackedCache, "finished", broken)
    for turn in range(5):
        hidden = [torch.randn(span.hidden_shape(1, 3), generator=generator) for _ in shared]
        with torch.inference_mode():
            answers = batcher.run([Request(cache, one) for cache, one in zip(shared, hidden, strict=True)])
        for cache, one, answer in zip(single, hidden, answers, strict=True):
            assert isinstance(answer, StepOutput)
            wanted = span.step(cache, one).hidden
            if turn < 3:  # done alone after the failure: what the pass did was taken back exactly
                assert torch.equal(answer.hidden, wanted)
            else:
                assert torch.allclose(answer.hidden, wanted, atol=1e-4)
    assert batcher.mode.name in (LOCKSTEP, ALONE)


def test_every_length_that_a_config_names_is_tried_on_both_sides() -> None:
    config = {
        "sliding_window": 512,
        "rope": {"original_max_position_embeddings": 4096},
        "max_position_embeddings": 131072,
    }
    lengths = lengths_to_try(config)
    assert {509, 514, 4093, 4098} <= set(lengths.tried) and lengths.most == 131072
    assert lengths_to_try({"max_position_embeddings": 2048}).most == 2048
    assert max(lengths_to_try({"max_position_embeddings": 2048}).tried) < 2048
