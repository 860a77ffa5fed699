"""``MessageDocument``: the text of one message as a model of segments, for ``MarkdownView.qml``.

``setSource(text)`` for a message that is complete; ``append(text)`` and at last ``finish()`` for one that streams.
Appended text is taken in at most some thirty times a second, and in slices of a few milliseconds, so that however fast
or long a text comes, the window stays alive. Text beyond a page is only taken in on ``showMore()``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import shiboken6
from PySide6.QtCore import (
    Property,
    QAbstractListModel,
    QByteArray,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    QUrl,
    Signal,
    Slot,
)
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtQuick import QQuickTextDocument

from meadow_app.text import links, ruler
from meadow_app.text.blocks import Code, Table
from meadow_app.text.look import Look
from meadow_app.text.markdown import Parser
from meadow_app.text.painter import Canvas
from meadow_app.text.plain import clean, one_line
from meadow_app.text.segments import Segment, segments

PAGE_CHARACTERS = 60_000
PAGE_LINES = 1500
PAGE_ROWS = 200
"""How much of a message is shown until a person asks for more; four times as much of one that streams."""

_SLICE_SECONDS = 0.006
_SLICE_CHARACTERS = 4000
_SLICE_LINES = 24
_STREAM_MS = 30

_Index = QModelIndex | QPersistentModelIndex


class MessageDocument(QAbstractListModel):
    """One message. Roles: kind ("prose", "code", "table", "rule"), quote, inset, loose, label, reading, columns."""

    KIND, QUOTE, INSET, LOOSE, LABEL, READING, COLUMNS = range(Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 7)

    sourceChanged = Signal()
    moreChanged = Signal()

    def __init__(self, source: str | None = None, parent: QObject | None = None) -> None:
        """With ``source`` the message is complete; without, it is empty and may be appended to."""
        super().__init__(parent)
        self._segments: list[Segment] = []
        # What is painted, by the address of its QTextDocument (a wrapper in Python is not always the same one).
        self._canvases: dict[int, tuple[int, Canvas]] = {}
        self._rows: dict[int, set[int]] = {}
        # Heights that were measured, by row, for one look and by width.
        self._sizes: dict[tuple[int, float], ruler.Size] = {}
        self._sizes_look = Look()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._slice)
        self._begin()
        if source is not None:
            self.setSource(source)

    def _begin(self) -> None:
        self._timer.stop()
        self._pieces: list[str] = []
        self._waiting = ""  # from self._taken on: not parsed yet
        self._taken = 0
        self._parser = Parser()
        self._finished = False
        self._unseen = False  # a text that was set, and that no view has asked for yet
        self._characters = self._lines = 0  # parsed so far
        self._page = 1

    # What the application calls

    @Slot(str)
    def setSource(self, text: str) -> None:
        """Show another text, which is complete. It is parsed when somebody looks."""
        self.beginResetModel()
        self._begin()
        self._segments = []
        self._sizes.clear()
        self._pieces = [text]
        self._waiting = text
        self._finished = self._unseen = True
        self.endResetModel()
        self.sourceChanged.emit()
        self.moreChanged.emit()

    @Slot(str)
    def append(self, text: str) -> None:
        """More of a text that streams; seen within some thirty milliseconds."""
        if self._finished:
            raise ValueError("This message has ended; setSource() begins another")
        self._pieces.append(text)
        self._waiting, self._taken = self._waiting[self._taken :] + text, 0
        if not self._timer.isActive():
            self._timer.start(_STREAM_MS)

    @Slot()
    def finish(self) -> None:
        """The stream has ended."""
        if not self._finished:
            self._finished = True
            self._timer.start(0)
            self.sourceChanged.emit()

    @Slot()
    def flush(self) -> None:
        """Take in at once all that waits and belongs on the pages shown."""
        self._look_in()
        while self._due():
            self._slice()

    # What QML calls

    @Slot(result=str)
    def sourceText(self) -> str:
        """The message as it was written, for "copy": Markdown, without invisible characters."""
        return clean("".join(self._pieces))

    @Slot()
    def copyAll(self) -> None:
        QGuiApplication.clipboard().setText(self.sourceText())

    @Slot(int)
    def copyCode(self, row: int) -> None:
        """The code of a row as it was written, with its last line end left off."""
        block = self._segments[row].blocks[0] if 0 <= row < len(self._segments) else None
        if isinstance(block, Code):
            QGuiApplication.clipboard().setText(block.text)

    @Slot()
    def showMore(self) -> None:
        self._page += 1
        self._timer.start(0)
        self.moreChanged.emit()

    @Slot(str, result=bool)
    def openLink(self, link: str) -> bool:
        """Open a link in the system's browser or mail program. Only ever called by a person who has seen ``link``."""
        return bool(links.target(link)) and QDesktopServices.openUrl(QUrl(link))

    @Slot(str, result=str)
    def linkTarget(self, link: str) -> str:
        """All of a link's target, to be shown before it is opened."""
        return links.full(link) if links.target(link) else ""

    @Slot(str, result=str)
    def linkHost(self, link: str) -> str:
        return links.host(link) if links.target(link) else ""

    @Slot(int, QQuickTextDocument, "QVariantMap")
    def attach(self, row: int, target: QQuickTextDocument, look: Mapping[str, Any]) -> None:
        """Paint a row into the document of a TextEdit, now and whenever it changes."""
        document = target.textDocument()
        address = shiboken6.getCppPointer(document)[0]
        row_before, canvas = self._canvases.get(address, (row, None))
        if canvas is None or not canvas.alive:
            canvas = Canvas(document, target)
        elif row_before != row:
            self._rows[row_before].remove(address)
        self._canvases[address] = row, canvas
        self._rows.setdefault(row, set()).add(address)
        canvas.look = Look.of(look)
        if 0 <= row < len(self._segments):
            canvas.paint(self._segments[row])

    @Slot(QQuickTextDocument)
    def detach(self, target: QQuickTextDocument) -> None:
        """The TextEdit goes away, or shows something else."""
        row, canvas = self._canvases.pop(shiboken6.getCppPointer(target.textDocument())[0], (0, None))
        if canvas is not None:
            self._rows[row].discard(shiboken6.getCppPointer(target.textDocument())[0])

    @Slot(int, float, "QVariantMap", result="QVariantList")
    def measure(self, row: int, width: float, look: Mapping[str, Any]) -> list[float]:
        """How high the text of a row is in a column of this width, how wide it wants to be, and 1 if that is sure."""
        if not 0 <= row < len(self._segments) or width <= 0:
            return [0.0, 0.0, 0.0]
        taken = Look.of(look)
        if taken != self._sizes_look or len(self._sizes) > 4 * PAGE_ROWS:
            self._sizes.clear()
            self._sizes_look = taken
        found = self._sizes.get((row, width)) or ruler.size(self._segments[row], width, taken)
        if found.sure:
            self._sizes[row, width] = found
        return [found.height, found.width, float(found.sure)]

    def _forget_sizes(self, first: int) -> None:
        """Rows from here on are not what they were."""
        for key in [key for key in self._sizes if key[0] >= first]:
            del self._sizes[key]

    def _hidden(self) -> int:
        self._look_in()
        return self._left() if not self._within_page() else 0

    hiddenCharacters = Property(int, _hidden, notify=moreChanged)
    """How much of the message is behind "Show more"."""

    def _streaming(self) -> bool:
        return not self._finished

    streaming = Property(bool, _streaming, notify=sourceChanged)

    # The model

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        self._look_in()
        return 0 if parent.isValid() else len(self._segments)

    def roleNames(self) -> dict[int, QByteArray]:
        names = ("kind", "quote", "inset", "loose", "label", "reading", "columns")
        return {self.KIND + index: QByteArray(name.encode()) for index, name in enumerate(names)}

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self._segments):
            return None
        segment = self._segments[index.row()]
        if role == self.KIND:
            return segment.kind
        if role == self.QUOTE:
            return segment.quote
        if role == self.INSET:
            return segment.inset
        if role == self.LOOSE:
            return segment.loose and index.row() > 0
        if role == self.LABEL:
            block = segment.blocks[0]
            return one_line(block.info, 40) if isinstance(block, Code) else ""
        if role == self.COLUMNS:
            block = segment.blocks[0]
            return len(block.header) if isinstance(block, Table) else 0
        if role in (self.READING, Qt.ItemDataRole.DisplayRole):
            return segment.text
        return None

    # Taking text in

    def _look_in(self) -> None:
        """Parse a text that was set, now that it is to be seen: a history of thousands of messages costs nothing."""
        if self._unseen:
            self._unseen = False
            self._parse(silent=True)
            if self._due():
                self._timer.start(0)

    def _left(self) -> int:
        return len(self._waiting) - self._taken

    def _within_page(self) -> bool:
        pages = self._page if self._finished else self._page + 3
        return (
            self._characters < pages * PAGE_CHARACTERS
            and self._lines < pages * PAGE_LINES
            and len(self._segments) < pages * PAGE_ROWS
        )

    def _due(self) -> bool:
        """Whether there is something to do now."""
        if self._left():
            return self._within_page()
        return self._finished and not self._parser.ended

    def _slice(self) -> None:
        """Take in what a few milliseconds allow, and come back for the rest."""
        before = self.hiddenCharacters
        self._parse()
        if self._due():
            self._timer.start(0)
        if self.hiddenCharacters != before:
            self.moreChanged.emit()

    def _parse(self, silent: bool = False) -> None:
        deadline = time.perf_counter() + _SLICE_SECONDS
        while self._due():
            if self._left():
                piece = _front(self._waiting, self._taken)
                self._taken += len(piece)
                self._characters += len(piece)
                self._lines += piece.count("\n")
                first = self._parser.feed(piece)
            else:
                first = self._parser.end()
            self._regroup(first, silent)
            if time.perf_counter() > deadline:
                break

    def _regroup(self, first: int, silent: bool) -> None:
        """Group the blocks anew from the segment on that holds the last one before ``first``."""
        row = len(self._segments)
        while row > 0 and self._segments[row - 1].start >= max(first, 1):
            row -= 1
        row = max(0, row - 1)
        start = self._segments[row].start if row < len(self._segments) else 0
        new = segments(self._parser.blocks, start)
        old = self._segments[row:]
        same = 0
        while same < min(len(old), len(new)) and _shape(old[same]) == _shape(new[same]):
            same += 1
        self._forget_sizes(row)
        if silent:
            self._segments[row:] = new
            return
        if same < len(old):
            self.beginRemoveRows(QModelIndex(), row + same, row + len(old) - 1)
            del self._segments[row + same :]
            self.endRemoveRows()
        for index in range(same):
            if new[index] != old[index]:
                self._segments[row + index] = new[index]
                self._repaint(row + index)
        if same < len(new):
            self.beginInsertRows(QModelIndex(), row + same, row + len(new) - 1)
            self._segments += new[same:]
            self.endInsertRows()

    def _repaint(self, row: int) -> None:
        index = self.index(row)
        self.dataChanged.emit(index, index, [self.LOOSE, self.LABEL, self.READING])
        for address in self._rows.get(row, ()):
            canvas = self._canvases[address][1]
            if canvas.alive:
                canvas.paint(self._segments[row])


def _shape(segment: Segment) -> tuple[str, int, int]:
    return segment.kind, segment.quote, segment.inset


def _front(text: str, start: int) -> str:
    """What is taken in at once: not too many characters, not too many lines."""
    end = position = start
    for _ in range(_SLICE_LINES):
        position = text.find("\n", end, start + _SLICE_CHARACTERS)
        if position < 0:
            return text[start : start + _SLICE_CHARACTERS]
        end = position + 1
    return text[start:end]
