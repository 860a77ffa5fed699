"""The folders of the GPU runtime, and what they mean.

    CACHE/gpu-runtime/KEY/wheels/    what was fetched: FILE.whl is whole and was checked, FILE.whl.part is on its way
    CACHE/gpu-runtime/KEY/new/       being unpacked and tried; worth nothing after a kill
    CACHE/gpu-runtime/KEY/site/      the runtime: it gets this name only after it has worked here

KEY names the lock, so a new Meadow with other wheels builds beside, and the old one goes when the new one works.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Final

from meadow.node.gpu_runtime.lock import Lock
from meadow.platform.paths import private_folder

STAMP: Final = "meadow-runtime.json"
_GONE: Final = "gone-"


class Place:
    """See the module's text. Nothing exists until it is made."""

    def __init__(self, cache: Path, lock: Lock) -> None:
        self.root = cache / "gpu-runtime"
        self.lock = lock
        self.folder = self.root / lock.key
        self.wheels = self.folder / "wheels"
        self.new = self.folder / "new"
        self.site = self.folder / "site"

    def ready(self) -> bool:
        """Whether the runtime is there."""
        try:
            return json.loads((self.site / STAMP).read_text(encoding="utf-8"))["key"] == self.lock.key
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def make(self) -> None:
        """The folders to work in. Raises MeadowError."""
        for folder in (self.root, self.folder, self.wheels):
            private_folder(folder)

    def fetched(self) -> int:
        """Bytes of wheels that are here already."""
        count = 0
        for wheel in self.lock.wheels:
            for name in (wheel.file, f"{wheel.file}.part"):
                try:
                    count += min(wheel.size, (self.wheels / name).stat().st_size)
                    break
                except OSError:
                    continue
        return count

    def accept(self) -> None:
        """``new`` has worked: from now on it is the runtime, whatever ends this process when."""
        (self.new / STAMP).write_text(json.dumps({"key": self.lock.key, "torch": self.lock.torch}), encoding="utf-8")
        os.sync()
        if self.site.exists():
            discard(self.site)
        self.new.rename(self.site)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def tidy(self) -> None:
        """Remove what is not needed beside a runtime that works: its wheels, and runtimes of other locks."""
        discard(self.wheels)
        for other in self.root.iterdir() if self.root.is_dir() else ():
            if other != self.folder and other.is_dir():
                discard(other)


def discard(folder: Path) -> None:
    """Remove a folder; a kill in the middle leaves nothing under its name."""
    if not folder.is_dir():
        return
    gone = folder.with_name(f"{_GONE}{secrets.token_hex(4)}")
    try:
        folder.rename(gone)
    except OSError:
        gone = folder
    shutil.rmtree(gone, ignore_errors=True)


def size_of(folder: Path) -> int:
    """Bytes of all files below."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total
