"""What the machine is: the real one, and the odd ones (containers, laptops without a battery that answers)."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from meadow.platform import machine as module
from meadow.platform.machine import MachineReader, Memory, battery, container_memory, disk, machine, memory

GIB = 1 << 30


def group(folder: Path, limit: str, used: int, cached: int, *, old: bool = False) -> Path:
    """A control group with a limit of memory."""
    names = ("memory.max", "memory.current", "memory.stat", "inactive_file")
    if old:
        folder = folder / "memory"
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip(names, (limit, str(used), f"anon 1\n{names[3]} {cached}\nfile 2\n"), strict=False):
        (folder / name).write_text(text + "\n")
    return folder.parent if old else folder


def test_this_machine(tmp_path: Path) -> None:
    found = machine([tmp_path, tmp_path / "not" / "there" / "yet"])
    assert found.processor.threads >= 1
    assert found.processor.name
    assert 0 < found.memory.available <= found.memory.total <= psutil.virtual_memory().total
    assert [disk.path for disk in found.disks] == [str(tmp_path), str(tmp_path / "not" / "there" / "yet")]
    assert all(0 < disk.free <= disk.total for disk in found.disks)
    assert found.uptime > 0


def test_the_load_counts_between_two_readings() -> None:
    reader = MachineReader()
    assert reader.read().processor.load is None
    total = sum(range(3_000_000))  # something to do
    load = reader.read().processor.load
    assert total
    assert load is None or 0.0 <= load <= 1.0


def test_the_load_from_counted_times(monkeypatch: pytest.MonkeyPatch) -> None:
    class Times(tuple):
        idle = property(lambda self: self[1])

    for_each = iter([Times((10.0, 90.0)), Times((13.0, 91.0)), Times((13.0, 91.0))])
    monkeypatch.setattr(module.psutil, "cpu_times", lambda: next(for_each))
    reader = MachineReader()
    assert [reader.read().processor.load for _ in range(3)] == [None, 0.75, None]


@pytest.mark.parametrize("old", [False, True])
def test_a_container_may_take_less_than_the_machine_has(tmp_path: Path, old: bool) -> None:
    folder = group(tmp_path, str(GIB), 700 << 20, 200 << 20, old=old)
    # Files that nobody used lately make room: 1024 - (700 - 200).
    assert container_memory(folder) == Memory(GIB, 524 << 20)
    limited = memory(folder)
    assert limited.total == GIB
    assert limited.available <= 524 << 20


def test_a_container_beyond_its_limit_has_nothing_left(tmp_path: Path) -> None:
    assert container_memory(group(tmp_path, str(GIB), 2 * GIB, 0)) == Memory(GIB, 0)


@pytest.mark.parametrize("limit", ["max", "", "many", "9223372036854771712"])
def test_a_container_without_a_limit(tmp_path: Path, limit: str) -> None:
    assert memory(group(tmp_path, limit, 5, 0)).total == psutil.virtual_memory().total


def test_no_container(tmp_path: Path) -> None:
    assert container_memory(tmp_path) is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (SimpleNamespace(percent=40.0, secsleft=3600, power_plugged=False), 3600),
        (SimpleNamespace(percent=40.0, secsleft=3600, power_plugged=True), None),
        (SimpleNamespace(percent=40.0, secsleft=psutil.POWER_TIME_UNLIMITED, power_plugged=True), None),
        (SimpleNamespace(percent=40.0, secsleft=psutil.POWER_TIME_UNKNOWN, power_plugged=None), None),
    ],
)
def test_batteries(monkeypatch: pytest.MonkeyPatch, said: SimpleNamespace, seconds: int | None) -> None:
    monkeypatch.setattr(module.psutil, "sensors_battery", lambda: said, raising=False)
    found = battery()
    assert found is not None
    assert (found.fraction, found.plugged, found.seconds_left) == (0.4, bool(said.power_plugged), seconds)


def test_a_battery_that_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise FileNotFoundError("/sys/class/power_supply/BAT0/charge")

    monkeypatch.setattr(module.psutil, "sensors_battery", fail, raising=False)
    assert battery() is None
    monkeypatch.delattr(module.psutil, "sensors_battery")
    assert battery() is None


def test_the_name_of_the_processor() -> None:
    assert module._linux_processor("processor : 0\nmodel name\t: Some  Chip 9\nflags : x\n") == "Some Chip 9"
    assert module._linux_processor("processor: 0\n\nModel\t\t: Raspberry Pi 5\n") == "Raspberry Pi 5"
    assert module._linux_processor("") == ""


@pytest.mark.skipif(sys.platform == "win32", reason="folders of Unix")
def test_a_disk_that_cannot_be_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert disk(tmp_path / "file" / "below") is None
