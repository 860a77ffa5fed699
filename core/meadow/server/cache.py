"""The KV cache of one session on one server: stock cache layers over buffers that grow, shadows for foreign blocks."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import (
    CacheLayerMixin,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionCacheLayerMixin,
)

from meadow.errors import ProtocolError
from meadow.models.shadow import Length, shadow

GRANULE = 64  # positions; capacities are multiples of it


class BadStep(ProtocolError):
    """A step or cache operation that does not fit the session. Nothing was changed."""

    code = "bad_step"


def capacity_for(positions: int) -> int:
    """Positions that a buffer holds after it had to grow to ``positions``: half as many again, in whole granules.

    Growing by a factor keeps the copying per token constant; half (rather than double) wastes less memory.
    """
    return -(-(positions + positions // 2) // GRANULE) * GRANULE


class Buffer:
    """One growing tensor ``[rows, heads, capacity, dim]``; a layer's keys or values are a view of its filled part."""

    __slots__ = ("start", "tensor", "view")

    def __init__(self) -> None:
        self.tensor: torch.Tensor | None = None
        self.view: torch.Tensor | None = None  # what was handed out last
        self.start = 0  # where it begins

    def append(self, live: torch.Tensor, new: torch.Tensor, keep: int | None = None) -> torch.Tensor:
        """Write ``new`` behind ``live`` and return the view over both.

        ``live`` is a view of this buffer (cropped or not), or any other tensor, e.g. after a reorder; then, and when
        the buffer is full, it moves. ``keep``: how many of the last positions of ``live`` are worth moving.
        """
        added = new.shape[-2]
        length = live.shape[-2] if live.ndim == 4 else 0
        buffer, start = self.tensor, self._place(live, length)
        if buffer is not None and start is not None and start + length + added <= buffer.shape[2]:
            buffer.narrow(2, start + length, added).copy_(new)
            return self._handed(buffer.narrow(2, start, length + added), start)
        if keep is not None and length > keep:
            live, length = live[:, :, length - keep :], keep
        shape = (new.shape[0], new.shape[1], self._capacity_after(length, added, keep), new.shape[3])
        # What was reordered lies elsewhere: it can come back into the buffer that it was taken from.
        elsewhere = buffer is not None and start is None and tuple(buffer.shape) == shape
        grown = buffer if elsewhere and buffer is not None else new.new_empty(shape)
        if length:
            grown[:, :, :length] = live
        grown[:, :, length : length + added] = new
        self.tensor = grown
        return self._handed(grown.narrow(2, 0, length + added), 0)

    def room_after(self, live: torch.Tensor | None, added: int, keep: int | None) -> int:
        """Positions that the buffer will have room for after ``append`` of ``added`` more."""
        length = live.shape[-2] if live is not None and live.ndim == 4 else 0
        start = self._place(live, length) if live is not None else None
        if self.tensor is not None and start is not None and start + length + added <= self.tensor.shape[2]:
            return self.tensor.shape[2]
        return self._capacity_after(length if keep is None else min(length, keep), added, keep)

    def _place(self, live: torch.Tensor, length: int) -> int | None:
        """Where in the buffer ``live`` begins; None if it is not a view of it. Cropping at either end leaves one."""
        if self.tensor is None or not length:
            return None
        if live is self.view:
            return self.start
        if live.untyped_storage().data_ptr() != self.tensor.untyped_storage().data_ptr():
            return None
        return live.storage_offset() // self.tensor.shape[-1]

    def _capacity_after(self, length: int, added: int, keep: int | None) -> int:
        """Positions of a buffer that is about to move with ``length`` live positions and ``added`` new ones."""
        if keep is not None and length >= keep:
            # A full window slides: room for twice its size, so that it moves once in so many positions.
            return capacity_for(max(length + added, 2 * keep))
        if self.tensor is not None and length + added <= self.tensor.shape[2]:
            return self.tensor.shape[2]
        return capacity_for(length + added)

    def _handed(self, view: torch.Tensor, start: int) -> torch.Tensor:
        self.view, self.start = view, start
        return view


def _grow_full(self: Any, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """``DynamicLayer.update`` without copying the whole cache for every token."""
    if not self.is_initialized:
        self.lazy_initialization(key_states, value_states)
    self.keys = self.key_buffer.append(self.keys, key_states)
    self.values = self.value_buffer.append(self.values, value_states)
    return self.keys, self.values


def _grow_sliding(self: Any, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """``DynamicSlidingWindowLayer.update`` likewise: attention sees the window before the new positions, and them."""
    if not self.is_initialized:
        self.lazy_initialization(key_states, value_states)
    new, window = key_states.shape[-2], self.sliding_window - 1
    self.cumulative_length += new
    keep = None if self.record_past else window
    keys = self.key_buffer.append(self.keys, key_states, keep)
    values = self.value_buffer.append(self.values, value_states, keep)
    if self.record_past:
        self.keys, self.values = keys, values
        return keys[:, :, -(window + new) :], values[:, :, -(window + new) :]
    # -0 would keep everything
    self.keys = keys[:, :, -window:] if window else keys[:, :, keys.shape[2] :]
    self.values = values[:, :, -window:] if window else values[:, :, values.shape[2] :]
    return keys, values


_GROWING = {DynamicLayer.update: _grow_full, DynamicSlidingWindowLayer.update: _grow_sliding}
_growing_classes: dict[type, type] = {}


def _make_growing(layer: Any) -> None:
    """Give a cache layer growing buffers if it inherits a stock ``update``; leave any other kind alone."""
    stock = type(layer)
    update = _GROWING.get(getattr(stock, "update", None))  # type: ignore[arg-type]
    if update is None:
        return
    if stock not in _growing_classes:
        _growing_classes[stock] = type("Growing" + stock.__name__, (stock,), {"_layer_type": None, "update": update})
    layer.__class__ = _growing_classes[stock]
    layer.key_buffer, layer.value_buffer = Buffer(), Buffer()


class SpanCache(DynamicCache):
    """The cache of one session for blocks ``[start, end)``: ``rows`` sequences of ``length`` positions.

    Only the compute thread touches it. The operations are those of a step frame; each raises :class:`BadStep` before it
    changes anything when its arguments do not fit.
    """

    def __init__(
        self, config: PreTrainedConfig, start: int, end: int, *, rows: int = 1, slots_per_block: int = 1
    ) -> None:
        super().__init__(config=config)
        self.start, self.end, self.rows = start, end, rows
        self._length = Length()
        self.mask: torch.Tensor | None = None  # int64 [rows, length]; None while every position counts
        self.module_state: list[Any] | None = None  # see isolate.py
        self.recording = False
        self.changes = 0
        """Operations so far: a plan made before one does not fit behind it."""
        self._since_crop = 0  # positions that a crop can still take back in layers with a bounded past
        owned = range(start * slots_per_block, end * slots_per_block)
        for index, layer in enumerate(self.layers):
            if index in owned:
                _make_growing(layer)
            else:
                self.layers[index] = shadow(layer, self._length)
        self.owned = [self.layers[index] for index in owned if index < len(self.layers)]

    @property
    def length(self) -> int:
        """Positions held."""
        return self._length.positions

    @length.setter
    def length(self, positions: int) -> None:
        self._length.positions = positions

    @property
    def batch(self) -> int:
        return self.rows

    @property
    def blocks(self) -> int:
        return self.end - self.start

    # -- memory -------------------------------------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """Rows x positions that there is room for, on average over the blocks."""
        return -(-sum(map(self._room, self.owned)) // self.blocks)

    def tokens_needed(self, new: int) -> int:
        """What :attr:`capacity` will be after ``new`` more positions."""
        return -(-sum(self._room_after(layer, new) for layer in self.owned) // self.blocks)

    def _room(self, layer: Any) -> int:
        buffer = getattr(layer, "key_buffer", None)
        if buffer is not None:
            return 0 if buffer.tensor is None else buffer.tensor.shape[0] * buffer.tensor.shape[2]
        # A layer without a growing buffer (recurrent, compressed, quantised): count what the session is long.
        return self.rows * self.length

    def _room_after(self, layer: Any, new: int) -> int:
        buffer = getattr(layer, "key_buffer", None)
        if buffer is None:
            return self.rows * (self.length + new)
        sliding = getattr(layer, "is_sliding", False) and not layer.record_past
        return self.rows * buffer.room_after(layer.keys, new, layer.sliding_window - 1 if sliding else None)

    # -- beginnings that another session can take over ----------------------------------------------------------------

    def lends(self, length: int) -> bool:
        """Whether the first ``length`` positions can be copied: plain keys and values of one row, none dropped."""
        whole = self.rows == 1 and self.mask is None and self.module_state is None and not self.recording
        plain = all(
            is_plain(layer) and not self._has_bounded_past(layer) and _of_positions(layer, self.length)
            for layer in self.owned
        )
        return whole and plain and bool(self.owned) and 0 < length <= self.length

    def begin_with(self, other: SpanCache, length: int) -> None:
        """Copy the first ``length`` positions of another cache, which :meth:`lends` them, into this empty one."""
        for ours, theirs in zip(self.owned, other.owned, strict=True):
            if theirs.keys is not None:
                ours.update(theirs.keys[:, :, :length], theirs.values[:, :, :length])
        self.changes += 1
        self.length = length

    # -- operations that a step may ask for ---------------------------------------------------------------------------

    @property
    def can_roll_back(self) -> bool:
        """Whether a later ``crop`` can work at all: not with recurrent states."""
        for layer in self.owned:
            recurrent = getattr(layer, "is_recurrent_states_initialized", {})
            if any(recurrent.values()):
                return False
            if isinstance(layer, CacheLayerMixin) and not layer.is_croppable:
                return False
        return True

    def advanced(self, positions: int) -> None:
        """The blocks have taken ``positions`` more."""
        self.length += positions
        self._since_crop = self._since_crop + positions if self.recording else 0

    def record_past(self) -> None:
        """From now on keep what a crop may need to go back over."""
        self.changes += 1
        self.recording = True
        super().activate_past_recording()

    def crop(self, remove: int) -> None:
        """Take back the last ``remove`` positions; 0 trims what was recorded and is no longer needed."""
        if not 0 <= remove <= self.length:
            raise BadStep(f"Cannot roll back {remove} of {self.length} positions.")
        if remove:
            if not self.can_roll_back:
                raise BadStep("This model keeps a recurrent state, which cannot be rolled back.")
            if remove > self._since_crop and any(self._has_bounded_past(layer) for layer in self.owned):
                raise BadStep(f"Only {self._since_crop} positions can be rolled back here; {remove} were asked for.")
        self.changes += 1
        for layer in self.owned:
            if remove or self.recording:
                layer.crop(-remove)
        self.length -= remove
        self._since_crop = 0
        if self.mask is not None:
            self.mask = self.mask[:, : self.length]

    def _has_bounded_past(self, layer: Any) -> bool:
        if isinstance(layer, LinearAttentionCacheLayerMixin):
            return True
        return bool(getattr(layer, "is_sliding", False)) and self.length >= layer.sliding_window

    def reorder(self, indices: list[int]) -> None:
        """Row i becomes what row ``indices[i]`` was (beam search). As many rows as before."""
        if len(indices) != self.rows:
            raise BadStep(f"A reorder of {len(indices)} rows does not fit a session of {self.rows}.")
        self.changes += 1
        chosen = self._checked(indices)
        for layer in self.owned:
            layer.reorder_cache(chosen)
        if self.mask is not None:
            self.mask = self.mask[chosen]

    def select(self, indices: list[int]) -> None:
        """Keep only these rows, in this order."""
        self.changes += 1
        chosen = self._checked(indices)
        for layer in self.owned:
            layer.batch_select_indices(chosen)
        if self.mask is not None:
            self.mask = self.mask[chosen]
        self.rows = len(indices)

    def repeat(self, times: int) -> None:
        """Every row becomes ``times`` equal rows next to each other."""
        if times < 1:
            raise BadStep(f"Cannot repeat rows {times} times.")
        self.changes += 1
        for layer in self.owned:
            layer.batch_repeat_interleave(times)
        if self.mask is not None:
            self.mask = self.mask.repeat_interleave(times, dim=0)
        self.rows *= times

    def reset(self) -> None:
        """Forget everything."""
        self.changes += 1
        for layer in self.owned:
            layer.reset()
            if hasattr(layer, "key_buffer"):
                layer.key_buffer, layer.value_buffer = Buffer(), Buffer()
        self.length, self._since_crop, self.mask, self.module_state = 0, 0, None, None

    def _checked(self, indices: list[int]) -> torch.Tensor:
        if not indices or not all(0 <= index < self.rows for index in indices):
            raise BadStep(f"Row numbers must be between 0 and {self.rows - 1}, and at least one is needed.")
        device = next((x.keys.device for x in self.owned if getattr(x, "keys", None) is not None), "cpu")
        return torch.tensor(indices, dtype=torch.long, device=device)

    def close(self) -> None:
        """Give the memory back now."""
        self.layers: list[Any] = []
        self.owned = []
        self.mask = self.module_state = None


_PLAIN = frozenset(
    ("keys", "values", "is_initialized", "dtype", "device", "key_buffer", "value_buffer", "sliding_window")
    + ("cumulative_length", "_sliding_window_tensor", "record_past")
)


def _of_positions(layer: Any, length: int) -> bool:
    """Whether a layer holds keys and values of all ``length`` positions, or (nothing reached it) none at all."""
    both = layer.keys, layer.values
    filled = all(isinstance(one, torch.Tensor) and one.ndim == 4 and one.shape[2] == length for one in both)
    return filled or all(one is None for one in both)


def is_plain(layer: Any) -> bool:
    """Whether a cache layer holds keys and values and nothing else: what a step did to it is known."""
    return isinstance(layer, CacheLayerMixin) and set(vars(layer)) <= _PLAIN
