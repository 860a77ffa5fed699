"""``python -m meadow_app``, ``meadow-app``: open the window."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meadow_app.application import Application


def main(
    arguments: Sequence[str] | None = None, *, opened: Callable[[Application], object] = lambda application: None
) -> int:
    """Run the app until it is quit; returns the exit status. ``opened`` is called when the window was made."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="meadow-app", description="Meadow: chat with a swarm, and share this machine."
    )
    parser.add_argument("--home", metavar="DIR", help="keep everything below this folder")
    parser.add_argument("link", nargs="?", help="a meadow:// link to open")
    options = parser.parse_args(arguments)

    from PySide6.QtWidgets import QApplication

    from meadow_app.application import Application

    qt = QApplication(sys.argv[:1])
    qt.setApplicationName("meadow")
    qt.setApplicationDisplayName("Meadow")
    qt.setDesktopFileName("meadow")
    qt.setQuitOnLastWindowClosed(False)
    application = Application(options.home)
    application.open()
    opened(application)
    status = qt.exec()
    application.end()
    return status


if __name__ == "__main__":
    sys.exit(main())
