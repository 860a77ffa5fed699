"""A config.json is checked here before transformers sees it.

The file decides which code runs and how much memory it asks for, and it may come from a stranger. So: a bounded file, a
known decoder family, only keys that the family's own config class understands, values of the declared types within sane
bounds; then that class itself is called, never ``AutoConfig``. Keys nobody knows are dropped, as transformers would
ignore them too; anything that names code (``auto_map``, attention or expert plug-ins) is dropped; a value that cannot
be right is refused.
"""

from __future__ import annotations

import json
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Final

import torch
from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from meadow.errors import DamagedCheckpoint, UnsupportedModel
from meadow.models.config_schema import Schema, schema_of

MAX_CONFIG_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 10
DTYPE_NAMES: Final = frozenset({"float32", "bfloat16", "float16", "float64"})

# Bounds by the words in a key, whatever the family: far above any real model, far below what would keep this machine
# busy for minutes while the empty model is built. The first pattern that matches counts; others are only bounded as
# numbers.
_BOUNDS: Final = (
    (re.compile(r"vocab"), 1 << 27),
    (re.compile(r"(^|_)(layers?|blocks)($|_)"), 1 << 12),
    (re.compile(r"(^|_)(heads?|experts?|groups?)$"), 1 << 16),
    (re.compile(r"(^|_)(hidden|embd|embed|inner|ffn|intermediate|d_model|head_dim|dim|rank|width)($|_)"), 1 << 22),
    (re.compile(r"(^|_)(size|kernel)($|_)"), 1 << 27),
    (re.compile(r"position|length|window|n_ctx|context"), 1 << 31),
)
# Counts and sizes cannot be negative (-1 is how several families write "none"); an index may count from the end.
_COUNT: Final = re.compile(r"^(num|n)_|vocab|hidden|embd|intermediate|(size|dim|width|rank|heads|experts|kernel)$")
_ANY_NUMBER: Final = 1 << 53
_LARGEST_FLOAT: Final = 1e38  # float32: what every bound and penalty in a config ends up in


def load_config(raw: bytes) -> PreTrainedConfig:
    """The config of a decoder-only causal LM from the bytes of its config.json.

    Raises UnsupportedModel for a model that this version cannot run, DamagedCheckpoint for a file that cannot be right.
    """
    return build_config(parse_config(raw))


def parse_config(raw: bytes) -> dict[str, Any]:
    """The file as a dictionary of bounded size. Raises DamagedCheckpoint."""
    if len(raw) > MAX_CONFIG_BYTES:
        raise _bad(f"it has {len(raw)} bytes, more than any real one")
    try:
        parsed = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _bad("it is not readable JSON") from None
    if not isinstance(parsed, dict):
        raise _bad("it is not a table of settings")
    return parsed


def build_config(raw: Mapping[str, Any]) -> PreTrainedConfig:
    """The family's own config object from a parsed config.json. Raises as ``load_config``."""
    family = family_of(raw)
    clean = clean_config(raw, family)
    try:
        # The class runs its own code over the values, which may stumble over absurd ones in any way it likes.
        config = family(**clean)
    except Exception as error:
        raise _bad(
            f"its values do not fit together for a {family.model_type} model ({type(error).__name__})"
        ) from error
    _check_decoder(config)
    return config


def _check_decoder(config: PreTrainedConfig) -> None:
    """Refuse encoders, also those that could be switched to decode, and models without blocks."""
    two_ways = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)
    if config.is_encoder_decoder or two_ways:
        raise UnsupportedModel(
            f"A {config.model_type} model reads its text in both directions (it has an encoder); "
            "only decoder-only language models can be split."
        )
    text = config.get_text_config(decoder=True)
    for key in ("num_hidden_layers", "hidden_size", "vocab_size"):
        value = getattr(text, key, None)
        if isinstance(value, int) and value < 1:
            raise _bad(f"'{key}' is {value}")


def family_of(raw: Mapping[str, Any]) -> type[PreTrainedConfig]:
    """The config class for a parsed config.json. Raises UnsupportedModel with a sentence that says why not."""
    name = raw.get("model_type")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        raise UnsupportedModel("The config.json does not name a model type, so nothing is known about this model.")
    if name not in CONFIG_MAPPING:
        raise UnsupportedModel(
            f"The model type {name} is not known to this version. Models that bring their own code are never run; "
            "a newer Meadow may know this family."
        )
    classes = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(name)
    if classes is None:
        raise UnsupportedModel(f"A {name} model is not a causal language model; choose one that generates text.")
    model_class = classes if isinstance(classes, str) else classes[0]
    if model_class.endswith("ForConditionalGeneration"):
        raise UnsupportedModel(
            f"A {name} model wraps a language model together with other parts (images, sound). Only text models can be "
            "split; look for the text-only version of this model."
        )
    if raw.get("quantization_config") is not None:
        raise UnsupportedModel(
            "The weights of this model are stored quantised, which this version cannot split exactly. "
            "Look for the same model in float32, bfloat16 or float16."
        )
    family: type[PreTrainedConfig] = CONFIG_MAPPING[name]
    return family


def clean_config(raw: Mapping[str, Any], family: type[PreTrainedConfig], depth: int = 0) -> dict[str, Any]:
    """Only what ``family`` understands, under the names it uses, type-checked and bounded. Raises DamagedCheckpoint."""
    if depth > MAX_DEPTH:
        raise _bad("it is nested too deeply")
    schema = schema_of(family)  # type: ignore[arg-type]  # classes are hashable; the decorators of transformers hide it
    clean: dict[str, Any] = {}
    for key, value in raw.items():
        if key == "dtype" or key == "torch_dtype":
            if isinstance(value, str) and value in DTYPE_NAMES:
                clean.setdefault("dtype", value)
        elif key in schema.nested and isinstance(value, dict):
            clean[key] = clean_config(value, schema.nested[key], depth + 1)
        elif key == "per_layer_config" and value is not None:
            clean[key] = _clean_layers(value, family, depth + 1)
        elif key in schema.fields:
            clean[key] = _checked(key, value, schema.fields[key])
        elif key in schema.aliases:
            field = schema.aliases[key]
            clean[key] = _checked(key, value, schema.fields.get(field, Any))
        elif key in schema.written:
            clean[key] = _checked(key, value, _kind_of_default(schema, key))
        elif key in schema.legacy:
            clean[key] = _checked(key, value, Any)
    return clean


def _clean_layers(value: Any, family: type[PreTrainedConfig], depth: int) -> dict[str, dict[str, Any]]:
    """Overrides of single layers: index -> a few of the same settings."""
    if not isinstance(value, dict) or len(value) > 1 << 12:
        raise _bad("per_layer_config is not a table of layers")
    clean = {}
    for index, overrides in value.items():
        if not re.fullmatch(r"[0-9]{1,4}", index) or not isinstance(overrides, dict):
            raise _bad("per_layer_config is not a table of layers")
        clean[index] = clean_config(overrides, family, depth)
    return clean


def _kind_of_default(schema: Schema, key: str) -> Any:
    default = schema.written[key]
    if default is None:
        return Any
    if isinstance(default, int) and not isinstance(default, bool):
        return int | float | None  # a derived number may be either
    return type(default) | None


def _checked(key: str, value: Any, hint: Any) -> Any:
    value = _bounded(key, value, 0, in_list=False)
    fitted = _fit(value, hint)
    if fitted is _WRONG:
        raise _bad(f"'{key}' is not of the type that this family uses")
    return fitted


def _bounded(key: str, value: Any, depth: int, *, in_list: bool) -> Any:
    """Plain JSON within bounds; the tagged form that transformers uses for infinity becomes a float again."""
    if depth > MAX_DEPTH:
        raise _bad(f"'{key}' is nested too deeply")
    if isinstance(value, dict):
        if value == {"__float__": "Infinity"} or value == {"__float__": "-Infinity"}:
            value = float(value["__float__"])
        else:
            return {
                name: _bounded(name if isinstance(name, str) else key, item, depth + 1, in_list=False)
                for name, item in value.items()
                if not name.startswith("_") and not name.endswith("_implementation")
            }
    if isinstance(value, list):
        return [_bounded(key, item, depth + 1, in_list=True) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        _bound_integer(key, value)
    elif isinstance(value, float):
        # "no limit" is written as an infinite end of a [low, high] pair; nowhere else is it a number to compute with.
        if (
            math.isnan(value)
            or (math.isinf(value) and not in_list)
            or (abs(value) > _LARGEST_FLOAT and math.isfinite(value))
        ):
            raise _bad(f"'{key}' is {value}")
    return value


def _bound_integer(key: str, value: int) -> None:
    for pattern, limit in _BOUNDS:
        if pattern.search(key) and not key.endswith("_id"):
            if value > limit or value < (-1 if _COUNT.search(key) else -limit):
                raise _bad(f"'{key}' is {value if abs(value) < _ANY_NUMBER else 'an absurd number'}")
            return
    if abs(value) > _ANY_NUMBER:
        raise _bad(f"'{key}' is an absurd number")


_WRONG: Final = object()


def _fit(value: Any, hint: Any) -> Any:
    """``value`` as the annotation ``hint`` wants it, or _WRONG. An integer is a fine float; nothing else is
    converted.
    """
    origin = typing.get_origin(hint)
    if hint is Any or hint is None and value is None:
        return value
    if origin is typing.Union or origin is types.UnionType:
        return _fit_any(value, typing.get_args(hint))
    if origin is typing.Literal:
        return value if value in typing.get_args(hint) else _WRONG
    if hint is types.NoneType:
        return None if value is None else _WRONG
    if hint is float:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else _WRONG
    if hint is int:
        return value if type(value) is int else _WRONG
    if hint is bool or hint is str:
        return value if isinstance(value, hint) else _WRONG
    if (origin or hint) in (list, tuple):
        return _fit_list(value, [arg for arg in typing.get_args(hint) if arg is not Ellipsis])
    if (origin or hint) is dict or typing.is_typeddict(hint):
        return value if isinstance(value, dict) else _WRONG
    if isinstance(hint, type) and issubclass(hint, PreTrainedConfig):
        return value if isinstance(value, dict) else _WRONG
    if hint is torch.dtype:
        return _WRONG
    return _WRONG


def _fit_list(value: Any, items: list[Any]) -> Any:
    if not isinstance(value, list):
        return _WRONG
    if not items:
        return value
    fitted = [_fit_any(item, items) for item in value]
    return _WRONG if any(item is _WRONG for item in fitted) else fitted


def _fit_any(value: Any, options: Iterable[Any]) -> Any:
    """An exact int comes before a float made of it."""
    ordered = sorted(options, key=lambda option: option is float)
    return next((fit for option in ordered if (fit := _fit(value, option)) is not _WRONG), _WRONG)


def _bad(what: str) -> DamagedCheckpoint:
    return DamagedCheckpoint(
        f"The config.json of this model cannot be used: {what}. Get the model again from its source."
    )
