"""The first promise: a split model says, bit by bit, what the unsplit one says; or Meadow says why it cannot be split.

By default the families that most people run, as far as tests/exact does not run them over real processes; with --full
every decoder-only family that transformers knows.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from families import matrix, zoo

ROOT = Path(__file__).resolve().parents[2]
RESULTS = json.loads((Path(__file__).parent / "results.json").read_text())

COMMON = (
    *("llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "qwen3_next", "gemma2", "gemma3_text", "phi3"),
    *("gpt_oss", "deepseek_v3", "glm4_moe", "olmo3", "granite", "falcon", "bloom", "gpt2", "mamba2"),
)
# What only one of them has is checked in every run too: state in modules, tensors beside the hidden states, refusals.
PECULIAR = ("llama+dynamic_ntk", "beam", "rwkv")


OVER_PROCESSES = frozenset(
    ("mistral", "mixtral", "qwen3", "qwen3_next", "gemma3_text", "gpt_oss")
    + ("deepseek_v3", "olmo3", "falcon", "bloom", "gpt2", "mamba2")
)
"""tests/exact/test_families_over_processes.py has these: four in every run, all in the full counts."""


def _marked(family: str) -> object:
    usual = family in COMMON + PECULIAR and family not in OVER_PROCESSES
    return pytest.param(family, marks=() if usual else pytest.mark.full)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("family", map(_marked, zoo.everything()))
def test_a_split_family_equals_the_unsplit_one_or_is_refused(family: str) -> None:
    outcome = matrix.examine(family)
    recorded = RESULTS[family]
    assert (outcome.status, outcome.note) == (recorded["status"], recorded["note"])
    assert outcome.checks == recorded["checks"]
    assert outcome.extras == recorded["extras"]
    assert outcome.together == recorded["together"]


def test_no_family_gives_wrong_numbers() -> None:
    assert {name: result["note"] for name, result in RESULTS.items() if result["status"] == matrix.BROKEN} == {}


def test_at_least_115_families_are_bit_equal_and_all_common_ones_are() -> None:
    exact = {name for name, result in RESULTS.items() if result["status"] == matrix.PASS and "+" not in name}
    assert len(exact) >= 115
    assert exact.issuperset(COMMON)


def test_most_families_share_passes_and_none_wrongly() -> None:
    modes = Counter(r["together"]["mode"] for n, r in RESULTS.items() if r["together"] and "+" not in n)
    assert modes["packed"] >= 85 and modes["lockstep"] >= 34
    assert {n: r["together"]["wrong"] for n, r in RESULTS.items() if r["together"] and r["together"]["wrong"]} == {}


def test_every_family_of_transformers_was_examined() -> None:
    assert sorted(RESULTS) == zoo.everything()


def test_every_refusal_is_a_sentence() -> None:
    for name, result in RESULTS.items():
        if result["status"] == matrix.REFUSED:
            assert result["note"].endswith(".") and len(result["note"].split()) > 7, name


def test_the_models_emit_many_different_tokens() -> None:
    """Equal tokens prove little where a model repeats itself."""
    dull = [n for n, r in RESULTS.items() if r["status"].startswith("works") and r["distinct_tokens"] < 5]
    assert dull == []


def test_docs_models_is_what_the_results_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    import models_table

    encoders = {name: why for name in zoo.all_model_types() if (why := zoo.why_not_decoder(name)) is not None}
    assert (ROOT / "docs" / "models.md").read_text() == models_table.render(RESULTS, encoders)
