"""The colours and sizes a text is painted with, as QML hands them over from Theme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from PySide6.QtGui import QColor, QFontDatabase


@dataclass(frozen=True)
class Look:
    ink: str = "#1c211d"
    soft: str = "#667069"
    faint: str = "#e2e6e0"
    accent: str = "#2e7d43"
    ground: str = "#f4f6f3"
    """Behind code."""
    dark: bool = False
    size: int = 14
    """Pixels of the body's font, zoom included."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Look:
        """From QML's ``({ink: Theme.ink, …})``."""
        known: dict[str, Any] = {}
        for key, value in values.items():
            if key in ("ink", "soft", "faint", "accent", "ground"):
                known[key] = QColor(value).name(QColor.NameFormat.HexArgb)
        return cls(**known, dark=bool(values.get("dark")), size=max(6, round(float(values.get("size", 14)))))


@cache
def fixed_family() -> str:
    """The system's font of equal widths."""
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
