"""The engine's own token loop says what ``generate()`` says; real server processes, p2pd and engine process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from chat.bench import Bench, bench
from transformers import AutoModelForCausalLM, AutoTokenizer

from meadow.chat.request import GenerationRequest
from meadow.errors import MeadowError

HELLO = ({"role": "user", "content": "Say something about meadows, please."},)


@pytest.fixture(scope="module")
def swarm(tiny_chat_model: Path) -> Iterator[Bench]:
    with bench(tiny_chat_model, [0, 2, 4]) as made:
        yield made


@pytest.fixture(scope="module")
def plain(tiny_chat_model: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_chat_model).eval()


@pytest.fixture(scope="module")
def tokenizer(tiny_chat_model: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_chat_model)


def prompt_of(tokenizer: Any, messages: Any) -> torch.Tensor:
    ids = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, return_dict=False)
    return torch.tensor([ids])


def generate(plain: Any, ids: torch.Tensor, **options: Any) -> list[int]:
    options = {"max_new_tokens": 24, "pad_token_id": 0, **options}
    return plain.generate(ids, attention_mask=torch.ones_like(ids), **options)[0, ids.shape[1] :].tolist()


def test_greedy_equals_generate(swarm: Bench, plain: Any, tokenizer: Any, tiny_chat_model: Path) -> None:
    heard = swarm.ask(GenerationRequest(str(tiny_chat_model), messages=HELLO, temperature=0, max_tokens=24))
    ids = prompt_of(tokenizer, HELLO)
    expected = generate(plain, ids, do_sample=False)
    assert heard.token_ids() == expected
    assert heard.text() == tokenizer.decode(expected, skip_special_tokens=True)
    assert heard.started.prompt_tokens == ids.shape[1] and heard.started.reused_tokens == 0
    assert heard.finished().reason == ("stop" if expected[-1] == 0 else "length")
    assert heard.done.completion_tokens == len(expected)
    assert [(hop.start, hop.end) for hop in heard.done.route] == [(0, 2), (2, 4)]
