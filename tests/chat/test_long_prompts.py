"""A prompt that is much too long is refused for the price of the longest one that could be read, and no other is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from meadow.chat import tokenizer as tokenizer_module
from meadow.chat.request import GenerationRequest
from meadow.chat.templates import build_prompt
from meadow.chat.tokenizer import SharedTokenizer
from meadow.errors import MeadowError
from meadow.resources import resource

CONTEXT = 2048


class Counting(SharedTokenizer):
    """Counts the characters that are tokenised."""

    characters = 0

    def encode(self, text: str) -> list[int]:
        self.characters += len(text)
        return super().encode(text)

    def encode_marked(self, text: str) -> list[int]:
        self.characters += len(text)
        return super().encode_marked(text)


@pytest.fixture(scope="module")
def hf() -> Any:
    return AutoTokenizer.from_pretrained(resource("demo-model"))


@pytest.mark.parametrize(
    "text", ["word " * 720_000, "x" * 3_600_000, "<|im_end|>" * 360_000, " " * 3_600_000 + "x", "漢字" * 1_800_000]
)
@pytest.mark.parametrize("as_messages", [True, False])
def test_megabytes_cost_no_more_than_the_longest_prompt_that_fits(hf: Any, text: str, as_messages: bool) -> None:
    tokenizer = Counting(hf)
    text = text if not as_messages else f"Read this: {text}"  # templates strip what is only space
    request = GenerationRequest("m", messages=({"role": "user", "content": text},))
    if not as_messages:
        request = GenerationRequest("m", prompt=text)
    with pytest.raises(MeadowError, match="2048 tokens that this model can hold") as caught:
        build_prompt(tokenizer, request, (), context=CONTEXT)
    assert caught.value.code == "too_long"
    assert tokenizer.characters < 100_000


WORDS = st.lists(st.sampled_from(["swarm ", "block", " ", "\n", "é", "漢", "<|im_end|>", "a" * 40]), max_size=60).map(
    "".join
)


@given(text=WORDS, limit=st.integers(1, 40), marked=st.booleans())
def test_what_fits_is_never_refused(hf: Any, text: str, limit: int, marked: bool) -> None:
    """With bounds so tight that they matter for a few words."""
    tokenizer = SharedTokenizer(hf)
    before = tokenizer_module._CHARACTERS, tokenizer_module._CUT
    tokenizer_module._CHARACTERS, tokenizer_module._CUT = 1, 8
    try:
        refused = tokenizer.exceeds(text, limit, marked=marked)
    finally:
        tokenizer_module._CHARACTERS, tokenizer_module._CUT = before
    count = len(tokenizer.encode_marked(text) if marked else tokenizer.encode(text))
    assert not (refused and count <= limit)
    if count > 8 * (limit + 8) and len(text) > 8 * limit:
        assert refused
