"""The state of a cache before a pass, to put back when the pass fails or was only a check.

Nothing is copied: cache layers over growing buffers write behind what they hold and never into it, so the old views
stay what they were. The self-test proves for each family that what is put back is exact.
"""

from __future__ import annotations

from typing import Any

from meadow.server.cache import Buffer, SpanCache

_FIELDS = ("length", "mask", "module_state", "_since_crop")


class Saved:
    """What a cache held when this was made; :meth:`restore` puts it back, as often as wanted."""

    def __init__(self, cache: SpanCache) -> None:
        self._cache = cache
        self._fields = {name: getattr(cache, name) for name in _FIELDS}
        self._layers = [{name: _kept(value) for name, value in vars(layer).items()} for layer in cache.owned]

    def restore(self) -> None:
        """Make the cache what it was."""
        for name, value in self._fields.items():
            setattr(self._cache, name, value)
        for layer, kept in zip(self._cache.owned, self._layers, strict=True):
            state = vars(layer)
            for name in [name for name in state if name not in kept]:
                del state[name]
            for name, value in kept.items():
                state[name] = value.again() if isinstance(value, _KeptBuffer) else _kept(value)


class _KeptBuffer:
    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._state = buffer.tensor, buffer.view, buffer.start

    def again(self) -> Buffer:
        self._buffer.tensor, self._buffer.view, self._buffer.start = self._state
        return self._buffer


def _kept(value: Any) -> Any:
    if isinstance(value, Buffer):
        return _KeptBuffer(value)
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, list) else value
