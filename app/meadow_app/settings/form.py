"""The rows of one page of settings. A row knows its value, whether it was changed, and what was refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from meadow_app.settings.registry import Entry

_ROLES: Final = (
    "key",
    "label",
    "about",
    "widget",
    "value",
    "text",
    "unit",
    "range",
    "options",
    "minimum",
    "maximum",
    "changed",
    "defaultText",
    "error",
    "pending",
    "restart",
)


class Form(QAbstractListModel):
    """Rows with the roles above. ``value`` is JSON, ``text`` what stands in a field."""

    ROLES = dict(enumerate(_ROLES, Qt.ItemDataRole.UserRole.value + 1))

    def __init__(self, page: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.page = page
        self._entries: list[Entry] = []
        self._values: Mapping[str, Any] = {}
        self._chosen: frozenset[str] = frozenset()
        self._errors: dict[str, str] = {}
        self._pending: frozenset[str] = frozenset()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._entries)

    def roleNames(self) -> dict[int, Any]:
        return {role: name.encode() for role, name in self.ROLES.items()}

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = 0) -> Any:
        if not index.isValid() or role not in self.ROLES:
            return None
        return self._field(self._entries[index.row()], self.ROLES[role])

    def _field(self, entry: Entry, name: str) -> Any:
        value = self._values.get(entry.key, entry.default)
        match name:
            case "key" | "label" | "about" | "widget" | "restart":
                return getattr(entry, name)
            case "minimum" | "maximum":
                return getattr(entry, name) or 0.0
            case "value":
                return value
            case "text":
                return entry.as_text(value)
            case "unit":
                return entry.shown_unit
            case "range":
                return entry.range_text
            case "options":
                return entry.options()
            case "changed":
                return entry.key in self._chosen
            case "defaultText":
                return entry.as_text(entry.default)
            case "error":
                return self._errors.get(entry.key, "")
            case _:
                return entry.key in self._pending

    # What Settings does with it

    def entry(self, key: str) -> Entry | None:
        """The entry of ``key``, if it is on this page."""
        return next((entry for entry in self._entries if entry.key == key), None)

    def set_entries(self, entries: list[Entry]) -> None:
        """Another registry: the node is another one. Rows that stay the same keep their place and the focus."""
        mine = [entry for entry in entries if entry.page == self.page]
        if mine != self._entries:
            self.beginResetModel()
            self._entries = mine
            self.endResetModel()

    def set_values(self, values: Mapping[str, Any], chosen: frozenset[str], pending: frozenset[str]) -> None:
        """What the node says now. ``pending``: what counts from its next start."""
        self._values, self._chosen, self._pending = values, chosen, pending
        self.refresh()

    def set_pending(self, pending: frozenset[str]) -> None:
        """What counts from the node's next start, is now this."""
        self._pending = pending
        self.refresh()

    def set_error(self, key: str, message: str) -> None:
        """Why the last change of ``key`` was refused; empty: it was not."""
        if message:
            self._errors[key] = message
        else:
            self._errors.pop(key, None)
        self.refresh()

    def refresh(self) -> None:
        """Draw everything anew: the values, or the language, are others."""
        if self._entries:
            self.dataChanged.emit(self.index(0), self.index(len(self._entries) - 1))
