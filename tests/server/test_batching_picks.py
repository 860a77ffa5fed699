"""Models that attend to the positions of the highest scores: found by what they do, and computed alone.

Their scores round differently in a pass with others, and of two positions that are nearly equal the other one is then
attended to. Choosing among experts is no such thing: there are as many of them in a long session as in a short one.
"""

from __future__ import annotations

import pytest
import torch
from engine_alone import load

from meadow.server.batching.batcher import ALONE, LOCKSTEP, PACKED, Batcher
from meadow.server.batching.picks import picks
from meadow.server.batching.request import Request
from meadow.server.batching.trial import Trial, lengths_to_try
from meadow.server.span import StepOutput

PICKING = {
    "deepseek_v32": "an index beside the keys, in transformers' own cache layer",
    "minimax_m3_vl_text": "an index over blocks of positions, in the family's own cache layer",
    "doge": "a mask of the strongest positions, without any index; its cache is as that of any other family",
}


@pytest.mark.parametrize("family", PICKING)
def test_a_family_that_picks_positions_is_computed_alone_and_says_why(family: str) -> None:
    span = load(family)
    batcher = Batcher(span)
    assert batcher.mode.name == ALONE and batcher.most == 1
    assert "positions of the highest scores" in batcher.mode.reason
    batcher.kernel = span.config._attn_implementation  # the bits of the stock kernel, whatever was faster here
    generator = torch.Generator().manual_seed(5)
    hidden = [torch.randn(span.hidden_shape(1, count), generator=generator) for count in (30, 7)]
    apart, shared = ([span.open(span.start, span.end) for _ in hidden] for _ in range(2))
    for turn in range(3):
        step = hidden if not turn else [one[:, :1] for one in hidden]
        wanted = [span.step(cache, one).hidden.clone() for cache, one in zip(apart, step, strict=True)]
        answers = batcher.run([Request(cache, one) for cache, one in zip(shared, step, strict=True)])
        for answer, right in zip(answers, wanted, strict=True):
            assert isinstance(answer, StepOutput) and torch.equal(answer.hidden, right)
        if turn == 1:
            for cache in (*apart, *shared):
                cache.crop(1)


@pytest.mark.parametrize(("family", "mode"), [("mixtral", PACKED), ("qwen3_next", LOCKSTEP)])
def test_choosing_experts_is_not_picking_positions(family: str, mode: str) -> None:
    span = load(family, 0, 4)
    with picks() as shapes:
        span.step(span.open(0, 4), torch.randn(span.hidden_shape(1, 5)))
    assert shapes  # the experts are seen to be chosen
    assert Batcher(span).mode.name == mode


def test_what_is_picked_from_is_seen_when_it_grows_with_the_session() -> None:
    """The watch has power: without it the trial lets such a family into shared passes."""
    span = load("deepseek_v32")
    trial = Trial(span, Batcher(span)._alone)
    try:
        assert trial.picks_positions
    finally:
        trial.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trial, "_picks", lambda self: False)
        assert Batcher(span).mode.name == LOCKSTEP


def test_picks_notes_each_way_to_write_it() -> None:
    scores = torch.arange(12.0).reshape(3, 4)
    with picks() as shapes, torch.inference_mode():
        scores.topk(2)
        torch.topk(input=scores, k=2)
        torch.sort(scores, dim=-1)
        scores[0].argsort()
        scores.sum()
    assert shapes == [(3, 4), (3, 4), (3, 4), (4,)]


def test_lengths_of_indexes_are_tried() -> None:
    tried = set(lengths_to_try({"index_topk": 2048, "index_block_size": 128, "image_token_index": 200025}).tried)
    assert {125, 130, 2045, 2050} <= tried and max(tried) < 9000
