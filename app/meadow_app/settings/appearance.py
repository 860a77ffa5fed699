"""Preferences that change the whole window at once: the language, and light or dark."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QGuiApplication

from meadow_app.language import Language
from meadow_app.settings.preferences import Preferences

_SCHEMES: Final = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}


class Appearance(QObject):
    """Keeps language and colours as ``preferences`` say, now and whenever they change."""

    def __init__(self, preferences: Preferences, language: Language, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._preferences, self._language = preferences, language
        preferences.changed.connect(self._changed)
        self._apply_scheme()
        language.use(preferences.value("language"))

    def _changed(self, name: str) -> None:
        if name == "language":
            self._language.use(self._preferences.value("language"))
        elif name == "scheme":
            self._apply_scheme()

    def _apply_scheme(self) -> None:
        if isinstance(QCoreApplication.instance(), QGuiApplication):
            scheme = _SCHEMES.get(
                self._preferences.value("scheme"), Qt.ColorScheme.Unknown
            )  # Unknown: as the system has it
            QGuiApplication.styleHints().setColorScheme(scheme)
