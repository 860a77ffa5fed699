"""The bundled demo model: what a newcomer's first minutes rest on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "resources" / "demo-model"
MEBIBYTE = 1024 * 1024
QUESTIONS = tomllib.loads((ROOT / "scripts" / "demo_model" / "held_out.toml").read_text(encoding="utf-8"))["quick"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(FOLDER, local_files_only=True, dtype=torch.float32)


def generate(model: Any, tokenizer: Any, messages: list[dict[str, str]]) -> tuple[str, bool]:
    """The greedy answer to `messages`, at most 200 tokens, and whether the model ended it by itself."""
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    new = model.generate(**prompt, do_sample=False, max_new_tokens=200)[0, prompt["input_ids"].shape[1] :]
    return tokenizer.decode(new, skip_special_tokens=True), new[-1].item() == tokenizer.eos_token_id


def test_resources_stay_small() -> None:
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    assert size <= 12 * MEBIBYTE


def test_weights_are_one_file_that_any_reader_opens() -> None:
    assert [path.name for path in FOLDER.glob("*.safetensors")] == ["model.safetensors"]
    with safe_open(FOLDER / "model.safetensors", framework="pt") as file:
        names = set(file.keys())
        blocks = {name.split(".")[2] for name in names if name.startswith("model.layers.")}
        assert all(file.get_tensor(name).isfinite().all() for name in names)
    assert {"model.embed_tokens.weight", "model.norm.weight"} <= names
    assert len(blocks) >= 6, "two or three servers need blocks to share"


def test_nothing_but_data_is_bundled() -> None:
    assert {path.suffix for path in FOLDER.iterdir()} <= {".json", ".jinja", ".safetensors"}
    assert "auto_map" not in (FOLDER / "config.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "What is a block?",
        "  two  spaces, a tab\tand\nnew lines\n\n",
        "Grüße, naïve façade, ¿qué tal?",
        "你好，世界 こんにちは привет مرحبا",
        "🐝🌼 👩‍👩‍👧‍👦 🇪🇺",
        "\x00\x7f\u200b\ufffd",
        "```python\nprint('x')\n```",
    ],
)
def test_tokenizer_keeps_every_text(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_chat_template(tokenizer: Any) -> None:
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": " Hello "},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Why?"},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    turns = "<|system|>Be kind.<|end|><|user|>Hello<|end|><|assistant|>Hi.<|end|><|user|>Why?<|end|>"
    assert text == turns + "<|assistant|>"
    assert tokenizer.apply_chat_template(messages, tokenize=False) == turns
    roles = tokenizer.convert_tokens_to_ids(["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"])
    assert [i for i in tokenizer.encode(text) if i in roles] == [roles[at] for at in (0, 3, 1, 3, 2, 3, 1, 3, 2)], (
        "each marker is one token"
    )


def test_generation_config_ends_at_the_end_of_a_turn(model: Any, tokenizer: Any) -> None:
    assert tokenizer.eos_token == "<|end|>"
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id == model.config.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id


def test_answers_most_of_what_it_was_never_shown(model: Any, tokenizer: Any) -> None:
    """A toy misses some questions in words that it never saw; it must always come to an end."""
    missed = []
    for question in QUESTIONS:
        messages: list[dict[str, str]] = []
        for ask in question["ask"]:
            messages.append({"role": "user", "content": ask})
            answer, ended = generate(model, tokenizer, messages)
            messages.append({"role": "assistant", "content": answer})
            assert ended, f"no end within 200 tokens: {answer}"
        if not all(any(word in answer for word in words.split("|")) for words in question["expect"]):
            missed.append((question["ask"], answer))
    assert len(missed) <= 0.25 * len(QUESTIONS), missed


@pytest.mark.parametrize("text", ["", " ", "🦆", "ß" * 40, "\x00", "what " * 60, "ein Satz, den es nicht kennt"])
def test_odd_input_gets_an_answer_that_ends(model: Any, tokenizer: Any, text: str) -> None:
    answer, ended = generate(model, tokenizer, [{"role": "user", "content": text}])
    assert ended, answer
    assert answer.strip()
