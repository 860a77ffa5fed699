"""Whatever ends a download, what came is kept and right: cancel, kill -9, a full disk, two processes at once."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import HubServer

from meadow.errors import DiskFull, DownloadError
from meadow.models import download
from meadow.models.checkpoint import Checkpoint, Verification, open_checkpoint
from meadow.models.progress import Progress
from meadow.models.store import WeightFile

Weights = dict[str, torch.Tensor]

CHILD = textwrap.dedent(
    """
    import sys
    from meadow.models import download
    from meadow.models.checkpoint import open_checkpoint
    download._COMMIT_BYTES = 32_768
    checkpoint = open_checkpoint("owner/tiny", cache_dir=sys.argv[1])
    print("open", flush=True)
    checkpoint.fetch(checkpoint.tensors, progress=lambda it: print(it.done, flush=True))
    print("done", checkpoint.bytes_fetched, flush=True)
    """
)


def start_child(cache: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(cache)], stdout=subprocess.PIPE, text=True, env=environment
    )


def same(checkpoint: Checkpoint, weights: Weights) -> bool:
    read = checkpoint.read(weights)
    return all(torch.equal(read[name], weights[name]) for name in weights)


def finish(checkpoint: Checkpoint, weights: Weights) -> None:
    checkpoint.fetch(weights)
    assert same(checkpoint, weights) and checkpoint.verification is Verification.CONTENT


def test_a_cancelled_download_goes_on_where_it_was(hub: HubServer, weights: Weights, tmp_path: Path) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=tmp_path / "cache")
    hub.faults.slow = 0.01
    cancel = threading.Event()

    def stop_half_way(progress: Progress) -> None:
        if progress.done > progress.total / 2:
            cancel.set()

    total = checkpoint.missing(weights)
    with pytest.raises(DownloadError, match="kept") as caught:
        checkpoint.fetch(weights, progress=stop_half_way, cancel=cancel)
    assert caught.value.code == "cancelled"
    hub.faults.slow = 0.0
    left = checkpoint.missing(weights)
    assert 0 < left < 0.6 * total
    again = open_checkpoint("owner/tiny", cache_dir=tmp_path / "cache")
    finish(again, weights)
    assert again.bytes_fetched == left
    with pytest.raises(DownloadError):
        open_checkpoint("owner/tiny", cache_dir=tmp_path / "other").fetch(weights, cancel=cancel)


def test_a_killed_download_goes_on_where_it_was(hub: HubServer, weights: Weights, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    hub.faults.slow = 0.02
    child = start_child(cache)
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip().isdigit() and int(line) > 250_000:
            break
    child.send_signal(signal.SIGKILL)
    assert child.wait(30) == -signal.SIGKILL
    child.stdout.close()
    hub.faults.slow = 0.0
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    left = checkpoint.missing(weights)
    assert 0 < left <= checkpoint.total_bytes - 150_000
    # What the journal says is here is right, byte by byte, before anything is fetched again.
    here = [name for name in weights if checkpoint.missing([name]) == 0]
    read = checkpoint.read(here)
    assert here and all(torch.equal(read[name], weights[name]) for name in here)
    finish(checkpoint, weights)
    assert checkpoint.bytes_fetched == left


def test_two_processes_share_one_download(hub: HubServer, weights: Weights, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    child = start_child(cache)
    assert child.stdout is not None and child.stdout.readline().strip() == "open"
    hub.faults.slow = 0.005
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    finish(checkpoint, weights)
    last = child.stdout.read().split()
    assert child.wait(60) == 0 and last[-2] == "done"
    child.stdout.close()
    headers = 10_000
    assert checkpoint.total_bytes <= hub.bytes_sent() <= checkpoint.total_bytes + headers  # each byte came once


def test_a_disk_that_is_too_small_is_noticed_before(
    hub: HubServer, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=tmp_path / "cache")
    sent = hub.bytes_sent()
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Usage(1_100_000))
    with pytest.raises(DiskFull, match=r"needs 0\.\d MB and only 1\.1 MB"):
        checkpoint.fetch(weights)
    assert hub.bytes_sent() == sent


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_a_disk_that_fills_half_way(
    hub: HubServer, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_COMMIT_BYTES", 32_768)
    checkpoint = open_checkpoint("owner/tiny", cache_dir=tmp_path / "cache")
    room = [300_000]
    write = WeightFile.write

    def limited(file: WeightFile, offset: int, data: memoryview) -> None:
        room[0] -= len(data)
        if room[0] < 0:
            monkeypatch.setattr(file, "_file", _FullDisk(file._file))
        write(file, offset, data)

    monkeypatch.setattr(WeightFile, "write", limited)
    with pytest.raises(DiskFull, match="free some space"):
        checkpoint.fetch(weights)
    left = checkpoint.missing(weights)
    assert 0 < left < checkpoint.total_bytes - 150_000
    monkeypatch.setattr(WeightFile, "write", write)
    finish(checkpoint, weights)


class _FullDisk:
    """A file on a disk without room: what the operating system says when a write does not fit."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 400 kB, where this user may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(folder)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("this user may not mount a small file system")
    yield folder
    for _ in range(50):
        if subprocess.run(["umount", str(folder)], capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_real_disk_that_fills_half_way(
    hub: HubServer, weights: Weights, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_COMMIT_BYTES", 32_768)
    checkpoint = open_checkpoint("owner/tiny", cache_dir=small_disk)
    with pytest.raises(DiskFull, match="needs"):
        checkpoint.fetch(weights)
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Usage(10**9))  # as if others filled it meanwhile
    with pytest.raises(DiskFull, match="free some space"):
        checkpoint.fetch(weights)
    assert 0 < checkpoint.missing(weights) < checkpoint.total_bytes - 150_000
    made = subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], capture_output=True)
    assert made.returncode == 0
    finish(checkpoint, weights)
