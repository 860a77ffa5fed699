"""NVIDIA GPUs as NVML tells about them, replayed from recordings; and the real library, whatever this machine has."""

from __future__ import annotations

import ctypes.util
import sys
from pathlib import Path

import psutil
import pytest

from meadow.platform.nvml import Nvml, explain
from meadow.platform.pci import NVIDIA, has_card
from meadow.platform.readings import Code, Kind
from meadow.platform.recorded import Recording

RECORDINGS = Path(__file__).with_name("recordings")
MIB = 1 << 20


def recorded(name: str) -> Recording:
    return Recording.load(RECORDINGS / f"{name}.json")


def card(folder: Path, vendor: str, kind: str, **files: str) -> Path:
    """A PCI bus in a folder with one device on it."""
    device = folder / "bus" / "0000:01:00.0"
    device.mkdir(parents=True)
    for name, text in {"vendor": vendor, "class": kind, **files}.items():
        (device / name).write_text(text + "\n")
    return folder / "bus"


def test_idle_then_a_game() -> None:
    recording = recorded("rtx_4070_game")
    (idle,), (busy,) = recording.read().devices, recording.read().devices
    assert (idle.kind, idle.index, idle.name, idle.driver) == (Kind.CUDA, 0, "NVIDIA GeForce RTX 4070", "580.95.05")
    assert (idle.memory_total, idle.memory_free) == (12282 * MIB, 11410 * MIB)
    assert (idle.utilisation, idle.temperature, idle.power) == (0.02, 38, 12.41)
    assert idle.usable
    assert idle.unknown == ()
    assert busy.memory_free == 3970 * MIB
    assert busy.utilisation == 0.97
    # It computes and draws: listed twice by the driver, once by us, by its name and not by the folder of a person.
    assert [(p.pid, p.name, p.memory) for p in busy.processes] == [
        (1201, "Xorg", 410 * MIB),
        (7311, "orchard-wars.x86_64", 7212 * MIB),
    ]
    assert [process.pid for process in busy.others(frozenset({1201}))] == [7311]


def test_the_last_frame_stays() -> None:
    recording = recorded("rtx_4070_game")
    readings = [recording.read() for _ in range(4)]
    assert readings[1] == readings[2] == readings[3] != readings[0]


def test_two_gpus() -> None:
    readings = recorded("two_gpus").read()
    assert [(device.index, device.name, device.memory_free) for device in readings.devices] == [
        (0, "NVIDIA GeForce RTX 3090", 24100 * MIB),
        (1, "NVIDIA GeForce RTX 4060", 7020 * MIB),
    ]
    assert (readings.driver, readings.cuda, readings.hardware, readings.reason) == ("580.95.05", (13, 0), True, None)


def test_an_old_driver_is_asked_in_the_old_way() -> None:
    readings = recorded("laptop_old_driver").read()
    (device,) = readings.devices
    assert readings.cuda == (11, 4)
    assert [process.pid for process in device.processes] == [4000000]
    assert device.power is None
    assert dict(device.unknown) == {"power": Code.NOT_SUPPORTED}


def test_a_gpu_that_is_lost_stays_in_the_list_and_comes_back() -> None:
    recording = recorded("gpu_lost")
    (whole,) = recording.read().devices
    for _ in range(3):  # lost while it is read, lost before, no longer counted
        (lost,) = recording.read().devices
        assert (lost.name, lost.uuid, lost.index) == (whole.name, whole.uuid, whole.index)
        assert lost.reason is not None
        assert lost.reason.code is Code.GPU_LOST
        assert (lost.memory_free, lost.utilisation, lost.temperature, lost.power) == (None,) * 4
    (back,) = recording.read().devices
    assert back.usable
    assert back.memory_free == 11500 * MIB


def test_the_other_gpu_goes_on_when_one_is_lost() -> None:
    recording = recorded("one_of_two_lost")
    recording.read()
    devices = {device.name: device.reason and device.reason.code for device in recording.read().devices}
    assert devices == {"NVIDIA GeForce RTX 4060": None, "NVIDIA GeForce RTX 4070": Code.GPU_LOST}


def test_parts_of_a_divided_gpu() -> None:
    recording = recorded("mig")
    parts = recording.read().devices
    assert [(part.name[-11:], part.memory_total) for part in parts] == [
        ("MIG 3g.40gb", 40192 * MIB),
        ("MIG 2g.20gb", 19968 * MIB),
    ]
    assert all(part.usable and part.utilisation is None for part in parts)
    assert dict(parts[0].unknown)["utilisation"] is Code.NOT_SUPPORTED
    (empty,) = recording.read().devices
    assert empty.reason is not None
    assert empty.reason.code is Code.PARTITIONED
    assert empty.memory_free is None


def test_windows_tells_programs_without_memory() -> None:
    (device,) = recorded("windows_wddm").read().devices
    (hidden, game) = device.processes
    assert (game.name, game.memory) == ("orchard.exe", None)
    assert hidden.pid == 88


def test_a_driver_that_comes_and_goes() -> None:
    recording = recorded("driver_comes_and_goes")
    readings = [recording.read() for _ in range(4)]
    codes = [reading.reason and reading.reason.code for reading in readings]
    assert codes == [Code.DRIVER_NOT_LOADED, None, Code.DRIVER_MISMATCH, None]
    assert [device.usable for device in readings[2].devices] == [False]
    assert readings[3].driver == "590.10.01"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (1, Code.DRIVER_FAILED),
        (4, Code.NO_PERMISSION),
        (8, Code.NO_POWER),
        (9, Code.DRIVER_NOT_LOADED),
        (10, Code.DRIVER_SILENT),
        (12, Code.NO_DRIVER),
        (13, Code.DRIVER_TOO_OLD),
        (16, Code.GPU_NEEDS_RESET),
        (18, Code.DRIVER_MISMATCH),
        (28, Code.GPU_LOST),
        (999, Code.DRIVER_FAILED),
        (123456, Code.DRIVER_FAILED),
    ],
)
def test_every_error_at_the_start_is_a_reason(error: int, code: Code) -> None:
    readings = Recording([{"init": {"error": error}}]).read()
    assert readings.devices == ()
    assert readings.reason is not None
    assert readings.reason.code is code
    assert ". " in readings.reason.message  # what it is, and what to do


@pytest.mark.parametrize("error", [*range(1, 30), 999])
@pytest.mark.parametrize(
    "where", ["handle", "memory", "utilization", "temperature", "power", "compute", "graphics", "mig", "name", "uuid"]
)
def test_no_error_anywhere_gets_out(error: int, where: str) -> None:
    """Every code of NVML at every call: a device with or without a reason, never an exception, never a value."""
    gpu = {"name": "N", "uuid": "GPU-1", "memory": {"total": 2, "free": 1, "used": 1}, "utilization": {"gpu": 5}}
    readings = Recording([{"gpus": [{**gpu, where: {"error": error}}]}]).read()
    (device,) = readings.devices
    if where in ("handle", "memory"):
        assert device.reason == explain(error)
        assert device.memory_free is None
    elif device.usable:
        assert device.memory_free == 1


def test_no_python_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    readings = Nvml(pci=card(tmp_path, NVIDIA, "0x030000")).read()
    assert readings.reason is not None
    assert readings.reason.code is Code.NO_LIBRARY
    assert readings.hardware is True


@pytest.mark.parametrize(
    ("vendor", "kind", "hardware", "words"),
    [
        (NVIDIA, "0x030000", True, "has an NVIDIA card but no NVIDIA driver"),
        (NVIDIA, "0x030200", True, "has an NVIDIA card but no NVIDIA driver"),
        (NVIDIA, "0x040300", False, "seems to have no NVIDIA card"),  # the sound of a card
        ("0x8086", "0x030000", False, "seems to have no NVIDIA card"),
    ],
)
def test_no_driver_is_told_with_what_the_bus_says(
    tmp_path: Path, vendor: str, kind: str, hardware: bool, words: str
) -> None:
    readings = Recording([{"init": {"error": 12}}], card(tmp_path, vendor, kind)).read()
    assert readings.reason is not None
    assert readings.reason.code is Code.NO_DRIVER
    assert words in readings.reason.message
    assert readings.hardware is hardware


def test_graphics_inside_an_amd_processor_is_no_card(tmp_path: Path) -> None:
    small = card(tmp_path / "small", "0x1002", "0x030000", mem_info_vram_total=str(512 * MIB))
    large = card(tmp_path / "large", "0x1002", "0x030000", mem_info_vram_total=str(16 << 30))
    assert (has_card("0x1002", small), has_card("0x1002", large)) == (False, True)
    assert has_card("0x1002", tmp_path / "no bus") is None


def test_the_real_library() -> None:
    """Whatever this machine has: readings that make sense, or a reason. Never an exception."""
    readings = Nvml().read()
    assert readings == Nvml().read() or readings.devices
    if not readings.devices:
        assert readings.reason is not None
        assert readings.reason.message
    for device in readings.devices:
        assert device.reason or 0 <= (device.memory_free or 0) <= (device.memory_total or 0)


@pytest.mark.skipif(ctypes.util.find_library("nvidia-ml") is not None, reason="this machine has an NVIDIA driver")
def test_the_real_library_without_a_driver() -> None:
    reason = Nvml().read().reason
    assert reason is not None
    assert reason.code is Code.NO_DRIVER


def test_the_name_of_a_program_comes_from_the_system_when_the_driver_is_silent() -> None:
    me = psutil.Process()
    gpu = {"name": "N", "memory": {"total": 2, "free": 1, "used": 1}, "compute": [{"pid": me.pid, "usedGpuMemory": 1}]}
    (device,) = Recording([{"gpus": [gpu]}]).read().devices
    assert device.processes[0].name == me.name()
