"""Getting the wheels: in ranges, through drops and lies, going on where an earlier attempt ended."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

from meadow.errors import DownloadError, MeadowError
from meadow.models.download import DEFAULT_POLICY, Retry, RetryPolicy, fetch_ranges
from meadow.models.progress import ProgressMeter, Report
from meadow.models.ranges import Ranges
from meadow.node.gpu_runtime.index import PackageIndex
from meadow.node.gpu_runtime.lock import Lock, Wheel

_PIECE = 4 << 20


def fetch_wheels(
    lock: Lock,
    folder: Path,
    index: PackageIndex,
    report: Report,
    *,
    policy: RetryPolicy = DEFAULT_POLICY,
    cancel: threading.Event | None = None,
) -> None:
    """All wheels whole in ``folder``, each with the hash of the lock. Raises MeadowError; OSError for the disk."""
    meter = ProgressMeter(lock.download_bytes, report)
    for wheel in lock.wheels:
        if (folder / wheel.file).is_file():
            meter.add(wheel.size, wheel.file)
        else:
            _fetch(wheel, folder, index, meter, policy, cancel)
    meter.finish("")


def _fetch(
    wheel: Wheel,
    folder: Path,
    index: PackageIndex,
    meter: ProgressMeter,
    policy: RetryPolicy,
    cancel: threading.Event | None,
) -> None:
    part = folder / f"{wheel.file}.part"
    with open(part, "r+b" if part.exists() else "w+b", buffering=0) as file:  # a kill loses nothing
        have = file.seek(0, os.SEEK_END)
        if have > wheel.size:
            have = file.truncate(0)
        meter.add(have, wheel.file)
        _fill(wheel, have, file, index, meter, policy, cancel)
        os.fsync(file.fileno())
        good = hash_of(file) == wheel.sha256
    if not good:
        part.unlink()
        raise MeadowError(
            f"{index.host} sent a {wheel.name} that is not the one that Meadow was made with, so it was thrown away. "
            "Try again; if it stays so, name another package index with MEADOW_PACKAGE_INDEX.",
            code="gpu_runtime",
        )
    part.rename(folder / wheel.file)


def _fill(
    wheel: Wheel,
    have: int,
    file: IO[Any],
    index: PackageIndex,
    meter: ProgressMeter,
    policy: RetryPolicy,
    cancel: threading.Event | None,
) -> None:
    if have == wheel.size:
        return
    retry = Retry(index.host, f"the package {wheel.name}", policy, cancel)

    def read(start: int, end: int) -> Generator[tuple[int, bytes]]:
        return index.read(url, wheel.size, start, end)

    def write(offset: int, data: memoryview) -> None:
        file.seek(offset)
        while data:  # a raw file may take less than it is given
            data = data[file.write(data) :]

    try:
        url = retry.call(lambda: _address(index, wheel))
        wanted = Ranges.of([(have, wheel.size)])
        fetch_ranges(wanted, read, write, lambda done: None, lambda _, useful: meter.add(useful, wheel.file), retry)
    except DownloadError as error:
        raise MeadowError(str(error), code="gpu_runtime") from error


def _address(index: PackageIndex, wheel: Wheel) -> str:
    for file in index.files(wheel.name):
        if file.name == wheel.file:
            return file.url
    raise MeadowError(
        f"{index.host} has no {wheel.name} {wheel.version} for this Python. Try again later, or name another package "
        "index with MEADOW_PACKAGE_INDEX.",
        code="gpu_runtime",
    )


def hash_of(file: IO[Any]) -> str:
    """sha256 of a whole open file, in hex."""
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()
