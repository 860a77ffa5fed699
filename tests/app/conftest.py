"""One application object for all tests of the app in a process: Qt allows no second one."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtWidgets import QApplication


@pytest.fixture(scope="session", autouse=True)
def qt() -> QApplication:
    """The application object. Tests run its loop with ``fakes.spin``."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    application = QApplication(["meadow"])
    application.setApplicationName("meadow")
    application.setQuitOnLastWindowClosed(False)
    return application
