"""Which modules of the blocks treat every position alike, found by trying, and so can run once for many sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from meadow.models.standin import FAILURES
from meadow.server.span import Span

_POSITIONS = 7
_CUT = 3
_CLOSE = 1e-4  # of the largest output: products of other shapes round differently
_CLOSE_HALF = 2e-2


@dataclass(frozen=True, slots=True, eq=False)
class RowWise:
    """A module with ``f(x[:3]) ++ f(x[3:]) == f(x)`` along ``axis``. ``order``: when it ran, seen from the others."""

    module: nn.Module
    axis: int
    order: int

    def rows(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Positions in these arguments."""
        first = next(value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor))
        return first.shape[self.axis]

    def together(self, calls: Sequence[tuple[tuple[Any, ...], dict[str, Any]]], forward: Any) -> list[Any]:
        """One call of ``forward`` for all these calls; their results, in order."""
        if len(calls) == 1:
            return [forward(*calls[0][0], **calls[0][1])]
        counts = [self.rows(*call) for call in calls]
        args = [self._join([call[0][place] for call in calls]) for place in range(len(calls[0][0]))]
        kwargs = {name: self._join([call[1][name] for call in calls]) for name in calls[0][1]}
        output = forward(*args, **kwargs)
        if isinstance(output, torch.Tensor):
            return list(output.split(counts, self.axis))
        return list(zip(*[one.split(counts, self._axis_of(one)) for one in output], strict=True))

    def _axis_of(self, tensor: torch.Tensor) -> int:
        return self.axis if tensor.ndim > self.axis else 0

    def _join(self, values: list[Any]) -> Any:
        first = values[0]
        if isinstance(first, torch.Tensor):
            return torch.cat(values, self._axis_of(first))
        if any(value != first for value in values):
            raise ValueError("calls with different settings cannot be joined")
        return first


def find(span: Span) -> list[RowWise]:
    """The largest row-wise modules of all blocks of ``span`` that hold weights.

    Raises what the span raises if it cannot take a made-up step.
    """
    seen: dict[nn.Module, tuple[tuple, dict, Any, int]] = {}

    def note(module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
        seen.setdefault(module, (args, kwargs, output, len(seen)))

    hooks = [
        module.register_forward_hook(note, with_kwargs=True)
        for block in span.blocks.values()
        for module in block.modules()
        if module is not block
    ]
    generator = torch.Generator().manual_seed(0)
    cache = span.open(span.start, span.end)
    try:
        hidden = torch.randn(span.hidden_shape(1, _POSITIONS), generator=generator)
        span.step(cache, hidden.to(span.device, span.dtype))
    finally:
        for hook in hooks:
            hook.remove()
        cache.close()
    found: list[RowWise] = []

    def walk(module: nn.Module) -> None:
        for child in module.children():
            one = _tried(child, seen[child]) if child in seen and any(True for _ in child.parameters()) else None
            if one is not None:
                found.append(one)
            else:
                walk(child)

    with torch.inference_mode():
        for block in span.blocks.values():
            walk(block)
    return found


def _tried(module: nn.Module, call: tuple[tuple, dict, Any, int]) -> RowWise | None:
    args, kwargs, output, order = call
    values = [*args, *kwargs.values()]
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    if not tensors or not all(isinstance(v, torch.Tensor | int | float | bool | None) for v in values):
        return None
    first = tensors[0]
    if first.ndim >= 3 and first.shape[0] == 1 and first.shape[1] == _POSITIONS:
        axis = 1
    elif first.shape[:1] == (_POSITIONS,):
        axis = 0
    else:
        return None
    one = RowWise(module, axis, order)
    outputs = output if isinstance(output, tuple) else (output,)
    if not all(isinstance(o, torch.Tensor) for o in outputs):
        return None
    if any(tensor.shape[one._axis_of(tensor)] != _POSITIONS for tensor in (*tensors, *outputs)):
        return None

    def part(low: int, high: int) -> Any:
        def cut(value: Any) -> Any:
            return value.narrow(one._axis_of(value), low, high - low) if isinstance(value, torch.Tensor) else value

        return module(*map(cut, args), **{name: cut(value) for name, value in kwargs.items()})

    try:
        halves = [part(0, _CUT), part(_CUT, _POSITIONS)]
    except FAILURES:
        return None
    for place, whole in enumerate(outputs):
        pieces = [half if isinstance(half, torch.Tensor) else half[place] for half in halves]
        joined = torch.cat(pieces, one._axis_of(whole))
        close = _CLOSE if whole.dtype == torch.float32 else _CLOSE_HALF
        if joined.shape != whole.shape:
            return None
        if not whole.is_floating_point():
            if not torch.equal(joined, whole):
                return None
        elif (joined.float() - whole.float()).abs().max() > close * whole.float().abs().max():
            return None
    return one
