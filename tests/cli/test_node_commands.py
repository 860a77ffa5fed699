"""The commands that talk to a node: over real HTTP, through the real door, to a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bare_node import commands_of
from real_processes import Processes

from meadow.node.lock import find, node_file
from meadow.platform.paths import Paths

BARE = Path(__file__).parent / "bare_node.py"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEADOW_URL", "MEADOW_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing answers there: a proxy must not be asked


class BareNode:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen([sys.executable, str(BARE), str(home)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the bare node did not come up"
        self.token = (home / "api-token").read_text().strip()

    @property
    def told(self) -> list[list[Any]]:
        return commands_of(self.home)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def node(home: Path) -> Iterator[BareNode]:
    running = BareNode(home)
    yield running
    running.end()


def error(processes: Processes, *arguments: str | Path) -> dict[str, str]:
    status, events = processes.inside(*arguments)
    assert status == 1
    assert events[-1]["event"] == "error"
    return events[-1]


@pytest.mark.parametrize("command", ["status", "share m", "pause", "resume", "finish"])
def test_without_a_node_the_command_says_how_to_start_one(processes: Processes, command: str) -> None:
    found = error(processes, *command.split())
    assert found["code"] == "no_node"
    assert found["message"] == f"No Meadow node runs in {processes.home}. `meadow node` starts one."


def test_stopping_what_does_not_run_is_done_already(processes: Processes) -> None:
    assert processes.inside("stop") == (0, [{"event": "stopped", "was_running": False}])


def test_status_as_a_tree_and_in_words(processes: Processes, node: BareNode) -> None:
    status, (state,) = processes.inside("status")
    assert (status, state["share"]["state"], state["node"]["url"]) == (0, "off", node.url)
    words = processes.run("status").stdout
    assert "Sharing is off; it was never turned on." in words
    assert f"OpenAI clients use {node.url}/v1 with the token in {processes.home}/api-token" in words
    assert node.token not in words


def test_share_shows_how_it_goes_until_it_shares(processes: Processes, node: BareNode, tmp_path: Path) -> None:
    status, events = processes.inside(
        "share", str(tmp_path), "--blocks", "2:6", "--dtype", "bfloat16", "--device", "cpu", "--kv-tokens", "100"
    )
    assert status == 0
    assert node.told == [
        ["share", {"model": str(tmp_path), "blocks": [2, 6], "dtype": "bfloat16", "device": "cpu", "kv_tokens": 100}]
    ]
    assert [event["state"] for event in events if event["event"] == "share"][-1] == "sharing"
    assert any(event["event"] == "progress" and event["total"] == 100 for event in events)
    assert f"blocks 2:6 of {tmp_path.name}, online" in processes.run("status").stdout


def test_sharing_that_fails_says_why(processes: Processes, node: BareNode) -> None:
    found = error(processes, "share", "owner/broken")
    assert found["code"] == "memory"
    assert "There is no memory left." in found["message"]


def test_share_without_waiting_and_without_a_model(processes: Processes, node: BareNode) -> None:
    assert error(processes, "share")["message"] == "No model is chosen. Name one: `meadow share MODEL`."
    assert processes.inside("settings", "share.model", "owner/name")[0] == 0
    assert processes.inside("share", "--no-wait") == (0, [{"event": "accepted"}])


def test_pause_resume_finish(processes: Processes, node: BareNode) -> None:
    assert processes.inside("share", "owner/name", "--no-wait")[0] == 0
    assert processes.inside("pause", "--for", "1h30m") == (0, [{"event": "paused", "seconds": 5400.0}])
    assert processes.inside("pause") == (0, [{"event": "paused", "seconds": None}])
    status, (paused,) = processes.inside("pause", "--until", "tomorrow")
    assert status == 0 and 0 < paused["seconds"] <= 33 * 3600
    assert processes.inside("resume") == (0, [{"event": "resumed"}])
    status, events = processes.inside("finish", "--within", "5m", "--wait")
    assert (status, [event["event"] for event in events]) == (0, ["finishing", "finished"])
    assert [command[0] for command in node.told] == ["share", "pause", "pause", "pause", "resume", "finish"]
    assert [command[1] for command in node.told][1:3] == [5400.0, None]
    assert node.told[-1] == ["finish", 300.0]


def test_stop_waits_until_nothing_is_left(processes: Processes, node: BareNode) -> None:
    assert processes.inside("stop") == (0, [{"event": "stopped", "was_running": True}])
    assert find(Paths.of(processes.home)) is None
    assert node.process.wait(30) == 0


def test_settings_through_the_node(processes: Processes, node: BareNode) -> None:
    status, (event,) = processes.inside("settings", "share.limit_fraction", "0.5")
    assert (status, event["value"], event["chosen"], event["default"]) == (0, 0.5, True, 0.9)
    assert json.loads((processes.home / "settings.json").read_text())["share.limit_fraction"] == 0.5
    found = error(processes, "settings", "share.limit_fraction", "much")
    assert (found["code"], found["message"]) == (
        "invalid_value",
        'share.limit_fraction is "much", but it must be a number between 0.05 and 1 (of the free memory).',
    )
    assert processes.inside("settings", "share.limit_fraction", "--reset")[1][0]["value"] == 0.9


def test_settings_without_a_node(processes: Processes) -> None:
    assert processes.inside("settings", "metrics.enabled", "yes")[1][0]["value"] is True
    status, events = processes.inside("settings")
    assert status == 0
    assert [event["key"] for event in events if event["chosen"]] == ["metrics.enabled"]
    assert error(processes, "settings", "metrics.enabeld", "yes")["message"].startswith(
        'There is no setting "metrics.enabeld". Did you mean "metrics.enabled"?'
    )
    assert error(processes, "settings", "--reset")["code"] == "settings"
    (processes.home / "settings.json").write_text('{"version": 1, "node.port": 1,}')
    assert "comma after the last entry" in error(processes, "settings", "node.port", "2")["message"]


def test_a_second_node_says_where_the_first_is(processes: Processes, node: BareNode) -> None:
    status, (ready,) = processes.inside("node")
    assert (status, ready["url"], ready["already_running"]) == (0, node.url, True)
    assert Path(ready["token_file"]).read_text().strip() == node.token
    port = int(node.url.rpartition(":")[2])
    assert processes.inside("node", "--port", str(port))[0] == 0
    found = error(processes, "node", "--port", str(port % 65535 + 1))
    assert (found["code"], f"runs at {node.url}, not on port" in found["message"]) == ("node_runs", True)
    assert error(processes, "node", "--demo")["code"] == "node_runs"


def test_address_and_token_from_the_environment(
    processes: Processes, node: BareNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command with another home finds the node that it is told."""
    other = Processes(tmp_path)
    monkeypatch.setenv("MEADOW_URL", f"{node.url}/v1/")
    assert error(other, "status")["code"] == "no_token"
    assert processes.inside("status")[0] == 0, "the home of that very node knows its token"
    monkeypatch.setenv("MEADOW_TOKEN", "wrong" * 8)
    found = error(other, "status")
    assert (found["code"], "MEADOW_TOKEN" in found["message"]) == ("invalid_api_key", True)
    monkeypatch.setenv("MEADOW_TOKEN", node.token)
    assert other.inside("status")[1][0]["node"]["url"] == node.url
    assert other.inside("stop") == (0, [{"event": "stopped", "was_running": True}])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("localhost:4711", "bad_url"),
        ("ftp://127.0.0.1/", "bad_url"),
        ("http://", "bad_url"),
        ("http://127.0.0.1:port", "bad_url"),
        ("http://me@127.0.0.1:1", "bad_url"),
        ("http://192.0.2.7:4711", "bad_url"),
        ("http://127.0.0.1:1", "no_node"),
    ],
)
def test_addresses_that_are_none(processes: Processes, monkeypatch: pytest.MonkeyPatch, url: str, code: str) -> None:
    monkeypatch.setenv("MEADOW_URL", url)
    monkeypatch.setenv("MEADOW_TOKEN", "token")
    assert error(processes, "status")["code"] == code


def test_something_else_that_answers(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    web = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=processes.home,
    )
    try:
        assert web.stdout is not None
        port = web.stdout.readline().split("port ")[1].split()[0]
        monkeypatch.setenv("MEADOW_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("MEADOW_TOKEN", "token")
        assert error(processes, "status")["code"] == "not_a_node"
        assert error(processes, "pause")["code"] == "not_a_node"
    finally:
        web.kill()
        web.communicate()


def test_a_node_that_hangs_up(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("MEADOW_URL", f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("MEADOW_TOKEN", "token")
        code = "import socket, sys\nlistening = socket.socket(fileno=int(sys.argv[1]))\nlistening.accept()[0].close()\n"
        number = listening.fileno()
        hangs_up = subprocess.Popen([sys.executable, "-c", code, str(number)], pass_fds=[number])
        assert error(processes, "status")["code"] == "node_ended"
        hangs_up.wait(30)


def test_a_killed_node_is_no_node(processes: Processes, node: BareNode) -> None:
    node.process.kill()
    node.process.wait(30)
    assert node_file(Paths.of(processes.home)).exists()
    assert error(processes, "status")["code"] == "no_node"


def test_watching_ends_with_the_node(processes: Processes, node: BareNode) -> None:
    watching = processes.start("status", "--watch", "--json")
    assert watching.wait_for("state")["share"]["state"] == "off"
    assert processes.inside("share", "owner/name")[0] == 0
    while watching.wait_for("state")["share"]["state"] != "sharing":
        continue
    assert processes.inside("stop")[0] == 0
    assert watching.exit_status() == 0
