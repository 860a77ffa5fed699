"""Rows for a list or a table in QML: a list model over dicts that says exactly what came, went, moved or changed.

Views then keep their selection and their place, and a row that goes can fade away. Belongs to no page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Property, QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot

Index = QModelIndex | QPersistentModelIndex
_KEY = "key"


class Rows(QAbstractListModel):
    """Each row is a dict with a value for each role; ``key`` is one of them and tells rows apart."""

    countChanged = Signal()

    def __init__(self, roles: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._names = [_KEY, *(name for name in roles if name != _KEY)]
        self._roles = {Qt.ItemDataRole.UserRole + number: name for number, name in enumerate(self._names)}
        self._rows: list[dict[str, Any]] = []

    count = Property(int, lambda self: len(self._rows), notify=countChanged)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """As they are shown."""
        return self._rows

    def rowCount(self, parent: Index | None = None) -> int:
        """As Qt asks for it."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """As Qt asks for it; None for what is not there."""
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        return self._rows[index.row()].get(self._roles.get(role, ""))

    def roleNames(self) -> dict[int, Any]:
        """As Qt asks for them."""
        return {role: name.encode() for role, name in self._roles.items()}

    @Slot(int, result="QVariantMap")
    def at(self, row: int) -> dict[str, Any]:
        """A whole row; empty when there is none."""
        return dict(self._rows[row]) if 0 <= row < len(self._rows) else {}

    @Slot(str, result=int)
    def find(self, key: str) -> int:
        """Where the row with this key is; -1 when it is not."""
        return next((at for at, row in enumerate(self._rows) if row[_KEY] == key), -1)

    def update(self, rows: Sequence[dict[str, Any]]) -> None:
        """Show these from now on. Keys must be different from each other; of equal ones the first counts."""
        wanted = list({row[_KEY]: row for row in reversed(rows)}.values())[::-1]
        before = len(self._rows)
        keys = {row[_KEY] for row in wanted}
        for at in range(len(self._rows) - 1, -1, -1):
            if self._rows[at][_KEY] not in keys:
                self.beginRemoveRows(QModelIndex(), at, at)
                del self._rows[at]
                self.endRemoveRows()
        for at, row in enumerate(wanted):
            self._put(at, row)
        if len(self._rows) != before:
            self.countChanged.emit()

    def replace(self, rows: Sequence[dict[str, Any]]) -> None:
        """Show these, which have nothing to do with those before: views begin anew, and nothing fades or moves."""
        before = len(self._rows)
        self.beginResetModel()
        self._rows = list({row[_KEY]: row for row in reversed(rows)}.values())[::-1]
        self.endResetModel()
        if len(self._rows) != before:
            self.countChanged.emit()

    def _put(self, at: int, row: dict[str, Any]) -> None:
        found = next((n for n in range(at, len(self._rows)) if self._rows[n][_KEY] == row[_KEY]), -1)
        if found < 0:
            self.beginInsertRows(QModelIndex(), at, at)
            self._rows.insert(at, row)
            self.endInsertRows()
            return
        if found != at:
            self.beginMoveRows(QModelIndex(), found, found, QModelIndex(), at)
            self._rows.insert(at, self._rows.pop(found))
            self.endMoveRows()
        if self._rows[at] != row:
            changed = [role for role, name in self._roles.items() if self._rows[at].get(name) != row.get(name)]
            self._rows[at] = row
            self.dataChanged.emit(self.index(at), self.index(at), changed)
