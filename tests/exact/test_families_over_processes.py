"""A dozen architectures over real server processes, four of them in every run; all others go through the same encoding
in one process (tests/families)."""

from __future__ import annotations

import pytest
import torch
from exact.swarms import pair, prompt

FAMILIES = [
    "mistral",
    "mixtral",
    "qwen3",
    "qwen3_next",
    "gemma3_text",
    "gpt_oss",
    "deepseek_v3",
    "olmo3",
    "falcon",
    "bloom",
    "gpt2",
    "mamba2",
]


EVERY_RUN = ("gemma3_text", "deepseek_v3", "bloom", "mamba2")  # windows, compressed keys, no rotary, recurrent


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=() if name in EVERY_RUN else pytest.mark.full) for name in FAMILIES]
)
def test_tokens_equal_the_unsplit_model(family: str) -> None:
    with pair(family, [0, 2, 4], "float32") as (plain, remote):
        ids = prompt(rows=2)
        mask = torch.ones_like(ids)
        mask[0, :4] = 0
        for options in ({"attention_mask": torch.ones_like(ids)}, {"attention_mask": mask}, {"num_beams": 2}):
            arguments = {"max_new_tokens": 16, "do_sample": False, "pad_token_id": 0, "repetition_penalty": 1.5}
            expected = plain.generate(ids, **arguments, **options)
            assert torch.equal(remote.generate(ids, **arguments, **options), expected), options
