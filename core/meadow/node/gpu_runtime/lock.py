"""Which wheels the GPU runtime is made of: pinned in ``resources/gpu-runtime.json``, each by its hash."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from meadow.errors import MeadowError
from meadow.models.fingerprint import is_sha256
from meadow.resources import resource

_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,200}\.whl")


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file. ``size`` and ``unpacked`` in bytes."""

    name: str
    version: str
    file: str
    sha256: str
    size: int
    unpacked: int


@dataclass(frozen=True, slots=True)
class Lock:
    """The whole runtime for one Python on one platform. ``cuda``: the version that its torch was built for."""

    torch: str
    cuda: tuple[int, int]
    wheels: tuple[Wheel, ...]

    @property
    def key(self) -> str:
        """Changes with any wheel."""
        content = json.dumps([[wheel.file, wheel.sha256] for wheel in self.wheels])
        return f"torch-{self.torch}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    @property
    def download_bytes(self) -> int:
        """All wheels."""
        return sum(wheel.size for wheel in self.wheels)

    @property
    def disk_bytes(self) -> int:
        """All wheels unpacked."""
        return sum(wheel.unpacked for wheel in self.wheels)

    def to_json(self) -> dict[str, Any]:
        """For the builder's process."""
        return asdict(self)

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Self:
        """From JSON values. Raises ValueError, KeyError or TypeError for what is no lock."""
        wheels = tuple(Wheel(**wheel) for wheel in table["wheels"])
        for wheel in wheels:
            if not _FILE.fullmatch(wheel.file) or not is_sha256(wheel.sha256) or min(wheel.size, wheel.unpacked) < 0:
                raise ValueError(wheel.file)
        major, minor = table["cuda"]
        return cls(str(table["torch"]), (int(major), int(minor)), wheels)


def this_python() -> str:
    """As wheels call it: "cp311"."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}"


def this_platform() -> str:
    """As the lock file calls it: "linux-x86_64"."""
    return f"{sys.platform}-{platform.machine()}"


def find_lock(file: Path | None = None, *, python: str | None = None, system: str | None = None) -> Lock | None:
    """The runtime for this Python here, or None: there is none to be had."""
    wanted = python or this_python(), system or this_platform()
    try:
        table = json.loads((file or resource("gpu-runtime.json")).read_text(encoding="utf-8"))
        for build in table["builds"]:
            if (build["python"], build["platform"]) == wanted:
                major, minor = table["cuda"].split(".")
                return Lock.from_json({"torch": table["torch"], "cuda": (major, minor), "wheels": build["wheels"]})
    except (OSError, MeadowError, ValueError, KeyError, TypeError, AttributeError):
        return None  # without the list there is nothing to offer, and everything else goes on
    return None
