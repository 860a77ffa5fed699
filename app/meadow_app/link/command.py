"""``meadow node --json`` as a process of its own: how the command is called, and what it says.

The node must outlive the window, so it gets a session of its own and no pipe of ours: its words go into files without
names, which vanish with whoever has them open.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_MOST_WORDS: Final = 1 << 20
_LAST_WORDS: Final = 4000


def node_command(executable: str, *, frozen: bool, exists: Callable[[str], bool] = os.path.exists) -> list[str] | None:
    """How ``meadow`` is called by the app that ``executable`` runs; None if it is not where it should be.

    A frozen app has it as a program beside itself. Else it is a module of the same Python (``-P``: never one that
    happens to lie in the current folder).
    """
    if not frozen:
        return [executable, "-P", "-m", "meadow"]
    folder, name = os.path.split(executable)
    program = os.path.join(folder, "meadow.exe" if name.lower().endswith(".exe") else "meadow")
    return [program] if exists(program) else None


def default_command() -> list[str] | None:
    """The same for the process that runs now."""
    return node_command(sys.executable, frozen=bool(getattr(sys, "frozen", False)))


class NodeProcess:
    """One run of ``meadow node``. Asked now and then for what it has said; never waited for."""

    def __init__(self, command: Sequence[str], home: str | None, *, demo: bool = False) -> None:
        """Raises OSError when it cannot be started."""
        where = [] if home is None else ["--home", os.path.abspath(os.path.expanduser(home))]
        arguments = [*command, *where, "node", "--json", *(["--demo"] if demo else [])]
        self._read = 0
        self._rest = b""
        self._said = tempfile.TemporaryFile()
        try:
            self._wept = tempfile.TemporaryFile()
            try:
                self._process = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=self._said,
                    stderr=self._wept,
                    cwd=_somewhere_quiet(),
                    **_detached(sys.platform),
                )
            except OSError:
                self._wept.close()
                raise
        except OSError:
            self._said.close()
            raise
        self.pid = self._process.pid

    def events(self) -> list[dict[str, Any]]:
        """What it has said since the last time: its JSON lines; other lines are none of ours."""
        data = os.pread(self._said.fileno(), _MOST_WORDS, self._read)
        self._read += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = []
        for line in lines:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                found.append(event)
        return found

    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def last_words(self) -> str:
        """The end of what it wrote to standard error, for those who ask for details."""
        size = os.fstat(self._wept.fileno()).st_size
        data = os.pread(self._wept.fileno(), _LAST_WORDS, max(0, size - _LAST_WORDS))
        return data.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Listen no longer. The process goes on."""
        self._said.close()
        self._wept.close()
        # It is meant to outlive us; Python need not warn about that.
        if self._process.returncode is None:
            self._process.returncode = 0


def read_token(file: str) -> str:
    """The token in ``file``. Raises OSError, or ValueError when there is none that could be sent."""
    with open(file, "rb") as opened:
        token = opened.read(4096).decode("ascii").strip()
    if not token or not all(33 <= ord(character) < 127 for character in token):
        raise ValueError("no token")
    return token


def _somewhere_quiet() -> str | None:
    """A folder that is there for long, so that the node keeps no other busy."""
    home = Path.home()
    return str(home) if home.is_dir() else None


def _detached(platform: str) -> Mapping[str, Any]:
    """What keeps the node alive when the window, or the terminal that started it, goes."""
    if platform == "win32":
        return {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP
    return {"start_new_session": True}
