"""Which attention and which masks the blocks of a span use, switched for the duration of a pass.

Transformers looks both up by one name in the config, so a pass sets that name on every config of the span and puts the
old one back. Masks go with attention always: a name without a mask function means "no mask" to transformers, and SDPA
without one silently drops all keys but the first ``T``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedConfig
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from meadow.server.span import Span


def register(name: str, attention: Callable[..., Any], mask: Callable[..., Any]) -> None:
    """Make ``name`` known to transformers, both halves."""
    AttentionInterface.register(name, attention)
    AttentionMaskInterface.register(name, mask)


def stock_attention(module: Any, name: str) -> Callable[..., Any]:
    """The attention function called ``name``; the eager one lies beside the attention module's class."""
    if name in ALL_ATTENTION_FUNCTIONS:
        return ALL_ATTENTION_FUNCTIONS[name]
    return sys.modules[type(module).__module__].eager_attention_forward


def stock_mask(name: str) -> Callable[..., Any]:
    """The mask function of the attention called ``name``."""
    return ALL_MASK_ATTENTION_FUNCTIONS[name]


class Attention:
    """The configs of one span, and the name that they hold."""

    def __init__(self, span: Span) -> None:
        modules = [module for block in span.blocks.values() for module in block.modules()]
        configs = [getattr(module, "config", None) for module in [*modules, *span.model.modules()]]
        found = {id(c): c for c in [*configs, span.config] if isinstance(c, PreTrainedConfig)}
        self._configs = list(found.values())
        self.stock: str = span.config._attn_implementation or "eager"

    @contextmanager
    def using(self, name: str) -> Iterator[None]:
        """Inside, every block of the span finds ``name``."""
        before = [config._attn_implementation_internal for config in self._configs]
        try:
            for config in self._configs:
                config._attn_implementation_internal = name
            yield
        finally:
            for config, old in zip(self._configs, before, strict=True):
                config._attn_implementation_internal = old
