"""``python -m meadow_app``, ``meadow-app``: open the window, or bring the one forward that is open."""

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

    about = "Meadow: chat with a swarm, and share this machine."
    parser = argparse.ArgumentParser(prog="meadow-app", description=about)
    parser.add_argument("--home", metavar="DIR", help="keep everything below this folder")
    parser.add_argument("links", nargs="*", metavar="LINK", help="meadow:// links to open")
    options = parser.parse_args(arguments)

    from PySide6.QtWidgets import QApplication

    from meadow_app.application import Application
    from meadow_app.deeplink import parse_link
    from meadow_app.instance import Asked, Instance, Unreachable

    qt = QApplication(sys.argv[:1])
    qt.setApplicationName("meadow")
    qt.setApplicationDisplayName("Meadow")
    qt.setDesktopFileName("meadow")
    qt.setQuitOnLastWindowClosed(False)
    try:
        instance = Instance(options.home)
        if not instance.claim(options.links):
            return 0  # the window that is open was told
    except (OSError, Unreachable) as error:
        return _say(f"Meadow could not be opened: {error}")
    application = Application(options.home)
    instance.asked.connect(application.asked)
    application.open()
    if options.links:
        application.asked(Asked(tuple(map(parse_link, options.links))))
    opened(application)
    kept = _quit_on_signals(qt)
    status = qt.exec()
    del kept
    application.end()
    instance.release()
    return status


def _say(text: str) -> int:
    """For those who started it from a terminal, and for those who did not."""
    from PySide6.QtWidgets import QMessageBox

    print(text, file=sys.stderr)
    QMessageBox.critical(None, "Meadow", text)
    return 1


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
