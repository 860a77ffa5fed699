"""The folder that holds downloaded models: where it is, what is in it, and how much room it really takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from meadow.models.names import is_commit


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model in the cache, perhaps in part. ``bytes_on_disk`` counts what it really occupies: holes are free."""

    name: str
    host: str
    commit: str
    folder: Path
    bytes_on_disk: int


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """``cache_dir``, or ``models`` in the user's own cache folder."""
    return Path(cache_dir) if cache_dir is not None else platformdirs.user_cache_path("meadow") / "models"


def cached_models(cache_dir: str | os.PathLike[str] | None = None) -> list[CachedModel]:
    """All models in the cache, by name."""
    found = []
    for folder in cache_root(cache_dir).glob("*/*/*"):
        if folder.is_dir() and is_commit(folder.name):
            host, model = folder.parts[-3], folder.parts[-2]
            found.append(
                CachedModel(model.replace("--", "/"), host.replace("_", ":"), folder.name, folder, _occupied(folder))
            )
    return sorted(found, key=lambda model: (model.name, model.commit))


def cache_size(cache_dir: str | os.PathLike[str] | None = None) -> int:
    """Bytes on disk of the whole cache."""
    root = cache_root(cache_dir)
    return _occupied(root) if root.is_dir() else 0


def _occupied(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                stat = os.lstat(os.path.join(parent, name))
            except FileNotFoundError:
                continue  # replaced by a download that goes on meanwhile
            total += stat.st_blocks * 512 if hasattr(stat, "st_blocks") else stat.st_size
    return total
