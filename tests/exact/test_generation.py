"""The first promise: a split model says what the unsplit one says, whatever ``generate()`` is asked.

Real server processes, real p2pd, one to three servers, float32 and bfloat16, against plain transformers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from exact.swarms import pair, prompt
from families import zoo
from transformers import PreTrainedModel, StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from meadow import RemoteSequential

CUTS = {1: [0, 4], 2: [0, 2, 4], 3: [0, 1, 3, 4]}
Pair = tuple[PreTrainedModel, PreTrainedModel]


EVERY_RUN = ((1, "float32"), (3, "bfloat16"))
SWARMS = [
    pytest.param((servers, dtype), marks=() if (servers, dtype) in EVERY_RUN else pytest.mark.full)
    for dtype in ("float32", "bfloat16")
    for servers in CUTS
]


@pytest.fixture(scope="module", params=SWARMS, ids=str)
def models(request: pytest.FixtureRequest) -> Iterator[Pair]:
    servers, dtype = request.param
    with pair("llama", CUTS[servers], dtype) as both:
        yield both


def same(models: Pair, ids: torch.Tensor, **options: Any) -> torch.Tensor:
    """Generate with both, assert equality, return the tokens."""
    options = {"max_new_tokens": 24, "do_sample": False, "pad_token_id": 0, **options}
    options.setdefault("attention_mask", torch.ones_like(ids))
    torch.manual_seed(7)
    expected = models[0].generate(ids, **options)
    torch.manual_seed(7)
    got = models[1].generate(ids, **options)
    assert torch.equal(got, expected)
    return got


def test_greedy(models: Pair) -> None:
    assert len(set(same(models, prompt(), repetition_penalty=1.5)[0].tolist())) > 10


def test_seeded_sampling(models: Pair) -> None:
    same(models, prompt(), do_sample=True, temperature=0.8, top_k=20, top_p=0.95, num_return_sequences=3)


def test_beams(models: Pair) -> None:
    same(models, prompt(), num_beams=3, num_return_sequences=2)
    same(models, prompt(rows=2), num_beams=2, do_sample=True)


def test_left_padded_batch(models: Pair) -> None:
    ids = prompt(rows=3)
    mask = torch.ones_like(ids)
    mask[0, :5] = 0
    mask[2, :9] = 0
    same(models, ids, attention_mask=mask)
    same(models, ids, attention_mask=mask, num_beams=2)


def test_prompt_lookup(models: Pair) -> None:
    ids = prompt(6).repeat(1, 4)  # so that there is something to look up
    same(models, ids, prompt_lookup_num_tokens=3)


def test_assisted_by_a_draft_model(models: Pair) -> None:
    draft = zoo.build("llama", dtype=models[0].dtype)
    same(models, prompt(), assistant_model=draft)


def test_several_turns_over_one_cache(models: Pair) -> None:
    plain, remote = models
    options: dict[str, Any] = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    text, cache = prompt(), remote.new_cache()
    for turn in range(3):
        expected = plain.generate(text, attention_mask=torch.ones_like(text), **options)
        got = remote.generate(text, attention_mask=torch.ones_like(text), past_key_values=cache, **options)
        assert torch.equal(got, expected), f"turn {turn}"
        # The last token was never fed to the blocks; everything before it was.
        assert cache.length == got.shape[1] - 1
        text = torch.cat([got, prompt(5, seed=turn + 1)], dim=1)
    cache.close()


def test_stopping_criteria_and_streamer(models: Pair) -> None:
    class Stop(StoppingCriteria):
        def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> Any:
            return torch.full((input_ids.shape[0],), input_ids.shape[1] >= 20)

    class Collect(BaseStreamer):
        def __init__(self) -> None:
            self.tokens: list[int] = []

        def put(self, value: torch.Tensor) -> None:
            self.tokens += value.flatten().tolist()

        def end(self) -> None:
            self.tokens.append(-1)

    got = same(models, prompt(), stopping_criteria=[Stop()])
    assert got.shape[1] == 20
    stream = Collect()
    models[1].generate(
        prompt(),
        attention_mask=torch.ones_like(prompt()),
        max_new_tokens=7,
        do_sample=False,
        pad_token_id=0,
        streamer=stream,
    )
    assert stream.tokens == [*got[0, :20].tolist(), -1]


def test_long_prompt_in_chunks(models: Pair) -> None:
    ids = prompt(700)
    with torch.no_grad():
        expected, got = models[0](ids).logits.float(), models[1](ids).logits.float()
    # In bfloat16 one rounding step of a hidden state is 2**-8 of it.
    limit = 1e-4 if models[0].dtype == torch.float32 else 0.05
    assert (expected - got).abs().max() <= limit * expected.abs().max()


def test_logits_of_a_forward_pass(models: Pair) -> None:
    ids = prompt(rows=2)
    with torch.no_grad():
        expected, got = models[0](ids).logits, models[1](ids).logits
    assert expected.shape == got.shape
    limit = 1e-4 if models[0].dtype == torch.float32 else 0.05
    assert (expected - got).float().abs().max() <= limit * expected.float().abs().max()


@pytest.mark.parametrize("first, last", [(0, 4), (1, 3), (2, 3), (0, 1), (3, 4)])
def test_any_slice_of_blocks(models: Pair, first: int, last: int) -> None:
    plain, remote = models
    blocks = RemoteSequential(remote.opener)
    assert len(blocks) == 4 and len(blocks[first:last]) == last - first
    hidden = torch.randn(2, 9, zoo.WIDTH, generator=torch.Generator().manual_seed(1)).to(plain.dtype)
    expected = hidden
    decoder = plain.model
    positions = torch.arange(9)[None]
    rotary = decoder.rotary_emb(hidden, positions)
    with torch.no_grad():
        for block in decoder.layers[first:last]:
            expected = block(expected, position_embeddings=rotary, attention_mask=None)
    got = blocks[first:last](hidden)
    limit = 1e-4 if plain.dtype == torch.float32 else 0.05
    assert (expected - got).float().abs().max() <= limit * expected.float().abs().max()
