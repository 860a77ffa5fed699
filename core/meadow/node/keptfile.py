"""A small JSON file in the data folder that the node alone writes, and that must never cost anybody anything.

Half a file never exists (``files.write_whole``). One that cannot be understood is moved aside, and one of a newer
Meadow is left alone: both are told once, and the node goes on without what they said.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError
from meadow.node.files import remove_drafts, write_whole
from meadow.platform.paths import private_folder

_MAX_BYTES = 1 << 20


class KeptFile:
    """Every method may block on the disk; use one thread at a time."""

    def __init__(self, path: Path, *, version: int, what: str, code: str) -> None:
        """``what``: how sentences call its content. ``code``: of its problems, before ``_damaged`` and ``_newer``."""
        self.path = path
        self._version, self._what, self._code = version, what, code
        self._is_ours = True
        """Whether it may be written."""

    def load(self) -> tuple[dict[str, Any], MeadowError | None]:
        """What it says, {} if nothing; and what is wrong with it."""
        try:
            with open(self.path, "rb") as file:
                raw = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return {}, None
        except OSError as error:
            self._is_ours = False
            return {}, MeadowError(
                f"{self._what} cannot be read from {self.path} ({error.strerror}), so nothing is kept there now.",
                code=f"{self._code}_damaged",
            )
        try:
            content: Any = json.loads(raw) if len(raw) <= _MAX_BYTES else None
            version = content.pop("version") if isinstance(content, dict) else None
        except (ValueError, KeyError, RecursionError):
            version = None
        if type(version) is not int or version < 1:
            return {}, self.set_aside()
        if version > self._version:
            self._is_ours = False
            return {}, MeadowError(
                f"{self._what} in {self.path} were written by a newer Meadow and are left alone. What comes now is not "
                "kept. Update Meadow.",
                code=f"{self._code}_newer",
            )
        return content, None

    def set_aside(self) -> MeadowError:
        """Move the file away, because what it says makes no sense; returns what to tell about that."""
        number = 1
        while (target := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        try:
            os.rename(self.path, target)
        except OSError as error:
            self._is_ours = False
            return MeadowError(
                f"{self._what} in {self.path} are damaged, and the file cannot be moved away ({error.strerror}).",
                code=f"{self._code}_damaged",
            )
        return MeadowError(
            f"{self._what} were damaged and begin anew. What was there is kept as {target.name}.",
            code=f"{self._code}_damaged",
        )

    def save(self, content: Mapping[str, Any]) -> None:
        """Replace it. Does nothing to a file that is not ours. Raises DiskFull or MeadowError; the old one stays."""
        if self._is_ours:
            private_folder(self.path.parent)
            remove_drafts(self.path)
            write_whole(self.path, json.dumps({"version": self._version, **content}).encode())
