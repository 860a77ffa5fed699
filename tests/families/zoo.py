"""A tiny model with random weights of every decoder-only causal LM that transformers knows.

The configs are not written by hand: `tiny` takes the family's own config class and shrinks each field by what its name
says it is (a width, a count of heads, a window, a pattern of layers), following nested configs. What names cannot tell
is in `EXCEPTIONS`. Random weights are made lively: constant parameters (biases, norm scales, router corrections) get
noise as well, so that a part that forgets one is seen.
"""

from __future__ import annotations

import dataclasses
import re
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

LAYERS = 4
VOCAB = 128
WIDTH = 64
HEADS = 4
WINDOW = 8  # shorter than the 13-token prompts of the tests, so that windows slide
CONTEXT = 2048
DEPTHS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")

# Field name (whole match) -> value of the tiny config. The first match counts; fields that are None stay None.
SIZES: tuple[tuple[str, Any], ...] = (
    (r"(?!num|hidden).*vocab.*(size|map)?(_base)?", VOCAB),
    (r"num_hidden_layers|n_layers?|num_layers|decoder_layers|encoder_layers|depth|num_blocks", LAYERS),
    (r".*(kv_heads|key_value_heads|query_groups)", HEADS // 2),
    (r"(swa_)?num_(attention_)?heads|n_heads?|attention_heads|index(er)?_n_heads|linear_num_heads", HEADS),
    (r"linear_num_key_heads", HEADS // 2),
    (r"linear_num_value_heads", HEADS),
    (r"hidden_size|d_model|n_embd|emb_dim|embedding_dim|dim_model|word_embed_proj_dim|lru_width", WIDTH),
    (r"attention_hidden_size|out_hidden_size|output_proj_dims|backbone_hidden_size", WIDTH),
    (r"adapter_(in|out|input)_(dim|size)", WIDTH),
    (r"moe_intermediate_size|shared_experts?_intermediate_size|.*expert_ffn_hidden_size", WIDTH // 2),
    (r".*intermediate_size.*|.*ffn_(hidden_size|dim)|dim_ff|dff|n_inner|feed_forward_size", WIDTH * 3 // 2),
    (r"qk_head_dim", 24),
    (r"qk_rope_head_dim|rotary_dim", 8),
    (r"index_head_dim", 16),
    (r".*head_dim|d_head|dim_head|attention_head_size|kv_channels|attention_head_dim", WIDTH // HEADS),
    (r"(kv|q|o)_lora_rank|.*_lowrank|laurel_rank|gated_norm_rank|adapter_rank|time_step_rank|mamba_dt_rank", 16),
    (r"hidden_size_per_layer_input|ple_embed_dim|router_hidden_size", 16),
    (r"num_(local_|routed_)?experts|n_routed_experts|moe_num_experts|zero_expert_num", HEADS),
    (r"n_shared_experts", 1),
    (r"num_experts_per_tok(en)?|moe_topk|moe_k|top_k_experts", 2),
    (r"n_group|num_expert_group", 2),
    (r"topk_group", 1),
    (r".*sliding_window(_size)?|attention_window_size|window_size|local_attention|keep_window_size", WINDOW),
    (r"(mamba_|attention_)?chunk_size|index_topk", WINDOW),
    (r"mamba_d_state|state_size|ssm_state_size", 8),
    (r"(mamba_)?n_groups|mamba_ngroups|o_groups", 2),
    (r"(max_position_embeddings|n_positions|n_ctx|max_seq_len|model_max_length|context_length)", CONTEXT),
    (r"initializer_range|init_std", 0.2),
    (r"eos_token_id", None),
    (r"pad_token_id", 0),
    (r"bos_token_id", 1),
    (r".*_token_(id|index)", VOCAB - 1),
)

# Fields that are None in the defaults but that the models cannot do without.
NEEDED = r"head_dim|num_experts_per_tok|n_routed_experts|n_shared_experts|num_key_value_heads"

SLIDING = ["sliding_attention", "full_attention"] * 2
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
SHARING = {"num_hidden_layers": 8, "num_kv_shared_layers": 3, "layer_types": SLIDING * 2}  # blocks 3 and 4 lend theirs
UNSHARED = {"num_hidden_layers": LAYERS, "num_kv_shared_layers": 0, "layer_types": SLIDING}
MAMBA2 = {"mamba_n_heads": 8, "mamba_d_head": 16}
QSA = {
    "indexer_n_heads": 4,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 16,
    "indexer_budget": 8,
    "indexer_compress_ratio": 2,
}

# What the names of the fields do not tell: values that must fit each other, or that make a path run that the family's
# defaults switch off (mixed layer types, sharing of keys and values between blocks).
EXCEPTIONS: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [1, 3], **MAMBA2},
    "cohere_compass_text": {"layer_types": SLIDING, "rope_parameters": dict.fromkeys(SLIDING, ROPE)},
    "dots1": {"layer_types": SLIDING, "sliding_window": WINDOW},
    "dbrx": {
        "attn_config": {"rope_theta": 10000.0, "kv_n_heads": 2, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 32, "moe_top_k": 2},
    },
    "dots3_note_text": {
        "swa_num_attention_heads": 4,
        "swa_num_key_value_heads": 4,
        "swa_q_lora_rank": 16,
        "swa_kv_lora_rank": 16,
        "swa_head_dim": 24,
        "swa_qk_nope_head_dim": 16,
        "swa_v_head_dim": 16,
        "sliding_window": WINDOW,
    },
    "falcon_h1": {"mamba_d_ssm": 128, **MAMBA2},
    "gemma2": {"query_pre_attn_scalar": 16},
    "gemma3n_text": {**SHARING, "activation_sparsity_pattern": [0.9] * 4 + [0.0] * 4},
    "gemma4_text": {**SHARING, "global_head_dim": 32},
    "gemma4_unified_text": {"global_head_dim": 32},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention"] * 2, **MAMBA2},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2},
    "laguna": {"layer_types": SLIDING, "num_attention_heads_per_layer": [4, 2, 4, 2]},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "longcat_flash": {"head_dim": 8},
    "mamba2": {"num_heads": 8, "head_dim": 16},
    "mellum": {"layer_types": SLIDING},
    "minimax_m3_vl_text": {
        "layer_types": ["full_attention", "minimax_m3_sparse"] * 2,
        "index_block_size": 4,
        "index_topk_blocks": 2,
        "mlp_layer_types": ["dense", "sparse"] * 2,
    },
    "qwen2_moe": {"layer_types": SLIDING, "use_sliding_window": True, "sliding_window": WINDOW},
    "qwen4_exp_text": QSA,
    "reformer": {"is_decoder": True, "axial_pos_embds": False, "attn_layers": ["local", "lsh"] * 2},
    "xlstm": {"hidden_size": 128, "chunk_size": 64},
    "zaya": {"num_experts_per_tok": 1, "layer_types": ["hybrid", "hybrid_sliding"] * 2, "sliding_window": WINDOW},
}

# Further settings of a family whose code takes another path: name -> (model type, what differs).
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "falcon+alibi": ("falcon", {"alibi": True}),
    "falcon+new_decoder": ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 2}),
    "gemma3n_text+unshared": ("gemma3n_text", {**UNSHARED, "activation_sparsity_pattern": [0.9, 0.9, 0.0, 0.0]}),
    "gemma4_text+moe": (
        "gemma4_text",
        {**UNSHARED, "enable_moe_block": True, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 32},
    ),
    # Rotary embeddings that change with the length of the text, which the modules remember: state that may leak.
    "llama+dynamic_ntk": (
        "llama",
        {"max_position_embeddings": 16, "rope_parameters": {**ROPE, "rope_type": "dynamic", "factor": 4.0}},
    ),
    "phi3+longrope": (
        "phi3",
        {
            "max_position_embeddings": 256,
            "original_max_position_embeddings": 20,
            "rope_parameters": {**ROPE, "rope_type": "longrope", "short_factor": [1.0] * 8, "long_factor": [4.0] * 8},
        },
    ),
    "opt+projected": ("opt", {"word_embed_proj_dim": 32, "do_layer_norm_before": False}),
    "qwen3+sliding": ("qwen3", {"layer_types": SLIDING, "use_sliding_window": True, "sliding_window": WINDOW}),
}

# Model types of the mapping that are no decoder-only causal LM, beyond those whose config class says so.
ASSISTANT = "a drafting head: it attends to the keys and values of the model that it drafts for"
NOT_DECODERS: dict[str, str] = {"gemma4_assistant": ASSISTANT, "gemma4_unified_assistant": ASSISTANT}


def all_model_types() -> list[str]:
    """Every model type for which transformers names a causal LM class."""
    return list(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


@cache
def why_not_decoder(model_type: str) -> str | None:
    """Why this model type is no decoder-only causal LM; None if it is one."""
    if model_type in NOT_DECODERS:
        return NOT_DECODERS[model_type]
    config_class = CONFIG_MAPPING[model_type]
    defaults = {field.name: field.default for field in dataclasses.fields(config_class)}
    if defaults.get("is_encoder_decoder") or "decoder" in config_class.sub_configs:
        return "an encoder-decoder: its decoder attends to an encoder's output"
    if "add_cross_attention" in defaults and defaults.get("is_decoder") is False:
        return "a bidirectional encoder; transformers only adds a language modelling head to it"
    return None


def decoder_types() -> list[str]:
    """The model types that the exactness tests are about."""
    return [model_type for model_type in all_model_types() if why_not_decoder(model_type) is None]


def _cycled(pattern: list[Any], length: int) -> list[Any]:
    """The kinds of `pattern`, in order of first appearance, repeated to `length`: every kind, also when cut short."""
    kinds = list(dict.fromkeys(pattern))
    return [kinds[i % len(kinds)] for i in range(length)]


def _shrunk(config_class: type[PreTrainedConfig], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments that make a small config of this class."""
    try:
        default = config_class()
    except ValueError:  # some classes have no valid default
        default = None
    values = {} if default is None else vars(default)  # getattr refuses fields that differ from block to block
    common = {field.name for field in dataclasses.fields(PreTrainedConfig)}
    class_defaults = {field.name: field.default for field in dataclasses.fields(config_class)}
    depth = next((v for n in DEPTHS if isinstance(v := class_defaults.get(n), int)), None)
    layers = next((overrides[n] for n in DEPTHS if n in overrides), LAYERS)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(config_class):
        name = field.name
        if name in overrides:
            arguments[name] = overrides[name]
            continue
        value = values.get(name)
        if name in config_class.sub_configs:
            sub_class = config_class.sub_configs[name]
            if isinstance(value, PreTrainedConfig):
                sub_class = type(value)
            if hasattr(sub_class, "__dataclass_fields__"):
                arguments[name] = _shrunk(sub_class, EXCEPTIONS.get(sub_class.model_type, {}))
            continue
        if isinstance(value, list) and value and depth and len(value) == depth:
            if all(isinstance(kind, str) for kind in value):
                if name.startswith("mlp"):  # dense layers come first
                    arguments[name] = [value[0]] + [value[-1]] * (layers - 1)
                else:
                    arguments[name] = _cycled(value, layers)
            elif field.default is not None:
                arguments[name] = _cycled(value, layers)
            continue
        if value is None and re.fullmatch(NEEDED, name) and not (name == "head_dim" and "qk_rope_head_dim" in values):
            value = 1
        elif field.default is None and not name.endswith("_token_id"):
            continue  # derived by the class from other fields
        if name in common and not re.fullmatch(r".*_token_id|vocab_size", name):
            continue
        for pattern, small in SIZES:
            if re.fullmatch(pattern, name):
                if isinstance(value, (int, float)) and not isinstance(value, bool) or name.endswith("_token_id"):
                    arguments[name] = small
                break
    # a family with as many key-value heads as heads, or with one for all, keeps that
    heads, kv_heads = class_defaults.get("num_attention_heads"), class_defaults.get("num_key_value_heads")
    if isinstance(kv_heads, int) and isinstance(heads, int) and "num_key_value_heads" not in overrides:
        arguments["num_key_value_heads"] = {heads: arguments["num_attention_heads"], 1: 1}.get(kv_heads, HEADS // 2)
    return arguments | dict(overrides)


def tiny(name: str) -> PreTrainedConfig:
    """A small config of this family or variant: `LAYERS` blocks (more where its pattern of layers needs it)."""
    model_type, differing = VARIANTS.get(name, (name, {}))
    config_class = CONFIG_MAPPING[model_type]
    return config_class(**_shrunk(config_class, EXCEPTIONS.get(model_type, {}) | differing))


def _enliven(model: nn.Module) -> None:
    """Noise on everything that initialisation left constant; seeded by name, so that the order does not matter."""
    named = list(model.named_parameters()) + [
        (name, buffer) for name, buffer in model.named_buffers() if name in model.state_dict(keep_vars=True)
    ]
    for name, tensor in named:
        if tensor.is_floating_point() and tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all()):
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            tensor.data += 0.1 * torch.randn(tensor.shape, generator=generator).to(tensor.dtype)


def build(name: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The unsplit model of a family or variant with seeded random weights, in eval mode."""
    torch.manual_seed(zlib.crc32(name.encode()))
    model = AutoModelForCausalLM.from_config(tiny(name))
    _enliven(model)
    if getattr(model.config.get_text_config(decoder=True), "tie_word_embeddings", False):
        # with tied weights a large embedding makes every model repeat its last token
        model.get_input_embeddings().weight.data *= 0.1
    model.generation_config = GenerationConfig(pad_token_id=0)  # no end token: tests decode a fixed number of tokens
    return model.to(dtype).eval()


def save(name: str, folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Write the model as a checkpoint folder (safetensors); returns the unsplit model."""
    model = build(name, dtype)
    model.save_pretrained(folder)
    config = tiny(name)
    if type(config) is not type(model.config):  # the published checkpoints describe more than the text model
        config.save_pretrained(folder)
    return model


def save_without_weights(name: str, folder: Path) -> None:
    """A checkpoint folder with a true config and a tensor that belongs to nothing, for models that cannot be built."""
    tiny(name).save_pretrained(folder)
    save_file({"nothing": torch.zeros(1)}, folder / "model.safetensors")


def everything() -> list[str]:
    """All families and variants, sorted."""
    return sorted([*decoder_types(), *VARIANTS])
