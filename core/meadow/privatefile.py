"""Small files that hold a secret: readable by their owner only, whole at any time, and refused when others saw them.

What is wrong with such a file comes as :class:`NotPrivate`, whose sentence never holds any of what the file says.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from meadow.errors import DiskFull, MeadowError

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class NotPrivate(MeadowError):
    """A file with a secret cannot be trusted, read or written."""

    code = "token_file"


def read_private(path: Path, most: int, *, what: str, remedy: str) -> str:
    """The text of ``path``, at most ``most`` bytes of it, without white space around it.

    :param what: how sentences call the file, such as "token file".
    :param remedy: what a person can do when it cannot be trusted.

    Raises FileNotFoundError, or NotPrivate when others could have read or replaced it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotPrivate(f"The {what} {path} is a link to another file. {remedy}") from None
        raise NotPrivate(f"The {what} {path} cannot be read ({error.strerror}).") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotPrivate(f"{path} should be the {what} but is no ordinary file.")
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            raise NotPrivate(f"The {what} {path} belongs to another user. {remedy}")
        if os.name == "posix" and status.st_mode & 0o077:
            raise NotPrivate(f"Others can read the {what} {path}, so the token in it is no secret any more. {remedy}")
        return os.read(descriptor, most).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)


def write_private(path: Path, text: str, *, what: str, replace: bool) -> bool:
    """Write ``path``: complete before it has its name, and never for a moment readable by others.

    :param replace: False: a file that is there already stays, and the answer is False.

    Raises DiskFull, or NotPrivate when it cannot be written.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
        try:
            os.write(descriptor, text.encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if replace:
            os.replace(draft, path)
            return True
        try:
            os.link(draft, path)  # unlike a rename, this never replaces what another process just made
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            os.replace(draft, path)
        return True
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull(f"No room to write {path}. Free some space and try again.") from error
        raise NotPrivate(f"The {what} {path} cannot be written ({error.strerror}).") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
