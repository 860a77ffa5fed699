"""Preferences that change the whole window at once: the language, and light or dark."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtGui import QGuiApplication

from meadow_app.language import Language
from meadow_app.settings.preferences import Preferences


class Appearance(QObject):
    """Keeps language and colours as ``preferences`` say, now and whenever they change."""

    def __init__(self, preferences: Preferences, language: Language, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._preferences, self._language = preferences, language
        self._scheme = "system"  # what Qt does until it is told otherwise
        preferences.changed.connect(self._changed)
        self._apply_scheme()
        language.use(preferences.value("language"))

    def _changed(self, name: str) -> None:
        if name == "language":
            self._language.use(self._preferences.value("language"))
        elif name == "scheme":
            self._apply_scheme()

    def _apply_scheme(self) -> None:
        scheme = self._preferences.value("scheme")
        if scheme == self._scheme or not isinstance(QCoreApplication.instance(), QGuiApplication):
            return
        from PySide6.QtCore import Qt  # late: its hundreds of enumerations cost a tenth of the time to the first frame

        self._scheme = scheme
        schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        QGuiApplication.styleHints().setColorScheme(schemes.get(scheme, Qt.ColorScheme.Unknown))
