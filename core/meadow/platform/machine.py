"""What this machine is and how busy it is: processor, memory, battery, disks, network (psutil). Bytes and seconds."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Processor:
    """``cores`` are physical (None: unknown), ``threads`` what this process may use, ``load`` the share of all threads
    that was busy since the last reading (0..1; None on the first one)."""

    name: str
    cores: int | None
    threads: int
    load: float | None


@dataclass(frozen=True, slots=True)
class Memory:
    """``available`` can be taken without swapping; in a container both follow its limit."""

    total: int
    available: int


@dataclass(frozen=True, slots=True)
class Battery:
    """``fraction`` 0..1, ``seconds_left`` None while charging or when nobody knows."""

    fraction: float
    plugged: bool
    seconds_left: int | None


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that holds ``path``; ``free`` is what this user may still write."""

    path: str
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Network:
    """Bytes since the system started, over all interfaces but loopback."""

    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Machine:
    """One reading. ``battery`` is None where there is none; ``network`` and disks where the system does not tell."""

    system: str
    processor: Processor
    memory: Memory
    battery: Battery | None
    disks: tuple[Disk, ...]
    network: Network | None
    uptime: float


class MachineReader:
    """Reads the machine again and again; the load counts between two readings. Thread-safe."""

    def __init__(self, folders: Iterable[Path] = (), cgroup: Path = CGROUP) -> None:
        """``folders``: whose disks to read. They need not exist yet."""
        self._folders = tuple(folders)
        self._cgroup = cgroup
        self._before: tuple[float, float] | None = None
        self._lock = threading.Lock()

    def read(self) -> Machine:
        """What is true now; a millisecond or two."""
        return Machine(
            system=f"{platform.system()} {platform.release()} {platform.machine()}".strip(),
            processor=Processor(processor_name(), psutil.cpu_count(logical=False), threads(), self._load()),
            memory=memory(self._cgroup),
            battery=battery(),
            disks=tuple(found for folder in self._folders if (found := disk(folder)) is not None),
            network=network(),
            uptime=max(0.0, time.time() - psutil.boot_time()),
        )

    def _load(self) -> float | None:
        """Own arithmetic and not psutil's ``cpu_percent``, whose memory is shared by all who ask in this process."""
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # The kernel counts guests in user and nice already.
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        with self._lock:
            before, self._before = self._before, (idle, total)
        if before is None or total <= before[1]:
            return None
        return min(1.0, max(0.0, 1.0 - (idle - before[0]) / (total - before[1])))


def machine(folders: Iterable[Path] = ()) -> Machine:
    """One reading, without a load."""
    return MachineReader(folders).read()


@cache
def processor_name() -> str:
    """What the maker calls the processor."""
    name = ""
    try:
        if sys.platform == "linux":
            name = _linux_processor(Path("/proc/cpuinfo").read_text(errors="replace"))
        elif sys.platform == "darwin":
            name = subprocess.run(
                ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, timeout=5
            ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        name = ""
    return name or platform.processor() or platform.machine() or "processor"


def _linux_processor(cpuinfo: str) -> str:
    """The name in /proc/cpuinfo; some ARM kernels give none."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware") and value.strip():
            return " ".join(value.split())
    return ""


def threads() -> int:
    """Threads that this process may run at the same time."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return psutil.cpu_count() or 1


def memory(cgroup: Path = CGROUP) -> Memory:
    """The machine's memory, or the container's where that is less: beyond its limit the kernel kills."""
    whole = psutil.virtual_memory()
    limited = container_memory(cgroup)
    if limited is None or limited.total >= whole.total:
        return Memory(whole.total, whole.available)
    return Memory(limited.total, min(limited.available, whole.available))


def container_memory(cgroup: Path) -> Memory | None:
    """The limit of the control group (v2, else v1) that this process sees as its root; None without one."""
    for limit, used, statistics, cached in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ):
        try:
            total = int((cgroup / limit).read_text())
            current = int((cgroup / used).read_text())
            lines = (cgroup / statistics).read_text().splitlines()
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
        # Pages of files that nobody used lately are given back before the kernel kills.
        given_back = next((int(line.split()[1]) for line in lines if line.split()[:1] == [cached]), 0)
        return Memory(total, max(0, total - max(0, current - given_back)))
    return None


def battery() -> Battery | None:
    """The battery, if there is one."""
    try:
        found = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    except (OSError, RuntimeError, ValueError):  # odd entries below /sys on some laptops
        return None
    if found is None:
        return None
    known = found.secsleft is not None and found.secsleft >= 0 and not found.power_plugged
    return Battery(found.percent / 100, bool(found.power_plugged), int(found.secsleft) if known else None)


def disk(path: Path) -> Disk | None:
    """The disk that holds ``path``, or will when it is created; None when it cannot be asked."""
    for folder in (path, *path.parents):
        try:
            usage = psutil.disk_usage(str(folder))
        except FileNotFoundError:
            continue
        except OSError:
            return None
        return Disk(str(path), usage.total, usage.free)
    return None


def network() -> Network | None:
    """Bytes over all interfaces but loopback."""
    try:
        counters = psutil.net_io_counters(pernic=True)
    except (OSError, psutil.Error):
        return None
    real = [count for name, count in counters.items() if not name.startswith("lo")]
    return Network(sum(count.bytes_sent for count in real), sum(count.bytes_recv for count in real))
