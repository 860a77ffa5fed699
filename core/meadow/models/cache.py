"""The folder that holds downloaded models: where it is, what is in it, and how much room it really takes."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """``cache_dir``, or ``models`` in the user's own cache folder."""
    return Path(cache_dir) if cache_dir is not None else platformdirs.user_cache_path("meadow") / "models"
