"""``meadow node`` as real processes: one of several wins, a killed one is replaced, and stopping leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_processes import Command, Processes

from meadow.node.lock import find
from meadow.platform.paths import Paths


def ready(command: Command) -> dict[str, object]:
    return command.wait_for("ready", 90)


@pytest.mark.full
def test_one_node_per_home(processes: Processes) -> None:
    three = [processes.start("node", "--new-swarm", "--json") for _ in range(3)]
    said = [ready(command) for command in three]
    assert sorted(event["already_running"] for event in said) == [False, True, True]
    assert len({(event["url"], event["pid"], event["token_file"]) for event in said}) == 1
    winner = next(command for command, event in zip(three, said, strict=True) if not event["already_running"])
    assert winner.pid == said[0]["pid"]
    assert [command.exit_status() for command in three if command is not winner] == [0, 0]

    token_file = str(said[0]["token_file"])
    assert os.stat(token_file).st_mode & 0o777 == 0o600
    with open(token_file) as file:
        token = file.read().strip()
    request = urllib.request.Request(f"{said[0]['url']}/api/state", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        assert json.load(answer)["node"]["pid"] == winner.pid

    # Killed: what it left misleads nobody, and the next one takes its place.
    winner.signal(signal.SIGKILL)
    winner.exit_status()
    assert processes.inside("status")[1][-1]["code"] == "no_node"
    second = processes.start("node", "--new-swarm", "--json")
    again = ready(second)
    assert (again["already_running"], again["pid"]) == (False, second.pid)
    assert processes.inside("stop") == (0, [{"event": "stopped", "was_running": True}])
    assert second.exit_status() == 0
    processes.assert_nothing_left()


def test_settings_that_cannot_be_read_keep_a_node_from_starting_and_say_why(processes: Processes) -> None:
    (processes.home / "settings.json").write_text('{\n  "node.port": "any"\n}')
    command = processes.run("node", "--json")
    assert command.exit_status() == 1
    error = command.wait_for("error")
    assert error["code"] == "settings"
    assert 'Line 2: node.port is "any", but it must be a whole number between 0 and 65535.' in error["message"]


def test_the_port_of_the_settings_is_used_and_the_flag_wins(processes: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (processes.home / "settings.json").write_text(json.dumps({"version": 1, "node.port": port}))
        command = processes.run("node", "--json")
        assert command.wait_for("error")["code"] == "port_taken"
        other = processes.start("node", "--json", "--new-swarm", "--port", "0")
        assert not str(ready(other)["url"]).endswith(f":{port}")
    other.signal(signal.SIGTERM)
    assert other.exit_status() == 0


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A home on a real file system of 2 MB, where this user may make one."""
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(home)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("this user may not mount a small file system")
    yield home
    subprocess.run(["umount", "-l", str(home)], check=True)


def test_a_full_disk_does_not_keep_a_node_from_starting(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes(small_disk)
    try:
        first = processes.start("node", "--new-swarm", "--json")
        ready(first)
        assert processes.inside("stop")[0] == 0
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as out, pytest.raises(OSError):
            while True:
                out.write(b"x" * 4096)
        second = processes.start("node", "--new-swarm", "--json")
        node = ready(second)
        assert node["already_running"] is False
        monkeypatch.setenv("MEADOW_URL", str(node["url"]))
        monkeypatch.setenv("MEADOW_TOKEN", Path(str(node["token_file"])).read_text().strip())
        assert "disk_full" in processes.inside("status")[1][0]["problems"], "it says so"
        monkeypatch.delenv("MEADOW_URL")
        monkeypatch.delenv("MEADOW_TOKEN")
        assert find(Paths.of(small_disk)) is None, "others cannot find it yet"
        filler.unlink()
        deadline = time.monotonic() + 60
        while processes.inside("status")[0] != 0:
            assert time.monotonic() < deadline, "it did not go on when there was room"
    finally:
        processes.end()
        processes.assert_nothing_left()
