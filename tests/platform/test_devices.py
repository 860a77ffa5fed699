"""The survey of all devices, the choice among them, and a monitor that neither blocks the loop nor asks too often."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from meadow.platform.devices import Monitor, Survey, assemble, choose, devices
from meadow.platform.machine import Machine, Memory, Processor
from meadow.platform.readings import Code, Device, Kind, Readings, Reason
from meadow.platform.recorded import Recording
from meadow.platform.torch_devices import TorchFacts, TorchGpu, TorchProbe

RECORDINGS = Path(__file__).with_name("recordings")
MACHINE = Machine("Linux", Processor("CPU", 4, 8, 0.5), Memory(16 << 30, 8 << 30), None, (), None, 1.0)
LOST = Reason(Code.GPU_LOST, "It is lost.")
NO_CARD = Readings(Kind.CUDA, reason=Reason(Code.NO_DRIVER, "No driver, no card."), hardware=False)
NO_DRIVER = Readings(Kind.CUDA, reason=Reason(Code.NO_DRIVER, "A card, no driver."), hardware=True)
NO_HIP = Readings(Kind.ROCM, reason=Reason(Code.TORCH_WITHOUT_GPU, "No ROCm."), hardware=True)


def gpu(index: int, free: int | None, **more: object) -> Device:
    return Device(Kind.CUDA, index, f"GPU {index}", memory_free=free, torch=f"cuda:{index}", **more)  # type: ignore[arg-type]


def survey(*readings: Readings) -> Survey:
    return assemble(readings, MACHINE)


def of(*gpus: Device) -> Survey:
    return survey(Readings(Kind.CUDA, gpus, hardware=True))


@pytest.mark.parametrize(
    ("found", "wanted", "chosen"),
    [
        (of(gpu(0, 5), gpu(1, 9)), "auto", "cuda:1"),
        (of(gpu(0, 5), gpu(1, 5)), "auto", "cuda:0"),
        (of(gpu(0, 5), gpu(1, 9)), "cuda:0", "cuda:0"),
        (of(gpu(0, 5), gpu(1, 9)), "cuda", "cuda:1"),
        (of(gpu(0, 5), gpu(1, 9)), "cpu", "cpu"),
        (of(gpu(0, None, reason=LOST), gpu(1, 9)), "auto", "cuda:1"),
        # Never the CPU in place of a GPU that cannot be used, unless the person asks for it.
        (of(gpu(0, None, reason=LOST)), "auto", Code.GPU_LOST),
        (of(gpu(0, None, reason=LOST), gpu(1, 9)), "cuda:0", Code.GPU_LOST),
        (survey(NO_DRIVER), "auto", Code.NO_DRIVER),
        (survey(NO_DRIVER), "cpu", "cpu"),
        (survey(NO_CARD, NO_HIP), "auto", Code.TORCH_WITHOUT_GPU),
        (survey(NO_CARD, NO_HIP), "rocm", Code.TORCH_WITHOUT_GPU),
        (survey(NO_CARD), "auto", "cpu"),
        (survey(NO_CARD), "cuda", Code.NO_DRIVER),
        (survey(NO_CARD), "mps", Code.NO_GPU),
        (of(gpu(0, 5)), "cuda:3", Code.NO_GPU),
    ],
)
def test_choice(found: Survey, wanted: str, chosen: str | Code) -> None:
    choice = choose(found, wanted)
    assert (choice.code if isinstance(choice, Reason) else choice.torch) == chosen


def test_amd_is_cuda_to_those_who_know_torch() -> None:
    card = Device(Kind.ROCM, 0, "Radeon", memory_free=7, torch="cuda:0")
    assert choose(survey(NO_CARD, Readings(Kind.ROCM, (card,), hardware=True)), "cuda") == card


def test_the_cpu_is_last_and_has_the_machines_memory() -> None:
    cpu = of(gpu(0, 5)).devices[-1]
    assert (cpu.kind, cpu.memory_total, cpu.memory_free, cpu.utilisation) == (Kind.CPU, 16 << 30, 8 << 30, 0.5)


def test_a_reading_is_kept_for_a_moment() -> None:
    now = [0.0]
    recording = Recording.load(RECORDINGS / "rtx_4070_game.json")
    uuid = "GPU-5b0d4f62-5c1e-4b2e-9a50-3c1f9d2f7a11"
    facts = TorchFacts("2.13.0", "13.0", gpus=(TorchGpu(0, "RTX", uuid, 2, 1),))
    monitor = Monitor(recording, probe=TorchProbe(lambda: facts), clock=lambda: now[0])
    idle = monitor.read()
    now[0] = 0.9
    assert monitor.read() is idle
    now[0] = 1.1
    busy = monitor.read()
    assert (idle.devices[0].memory_free or 0) > (busy.devices[0].memory_free or 0)
    assert busy.devices[0].torch == "cuda:0"


class Stuck:
    """A driver that hangs until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.readings = 0

    def read(self) -> Readings:
        self.readings += 1
        if self.readings > 1:
            self.go.wait(60)
        return Readings(Kind.CUDA, (Device(Kind.CUDA, 0, "GPU", memory_free=5, uuid="GPU-1"),), hardware=True)


async def test_a_driver_that_hangs_is_a_reason_and_stops_nobody() -> None:
    driver = Stuck()
    facts = TorchFacts("2.13.0", "13.0", gpus=(TorchGpu(0, "GPU", "GPU-1", 2, 1),))
    monitor = Monitor(driver, probe=TorchProbe(lambda: facts), keep=0.0, patience=0.2)
    assert (await monitor.current()).devices[0].usable
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    for _ in range(3):
        silent = await monitor.current()
        assert (reason := silent.devices[0].reason) is not None
        assert reason.code is Code.DRIVER_SILENT
        assert isinstance(choose(silent), Reason)
    assert ticks > 0  # the loop was free all the time
    assert driver.readings == 2  # nobody asked again while it hung
    driver.go.set()
    deadline = time.monotonic() + 30
    while not (await monitor.current()).devices[0].usable:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    ticking.cancel()


async def test_a_driver_that_never_answers_from_the_start() -> None:
    class Dead:
        def read(self) -> Readings:
            threading.Event().wait(5)
            raise AssertionError("nobody waits so long")

    probe = TorchProbe(TorchFacts)
    probe.facts()
    survey = await Monitor(Dead(), probe=probe, patience=0.1).current()
    assert isinstance(choose(survey), Reason)
    assert choose(survey, "cpu") == survey.devices[-1]


async def test_a_defect_is_heard_by_everyone_who_waits() -> None:
    class Broken:
        def read(self) -> Readings:
            raise ZeroDivisionError

    monitor = Monitor(Broken())
    results = await asyncio.gather(*(monitor.current() for _ in range(3)), return_exceptions=True)
    assert {type(result) for result in results} == {ZeroDivisionError}


def test_many_threads_share_one_reading() -> None:
    counted: list[int] = []

    class Slow:
        def read(self) -> Readings:
            counted.append(1)
            time.sleep(0.1)
            return NO_CARD

    monitor = Monitor(Slow(), keep=60.0)
    threads = [threading.Thread(target=monitor.read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(counted) == 1


def test_this_machine() -> None:
    *_, cpu = devices()
    assert cpu.kind is Kind.CPU
    assert cpu.usable
    assert 0 < (cpu.memory_free or 0) <= (cpu.memory_total or 0)
    assert cpu.name
