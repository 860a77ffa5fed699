"""Create or refresh the private environment in .venv. Standard library only; ./run and ./test call it on every start.

    scripts/bootstrap.py [EXTRA ...]        EXTRA: app, dev (see pyproject.toml)

When nothing changed it does nothing: a stamp holds the hash of constraints.txt, pyproject.toml and setup.py, and the
extras that are installed. An attempt that was interrupted or failed leaves a marker, and the next one starts from
scratch. Two at once wait for each other.

New pins: edit pyproject.toml, run `.venv/bin/pip install -e .[app,dev]` without -c, put what `.venv/bin/pip freeze`
then says into constraints.txt, run ./test --all.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "meadow-stamp.json"
INCOMPLETE = VENV / "meadow-incomplete"
LOG = VENV / "meadow-bootstrap.log"
EXTRAS = ("app", "dev")


class Library(NamedTuple):
    """A shared library that a wheel expects the system to have."""

    soname: str
    apt_package: str
    extra: str | None  # needed only with this extra; None: always


# Found with ldd over every .so of the environment. p2pd is a static binary; torch brings its own OpenMP. Of Qt: what
# its libraries and its plugins for X11 and Wayland need; the plugins for printers, databases and GTK are not used.
LIBRARIES = (
    Library("libstdc++.so.6", "libstdc++6", None),
    Library("libgcc_s.so.1", "libgcc-s1", None),
    Library("libz.so.1", "zlib1g", None),
    Library("libEGL.so.1", "libegl1", "app"),
    Library("libGL.so.1", "libgl1", "app"),
    Library("libX11.so.6", "libx11-6", "app"),
    Library("libX11-xcb.so.1", "libx11-xcb1", "app"),
    Library("libbrotlidec.so.1", "libbrotli1", "app"),
    Library("libdbus-1.so.3", "libdbus-1-3", "app"),
    Library("libdrm.so.2", "libdrm2", "app"),
    Library("libfontconfig.so.1", "libfontconfig1", "app"),
    Library("libfreetype.so.6", "libfreetype6", "app"),
    Library("libglib-2.0.so.0", "libglib2.0-0", "app"),
    Library("libgssapi_krb5.so.2", "libgssapi-krb5-2", "app"),
    Library("libwayland-client.so.0", "libwayland-client0", "app"),
    Library("libwayland-cursor.so.0", "libwayland-cursor0", "app"),
    Library("libwayland-egl.so.1", "libwayland-egl1", "app"),
    Library("libxcb-cursor.so.0", "libxcb-cursor0", "app"),
    Library("libxcb-glx.so.0", "libxcb-glx0", "app"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4", "app"),
    Library("libxcb-image.so.0", "libxcb-image0", "app"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1", "app"),
    Library("libxcb-randr.so.0", "libxcb-randr0", "app"),
    Library("libxcb-render-util.so.0", "libxcb-render-util0", "app"),
    Library("libxcb-render.so.0", "libxcb-render0", "app"),
    Library("libxcb-shape.so.0", "libxcb-shape0", "app"),
    Library("libxcb-shm.so.0", "libxcb-shm0", "app"),
    Library("libxcb-sync.so.1", "libxcb-sync1", "app"),
    Library("libxcb-util.so.1", "libxcb-util1", "app"),
    Library("libxcb-xfixes.so.0", "libxcb-xfixes0", "app"),
    Library("libxcb-xkb.so.1", "libxcb-xkb1", "app"),
    Library("libxcb.so.1", "libxcb1", "app"),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "app"),
    Library("libxkbcommon.so.0", "libxkbcommon0", "app"),
    Library("libzstd.so.1", "libzstd1", "app"),
)

# What tests/desktop drives the window with: a display, a window manager, a tray, a message bus, a person's hands.
PROGRAMS = {
    "Xvfb": "xvfb",
    "openbox": "openbox",
    "trayer": "trayer",
    "dbus-daemon": "dbus-daemon",
    "dbus-send": "dbus-bin",
    "xdotool": "xdotool",
}


def say(text: str) -> None:
    print(f"meadow: {text}", flush=True)


def stop(text: str) -> NoReturn:
    say(text)
    sys.exit(1)


def inputs_hash() -> str:
    """What the environment depends on; the folder counts, because scripts in a venv carry absolute paths."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("constraints.txt", "pyproject.toml", "setup.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def installed_extras() -> set[str] | None:
    """The extras that are installed and up to date, or None when the environment must be worked on."""
    if INCOMPLETE.exists() or not (VENV / "bin" / "python").exists():
        return None
    try:
        stamp = json.loads(STAMP.read_text())
        return set(stamp["extras"]) if stamp["hash"] == inputs_hash() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold a lock on this very file, so that there is nothing to create, ignore or clean up."""
    with open(__file__, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another ./run or ./test is preparing the environment; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def missing_system_packages(extras: set[str]) -> list[str]:
    packages = []
    if sys.platform == "linux":
        for library in LIBRARIES:
            if library.extra is None or library.extra in extras:
                try:
                    ctypes.CDLL(library.soname)
                except OSError:
                    packages.append(library.apt_package)
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        packages.append(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    return packages


def missing_test_programs(extras: set[str]) -> list[str]:
    """Their packages. Without them everything works but the tests with real windows, which then say so."""
    if "dev" not in extras or sys.platform != "linux":
        return []
    return [package for program, package in PROGRAMS.items() if shutil.which(program) is None]


def can_install() -> bool:
    """Whether system packages can be installed without asking anybody."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_system_packages(packages: list[str]) -> None:
    """With root and apt-get this needs no question; otherwise the person gets the exact command."""
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if not can_install():
        stop(f"some system packages are missing. Install them, then try again:\n  sudo {shlex.join(install)}")
    say(f"installing system packages: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, stdin=subprocess.DEVNULL, check=False)
    if subprocess.run(install, env=environment, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        stop(f"apt-get could not install them. The command was:\n  {shlex.join(install)}")


def watch(command: list[str]) -> None:
    """Run a command with its output in the log, showing the lines a person waits for. Exits when it fails."""
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {shlex.join(command)}\n")
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=ROOT,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"},
        )
        assert process.stdout is not None
        tail: list[str] = []
        for line in process.stdout:
            log.write(line)
            tail = [*tail[-14:], line.rstrip()]
            text = line.strip()
            if text.startswith(("Downloading", "Installing collected")) and (" MB" in text or text.startswith("Inst")):
                say(text if len(text) < 100 else f"{text[:97]}...")
        if process.wait() != 0:
            print("\n".join(tail))
            stop(f"could not prepare the environment. Details: {LOG}\n  Trying again starts from scratch.")


def build(extras: set[str]) -> None:
    """Install everything into .venv; marked incomplete until the very end."""
    begin = time.monotonic()
    base = Path(getattr(sys, "_base_executable", None) or sys.executable)  # not the one inside .venv
    fresh = INCOMPLETE.exists() or not (VENV / "bin" / "pip").exists() or not (VENV / "bin" / "python").exists()
    say(f"preparing the private Python environment in {VENV} (minutes the first time; torch is large)")
    if fresh and VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir(exist_ok=True)
    INCOMPLETE.write_text("an attempt to prepare this environment did not finish\n")
    STAMP.unlink(missing_ok=True)
    if fresh:
        watch([str(base), "-m", "venv", str(VENV)])
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--constraint", str(ROOT / "constraints.txt")]
    watch([*pip, "setuptools"])
    target = f"{ROOT}[{','.join(sorted(extras))}]" if extras else str(ROOT)
    # The pinned setuptools builds us: an isolated build would fetch one that nobody pinned.
    watch([*pip, "--no-build-isolation", "--editable", target])
    temporary = STAMP.with_suffix(".tmp")
    temporary.write_text(json.dumps({"hash": inputs_hash(), "extras": sorted(extras)}))
    temporary.replace(STAMP)
    INCOMPLETE.unlink()
    say(f"ready after {time.monotonic() - begin:.0f} s")


def main() -> None:
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__)
        return
    wanted = set(sys.argv[1:])
    if wanted - set(EXTRAS):
        stop(f"unknown extra; known: {', '.join(EXTRAS)}")
    have = installed_extras()
    if have is not None and wanted <= have:
        return
    if not os.access(ROOT, os.W_OK):
        stop(f"the environment goes to {VENV}, and that folder is read-only. Copy Meadow to a folder of yours.")
    with one_at_a_time():
        have = installed_extras()
        if have is not None and wanted <= have:
            return
        packages = missing_system_packages(wanted)
        programs = missing_test_programs(wanted)
        if programs and not can_install():
            say(f"tests with real windows will not run: {' '.join(programs)} are missing; apt-get can install them")
            programs = []
        if packages or programs:
            install_system_packages([*packages, *programs])
        previous: set[str] = set()
        try:
            previous = set(json.loads(STAMP.read_text())["extras"]) & set(EXTRAS)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        build(wanted | previous)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("stopped. The next start begins again.")
