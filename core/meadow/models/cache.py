"""The folder that holds downloaded models: where it is, what is in it, and how much room it really takes."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from meadow.errors import MeadowError, UnknownModel
from meadow.models.names import is_commit

_DELETED = ".deleted-"


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
        if folder.is_dir() and is_commit(folder.name) and not folder.parts[-2].startswith("."):
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


def remove_model(name: str, cache_dir: str | os.PathLike[str] | None = None) -> int:
    """Delete all that is here of the model of this name; returns the bytes that were freed.

    Raises UnknownModel when nothing is, MeadowError (``conflict``) while some process downloads it. Whoever has it open
    may go on reading.
    """
    root = cache_root(cache_dir)
    for leftover in root.glob(f"*/{_DELETED}*"):  # of a deletion that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    found = [model for model in cached_models(cache_dir) if model.name == name]
    if not found:
        raise UnknownModel(f"Nothing of {name} is on this disk.")
    folders = sorted({model.folder.parent for model in found})
    with contextlib.ExitStack() as stack:
        for model in found:
            lock = model.folder / ".meadow" / "lock"
            try:
                if lock.parent.is_dir():
                    stack.enter_context(FileLock(lock, timeout=0, thread_local=False))
            except Timeout:
                raise MeadowError(
                    f"{name} is being downloaded. Cancel that, then delete it.", code="conflict"
                ) from None
        for folder in folders:
            try:
                aside = folder.with_name(f"{_DELETED}{secrets.token_hex(4)}")
                folder.rename(aside)  # at once: half a model must not be found
            except OSError as error:
                raise MeadowError(f"{folder} cannot be deleted ({error.strerror}).", code="conflict") from error
            shutil.rmtree(aside, ignore_errors=True)
    return sum(model.bytes_on_disk for model in found)
