"""Record what NVML answers on this machine, in the form that ``meadow.platform.recorded`` replays in tests.

    python -m benchmarks.nvml_record FILE [SECONDS]      one frame a second

What could name a person or a machine is left out: the folders of programs; uuids are replaced by others.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

_TOO_OLD = {"error": 13}  # nvml.h: FUNCTION_NOT_FOUND


def frame(library: Any) -> dict[str, Any]:
    """What ``library`` (nvidia-ml-py, or a recording) says now. Errors are part of the frame."""
    missing: set[str] = set()

    def ask(name: str, *arguments: Any) -> Any:
        try:
            return getattr(library, name)(*arguments)
        except library.NVMLError as error:
            return {"error": error.value}
        except (library.NVMLLibraryMismatchError, AttributeError):
            return dict(_TOO_OLD)

    def processes(kind: str, handle: Any) -> Any:
        listed = ask(f"nvmlDeviceGet{kind}RunningProcesses", handle)
        if listed == _TOO_OLD:  # drivers before 510 have an older form of it
            missing.add(f"nvmlDeviceGet{kind}RunningProcesses")
            listed = ask(f"nvmlDeviceGet{kind}RunningProcesses_v2", handle)
        if isinstance(listed, dict):
            return listed
        return [{"pid": one.pid, "usedGpuMemory": one.usedGpuMemory} for one in listed]

    def gpu(index: int) -> dict[str, Any]:
        handle = ask("nvmlDeviceGetHandleByIndex", index)
        if isinstance(handle, dict) and "error" in handle:
            return {"handle": handle}
        found = {
            "name": ask("nvmlDeviceGetName", handle),
            "uuid": _other_uuid(ask("nvmlDeviceGetUUID", handle)),
            "memory": _fields(ask("nvmlDeviceGetMemoryInfo", handle), "total", "free", "used"),
            "utilization": _fields(ask("nvmlDeviceGetUtilizationRates", handle), "gpu"),
            "temperature": ask("nvmlDeviceGetTemperature", handle, 0),
            "power": ask("nvmlDeviceGetPowerUsage", handle),
            "compute": processes("Compute", handle),
            "graphics": processes("Graphics", handle),
        }
        mig = ask("nvmlDeviceGetMigMode", handle)
        found["mig"] = list(mig) if isinstance(mig, list | tuple) else mig
        return found

    count = ask("nvmlDeviceGetCount")
    gpus = [gpu(index) for index in range(count)] if isinstance(count, int) else []
    pids = {one["pid"] for each in gpus for kind in ("compute", "graphics") for one in _listed(each.get(kind))}
    names = {str(pid): ask("nvmlSystemGetProcessName", pid) for pid in sorted(pids)}
    return {
        "driver": ask("nvmlSystemGetDriverVersion"),
        "cuda": ask("nvmlSystemGetCudaDriverVersion"),
        "count": count,
        "processes": {pid: PurePosixPath(name).name for pid, name in names.items() if isinstance(name, str)},
        "missing": sorted(missing),
        "gpus": gpus,
    }


def record(library: Any, seconds: int, *, wait: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """``seconds`` frames, one a second. Raises the library's NVMLError when there is no driver."""
    library.nvmlInit()
    frames = [frame(library)]
    for _ in range(seconds - 1):
        wait(1.0)
        frames.append(frame(library))
    return {"about": "Recorded from a real driver.", "frames": frames}


def _other_uuid(uuid: Any) -> Any:
    """The same for the same card, and nothing that names it."""
    if not isinstance(uuid, str):
        return uuid
    digits = hashlib.sha256(uuid.encode()).hexdigest()
    return "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _fields(answer: Any, *names: str) -> Any:
    return answer if isinstance(answer, dict) else {name: getattr(answer, name) for name in names}


def _listed(found: Any) -> list[dict[str, Any]]:
    return found if isinstance(found, list) else []


def main() -> int:
    path, seconds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    recording = record(importlib.import_module("pynvml"), seconds)
    path.write_text(json.dumps(recording, indent=1) + "\n", encoding="utf-8")
    print(f"{len(recording['frames'])} frames of {len(recording['frames'][0]['gpus'])} GPUs are in {path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
