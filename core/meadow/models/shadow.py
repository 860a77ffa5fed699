"""Cache layers that store nothing and only know how long the session is.

Models read lengths and mask sizes from whichever cache layer comes first, owned or not. A part of a model therefore
keeps a cache of full length in which the layers of foreign blocks are shadows of the session's length.
"""

from __future__ import annotations

import functools
from typing import Any

from transformers.cache_utils import CacheLayerMixin, DummyLayer, LinearAttentionCacheLayerMixin


class Length:
    """How many positions a session holds. A small object of its own: a shadow that pointed at its cache would make a
    reference cycle, and caches must be freed the moment the last reference goes."""

    __slots__ = ("positions",)

    def __init__(self) -> None:
        self.positions = 0


def shadow(layer: Any, length: Length) -> Any:
    """Turn a fresh cache layer into a shadow that answers length queries from ``length``."""
    if isinstance(layer, DummyLayer):
        return layer
    # Instance attributes that the shadow's class answers as properties must go first.
    for name in ("cumulative_length", "has_previous_state"):
        layer.__dict__.pop(name, None)
    kind: Any = type(layer)
    layer.__class__ = _shadow_class(kind)
    layer.session_length = length
    return layer


@functools.cache
def _shadow_class(stock: Any) -> type:
    def ignore(self: Any, *args: Any, **kwargs: Any) -> None:
        return None

    # _layer_type None: a subclass that inherits a type would register itself for the whole process.
    body: dict[str, Any] = {"_layer_type": None}
    if issubclass(stock, CacheLayerMixin):
        body["get_seq_length"] = lambda self: self.session_length.positions
        if getattr(stock, "is_sliding", False):
            # The stock get_mask_sizes is right, given the length.
            body["cumulative_length"] = property(lambda self: self.session_length.positions, ignore)
        else:
            body["get_mask_sizes"] = lambda self, query_length: (self.session_length.positions + query_length, 0)
    if issubclass(stock, LinearAttentionCacheLayerMixin):
        body["has_previous_state"] = property(
            lambda self: dict.fromkeys(range(self.number_of_states), self.session_length.positions > 0), ignore
        )
    for name in (
        "crop",
        "reorder_cache",
        "batch_repeat_interleave",
        "batch_select_indices",
        "reset",
        "activate_past_recording",
    ):
        body[name] = ignore
    return type("Shadow" + stock.__name__, (stock,), body)
