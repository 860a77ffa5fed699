"""What is known of a model before it is loaded must be what a server finds out once it has loaded it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from families import zoo
from hub_server import HubServer

from meadow.errors import MeadowError
from meadow.models.checkpoint import open_checkpoint
from meadow.models.facts import model_facts
from meadow.models.parts import client_tensors, load_span, span_tensors
from meadow.node.modelfacts import fetch_blocks, find_facts
from meadow.platform.fit import ModelFacts
from meadow.resources import resource
from meadow.server.measure import measure
from meadow.server.span import Span

FAMILIES = ["llama", "bamba", "qwen3_moe", "gpt2", "mamba2"]
MORE = ["cohere2", "deepseek_v3", "falcon_mamba", "gemma2", "glm4_moe", "gpt_oss", "jamba", "mixtral", "qwen3_next"]


@pytest.mark.parametrize("family", [*FAMILIES, *(pytest.param(name, marks=pytest.mark.full) for name in MORE)])
def test_facts_are_what_a_loaded_span_measures(family: str, tmp_path: Path) -> None:
    zoo.save(family, tmp_path / family)
    checkpoint = open_checkpoint(tmp_path / family, cache_dir=tmp_path / "cache")
    facts = ModelFacts.of(model_facts(checkpoint))
    assert checkpoint.bytes_read == 0
    assert facts.fingerprint == checkpoint.fingerprint
    start, end = 1, facts.num_blocks
    part = load_span(checkpoint, start, end)
    assert sum(facts.weight_bytes(block) for block in range(start, end)) == part.nbytes
    tokens = 1000
    measured = measure(Span(part, start, end)).bytes_per_token * (end - start) * tokens
    assert sum(facts.cache_bytes(block, tokens) for block in range(start, end)) == pytest.approx(measured, rel=0.01)


def test_indivisible_blocks_are_told(tmp_path: Path) -> None:
    zoo.save("gemma4_text", tmp_path / "model")
    facts = ModelFacts.of(model_facts(open_checkpoint(tmp_path / "model", cache_dir=tmp_path / "cache")))
    assert all(0 <= first < last <= facts.num_blocks for first, last in facts.indivisible)


def test_of_a_hub_only_headers_are_fetched(hub: HubServer, tmp_path: Path) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=tmp_path / "cache")
    opened = hub.bytes_sent()
    facts = ModelFacts.of(model_facts(checkpoint))
    assert hub.bytes_sent() == opened
    told = model_facts(checkpoint)
    assert (
        told["chat_part_missing_bytes"]
        == told["chat_part_bytes"]
        == sum(checkpoint.tensors[name].nbytes for name in client_tensors(checkpoint))
    )
    checkpoint.fetch(client_tensors(checkpoint))
    assert model_facts(checkpoint)["chat_part_missing_bytes"] == 0
    names = span_tensors(checkpoint, 1, 2)
    assert facts.missing_bytes[1] == checkpoint.missing(names) > 0


def run(*arguments: str | Path) -> tuple[int, list[dict]]:
    done = subprocess.run(
        [sys.executable, "-m", "meadow.models.facts", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_as_a_process(tmp_path: Path) -> None:
    status, events = run(resource("demo-model"), "--cache-dir", tmp_path)
    assert status == 0
    facts = ModelFacts.of(events[-1])
    assert (events[-1]["event"], facts.name, facts.num_blocks, facts.dtype) == ("facts", "demo-model", 6, "bfloat16")


def test_an_error_comes_as_an_event(tmp_path: Path) -> None:
    status, events = run("no such model", "--cache-dir", tmp_path)
    assert status == 1
    assert [(event["event"], event["code"]) for event in events] == [("error", "unknown_model")]


async def test_blocks_are_fetched_ahead_and_nothing_else(hub: HubServer, tmp_path: Path) -> None:
    cache = tmp_path / "ahead"
    before = await find_facts("owner/tiny", cache_dir=cache)
    assert all(before.fit.missing_bytes)
    sent = hub.bytes_sent()
    await fetch_blocks("owner/tiny", (1, 3), cache_dir=cache)
    after = await find_facts("owner/tiny", cache_dir=cache)
    assert [bool(missing) for missing in after.fit.missing_bytes] == [True, False, False, True][
        : len(before.fit.numbers)
    ]
    taken = sum(before.fit.missing_bytes) - sum(after.fit.missing_bytes)
    assert taken > 0 and hub.bytes_sent() - sent >= taken
    sent = hub.bytes_sent()
    await fetch_blocks("owner/tiny", (1, 3), cache_dir=cache)
    assert hub.bytes_sent() == sent, "it is there"
    with pytest.raises(MeadowError):
        await fetch_blocks("owner/nothing", (0, 1), cache_dir=cache)
