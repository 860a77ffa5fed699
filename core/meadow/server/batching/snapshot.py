"""The state of a cache before a pass, to put back when the pass fails or was only a check.

Cache layers over growing buffers write behind what they hold and never into it, so the old views stay what they were
and nothing of them is copied. States of linear attention, convolutions and recurrences are written over in place; they
are copied, which is as much traffic again as a step makes with them, and little beside the weights. The self-test
proves for each family that what is put back is exact.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import LinearAttentionCacheLayerMixin

from meadow.server.cache import Buffer, SpanCache

_FIELDS = ("length", "mask", "module_state", "_since_crop")


class Saved:
    """What a cache held when this was made; :meth:`restore` puts it back, as often as wanted."""

    def __init__(self, cache: SpanCache) -> None:
        self._cache = cache
        self._fields = {name: getattr(cache, name) for name in _FIELDS}
        self._layers = [
            {name: _kept(value, _in_place(layer)) for name, value in vars(layer).items()} for layer in cache.owned
        ]

    def restore(self) -> None:
        """Make the cache what it was."""
        for name, value in self._fields.items():
            setattr(self._cache, name, value)
        for layer, kept in zip(self._cache.owned, self._layers, strict=True):
            state = vars(layer)
            for name in [name for name in state if name not in kept]:
                del state[name]
            for name, value in kept.items():
                state[name] = value.again() if isinstance(value, _KeptBuffer) else _kept(value, _in_place(layer))


class _KeptBuffer:
    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._state = buffer.tensor, buffer.view, buffer.start

    def again(self) -> Buffer:
        self._buffer.tensor, self._buffer.view, self._buffer.start = self._state
        return self._buffer


def _in_place(layer: Any) -> bool:
    """Whether a step writes over states of this layer instead of making new ones."""
    return isinstance(layer, LinearAttentionCacheLayerMixin)


def _kept(value: Any, in_place: bool) -> Any:
    if isinstance(value, Buffer):
        return _KeptBuffer(value)
    if isinstance(value, dict):
        # In a dict are the states; keys and values, which the same layer may have as well, grow.
        return {k: v.clone() if in_place and isinstance(v, torch.Tensor) else v for k, v in value.items()}
    return list(value) if isinstance(value, list) else value
