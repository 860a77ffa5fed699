"""The node's own log: ``logs/node.log``, for its owner only, a few megabytes at most. Never text of chats."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

from meadow.errors import MeadowError
from meadow.platform.paths import private_folder

_BYTES = 1 << 20
_OLDER = 3
_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Quiet(RotatingFileHandler):
    """A full disk costs lines of the log, nothing else."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Also called when there is no room."""

    def _open(self):  # type: ignore[no-untyped-def]
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return open(descriptor, "a", encoding="utf-8", errors="backslashreplace")


def open_log(folder: Path) -> logging.Handler | None:
    """Write what Meadow's loggers say from INFO on to a file in ``folder``; None if there can be none."""
    try:
        handler = _Quiet(private_folder(folder) / "node.log", maxBytes=_BYTES, backupCount=_OLDER, delay=True)
    except (OSError, MeadowError):
        return None
    handler.setFormatter(logging.Formatter(_FORM))
    ours = logging.getLogger("meadow")
    ours.setLevel(logging.INFO)
    ours.addHandler(handler)
    return handler


def close_log(handler: logging.Handler | None) -> None:
    """End it."""
    if handler is not None:
        logging.getLogger("meadow").removeHandler(handler)
        handler.close()
