"""Try the .deb as a person would, in a clean root that has never seen Meadow or what it needs.

    packaging/deb/try [FILE.deb] [--pictures FOLDER] [--keep]

A minimal Debian is unpacked (debootstrap), the package installed with apt and nothing but its own dependencies, and the
installed app started by its menu entry's command, as an ordinary user, on a virtual screen. Keys go in as from a
keyboard until the demo swarm has answered a question; the answer is read from the node of that user. Then the
package is removed, and what is left is compared with what was there before.

Needs root, debootstrap, Xvfb and xdotool. Exits with 0 when all of it worked, with 77 when it could not be run here.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOT_RUN = 77
PERSON, PERSON_ID = "person", 1000
RUNTIME = f"/run/user/{PERSON_ID}"
TOOLS = {"debootstrap": "debootstrap", "Xvfb": "xvfb", "xdotool": "xdotool", "import": "imagemagick"}
QUESTION = "How does Meadow work?"
FROM_THE_DEMO = "embeddings"  # a word that its answer to that question has
ANSWER_SECONDS = 180.0


def say(text: str) -> None:
    print(f"meadow: {text}", flush=True)


def cannot(text: str) -> None:
    say(f"NOT RUN: {text}")
    sys.exit(NOT_RUN)


def until(what: str, look: Callable[[], Any], seconds: float) -> Any:
    """Look until there is something. Ends the program when there is nothing in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise SystemExit(f"meadow: FAILED: {what}, after {seconds:.0f} s")


class CleanRoot:
    """A minimal Debian in a folder, and an ordinary user in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        release = dict(
            line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
        ).get("VERSION_CODENAME", "bookworm")
        command = ["debootstrap", "--variant=minbase", release.strip('"'), str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            cannot(f"debootstrap did not work here: {(done.stderr or done.stdout).strip()[-300:]}")
        (self.folder / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (self.folder / "usr/sbin/policy-rc.d").chmod(0o755)
        self.run("useradd", "--create-home", "--uid", str(PERSON_ID), PERSON)
        session = self.folder / RUNTIME.lstrip("/")
        session.mkdir(parents=True)
        session.chmod(0o700)
        os.chown(session, PERSON_ID, PERSON_ID)
        self.run("apt-get", "update", "-qq")

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """With /proc, /dev/shm and the sockets of the virtual screen."""
        screens = self.folder / "tmp/.X11-unix"
        screens.mkdir(exist_ok=True)
        places = [
            ["mount", "-t", "proc", "proc", self.folder / "proc"],
            ["mount", "-t", "tmpfs", "tmpfs", self.folder / "dev/shm"],
            ["mount", "--bind", "/tmp/.X11-unix", screens],
        ]
        done: list[Path] = []
        try:
            for place in places:
                if subprocess.run([str(part) for part in place]).returncode != 0:
                    cannot("file systems cannot be mounted here")
                done.append(Path(place[-1]))
            yield
        finally:
            for folder in reversed(done):
                subprocess.run(["umount", "--lazy", str(folder)])

    def run(self, *command: str) -> str:
        """Run something in there as root; ends the program when it fails."""
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND": "noninteractive",
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            ["/usr/sbin/chroot", str(self.folder), *command],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode != 0:
            raise SystemExit(f"meadow: FAILED: {' '.join(command)}\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def start(self, display: str, *command: str) -> subprocess.Popen[bytes]:
        """Start something in there as the person."""
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": f"/home/{PERSON}",
            "USER": PERSON,
            "XDG_RUNTIME_DIR": RUNTIME,
            "DISPLAY": display,
            "LANG": "C.UTF-8",
            "QT_QUICK_BACKEND": "software",
        }
        log = (self.folder / "tmp/app.log").open("ab")
        return subprocess.Popen(
            ["/usr/sbin/chroot", f"--userspec={PERSON_ID}:{PERSON_ID}", str(self.folder), *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def files(self) -> set[str]:
        """Every path outside of the person's home, of temporary and of volatile places, and of apt's own books."""
        volatile = {"proc", "sys", "dev", "tmp", "run", "home", "var/cache", "var/log", "var/lib/apt", "var/lib/dpkg"}
        found: set[str] = set()
        for folder, folders, files in os.walk(self.folder):
            inside = os.path.relpath(folder, self.folder)
            names = {name: os.path.normpath(os.path.join(inside, name)) for name in (*folders, *files)}
            # Not even looked into: what is under /proc changes while one looks.
            folders[:] = [name for name in folders if names[name] not in volatile]
            found.update(path for path in names.values() if path not in volatile)
        return found

    def processes(self) -> list[int]:
        """The pids of what runs in there."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    root = os.readlink(entry / "root")
                except OSError:
                    continue
                if root == str(self.folder):
                    found.append(int(entry.name))
        return found

    def end_all(self) -> None:
        """End what still runs in there, each by its own pid."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.processes():
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            end = time.monotonic() + 10
            while self.processes() and time.monotonic() < end:
                time.sleep(0.1)


@contextmanager
def screen() -> Iterator[str]:
    """A virtual screen with a window manager, if there is one. Yields its name."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x860x24", "-ac", "-nolisten", "tcp"],
        pass_fds=[writer],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as pipe:
        number = pipe.readline().strip()
    if not number:
        cannot("Xvfb does not start here")
    display = f":{number}"
    manager = None
    if shutil.which("openbox"):
        manager = subprocess.Popen(
            ["openbox"], env={**os.environ, "DISPLAY": display}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    try:
        yield display
    finally:
        for process in (manager, server):
            if process is not None:
                process.terminate()
                process.wait(10)


class Hands:
    """What a person does to the screen."""

    def __init__(self, display: str, pictures: Path | None) -> None:
        self._environment = {**os.environ, "DISPLAY": display}
        self._pictures = pictures

    def window(self) -> str:
        done = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "^Meadow$"],
            env=self._environment,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def key(self, *keys: str) -> None:
        subprocess.run(["xdotool", "key", "--delay", "80", *keys], env=self._environment, check=True)

    def write(self, text: str) -> None:
        subprocess.run(["xdotool", "type", "--delay", "40", text], env=self._environment, check=True)

    def picture(self, name: str) -> None:
        if self._pictures is not None:
            self._pictures.mkdir(parents=True, exist_ok=True)
            target = str(self._pictures / f"{name}.png")
            subprocess.run(["import", "-window", "root", target], env=self._environment, check=False)


class NodeOfThePerson:
    """The node that the installed app started, asked over its API."""

    def __init__(self, root: CleanRoot) -> None:
        self._root = root.folder

    def ask(self, path: str) -> Any:
        """The JSON answer, or None as long as there is no node."""
        for file in (self._root / "home" / PERSON).rglob("node.json"):
            try:
                node = json.loads(file.read_text())
                token = (self._root / node["token_file"].lstrip("/")).read_text().strip()
                request = urllib.request.Request(node["url"] + path, headers={"Authorization": f"Bearer {token}"})
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
                    return json.load(reply)
            except (OSError, ValueError, KeyError):
                continue
        return None

    def demo_is_ready(self) -> bool:
        state = self.ask("/api/state")
        return bool(state) and state.get("demo", {}).get("status") == "ready"

    def answer(self) -> str:
        """The text of the newest answer that is complete."""
        chats = (self.ask("/api/chats") or {}).get("chats", [])
        for chat in chats:
            messages = (self.ask(f"/api/chats/{chat['id']}/messages") or {}).get("messages", [])
            for message in reversed(messages):
                if message["role"] == "assistant" and message["state"] == "complete":
                    return str(message["content"])
        return ""


def use(root: CleanRoot, display: str, pictures: Path | None) -> None:
    """Start the app, let the demo answer, quit. Ends the program when something does not happen."""
    hands, node = Hands(display, pictures), NodeOfThePerson(root)
    began = time.monotonic()
    root.start(display, "/usr/bin/meadow-app")
    until("no window came", hands.window, 60)
    say(f"the window is there after {time.monotonic() - began:.1f} s")
    time.sleep(2)
    hands.picture("1-first")
    hands.key("Return")  # "Chat with the demo on this computer" is what a first start offers first
    until("the demo swarm did not start", node.demo_is_ready, ANSWER_SECONDS)
    hands.picture("2-demo")
    hands.key("Return")  # "Start chatting"
    time.sleep(1)
    hands.write(QUESTION)
    hands.key("Return")
    asked = time.monotonic()
    answer = until("no answer came", node.answer, ANSWER_SECONDS)
    hands.picture("3-answer")
    if FROM_THE_DEMO not in answer:
        raise SystemExit(f"meadow: FAILED: that is no answer of the demo: {answer[:300]!r}")
    now = time.monotonic()
    say(f"answered {now - asked:.1f} s after the question, {now - began:.0f} s after the start")
    hands.key("ctrl+q")
    time.sleep(1)
    hands.picture("4-quit")
    hands.key("Return")
    until("quitting left something behind", lambda: not root.processes(), 60)
    say("quit; nothing of it runs any more")


def try_it(package: Path, pictures: Path | None, folder: Path) -> None:
    root = CleanRoot(folder / "root")
    say(f"unpacking a clean Debian into {root.folder}")
    root.make()
    with ExitStack() as stack:
        display = stack.enter_context(screen())
        stack.enter_context(root.mounted())
        stack.callback(root.end_all)
        before = root.files()
        shutil.copy2(package, root.folder / "tmp/meadow.deb")
        began = time.monotonic()
        root.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "/tmp/meadow.deb")
        say(f"installed by apt, with what it depends on, in {time.monotonic() - began:.0f} s")
        version = root.run("/usr/bin/meadow", "--version").strip()
        say(f"meadow --version: {version}")
        use(root, display, pictures)
        root.run("apt-get", "purge", "-y", "-qq", "meadow")
        root.run("apt-get", "autoremove", "--purge", "-y", "-qq")
        left = sorted(name for name in root.files() - before if "meadow" in name.lower())
        if left:
            raise SystemExit(f"meadow: FAILED: {len(left)} files are left after removing it: {left[:10]}")
        kept = root.folder / "home" / PERSON
        if not any(kept.rglob("chats.sqlite3")):
            raise SystemExit("meadow: FAILED: the person's conversations are gone")
        say("removed; only the person's own data is left")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?", type=Path, help="the .deb (default: the newest in build/deb)")
    parser.add_argument("--pictures", type=Path, help="write what the screen showed into this folder")
    parser.add_argument("--keep", action="store_true", help="keep the clean root afterwards")
    chosen = parser.parse_args()
    if os.geteuid() != 0:
        cannot("a clean root can only be made by root")
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], env=environment)
    if any(shutil.which(tool) is None for tool in TOOLS):
        cannot(f"{', '.join(missing)} cannot be installed here")
    package = chosen.package
    if package is None:
        built = sorted((ROOT / "build/deb").glob("meadow_*.deb"), key=lambda file: file.stat().st_mtime)
        if not built:
            subprocess.run([ROOT / "packaging/deb/build"], check=True)
            built = sorted((ROOT / "build/deb").glob("meadow_*.deb"))
        package = built[-1]
    folder = Path(tempfile.mkdtemp(prefix="meadow-try-"))
    try:
        try_it(package.resolve(), chosen.pictures, folder)
        say(f"all of it worked: {package.name}, {package.stat().st_size / 1e6:.0f} MB, {platform.machine()}")
    finally:
        if chosen.keep:
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
