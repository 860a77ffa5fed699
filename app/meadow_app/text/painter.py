"""Writes a segment into a QTextDocument: text and formats through a cursor. No HTML and no Markdown parser of Qt's is
near, and nothing in the document names a resource, so there is nothing that could be loaded.

A segment that changed is compared with what was written before, and only what differs is written again: a streaming
answer adds letters at the end, and a selection above them stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextOption,
    QTextTable,
    QTextTableFormat,
)

from meadow_app.text import highlight
from meadow_app.text.blocks import CODE, EMPHASIS, STRIKE, STRONG, Code, Heading, Item, Rule, Spans, Table, plain_text
from meadow_app.text.look import Look, fixed_family
from meadow_app.text.plain import is_right_to_left
from meadow_app.text.segments import Segment

HEADING_SIZES = (1.5, 1.3, 1.15, 1.05, 1.0, 1.0)
CHECKED, UNCHECKED = "☑", "☐"


class Run(NamedTuple):
    """Text in one format; ``style`` is a sum of styles, or a word for what only we write ("marker", a token's kind)."""

    text: str
    style: int | str = 0
    link: str = ""


class Line(NamedTuple):
    """One block of the QTextDocument."""

    kind: str  # paragraph, heading, item, code
    level: int  # of a heading; else how many lists deep
    gap: bool  # space above it
    rtl: bool
    runs: tuple[Run, ...]


def prose_lines(segment: Segment) -> list[Line]:
    lines: list[Line] = []
    for block in segment.blocks:
        if isinstance(block, Table | Code | Rule):
            raise TypeError(f"{segment.kind} is no prose")
        runs = tuple(Run(*span) for span in block.spans)
        rtl = is_right_to_left(plain_text(block.spans))
        gap = bool(lines) and (block.place.loose or isinstance(block, Heading))
        if isinstance(block, Heading):
            lines.append(Line("heading", block.level, gap, rtl, runs))
            continue
        if isinstance(block, Item):
            marker = block.marker if block.checked is None else CHECKED if block.checked else UNCHECKED
            # Qt gives a tab no width in a line that goes from right to left.
            space = "\t" if not rtl else "\u00a0" * (2 if len(marker) > 1 else 4)
            runs = (Run(marker + space, "marker"), *runs)
        # A paragraph right behind a list is one of its own even without an empty line.
        gap = gap or (bool(lines) and not isinstance(block, Item) and lines[-1].level != block.place.indent)
        lines.append(Line("item" if isinstance(block, Item) else "paragraph", block.place.indent, gap, rtl, runs))
    return lines


class Canvas:
    """A QTextDocument and what was written into it."""

    def __init__(self, document: QTextDocument, owner: object = None) -> None:
        self.document = document
        # The wrapper of a TextEdit's document dies with that of its owner, so both are held.
        self._owner = owner
        self._lines: list[Line] = []
        self._table: QTextTable | None = None
        self._rows: list[tuple[Spans, ...]] = []
        self._look = Look()
        self._formats: dict[object, QTextCharFormat] = {}
        self._code = highlight.Colours()
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(0)

    @property
    def alive(self) -> bool:
        """Whether the document still exists: a TextEdit takes its own along."""
        return shiboken6.isValid(self.document)

    @property
    def look(self) -> Look:
        return self._look

    @look.setter
    def look(self, look: Look) -> None:
        if look != self._look:
            # Everything is written anew at the next paint().
            self._lines, self._rows, self._formats, self._look = [], [], {}, look
            self.document.setIndentWidth(look.size * 1.75)

    def paint(self, segment: Segment, look: Look | None = None) -> None:
        """Write a segment; with ``look``, in that one from now on."""
        if look is not None:
            self.look = look
        if segment.kind == "prose":
            self._write(prose_lines(segment))
        elif segment.kind == "code":
            (block,) = segment.blocks
            assert isinstance(block, Code)
            self._write(
                [
                    Line("code", 0, False, False, tuple(Run(text, kind) for text, kind in runs))
                    for runs in self._code.lines(block.info, block.lines)
                ]
            )
        elif segment.kind == "table":
            (block,) = segment.blocks
            assert isinstance(block, Table)
            self._write_table(block)

    def _write_table(self, table: Table) -> None:
        """The header and the rows; rows that are written already stay."""
        cursor = QTextCursor(self.document)
        cursor.beginEditBlock()
        rows = (table.header, *table.rows)
        made = self._table
        if made is None or not self._rows or made.columns() != len(table.header) or len(rows) < len(self._rows):
            cursor.select(QTextCursor.SelectionType.Document)
            cursor.removeSelectedText()
            self._rows = []
            cursor.setBlockFormat(QTextBlockFormat())
            made = self._table = cursor.insertTable(1, len(table.header), self._table_format())
        if made.rows() < len(rows):
            made.appendRows(len(rows) - made.rows())
        for number, row in enumerate(rows):
            if number < len(self._rows) and self._rows[number] == row:
                continue
            for column, cell in enumerate(row):
                self._write_cell(made, number, column, cell, table.align[column])
        self._rows = list(rows)
        cursor.endEditBlock()

    def _table_format(self) -> QTextTableFormat:
        made = QTextTableFormat()
        made.setBorder(1)
        made.setBorderCollapse(True)
        made.setBorderBrush(QBrush(QColor(self._look.faint)))
        made.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        made.setCellPadding(round(self._look.size * 0.45))
        made.setCellSpacing(0)
        made.setHeaderRowCount(1)
        return made

    def _write_cell(self, table: QTextTable, row: int, column: int, cell: Spans, align: str) -> None:
        text = plain_text(cell)
        line = Line(
            "header" if row == 0 else "cell", 0, False, is_right_to_left(text), tuple(Run(*span) for span in cell)
        )
        place = table.cellAt(row, column)
        cursor = place.firstCursorPosition()
        cursor.setPosition(place.lastCursorPosition().position(), QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        block = self._block_format(line)
        if align:
            sides = {"left": Qt.AlignmentFlag.AlignLeft, "right": Qt.AlignmentFlag.AlignRight}
            block.setAlignment(sides.get(align, Qt.AlignmentFlag.AlignHCenter) | Qt.AlignmentFlag.AlignAbsolute)
        cursor.setBlockFormat(block)
        self._insert(cursor, line, line.runs)

    def _write(self, lines: list[Line]) -> None:
        same = 0
        for old, new in zip(self._lines, lines, strict=False):
            if old is not new and old != new:
                break
            same += 1
        if same == len(lines) == len(self._lines):
            return
        cursor = QTextCursor(self.document)
        cursor.beginEditBlock()
        if not self._lines:
            cursor.select(QTextCursor.SelectionType.Document)
            cursor.removeSelectedText()
        elif same < len(self._lines):
            self._shorten(cursor, same, lines)
        for index in range(same, len(lines)):
            line = lines[index]
            if index >= len(self._lines):
                cursor.movePosition(QTextCursor.MoveOperation.End)
                if index:
                    cursor.insertBlock(self._block_format(line), self._char_format(line, Run("")))
                else:
                    cursor.setBlockFormat(self._block_format(line))
                    cursor.setBlockCharFormat(self._char_format(line, Run("")))
                self._insert(cursor, line, line.runs)
            else:
                cursor.setPosition(self.document.findBlockByNumber(index).position())
                self._amend(cursor, self._lines[index], line)
        cursor.endEditBlock()
        self._lines = lines

    def _shorten(self, cursor: QTextCursor, same: int, lines: list[Line]) -> None:
        """Remove the lines of before that are more than there are now."""
        keep = len(lines)
        if keep < len(self._lines):
            block = self.document.findBlockByNumber(keep)
            cursor.setPosition(max(0, block.position() - 1))
            cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            del self._lines[keep:]

    def _amend(self, cursor: QTextCursor, old: Line, new: Line) -> None:
        """Make one line into another that usually begins like it. The cursor stands at its start."""
        if old[:4] != new[:4]:
            cursor.setBlockFormat(self._block_format(new))
            cursor.setBlockCharFormat(self._char_format(new, Run("")))
        whole = old.kind == new.kind and (old.kind != "heading" or old.level == new.level)
        kept, rest = 0, list(new.runs)
        for before in old.runs if whole else ():
            if not rest or rest[0][1:] != before[1:]:
                break
            if rest[0].text == before.text:
                kept += _length(before.text)
                rest.pop(0)
                continue
            if rest[0].text.startswith(before.text):
                kept += _length(before.text)
                rest[0] = rest[0]._replace(text=rest[0].text[len(before.text) :])
            break
        cursor.setPosition(cursor.position() + kept)
        cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._insert(cursor, new, rest)

    def _insert(self, cursor: QTextCursor, line: Line, runs: Iterable[Run]) -> None:
        for run in runs:
            cursor.insertText(run.text, self._char_format(line, run))

    def _block_format(self, line: Line) -> QTextBlockFormat:
        look = self._look
        block = QTextBlockFormat()
        block.setTopMargin(round(look.size * (0.9 if line.kind == "heading" else 0.55)) if line.gap else 0)
        if line.kind == "code":
            block.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
            return block
        block.setLineHeight(
            100.0 if line.kind in ("cell", "header") else 125.0,
            QTextBlockFormat.LineHeightTypes.ProportionalHeight.value,
        )
        block.setLayoutDirection(Qt.LayoutDirection.RightToLeft if line.rtl else Qt.LayoutDirection.LeftToRight)
        side = Qt.AlignmentFlag.AlignRight if line.rtl else Qt.AlignmentFlag.AlignLeft
        block.setAlignment(side | Qt.AlignmentFlag.AlignAbsolute)
        if line.kind != "heading":
            block.setIndent(line.level)
        if line.kind == "item":
            if not line.gap:
                block.setTopMargin(round(look.size * 0.2))
            step = self.document.indentWidth()
            block.setTextIndent(-step)
            block.setTabPositions([QTextOption.Tab(step, QTextOption.TabType.LeftTab)])
        return block

    def _char_format(self, line: Line, run: Run) -> QTextCharFormat:
        key = (line.kind, line.level if line.kind == "heading" else 0, run.style, run.link)
        found = self._formats.get(key)
        if found is None:
            found = self._formats[key] = self._new_format(line, run)
        return found

    def _new_format(self, line: Line, run: Run) -> QTextCharFormat:
        look = self._look
        made = QTextCharFormat()
        made.setForeground(QColor(look.ink))
        if line.kind == "code":
            made.setFontFamilies([fixed_family()])
            made.setFontFixedPitch(True)
            made.setForeground(QColor(highlight.colour(str(run.style or ""), look)))
            return made
        if line.kind == "heading":
            size = round(look.size * HEADING_SIZES[line.level - 1])
            made.setProperty(QTextCharFormat.Property.FontPixelSize, size)
            made.setFontWeight(QFont.Weight.DemiBold)
        if line.kind == "header":
            made.setFontWeight(QFont.Weight.DemiBold)
        if run.style == "marker":
            made.setForeground(QColor(look.soft))
        elif isinstance(run.style, int):
            if run.style & STRONG:
                made.setFontWeight(QFont.Weight.Bold)
            made.setFontItalic(bool(run.style & EMPHASIS))
            made.setFontStrikeOut(bool(run.style & STRIKE))
            if run.style & CODE:
                made.setFontFamilies([fixed_family()])
                made.setFontFixedPitch(True)
                made.setBackground(QBrush(QColor(look.ground)))
        if run.link:
            made.setAnchor(True)
            made.setAnchorHref(run.link)
            made.setForeground(QColor(look.accent))
            made.setFontUnderline(True)
        return made


def _length(text: str) -> int:
    """Qt counts UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
