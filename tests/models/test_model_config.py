"""config.json: what every family writes is read back exactly; what names code or cannot be right never reaches it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from meadow.errors import DamagedCheckpoint, ModelError, UnsupportedModel
from meadow.models.config import MAX_CONFIG_BYTES, load_config, parse_config
from meadow.models.fingerprint import canonical_config

# gemma4_assistant rejects its own defaults; moshi (speech) writes a key that its own class reads as another one.
NO_DEFAULTS = {"gemma4_assistant", "moshi"}
# Encoders and wrappers around a language model: refused with a sentence, never by accident.
REFUSED = 36

LLAMA: dict[str, Any] = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}


def load(**changes: Any) -> Any:
    return load_config(json.dumps(LLAMA | changes).encode())


def test_every_family_reads_back_what_it_writes() -> None:
    refused, exact = [], []
    for name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        if name in NO_DEFAULTS:
            continue
        written = CONFIG_MAPPING[name]()
        for use_diff in (True, False):
            try:
                read = load_config(written.to_json_string(use_diff=use_diff).encode())
            except UnsupportedModel:
                refused.append(name)
                continue
            assert type(read) is type(written)
            assert read.to_dict() == written.to_dict(), name
            exact.append(name)
    assert len(set(refused)) == REFUSED and not set(refused) & set(exact)
    assert len(set(exact)) == len(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) - REFUSED - len(NO_DEFAULTS)
    promised = "llama mistral mixtral qwen2 qwen3 qwen3_moe qwen3_next gemma2 gemma3_text phi3 gpt_oss deepseek_v3"
    promised += " glm4_moe olmo3 granite falcon bloom gpt2 mamba2"
    assert set(promised.split()) <= set(exact)


@pytest.mark.parametrize(
    "changes",
    [
        {"auto_map": {"AutoConfig": "evil.Config"}},
        {"_attn_implementation": "evil/kernel"},
        {"_attn_implementation_internal": "evil/kernel"},
        {"attn_implementation": "evil/kernel"},
        {"experts_implementation": "evil/kernel"},
        {"_experts_implementation_internal": "evil/kernel"},
        {"configuration_files": ["config.9.9.9.json"]},
        {"custom_pipelines": {"x": {"impl": "evil"}}},
        {"name_or_path": "/etc/passwd"},
        {"_name_or_path": "/etc/passwd"},
        {"transformers_weights": "../../evil.bin"},
        {"to_dict": 1},
        {"validate": None},
        {"__class__": "x"},
        {"nobody_knows_this": [1, 2, 3]},
        {"dtype": "load"},
        {"torch_dtype": "hub"},
        {"rope_scaling": {"rope_type": "linear", "factor": 2.0, "_attn_implementation": "evil"}},
        {"output_attentions": True},
    ],
)
def test_what_names_code_is_dropped(changes: dict[str, Any]) -> None:
    config = load(**changes)
    text = config.to_json_string(use_diff=False)
    assert "evil" not in text and "passwd" not in text and "nobody_knows" not in text
    assert config._attn_implementation is None and config._experts_implementation is None
    assert callable(config.to_dict) and callable(config.validate) and config.dtype is None


def test_plug_ins_are_dropped_at_every_depth() -> None:
    for name in ("llama4", "qwen3_5", "dbrx"):
        raw = json.loads(CONFIG_MAPPING[name]().to_json_string(use_diff=False))
        nested = [key for key, value in raw.items() if isinstance(value, dict) and "_config" in key]
        assert nested
        for key in nested:
            raw[key] |= {"_attn_implementation": "evil", "attn_implementation": "evil", "auto_map": {"a": "evil"}}
        assert "evil" not in load_config(json.dumps(raw).encode()).to_json_string(use_diff=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": "64"},
        {"hidden_size": 64.5},
        {"hidden_size": True},
        {"hidden_size": None},
        {"hidden_size": [64]},
        {"hidden_size": -64},
        {"hidden_size": 0},
        {"hidden_size": 2**40},
        {"num_hidden_layers": -1},
        {"num_hidden_layers": 0},
        {"num_hidden_layers": 10**9},
        {"num_attention_heads": 0},
        {"num_attention_heads": 10**7},
        {"vocab_size": 2**40},
        {"intermediate_size": 2**60},
        {"max_position_embeddings": 2**50},
        {"head_dim": -8},
        {"rms_norm_eps": float("nan")},
        {"rms_norm_eps": float("inf")},
        {"rms_norm_eps": "1e-6"},
        {"tie_word_embeddings": "yes"},
        {"tie_word_embeddings": 1},
        {"hidden_act": 3},
        {"layer_types": ["full_attention"] * 3},
        {"rope_parameters": "dynamic"},
        {"rope_theta": float("nan")},
        {"rope_scaling": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": {"k": {"l": 1}}}}}}}}}}}}},
        {"eos_token_id": [1.5]},
        {"num_key_value_heads": 10**400},
        {"per_layer_config": {"0": {"hidden_size": "x"}}},
        {"per_layer_config": {"../x": {}}},
        {"per_layer_config": 3},
    ],
)
def test_what_cannot_be_right_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DamagedCheckpoint, match=r"config\.json"):
        load(**changes)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"[" * 10**6, b" " * (MAX_CONFIG_BYTES + 1), b"null"])
def test_a_file_that_is_no_config_is_refused(raw: bytes) -> None:
    with pytest.raises(DamagedCheckpoint, match=r"config\.json"):
        load_config(raw)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model_type": None}, "does not name"),
        ({"model_type": "my_own", "auto_map": {"AutoConfig": "x.Y"}}, "bring their own code"),
        ({"model_type": "../../x"}, "does not name"),
        ({"model_type": "vit"}, "not a causal language model"),
        ({"model_type": "bert"}, "encoder"),
        ({"model_type": "bart"}, "encoder"),
        ({"model_type": "gemma3"}, "text-only"),
        ({"is_encoder_decoder": True}, "encoder"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantised"),
        ({"quantization_config": {"quant_method": "evil", "modules": "x"}}, "quantised"),
    ],
)
def test_a_model_that_cannot_be_split_is_refused_with_a_reason(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UnsupportedModel, match=says):
        load(**changes)


def test_the_spellings_of_old_releases_are_understood() -> None:
    old = load(rope_theta=50000, rope_scaling={"type": "linear", "factor": 4}, torch_dtype="bfloat16", rms_norm_eps=1)
    assert old.rope_parameters["rope_theta"] == 50000 and old.rope_parameters["factor"] == 4
    assert old.dtype is torch.bfloat16 and old.rms_norm_eps == 1.0
    gpt2 = load_config(b'{"model_type": "gpt2", "n_embd": 32, "n_layer": 3, "n_head": 4}')
    assert (gpt2.hidden_size, gpt2.num_hidden_layers) == (32, 3)
    mamba2 = load_config(b'{"model_type": "mamba2", "time_step_limit": [0.0, Infinity]}')
    assert mamba2.time_step_limit[1] == float("inf")


def test_settings_that_only_the_model_code_looks_for_are_kept() -> None:
    assert load_config(b'{"model_type": "bamba", "head_dim": 96}').head_dim == 96


@given(
    st.dictionaries(
        st.sampled_from([*json.loads(CONFIG_MAPPING["llama"]().to_json_string(use_diff=False)), "rope_scaling", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_any_config_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        config = load(**changes)
    except ModelError:
        return
    assert config.model_type == "llama" and 1 <= config.num_hidden_layers <= 4096


def canonical(raw: dict[str, Any]) -> bytes:
    raw = LLAMA | raw
    return canonical_config(parse_config(json.dumps(raw).encode()), CONFIG_MAPPING[raw["model_type"]])


def test_the_canonical_config_holds_what_changes_the_computation() -> None:
    same = (
        {
            "transformers_version": "9",
            "_name_or_path": "x",
            "auto_map": {},
            "torch_dtype": "float16",
            "use_cache": False,
        },
        {"architectures": ["X"], "eos_token_id": 7, "unknown": 1, "hidden_size": 64, "dtype": "float32"},
    )
    assert {canonical(changes) for changes in same} == {canonical({})}
    different = ({"hidden_size": 128}, {"rms_norm_eps": 1e-5}, {"rope_theta": 5.0}, {"model_type": "mistral"})
    assert len({canonical(changes) for changes in different} | {canonical({})}) == len(different) + 1
    assert canonical({"rope_theta": 10000}) == canonical({"rope_theta": 10000.0})
