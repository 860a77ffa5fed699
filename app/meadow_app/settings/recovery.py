"""A settings file that the node refuses to start with: which line it is, and what can be done about it.

The node never writes over what it cannot read, and neither does the app: the file is only renamed, and only when the
person asks for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Property, QObject, Signal, Slot

CODES: Final = frozenset({"settings", "settings_newer"})


class Recovery(QObject):
    """``needed`` while the node does not start because of its settings file, or has not taken over an edit of it."""

    changed = Signal()

    def __init__(self, link: Any, file: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link, self._path = link, file
        self._set_aside = ""
        self._error = ""
        link.statusChanged.connect(self.changed)

    def _is_needed(self) -> bool:
        return self._link.status == "failed" and self._link.code in CODES

    needed = Property(bool, _is_needed, notify=changed)
    message = Property(str, lambda self: self._error or self._link.message, notify=changed)
    """What is wrong, with the line."""
    file = Property(str, lambda self: str(self._path), constant=True)
    kept = Property(str, lambda self: self._set_aside, notify=changed)
    """Where the file is that was set aside; empty until then."""

    @Slot(result=bool)
    def setAside(self) -> bool:
        """Rename the file, so that the node starts with the defaults; then start the node. Nothing is deleted."""
        target = aside(self._path)
        try:
            os.rename(self._path, target)
        except OSError as error:
            self._error = self.tr("The file could not be renamed (%1). Rename it yourself, then try again.").replace(
                "%1", error.strerror or ""
            )
            self.changed.emit()
            return False
        self._set_aside, self._error = str(target), ""
        self.changed.emit()
        if self._link.status != "connected":
            self._link.retry()
        return True


def aside(path: Path) -> Path:
    """A name beside ``path`` that is free: settings.json.set-aside, settings.json.set-aside-2, ..."""
    target, number = path.with_name(f"{path.name}.set-aside"), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.set-aside-{number}")
    return target
