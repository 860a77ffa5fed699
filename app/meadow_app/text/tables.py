"""The lines of a Markdown table."""

from __future__ import annotations

import re

from meadow_app.text import inline
from meadow_app.text.blocks import Spans

MOST_COLUMNS = 24
"""What would be further columns stands in the last one."""

_BAR = re.compile(r"(?<!\\)\|")
_DASHES = re.compile(r"(:?)-+(:?)$")


def cells(line: str) -> list[str]:
    line = line.strip()
    line = line[1:] if line.startswith("|") else line
    parts = _BAR.split(line)
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    return [part.strip() for part in parts]


def alignment(line: str) -> tuple[str, ...] | None:
    """The columns' alignments, where ``line`` is the line of dashes under a table's header."""
    if "|" not in line or line.strip(" |:-"):
        return None
    found = [_DASHES.match(cell) for cell in cells(line)]
    names = {("", ""): "", (":", ""): "left", ("", ":"): "right", (":", ":"): "center"}
    return tuple(names[match[1], match[2]] for match in found if match) if all(found) else None


def limited(align: tuple[str, ...]) -> tuple[str, ...]:
    return align[:MOST_COLUMNS]


def row(line: str, columns: int) -> tuple[Spans, ...]:
    """One row, as long as the table has columns: missing cells are empty, what is too much stands in the last one."""
    columns = min(columns, MOST_COLUMNS)
    parts = cells(line)
    if len(parts) > columns:
        parts[columns - 1 :] = [" | ".join(parts[columns - 1 :])]
    parts += [""] * (columns - len(parts))
    return tuple(inline.spans(part.replace("\\|", "|")) for part in parts)
