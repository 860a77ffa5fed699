"""Make resources/gpu-runtime.json: the wheels of the GPU runtime, pinned by hash, for each Python that Meadow runs on.

    .venv/bin/python scripts/gpu_runtime_lock.py [--check]

The torch of constraints.txt as the package index has it (on Linux x86_64 that is the CUDA build), and everything that
it needs and that is not in constraints.txt: the CUDA libraries and triton. Versions are the newest that fit; of each
wheel only the metadata and the table of contents are fetched, never the wheel. What cannot be had is written down under
"missing", and then nothing is offered to anybody: a list with a hole is no runtime. ``--check`` writes nothing and
fails when the file would change for the torch that is pinned now.
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from meadow.errors import MeadowError
from meadow.models.answers import BadAnswer
from meadow.node.gpu_runtime.index import IndexFile, PackageIndex, index_url

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "resources" / "gpu-runtime.json"
PYTHONS = ((3, 11), (3, 12))
GLIBC = (2, 28)
ATTEMPTS = 8
ABOUT = (
    "Made by scripts/gpu_runtime_lock.py; do not edit. Wheels of the GPU runtime: a CUDA build of PyTorch and what it "
    "needs beyond constraints.txt. Where a wheel is had does not matter: its bytes must have this hash."
)


def pinned() -> dict[str, str]:
    """constraints.txt: package -> version."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version.partition("+")[0].strip() for name, version in pairs}


def tags_of(python: tuple[int, int]) -> list[Tag]:
    """What a wheel for Linux x86_64 and this Python may be called, the best first."""
    minors = range(GLIBC[1], 4, -1)
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in minors]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    platforms.sort(key=lambda name: name.startswith("linux"))
    return [*cpython_tags(python, platforms=platforms), *compatible_tags(python, platforms=platforms)]


def environment_of(python: tuple[int, int]) -> dict[str, str]:
    """For markers."""
    version = f"{python[0]}.{python[1]}"
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.0",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }


class Remote(io.RawIOBase):
    """A file on the index that can be read in places: enough to see a wheel's table of contents."""

    def __init__(self, index: PackageIndex, url: str, size: int) -> None:
        self._index, self._url, self._size, self._at = index, url, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._size, self._at + len(buffer))
        if end <= self._at:
            return 0
        data = b"".join(piece for _, piece in self._index.read(self._url, self._size, self._at, end))
        buffer[: len(data)] = data
        self._at = end
        return len(data)


def choose(files: list[IndexFile], specifier: SpecifierSet, python: tuple[int, int]) -> IndexFile | None:
    """The newest wheel that fits the specifier and this Python."""
    tags = {tag: rank for rank, tag in enumerate(tags_of(python))}
    found = []
    for file in files:
        if not file.name.endswith(".whl") or file.yanked:
            continue
        try:
            _, version, build, of = parse_wheel_filename(file.name)
            allows = SpecifierSet(file.requires_python or "").contains(f"{python[0]}.{python[1]}.9")
        except ValueError:
            continue
        rank = min((tags[tag] for tag in of if tag in tags), default=None)
        if rank is not None and allows and specifier.contains(version):
            found.append((version, -rank, build, file))
    return max(found, key=lambda item: item[:3])[3] if found else None


class Again(Exception):
    """Something chosen earlier does not fit what was asked for later."""


class Resolver:
    """Everything for one Python."""

    def __init__(self, index: PackageIndex, python: tuple[int, int], pages: dict[str, list[IndexFile]]) -> None:
        self._index, self._python, self._pages = index, python, pages
        self._base = pinned()
        self._looked: dict[str, tuple[int, list[str]]] = {}
        self._specifiers: dict[str, SpecifierSet] = {}
        self.wheels: dict[str, dict[str, Any]] = {}
        self.missing: list[str] = []
        self._extras: dict[str, set[str]] = {}

    def resolve(self, requirement: Requirement) -> None:
        """``wheels`` for it, or what is ``missing``. What is learned of versions holds for the next attempt."""
        for _ in range(ATTEMPTS):
            self.wheels, self.missing, self._extras = {}, [], {}
            try:
                self.add(requirement)
                return
            except Again:
                continue
        self.missing.append("versions that fit together")

    def add(self, requirement: Requirement) -> None:
        """A requirement and, with it, all that it requires."""
        name = canonicalize_name(requirement.name)
        new = requirement.extras - self._extras.get(name, set())
        fits = self._specifiers[name] = self._specifiers.get(name, SpecifierSet()) & requirement.specifier
        if name in self.wheels and not fits.contains(self.wheels[name]["version"]):
            raise Again
        if name in self.wheels and not new:
            return
        self._extras.setdefault(name, set()).update(requirement.extras)
        if name not in self._pages:
            try:
                self._pages[name] = self._index.files(name)
            except (MeadowError, BadAnswer) as error:
                print(f"{name}: {error}", file=sys.stderr)
                self._pages[name] = []
        file = choose(self._pages[name], fits, self._python)
        if file is None or file.sha256 is None or file.size is None:
            self.missing.append(f"{name}{fits}")
            return
        if file.name not in self._looked:
            self._looked[file.name] = self._look(file.name, file.url, file.size)
        unpacked, requires = self._looked[file.name]
        self.wheels[name] = {
            "name": name,
            "version": str(parse_wheel_filename(file.name)[1]),
            "file": file.name,
            "sha256": file.sha256,
            "size": file.size,
            "unpacked": unpacked,
        }
        for needed in map(Requirement, requires):
            if self._applies(needed, self._extras[name]) and canonicalize_name(needed.name) not in self._base:
                self.add(needed)

    def _look(self, name: str, url: str, size: int) -> tuple[int, list[str]]:
        """A wheel's size when unpacked, and what it requires."""
        print(f"  {name} {size / 1e6:.0f} MB", file=sys.stderr, flush=True)
        with zipfile.ZipFile(io.BufferedReader(Remote(self._index, url, size), 1 << 18)) as wheel:
            (metadata,) = [m for m in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", m)]
            message = Parser().parsestr(wheel.read(metadata).decode(), headersonly=True)
            return sum(member.file_size for member in wheel.infolist()), message.get_all("Requires-Dist") or []

    def _applies(self, requirement: Requirement, extras: set[str]) -> bool:
        environment = environment_of(self._python)
        marker = requirement.marker
        return marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras))


def make() -> dict[str, Any]:
    """The whole file."""
    torch = pinned()["torch"]
    index, pages = PackageIndex(index_url()), dict[str, list[IndexFile]]()
    builds, missing, cuda = [], dict[str, list[str]](), None
    for python in PYTHONS:
        tag = f"cp{python[0]}{python[1]}"
        print(tag, file=sys.stderr)
        resolver = Resolver(index, python, pages)
        resolver.resolve(Requirement(f"torch=={torch}"))
        if resolver.missing:
            missing[tag] = sorted(resolver.missing)
            continue
        runtime = next(iter(sorted(cudas(resolver.wheels))), None)
        if runtime is None:
            missing[tag] = [f"torch=={torch} with CUDA: the one of the index needs no CUDA libraries"]
            continue
        cuda = runtime
        wheels = sorted(resolver.wheels.values(), key=lambda wheel: str(wheel["name"]))
        builds.append({"python": tag, "platform": "linux-x86_64", "wheels": wheels})
    index.close()
    return {"about": ABOUT, "torch": torch, "cuda": cuda, "builds": builds, "missing": missing}


def cudas(wheels: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The CUDA version that this torch is for, as its runtime library says it."""
    for name, wheel in wheels.items():
        if name.startswith("nvidia-cuda-runtime"):
            version = Version(wheel["version"])
            yield f"{version.major}.{version.minor}"


def main() -> int:
    if "--check" in sys.argv[1:]:
        have = json.loads(FILE.read_text())["torch"]
        if have != pinned()["torch"]:
            print(f"resources/gpu-runtime.json is for torch {have}; run scripts/gpu_runtime_lock.py", file=sys.stderr)
            return 1
        return 0
    table = make()
    FILE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    for build in table["builds"]:
        wheels = build["wheels"]
        sizes = [sum(wheel[key] for wheel in wheels) / 1e6 for key in ("size", "unpacked")]
        print(f"{build['python']}: {len(wheels)} wheels, {sizes[0]:,.0f} MB to download, {sizes[1]:,.0f} MB unpacked")
    for tag, names in table["missing"].items():
        print(f"{tag}: not there: {', '.join(names)}")
    return 1 if table["missing"] else 0


if __name__ == "__main__":
    sys.exit(main())
