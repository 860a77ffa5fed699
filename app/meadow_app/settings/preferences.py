"""What only the app keeps: language, colours, zoom, notifications, and what was already shown once.

A small JSON file, ``app.json``, beside the node's own things. It is never worth a message to the person: what cannot be
read counts as not there, each value on its own, and a file that is not JSON at all is put aside as
``app.json.damaged`` before a new one is written.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Property, QObject, QTimer, Signal, Slot
from PySide6.QtQml import QJSValue

from meadow_app.settings.places import places

VERSION: Final = 1
SCHEMES: Final = ("system", "light", "dark")
CLOSINGS: Final = ("background", "quit")
ZOOMS: Final = (0.8, 2.0)
_WRITE_MS = 250
_MAX_BYTES = 1 << 20


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in choices


def _is_zoom(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and ZOOMS[0] <= value <= ZOOMS[1]


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_language(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 20


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


_KNOWN: Final[dict[str, tuple[Any, Callable[[Any], bool]]]] = {
    "language": ("", _is_language),
    "scheme": ("system", _one_of(SCHEMES)),
    "zoom": (1.0, _is_zoom),
    "notifications": (True, _is_flag),
    "closing": ("background", _one_of(CLOSINGS)),
    "remembered": ({}, _is_object),
}
"""Each key with its default and what a value must be."""


class Preferences(QObject):
    """The app's own settings. Every property writes itself to the file, a moment later and in one step."""

    changed = Signal(str)
    """The name of what changed."""

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self._content: dict[str, Any] = {}
        self._values: dict[str, Any] = {name: default for name, (default, _) in _KNOWN.items()}
        self._load()
        self._later = QTimer(self, singleShot=True, interval=_WRITE_MS)
        self._later.timeout.connect(self.flush)

    # The values, for Python and QML

    def value(self, name: str) -> Any:
        """One of the values, for Python; QML reads the properties."""
        return self._values[name]

    def _set(self, name: str, value: Any) -> None:
        if not _KNOWN[name][1](value) or value == self._values[name]:
            return
        self._values[name] = value
        self._later.start()
        self.changed.emit(name)

    language = Property(
        str, lambda self: self.value("language"), lambda self, value: self._set("language", value), notify=changed
    )
    """A code such as "de"; empty: that of the system."""
    scheme = Property(
        str, lambda self: self.value("scheme"), lambda self, value: self._set("scheme", value), notify=changed
    )
    """"system", "light" or "dark"."""
    zoom = Property(
        float, lambda self: float(self.value("zoom")), lambda self, value: self.set_zoom(value), notify=changed
    )
    """How large text is: 0.8 to 2."""
    notifications = Property(
        bool,
        lambda self: self.value("notifications"),
        lambda self, value: self._set("notifications", value),
        notify=changed,
    )
    """Whether the system shows a finished answer, or why sharing paused, while the window is hidden."""
    closing = Property(
        str, lambda self: self.value("closing"), lambda self, value: self._set("closing", value), notify=changed
    )
    """What closing the window does: "background" leaves Meadow running where there is a tray, "quit" ends it."""

    def set_zoom(self, value: float) -> None:
        """The nearest zoom that there is, in steps of 5 %."""
        if value == value:  # not NaN
            self._set("zoom", round(min(max(value, ZOOMS[0]), ZOOMS[1]) * 20) / 20)

    @Slot(int)
    def zoomBy(self, steps: int) -> None:
        """Larger or smaller by a tenth; 0 is 100 % again."""
        self.set_zoom(1.0 if steps == 0 else self.value("zoom") + steps / 10)

    # What others of the app remember: the size of the window, hints that were shown

    @Slot(str, result="QVariant")
    def recall(self, name: str) -> Any:
        """What was remembered under ``name``, or None."""
        return self._values["remembered"].get(name)

    @Slot(str, "QVariant")
    def remember(self, name: str, value: Any) -> None:
        """Keep a JSON value under ``name`` for the next start. None forgets it."""
        if isinstance(value, QJSValue):
            value = value.toVariant()
        kept = {**self._values["remembered"], name: value}
        self._set("remembered", {key: entry for key, entry in kept.items() if entry is not None})

    # The file

    @Slot()
    def flush(self) -> None:
        """Write now what has changed. A full disk costs the change at the next start, and nothing else."""
        self._later.stop()
        changed = {name: value for name, value in self._values.items() if value != _KNOWN[name][0]}
        unknown = {name: value for name, value in self._content.items() if name not in _KNOWN}
        # A newer Meadow may have written the file: its version stays, and so does what is not known here.
        content = {"version": VERSION, **unknown, **changed}
        if content == self._content:
            return
        with contextlib.suppress(OSError, ValueError, TypeError):
            _write(self.path, json.dumps(content, indent=2) + "\n")
            self._content = content

    def _load(self) -> None:
        try:
            with open(self.path, "rb") as file:
                raw = file.read(_MAX_BYTES + 1)
        except OSError:
            return
        try:
            content = json.loads(raw)
            if not isinstance(content, dict) or len(raw) > _MAX_BYTES:
                raise ValueError
        except (ValueError, RecursionError):
            with contextlib.suppress(OSError):
                os.replace(self.path, self.path.with_name(self.path.name + ".damaged"))
            return
        self._content = content
        for name, (default, fits) in _KNOWN.items():
            value = content.get(name, default)
            self._values[name] = value if fits(value) else default


def preferences_of(link: Any) -> Preferences:
    """The one :class:`Preferences` of this link's home; a child of the link, so that two never write one file."""
    from PySide6.QtCore import Qt  # late: its hundreds of enumerations take longer than reading the file

    found = link.findChild(Preferences, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return found if found is not None else Preferences(places(link.home).preferences, link)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
