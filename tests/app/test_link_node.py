"""The link and a real node: found or started, followed, lost and found again; and every way in which there is none."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from fakes import settle, spin
from live_node import live_node
from raw_server import events, raw_server, reply

from meadow_app.link.command import NodeProcess, node_command, read_token
from meadow_app.link.node import BadTarget, NodeLink, given_target, too_many_starts

SECONDS = 120.0


@pytest.fixture
def link(home: Path) -> Iterator[Callable[..., NodeLink]]:
    """Makes links to ``home``; at the end their node is stopped and nothing of it is left."""
    links: list[NodeLink] = []

    def make(**options: Any) -> NodeLink:
        links.append(NodeLink(str(home), **{"environment": {}, **options}))
        return links[-1]

    yield make
    for one in links:
        one.close()
    stop = subprocess.run(
        [sys.executable, "-m", "meadow", "--home", str(home), "stop"], capture_output=True, text=True, timeout=60
    )
    assert stop.returncode == 0, stop.stderr
    left = [process for process in psutil.process_iter(["cmdline"]) if str(home) in (process.info["cmdline"] or ())]
    psutil.wait_procs(left, timeout=20)
    assert not [process for process in left if process.is_running() and process.status() != "zombie"]


def status(one: NodeLink) -> str:
    return str(one.status)


def connected(one: NodeLink) -> bool:
    assert status(one) != "failed", one.message
    return status(one) == "connected"


def pid(one: NodeLink) -> int:
    assert one.node_pid is not None
    return one.node_pid


def test_started_found_killed_stopped(link: Callable[..., NodeLink], home: Path) -> None:
    """One life: the first window starts the node, the second finds it, a kill -9 is survived, a stop is respected."""
    first = link()
    heard: list[str] = []
    first.statusChanged.connect(lambda: heard.append(status(first)))
    first.start()
    assert status(first) == "starting"
    spin(lambda: connected(first), SECONDS)
    assert first.started_node and stat.S_IMODE((home / "api-token").stat().st_mode) == 0o600

    second = link()
    second.start()
    spin(lambda: connected(second), SECONDS)
    assert pid(second) == pid(first) and not second.started_node

    # What one window does the other sees: patches arrive, and commands are answered.
    keys: list[frozenset[str]] = []
    second.mirror.changed.connect(keys.append)
    answers: list[Any] = []
    first.api.patch("/api/settings", {"share.model": "owner/name"}).then(answers.append).otherwise(answers.append)
    spin(lambda: answers)
    assert answers[0]["values"]["share.model"] == "owner/name"

    # The node dies without a word. Both come back to one new node.
    old = pid(first)
    os.kill(old, signal.SIGKILL)
    spin(lambda: status(first) == "lost" and status(second) == "lost", SECONDS)
    assert first.message.endswith("It is found or started again.")
    spin(lambda: connected(first) and connected(second) and pid(first) == pid(second) != old, SECONDS)
    spin(lambda: keys)
    assert heard == ["connected", "lost", "connected"]

    # The window goes, also by force; the node stays.
    running = pid(first)
    first.close()
    settle()
    assert psutil.pid_exists(running) and connected(second)

    # A person stops it: nobody starts it behind their back.
    second.stop_node()
    spin(lambda: status(second) == "failed", SECONDS)
    assert second.code == "stopped" and "was stopped" in second.message
    spin(lambda: psutil.Process(running).status() == "zombie" if psutil.pid_exists(running) else True, SECONDS)
    assert status(second) == "failed"

    # Somebody starts another one: it is noticed without a click.
    other = link()
    other.retry()
    spin(lambda: connected(other) and connected(second) and pid(second) == pid(other) != running, SECONDS)


@pytest.mark.full
def test_a_node_with_a_demo_is_found_too_and_outlives_a_window_that_is_killed(home: Path) -> None:
    with live_node() as node:
        one = NodeLink(str(node.home), environment={})
        one.start()
        spin(lambda: connected(one), SECONDS)
        assert pid(one) == node.process.pid
        spin(lambda: any(model["complete"] for model in one.mirror.part("swarm").get("models", {}).values()), SECONDS)
        seen: list[frozenset[str]] = []
        one.mirror.changed.connect(seen.append)
        node.ask("hello", max_tokens=8)
        spin(lambda: any("chats" in keys for keys in seen), SECONDS)
        spin(lambda: not one.mirror.part("chats"))
        assert one.mirror.tree["node"]["totals"] == node.state()["node"]["totals"]
        one.close()


@pytest.mark.full
def test_the_node_outlives_a_window_that_is_killed(link: Callable[..., NodeLink], home: Path) -> None:
    program = (
        "import sys; from PySide6.QtCore import QCoreApplication; from meadow_app.link.node import NodeLink\n"
        "app = QCoreApplication([]); link = NodeLink(sys.argv[1], environment={})\n"
        "link.connected.connect(lambda: print(link.node_pid, flush=True)); link.start(); app.exec()"
    )
    window = subprocess.Popen([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True)
    assert window.stdout is not None
    running = int(window.stdout.readline())
    os.killpg(os.getpgid(running), 0)
    assert os.getpgid(running) != os.getpgid(window.pid)  # Ctrl+C in the window's terminal does not reach it
    window.kill()
    window.communicate()
    second = link()
    second.start()
    spin(lambda: connected(second), SECONDS)
    assert pid(second) == running


def script(home: Path, *lines: object, status: int = 0, after: str = "") -> list[str]:
    """A stand-in for the command: it says ``lines`` and ends, as ``meadow node --json`` does."""
    home.mkdir(exist_ok=True)
    file = home / "says.py"
    text = "".join(json.dumps(line) + "\n" if isinstance(line, dict) else f"{line}\n" for line in lines)
    file.write_text(f"import sys, time\nsys.stdout.write({text!r})\nsys.stdout.flush()\n{after}\nsys.exit({status})\n")
    return [sys.executable, str(file)]


def failed(one: NodeLink) -> tuple[str, str]:
    one.start()
    spin(lambda: status(one) == "failed")
    found = str(one.code), str(one.message)
    one.close()
    return found


def test_why_there_is_no_node_in_plain_words(home: Path) -> None:
    def link(*lines: object, **options: Any) -> NodeLink:
        return NodeLink(None, environment={}, command=script(home / "s", *lines, **options))

    error = {"event": "error", "code": "settings", "message": "The settings file is broken."}
    assert failed(link(error, status=1)) == ("settings", "The settings file is broken.")
    assert failed(link({"event": "error", "code": "node_starting", "message": "Another starts."})) == (
        "node_starting",
        "Another starts.",
    )
    code, message = failed(link("noise", "[1]", after="sys.stderr.write('x\\nImportError: torch\\n')", status=1))
    assert (code, message) == ("", "Meadow's node ended at once. ImportError: torch")
    assert failed(link(status=3)) == ("", "Meadow's node ended at once. It said nothing.")
    code, message = failed(NodeLink(None, environment={}, command=["/nowhere/meadow"]))
    assert code == "incomplete" and "No such file" in message
    ready = {"event": "ready", "url": "http://127.0.0.1:1", "token_file": str(home / "none"), "already_running": True}
    assert failed(link(ready))[0] == "token_file"


def test_a_full_disk_is_told_while_the_node_waits(home: Path) -> None:
    waiting = {"event": "waiting", "code": "disk_full", "message": "No room."}
    one = NodeLink(None, environment={}, command=script(home / "s", waiting, after="time.sleep(60)"))
    one.start()
    spin(lambda: one.message)
    assert (status(one), one.message) == ("starting", "No room. The node goes on by itself when there is room.")
    assert one._process is not None
    child = one._process.pid
    one.close()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_node_that_ends_again_and_again_is_not_started_for_ever(home: Path) -> None:
    (home / "token").write_text("t" * 40 + "\n")
    with raw_server(events(b'retry: 100\nevent: state\ndata: {"version": 1, "node": {}}\n\n')) as server:
        ready = {"event": "ready", "url": server.url, "token_file": str(home / "token"), "already_running": False}
        one = NodeLink(None, environment={}, command=script(home / "s", ready))
        one.start()
        spin(lambda: status(one) == "failed", 60)
        assert one.code == "ends_again"
        one.retry()
        spin(lambda: status(one) != "failed")
        one.close()
    assert not too_many_starts([1, 2, 3], 4) and too_many_starts([1, 2, 3, 4], 5) and not too_many_starts([1] * 9, 999)


def test_a_token_that_changed_is_read_again_and_a_wrong_one_is_told(home: Path) -> None:
    (home / "token").write_text("old\n")
    unknown = reply('{"error": {"code": "invalid_api_key", "message": "No."}}', "401 Unauthorized")
    state = events(b'event: state\ndata: {"version": 1, "node": {}}\n\n', then="stay")

    def answer(connection: Any, asked: Any) -> None:
        (state if asked.headers["authorization"] == "Bearer new" else unknown)(connection, asked)

    with raw_server(answer) as server:
        ready = {"event": "ready", "url": server.url, "token_file": str(home / "token"), "already_running": True}
        one = NodeLink(None, environment={}, command=script(home / "s", ready))
        one.start()
        spin(lambda: server.asked)
        (home / "token").write_text("new\n")
        spin(lambda: connected(one))
        one.close()
        other = NodeLink(None, environment={"MEADOW_URL": server.url + "/v1/", "MEADOW_TOKEN": "wrong"})
        assert failed(other) == ("invalid_api_key", f"The node at {server.url} does not know our token.")


def test_a_node_elsewhere_is_neither_started_nor_looked_for(home: Path) -> None:
    state = events(b'retry: 100\nevent: state\ndata: {"version": 1, "node": {}}\n\n')
    with raw_server(state) as server:
        environment = {"MEADOW_URL": server.url, "MEADOW_TOKEN": "token"}
        one = NodeLink(str(home), environment=environment, command=["/nowhere/meadow"])
        one.start()
        spin(lambda: connected(one))
        assert one.remote
        spin(lambda: len(server.asked) > 2)
        assert server.asked[0].headers["authorization"] == "Bearer token"
    spin(lambda: status(one) == "lost")
    assert one.message.endswith("It is tried again.")
    one.close()
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    "environment",
    [
        {"MEADOW_URL": "http://example.org:80", "MEADOW_TOKEN": "t"},
        {"MEADOW_URL": "ftp://127.0.0.1", "MEADOW_TOKEN": "t"},
        {"MEADOW_URL": "127.0.0.1:80", "MEADOW_TOKEN": "t"},
        {"MEADOW_URL": "http://a@127.0.0.1:80", "MEADOW_TOKEN": "t"},
        {"MEADOW_URL": "http://127.0.0.1:x", "MEADOW_TOKEN": "t"},
        {"MEADOW_URL": "http://127.0.0.1:80"},
        {"MEADOW_URL": "http://127.0.0.1:80", "MEADOW_TOKEN": "a\r\nb"},
    ],
)
def test_what_the_environment_may_not_say(environment: dict[str, str]) -> None:
    with pytest.raises(BadTarget):
        given_target(environment)
    assert failed(NodeLink(None, environment=environment))[0] == "given_target"


def test_what_it_may_say() -> None:
    assert given_target({}) is None
    assert given_target({"MEADOW_URL": " http://[::1]:80/v1/ ", "MEADOW_TOKEN": "t "}) == ("http://[::1]:80", "t")
    assert given_target({"MEADOW_URL": "https://h/x", "MEADOW_TOKEN": "t"}) == ("https://h/x", "t")


def test_how_the_command_is_called() -> None:
    def there(path: str) -> bool:
        return path in ("/opt/meadow/meadow", "/opt/win/meadow.exe")

    assert node_command("/v/bin/python", frozen=False, exists=there) == ["/v/bin/python", "-P", "-m", "meadow"]
    assert node_command("/opt/meadow/meadow-app", frozen=True, exists=there) == ["/opt/meadow/meadow"]
    assert node_command("/opt/win/Meadow-App.EXE", frozen=True, exists=there) == ["/opt/win/meadow.exe"]
    assert node_command("/elsewhere/meadow-app", frozen=True, exists=there) is None


def test_a_token_is_one_line_of_ascii(home: Path) -> None:
    file = home / "token"
    for wrong in (b"", b"\n", b"a b", b"a\r\nb: c", b"\xff" * 40, b"\0"):
        file.write_bytes(wrong)
        with pytest.raises(ValueError):
            read_token(str(file))
    file.write_bytes(b"abc\n")
    assert read_token(str(file)) == "abc"


def test_words_in_pieces_and_noise_between_them(home: Path) -> None:
    after = "sys.stdout.write('{\"event\": '); sys.stdout.flush(); time.sleep(0.2); print('\"b\"}')"
    process = NodeProcess(script(home / "s", "noise", {"event": "a"}, after=after), None)
    heard: list[str] = []

    def listen() -> bool:
        heard.extend(event["event"] for event in process.events())
        return process.status() is not None and not process.events()

    spin(listen)
    assert heard == ["a", "b"]
    process.close()
