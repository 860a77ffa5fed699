"""NVIDIA GPUs, read through NVML, the library that comes with the driver (nvidia-ml-py calls it).

Everything that NVML can answer, also every error, becomes readings and reasons: nothing here raises. A GPU that was
seen once and then disappears stays in the list with the reason, so that nobody is left guessing where it went.
"""

from __future__ import annotations

import importlib
import re
import threading
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import psutil

from meadow.platform.pci import NVIDIA, PCI, has_card
from meadow.platform.readings import Code, Device, GpuProcess, Kind, Readings, Reason

# nvml.h, nvmlReturn_t. Numbers and not names: an older nvidia-ml-py lacks some of the names.
_UNINITIALIZED = 1
_FUNCTION_NOT_FOUND = 13
_GPU_IS_LOST = 15
_MISMATCH = 18
_UNKNOWN = 999
_CODES = {
    3: Code.NOT_SUPPORTED,
    4: Code.NO_PERMISSION,
    8: Code.NO_POWER,
    9: Code.DRIVER_NOT_LOADED,
    10: Code.DRIVER_SILENT,  # NVML's own time-out
    12: Code.NO_DRIVER,
    _FUNCTION_NOT_FOUND: Code.DRIVER_TOO_OLD,
    _GPU_IS_LOST: Code.GPU_LOST,
    16: Code.GPU_NEEDS_RESET,
    17: Code.NO_PERMISSION,  # the operating system, or a container's limits, block the driver
    _MISMATCH: Code.DRIVER_MISMATCH,
    28: Code.GPU_LOST,  # GPU_NOT_FOUND: it was counted a moment ago
}
_MESSAGES = {
    Code.NO_DRIVER: "No NVIDIA driver is installed. If this machine has an NVIDIA card, install its driver.",
    Code.DRIVER_NOT_LOADED: "The NVIDIA driver is installed but not running. Restart the computer; if that does not "
    "help, install the driver again.",
    Code.DRIVER_TOO_OLD: "The NVIDIA driver is too old to be asked about its GPUs. Install a newer one.",
    Code.DRIVER_MISMATCH: "The NVIDIA driver was updated while in use. Restart the computer to finish the update.",
    Code.DRIVER_SILENT: "The NVIDIA driver does not answer. Wait a moment; if it stays silent, restart the computer.",
    Code.NO_PERMISSION: "This user, or this container, may not use the NVIDIA driver. Give it access to the GPU "
    "(in a container: --gpus all).",
    Code.NO_POWER: "The GPU gets too little power. Check its power cables.",
    Code.GPU_LOST: "The GPU does not answer any more: it has fallen off the bus or was unplugged. Restart the "
    "computer; if it happens again, check its power and temperature.",
    Code.GPU_NEEDS_RESET: "The GPU must be reset before it can compute again. Restart the computer.",
    Code.NOT_SUPPORTED: "This GPU does not tell what Meadow needs to know.",
    Code.DRIVER_FAILED: "The NVIDIA driver failed. Restart the computer; if it happens again, reinstall the driver.",
}
_NO_CARD = "No NVIDIA driver is installed, and this machine seems to have no NVIDIA card."
_CARD_WITHOUT_DRIVER = (
    "This machine has an NVIDIA card but no NVIDIA driver. Install the driver and restart (in a container: --gpus all)."
)
_MAX_GPUS = 64
_NAME_CHARACTERS = 64


def explain(error: int) -> Reason:
    """What an NVML error code means for the person at this computer."""
    code = _CODES.get(error, Code.DRIVER_FAILED)
    text = _MESSAGES[code]
    return Reason(code, text if code in _CODES.values() else f"{text} (NVML says {error}.)")


class NvmlFailure(Exception):
    """A call that NVML answered with an error. Stays inside this module."""

    def __init__(self, error: int) -> None:
        super().__init__(error)
        self.error = error


class Nvml:
    """A GpuSource. Thread-safe, but meant for one thread that may wait: a sick driver answers late or never."""

    def __init__(self, library: Any = None, pci: Path = PCI) -> None:
        """``library`` is what nvidia-ml-py offers (default: itself), or a recording of it."""
        self._library = library
        self._pci = pci
        self._ready = False
        self._seen: dict[str, Device] = {}  # by uuid, or by index where there is none
        self._lock = threading.Lock()

    def read(self) -> Readings:
        """All NVIDIA GPUs as they are now."""
        with self._lock:
            try:
                self._library = self._library or importlib.import_module("pynvml")
            except ImportError:
                text = "The package nvidia-ml-py is missing, so NVIDIA GPUs cannot be seen. Install Meadow again."
                reason = Reason(Code.NO_LIBRARY, text)
                return Readings(Kind.CUDA, reason=reason, hardware=has_card(NVIDIA, self._pci))
            try:
                return replace(self._read(), hardware=True)
            except NvmlFailure as failure:
                return self._failed(failure.error)

    def _read(self) -> Readings:
        """Raises NvmlFailure for what concerns the driver as a whole."""
        if not self._ready:
            self._call("nvmlInit")
            self._ready = True
        count = min(self._call("nvmlDeviceGetCount"), _MAX_GPUS)
        driver = self._ask("nvmlSystemGetDriverVersion")
        version = self._ask("nvmlSystemGetCudaDriverVersion")
        cuda = (version // 1000, version % 1000 // 10) if isinstance(version, int) else None
        devices = [replace(device, cuda=cuda) for index in range(count) for device in self._gpu(index, driver)]
        there = {_identity(device) for device in devices}
        for identity, device in self._seen.items():
            if identity not in there and not _divided_anew(device, devices):
                devices.append(_lost(device, explain(_GPU_IS_LOST)))
        self._seen.update({_identity(device): device for device in devices if device.usable})
        if devices:
            return Readings(Kind.CUDA, tuple(devices), None, driver, cuda)
        text = "The NVIDIA driver runs, but it sees no GPU. Check that the card is enabled and not hidden."
        return Readings(Kind.CUDA, (), Reason(Code.NO_GPU, text), driver, cuda)

    def _gpu(self, index: int, driver: str | None) -> list[Device]:
        """One GPU, or the parts that it is divided into (MIG)."""
        try:
            handle = self._call("nvmlDeviceGetHandleByIndex", index)
            return self._parts(handle, index, driver) or [self._device(handle, index, driver)]
        except NvmlFailure as failure:
            known = next((device for device in self._seen.values() if device.index == index), None)
            known = known or Device(Kind.CUDA, index, f"NVIDIA GPU {index}", driver)
            return [_lost(known, explain(failure.error))]

    def _parts(self, handle: Any, index: int, driver: str | None) -> list[Device]:
        """The MIG instances of a GPU; none when it is whole."""
        try:
            if not self._call("nvmlDeviceGetMigMode", handle)[0]:
                return []
            most = self._call("nvmlDeviceGetMaxMigDeviceCount", handle)
        except NvmlFailure:
            return []  # nearly all GPUs cannot be divided, and say "not supported"
        parts = []
        for number in range(most):
            try:
                part = self._call("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
                parts.append(self._device(part, index, driver))
            except NvmlFailure:
                continue  # an empty place
        if parts:
            return parts
        text = "This GPU is divided (MIG), but no part of it exists. Create a part, or turn MIG off."
        whole = self._device(handle, index, driver)
        return [replace(whole, memory_free=None, reason=Reason(Code.PARTITIONED, text))]

    def _device(self, handle: Any, index: int, driver: str | None) -> Device:
        """Raises NvmlFailure when the memory cannot be read: without it nothing can be decided."""
        unknown: dict[str, Code] = {}

        def value(name: str, function: str, *arguments: Any) -> Any:
            try:
                return self._call(function, handle, *arguments)
            except NvmlFailure as failure:
                code = explain(failure.error).code
                if code in (Code.GPU_LOST, Code.GPU_NEEDS_RESET):
                    raise  # it disappears while it is read
                unknown[name] = code
                return None

        memory = self._call("nvmlDeviceGetMemoryInfo", handle)
        used = value("utilisation", "nvmlDeviceGetUtilizationRates")
        milliwatts = value("power", "nvmlDeviceGetPowerUsage")
        found: dict[int, int | None] = {}
        for kind in ("Compute", "Graphics"):  # many programs do both and are listed twice
            function = f"nvmlDeviceGet{kind}RunningProcesses"
            listed = value("processes", function)
            if listed is None and unknown["processes"] is Code.DRIVER_TOO_OLD:
                listed = value("processes", f"{function}_v2")  # drivers before 510
            for process in listed or ():
                sizes = [size for size in (found.get(process.pid), process.usedGpuMemory) if size is not None]
                found[process.pid] = max(sizes, default=None)
        if found:
            unknown.pop("processes", None)
        return Device(
            kind=Kind.CUDA,
            index=index,
            name=_clean(value("name", "nvmlDeviceGetName") or f"NVIDIA GPU {index}"),
            driver=driver,
            memory_total=memory.total,
            memory_free=memory.free,
            utilisation=None if used is None else used.gpu / 100,
            temperature=value("temperature", "nvmlDeviceGetTemperature", 0),  # 0: the sensor on the die
            power=None if milliwatts is None else milliwatts / 1000,
            processes=tuple(GpuProcess(pid, self._process_name(pid), found[pid]) for pid in sorted(found)),
            uuid=value("uuid", "nvmlDeviceGetUUID"),
            unknown=tuple(sorted(unknown.items())),
        )

    def _process_name(self, pid: int) -> str:
        """The name of a program without the folder it lies in, which often names a person."""
        path = self._ask("nvmlSystemGetProcessName", pid)
        if not path:
            try:
                path = psutil.Process(pid).name()
            except (psutil.Error, ValueError, OverflowError):
                return ""  # in another container, or already gone
        kind = PureWindowsPath if "\\" in path else PurePosixPath
        return _clean(kind(path).name)

    def _failed(self, error: int) -> Readings:
        self._ready = False  # the next reading starts anew: the driver may have been installed or loaded meanwhile
        reason = explain(error)
        hardware: bool | None = True  # there is a driver, so there is, or was, a card
        if reason.code is Code.NO_DRIVER:
            hardware = has_card(NVIDIA, self._pci)
            if hardware is not None:
                reason = Reason(Code.NO_DRIVER, _CARD_WITHOUT_DRIVER if hardware else _NO_CARD)
        lost = tuple(_lost(device, reason) for device in self._seen.values())
        return Readings(Kind.CUDA, lost, reason, hardware=hardware)

    def _call(self, name: str, *arguments: Any) -> Any:
        """What NVML answers. Raises NvmlFailure, whatever way nvidia-ml-py has of failing."""
        function = getattr(self._library, name, None)
        if function is None:  # an old nvidia-ml-py
            raise NvmlFailure(_FUNCTION_NOT_FOUND)
        try:
            return function(*arguments)
        except self._library.NVMLError as error:
            raise NvmlFailure(error.value) from error
        except self._library.NVMLLibraryMismatchError as error:  # the driver lacks this function
            raise NvmlFailure(_FUNCTION_NOT_FOUND) from error
        except UnicodeDecodeError as error:  # the path of a program, in an encoding of old
            raise NvmlFailure(_UNKNOWN) from error

    def _ask(self, name: str, *arguments: Any) -> Any:
        """The answer, or None when there is none."""
        try:
            return self._call(name, *arguments)
        except NvmlFailure:
            return None


def _clean(text: str) -> str:
    """Names come from drivers and other programs: printable, and no longer than a name."""
    return re.sub(r"\s+", " ", "".join(c for c in text if c.isprintable())).strip()[:_NAME_CHARACTERS]


def _identity(device: Device) -> str:
    return device.uuid or f"#{device.index}"


def _divided_anew(device: Device, devices: list[Device]) -> bool:
    """A whole GPU that is in parts now, or a part of one that was divided differently: gone, but not lost."""
    now = [other for other in devices if other.index == device.index]
    return any((other.uuid or "").startswith("MIG-") for other in now) or (device.uuid or "").startswith("MIG-")


def _lost(device: Device, reason: Reason) -> Device:
    """A device that cannot be read: what it is stays, what it did is no longer known."""
    return replace(
        device, memory_free=None, utilisation=None, temperature=None, power=None, processes=(), reason=reason
    )
