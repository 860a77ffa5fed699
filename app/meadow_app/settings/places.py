"""Where Meadow keeps things, as the node decides it, and how large they are. The sizes are counted in a thread."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal


class Places(NamedTuple):
    """The folders of one installation. They need not exist."""

    data: Path
    cache: Path
    logs: Path

    @property
    def settings(self) -> Path:
        """The node's settings file."""
        return self.data / "settings.json"

    @property
    def preferences(self) -> Path:
        """The app's own file."""
        return self.data / "app.json"

    @property
    def token(self) -> Path:
        """What programs must show to the node."""
        return self.data / "api-token"


def places(home: str | None) -> Places:
    """All below ``home``, or where the system wants them; a test compares this with what the node says."""
    if home:
        root = Path(home).expanduser().absolute()
        return Places(root, root / "cache", root / "logs")
    person = Path.home()
    if sys.platform == "darwin":
        library = person / "Library"
        return Places(library / "Application Support/meadow", library / "Caches/meadow", library / "Logs/meadow")
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA", person / "AppData/Local")) / "meadow"
        return Places(local, local / "Cache", local / "Logs")
    return Places(
        _xdg("XDG_DATA_HOME", person / ".local/share") / "meadow",
        _xdg("XDG_CACHE_HOME", person / ".cache") / "meadow",
        _xdg("XDG_STATE_HOME", person / ".local/state") / "meadow/log",
    )


def _xdg(name: str, otherwise: Path) -> Path:
    value = os.environ.get(name, "").strip()
    return Path(value) if value else otherwise


def size_of(folder: Path, without: tuple[Path, ...] = ()) -> int:
    """Bytes that the files below ``folder`` take on the disk; what cannot be read counts as nothing."""
    total, waiting, seen = 0, [folder], set[tuple[int, int]]()
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(status.st_mode):
                if Path(entry.path) not in without:
                    waiting.append(Path(entry.path))
            elif stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                # A file that is being downloaded has holes: what counts is what it takes.
                total += status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size
    return total


class SizeCount(QObject):
    """Counts folders in a thread of Qt's pool; ``counted`` gives {name: bytes} on the thread of this object."""

    counted = Signal(dict)

    def start(self, folders: dict[str, Path]) -> None:
        """Begin; what an earlier start counts still arrives."""
        QThreadPool.globalInstance().start(_Count(self, folders))


class _Count(QRunnable):
    def __init__(self, count: SizeCount, folders: dict[str, Path]) -> None:
        super().__init__()
        self._count, self._folders = count, folders

    def run(self) -> None:
        others = tuple(self._folders.values())
        sizes = {name: size_of(path, tuple(p for p in others if p != path)) for name, path in self._folders.items()}
        try:
            self._count.counted.emit(sizes)
        except RuntimeError:
            return  # the app has ended
