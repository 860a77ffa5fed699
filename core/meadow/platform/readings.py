"""What can be known about a device: values, and, where something cannot be known or used, the reason. Pure data.

Memory is in bytes, temperature in degrees Celsius, power in watts, utilisation a fraction between 0 and 1. None means
that the device, its driver or this user's rights do not tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What computes. Torch calls ROCM devices ``cuda`` too; people and decisions need the difference."""

    CPU = "cpu"
    CUDA = "cuda"
    ROCM = "rocm"
    MPS = "mps"


class Code(StrEnum):
    """Why a device, or a whole kind of device, cannot be read or used."""

    NO_LIBRARY = "no_library"
    NO_DRIVER = "no_driver"
    DRIVER_NOT_LOADED = "driver_not_loaded"
    DRIVER_TOO_OLD = "driver_too_old"
    DRIVER_MISMATCH = "driver_mismatch"
    DRIVER_SILENT = "driver_silent"
    DRIVER_FAILED = "driver_failed"
    NO_PERMISSION = "no_permission"
    NO_GPU = "no_gpu"
    GPU_LOST = "gpu_lost"
    GPU_NEEDS_RESET = "gpu_needs_reset"
    NO_POWER = "no_power"
    PARTITIONED = "partitioned"
    NOT_SUPPORTED = "not_supported"
    NO_TORCH = "no_torch"
    TORCH_WITHOUT_GPU = "torch_without_gpu"
    TORCH_CANNOT = "torch_cannot"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """``code`` for programs, ``message`` for people: what it means and what they can do."""

    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A program that uses a GPU. ``memory`` is None where the driver does not tell (Windows, containers)."""

    pid: int
    name: str
    memory: int | None


@dataclass(frozen=True, slots=True)
class Device:
    """One device as it is now. With a ``reason`` it cannot be used, and values may be missing or the last known ones.

    ``index`` is the driver's number; ``torch`` what torch calls it ("cuda:0"), None while that is not known.
    ``cuda`` is the newest CUDA that its driver knows, (major, minor). ``unknown`` names the values that this
    device does not tell, each with why.
    """

    kind: Kind
    index: int
    name: str
    driver: str | None = None
    memory_total: int | None = None
    memory_free: int | None = None
    utilisation: float | None = None
    temperature: float | None = None
    power: float | None = None
    processes: tuple[GpuProcess, ...] = ()
    reason: Reason | None = None
    uuid: str | None = None
    torch: str | None = None
    unknown: tuple[tuple[str, Code], ...] = ()
    cuda: tuple[int, int] | None = None

    @property
    def usable(self) -> bool:
        """Nothing is known that keeps Meadow from computing here."""
        return self.reason is None

    def others(self, own: frozenset[int] = frozenset()) -> tuple[GpuProcess, ...]:
        """The programs on this device that are not ours. ``own``: the ids of our processes."""
        return tuple(process for process in self.processes if process.pid not in own)


@dataclass(frozen=True, slots=True)
class Readings:
    """What one source says about one kind of GPU: its devices, and why there are none or not all of them.

    ``cuda`` is the newest CUDA that the driver knows, (major, minor). ``hardware``: whether a card of this vendor is in
    the machine, whatever its driver does; None when that cannot be found out. A card that is there and cannot be used
    must never be replaced by the CPU in silence.
    """

    kind: Kind
    devices: tuple[Device, ...] = ()
    reason: Reason | None = None
    driver: str | None = None
    cuda: tuple[int, int] | None = None
    hardware: bool | None = None


class GpuSource(Protocol):
    """Where readings of GPUs come from: NVML, torch, a recording."""

    def read(self) -> Readings:
        """What is true now. Blocks for milliseconds; whatever the hardware does comes as a reason, never raised."""
