"""What a config.json of one family may hold, read off the family's own code.

Nothing here names a family. The keys are the class's dataclass fields, its aliases, whatever an instance with default
values writes out, and the legacy keys that the class's own ``__post_init__`` still understands; the types are its
annotations.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from transformers import PreTrainedConfig

# Attributes of a config that choose code rather than numbers, or that only describe where it came from. They are set
# by whoever loads the model, never by the file: an attention plug-in named in a config.json has been used to run
# foreign code.
CODE_KEYS: Final = frozenset(
    {
        "auto_map",
        "custom_pipelines",
        "configuration_files",
        "name_or_path",
        "attn_implementation",
        "experts_implementation",
        "transformers_weights",
        "output_attentions",
        "transformers_version",
        "model_type",
    }
)


# Code that all families share and that reads settings too.
_SHARED: Final = ("modeling_rope_utils", "cache_utils", "masking_utils")
_LOOKED_FOR: Final = re.compile(r"""(?:getattr|hasattr)\(\s*[\w.]*config\s*,\s*["'](\w+)["']""")


@dataclass(frozen=True)
class Schema:
    """Keys that one config class understands."""

    fields: Mapping[str, Any]  # name -> annotation
    aliases: Mapping[str, str]  # other spelling -> field
    written: Mapping[str, Any]  # further attributes of a default instance -> their default value
    legacy: frozenset[str]  # read by the class's or the model's own code, with no declared type
    nested: Mapping[str, type[PreTrainedConfig]]  # field -> class of the config inside it


@functools.cache
def schema_of(family: type[PreTrainedConfig]) -> Schema:
    """The schema of a config class of transformers."""
    # transformers imports torch for type checkers only, and says torch.dtype in its annotations.
    hints = typing.get_type_hints(family, localns={"torch": torch})
    declared = {field.name: hints.get(field.name, Any) for field in dataclasses.fields(family) if _data_key(field.name)}
    nested = {name: found for name, hint in declared.items() if (found := _config_inside(hint)) is not None}
    for name, spec in family.sub_configs_defaults.items():
        if issubclass(spec.config_class, PreTrainedConfig):  # else AutoConfig: decided by the values, so not kept
            nested[name] = spec.config_class
    written = _default_attributes(family)
    legacy = frozenset(
        name for name in (*_post_init_names(family), *_names_read_by_model(family)) if _may_set(family, name)
    )
    return Schema(
        fields=declared,
        aliases={old: new for old, new in family.attribute_map.items() if _data_key(old)},
        written={name: value for name, value in written.items() if name not in declared},
        legacy=legacy - declared.keys(),
        nested=nested,
    )


def _data_key(name: str) -> bool:
    return name not in CODE_KEYS and not name.startswith("_") and not name.endswith("_implementation")


def _config_inside(hint: Any) -> type[PreTrainedConfig] | None:
    for part in (hint, *typing.get_args(hint)):
        if isinstance(part, type) and issubclass(part, PreTrainedConfig) and part is not PreTrainedConfig:
            return part
    return None


def _default_attributes(family: type[PreTrainedConfig]) -> dict[str, Any]:
    """What ``save_pretrained`` of a default instance writes beside the fields: values that the class derives itself."""
    try:
        written = family().to_dict()
    except Exception:  # a few classes reject their own defaults, each with an error of its own: nothing is derived then
        return {}
    base = PreTrainedConfig().to_dict().keys()
    # A private name that a class of its own writes (gemma3's window pattern) is data; the base class's ones are not.
    return {
        name: value
        for name, value in written.items()
        if name not in base and name not in CODE_KEYS and not name.endswith(("_implementation", "_internal"))
    }


def _post_init_names(family: type[PreTrainedConfig]) -> Iterator[str]:
    for parent in family.__mro__:
        for method in ("__post_init__", "convert_rope_params_to_dict"):
            code = getattr(parent.__dict__.get(method), "__code__", None)
            if isinstance(code, types.CodeType):
                yield from _strings(code.co_consts)


def _names_read_by_model(family: type[PreTrainedConfig]) -> Iterator[str]:
    """Settings that no class declares but the model's code looks for, as in ``getattr(config, "head_dim", None)``.

    Dropping them would make a model compute something else than plain transformers does (bamba, olmoe, phimoe ...).
    """
    own = Path(inspect.getfile(family)).parent.glob("modeling_*.py")
    for source in (*own, *_shared_sources()):
        yield from _LOOKED_FOR.findall(_text(source))


@functools.cache
def _shared_sources() -> tuple[Path, ...]:
    # Found, not imported: masking_utils brings the compiler with it, which takes seconds.
    specs = [importlib.util.find_spec(f"transformers.{name}") for name in _SHARED]
    return tuple(Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None)


@functools.cache
def _text(source: Path) -> str:
    return source.read_text("utf-8")


def _strings(constants: tuple[Any, ...]) -> Iterator[str]:
    for constant in constants:
        if isinstance(constant, str) and constant.isidentifier():
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from _strings(tuple(constant))
        elif isinstance(constant, types.CodeType):
            yield from _strings(constant.co_consts)


def _may_set(family: type[PreTrainedConfig], name: str) -> bool:
    """A name that the file may set although no field declares it: never one that hides a method of the class."""
    if not _data_key(name):
        return False
    existing = getattr(family, name, None)
    return existing is None or (isinstance(existing, property) and existing.fset is not None)
