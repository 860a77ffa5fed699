"""Where the decoder blocks of a causal LM live, and what a block looks like from outside.

Nothing here knows a family by name: the facts are read from the model built on the meta device and from the source of
its block class.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import DynamicCache, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from meadow.errors import UnsupportedModel

# A list of sub-modules with the right length that is not the decoder: towers of other modalities, experts, MTP heads.
_FOREIGN = ("vision", "audio", "experts", "mtp", "encoder")
# When several lists are equally deep, the usual names of the decoder's blocks win.
_USUAL_NAMES = ("layers", "h", "blocks", "block")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the blocks are.

    ``decoder`` is the dotted path of the module whose forward loops over the blocks ("" for the model itself),
    ``blocks`` the dotted path of the ModuleList. A block owns ``slots_per_block`` consecutive layers of a KV cache
    (two in LongCat, one everywhere else).
    """

    decoder: str
    blocks: str
    num_blocks: int
    slots_per_block: int


def causal_lm_class(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The stock ``*ForCausalLM`` class for this config.

    :raises UnsupportedModel: transformers has no causal LM for this kind of config.
    """
    try:
        found = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    except KeyError:
        raise UnsupportedModel(
            f"A model of type {config.model_type!r} has no causal language model in transformers; "
            "choose a decoder-only text model."
        ) from None
    return found[0] if isinstance(found, list | tuple) else found


def own_config(cls: type[PreTrainedModel], config: PreTrainedConfig) -> PreTrainedConfig:
    """The config that ``cls`` is built from: the text model's, where the checkpoint describes other modalities too."""
    text = config.sub_configs.get("text_config")
    return config.get_text_config() if text is not None and cls.config_class is text else config


def find_layout(model: PreTrainedModel) -> Layout:
    """Find the ModuleList of decoder blocks: its length is the config's number of layers, and it is the shallowest.

    :raises UnsupportedModel: there is no such list (a recurrent stack, an encoder, ...).
    """
    config = model.config.get_text_config(decoder=True)
    # LongCat counts two attention slots per module in num_hidden_layers, and modules in num_layers.
    for count in (getattr(config, name, None) for name in ("num_hidden_layers", "n_layer", "num_layers")):
        lists = [
            (name, len(module))
            for name, module in model.named_modules()
            if isinstance(module, nn.ModuleList) and len(module) == count and not any(word in name for word in _FOREIGN)
        ]
        if not lists:
            continue
        path, length = min(lists, key=lambda found: _preference(found[0]))
        slots = len(DynamicCache(config=config).layers)
        if slots % length:
            raise UnsupportedModel(
                f"{type(model).__name__} keeps {slots} cache layers for {length} blocks; Meadow cannot tell which "
                "belong to which block, so it cannot be split."
            )
        return Layout(path.rpartition(".")[0], path, length, max(1, slots // length))
    raise UnsupportedModel(
        f"{type(model).__name__} has no list of decoder blocks as long as its number of layers, so it cannot be split."
    )


def _preference(path: str) -> tuple[int, int]:
    last = path.rpartition(".")[2]
    return path.count("."), _USUAL_NAMES.index(last) if last in _USUAL_NAMES else len(_USUAL_NAMES)


def indivisible_ranges(config: PreTrainedConfig, num_blocks: int) -> list[tuple[int, int]]:
    """Ranges ``[start, end)`` of blocks that must stay on one server, because later blocks read the keys and values
    that an earlier one computed in the same pass (Gemma 3n, Gemma 4 E models, ...)."""
    config = config.get_text_config(decoder=True)
    modes = getattr(config, "kv_sharing_modes", None)
    if not modes or not any(modes):
        return []
    sources = getattr(config, "kv_source_layers", None)
    if sources:
        spans = [(int(source), reader + 1) for reader, source in enumerate(sources) if source != reader]
    else:
        users = [index for index, mode in enumerate(modes) if mode is not None]
        spans = [(users[0], users[-1] + 1)]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return [(start, min(end, num_blocks)) for start, end in merged]


def check_span(config: PreTrainedConfig, num_blocks: int, start: int, end: int) -> None:
    """Say no to a span that this model does not allow.

    :raises UnsupportedModel: outside the model, empty, or cutting through blocks that share a cache.
    """
    if not 0 <= start < end <= num_blocks:
        raise UnsupportedModel(
            f"Blocks {start}:{end} do not exist: this model has {num_blocks} blocks, numbered 0 to {num_blocks - 1}; "
            f"choose a range inside 0:{num_blocks}."
        )
    for first, last in indivisible_ranges(config, num_blocks):
        inside = first <= start and end <= last
        if (first < start < last) or (first < end < last) or (inside and (start, end) != (first, last)):
            raise UnsupportedModel(
                f"Blocks {first}:{last} of this model share keys and values, so one server must hold all of them; "
                f"{start}:{end} would cut through."
            )


@functools.cache
def tuple_arity(block_class: Any) -> int:
    """How many elements the tuple has that a block's forward returns; 0 when it returns the bare tensor.

    Read from the source: the client's blocks are never run, so their output cannot be looked at.
    """
    forward = inspect.unwrap(block_class.forward)
    tree = ast.parse(textwrap.dedent(inspect.getsource(forward)))
    tuples: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            tuples.update({t.id: len(node.value.elts) for t in node.targets if isinstance(t, ast.Name)})
    for node in ast.walk(tree):
        if isinstance(node, ast.Return):
            if isinstance(node.value, ast.Tuple):
                return len(node.value.elts)
            if isinstance(node.value, ast.Name) and node.value.id in tuples:
                return tuples[node.value.id]
    return 0


@functools.cache
def argument_names(module_class: Any) -> tuple[str, ...]:
    """Names of the positional parameters of a module's undecorated forward, without ``self``."""
    return tuple(inspect.signature(inspect.unwrap(module_class.forward)).parameters)[1:]
