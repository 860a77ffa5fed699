"""What torch can compute on: decides whether a GPU that its driver shows can be used, and finds those without NVML
(Apple's, AMD's).

Torch itself is asked in a short process (``torch_probe``), once: versions and cards do not change while Meadow runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import psutil

from meadow.platform.pci import AMD, has_card
from meadow.platform.readings import Code, Device, Kind, Readings, Reason

PROBE_SECONDS = 90.0
_TORCH_BROKEN = "PyTorch could not be asked what it can compute on. Install Meadow again; `meadow doctor` says more."


@dataclass(frozen=True, slots=True)
class TorchGpu:
    """A GPU as torch sees it; ``free`` is what was free when torch was asked. Bytes."""

    index: int
    name: str
    uuid: str | None
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class TorchFacts:
    """What the probe found. ``cuda`` and ``hip`` are the versions that torch was built for, None: without."""

    version: str | None = None
    cuda: str | None = None
    hip: str | None = None
    gpus: tuple[TorchGpu, ...] = ()
    mps: bool = False
    mps_memory: int | None = None
    reason: Reason | None = None


def parse_probe(output: str, status: int) -> TorchFacts:
    """The facts from what the probe printed; with a reason when it failed."""
    try:
        table = json.loads(output) if status == 0 else None
        if not isinstance(table, dict):
            raise ValueError
        gpus = tuple(TorchGpu(**gpu) for gpu in table["gpus"])
        facts = TorchFacts(table["version"], table["cuda"], table["hip"], gpus, table["mps"], table["mps_memory"])
    except (ValueError, KeyError, TypeError):
        return TorchFacts(reason=Reason(Code.NO_TORCH, _TORCH_BROKEN))
    if table["error"] is not None:
        text = "PyTorch cannot start the GPU driver. Restart the computer; if that does not help, update the driver."
        return replace(facts, reason=Reason(Code.TORCH_CANNOT, text))
    return facts


def ask_torch(
    command: Sequence[str] = (sys.executable, "-m", "meadow.platform.torch_probe"),
    environment: Mapping[str, str] | None = None,
) -> TorchFacts:
    """Run the probe, with these variables beside ours: a few seconds of another process. Blocks; never raises for what
    the machine does."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired:
        text = "PyTorch did not answer what it can compute on: the GPU driver may hang. Restart the computer."
        return TorchFacts(reason=Reason(Code.DRIVER_SILENT, text))
    except OSError:
        return TorchFacts(reason=Reason(Code.NO_TORCH, _TORCH_BROKEN))
    return parse_probe(done.stdout, done.returncode)


class TorchProbe:
    """The probe's answer, asked for once. Thread-safe; whoever asks first waits."""

    def __init__(self, ask: Callable[[], TorchFacts] | None = None) -> None:
        """``ask`` gives the facts (default: the probe)."""
        self._ask = ask or ask_torch
        self._facts: TorchFacts | None = None
        self._asked = 0
        self._lock = threading.Lock()

    @property
    def known(self) -> TorchFacts | None:
        """The answer, if it is there already."""
        return self._facts

    def facts(self, *, again: bool = False) -> TorchFacts:
        """The answer. ``again`` asks anew: the free memory of AMD GPUs is known in no other way."""
        with self._lock:
            if self._facts is not None and not again:
                return self._facts
            asked = self._asked
            facts = self._ask()
            if asked == self._asked:  # else it is forgotten again, and the next who asks gets the new answer
                self._facts = facts
            return facts

    def forget(self) -> None:
        """Another torch answers from now on. Never waits."""
        self._asked += 1
        self._facts = None


class TorchSource:
    """A GpuSource for the GPUs that only torch knows: Apple's (mps) and AMD's (ROCm).

    Never run on such a machine so far: see docs/devices.md.
    """

    def __init__(self, probe: TorchProbe, *, system: str = sys.platform, amd: bool | None = None) -> None:
        """``amd``: whether there is an AMD card (default: look)."""
        self._probe = probe
        self._system = system
        self._amd = has_card(AMD) if amd is None else amd

    def read(self) -> Readings:
        """Devices of torch; asks the probe only on machines that can have one."""
        if self._system == "darwin":
            return apple(self._probe.facts(), psutil.virtual_memory().available)
        if self._amd:
            return amd(self._probe.facts())
        return Readings(Kind.ROCM, hardware=False)


def apple(facts: TorchFacts, available: int) -> Readings:
    """The GPU of an Apple computer. It shares the memory of the machine, of which ``available`` bytes are free."""
    if facts.reason is not None:
        return Readings(Kind.MPS, reason=facts.reason)
    if not facts.mps:
        text = "This Mac has no GPU that PyTorch can use: that takes an Apple chip and macOS 14 or later."
        return Readings(Kind.MPS, reason=Reason(Code.NO_GPU, text), hardware=False)
    total = facts.mps_memory
    free = available if total is None else min(available, total)
    device = Device(Kind.MPS, 0, "Apple GPU", memory_total=total, memory_free=free, torch="mps")
    return Readings(Kind.MPS, (device,), hardware=True)


def amd(facts: TorchFacts) -> Readings:
    """AMD GPUs, on a machine that has such a card."""
    if facts.hip is None:
        text = (
            "This machine has an AMD GPU, but this PyTorch was not built for it. Install the ROCm build of PyTorch "
            f"{(facts.version or '').partition('+')[0]} if the card is supported."
        )
        reason = facts.reason or Reason(Code.TORCH_WITHOUT_GPU, text)
        return Readings(Kind.ROCM, reason=reason, hardware=True)
    if not facts.gpus:
        text = "PyTorch finds no AMD GPU that it can use. Check that ROCm supports the card and its driver runs."
        reason = facts.reason or Reason(Code.TORCH_CANNOT, text)
        return Readings(Kind.ROCM, reason=reason, hardware=True)
    devices = (
        Device(Kind.ROCM, gpu.index, gpu.name, facts.hip, gpu.total, gpu.free, uuid=gpu.uuid, torch=f"cuda:{gpu.index}")
        for gpu in facts.gpus
    )
    return Readings(Kind.ROCM, tuple(devices), hardware=True)


def check_torch(readings: Readings, facts: TorchFacts) -> Readings:
    """NVIDIA GPUs with what torch calls them, or with the reason why it cannot compute on them. Pure."""
    return replace(readings, devices=tuple(_checked(device, readings, facts) for device in readings.devices))


def _checked(device: Device, readings: Readings, facts: TorchFacts) -> Device:
    if device.reason is not None or device.kind is not Kind.CUDA:
        return device
    if facts.version is None:
        return replace(device, reason=facts.reason)
    if facts.cuda is None:
        text = (
            f"This PyTorch ({facts.version}) was built without CUDA, so it cannot compute on the {device.name}. "
            f"Install the CUDA build of PyTorch {facts.version.partition('+')[0]}."
        )
        return replace(device, reason=Reason(Code.TORCH_WITHOUT_GPU, text))
    if readings.cuda is not None and readings.cuda[0] < int(facts.cuda.partition(".")[0]):
        text = (
            f"The NVIDIA driver {readings.driver or ''} is too old: it knows CUDA {readings.cuda[0]}."
            f"{readings.cuda[1]}, and PyTorch needs {facts.cuda}. Install a newer driver."
        )
        return replace(device, reason=Reason(Code.DRIVER_TOO_OLD, text))
    if facts.reason is not None:
        return replace(device, reason=facts.reason)
    found = _same(device, readings, facts)
    if found is None:
        text = f"PyTorch does not see the {device.name}. Check CUDA_VISIBLE_DEVICES, and that the card is not too old."
        return replace(device, reason=Reason(Code.TORCH_CANNOT, text))
    return replace(device, torch=f"cuda:{found.index}")


def _same(device: Device, readings: Readings, facts: TorchFacts) -> TorchGpu | None:
    """The GPU of torch that this is: by uuid, since torch orders by speed and the driver by slot."""
    if device.uuid is not None and any(gpu.uuid for gpu in facts.gpus):
        wanted = _bare(device.uuid)
        return next((gpu for gpu in facts.gpus if gpu.uuid and _bare(gpu.uuid) == wanted), None)
    if len(readings.devices) == len(facts.gpus) == 1:
        return facts.gpus[0]
    named = [gpu for gpu in facts.gpus if gpu.name == device.name]
    alike = [other for other in readings.devices if other.name == device.name]
    return named[0] if len(named) == len(alike) == 1 else None


def _bare(uuid: str) -> str:
    return uuid.lower().removeprefix("gpu-").removeprefix("mig-")
