"""Where a checkpoint's files come from: a folder on this machine, or a hub (``hub_copy``). One small interface for
both.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from meadow.errors import DamagedCheckpoint
from meadow.models.fingerprint import FileHashes
from meadow.models.progress import ProgressMeter, Report
from meadow.models.safetensors_header import PREFIX_BYTES, TensorInfo, header_end

# A file of a checkpoint lies directly in its folder: no path of an index or of a listing can point anywhere else.
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}")


def is_plain_name(name: object) -> bool:
    """May this be the name of a file beside the weights?"""
    return isinstance(name, str) and _PLAIN_NAME.fullmatch(name) is not None


class Source(Protocol):
    """Files of one checkpoint. Weight files can be there in part; the others are there whole or not at all."""

    bytes_fetched: int

    def names(self) -> frozenset[str]:
        """Names of all files."""

    def size(self, file: str) -> int:
        """True size of a file in bytes."""

    def path(self, file: str) -> Path:
        """Where the (perhaps partial) file lies on this machine."""

    def small_file(self, file: str, limit: int) -> Path | None:
        """A whole file that is not weights, or None when the checkpoint has none of that name."""

    def headers(self, files: Sequence[str], report: Report | None) -> dict[str, bytes]:
        """The safetensors header of each weight file, without its 8-byte prefix."""

    def missing(self, infos: Sequence[TensorInfo]) -> int:
        """Bytes of these tensors that are not on this machine yet."""

    def fetch(self, infos: Sequence[TensorInfo], report: Report | None, cancel: threading.Event | None) -> None:
        """Get what is missing of these tensors."""

    def forget(self, info: TensorInfo) -> None:
        """The bytes of this tensor turned out to be bad: get them anew next time, where that is possible."""

    def forget_file(self, file: str) -> None:
        """As ``forget``, for a whole weight file."""

    def stated(self, file: str) -> str | None:
        """sha256 (hex) of a weight file as its publisher states it, if so."""

    def verified(self, file: str) -> bool:
        """Was the whole file checked against a hash that its publisher states?"""

    def sha256(self, files: Sequence[str], report: Report | None, cancel: threading.Event | None) -> dict[str, str]:
        """sha256 (hex) of whole weight files."""


class LocalFolder:
    """A checkpoint folder on this machine. Nothing is ever written into it."""

    bytes_fetched = 0

    def __init__(self, folder: Path, hashes: FileHashes) -> None:
        self._folder = folder
        self._hashes = hashes
        self._sizes: dict[str, int] = {}

    def names(self) -> frozenset[str]:
        """Names of all plain files in the folder."""
        return frozenset(
            entry.name for entry in self._folder.iterdir() if entry.is_file() and is_plain_name(entry.name)
        )

    def size(self, file: str) -> int:
        """Size in bytes when the file was first looked at."""
        if file not in self._sizes:
            try:
                self._sizes[file] = self.path(file).stat().st_size
            except OSError as error:
                raise DamagedCheckpoint(
                    f"The file {file} of this model is missing. Get the model again from its source."
                ) from error
        return self._sizes[file]

    def path(self, file: str) -> Path:
        """Path in the folder."""
        return self._folder / file

    def small_file(self, file: str, limit: int) -> Path | None:
        """The file, unless it is not there. Raises DamagedCheckpoint if it is larger than ``limit`` bytes."""
        path = self.path(file)
        if not path.is_file():
            return None
        if path.stat().st_size > limit:
            raise DamagedCheckpoint(
                f"The file {file} is larger than any real one. Get the model again from its source."
            )
        return path

    def headers(self, files: Sequence[str], report: Report | None) -> dict[str, bytes]:
        """Read the headers from disk."""
        found = {}
        for file in files:
            size = self.size(file)
            try:
                with open(self.path(file), "rb") as opened:
                    prefix = opened.read(PREFIX_BYTES)
                    found[file] = opened.read(header_end(prefix, file, size) - PREFIX_BYTES)
            except OSError as error:
                raise DamagedCheckpoint(f"The weight file {file} cannot be read ({error.strerror}).") from error
        return found

    def missing(self, infos: Sequence[TensorInfo]) -> int:
        """Nothing: it is all here."""
        return 0

    def fetch(self, infos: Sequence[TensorInfo], report: Report | None, cancel: threading.Event | None) -> None:
        """Nothing to do."""

    def forget(self, info: TensorInfo) -> None:
        """A local file is the person's own: it stays as it is."""

    def forget_file(self, file: str) -> None:
        """A local file is the person's own: it stays as it is."""

    def stated(self, file: str) -> str | None:
        """Nobody does."""
        return None

    def verified(self, file: str) -> bool:
        """No: nobody states what a local file should hold (a manifest does, tensor by tensor)."""
        return False

    def sha256(self, files: Sequence[str], report: Report | None, cancel: threading.Event | None) -> dict[str, str]:
        """Hash the files, or remember what they hashed to."""
        meter = ProgressMeter(sum(self.size(file) for file in files), report)
        hashes = {file: self._hashes.sha256(self.path(file), meter, cancel) for file in files}
        if files:
            meter.finish(files[-1])
        return hashes
