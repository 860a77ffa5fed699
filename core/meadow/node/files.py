"""Small files that must be whole at any time: written beside their place, forced to the disk, then moved there.

Whoever reads sees the old content or the new, never half of one, whatever is killed and however full the disk is.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from meadow.errors import DiskFull, MeadowError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_whole(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace ``path`` by ``content`` in one step; a link is followed, not replaced.

    Raises DiskFull when there is no room and MeadowError when the folder cannot be written; the old file stays then.
    """
    path = Path(os.path.realpath(path))
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        _force_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> MeadowError:
    """What to tell the person when ``path`` could not be written."""
    if error.errno in _NO_ROOM:
        return DiskFull(f"No room to write {path}. What was there is unchanged. Free some space and try again.")
    return MeadowError(f"{path} cannot be written ({error.strerror}). Check the permissions of its folder.")


def remove_drafts(path: Path) -> None:
    """Remove what killed processes left of ``write_whole(path)``. Only for whoever holds the lock on its writers."""
    path = Path(os.path.realpath(path))
    for draft in path.parent.glob(f".{path.name}.*"):
        if len(draft.suffix) == 9:
            with contextlib.suppress(OSError):
                draft.unlink()


@contextlib.contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Wait until no other thread or process is inside ``exclusive(lock)``. Blocks: not for an event loop."""
    try:
        # Each entry opens the file anew: flock then also separates the threads of one process.
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_write(lock, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _force_folder(folder: Path) -> None:
    """The new name must outlive a power cut too. Some file systems cannot; the content is safe there all the same."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
