"""The typed blocks of a message. They are flat: how deep a block stands in quotes and lists is a number it carries.

Flat blocks keep a stream cheap (only the last one is open) and nesting bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

STRONG, EMPHASIS, CODE, STRIKE = 1, 2, 4, 8


class Span(NamedTuple):
    """A piece of text in one style; ``style`` is a sum of STRONG, EMPHASIS, CODE, STRIKE. A link carries its target."""

    text: str
    style: int = 0
    link: str = ""


Spans: TypeAlias = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands: ``inset`` lists deep, inside of them ``quote`` quotes deep, and in those ``indent`` lists.

    ``loose``: an empty line came before it.
    """

    quote: int = 0
    inset: int = 0
    indent: int = 0
    loose: bool = True


@dataclass(frozen=True, slots=True)
class Paragraph:
    place: Place
    spans: Spans


@dataclass(frozen=True, slots=True)
class Heading:
    place: Place
    spans: Spans
    level: int
    """1 to 6."""


@dataclass(frozen=True, slots=True)
class Item:
    """The first line of a list's item; what follows inside of the item are blocks of their own, indented as deep."""

    place: Place
    spans: Spans
    marker: str
    """A bullet, or a number with its point or bracket."""
    checked: bool | None = None
    """For a task: whether it is done."""


@dataclass(frozen=True, slots=True)
class Code:
    place: Place
    lines: tuple[str, ...]
    info: str
    """What stands behind the fence, usually the language."""
    closed: bool

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Table:
    place: Place
    header: tuple[Spans, ...]
    align: tuple[str, ...]
    """Per column "left", "center", "right", or "" where the text decides."""
    rows: tuple[tuple[Spans, ...], ...]
    """Each as long as the header."""


@dataclass(frozen=True, slots=True)
class Rule:
    place: Place


Block: TypeAlias = Paragraph | Heading | Item | Code | Table | Rule


def plain_text(spans: Spans) -> str:
    return "".join(span.text for span in spans)


def shown_text(block: Block) -> str:
    """All that a person can read of a block, as plain text; this is what a screen reader says, too."""
    match block:
        case Item():
            return f"{block.marker} {plain_text(block.spans)}"
        case Paragraph() | Heading():
            return plain_text(block.spans)
        case Code():
            return block.text
        case Table():
            return "\n".join("\t".join(plain_text(cell) for cell in row) for row in (block.header, *block.rows))
        case Rule():
            return ""
