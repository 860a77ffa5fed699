"""What a test can say about a picture."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage


def brightness(file: Path) -> float:
    """The mean of all pixels: 0 is black, 1 is white."""
    image = QImage(str(file))
    assert not image.isNull(), file
    keep, smooth = Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    return image.scaled(QSize(1, 1), keep, smooth).pixelColor(0, 0).lightnessF()
