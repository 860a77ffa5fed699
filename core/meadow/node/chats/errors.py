"""What can go wrong with kept conversations. A full disk is ``meadow.errors.DiskFull``."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meadow.errors import DiskFull, MeadowError

_NO_ROOM = 1024 * 1024  # bytes; with less than this left, a write that failed failed for lack of room


class ChatsError(MeadowError):
    """Something about conversations."""

    code = "chats"


class StoreUnusable(ChatsError):
    """The file cannot be opened or written: permissions, a broken disk, or a SQLite without what we need."""

    code = "chats_unusable"


class StoreInUse(StoreUnusable):
    """Another process has the file open."""

    code = "chats_in_use"


class NewerStore(StoreUnusable):
    """The file was written by a newer Meadow; it was not touched."""

    code = "chats_newer"


class DamagedStore(StoreUnusable):
    """The file is not a database, not ours, or has damaged pages; it was not touched."""

    code = "chats_damaged"


class UnknownChat(ChatsError):
    """There is no such chat, or it was deleted."""

    code = "unknown_chat"


class UnknownMessage(ChatsError):
    """There is no such message in this chat, or it was deleted."""

    code = "unknown_message"


class Busy(ChatsError):
    """The chat is being answered; one answer at a time."""

    code = "chat_busy"


class BadRequest(ChatsError):
    """What was asked cannot be done with this chat or message; the message says why."""

    code = "invalid_request"


class BadImport(ChatsError):
    """The text to import is not one of ours, or is malformed. Nothing was imported."""

    code = "bad_import"


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say in our words what SQLite or the file system cannot do with the file at ``path``."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _explanation(error, path) from error


def _explanation(error: sqlite3.Error | OSError, path: Path) -> MeadowError:
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return no_room(path)
        return StoreUnusable(
            f"The conversations in {path} cannot be used: {error.strerror}. Check the folder's permissions."
        )
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_full(path)):
        return no_room(path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreInUse(f"The conversations in {path} are open in another program. Close it and try again.")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return StoreUnusable(
            f"The conversations in {path} cannot be opened for writing. Check who owns the file and its folder."
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreUnusable(f"The disk reports an error at {path}. Copy the file to another disk and check this one.")
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return StoreUnusable(f"The conversations in {path} cannot be used ({name}).")


def no_room(path: Path) -> DiskFull:
    """There is no room for a write to ``path``."""
    return DiskFull(
        f"There is no room left on the disk that holds your conversations ({path.parent}). "
        "What is saved is safe; free some space and new messages are kept again."
    )


def damaged(path: Path) -> DamagedStore:
    """The file at ``path`` is no database of ours."""
    return DamagedStore(
        f"The file with your conversations is damaged or is not one of Meadow's: {path}. It was left as it is. "
        "Put a copy from a backup in its place, or set it aside to begin with an empty one."
    )


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _NO_ROOM
    except OSError:
        return False
