"""The token that programs show to the node: 256 random bits in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import re
import secrets
from pathlib import Path

from meadow.platform.paths import private_folder
from meadow.privatefile import NotPrivate, read_private, write_private

_SHAPE = re.compile(r"[A-Za-z0-9_-]{32,128}")
_WHAT = "token file"
_REMEDY = "Delete it; the node makes a new one at its next start."


def load_or_create_token(path: Path) -> str:
    """The token of this home; made at the first start.

    Raises MeadowError (``token_file``) when others could have read or replaced the file, DiskFull without room.
    """
    with contextlib.suppress(FileNotFoundError):
        return read_token(path)
    private_folder(path.parent)
    token = secrets.token_urlsafe(32)
    return token if write_private(path, token, what=_WHAT, replace=False) else read_token(path)


def read_token(path: Path) -> str:
    """The token in ``path``. Raises FileNotFoundError, or MeadowError (``token_file``) when it cannot be trusted."""
    token = read_private(path, 256, what=_WHAT, remedy=_REMEDY)
    if not token:
        raise NotPrivate(f"The token file {path} is empty, so nobody could show a token. {_REMEDY}")
    if not _SHAPE.fullmatch(token):
        raise NotPrivate(f"The token file {path} is damaged. {_REMEDY}")
    return token
