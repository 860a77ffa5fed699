"""NVML as it was recorded: stands in for nvidia-ml-py where there is no GPU, so that all of ``nvml`` runs over it.

A recording is JSON: ``{"about": ..., "frames": [...]}``. Every reading consumes one frame; the last one stays. A frame
holds what NVML's functions answer, and ``{"error": N}`` (nvmlReturn_t) wherever one of them fails:

    {"init": null, "driver": "580.65.06", "cuda": 13000, "processes": {"4711": "/usr/games/game"}, "gpus": [
       {"name": "...", "uuid": "GPU-...", "memory": {"total": 1, "free": 1, "used": 0}, "utilization": {"gpu": 7},
        "temperature": 41, "power": 21500, "compute": [{"pid": 4711, "usedGpuMemory": 1}], "graphics": [],
        "mig": {"error": 3}, "handle": null, "parts": []}]}

``missing`` names functions that this driver does not have. Values that are not there answer "not supported".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from meadow.platform.nvml import Nvml
from meadow.platform.readings import Readings

_NOT_SUPPORTED = 3
_NOT_FOUND = 6


_NO_BUS = Path("/nowhere")  # a recording says nothing about the cards of this machine


class Recording:
    """A GpuSource that replays a recording, one frame for each reading."""

    def __init__(self, frames: Sequence[Mapping[str, Any]], pci: Path = _NO_BUS) -> None:
        self._library = RecordedNvml(frames)
        self._nvml = Nvml(self._library, pci)

    @classmethod
    def load(cls, path: Path, pci: Path = _NO_BUS) -> Recording:
        """From a file."""
        return cls(json.loads(path.read_text(encoding="utf-8"))["frames"], pci)

    def read(self) -> Readings:
        """The next frame, as ``Nvml`` reads it."""
        self._library.advance()
        return self._nvml.read()


class RecordedNvml:
    """The part of nvidia-ml-py that ``nvml.Nvml`` uses."""

    class NVMLError(Exception):
        """As in nvidia-ml-py: ``value`` is NVML's number for the error."""

        def __init__(self, value: int) -> None:
            super().__init__(f"recorded NVML error {value}")
            self.value = value

    class NVMLLibraryMismatchError(Exception):
        """As in nvidia-ml-py: the driver lacks the newest form of a function."""

    def __init__(self, frames: Sequence[Mapping[str, Any]]) -> None:
        self._frames = list(frames)
        self._at = -1

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("nvml") and name in self._frame.get("missing", ()):
            if name.endswith("RunningProcesses"):

                def mismatch(*arguments: Any) -> Any:
                    raise RecordedNvml.NVMLLibraryMismatchError(name)

                return mismatch
            return lambda *arguments: self._answer({"error": 13})
        return super().__getattribute__(name)

    @property
    def _frame(self) -> Mapping[str, Any]:
        return self._frames[max(0, self._at)]

    def _answer(self, value: Any, fallback: int = _NOT_SUPPORTED) -> Any:
        """The recorded value; raises NVMLError for an error, and for what is not there."""
        if value is None:
            value = {"error": fallback}
        if isinstance(value, Mapping) and "error" in value:
            raise RecordedNvml.NVMLError(value["error"])
        return SimpleNamespace(**value) if isinstance(value, Mapping) else value

    def advance(self) -> None:
        """The next frame holds from now on."""
        self._at = min(self._at + 1, len(self._frames) - 1)

    # The functions of NVML

    def nvmlInit(self) -> None:
        if self._frame.get("init") is not None:
            self._answer(self._frame["init"])

    def nvmlDeviceGetCount(self) -> int:
        count: int = self._answer(self._frame.get("count", len(self._frame.get("gpus", ()))))
        return count

    def nvmlSystemGetDriverVersion(self) -> Any:
        return self._answer(self._frame.get("driver"))

    def nvmlSystemGetCudaDriverVersion(self) -> Any:
        return self._answer(self._frame.get("cuda"))

    def nvmlSystemGetProcessName(self, pid: int) -> Any:
        return self._answer(self._frame.get("processes", {}).get(str(pid)), _NOT_FOUND)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:
        gpu = self._frame["gpus"][index]
        if gpu.get("handle") is not None:
            self._answer(gpu["handle"])
        return gpu

    def nvmlDeviceGetName(self, gpu: Mapping[str, Any]) -> Any:
        return self._answer(gpu.get("name"))

    def nvmlDeviceGetUUID(self, gpu: Mapping[str, Any]) -> Any:
        return self._answer(gpu.get("uuid"))

    def nvmlDeviceGetMemoryInfo(self, gpu: Mapping[str, Any]) -> Any:
        return self._answer(gpu.get("memory"))

    def nvmlDeviceGetUtilizationRates(self, gpu: Mapping[str, Any]) -> Any:
        return self._answer(gpu.get("utilization"))

    def nvmlDeviceGetTemperature(self, gpu: Mapping[str, Any], sensor: int) -> Any:
        return self._answer(gpu.get("temperature"))

    def nvmlDeviceGetPowerUsage(self, gpu: Mapping[str, Any]) -> Any:
        return self._answer(gpu.get("power"))

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: Mapping[str, Any]) -> Any:
        return self._processes(gpu.get("compute"))

    def nvmlDeviceGetComputeRunningProcesses_v2(self, gpu: Mapping[str, Any]) -> Any:
        return self._processes(gpu.get("compute"))

    def nvmlDeviceGetGraphicsRunningProcesses(self, gpu: Mapping[str, Any]) -> Any:
        return self._processes(gpu.get("graphics"))

    def nvmlDeviceGetGraphicsRunningProcesses_v2(self, gpu: Mapping[str, Any]) -> Any:
        return self._processes(gpu.get("graphics"))

    def nvmlDeviceGetMigMode(self, gpu: Mapping[str, Any]) -> Any:
        return self._answer(gpu.get("mig"))

    def nvmlDeviceGetMaxMigDeviceCount(self, gpu: Mapping[str, Any]) -> int:
        return len(gpu.get("parts", ()))

    def nvmlDeviceGetMigDeviceHandleByIndex(self, gpu: Mapping[str, Any], index: int) -> Any:
        part = gpu["parts"][index]
        if part is None:
            self._answer(None, _NOT_FOUND)
        return part

    def _processes(self, listed: Any) -> list[Any]:
        if isinstance(listed, list):
            return [SimpleNamespace(**process) for process in listed]
        found: list[Any] = self._answer(listed)
        return found
