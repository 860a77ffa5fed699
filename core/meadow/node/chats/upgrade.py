"""Open the file with the conversations: made if it is not there, upgraded if it is older, left alone if it is newer.

An upgrade first copies the file (SQLite's backup, so what is still in the write-ahead log is in the copy too), then
runs all steps in one transaction. Whatever ends it in the middle, a kill or a full disk, leaves the old version.

The version is read from the bytes of the file before SQLite may touch it: merely closing a database folds its log
into it, and a newer Meadow's file must stay as it is, byte for byte.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from meadow.node.chats.errors import NewerStore, StoreUnusable, damaged, explained
from meadow.node.chats.schema import APPLICATION_ID, STEPS, Step, statements
from meadow.platform.paths import private_folder

_MAGIC = b"SQLite format 3\0"
_OLDEST_SQLITE = (3, 37)  # STRICT tables
_LOG_HEADER, _FRAME_HEADER, _PAGE_HEADER = 32, 24, 100
_KEPT_LOG = 4 * 1024 * 1024  # bytes; a larger write-ahead log shrinks back after it was folded in


def open_database(path: Path, steps: Sequence[Step] = STEPS) -> sqlite3.Connection:
    """A connection for one thread, in autocommit mode; the file is locked for other processes while it is open.

    Raises NewerStore or DamagedStore (the file was not touched), DiskFull, StoreInUse, StoreUnusable.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreUnusable(
            f"Python's SQLite is {sqlite3.sqlite_version}; conversations need {'.'.join(map(str, _OLDEST_SQLITE))} "
            "or newer. Update Python."
        )
    private_folder(path.parent)
    with explained(path):
        _refuse_foreign(path, len(steps))
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, timeout=2.0)
        try:
            _configure(connection)
            _upgrade(connection, path, steps)
        except BaseException:
            connection.close()
            raise
        return connection


def set_aside(path: Path) -> Path:
    """Rename a damaged file, with its log, so that a new one can be made. Returns its new name. Nothing is deleted."""
    with explained(path):
        aside = path.with_name(f"{path.stem}-damaged-{time.strftime('%Y%m%d-%H%M%S')}{path.suffix}")
        number = 1
        while aside.exists():
            number += 1
            aside = aside.with_name(f"{aside.stem}-{number}{aside.suffix}")
        # The log first: without it, the file alone could still be opened by mistake and look older than it is.
        for suffix in ("-wal", "-journal", ""):
            source = path.with_name(path.name + suffix)
            if source.exists():
                source.rename(aside.with_name(aside.name + suffix))
        return aside


def backup_path(path: Path, version: int) -> Path:
    """Where the copy of version ``version`` is kept when the file at ``path`` is upgraded."""
    return path.with_name(f"{path.stem}-version{version}-backup{path.suffix}")


def _refuse_foreign(path: Path, newest: int) -> None:
    """Raise for a file that is not ours or newer than we are, having only read it."""
    try:
        with path.open("rb") as file:
            header = file.read(_PAGE_HEADER)
    except FileNotFoundError:
        return
    if not header:
        return  # the disk was full at the first start
    if len(header) < _PAGE_HEADER or not header.startswith(_MAGIC):
        raise damaged(path)
    header = _first_page_in_log(path.with_name(path.name + "-wal")) or header
    # https://sqlite.org/fileformat2.html#the_database_header
    (changes,) = struct.unpack_from(">I", header, 40)  # of the schema; 0: no table was ever made
    (version,) = struct.unpack_from(">i", header, 60)
    (application,) = struct.unpack_from(">I", header, 68)
    if application != APPLICATION_ID and (application, version, changes) != (0, 0, 0):
        raise damaged(path)
    if version > newest:
        raise NewerStore(
            f"Your conversations in {path} were written by a newer version of Meadow. They were not touched: "
            "update Meadow to read them."
        )


def _first_page_in_log(log: Path) -> bytes | None:
    """The header of the database as of the last commit in its write-ahead log, if it is in there.

    Layout: https://sqlite.org/fileformat2.html#the_write_ahead_log. Checksums are not looked at: the worst that a torn
    log can do here is an answer that SQLite, which does look, corrects a moment later.
    """
    found = pending = None
    try:
        with log.open("rb") as file:
            header = file.read(_LOG_HEADER)
            if len(header) < _LOG_HEADER:
                return None
            (page_size,) = struct.unpack_from(">I", header, 8)
            salts = header[16:24]
            if not 512 <= page_size <= 65536:
                return None
            while len(frame := file.read(_FRAME_HEADER + page_size)) == _FRAME_HEADER + page_size:
                number, size_after_commit = struct.unpack_from(">II", frame)
                if frame[8:16] != salts:  # left over from before the log began anew
                    break
                if number == 1:
                    pending = frame[_FRAME_HEADER : _FRAME_HEADER + _PAGE_HEADER]
                if size_after_commit:
                    found = pending
    except FileNotFoundError:
        return None
    return found


def _configure(connection: sqlite3.Connection) -> None:
    # One process only: two would take each other's running answers for interrupted ones. It also does without the
    # shared-memory file, which needs room on the disk. This must come before the first access.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_KEPT_LOG}")
    connection.execute("PRAGMA secure_delete = ON")  # what a person deletes is gone from the file when it is purged
    connection.execute("PRAGMA cell_size_check = ON")  # find damage before following it


def _upgrade(connection: sqlite3.Connection, path: Path, steps: Sequence[Step]) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # reads a page that may be damaged
    if version > len(steps):
        raise NewerStore(f"Your conversations in {path} were written by a newer version of Meadow. Update Meadow.")
    if version < 0 or (version == 0) != (tables == 0):
        raise damaged(path)
    if version < len(steps):
        if version > 0:
            _back_up(connection, path, version)
        connection.execute("PRAGMA foreign_keys = OFF")  # a step may rebuild a table that others refer to
        connection.execute("BEGIN EXCLUSIVE")
        try:
            for step in steps[version:]:
                if callable(step):
                    step(connection)
                else:
                    for statement in statements(step):
                        connection.execute(statement)
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise damaged(path)
            connection.execute(f"PRAGMA user_version = {len(steps)}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        with suppress(sqlite3.OperationalError):  # so that older versions see the new number without reading the log
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute("PRAGMA foreign_keys = ON")


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """A whole copy under its final name, or none."""
    final = backup_path(path, version)
    unfinished = final.with_name(final.name + ".part")
    unfinished.unlink(missing_ok=True)
    try:
        os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        copy = sqlite3.connect(unfinished, isolation_level=None)
        try:
            connection.backup(copy)
        finally:
            copy.close()
        descriptor = os.open(unfinished, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.replace(final)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
