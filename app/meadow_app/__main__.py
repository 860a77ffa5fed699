"""``python -m meadow_app``, ``meadow-app``: open the window."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

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
    kept = _quit_on_signals(qt)
    status = qt.exec()
    del kept
    application.end()
    return status


def _quit_on_signals(qt: QApplication) -> object:
    """Ctrl+C and SIGTERM quit. Returns what must be kept while they shall.

    Python runs handlers between two of its own steps, so a signal must wake the event loop: through a socket.
    """
    import signal
    import socket

    from PySide6.QtCore import QSocketNotifier

    read, write = socket.socketpair()
    read.setblocking(False)
    write.setblocking(False)
    signal.set_wakeup_fd(write.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: qt.quit())
    notifier = QSocketNotifier(read.fileno(), QSocketNotifier.Type.Read, qt)
    notifier.activated.connect(lambda *_: read.recv(64))
    return read, write, notifier


if __name__ == "__main__":
    sys.exit(main())
