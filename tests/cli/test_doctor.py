"""``meadow doctor`` as people run it: real checks, real processes, and nothing left behind whatever ends it."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_processes import Processes

from meadow.cli.arguments import parse

NAMES = ["versions", "machine", "gpu", "disk", "settings", "node", "leftovers", "ports", "p2pd", "clock", "exactness"]


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The system's folder for temporary files, for this test alone."""
    folder = Path(tempfile.mkdtemp(prefix="mt"))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.full
def test_all_checks_pass_here_and_change_nothing(processes: Processes, temporary: Path) -> None:
    command = processes.start("doctor", "--json")
    assert command.exit_status(300) == 0, command.stdout + command.stderr
    events = [json.loads(line) for line in command.lines]
    checks = [event for event in events if event["event"] == "check"]
    assert [check["name"] for check in checks] == NAMES
    assert {check["status"] for check in checks} <= {"ok", "warn"}
    exact = checks[-1]
    assert exact["status"] == "ok"
    assert exact["details"]["servers"] == 2
    assert exact["details"]["difference"] == 0.0
    done = events[-1]
    assert done["event"] == "done"
    assert done["fail"] == 0
    assert all(f" {name}: " in done["report"] for name in NAMES)
    assert str(processes.home) not in done["report"]
    # The file that the test itself lets it write is all there is.
    assert [path.name for path in processes.home.iterdir()] == [command.errors.name]
    assert not list(temporary.iterdir())


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle_it_leaves_nothing(processes: Processes, temporary: Path, number: signal.Signals) -> None:
    command = processes.start("doctor", "--json")
    while command.wait_for("starting", 120)["name"] != "exactness":
        continue
    deadline = time.monotonic() + 120
    while not command.children()["server"]:
        assert time.monotonic() < deadline, command.stdout
        time.sleep(0.05)
    command.signal(number)
    status = command.exit_status(60)
    assert status == (130 if number == signal.SIGINT else -number)
    deadline = time.monotonic() + 60
    while processes.alive() or list(temporary.iterdir()):
        assert time.monotonic() < deadline, (processes.alive(), list(temporary.rglob("*")))
        time.sleep(0.1)


def test_what_is_wrong_is_told_and_does_not_stop_the_rest(processes: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (processes.home / "settings.json").write_text(json.dumps({"node.port": taken.getsockname()[1]}))
        (processes.home / "logs").write_text("a file where a folder belongs")
        status, events = processes.inside("doctor", "--quick")
    found = {event["name"]: event for event in events if event["event"] == "check"}
    assert status == 1
    assert list(found) == NAMES[:-1]
    assert [name for name, event in found.items() if event["status"] == "fail"] == ["disk", "ports"]
    assert all(found[name]["what"] and found[name]["do"] for name in ("disk", "ports"))
    assert found["p2pd"]["status"] == "ok"
    assert events[-1]["fail"] == 2
    assert "-> " in events[-1]["report"]


@pytest.mark.full
def test_the_report_is_text_to_share(processes: Processes) -> None:
    command = processes.run("doctor", "--quick", "--report")
    first, *_, last = command.stdout.splitlines()
    assert first.startswith("Meadow doctor, 20")
    assert last.endswith(" 0 fail")
    for secret in (str(processes.home), str(Path.home()) + "/", sys.prefix):
        assert secret not in command.stdout


@pytest.mark.full
def test_the_clock_is_compared_with_peers(processes: Processes) -> None:
    peer = processes.start("bootstrap", "--new-swarm", "--json").wait_for("online")["initial_peers"][0]
    (processes.home / "settings.json").write_text(json.dumps({"initial_peers": [peer]}))
    _, events = processes.inside("doctor", "--quick")
    (clock,) = [event for event in events if event.get("name") == "clock" and event["event"] == "check"]
    assert clock["status"] == "ok"
    assert clock["details"]["offset_seconds"] == 0.0
    assert peer.rpartition("/")[2] not in events[-1]["report"]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(["doctor", "--help"])
    assert stopped.value.code == 0
    assert "examples:\n  meadow doctor" in capsys.readouterr().out


def test_looking_without_the_swarm_needs_no_torch() -> None:
    """All that the doctor imports before its first check; the self-test and p2pd import what they need."""
    code = "import sys\nimport meadow.cli.doctor\nprint('torch' in sys.modules, 'hivemind' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
