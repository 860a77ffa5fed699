"""The lengths at which a model may change its behaviour, as its config names them."""

from __future__ import annotations

from typing import Any

_WORDS = ("window", "chunk", "floor", "max_position", "n_positions", "max_seq", "indexer", "index_topk", "index_block")
_TOO_LARGE = 1 << 22


def config_lengths(config: dict[str, Any]) -> list[int]:
    """Every number in a config that speaks of a length: windows, chunks, maximal positions; nested ones too."""
    found = []
    for key, value in config.items():
        if isinstance(value, dict):
            found += config_lengths(value)
        elif isinstance(value, int) and not isinstance(value, bool) and 1 < value < _TOO_LARGE:
            if any(word in key for word in _WORDS):
                found.append(value)
    return found
