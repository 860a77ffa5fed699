"""One node per home: one of many wins, the others find it, and a killed one blocks nobody."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from meadow.errors import MeadowError
from meadow.node import lock
from meadow.node.lock import NodeLock, NodeStarting, RunningNode, claim, find, is_held, lock_file, node_file
from meadow.platform.paths import Paths

CLAIMANT = """
import json, sys, time
from pathlib import Path
from meadow.node.lock import NodeLock, claim
from meadow.platform.paths import Paths

paths = Paths.of(sys.argv[1])
print("up", flush=True)
sys.stdin.readline()                # all start at the same moment
found = claim(paths)
if isinstance(found, NodeLock):
    time.sleep(float(sys.argv[2]))  # a node needs a moment until it answers
    found.announce("http://127.0.0.1:4711", Path("token"))
    print("won", flush=True)
    sys.stdin.readline()
    found.release()
else:
    print(json.dumps(["found", found.pid, found.url]), flush=True)
"""


class Claimants:
    """Real processes that want to be the node of one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.all: list[subprocess.Popen[str]] = []

    def start(self, count: int, *, seconds: float = 0.0) -> list[subprocess.Popen[str]]:
        """Start some, let them go together, and wait until each has spoken its last word but one."""
        new = [
            subprocess.Popen(
                [sys.executable, "-c", CLAIMANT, str(self.home), str(seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(count)
        ]
        self.all += new
        assert [self.hears(process) for process in new] == ["up"] * count
        for process in new:
            self.tells(process)
        return new

    @staticmethod
    def hears(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    @staticmethod
    def tells(process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    def end(self) -> None:
        for process in self.all:
            process.kill()
            process.communicate()


@pytest.fixture
def claimants(home: Path) -> Iterator[Claimants]:
    running = Claimants(home)
    yield running
    running.end()


@pytest.fixture
def paths(home: Path) -> Paths:
    return Paths.of(home)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [2, pytest.param(25, marks=pytest.mark.full)])
def test_of_eight_that_start_together_exactly_one_wins_and_all_find_it(
    claimants: Claimants, paths: Paths, rounds: int
) -> None:
    for _ in range(rounds):
        eight = claimants.start(8, seconds=0.2)
        said = [claimants.hears(process) for process in eight]
        assert said.count("won") == 1
        winner = eight[said.index("won")]
        found = json.dumps(["found", winner.pid, "http://127.0.0.1:4711"])
        assert sorted(said) == sorted(["won", *[found] * 7])
        assert find(paths) == RunningNode("http://127.0.0.1:4711", "token", winner.pid)
        claimants.tells(winner)
        winner.wait(30)
        assert find(paths) is None and not node_file(paths).exists()


def test_what_a_killed_node_leaves_is_recognised_and_replaced(claimants: Claimants, paths: Paths) -> None:
    (first,) = claimants.start(1)
    assert claimants.hears(first) == "won"
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    assert node_file(paths).exists(), "it could not tidy up"
    assert find(paths) is None and not is_held(paths)
    (second,) = claimants.start(1)
    assert claimants.hears(second) == "won"
    node = find(paths)
    assert node is not None and node.pid == second.pid


def test_a_pid_that_is_used_again_misleads_nobody(paths: Paths) -> None:
    """The file names a living process (this one), which is not a node."""
    paths.data.mkdir(exist_ok=True)
    lock_file(paths).write_text(f"{os.getpid()}\n")
    node_file(paths).write_text(json.dumps(asdict(RunningNode("http://127.0.0.1:1", "token", os.getpid()))))
    assert find(paths) is None
    with NodeLock(paths):
        assert not node_file(paths).exists()


def test_a_child_that_outlives_a_killed_node_does_not_keep_its_place(home: Path, paths: Paths) -> None:
    code = (
        "import subprocess, sys, time\n"
        "from meadow.node.lock import NodeLock\n"
        "from meadow.platform.paths import Paths\n"
        f"lock = NodeLock(Paths.of({str(home)!r}))\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], close_fds=False)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    node = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert node.stdout is not None
    child = int(node.stdout.readline())
    try:
        assert is_held(paths)
        node.kill()
        node.wait(30)
        assert not is_held(paths)
    finally:
        node.stdout.close()
        os.kill(child, signal.SIGKILL)


def test_one_that_starts_is_waited_for(paths: Paths) -> None:
    with NodeLock(paths) as held:
        assert find(paths) is None and is_held(paths)
        found: list[object] = []
        waiting = threading.Thread(target=lambda: found.append(claim(paths)))
        waiting.start()
        node = held.announce("http://127.0.0.1:2", Path("token"))
        waiting.join(30)
        assert found == [node] == [find(paths)]


def test_one_that_ends_is_waited_for_and_replaced(paths: Paths) -> None:
    held = NodeLock(paths)
    held.announce("http://127.0.0.1:2", Path("token"))
    held.retract()
    got: list[NodeLock | RunningNode] = []
    waiting = threading.Thread(target=lambda: got.append(claim(paths)))
    waiting.start()
    time.sleep(0.2)
    assert not got, "it neither finds what is about to end nor takes its place too early"
    held.release()
    waiting.join(30)
    assert isinstance(got[0], NodeLock)
    got[0].release()


def test_one_that_never_answers_is_named(paths: Paths) -> None:
    with NodeLock(paths), pytest.raises(NodeStarting, match=f"process {os.getpid()}"):
        claim(paths, seconds=0.1)


def test_looking_does_not_keep_a_node_from_starting(paths: Paths) -> None:
    """Whoever looks takes the lock for a moment. Many look without a pause; a node gets its place all the same."""
    NodeLock(paths).release()
    enough = threading.Event()

    def look() -> None:
        while not enough.is_set():
            is_held(paths)

    watchers = [threading.Thread(target=look) for _ in range(4)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(20):
            got = claim(paths)
            assert isinstance(got, NodeLock)
            assert is_held(paths)
            got.release()
    finally:
        enough.set()
        for watcher in watchers:
            watcher.join(30)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"\xff", b'{"url": 1}', b'{"url": "x", "pid": null}'])
def test_a_damaged_file_is_no_node(paths: Paths, content: bytes) -> None:
    with NodeLock(paths):
        node_file(paths).write_bytes(content)
        assert find(paths) is None


def test_homes_are_separate_even_with_paths_that_are_too_long_for_sockets(tmp_path: Path) -> None:
    one, two = (Paths.of(tmp_path / ("long" * 40) / name) for name in "ab")
    assert one.run == two.run, "why node.json is not there"
    with NodeLock(one) as first, NodeLock(two) as second:
        nodes = [first.announce("http://127.0.0.1:1", Path("t")), second.announce("http://127.0.0.1:2", Path("t"))]
        assert [find(one), find(two)] == nodes


def test_releasing_twice_harms_nobody(paths: Paths) -> None:
    first = NodeLock(paths)
    first.release()
    with NodeLock(paths) as second:
        first.release()
        assert is_held(paths)
        second.announce("http://127.0.0.1:2", Path("token"))
        first.release()
        assert find(paths) is not None


def test_a_home_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MeadowError, match="Choose another"):
        NodeLock(Paths.of(tmp_path / "file"))


def test_a_full_disk_does_not_keep_a_node_from_starting(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(lock.os, "pwrite", full)
    with NodeLock(paths) as held:
        with pytest.raises(MeadowError, match="No room"):
            held.announce("http://127.0.0.1:2", Path("token"))
        monkeypatch.undo()
        held.announce("http://127.0.0.1:2", Path("token"))
        assert find(paths) is not None
    with contextlib.suppress(FileNotFoundError):
        assert not node_file(paths).exists()
