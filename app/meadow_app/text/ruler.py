"""How high a segment will be, before anything of the window is made for it: so rows out of sight need no items, and
nothing moves when they get them."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from PySide6.QtCore import QTimer
from PySide6.QtGui import QFont, QTextDocument, QTextOption

from meadow_app.text.blocks import Code, Table
from meadow_app.text.look import Look
from meadow_app.text.painter import Canvas
from meadow_app.text.segments import Segment

TURN_SECONDS = 0.02
"""CPU that measuring may take of one turn of the event loop; beyond that, heights are estimated and measured later."""


class Size(NamedTuple):
    """Of a text: its height, and how wide it wants to be. ``sure``: measured, not estimated."""

    height: float
    width: float
    sure: bool


class _Turn:
    """The time that measuring has taken in this turn."""

    def __init__(self) -> None:
        self.spent = 0.0

    def spend(self, seconds: float) -> None:
        if not self.spent:
            QTimer.singleShot(0, self._over)
        self.spent += seconds

    def _over(self) -> None:
        self.spent = 0.0


_turn = _Turn()


def size(segment: Segment, width: float, look: Look) -> Size:
    """Of a segment's text in a column of this width, as the items of QML lay it out; a table may get wider."""
    if segment.kind == "rule":
        return Size(0.0, 0.0, True)
    if _turn.spent > TURN_SECONDS:
        return estimate(segment, width, look)
    begun = time.thread_time()
    document = QTextDocument()
    font = QFont()
    font.setPixelSize(look.size)
    document.setDefaultFont(font)
    option = QTextOption()
    option.setUseDesignMetrics(True)
    code = segment.kind == "code"
    option.setWrapMode(QTextOption.WrapMode.NoWrap if code else QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    document.setDefaultTextOption(option)
    Canvas(document).paint(_colourless(segment), look)
    if code:
        found = Size(document.size().height(), document.idealWidth(), True)
    else:
        block = segment.blocks[0]
        columns = len(block.header) if isinstance(block, Table) else 0
        document.setTextWidth(max(width, columns * look.size * 7))
        found = Size(document.size().height(), max(width, columns * look.size * 7), True)
    _turn.spend(time.thread_time() - begun)
    return found


def estimate(segment: Segment, width: float, look: Look) -> Size:
    """Without any layout."""
    line = look.size * 1.45
    if segment.kind == "prose":
        in_line = max(10.0, width / (look.size * 0.48))
        lines = sum(math.ceil(max(1, len(text)) / in_line) for text in segment.text.split("\n"))
        return Size((lines + 0.5 * len(segment.blocks)) * line, width, False)
    lines = segment.text.count("\n") + 1
    return Size(lines * line * (1.6 if segment.kind == "table" else 0.85), width, False)


def _colourless(segment: Segment) -> Segment:
    """Code without its language: colours take time, and no place."""
    block = segment.blocks[0]
    if not isinstance(block, Code) or not block.info:
        return segment
    plain = Code(block.place, block.lines, "", block.closed)
    return Segment(segment.kind, (plain,), segment.start, segment.quote, segment.inset)
