"""The token that programs show to the node: 256 random bits in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from pathlib import Path

from meadow.errors import DiskFull, MeadowError
from meadow.platform.paths import private_folder

_SHAPE = re.compile(r"[A-Za-z0-9_-]{32,128}")
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def load_or_create_token(path: Path) -> str:
    """The token of this home; made at the first start.

    Raises MeadowError (``token_file``) when others could have read or replaced the file, DiskFull without room.
    """
    with contextlib.suppress(FileNotFoundError):
        return read_token(path)
    private_folder(path.parent)
    token = secrets.token_urlsafe(32)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        # Complete before it has its name, and never for a moment readable by others.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
        try:
            os.write(descriptor, token.encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(draft, path)  # unlike a rename, this never replaces a token that another process just made
        except FileExistsError:
            return read_token(path)
        except OSError:  # a file system without links
            os.replace(draft, path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(f"No room to write {path}. Free some space and try again.") from error
        raise MeadowError(f"The token file {path} cannot be written ({error.strerror}).", code="token_file") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return token


def read_token(path: Path) -> str:
    """The token in ``path``. Raises FileNotFoundError, or MeadowError (``token_file``) when it cannot be trusted."""
    remedy = "Delete it; the node makes a new one at its next start."
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise MeadowError(f"The token file {path} is a link to another file. {remedy}", code="token_file") from None
        raise MeadowError(f"The token file {path} cannot be read ({error.strerror}).", code="token_file") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise MeadowError(f"{path} should be the token file but is no ordinary file.", code="token_file")
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            raise MeadowError(f"The token file {path} belongs to another user. {remedy}", code="token_file")
        if os.name == "posix" and status.st_mode & 0o077:
            raise MeadowError(
                f"Others can read the token file {path}, so the token in it is no secret any more. {remedy}",
                code="token_file",
            )
        token = os.read(descriptor, 256).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
    if not _SHAPE.fullmatch(token):
        raise MeadowError(f"The token file {path} is damaged. {remedy}", code="token_file")
    return token
