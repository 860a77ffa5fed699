"""The messages of the chosen path that are in memory, oldest first. What came before is fetched when wanted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Property, QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot

from meadow_app.chat.message import Message

Index = QModelIndex | QPersistentModelIndex
Tree = Mapping[str, Any]
_ROLE = Qt.ItemDataRole.UserRole
KEPT_DOCUMENTS = 40
"""Messages just out of sight keep their blocks, so that scrolling back is cheap; beyond that only the text is kept."""


class Messages(QAbstractListModel):
    """One role, ``message``: a :class:`Message`."""

    countChanged = Signal()

    def __init__(self, tree: Callable[[], Tree], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tree = tree
        self._items: list[Message] = []
        self._rested: OrderedDict[Message, None] = OrderedDict()

    count = Property(int, lambda self: len(self._items), notify=countChanged)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, at: int) -> Message:
        return self._items[at]

    def rowCount(self, parent: Index | None = None) -> int:
        """As Qt asks for it."""
        return 0 if parent is not None and parent.isValid() else len(self._items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """As Qt asks for it."""
        if role != _ROLE or not index.isValid() or not 0 <= index.row() < len(self._items):
            return None
        return self._items[index.row()]

    def roleNames(self) -> dict[int, Any]:
        """As Qt asks for them."""
        return {int(_ROLE): b"message"}

    @Slot(int, result=QObject)
    def at(self, row: int) -> Message | None:
        """The message in a row, if there is one."""
        return self._items[row] if 0 <= row < len(self._items) else None

    def find(self, number: int) -> int:
        """The row of the message with this id; -1: it is not here."""
        return next((row for row, message in enumerate(self._items) if message.number == number), -1)

    # What the view shows, so that only those have their text in blocks.

    def appear(self, message: Message) -> None:
        """An item of the view shows it."""
        self._rested.pop(message, None)
        message.appear()

    def disappear(self, message: Message) -> None:
        """An item of the view shows it no longer."""
        if message.disappear():
            self._rested[message] = None
            while len(self._rested) > KEPT_DOCUMENTS:
                self._rested.popitem(last=False)[0].forget_document()

    # What the conversation does

    def show(self, page: Sequence[Tree]) -> None:
        """The end of the chosen path is this now. Earlier messages stay if the page follows them; messages that stay
        keep their objects, so that the view does not jump."""
        start = self.find(int(page[0]["id"])) if page else 0
        if start < 0:
            parent = page[0].get("parent_id")
            start = self.find(int(parent)) + 1 if parent is not None else 0
        kept = start
        for data in page:
            if kept >= len(self._items) or self._items[kept].number != int(data["id"]):
                break
            self._items[kept].update(data)
            kept += 1
        self.cut(kept)
        self.append(page[kept - start :])

    def append(self, page: Iterable[Tree]) -> list[Message]:
        """Messages that follow."""
        new = [Message(data, self._tree, self) for data in page]
        if new:
            self.beginInsertRows(QModelIndex(), len(self._items), len(self._items) + len(new) - 1)
            self._items += new
            self.endInsertRows()
            self.countChanged.emit()
        return new

    def prepend(self, page: Iterable[Tree]) -> None:
        """Messages that came before."""
        new = [Message(data, self._tree, self) for data in page]
        if new:
            self.beginInsertRows(QModelIndex(), 0, len(new) - 1)
            self._items[:0] = new
            self.endInsertRows()
            self.countChanged.emit()

    def cut(self, row: int) -> None:
        """Everything from this row on belongs to another branch, or is deleted."""
        gone = self._items[row:]
        if gone:
            self.beginRemoveRows(QModelIndex(), row, len(self._items) - 1)
            del self._items[row:]
            self.endRemoveRows()
            for message in gone:
                self._rested.pop(message, None)
                message.deleteLater()
            self.countChanged.emit()
