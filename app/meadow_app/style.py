"""The looks of the controls: one style on all systems, and that before Qt is asked for anything.

``resources/qml/Meadow`` draws what people see most over Qt's own Basic controls; Basic stands in for the rest.
Behaviour and accessibility are Qt's. docs/architecture.md says what was measured before it was chosen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

STYLE: Final = "Meadow"
_FALLBACK: Final = "Basic"


def use_style(qml: Path) -> None:
    """``qml`` is the folder of the app's QML. Environment variables do what QQuickStyle does, without its module."""
    os.environ["QT_QUICK_CONTROLS_STYLE"] = STYLE
    os.environ["QT_QUICK_CONTROLS_FALLBACK_STYLE"] = _FALLBACK
    os.environ["QML_IMPORT_PATH"] = str(qml)
