"""Blocks grouped into what one item of the window shows.

Paragraphs, headings and list items that stand together become one segment of "prose", so that a person selects across
them, and a message is few items. Code, tables and rules are segments of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meadow_app.text.blocks import Block, Code, Heading, Item, Paragraph, Rule, Table, shown_text

MOST_BLOCKS = 24
MOST_CHARACTERS = 4000
"""Above one of these a segment of prose ends: laying one out again must not be felt."""


@dataclass(frozen=True, slots=True)
class Segment:
    kind: str
    """"prose", "code", "table" or "rule"."""
    blocks: tuple[Block, ...]
    start: int
    """Index of the first block in the message."""
    quote: int
    """How many quotes it stands in."""
    inset: int
    """How many lists deep it stands; the list items of prose are not counted in, their lines carry their own depth."""

    @property
    def loose(self) -> bool:
        """Whether an empty line, or what looks like one, stands before it."""
        return self.blocks[0].place.loose or self.kind != "prose" or isinstance(self.blocks[0], Heading)

    @property
    def text(self) -> str:
        return "\n".join(shown_text(block) for block in self.blocks)


def _shape(block: Block) -> tuple[str, int, int]:
    place = block.place
    match block:
        case Paragraph() | Heading() | Item():
            return "prose", place.quote, place.inset
        case Code():
            return "code", place.quote, place.inset + place.indent
        case Table():
            return "table", place.quote, place.inset + place.indent
        case Rule():
            return "rule", place.quote, place.inset + place.indent


def segments(blocks: Sequence[Block], start: int = 0) -> list[Segment]:
    """The segments of ``blocks[start:]``; a segment must begin at ``start``."""
    done: list[Segment] = []
    group: list[Block] = []
    shape, size = ("", 0, 0), 0
    for index in range(start, len(blocks) + 1):
        block = blocks[index] if index < len(blocks) else None
        new = _shape(block) if block is not None else ("", 0, 0)
        length = len(shown_text(block)) if block is not None and new[0] == "prose" else 0
        full = len(group) >= MOST_BLOCKS or size + length > MOST_CHARACTERS
        if group and (new != shape or new[0] != "prose" or full):
            done.append(Segment(shape[0], tuple(group), index - len(group), shape[1], shape[2]))
            group, size = [], 0
        if block is not None:
            group.append(block)
            shape, size = new, size + length
    return done
