"""The language of the window: which there are, which one is in use, and changing it while it runs.

Texts are English in the code, in ``qsTr`` and ``tr``; ``scripts/translate.py`` collects them into
``resources/translations/*.ts``, and people translate those. That script also makes two languages up, for tests: "en-XA"
is longer and accented, which shows what is clipped and what was never translated, and "ar-XB" reads from right to left.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Property, QCoreApplication, QLibraryInfo, QLocale, QObject, QTranslator, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtQml import QQmlEngine

LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
"""Code and name, each in its own language."""
_FROM_RIGHT: Final = frozenset(("ar", "fa", "he", "ur", "yi"))  # read from right to left


def QT_TRANSLATE_NOOP(context: str, text: str) -> str:
    """Mark a text of a table for translation; it is translated where it is shown. PySide6's has no useful type."""
    return text


def translate(context: str, text: str, comment: str = "", n: int = -1) -> str:
    """``text`` in the language in use; ``%n`` in it becomes ``n``. For what is no method of a QObject."""
    return QCoreApplication.translate(context, text, comment or None, n)


class Language(QObject):
    """The language in use. ``use`` changes it, live when there is an engine."""

    changed = Signal()
    """After everything in QML was translated anew: time to compute again what Python translated."""

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        """``folder`` has the ``.qm`` files."""
        super().__init__(parent)
        self._folder = folder
        self._engine: QQmlEngine | None = None
        self._code = "en"
        self._mirrored = False
        self._translators: list[QTranslator] = []

    code = Property(str, lambda self: self._code, notify=changed)

    def translate_engine(self, engine: QQmlEngine) -> None:
        """The engine whose texts change with the language."""
        self._engine = engine
        engine.setUiLanguage(self._code)

    def use(self, chosen: str) -> None:
        """Take the language ``chosen``; empty, or one that does not exist: that of the system, if it is there."""
        code = chosen if chosen and (self._folder / f"meadow_{chosen}.qm").is_file() else of_system()
        if code == self._code and self._translators:
            return
        for translator in self._translators:
            QCoreApplication.removeTranslator(translator)
        self._code, self._translators = code, self._load(code)
        for translator in self._translators:
            QCoreApplication.installTranslator(translator)
        QLocale.setDefault(_regional(code))
        if isinstance(QCoreApplication.instance(), QGuiApplication):
            self._mirror(code.partition("-")[0] in _FROM_RIGHT)
        if self._engine is not None:
            self._engine.setUiLanguage(code)
            self._engine.retranslate()
        self.changed.emit()

    def _mirror(self, mirrored: bool) -> None:
        if mirrored != self._mirrored:
            from PySide6.QtCore import Qt  # late: see Appearance

            directions = Qt.LayoutDirection
            self._mirrored = mirrored
            QGuiApplication.setLayoutDirection(directions.RightToLeft if mirrored else directions.LeftToRight)

    def _load(self, code: str) -> list[QTranslator]:
        """Ours, and Qt's for its own dialogs. English has a file too: for "1 chat" and "2 chats"."""
        ours = QTranslator(self)
        ours.load(f"meadow_{code}.qm", str(self._folder))
        of_qt = QTranslator(self)
        of_qt.load(f"qtbase_{code}.qm", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath))
        return [of_qt, ours]


def of_system() -> str:
    """The first language that the person prefers and that there is; else English."""
    for name in QLocale.system().uiLanguages():
        code = name.partition("-")[0].partition("_")[0]
        if code in LANGUAGES:
            return code
    return "en"


def _regional(code: str) -> QLocale:
    """The system's locale when it speaks this language (an Austrian's dates), else that of the language."""
    system = QLocale.system()
    return system if system.name().partition("_")[0] == code else QLocale(code)
