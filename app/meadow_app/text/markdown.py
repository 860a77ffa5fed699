"""Markdown, line by line, into flat blocks: CommonMark's everyday subset with tables, tasks and strike-through.

``Parser.feed`` takes text as it arrives. A line that is complete changes the state for good; the last, incomplete one
is tried and taken back at the next call, so the result never depends on how a text was cut into pieces. Only the block
that is open is made anew. HTML is text like any other; reference links and footnotes stay as they are written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from meadow_app.text import inline, tables
from meadow_app.text.blocks import Block, Code, Heading, Item, Paragraph, Place, Rule, Spans, Table
from meadow_app.text.plain import clean

DEEPEST = 12
"""Quotes and lists within each other; what would be deeper is shown as text."""
LONGEST_LINE = 4000
LONGEST_PARAGRAPH = 6000
MOST_ROWS = 60
"""Longer lines and paragraphs are broken, a longer table goes on in another one: a megabyte of anything is bounded."""

_QUOTE = re.compile(r" {0,3}> ?")
_MARKER = re.compile(r" {0,3}([-*+]|(\d{1,9})[.)])(?= |$)( *)")
_HEADING = re.compile(r" {0,3}(#{1,6})(?= |$)")
_RULE = re.compile(r" {0,3}(?:(?:\*[ ]*+){3,}|(?:-[ ]*+){3,}|(?:_[ ]*+){3,})$")
_FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*$)|~{3,})(.*)$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ ]*+$")
_TASK = re.compile(r"\[([ xX])\][ ]+(?=\S)")
_UNDECIDED = re.compile(r"[\s>]*+(?:[-*+]\s+\[[ xX]?\]?\s*|\d{1,9}[.)]?\s*|[-=*_+#`~|:\s]*)$")
_BULLETS = "•◦▪"


class _Container(NamedTuple):
    """An open quote, or an open item whose content stands ``width`` columns in."""

    kind: str  # ">", or the item's bullet or the "." or ")" behind its number
    width: int = 0
    number: int = -1  # as counted
    written: int = -1  # as the text says


@dataclass(slots=True)
class _Leaf:
    """The block that is open: a paragraph (of an item, where there is a marker), a fence, indented code, a table."""

    kind: str
    place: Place
    marker: str = ""
    lines: list[str] = field(default_factory=list)
    size: int = 0
    fence: str = ""
    fence_indent: int = 0
    info: str = ""
    header: tuple[Spans, ...] = ()
    align: tuple[str, ...] = ()
    rows: list[tuple[Spans, ...]] = field(default_factory=list)


class Parser:
    """Blocks of a text that may still grow. ``blocks`` is what there is now; the last ones may yet change."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.ended = False
        self._settled = 0  # so many blocks are closed, by complete lines
        self._rest = ""  # the line that is not complete, and whether it goes on from a piece that was cut off
        self._going_on = False
        self._containers: list[_Container] = []
        self._siblings: dict[int, _Container] = {}  # per depth the last item of the list that may go on there
        self._leaf: _Leaf | None = None
        self._marker: tuple[str, Place] | None = None  # of an item that has no content yet
        self._blank = False  # an empty line came before
        self._trying = False

    def feed(self, text: str) -> int:
        """Take more text in. Returns the index of the first block that may differ from before."""
        if self.ended:
            raise ValueError("This text has ended already")
        first = self._settled
        del self.blocks[first:]
        text = self._rest + text
        # The second half of a line end or of a character may be in the next piece.
        held = 1 if text.endswith("\r") or "\ud800" <= text[-1:] <= "\udbff" else 0
        *lines, rest = clean(text[: len(text) - held]).split("\n")
        for line in lines:
            self._complete(line)
            self._going_on = False
        rest = self._cut(rest)
        self._settled = len(self.blocks)
        self._rest = rest + text[len(text) - held :]
        self._try(rest)
        return first

    def end(self) -> int:
        """Nothing follows. Returns the index of the first block that may differ from before."""
        first = self._settled
        if not self.ended:
            del self.blocks[first:]
            for line in clean(self._rest).split("\n"):
                self._complete(line)
                self._going_on = False
            self._close()
            self._flush_marker()
            self._rest, self.ended, self._settled = "", True, len(self.blocks)
        return first

    def _complete(self, line: str) -> None:
        self._line(self._cut(line), self._going_on)

    def _cut(self, line: str) -> str:
        """Take the front off a line that is too long, at a space if there is one near; the rest of it."""
        while len(line) > LONGEST_LINE:
            space = line.rfind(" ", LONGEST_LINE - 200, LONGEST_LINE)
            cut = space + 1 if space >= 0 else LONGEST_LINE
            self._line(line[:cut], self._going_on)
            line, self._going_on = line[cut:], True
        return line

    def _try(self, rest: str) -> None:
        """Show the incomplete line for now, and take back what it changed."""
        leaf = self._leaf
        kept = leaf and replace(leaf, lines=leaf.lines[:], rows=leaf.rows[:])
        state = (self._containers[:], self._siblings.copy(), kept, self._marker, self._blank)
        self._trying = True
        # Until more of it is there, a lone "-" or "1." may become anything: better nothing than something that jumps.
        fenced = leaf is not None and leaf.kind == "fence"
        undecided = len(rest) < 80 and (not rest.strip(" `~") if fenced else _UNDECIDED.match(rest))
        if rest and (self._going_on or not undecided):
            self._line(rest, self._going_on)
        self._close()
        self._trying = False
        self._containers, self._siblings, self._leaf, self._marker, self._blank = state

    def _line(self, line: str, going_on: bool) -> None:
        if going_on:
            return self._go_on(line)
        rest, matched = self._match(line)
        leaf, all_matched = self._leaf, matched == len(self._containers)
        if leaf is not None and leaf.kind == "fence" and all_matched:
            return self._in_fence(leaf, rest)
        rest = _expanded(rest)
        if not rest.strip():
            if leaf is not None and leaf.kind == "indented" and all_matched:
                leaf.lines.append("")
                return None
            self._close()
            # An empty line ends quotes, but not lists.
            self._truncate(matched)
            self._blank = True
            return None
        rest, opened = self._open_containers(rest, matched)
        if not opened and not all_matched:
            if leaf is not None and leaf.kind == "paragraph" and not _starts_leaf(rest):
                return self._paragraph(rest)  # "lazy": the paragraph goes on without its markers
            self._close()
            self._truncate(matched)
        if rest.strip():
            self._leaf_line(rest)
        return None

    def _match(self, line: str) -> tuple[str, int]:
        """The rest of a line behind the markers of the containers that are open, and how many of them it goes on."""
        rest = line
        for index, container in enumerate(self._containers):
            if container.kind == ">":
                quote = _QUOTE.match(rest)
                if quote is None:
                    return rest, index
                rest = rest[quote.end() :]
            elif rest.strip():
                rest = _expanded(rest)
                if not rest.startswith(" " * container.width):
                    return rest, index
                rest = rest[container.width :]
        return rest, len(self._containers)

    def _open_containers(self, rest: str, matched: int) -> tuple[str, bool]:
        """Open the quotes and items that begin here."""
        opened = False
        while matched < DEEPEST and not rest.startswith("    "):
            in_paragraph = (
                not opened
                and self._leaf is not None
                and self._leaf.kind == "paragraph"
                and matched == len(self._containers)
            )
            if quote := _QUOTE.match(rest):
                container, rest = _Container(">"), rest[quote.end() :]
            elif _RULE.match(rest) or (in_paragraph and _UNDERLINE.match(rest)):
                break
            elif marker := _MARKER.match(rest):
                content = rest[marker.end() :]
                # "in\n1984. It was" is prose: only a list that begins with something, and with 1, ends a paragraph.
                if in_paragraph and (not content or marker[2] not in (None, "1")):
                    break
                spaces = len(marker[3])
                wide = spaces if content and spaces <= 4 else 1
                container = self._item(marker, marker.start(3) + wide, matched)
                rest = rest[min(len(rest), container.width) :]
            else:
                break
            self._close()
            self._truncate(matched)
            self._flush_marker()
            self._containers.append(container)
            matched, opened = matched + 1, True
            if container.kind == ">":
                self._forget_siblings(matched - 1)
            else:
                self._forget_siblings(matched)
                self._siblings[matched - 1] = container
                self._marker = (self._written(container), self._place())
                self._blank = False
            rest = _expanded(rest)
        return rest, opened

    def _item(self, marker: re.Match[str], width: int, depth: int) -> _Container:
        if marker[2] is None:
            return _Container(marker[1], width)
        kind, written = marker[1][-1], int(marker[2])
        before = self._siblings.get(depth)
        # "1. 1. 1." counts; any other numbers are the author's.
        counts = before is not None and before.kind == kind and before.written == written
        return _Container(kind, width, before.number + 1 if counts and before else written, written)

    def _written(self, item: _Container) -> str:
        if item.number >= 0:
            return f"{item.number}{item.kind}"
        depth = sum(container.kind != ">" for container in self._containers)
        return _BULLETS[min(depth, len(_BULLETS)) - 1]

    def _forget_siblings(self, depth: int) -> None:
        for key in [key for key in self._siblings if key >= depth]:
            del self._siblings[key]

    def _place(self) -> Place:
        kinds = [container.kind for container in self._containers]
        first = kinds.index(">") if ">" in kinds else 0
        quotes = kinds.count(">")
        return Place(quotes, first, len(kinds) - quotes - first, self._blank or not self.blocks)

    def _truncate(self, depth: int) -> None:
        if depth < len(self._containers):
            self._flush_marker()
            del self._containers[depth:]

    def _flush_marker(self) -> None:
        """An item that turned out to begin with something else than text, or with nothing."""
        if self._marker is not None:
            marker, place = self._marker
            self._marker = None
            self.blocks.append(Item(place, (), marker))

    def _leaf_line(self, rest: str) -> None:
        """A line that is not empty, in the innermost container."""
        leaf = self._leaf
        if leaf is not None and leaf.kind == "indented":
            if rest.startswith("    "):
                leaf.lines.append(rest[4:])
                return
            self._close()
        elif leaf is not None and leaf.kind == "table":
            if "|" in rest and not _starts_leaf(rest):
                self._row(leaf, rest)
                return
            self._close()
        leaf = self._leaf
        if fence := _FENCE.match(rest):
            self._open("fence", fence=fence[2], fence_indent=len(fence[1]), info=fence[3].strip())
        elif heading := _HEADING.match(rest):
            self._close()
            self._heading(_without_hashes(rest[heading.end() :].strip()), len(heading[1]))
        elif leaf is not None and (underline := _UNDERLINE.match(rest)):
            self._leaf = None
            self._heading("\n".join(leaf.lines), 1 if underline[1][0] == "=" else 2, leaf.marker, leaf.place)
        elif _RULE.match(rest):
            self._close()
            self._flush_marker()
            self._add(Rule(self._place()))
        elif leaf is not None and self._begins_table(leaf, rest):
            pass
        elif leaf is None and rest.startswith("    ") and not self._place().indent and not self._place().inset:
            self._open("indented").lines.append(rest[4:])
        else:
            self._paragraph(rest)

    def _begins_table(self, leaf: _Leaf, rule: str) -> bool:
        align = tables.alignment(rule)
        if align is None or len(tables.cells(leaf.lines[-1])) != len(align):
            return False
        header = leaf.lines.pop()
        if leaf.lines:
            self._close()
        else:
            self._leaf = None
            if leaf.marker:
                self._marker = (leaf.marker, leaf.place)
        table = self._open("table", place=leaf.place if not leaf.lines else None)
        table.align, table.header = tables.limited(align), tables.row(header, len(align))
        return True

    def _row(self, leaf: _Leaf, line: str) -> None:
        if len(leaf.rows) >= MOST_ROWS:
            header, align = leaf.header, leaf.align
            self._close()
            leaf = self._open("table")
            leaf.header, leaf.align = header, align
        leaf.rows.append(tables.row(line, len(leaf.align)))

    def _in_fence(self, leaf: _Leaf, rest: str) -> None:
        stripped = rest.strip(" ")
        mark = leaf.fence[0]
        if len(stripped) >= len(leaf.fence) and not stripped.strip(mark) and len(rest) - len(rest.lstrip(" ")) < 4:
            self._close(closed=True)
            return
        indent = min(leaf.fence_indent, len(rest) - len(rest.lstrip(" ")))
        leaf.lines.append(rest[indent:])

    def _paragraph(self, text: str) -> None:
        text = text.lstrip(" ")
        leaf = self._leaf
        if leaf is None or leaf.kind != "paragraph" or leaf.size + len(text) > LONGEST_PARAGRAPH:
            leaf = self._open("paragraph")
        leaf.lines.append(text)
        leaf.size += len(text)

    def _go_on(self, text: str) -> None:
        """A further piece of a line that was cut: it begins nothing new."""
        leaf = self._leaf
        if leaf is not None and leaf.kind in ("fence", "indented"):
            leaf.lines.append(text)
        elif leaf is not None and leaf.kind == "paragraph" and leaf.size + len(text) <= LONGEST_PARAGRAPH:
            leaf.lines[-1] += text
            leaf.size += len(text)
        elif text.strip():
            leaf = self._open("paragraph")
            leaf.lines.append(text)
            leaf.size = len(text)

    def _open(
        self, kind: str, *, place: Place | None = None, fence: str = "", fence_indent: int = 0, info: str = ""
    ) -> _Leaf:
        self._close()
        marker = ""
        if kind == "paragraph" and self._marker is not None:
            marker, place = self._marker
            self._marker = None
        else:
            self._flush_marker()
        self._forget_siblings(len(self._containers))
        self._leaf = _Leaf(kind, place or self._place(), marker, fence=fence, fence_indent=fence_indent, info=info)
        self._blank = False
        return self._leaf

    def _heading(self, text: str, level: int, marker: str = "", place: Place | None = None) -> None:
        if marker and place:
            self.blocks.append(Item(place, (), marker))
        self._flush_marker()
        self._add(Heading(place or self._place(), inline.spans(text.strip(), self._trying), level))

    def _add(self, block: Block) -> None:
        self._forget_siblings(len(self._containers))
        self.blocks.append(block)
        self._blank = False

    def _close(self, closed: bool = False) -> None:
        """Close the block that is open."""
        leaf, self._leaf = self._leaf, None
        if leaf is None:
            return
        if leaf.kind == "table":
            self.blocks.append(Table(leaf.place, leaf.header, leaf.align, tuple(leaf.rows)))
        elif leaf.kind == "fence":
            self.blocks.append(Code(leaf.place, tuple(leaf.lines), leaf.info, closed))
        elif leaf.kind == "indented":
            while leaf.lines and not leaf.lines[-1].strip():
                leaf.lines.pop()
                self._blank = True
            self.blocks.append(Code(leaf.place, tuple(leaf.lines), "", True))
        else:
            text, checked = "\n".join(leaf.lines).rstrip(" "), None
            if leaf.marker and (task := _TASK.match(text)):
                text, checked = text[task.end() :], task[1] != " "
            spans = inline.spans(text, self._trying)
            self.blocks.append(
                Item(leaf.place, spans, leaf.marker, checked) if leaf.marker else Paragraph(leaf.place, spans)
            )


def parse(text: str) -> list[Block]:
    """The blocks of a text that is complete."""
    parser = Parser()
    parser.feed(text)
    parser.end()
    return parser.blocks


def _expanded(text: str) -> str:
    """``text`` with the tabs in front of it as spaces."""
    front = text[: len(text) - len(text.lstrip(" \t"))]
    return front.expandtabs(4) + text[len(front) :] if "\t" in front else text


def _starts_leaf(rest: str) -> bool:
    return any(pattern.match(rest) for pattern in (_FENCE, _HEADING, _RULE))


def _without_hashes(text: str) -> str:
    """The text of a heading without the hashes that may close it."""
    bare = text.rstrip("#")
    return bare.rstrip(" ") if not bare or bare.endswith(" ") else text
