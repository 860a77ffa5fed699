"""Modules that stand where a part of the model is not: they have the shape of the original and none of its weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from meadow.models.layout import argument_names, tuple_arity

FAILURES = (AttributeError, TypeError, KeyError, IndexError, ValueError, RuntimeError, AssertionError)
"""What a model raises that is given something it was not made for."""

# Arguments of blocks that a server recomputes itself from positions, mask and cache. Every other tensor that a block
# receives is made by the client and travels with the step.
RECOMPUTED = frozenset(
    (
        "attention_mask",
        "position_ids",
        "past_key_values",
        "past_key_value",
        "layer_past",
        "use_cache",
        "cache_position",
        "position_embeddings",
        "position_embeddings_global",
        "position_embeddings_local",
        "output_attentions",
        "head_mask",
        "cache_params",
        "padding_mask",
        "causal_mask",
        "linear_attention_mask",
        "alibi",
        "position_bias",
        "rotary_emb",
    )
)


class BlockStandIn(nn.Module):
    """Stands where a decoder block was.

    Models look at plain attributes of their blocks (``attention_type``, ``layer_idx``, ``self_attn.is_sliding``), so
    unknown attributes fall through to the original, which stays on the meta device and holds no memory.
    """

    def __init__(self, original: nn.Module, index: int) -> None:
        super().__init__()
        object.__setattr__(self, "original", original)  # not a sub-module: its (meta) parameters must stay invisible
        self.index = index
        kind: Any = type(original)
        self.arity = tuple_arity(kind)
        self.names = argument_names(kind)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["original"], name)

    def hidden(self, args: tuple, kwargs: dict) -> torch.Tensor:
        """The hidden states among a block's arguments: the first positional one, whatever it is called."""
        if args:
            return args[0]
        return kwargs[self.names[0]] if self.names[0] in kwargs else kwargs["hidden_states"]

    def wrap(self, hidden: torch.Tensor) -> torch.Tensor | tuple:
        """``hidden`` in the form in which the original block would have returned it."""
        return (hidden,) + (None,) * (self.arity - 1) if self.arity else hidden


def untouched(hidden: torch.Tensor, before: torch.Tensor) -> bool:
    """Whether a decoder handed on what it got: the same tensor, or a slice of it that happens to be all of it."""
    return hidden is before or (
        hidden.data_ptr() == before.data_ptr()
        and hidden.shape == before.shape
        and hidden.stride() == before.stride()
        and hidden.dtype == before.dtype
    )


@dataclass(slots=True)
class StepShape:
    """What the stand-ins of one model must imitate at the moment: rows and positions of the step, and the dtype."""

    rows: int = 1
    length: int = 1
    dtype: torch.dtype = torch.float32


class WeightlessStandIn(nn.Module):
    """Stands where a module with parameters was that this part does not own (embeddings, norms, heads, projections).

    Its output has the right shape and dtype and no meaning: on a server the real hidden states are put in later.
    """

    def __init__(self, original: nn.Module, step: StepShape) -> None:
        super().__init__()
        object.__setattr__(self, "original", original)
        object.__setattr__(self, "step", step)
        weight = getattr(original, "weight", None)
        if isinstance(weight, torch.Tensor):
            # A one-element stand-in with the right shape: some models read embed_tokens.weight.device or .dtype.
            shown = torch.zeros((), device="cpu", dtype=torch.float32).expand(weight.shape)
            shown._is_hf_initialized = True  # type: ignore[attr-defined]  # keeps transformers from initialising it
            self.__dict__["weight"] = shown

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["original"], name)

    def forward(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        given = args[0] if args else next(v for v in kwargs.values() if isinstance(v, torch.Tensor))
        original = self.__dict__["original"]
        if isinstance(original, nn.Embedding):
            step: StepShape = self.__dict__["step"]
            # Token ids have the step's shape. Whatever else is looked up (positions counted from a mask that is longer
            # than the step, say) is added to the token embeddings, so one broadcast row will do.
            is_tokens = tuple(given.shape) == (step.rows, step.length) and not given.is_floating_point()
            shape = given.shape if is_tokens else (1, 1)
            return torch.zeros(*shape, original.embedding_dim, device=given.device, dtype=step.dtype)
        if isinstance(original, nn.Linear):
            return given.new_zeros(*given.shape[:-1], original.out_features)
        return given


class BlockList(nn.ModuleList):
    """A ModuleList that is iterated and sliced as a plain list.

    Decoders loop over ``self.layers[: config.num_hidden_layers]``; the stock slice rebuilds a ModuleList on every
    forward, about a microsecond a block.
    """

    _shown: list[Any]

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        nn.Module.__init__(self)
        for index, module in enumerate(modules):
            self.add_module(str(index), module)
        self.show(list(self._modules.values()))

    def show(self, modules: list[Any]) -> None:
        """From now on, iterate over these modules only."""
        object.__setattr__(self, "_shown", modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._shown)

    def __getitem__(self, index: Any) -> Any:
        return self._shown[index]

    def __len__(self) -> int:
        return len(self._shown)
