"""The person's token for the hub: a file of its own that only they can read, never a setting.

Whoever opens a model reads it there at that moment, so a token that is given or taken back counts at once, in every
process, and is on no command line and in no message between processes.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from meadow.errors import MeadowError
from meadow.privatefile import NotPrivate, read_private, write_private

MAX_LENGTH = 512
_SHAPE = re.compile(r"[A-Za-z0-9_.=+/-]{8,512}")
_WHAT = "file with your hub token"
_REMEDY = "Delete it, and give Meadow a new token."


def read_hub_token(path: str | os.PathLike[str] | None) -> str | None:
    """The token; None when none was given. Raises MeadowError (``token_file``) when others could have read it."""
    if path is None:
        return None
    try:
        token = read_private(Path(path), MAX_LENGTH + 2, what=_WHAT, remedy=_REMEDY)
    except FileNotFoundError:
        return None
    if not _SHAPE.fullmatch(token):
        raise NotPrivate(f"The {_WHAT} {path} is damaged. {_REMEDY}")
    return token


def write_hub_token(path: Path, token: str) -> None:
    """Keep ``token``. Raises MeadowError (``invalid_value``) for what is none, never repeating it; DiskFull."""
    token = token.strip()
    if not _SHAPE.fullmatch(token):
        raise MeadowError(
            "This is no token of a hub: those have 8 to 512 letters and digits, such as hf_..., and no spaces.",
            code="invalid_value",
        )
    write_private(path, token, what=_WHAT, replace=True)


def forget_hub_token(path: Path) -> None:
    """Delete it; harmless when there is none."""
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    except OSError as error:
        raise NotPrivate(f"The {_WHAT} {path} cannot be deleted ({error.strerror}).") from error
