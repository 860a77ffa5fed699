"""Whatever dies, at whatever moment: nothing stays behind, and the error that follows names what died."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_processes import GRACE, Command, Processes

from meadow.platform.paths import Paths, RunFolder


def final_error(command: Command) -> dict[str, str]:
    """The command must have failed with an explained error as its last event."""
    assert command.exit_status() == 1, command.stderr
    assert "Traceback" not in command.stderr
    event = json.loads(command.lines[-1])
    assert event["event"] == "error"
    return event


def start_something_else(processes: Processes) -> None:
    """What a killed process could not remove itself is removed by whatever starts next in the same home."""
    processes.assert_nothing_left(sockets=False)
    RunFolder(Paths.of(processes.home)).close()


def test_a_killed_server_process_is_named(processes: Processes, tiny_chat_model: Path) -> None:
    command = processes.serve(tiny_chat_model, "1:3")
    command.wait_for("online")
    (server,) = command.children()["server"]
    server.kill()
    error = final_error(command)
    assert error["code"] == "server_died"
    assert f"server of blocks 1:3 (process {server.pid}) was killed by SIGKILL" in error["message"]
    processes.assert_nothing_left()


def test_a_killed_p2pd_is_named(processes: Processes, tiny_chat_model: Path) -> None:
    command = processes.serve(tiny_chat_model, "1:3")
    command.wait_for("online")
    (daemon,) = command.children()["p2pd"]
    daemon.kill()
    error = final_error(command)
    assert error["code"] == "p2pd_died"
    assert "p2pd" in error["message"]
    assert "SIGKILL" in error["message"]
    processes.assert_nothing_left()


def test_a_killed_parent_takes_everything_with_it(processes: Processes, tiny_chat_model: Path) -> None:
    command = processes.serve(tiny_chat_model, "1:3")
    command.wait_for("online")
    command.signal(signal.SIGKILL)
    command.exit_status()
    processes.assert_nothing_left()


@pytest.mark.parametrize(
    ("number", "seconds"), [(signal.SIGTERM, 0.0), (signal.SIGKILL, 0.6), (signal.SIGTERM, 1.5), (signal.SIGKILL, 2.5)]
)
def test_killed_while_starting(
    processes: Processes, tiny_chat_model: Path, number: signal.Signals, seconds: float
) -> None:
    """The first event says that the server process is there; then at several distances from it."""
    command = processes.serve(tiny_chat_model, "0:4")
    command.wait_for("starting")
    time.sleep(seconds)
    command.signal(number)
    status = command.exit_status(2 * GRACE)
    assert status == (0 if number == signal.SIGTERM else -signal.SIGKILL), command.stderr
    assert "Traceback" not in command.stderr
    if number == signal.SIGKILL:
        start_something_else(processes)
    processes.assert_nothing_left()


@pytest.mark.parametrize("stage", ["interpreter", "p2pd", "torch"])
@pytest.mark.parametrize("name", ["chat", "demo"])
def test_terminated_while_starting(
    processes: Processes,
    swarm: tuple[Processes, Command, Command, str],
    endless_chat_model: Path,
    name: str,
    stage: str,
) -> None:
    """Before an answer begins: as soon as something is said, as soon as p2pd runs, and some way into loading."""
    if name == "chat":
        command = processes.start("chat", endless_chat_model, "--initial-peers", swarm[3], "--prompt", "x", "--json")
    else:
        command = processes.start("demo", "--model", endless_chat_model, "--json")
    command.wait_for("starting")
    if stage != "interpreter":
        deadline = time.monotonic() + 30
        while not command.children()["p2pd"]:
            assert time.monotonic() < deadline and command.process.poll() is None, command.stderr
            time.sleep(0.02)
    if stage == "torch":
        time.sleep(0.3)
    command.signal(signal.SIGTERM)
    assert command.exit_status(2 * GRACE) == 143, command.stderr
    assert "Traceback" not in command.stderr
    processes.assert_nothing_left()


def test_ctrl_c_ends_a_server_cleanly(processes: Processes, tiny_chat_model: Path) -> None:
    command = processes.serve(tiny_chat_model, "0:4")
    command.wait_for("online")
    command.signal(signal.SIGINT)
    assert command.exit_status() == 0
    processes.assert_nothing_left()


@pytest.fixture(scope="module")
def swarm(endless_chat_model: Path) -> Iterator[tuple[Processes, Command, Command, str]]:
    """Blocks 0:2 and 2:4 at one server each, and the address of the first."""
    home = Path(tempfile.mkdtemp(prefix="m"))
    processes = Processes(home)
    try:
        first = processes.serve(endless_chat_model, "0:2")
        peers = first.wait_for("online")["initial_peers"]
        second = processes.serve(endless_chat_model, "2:4", peers=peers)
        second.wait_for("online")
        yield processes, first, second, ",".join(peers)
    finally:
        processes.end()
        shutil.rmtree(home, ignore_errors=True)


def talking(processes: Processes, model: Path, peers: str) -> Command:
    """A chat in the middle of an answer."""
    command = processes.start(
        "chat", model, "--initial-peers", peers, "--prompt", "Go on", "--max-new-tokens", "60000", "--json"
    )
    for _ in range(5):
        command.wait_for("token")
    return command


class TestInTheMiddleOfAnAnswer:
    """In this order: the last test breaks the swarm."""

    def test_servers_of_a_killed_client_serve_others(
        self, swarm: tuple[Processes, Command, Command, str], processes: Processes, endless_chat_model: Path
    ) -> None:
        """The session of the dead is kept for a while, as its owner might come back; others get theirs meanwhile."""
        _, first, second, peers = swarm
        client = talking(processes, endless_chat_model, peers)
        for server in (first, second):
            assert server.wait_for("sessions")["count"] == 1
        client.signal(signal.SIGKILL)
        start_something_else(processes)
        other = talking(processes, endless_chat_model, peers)
        for server in (first, second):
            assert server.wait_for("sessions")["count"] == 2
        other.signal(signal.SIGTERM)
        assert other.exit_status() == 143
        for server in (first, second):
            assert server.wait_for("sessions")["count"] == 1

    def test_a_stopped_client_keeps_what_it_has(
        self, swarm: tuple[Processes, Command, Command, str], processes: Processes, endless_chat_model: Path
    ) -> None:
        *_, peers = swarm
        client = talking(processes, endless_chat_model, peers)
        client.signal(signal.SIGINT)
        done = client.wait_for("done")
        assert done["stopped"] is True
        assert len(done["token_ids"]) >= 5
        assert client.exit_status() == 0

    def test_the_clients_p2pd_is_named(
        self, swarm: tuple[Processes, Command, Command, str], processes: Processes, endless_chat_model: Path
    ) -> None:
        *_, peers = swarm
        client = talking(processes, endless_chat_model, peers)
        (daemon,) = client.children()["p2pd"]
        daemon.kill()
        error = final_error(client)
        assert "p2pd" in error["message"]
        processes.assert_nothing_left()

    def test_the_lost_server_is_named(
        self, swarm: tuple[Processes, Command, Command, str], processes: Processes, endless_chat_model: Path
    ) -> None:
        _, _, second, peers = swarm
        client = talking(processes, endless_chat_model, peers)
        (server,) = second.children()["server"]
        os.kill(server.pid, signal.SIGKILL)
        error = final_error(client)  # after it has looked for another for 30 seconds
        assert error["code"] == "blocks_missing"
        assert "2:4" in error["message"]
        assert final_error(second)["code"] == "server_died"


def test_a_server_of_the_demo_is_named(processes: Processes, endless_chat_model: Path) -> None:
    command = processes.start("demo", "--model", endless_chat_model, "--max-new-tokens", "60000", "--json")
    command.wait_for("token")
    victim = command.children()["server"][1]
    victim.kill()
    error = final_error(command)
    assert f"(process {victim.pid}) was killed by SIGKILL" in error["message"]
    processes.assert_nothing_left()


def test_a_killed_demo_takes_everything_with_it(processes: Processes, endless_chat_model: Path) -> None:
    command = processes.start("demo", "--model", endless_chat_model, "--max-new-tokens", "60000", "--json")
    command.wait_for("token")
    command.signal(signal.SIGKILL)
    start_something_else(processes)
    processes.assert_nothing_left()
