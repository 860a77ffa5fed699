"""What the commands print: JSON lines for programs, sentences and a progress line for people.

With ``--json`` standard output carries one JSON object a line and nothing else. Otherwise results go to standard output
and everything that only accompanies them goes to standard error. Text that came from a model or a peer loses its
control characters first: a terminal obeys them.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
import unicodedata
from typing import Any

_KEEP = {"\n", "\t"}


def plain(text: str) -> str:
    """``text`` without control, direction-changing and invisible format characters, except newline and tab.

    The zero-width joiner stays: emoji and several scripts need it, and it moves nothing.
    """
    return "".join(
        character
        for character in text
        if character in _KEEP or character == "\u200d" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )


def size(count: float) -> str:
    """Bytes for people: 512 B, 3.1 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds for people: 12 s, 3 min, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


class Output:
    """Where a command writes. Only the main thread uses it."""

    def __init__(self, *, json_lines: bool) -> None:
        self.json_lines = json_lines
        self._progress_width = 0
        self._last_progress = float("-inf")
        self.interactive = sys.stderr.isatty()

    def event(self, kind: str, /, **fields: Any) -> None:
        """One JSON line; nothing in human mode."""
        if self.json_lines:
            print(json.dumps({"event": kind, **fields}, ensure_ascii=True), flush=True)

    def result(self, text: str = "") -> None:
        """A line that the person asked for; nothing in JSON mode."""
        if not self.json_lines:
            self.clear()
            print(text, flush=True)

    def stream(self, text: str) -> None:
        """A piece of a line, shown at once; nothing in JSON mode."""
        if not self.json_lines:
            self.clear()
            sys.stdout.write(text)
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """A sentence that accompanies the result (standard error); nothing in JSON mode."""
        if not self.json_lines:
            self.clear()
            print(text, file=sys.stderr, flush=True)

    def progress(self, text: str) -> None:
        """Where long work is. A terminal shows it in place, anything else gets a line every few seconds."""
        if self.json_lines:
            return
        if self.interactive:
            width = shutil.get_terminal_size().columns - 1
            line = text[:width]
            sys.stderr.write("\r" + line + " " * max(0, self._progress_width - len(line)))
            sys.stderr.flush()
            self._progress_width = len(line)
        elif time.monotonic() - self._last_progress > 5:
            self._last_progress = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def transfer(self, what: str, done: int, total: int, rate: float, seconds_left: float | None) -> None:
        """Progress in bytes, with rate and time left."""
        parts = [f"{what}: {size(done)} of {size(total)}"]
        if rate > 0:
            parts.append(f"{size(rate)}/s")
        if seconds_left:
            parts.append(f"{duration(seconds_left)} left")
        self.progress(", ".join(parts))

    def clear(self) -> None:
        """Take the progress line away."""
        if self._progress_width:
            sys.stderr.write("\r" + " " * self._progress_width + "\r")
            sys.stderr.flush()
            self._progress_width = 0

    def error(self, code: str, message: str) -> None:
        """What went wrong: a JSON event, or a sentence on standard error."""
        self.event("error", code=code, message=message)
        self.note(f"meadow: {message}")

    def finish(self) -> None:
        """Leave the terminal as it was."""
        self.clear()
