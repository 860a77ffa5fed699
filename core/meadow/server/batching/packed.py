"""Many sessions as one row ``[1, T1 + T2 + ...]``: one plan, and every block called once.

Blocks cannot tell where a session ends: norms, projections and experts treat each position alike. What can tell is
replaced while the pass runs, without a family's name anywhere:

* positions: the true ones of each session, one behind the other;
* the cache: :class:`PackedCache` cuts new keys and values, and gives each session's to its own cache;
* attention: called once for each session, with that session's queries, keys and mask;
* masks: built once for each session by the model's own mask function, from that session's cache;
* rotary embeddings that depend on the length of a sequence: once for each session.

Whatever a model does beside that raises :class:`Unsupported` instead of computing something else. One pass at a time in
a process: transformers finds attention and mask functions by name, so the pass that runs is in a global.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache

from meadow.server.batching.interfaces import Attention, register, stock_attention, stock_mask
from meadow.server.batching.rotary import each_session
from meadow.server.cache import SpanCache
from meadow.server.span import Span

NAME = "meadow_packed"


class Unsupported(RuntimeError):
    """This way of batching cannot run this model, or these sessions."""


class PackedStates:
    """Keys or values of every session, as ``cache.update`` hands them to a block.

    Attention takes them apart. Any other operation gets one tensor with all sessions' positions in a row (families with
    compressed caches expand keys and values after the update), which attention then cuts by the same lengths.
    """

    def __init__(self, parts: list[torch.Tensor]) -> None:
        self.parts = parts
        self._joined: torch.Tensor | None = None

    def joined(self) -> torch.Tensor:
        """``[1, heads, all positions, dim]``."""
        if self._joined is None:
            self._joined = torch.cat(self.parts, dim=-2)
        return self._joined

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return function(*_joined(args), **_joined(kwargs or {}))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.joined(), name)

    def __getitem__(self, index: Any) -> Any:
        return self.joined()[index]


def _joined(value: Any) -> Any:
    if isinstance(value, PackedStates):
        return value.joined()
    if isinstance(value, tuple | list):
        return type(value)(map(_joined, value))
    if isinstance(value, dict):
        return {name: _joined(item) for name, item in value.items()}
    return value


class SessionMasks(list):
    """One mask (or None) for each session. A model that does anything to it but hand it on fails."""


class PackedCache(Cache):
    """The caches of several sessions, as one to the model."""

    def __init__(self, caches: Sequence[SpanCache], counts: Sequence[int]) -> None:
        first = caches[0]
        self.caches, self.counts = list(caches), list(counts)
        self.start, self.end, self.rows = first.start, first.end, 1
        self.layers = first.layers  # the kinds of layers are those of any of the sessions
        self.offloading = False
        self.layer_class_to_replicate = None
        self.module_state = None
        self.total = sum(counts)
        device = next((layer.keys.device for layer in first.owned if _has_keys(layer)), torch.device("cpu"))
        lengths = [cache.length for cache in caches]
        ranges = [torch.arange(length, length + count) for length, count in zip(lengths, counts, strict=True)]
        self.positions = torch.cat(ranges)[None].to(device)
        self.key_lengths: list[int] = []
        self.mask_layer = 0
        self._pending: int | None = None

    def update(self, key_states: Any, value_states: Any, layer_idx: int, *args: Any, **kwargs: Any) -> Any:
        """Give each session's cache its part; returns what attention needs."""
        if self._pending is not None:
            raise Unsupported(f"layer {self._pending} does not use the attention interface")
        if key_states.shape[0] != 1 or key_states.shape[-2] != self.total:
            raise Unsupported("keys are not [1, heads, positions, dim]")
        keys, values = [], []
        parts = zip(self.caches, key_states.split(self.counts, -2), value_states.split(self.counts, -2), strict=True)
        for cache, key, value in parts:
            all_keys, all_values = cache.layers[layer_idx].update(key, value, *args, **kwargs)
            keys.append(all_keys)
            values.append(all_values)
        self._pending = layer_idx
        self.key_lengths = [part.shape[-2] for part in keys]
        return PackedStates(keys), PackedStates(values)

    def attended(self) -> None:
        """The keys that were handed out last have been used, session by session."""
        self._pending = None

    def finished(self) -> None:
        """Raises Unsupported if keys of the last layer never met the attention function."""
        if self._pending is not None:
            raise Unsupported(f"layer {self._pending} does not use the attention interface")

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Real sizes differ from session to session; the mask function asks the caches itself, for this layer."""
        self.mask_layer = layer_idx
        return 0, 0

    def get_query_offset(self, layer_idx: int = 0) -> int:
        return 0

    def get_seq_length(self, layer_idx: int = 0) -> Any:
        """A tensor: ``arange(T) + length`` gives each session's true positions, and ``if length > 0`` raises."""
        return self.positions[0] - torch.arange(self.total, device=self.positions.device)

    def _unsupported(self, *args: Any, **kwargs: Any) -> Any:
        raise Unsupported("the model keeps more than keys and values")

    get_conv_state = update_conv_state = get_recurrent_state = update_recurrent_state = _unsupported
    update_indexer = has_previous_state = crop = reset = reorder_cache = _unsupported


def _has_keys(layer: Any) -> bool:
    return isinstance(getattr(layer, "keys", None), torch.Tensor)


class _Pass:
    def __init__(self, cache: PackedCache, base: str) -> None:
        self.cache, self.base = cache, base


_current: _Pass | None = None


def _now() -> _Pass:
    assert _current is not None
    return _current


def _attention(module: Any, query: torch.Tensor, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
    """Attention over a packed row: the base function, once for each session."""
    cache = _now().cache
    cache.attended()
    if attention_mask is not None and not isinstance(attention_mask, SessionMasks):
        raise Unsupported("the model computes with its mask")
    if query.shape[0] != 1 or query.shape[2] != cache.total:
        raise Unsupported("queries are not [1, heads, positions, dim]")
    kwargs.pop("position_ids", None)
    for name, argument in kwargs.items():
        if isinstance(argument, torch.Tensor) and argument.ndim > 1 and cache.total in argument.shape:
            raise Unsupported(f"attention takes {name} for each position")
    base = stock_attention(module, _now().base)
    masks = attention_mask if attention_mask is not None else [None] * len(cache.counts)
    outputs = [
        base(module, one_query, one_key, one_value, mask, **kwargs)[0]
        for one_query, one_key, one_value, mask in zip(
            query.split(cache.counts, 2), _cut(key, cache), _cut(value, cache), masks, strict=True
        )
    ]
    return torch.cat(outputs, dim=1), None


def _cut(states: Any, cache: PackedCache) -> Sequence[torch.Tensor]:
    return states.parts if isinstance(states, PackedStates) else states.split(cache.key_lengths, -2)


def _mask(*args: Any, **kwargs: Any) -> SessionMasks | None:
    """One mask for each session, with the model's own mask function and that session's sizes."""
    cache = _now().cache
    if kwargs.get("attention_mask") is not None:
        raise Unsupported("padding")
    base = stock_mask(_now().base)
    masks = SessionMasks(session_mask(base, one, count, cache.mask_layer, kwargs) for one, count in _sessions(cache))
    return None if all(mask is None for mask in masks) else masks


def _sessions(cache: PackedCache) -> Any:
    return zip(cache.caches, cache.counts, strict=True)


def session_mask(base: Any, cache: SpanCache, count: int, layer: int, arguments: dict[str, Any]) -> Any:
    """The mask of one session for ``count`` new positions, as its own cache layer sizes it."""
    key_length, key_offset = Cache.get_mask_sizes(cache, count, layer)
    sizes = {"kv_length": key_length, "kv_offset": key_offset, "q_offset": Cache.get_query_offset(cache, layer)}
    return base(**{**arguments, "batch_size": 1, "q_length": count, **sizes})


register(NAME, _attention, _mask)


def packed(
    span: Span,
    attention: Attention,
    rotary: Sequence[Any],
    caches: Sequence[SpanCache],
    hidden: Sequence[torch.Tensor],
    base: str,
) -> list[torch.Tensor]:
    """Take all sessions through their blocks in one pass; advances every cache.

    :param caches: one row each, without padding, all for the same blocks.
    :param hidden: ``[1, T, hidden]`` of each session; ``T`` may differ.
    :param rotary: see :func:`~meadow.server.batching.rotary.length_dependent`.
    :param base: the name of the attention that each session is computed with.
    :returns: hidden states like ``hidden``.
    :raises Unsupported: or whatever the model raises; the caches are then in no usable state.
    """
    global _current
    if any(one.ndim != 3 for one in hidden) or span.slots:
        raise Unsupported("hidden states are not [1, positions, hidden], or state lives in modules")
    counts = [one.shape[1] for one in hidden]
    cache = PackedCache(caches, counts)
    row = torch.cat([one.to(span.device) for one in hidden], dim=1)
    _current = _Pass(cache, base)
    try:
        with attention.using(NAME), each_session(rotary, counts):
            output = span.compute(cache, row, cache.positions, None)  # type: ignore[arg-type]
        cache.finished()
    finally:
        _current = None
    if output.carry:
        raise Unsupported("blocks hand on more than hidden states")
    for one, count in zip(caches, counts, strict=True):
        one.advanced(count)
    return list(output.hidden.split(counts, dim=1))
