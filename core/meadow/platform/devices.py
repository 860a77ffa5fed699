"""What this machine can compute on, now. Start here.

    monitor = Monitor()
    survey = await monitor.current()          # never blocks the event loop, never raises for what hardware does
    for device in survey.devices: ...         # GPUs, then the CPU; one with a ``reason`` cannot be used
    choice = choose(survey, "auto")           # a Device, or the Reason why there is none

A reading is kept for a second, so everybody may ask as often as they like.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from meadow.platform.machine import Machine, MachineReader
from meadow.platform.nvml import Nvml
from meadow.platform.readings import Code, Device, GpuSource, Kind, Readings, Reason
from meadow.platform.torch_devices import PROBE_SECONDS, TorchProbe, TorchSource, check_torch

KEEP_SECONDS = 1.0
PATIENCE_SECONDS = 5.0
_SILENT = "The GPU driver does not answer. Wait a moment; if it stays silent, restart the computer."


@dataclass(frozen=True, slots=True)
class Survey:
    """``devices``: all GPUs that are known, then the CPU. ``missing``: why there is none of a kind, most telling first.

    ``hidden`` says that a GPU is in this machine and cannot be used: the CPU must not replace it in silence.
    """

    devices: tuple[Device, ...]
    missing: tuple[tuple[Kind, Reason], ...]
    hidden: bool
    machine: Machine


def assemble(readings: Sequence[Readings], machine: Machine) -> Survey:
    """One survey from what all sources say. Pure."""
    gpus = [device for reading in readings for device in reading.devices]
    without = sorted((reading for reading in readings if not reading.devices), key=lambda reading: not reading.hardware)
    missing = tuple((reading.kind, reading.reason) for reading in without if reading.reason is not None)
    hidden = any(reading.hardware for reading in without) or any(not gpu.usable for gpu in gpus)
    return Survey((*gpus, cpu(machine)), missing, hidden, machine)


def cpu(machine: Machine) -> Device:
    """The processor as a device; its memory is the machine's."""
    return Device(
        kind=Kind.CPU,
        index=0,
        name=machine.processor.name,
        memory_total=machine.memory.total,
        memory_free=machine.memory.available,
        utilisation=machine.processor.load,
        torch="cpu",
    )


def choose(survey: Survey, wanted: str = "auto") -> Device | Reason:
    """The device to compute on, or why not. ``wanted``: "auto", a kind ("cuda", "cpu" ...) or "cuda:1" as torch counts.

    "auto" takes the usable GPU with most free memory, and the CPU only on a machine without any GPU: one that is there
    but cannot be used is a reason, and the person decides.
    """
    kind = wanted.partition(":")[0]
    gpus = [device for device in survey.devices if device.kind is not Kind.CPU]
    if kind == Kind.CPU or (wanted == "auto" and not gpus and not survey.hidden):
        return survey.devices[-1]
    fitting = [gpu for gpu in gpus if _is(gpu.kind, kind) and (":" not in wanted or gpu.torch in (wanted, None))]
    usable = [gpu for gpu in fitting if gpu.usable and gpu.torch is not None]
    if usable:
        return max(usable, key=lambda gpu: (gpu.memory_free or 0, -gpu.index))
    reasons = [gpu.reason for gpu in fitting if gpu.reason is not None]
    reasons += [reason for missing, reason in survey.missing if _is(missing, kind)]
    if reasons:
        return reasons[0]
    name = "GPU" if wanted == "auto" else wanted
    return Reason(Code.NO_GPU, f"This machine has no {name} that Meadow can use. Choose another device, such as cpu.")


def _is(kind: Kind, wanted: str) -> bool:
    """Torch, and so a person who knows it, says "cuda" for AMD's too."""
    return wanted == "auto" or kind == wanted or (kind is Kind.ROCM and wanted == "cuda")


class Monitor:
    """Reads GPUs and machine together, at most once in ``keep`` seconds. Thread-safe."""

    def __init__(
        self,
        gpus: GpuSource | None = None,
        machine: MachineReader | None = None,
        probe: TorchProbe | None = None,
        *,
        keep: float = KEEP_SECONDS,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``gpus`` are NVIDIA's (default: NVML); ``patience``: seconds after which a silent driver is called so."""
        self._probe = probe or TorchProbe()
        self._gpus = gpus or Nvml()
        self._others = TorchSource(self._probe)
        self._machine = machine or MachineReader()
        self._keep, self._patience, self._clock = keep, patience, clock
        self._lock = threading.Lock()
        self._last: Survey | None = None
        self._taken = float("-inf")
        self._running: threading.Event | None = None
        self._failure: Exception | None = None

    def read(self) -> Survey:
        """What is true now, or was a second ago. Blocks: for milliseconds, the first time with a GPU for seconds.

        When the driver does not answer in time, the last survey comes back with that reason at every GPU.
        """
        with self._lock:
            if self._last is not None and self._clock() - self._taken < self._keep:
                return self._last
            done = self._running
            if done is None:
                # A thread of its own, a daemon: nothing can interrupt a call into a driver that hangs.
                done = self._running = threading.Event()
                threading.Thread(target=self._take, args=(done,), name="meadow-devices", daemon=True).start()
        # The first time torch is asked, too, which bounds its own time.
        answered = done.wait(self._patience + (PROBE_SECONDS if self._probe.known is None else 0.0))
        with self._lock:
            last, failure = self._last, self._failure
        if answered and failure is not None:
            raise failure
        if answered and last is not None:
            return last
        return _silenced(last or assemble([Readings(Kind.CUDA, hardware=True)], self._machine.read()))

    async def current(self) -> Survey:
        """As ``read``, without blocking the event loop."""
        with self._lock:
            if self._last is not None and self._clock() - self._taken < self._keep:
                return self._last
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Survey] = loop.create_future()

        def work() -> None:
            survey: Survey | None = None
            failure: Exception | None = None
            try:
                survey = self.read()
            except Exception as error:  # whoever waits must hear of it
                failure = error

            def tell() -> None:
                if answer.done():
                    return  # cancelled
                if survey is not None:
                    answer.set_result(survey)
                elif failure is not None:
                    answer.set_exception(failure)

            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell)

        # Not the loop's own executor, which waits for its threads when the program ends.
        threading.Thread(target=work, name="meadow-devices-wait", daemon=True).start()
        return await answer

    def refresh(self) -> None:
        """Ask torch again, and forget the last reading: before a decision, where only torch knows the free memory."""
        known = self._probe.known
        if known is not None and (known.hip is not None or known.reason is not None):
            self._probe.facts(again=True)
        with self._lock:
            self._taken = float("-inf")

    def _take(self, done: threading.Event) -> None:
        failure: Exception | None = None
        try:
            nvidia = self._gpus.read()
            if any(device.usable for device in nvidia.devices):
                nvidia = check_torch(nvidia, self._probe.facts())
            survey = assemble([nvidia, self._others.read()], self._machine.read())
            with self._lock:
                self._last, self._taken = survey, self._clock()
        except Exception as error:  # a defect, or a system that psutil does not know: read() raises it
            failure = error
        finally:
            with self._lock:
                self._running, self._failure = None, failure
            done.set()


def _silenced(survey: Survey) -> Survey:
    """A survey whose GPUs nobody can vouch for now."""
    reason = Reason(Code.DRIVER_SILENT, _SILENT)
    devices = (
        device if device.kind is Kind.CPU else replace(device, memory_free=None, reason=reason)
        for device in survey.devices
    )
    missing = survey.missing or ((Kind.CUDA, reason),)
    return replace(survey, devices=tuple(devices), missing=missing, hidden=True)


@functools.cache
def _shared() -> Monitor:
    return Monitor()


def devices() -> list[Device]:
    """All devices of this machine as they are now; the CPU is the last. Blocks: see :class:`Monitor`."""
    return list(_shared().read().devices)
