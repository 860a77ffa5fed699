"""Load one part of a checkpoint: a span of blocks, or what a client holds (embeddings, final norm, head).

A part is the stock ``*ForCausalLM`` with the modules it does not own replaced right after they were built on the meta
device. The ordinary ``from_pretrained`` then does the rest (weight converters, tied weights, dtype plans) with only the
tensors that are left, read through the checkpoint's one counted reader. Blocks keep their original indexes: a config
with fewer layers runs, and gives wrong numbers, for every family whose blocks depend on their index.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key
from transformers.utils import logging as transformers_logging

from meadow.errors import DamagedCheckpoint, UnsupportedModel
from meadow.models.checkpoint import Checkpoint
from meadow.models.layout import Layout, causal_lm_class, check_span, find_layout, own_config
from meadow.models.standin import BlockList, BlockStandIn, StepShape, WeightlessStandIn

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

MakeBlock = Callable[[nn.Module, int], nn.Module]


@dataclass(slots=True)
class Part:
    """A loaded part. ``tensors`` are the names of the checkpoint tensors it owns, ``nbytes`` their size on disk."""

    model: PreTrainedModel
    layout: Layout
    step: StepShape
    tensors: tuple[str, ...]
    nbytes: int

    @property
    def decoder(self) -> nn.Module:
        return self.model.get_submodule(self.layout.decoder)

    @property
    def blocks(self) -> BlockList:
        found = self.model.get_submodule(self.layout.blocks)
        assert isinstance(found, BlockList)
        return found


def default_dtype(config: PreTrainedConfig) -> torch.dtype:
    """The dtype a checkpoint was saved in, if it is one that Meadow computes in; float32 otherwise."""
    dtype = getattr(config, "dtype", None) or getattr(config.get_text_config(decoder=True), "dtype", None)
    return dtype if isinstance(dtype, torch.dtype) and dtype in DTYPES.values() else torch.float32


def layout_of(config: PreTrainedConfig) -> Layout:
    """Find out where the blocks are without reading a single weight."""
    return find_layout(_on_meta(causal_lm_class(config), config, torch.float32))


def on_meta(config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    """The whole stock model with shapes and without memory. Raises UnsupportedModel."""
    return _on_meta(causal_lm_class(config), config, dtype).eval()


def span_tensors(checkpoint: Checkpoint, start: int, end: int) -> list[str]:
    """Names of the checkpoint tensors that blocks ``[start, end)`` need."""
    return _needed(checkpoint, _span_class(checkpoint.config, start, end, StepShape()))


def block_tensors(checkpoint: Checkpoint) -> list[list[str]]:
    """Names of the checkpoint tensors that each single block needs."""
    layout = layout_of(checkpoint.config)
    names: list[list[str]] = [[] for _ in range(layout.num_blocks)]
    for name, place in _places(checkpoint, _span_class(checkpoint.config, 0, layout.num_blocks, StepShape())).items():
        names[int(place.removeprefix(f"{layout.blocks}.").partition(".")[0])].append(name)
    return names


def client_tensors(checkpoint: Checkpoint) -> list[str]:
    """Names of the checkpoint tensors that a client needs: everything but the blocks."""
    return _needed(checkpoint, _client_class(checkpoint.config, BlockStandIn))


def load_span(
    checkpoint: Checkpoint,
    start: int,
    end: int,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[Any], None] | None = None,
    cancel: threading.Event | None = None,
) -> Part:
    """Load blocks ``[start, end)``; everything else of the model is a stand-in without weights.

    :raises UnsupportedModel: the architecture cannot be split, or not there.
    :raises DamagedCheckpoint: tensors are missing or malformed.
    """
    num_blocks = layout_of(checkpoint.config).num_blocks
    check_span(checkpoint.config, num_blocks, start, end)
    step = StepShape()
    cls = _span_class(checkpoint.config, start, end, step)
    return _load(checkpoint, cls, step, dtype, device, progress, cancel)


def load_client(
    checkpoint: Checkpoint,
    make_block: MakeBlock,
    *,
    mixin: type | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[Any], None] | None = None,
    cancel: threading.Event | None = None,
) -> Part:
    """Load embeddings, final norm and head; ``make_block(original_on_meta, index)`` fills the places of the blocks.

    ``mixin`` is put before the stock class, so that its methods win.
    """
    cls = _client_class(checkpoint.config, make_block, mixin)
    return _load(checkpoint, cls, StepShape(), dtype, device, progress, cancel)


# ---------------------------------------------------------------------------------------------------------------------


def _pruned(
    stock: type[PreTrainedModel], prune: Callable[[PreTrainedModel], None], mixin: type | None = None
) -> type[PreTrainedModel]:
    """A subclass of the stock class that drops modules as soon as they were built.

    Name and module stay those of the stock class: transformers decides by them which weight converters apply.
    """

    def __init__(self: PreTrainedModel, config: PreTrainedConfig, *args: Any, **kwargs: Any) -> None:
        stock.__init__(self, config, *args, **kwargs)
        prune(self)

    bases = (mixin, stock) if mixin else (stock,)
    body = {"__init__": __init__, "__module__": stock.__module__, "__qualname__": stock.__qualname__}
    return type(stock.__name__, bases, body)


def _span_class(config: PreTrainedConfig, start: int, end: int, step: StepShape) -> type[PreTrainedModel]:
    def prune(model: PreTrainedModel) -> None:
        blocks = _replace_blocks(model, lambda block, i: block if start <= i < end else BlockStandIn(block, i))
        owned = {id(m) for index in range(start, end) for m in blocks[index].modules()}
        for path, module in list(model.named_modules()):
            if id(module) in owned or isinstance(module, PreTrainedModel) or not path:
                continue
            if any(p is not None for p in module._parameters.values()):
                parent, _, name = path.rpartition(".")
                setattr(model.get_submodule(parent), name, WeightlessStandIn(module, step))
        # Nothing that is left is tied to anything.
        model._tied_weights_keys = {}  # type: ignore[assignment]
        model.all_tied_weights_keys = {}  # type: ignore[assignment]

    return _pruned(causal_lm_class(config), prune)


def _client_class(config: PreTrainedConfig, make_block: MakeBlock, mixin: type | None = None) -> type[PreTrainedModel]:
    def prune(model: PreTrainedModel) -> None:
        _replace_blocks(model, make_block)

    return _pruned(causal_lm_class(config), prune, mixin)


def _replace_blocks(model: PreTrainedModel, make_block: MakeBlock) -> BlockList:
    layout = find_layout(model)
    _check_own_weights(model, layout)
    old = model.get_submodule(layout.blocks)
    new = BlockList(make_block(block, index) for index, block in enumerate(old))
    parent, _, name = layout.blocks.rpartition(".")
    setattr(model.get_submodule(parent), name, new)
    model._meadow_layout = layout  # type: ignore[assignment]
    return new


def _check_own_weights(model: PreTrainedModel, layout: Layout) -> None:
    """A tensor that is tied to one of another block is in no checkpoint under its own name."""
    depth = layout.blocks.count(".") + 2  # up to the number of the block

    def block_of(name: str) -> str | None:
        return ".".join(name.split(".")[:depth]) if name.startswith(f"{layout.blocks}.") else None

    for tensor, source in (model.all_tied_weights_keys or {}).items():
        if block_of(tensor) and block_of(source) and block_of(tensor) != block_of(source):
            raise UnsupportedModel(
                f"Several blocks of {type(model).__name__} share the same weights, so they cannot be given to "
                "different servers."
            )


def _on_meta(cls: type[PreTrainedModel], config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    """Build a model without memory. The config is copied: constructors write to it."""
    try:
        with torch.device("meta"), _quiet():
            return cls._from_config(copy.deepcopy(own_config(cls, config)), dtype=dtype)
    except (AttributeError, TypeError, KeyError, IndexError, ValueError, RuntimeError, ImportError) as error:
        # A package that a tower of another modality needs, or settings that contradict each other.
        raise UnsupportedModel(
            f"Transformers cannot build a {cls.__name__} from this model's config.json here ({type(error).__name__}); "
            "choose another model, or a text-only version of this one."
        ) from error


def _needed(checkpoint: Checkpoint, cls: type[PreTrainedModel]) -> list[str]:
    """The checkpoint names that end up in this part."""
    return list(_places(checkpoint, cls))


def _places(checkpoint: Checkpoint, cls: type[PreTrainedModel]) -> dict[str, str]:
    """Which checkpoint name ends up under which name of this part, as transformers' loader renames them."""
    model = _on_meta(cls, checkpoint.config, torch.float32)
    mapping = get_model_conversion_mapping(model)
    renamings = [entry for entry in mapping if isinstance(entry, WeightRenaming)]
    converters = [entry for entry in mapping if isinstance(entry, WeightConverter)]
    state = model.state_dict()
    prefix = model.base_model_prefix
    places = {}
    for name in checkpoint.tensors:
        renamed, _ = rename_source_key(name, renamings, converters, prefix, state)
        if renamed not in state:
            renamed, _ = rename_source_key(name, [], [], prefix, state)
        if renamed in state:
            places[name] = renamed
    return places


def _load(
    checkpoint: Checkpoint,
    cls: type[PreTrainedModel],
    step: StepShape,
    dtype: torch.dtype | None,
    device: torch.device | str,
    progress: Callable[[Any], None] | None,
    cancel: threading.Event | None,
) -> Part:
    dtype = dtype or default_dtype(checkpoint.config)
    names = _needed(checkpoint, cls)
    checkpoint.fetch(names, progress=progress, cancel=cancel)
    with _quiet():
        try:
            model, report = cls.from_pretrained(
                None,
                config=own_config(cls, checkpoint.config),
                state_dict=checkpoint.read(names),
                dtype=dtype,
                output_loading_info=True,
            )
        except (RuntimeError, ValueError) as error:
            # transformers reports shape mismatches and failed conversions this way.
            raise DamagedCheckpoint(
                f"The weights of {checkpoint.name} do not fit its config.json; download the model again."
            ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise DamagedCheckpoint(
            f"{checkpoint.name} lacks {len(missing)} tensors that this part needs, among them {missing[0]}; "
            "download the model again, or choose another one."
        )
    if report["mismatched_keys"]:
        raise DamagedCheckpoint(
            f"Tensors of {checkpoint.name} have other shapes than its config.json says; download the model again."
        )
    model.to(device)
    # requires_grad stays as from_pretrained leaves it: torch.matmul folds batches by it, which shows in the last bits.
    step.dtype = dtype
    nbytes = sum(checkpoint.tensors[name].end - checkpoint.tensors[name].start for name in names)
    return Part(model, model._meadow_layout, step, tuple(names), nbytes)


@contextmanager
def _quiet():  # type: ignore[no-untyped-def]
    """Hold back transformers' own progress bar and loading report: a part always lacks the rest of the model."""
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    logger = logging.getLogger("transformers")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)
        yield
    finally:
        logger.setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()
