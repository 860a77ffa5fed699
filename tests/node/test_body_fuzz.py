"""Whatever a program sends where a request body belongs, or a hub where a model's header or config does."""

from __future__ import annotations

import json
import random
import resource
import time
from collections.abc import Callable
from typing import Any

import pytest
from mutants import mutant
from pydantic import BaseModel, ValidationError

from meadow.errors import MeadowError
from meadow.models.config import clean_config, family_of, parse_config
from meadow.models.safetensors_header import header_end, parse_header
from meadow.node.http.chats_schema import ImportBody, NewMessageBody
from meadow.node.http.openai_request import chat_request, completion_requests
from meadow.node.http.openai_schema import ChatRequest, CompletionRequest
from meadow.node.http.problems import ApiError

SECONDS, MEMORY_KB = 1.0, 256 << 10
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CHAT = {
    "model": "m", "temperature": 0.7, "top_p": 0.9, "seed": 3, "max_tokens": 9, "stop": ["a"], "tools": [TOOL],
    "messages": [
        {"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "t"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "1", "content": "r"},
    ],
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
}  # fmt: skip
TEXT = {"model": "m", "prompt": [[1, 2], [3]], "max_tokens": 4, "stop": "x", "logprobs": 1}
CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 100,
    "rope_scaling": {"rope_type": "linear", "factor": 2.0}, "torch_dtype": "float32",
}  # fmt: skip
HEADER = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"format": "pt"}}
ODD = [
    b"NaN", b"1e999", b"-1", b"[" * 300, b'{"a":' * 300, b"9" * 5000, b'"\\ud800"', b"\xff\xfe", b"null", b"true",
    b"\x00",     b'"' + b"A" * 5000 + b'"', b"[]", b"{}", b"1.5", b'"\\u0000"', b"-0", b"18446744073709551616",
]  # fmt: skip


def body(model: type[BaseModel], then: Callable[[object], object]) -> Callable[[bytes], None]:
    """As the application reads it: the bytes as JSON, the JSON as the body of its route."""

    def read(data: bytes) -> None:
        then(model.model_validate(json.loads(data)))

    return read


def config(data: bytes) -> None:
    raw = parse_config(data)
    clean_config(raw, family_of(raw))


def header(data: bytes) -> None:
    parse_header(data, "m.safetensors", 8 + len(data) + 24)


def beginning(data: bytes) -> None:
    header_end(data[:8], "m.safetensors", 1000)


TARGETS = [
    (body(ChatRequest, chat_request), json.dumps(CHAT).encode()),
    (body(CompletionRequest, completion_requests), json.dumps(TEXT).encode()),
    (body(NewMessageBody, lambda made: made), json.dumps({"content": "c"}).encode()),
    (body(ImportBody, lambda made: made), json.dumps({"format": "json", "content": "[]"}).encode()),
    (config, json.dumps(CONFIG).encode()),
    (header, json.dumps(HEADER).encode()),
    (beginning, (100).to_bytes(8, "little")),
]
REFUSALS = (MeadowError, ApiError, ValidationError, ValueError, RecursionError)
"""json.loads raises ValueError and RecursionError: the application answers both as "not JSON"."""


VALUES = [
    None, True, -1, 0, 2**64, 1e300, float("nan"), float("inf"), "", "A" * 5000, "\ud800", "\x00", [], {}, [[]],
    [0] * 99, {"type": "text"}, {"a": {"b": {"c": {}}}}, "user", "tool", "auto", "F32", [0, 24], [24, 0], "llama",
]  # fmt: skip


def changed(chance: random.Random, value: Any) -> Any:
    """The same with one part of it exchanged, left out, doubled or put under another name."""
    parts = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not parts or chance.random() < 0.15:
        return chance.choice(VALUES)
    where = chance.choice(parts)
    if isinstance(value, list):
        return chance.choice([value[:where] + value[where + 1 :], value + [value[where]]] + [
            value[:where] + [changed(chance, value[where])] + value[where + 1 :]
        ] * 4)  # fmt: skip
    rest = {key: part for key, part in value.items() if key != where}
    return chance.choice([rest, {**rest, "x": value[where]}] + [{**value, where: changed(chance, value[where])}] * 6)


def body_mutant(chance: random.Random, good: bytes) -> bytes:
    """Two in three keep the form of JSON, so that what is behind the form is reached; the others are any bytes."""
    if good[:1] == b"{" and chance.random() < 2 / 3:
        value = json.loads(good)
        for _ in range(chance.randint(1, 3)):
            value = changed(chance, value)
        return json.dumps(value).encode()
    return mutant(chance, good, ODD)


def attack(count: int) -> None:
    chance = random.Random(31)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read, good in TARGETS:
        for _ in range(count):
            data = body_mutant(chance, good)
            began = time.thread_time()
            try:
                read(data)
            except REFUSALS:
                pass
            assert time.thread_time() - began < SECONDS, data
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_KB


@pytest.mark.parametrize("index", range(len(TARGETS)))
def test_good_bytes_are_read(index: int) -> None:
    """What is attacked below is alive."""
    read, good = TARGETS[index]
    read(good)


def test_fuzz_of_bodies() -> None:
    attack(5000)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_fuzz_of_bodies_100_000() -> None:
    attack(100_000)
