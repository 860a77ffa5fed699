"""Checks of this machine: versions, processor and memory, GPUs, disks, what was left behind, the clock's sanity.

Each check reads at the edge and judges in a pure function, which the tests call with what other machines would say.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from meadow import __version__
from meadow.node.doctor import Finding, Private, fail, ok, split, warn
from meadow.node.lock import is_held, node_file
from meadow.platform.devices import Survey
from meadow.platform.machine import Machine
from meadow.platform.paths import FileLock, Paths
from meadow.platform.readings import Device, Kind

PACKAGES = ("torch", "transformers", "hivemind", "nvidia-ml-py", "psutil", "safetensors", "fastapi", "uvicorn")
_LITTLE_MEMORY = 1_500_000_000  # a server of a small span with torch, and what a chat needs
_LITTLE_DISK = 5_000_000_000  # a few blocks of a large model
_NO_DISK = 100_000_000
_MUCH_LOG = 1_000_000_000


# Versions


def versions() -> Finding:
    """Python and the libraries, against what this Meadow was made for."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    try:
        wanted = pins(importlib.metadata.requires("meadow") or [])
    except importlib.metadata.PackageNotFoundError:
        wanted = {}
    return judge_versions(found, wanted, python=platform.python_version(), system=platform.system())


def pins(requirements: Sequence[str]) -> dict[str, str]:
    """The requirements that name one exact version."""
    matches = (re.match(r"([A-Za-z0-9_.-]+)==([^;\s]+)", requirement) for requirement in requirements)
    return {match.group(1): match.group(2) for match in matches if match}


def judge_versions(found: Mapping[str, str | None], wanted: Mapping[str, str], *, python: str, system: str) -> Finding:
    """``found``: package -> version, None when it is not installed."""
    details = {
        "meadow": __version__,
        "python": python,
        **{name: version or "missing" for name, version in found.items()},
    }
    missing = [name for name, version in found.items() if version is None]
    if "hivemind" in missing and system == "Windows":
        return fail(
            "The library hivemind does not exist for Windows.", "Run Meadow inside WSL (Ubuntu on Windows).", **details
        )
    if missing:
        return fail(f"Missing: {', '.join(missing)}.", "Install Meadow again.", **details)
    other = [
        f"{name} {found[name]} (made for {version})"
        for name, version in wanted.items()
        if name in found and (found[name] or "").partition("+")[0] != version
    ]
    if other:
        return warn(f"Other versions than tested: {', '.join(other)}.", "Install Meadow again.", **details)
    shown = ", ".join(f"{name} {found[name]}" for name in ("torch", "transformers", "hivemind") if name in found)
    return ok(f"Meadow {__version__}, Python {python}, {shown}.", **details)


# Processor, memory, battery


def judge_machine(machine: Machine) -> Finding:
    """Is there memory for anything at all?"""
    processor, memory, battery = machine.processor, machine.memory, machine.battery
    details = {
        "system": machine.system,
        "threads": processor.threads,
        "memory_total": memory.total,
        "memory_available": memory.available,
        "battery": None if battery is None else round(battery.fraction, 2),
        "plugged": None if battery is None else battery.plugged,
    }
    power = "" if battery is None or battery.plugged else f", on battery ({battery.fraction:.0%})"
    free = f"{_gb(memory.available)} of {_gb(memory.total)} memory free"
    what = f"{processor.name}, {processor.threads} threads, {free}{power}."
    if memory.available < _LITTLE_MEMORY:
        return warn(what, "That is little: close programs before you share or chat with a large model.", **details)
    return ok(what, **details)


# GPUs


def judge_gpus(survey: Survey, runtime_bytes: int = 0) -> Finding:
    """Can something faster than the processor be used, and if not, why? ``runtime_bytes``: what the GPU runtime takes
    on the disk, 0 when it was never made."""
    gpus = [device for device in survey.devices if device.kind is not Kind.CPU]
    details = {
        "devices": [_gpu_details(gpu) for gpu in gpus],
        "missing": [f"{kind}: {reason.code}" for kind, reason in survey.missing],
        "gpu_runtime_bytes": runtime_bytes,
    }
    broken = [gpu for gpu in gpus if gpu.reason is not None]
    if broken and broken[0].reason is not None:
        what, do = split(broken[0].reason.message)
        rest = [gpu.name for gpu in gpus if gpu.reason is None]
        also = f" {', '.join(rest)} can be used." if rest else ""
        return warn(f"{broken[0].name}: {what}{also}", do, **details)
    if gpus:
        runtime = f" The GPU runtime takes {_gb(runtime_bytes)} of disk." if runtime_bytes else ""
        return ok(" ".join(_describe(gpu) for gpu in gpus) + runtime, **details)
    if survey.hidden and survey.missing:
        what, do = split(survey.missing[0][1].message)
        return warn(what, do, **details)
    why = survey.missing[0][1].message if survey.missing else "No GPU was found."
    return ok(f"{why} Meadow computes on the processor here.", **details)


def _describe(gpu: Device) -> str:
    parts = [gpu.name]
    if gpu.driver:
        parts.append(f"driver {gpu.driver}")
    if gpu.memory_free is not None and gpu.memory_total is not None:
        parts.append(f"{_gb(gpu.memory_free)} of {_gb(gpu.memory_total)} free")
    if gpu.temperature is not None:
        parts.append(f"{gpu.temperature:.0f} °C")
    if gpu.processes:
        parts.append(f"{len(gpu.processes)} programs use it")
    return ", ".join(parts) + "."


def _gpu_details(gpu: Device) -> dict[str, object]:
    """Programs are counted, not named: what somebody plays is not for a report."""
    return {
        "kind": str(gpu.kind),
        "name": gpu.name,
        "driver": gpu.driver,
        "torch": gpu.torch,
        "memory_total": gpu.memory_total,
        "memory_free": gpu.memory_free,
        "utilisation": gpu.utilisation,
        "temperature": gpu.temperature,
        "power": gpu.power,
        "programs": len(gpu.processes),
        "reason": None if gpu.reason is None else str(gpu.reason.code),
    }


# Disks


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that Meadow writes to. ``problem``: why it cannot, None if it can. ``free``: bytes, None: unknown."""

    what: str
    path: Path
    free: int | None
    problem: str | None


def look_at(what: str, path: Path) -> Place:
    """Write a small file where ``path`` is or would be, and remove it. Nothing else changes."""
    folder = next((one for one in (path, *path.parents) if os.path.lexists(one)), path)
    if not folder.is_dir():
        return Place(what, path, None, "a file is in its place")
    try:
        free: int | None = psutil.disk_usage(str(folder)).free
    except OSError:
        free = None
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".meadow-doctor-") as file:
            file.write(b"m" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Place(what, path, free, error.strerror or type(error).__name__)
    return Place(what, path, free, None)


def places(paths: Paths) -> list[Place]:
    """All folders of an installation."""
    return [
        look_at("keys, settings and conversations", paths.data),
        look_at("models", paths.models),
        look_at("logs", paths.logs),
        look_at("sockets", paths.run),
    ]


def judge_disks(found: Sequence[Place]) -> Finding:
    """Can everything be written, and is there room for it?"""
    details = {place.what: {"free": place.free, "problem": place.problem} for place in found}
    for place in found:
        if place.problem is not None:
            do = f"Correct the permissions of {place.path}, or use another folder with --home DIR."
            return fail(f"The folder for {place.what} cannot be written ({place.problem}).", do, **details)
    for limit, make in ((_NO_DISK, fail), (_LITTLE_DISK, warn)):
        for place in found:
            if place.free is not None and place.free < limit and (limit == _NO_DISK or place.what == "models"):
                return make(
                    f"Only {_gb(place.free)} are free for {place.what} ({place.path}).",
                    "Free some space on this disk, or use one with more with --home DIR.",
                    **details,
                )
    room = next((place.free for place in found if place.what == "models" and place.free is not None), None)
    return ok("All folders can be written" + (f"; {_gb(room)} are free for models." if room else "."), **details)


# What was left behind


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What processes that were killed left behind. ``orphans``: processes of Meadow whose owner is gone."""

    run_folders: int = 0
    node_file: bool = False
    orphans: tuple[int, ...] = ()
    log_bytes: int = 0


def leftovers(paths: Paths) -> Leftovers:
    """Look, and change nothing."""
    stale = 0
    for lock in paths.run.glob("*.lock"):
        try:
            FileLock(lock).release()
        except OSError:
            continue  # held: its owner lives
        stale += 1
    logs = sum(file.stat().st_size for file in paths.logs.glob("*") if file.is_file()) if paths.logs.is_dir() else 0
    return Leftovers(stale, node_file(paths).exists() and not is_held(paths), tuple(orphans()), logs)


def orphans() -> list[int]:
    """Processes of this user's Meadow that the system's first process, or the session's, has adopted."""
    found = []
    own = os.getuid() if hasattr(os, "getuid") else None
    for process in psutil.process_iter():
        try:
            if own is not None and process.uids().real != own:
                continue
            if is_child(process.cmdline()) and is_adopted(process):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or not ours to look at
    return sorted(found)


def is_child(command: Sequence[str]) -> bool:
    """Whether this is a process that Meadow starts and that must not outlive who started it."""
    if any(name in command for name in ("meadow.server.process", "meadow.chat.process")):
        return True
    return bool(command) and command[0].endswith("/p2pd") and "hivemind" in command[0]


def is_adopted(process: psutil.Process) -> bool:
    """In a container the first process may be Meadow itself, and is then a rightful owner."""
    parent = process.parent()
    if parent is None:
        return True
    first = parent.pid == 1 or parent.name() in ("systemd", "init", "launchd")
    return first and not any("meadow" in part for part in parent.cmdline())


def judge_leftovers(found: Leftovers) -> Finding:
    """Most of it goes away by itself."""
    details = {
        "run_folders": found.run_folders,
        "node_file": found.node_file,
        "orphans": list(found.orphans),
        "log_bytes": found.log_bytes,
    }
    if found.orphans:
        pids = ", ".join(map(str, found.orphans))
        return warn(
            f"{len(found.orphans)} processes of Meadow run without their owner (process {pids}).",
            "End them, and report how it came to that.",
            **details,
        )
    if found.log_bytes > _MUCH_LOG:
        return warn(
            f"The logs have grown to {_gb(found.log_bytes)}.", "Delete old files in the folder for logs.", **details
        )
    if found.run_folders or found.node_file:
        return ok("A killed process left a few small files; the next start removes them.", **details)
    return ok("Nothing was left behind.", **details)


# The clock, as far as it can be judged alone


def judge_clock(now: float, newest_file: float, jump: float, *, offset: float | None = None) -> Finding:
    """:param now: Unix time. :param newest_file: of Meadow's own files, which are not from the future.
    :param jump: how much the clock moved against a steady one while we looked, seconds.
    :param offset: the swarm's clock minus ours, if it could be asked.
    """
    details = {"offset_seconds": None if offset is None else round(offset, 1), "jump": round(jump, 3)}
    do = "Let the system set date and time automatically."
    if now < newest_file - 86_400:
        days = (newest_file - now) / 86_400
        return fail(f"The clock is at least {days:.0f} days behind: Meadow's own files are newer.", do, **details)
    if offset is not None and abs(offset) > 60:
        way = "behind" if offset > 0 else "ahead of"
        text = f"The clock is {abs(offset):.0f} s {way} that of the swarm"
        if abs(offset) >= 299:  # what a SwarmClock can measure
            return fail(f"{text}, or more: others take your records for expired.", do, **details)
        return warn(f"{text}.", do, **details)
    if abs(jump) > 0.5:
        return warn("The clock was changed just now.", "Wait until it is set, then try again.", **details)
    if offset is None:
        return ok("The clock runs evenly; there was no peer to compare it with.", **details)
    return ok(f"The clock agrees with that of the swarm to {max(1.0, abs(offset)):.0f} s.", **details)


def newest_own_file() -> float:
    """When the newest file of this installation was written."""
    root = Path(__file__).resolve().parents[1]
    return max((file.stat().st_mtime for file in root.glob("*.py")), default=0.0)


def clock_jump(seconds: float = 0.3) -> float:
    """How far the clock moves against a steady one in a moment. Blocks."""
    wall, steady = time.time(), time.monotonic()
    time.sleep(seconds)
    return (time.time() - wall) - (time.monotonic() - steady)


# For the report


def private(paths: Paths) -> Private:
    """Names and folders of this person and this computer."""
    import getpass

    names = {platform.node(), platform.node().partition(".")[0]}
    try:
        names.add(getpass.getuser())
    except (OSError, KeyError):  # a container's user without a name
        names.discard("")
    folders = {
        str(paths.models): "MODELS",
        str(paths.cache): "CACHE",
        str(paths.logs): "LOGS",
        str(paths.run): "RUN",
        str(paths.data): "DATA",
        str(Path.home()): "~",
        sys.prefix: "PYTHON",
    }
    # Words that name no one, and stand in sentences of ours.
    return Private(frozenset(names - {"", "root", "user", "localhost", "meadow"}), tuple(folders.items()))


def _gb(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.0f} MB"
