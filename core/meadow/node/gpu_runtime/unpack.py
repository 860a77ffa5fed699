"""A wheel -> a folder that Python can import from. A wheel is a zip file, so this needs no pip, which an installed
Meadow may not have; and nothing of a wheel is ever run, no script of it is installed.

The hash of the whole wheel is checked right before, through the same open file; still, nothing is written outside of
the folder, nothing but plain files, no more bytes than the lock says, and each with the hash of the wheel's own list.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from meadow.errors import MeadowError
from meadow.node.gpu_runtime.fetch import hash_of
from meadow.node.gpu_runtime.lock import Wheel

_PIECE: Final = 1 << 20
_MAX_FILES: Final = 200_000
_SIGNATURES: Final = ("RECORD", "RECORD.jws", "RECORD.p7s")


class BadWheel(MeadowError):
    """Not what it should be. The lock vouches for its bytes, so they changed on this disk, or the lock is bad."""

    code = "gpu_runtime"

    def __init__(self, wheel: Wheel, what: str) -> None:
        super().__init__(
            f"The package {wheel.name} of the GPU runtime {what}, so it was not installed. Try again; if it stays so, "
            "report it."
        )


def unpack(wheel: Wheel, file: Path, into: Path, tell: Callable[[int], None] = lambda count: None) -> None:
    """``tell`` hears of bytes as they are written. Raises BadWheel, and OSError for the disk."""
    with open(file, "rb") as opened:
        if hash_of(opened) != wheel.sha256:
            file.unlink()  # the next attempt fetches it anew
            raise BadWheel(wheel, "has changed on this disk")
        try:
            with zipfile.ZipFile(opened) as archive:
                _unpack(wheel, archive, into, tell)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, UnicodeDecodeError, csv.Error) as error:
            raise BadWheel(wheel, "is not readable") from error


def _unpack(wheel: Wheel, archive: zipfile.ZipFile, into: Path, tell: Callable[[int], None]) -> None:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > _MAX_FILES or sum(member.file_size for member in members) > wheel.unpacked:
        raise BadWheel(wheel, "holds more than it says")
    hashes = _hashes(wheel, archive)
    for member in members:
        target = _target(wheel, member)
        if target is None:
            continue
        expected = None if _is_signature(member.filename) else hashes.get(member.filename, "")
        _write(wheel, archive, member, into.joinpath(*target.parts), expected, tell)


def _hashes(wheel: Wheel, archive: zipfile.ZipFile) -> dict[str, str]:
    """RECORD: path -> sha256 in hex."""
    records = [name for name in archive.namelist() if name.endswith(".dist-info/RECORD") and name.count("/") == 1]
    if len(records) != 1:
        raise BadWheel(wheel, "has no list of its files")
    hashes = {}
    for row in csv.reader(io.StringIO(archive.read(records[0]).decode())):
        if len(row) >= 2 and row[1].startswith("sha256="):
            value = row[1].removeprefix("sha256=")
            try:
                hashes[row[0]] = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
            except ValueError:
                continue
    return hashes


def _target(wheel: Wheel, member: zipfile.ZipInfo) -> PurePosixPath | None:
    """Where it goes, below the folder; None: nowhere, a runtime needs no scripts and no headers of other programs."""
    name, path = member.filename, PurePosixPath(member.filename)
    mode = stat.S_IFMT(member.external_attr >> 16)
    plain = mode in (0, stat.S_IFREG) and not member.flag_bits & 0x1
    safe = not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name and path.parts
    if not plain or not safe or not name.isprintable():
        raise BadWheel(wheel, "holds a file that must not be in a wheel")
    if path.parts[0].endswith(".data"):
        if len(path.parts) < 3 or path.parts[1] not in ("purelib", "platlib"):
            return None
        return PurePosixPath(*path.parts[2:])
    return path


def _is_signature(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return folder.endswith(".dist-info") and "/" not in folder and file in _SIGNATURES


def _write(
    wheel: Wheel,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    target: Path,
    expected: str | None,
    tell: Callable[[int], None],
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o700 if (member.external_attr >> 16) & 0o100 else 0o600
    digest, left = hashlib.sha256(), member.file_size
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        # NVIDIA's packages share a few files, such as nvidia/__init__.py; pip takes the last one.
        target.unlink()
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file, archive.open(member) as source:
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise BadWheel(wheel, "holds more than it says")
            digest.update(piece)
            file.write(piece)
            tell(len(piece))
    if expected is not None and digest.hexdigest() != expected:
        raise BadWheel(wheel, "is damaged")
