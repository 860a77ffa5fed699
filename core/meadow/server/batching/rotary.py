"""Rotary embeddings that look at the longest position of a call: in a packed row they are asked once per session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from meadow.server.span import Span


def length_dependent(span: Span) -> list[nn.Module]:
    """The rotary modules of a model whose frequencies depend on how long the sequence is (dynamic NTK, longrope).

    Found by what they are set to: transformers keeps the kind of scaling in ``rope_type``, in some families one for
    each kind of block.
    """
    found = []
    for module in span.model.modules():
        kinds = getattr(module, "rope_type", None)
        words = kinds.values() if isinstance(kinds, dict) else (kinds,)
        if any(word in ("dynamic", "longrope") for word in words):
            found.append(module)
    return found


@contextmanager
def each_session(modules: Sequence[nn.Module], counts: Sequence[int]) -> Iterator[None]:
    """Inside, these modules see the positions of one session at a time; ``counts`` are positions of each session."""
    for module in modules:
        module.forward = _divided(module.forward, list(counts))  # type: ignore[method-assign]
    try:
        yield
    finally:
        for module in modules:
            del module.forward


def _divided(stock: Any, counts: list[int]) -> Any:
    def forward(hidden: torch.Tensor, position_ids: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        outputs = [stock(hidden, part, *args, **kwargs) for part in position_ids.split(counts, dim=-1)]
        if isinstance(outputs[0], torch.Tensor):
            return torch.cat(outputs, dim=1)
        return tuple(torch.cat(parts, dim=1) for parts in zip(*outputs, strict=True))

    return forward
