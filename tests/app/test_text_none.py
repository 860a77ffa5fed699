"""PySide6 6.12.0 loses a reference to None at every call that returns nothing; see meadow_app/__init__.py."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import meadow_app
from PySide6.QtCore import QObject
thing = QObject()
for _ in range(200_000):
    thing.setObjectName("x")
print("alive")
"""


def test_a_hundred_thousand_calls_into_qt_do_not_end_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
