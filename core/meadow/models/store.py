"""One model of a hub on this machine, perhaps in part: sparse files of the true size, and a journal of what they hold.

A byte counts as present only when a journal says so, and a journal is replaced (in one step) only after the bytes were
forced to disk. So whatever ends a download, a kill or a power cut, leaves a copy that is right as far as it goes.
Writers hold one lock per model; readers need none, because bytes that are marked present never change.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from filelock import FileLock, Timeout

from meadow.errors import DiskFull, DownloadError
from meadow.models.fingerprint import check_cancel
from meadow.models.ranges import Ranges

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SPARE_BYTES: Final = 1 << 20  # for journals and the file system's own needs
_MAX_JOURNAL: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Journal:
    """What one weight file holds. ``verified``: the whole file matched the hash that the hub states."""

    present: Ranges = Ranges()
    verified: bool = False


class Store:
    """The folder of one model at one commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._notes = folder / ".meadow"
        self._journals: dict[str, Journal] = {}
        self._guard = threading.Lock()

    def path(self, file: str) -> Path:
        """Where a file lies, there or not."""
        return self.folder / file

    @contextlib.contextmanager
    def lock(self, cancel: threading.Event | None = None) -> Iterator[None]:
        """Be the only writer of this model, waiting while another process downloads it. Forgets cached journals."""
        with disk_errors(self.folder):
            self._notes.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._notes / "lock", thread_local=False)
            while True:
                check_cancel(cancel)
                try:
                    lock.acquire(timeout=0.2)
                    break
                except Timeout:
                    continue
        try:
            with self._guard:
                self._journals.clear()
            yield
        finally:
            lock.release()

    def journal(self, file: str, size: int) -> Journal:
        """What is present of a weight file of ``size`` bytes; nothing, if anything about it looks odd."""
        with self._guard:
            if file not in self._journals:
                self._journals[file] = self._load(file, size)
            return self._journals[file]

    def save(self, file: str, journal: Journal) -> None:
        """Replace the journal of a file. The caller has forced the bytes to disk (``WeightFile.sync``)."""
        write_whole(self._notes / f"{file}.json", encode_journal(journal))
        with self._guard:
            self._journals[file] = journal

    def open(self, file: str, size: int) -> WeightFile:
        """A weight file for writing, made as a file full of holes when it is not there."""
        return WeightFile(self.path(file), size)

    def check_room(self, needed: int) -> None:
        """Raises DiskFull unless ``needed`` more bytes fit."""
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        if needed + _SPARE_BYTES > free:
            raise DiskFull(
                f"Downloading needs {needed / 1e6:.1f} MB and only {free / 1e6:.1f} MB are free in {self.folder}. "
                "Free some space, or choose another folder for models."
            )

    def _load(self, file: str, size: int) -> Journal:
        try:
            if self.path(file).stat().st_size != size:
                return Journal()
            raw = read_bounded(self._notes / f"{file}.json", _MAX_JOURNAL)
        except OSError:
            return Journal()
        return parse_journal(raw, size)


class WeightFile:
    """A sparse file under download. Positions are absolute; every method raises DiskFull when there is no room."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        with disk_errors(path.parent):
            self._file: IO[bytes] = open(path, "r+b" if path.exists() else "w+b", buffering=0)
            if os.fstat(self._file.fileno()).st_size != size:
                self._file.truncate(0)
                self._file.truncate(size)

    def write(self, offset: int, data: memoryview) -> None:
        """Put all of ``data`` at ``offset``."""
        with disk_errors(self._path.parent):
            self._file.seek(offset)
            while data:
                data = data[self._file.write(data) :]

    def read(self, start: int, end: int) -> bytes:
        """Bytes ``[start, end)``."""
        with disk_errors(self._path.parent):
            self._file.seek(start)
            return self._file.read(end - start)

    def sync(self) -> None:
        """Return when all that was written is on disk."""
        with disk_errors(self._path.parent):
            os.fsync(self._file.fileno())

    def __enter__(self) -> WeightFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def encode_journal(journal: Journal) -> bytes:
    """A line of JSON, and its hash: a journal that was damaged must not claim bytes that are not here."""
    line = json.dumps({"present": journal.present.spans, "verified": journal.verified}).encode()
    return line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n"


def parse_journal(raw: bytes, size: int) -> Journal:
    """A journal for a file of ``size`` bytes; an empty one if it is damaged (the bytes are then fetched again)."""
    line, _, check = raw.partition(b"\n")
    if check.strip() != hashlib.sha256(line).hexdigest().encode():
        return Journal()
    try:
        table: Any = json.loads(line)
        spans = [(start, end) for start, end in table["present"]]
        whole = all(type(start) is int and type(end) is int and 0 <= start < end <= size for start, end in spans)
        verified = table["verified"] is True
    except (ValueError, TypeError, KeyError, RecursionError):
        return Journal()
    return Journal(Ranges.of(spans), verified) if whole else Journal()


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file so that it is either the old or the new one, never half of it."""
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a small file of ours; OSError when it is larger than it can be."""
    with open(path, "rb") as file:
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise OSError(errno.EFBIG, "larger than it can be", str(path))
    return raw


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Say in our words what is wrong with the disk: DiskFull, or DownloadError when it cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull(
                f"The disk that holds {folder} is full. What was downloaded is kept: free some space and start again."
            ) from error
        raise DownloadError(
            f"The folder {folder} cannot be written ({error.strerror}). Choose another folder for models."
        ) from error
