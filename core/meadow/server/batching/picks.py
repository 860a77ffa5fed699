"""Whether a model picks the positions that it attends to by a score (indexers of sparse attention, top-k masks).

Such a pick jumps: two positions of nearly, or exactly, the same score change places when their scores round
differently, and the result is then another one altogether. Products of other shapes do round differently, so what such
a model gives alone, no pass with other sessions is sure to give. It is found by watching: a model that chooses among
positions chooses among more of them in a longer session, one that chooses among experts does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.overrides import TorchFunctionMode

_ORDERING = frozenset(("topk", "sort", "argsort", "msort", "kthvalue", "argmax", "argmin"))


class _Watch(TorchFunctionMode):
    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        super().__init__()
        self._shapes = shapes

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in _ORDERING:
            self._shapes.append(tuple((args[0] if args else kwargs["input"]).shape))
        return func(*args, **kwargs or {})


@contextmanager
def picks() -> Iterator[list[tuple[int, ...]]]:
    """Inside, the shape of each tensor whose elements are put in order or picked from is written down, in order.

    The whole shape, not only the axis that is picked along: block-wise indexers count positions along another one.
    """
    shapes: list[tuple[int, ...]] = []
    with _Watch(shapes):
        yield shapes
