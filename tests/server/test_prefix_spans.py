"""Keys and values that one session takes over from another give what computing them again would give."""

from __future__ import annotations

import pytest
import torch
from engine_alone import load, update

CLOSE = 2e-4  # of what the blocks add


@pytest.mark.parametrize("family", ["llama", "qwen3", "falcon", "deepseek_v3"])
def test_a_copied_beginning_is_what_would_be_computed(family: str) -> None:
    torch.set_num_threads(1)
    span = load(family)
    generator = torch.Generator().manual_seed(4)
    text = torch.randn(span.hidden_shape(1, 300), generator=generator)
    tail = torch.randn(span.hidden_shape(1, 60), generator=generator)
    lender = span.open(span.start, span.end)
    span.step(lender, text[:, :200])  # cut in another way than below
    span.step(lender, text[:, 200:])
    assert lender.lends(256) and not lender.lends(301)
    taken, whole = span.open(span.start, span.end), span.open(span.start, span.end)
    taken.begin_with(lender, 256)
    needed = span.open(span.start, span.end).tokens_needed(256)
    assert taken.length == 256 and taken.capacity == needed
    said = torch.cat([text[:, :256], tail], 1)
    got, wanted = span.step(taken, tail).hidden, span.step(whole, said).hidden[:, 256:]
    assert (got - wanted).abs().max() <= CLOSE * update(wanted, tail)
    assert torch.equal(span.step(lender, tail).hidden, span.step(_again(span, text), tail).hidden)  # not disturbed
    taken.crop(100)  # what was taken over can be rolled back as well
    whole.crop(100)
    got, wanted = span.step(taken, tail).hidden, span.step(whole, tail).hidden
    assert (got - wanted).abs().max() <= CLOSE * update(wanted, tail)


def _again(span, text):
    cache = span.open(span.start, span.end)
    span.step(cache, text[:, :200])
    span.step(cache, text[:, 200:])
    return cache


@pytest.mark.parametrize("family", ["gemma3_text", "mamba2", "qwen3_next", "llama+dynamic_ntk", "phi3+longrope"])
def test_what_holds_more_or_less_than_all_keys_and_values_lends_nothing(family: str) -> None:
    """Full windows, recurrent states, state in modules."""
    torch.set_num_threads(1)
    span = load(family)
    cache = span.open(span.start, span.end)
    span.step(cache, torch.randn(span.hidden_shape(1, 100), generator=torch.Generator().manual_seed(1)))
    assert not cache.lends(64)
