"""Judgements of the doctor over what many machines would say, its runner, and the report that may be shared."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meadow.errors import MeadowError
from meadow.node import doctor, doctor_machine, doctor_swarm
from meadow.node.doctor import Check, Finding, Private, Result, Status, ok, redact, warn
from meadow.node.doctor_machine import Leftovers, Place
from meadow.node.doctor_swarm import Listener
from meadow.node.lock import NodeLock, RunningNode
from meadow.platform.devices import assemble
from meadow.platform.machine import Battery, Machine, Memory, Processor
from meadow.platform.paths import Paths, RunFolder
from meadow.platform.readings import Code, Device, Kind, Readings, Reason
from meadow.platform.recorded import Recording

GB = 10**9
MACHINE = Machine("Linux", Processor("Some CPU", 4, 8, 0.5), Memory(16 * GB, 8 * GB), None, (), None, 1.0)
RECORDINGS = Path(__file__).parents[1] / "platform" / "recordings"
PEER = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"

# The runner


async def test_one_check_that_fails_hangs_or_has_a_defect_stops_no_other() -> None:
    async def fine() -> Finding:
        return ok("Fine.")

    async def explained() -> Finding:
        raise MeadowError("It is broken. Mend it. Then try again.", code="broken")

    async def defect() -> Finding:
        raise ZeroDivisionError

    async def own_timeout() -> Finding:
        raise TimeoutError

    async def hangs() -> Finding:
        await asyncio.sleep(3600)
        return ok("Never.")

    async def hangs_in_a_thread() -> Finding:
        return await doctor.in_thread(lambda: ok(str(threading.Event().wait(3600))))

    finds = [fine, explained, defect, own_timeout, hangs, hangs_in_a_thread, fine]
    heard: list[str] = []
    checks = [Check(find.__name__, find.__name__, 0.2 if "hangs" in find.__name__ else 60, find) for find in finds]
    results = await doctor.examine(
        checks,
        on_start=lambda check, number, count: heard.append(f"{number}/{count} {check.name}"),
        on_result=lambda result: heard.append(str(result.finding.status)),
    )
    assert heard[:4] == ["1/7 fine", "ok", "2/7 explained", "fail"]
    assert [result.finding.status for result in results] == [Status.OK, *[Status.FAIL] * 5, Status.OK]
    assert (results[1].finding.what, results[1].finding.do) == ("It is broken.", "Mend it. Then try again.")
    assert "ZeroDivisionError" in results[2].finding.what
    assert "TimeoutError" in results[3].finding.what
    assert all("was given up" in results[index].finding.what for index in (4, 5))
    assert doctor.count(results) == {"ok": 2, "warn": 0, "fail": 5}


async def test_cancelling_ends_the_check_and_is_heard() -> None:
    ended: list[str] = []

    async def patient() -> Finding:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("yes")
        return ok("Never.")

    task = asyncio.create_task(doctor.examine([Check("a", "A", 60, patient), Check("b", "B", 60, patient)]))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["yes"]


# The report


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("/home/somebody/models/x", "/home/USER/models/x"),
        ("C:\\Users\\somebody\\x", "C:\\Users\\USER\\x"),
        ("/data/alice/meadow/cache", "DATA/cache"),
        (f"/ip4/9.9.9.9/tcp/4001/p2p/{PEER}", "/ip4/ADDRESS/tcp/4001/p2p/PEER"),
        ("/dns4/host.example/tcp/1", "/dns4/HOST/tcp/1"),
        ("192.168.1.7:80", "PRIVATE-ADDRESS:80"),
        ("2a01:4f8::1", "ADDRESS"),
        ("fe80::1", "PRIVATE-ADDRESS"),
        ("127.0.0.1:4711 and 0.0.0.0:1 and ::1", "127.0.0.1:4711 and 0.0.0.0:1 and ::1"),
        ("http://me:secret@proxy:1", "http://proxy:1"),
        ("token hf_abcdefghijklmnop", "token SECRET"),
        ("token " + "a1B2_-" * 8, "token SECRET"),
        ("0123456789abcdef" * 2, "SECRET"),
        ("Alice's pc, malice", "NAME's NAME, malice"),
        ("driver 580.95.05, 12:30:01, 2.13.0+cpu", "driver 580.95.05, 12:30:01, 2.13.0+cpu"),
    ],
)
def test_private_things_are_taken_out(text: str, without: str) -> None:
    private = Private(frozenset({"alice", "pc"}), (("/data/alice/meadow", "DATA"), ("/data", "OTHER")))
    assert redact(text, private) == without
    assert redact(without, private) == without  # twice changes nothing


@given(st.text(max_size=200), st.sampled_from(["alice", PEER, "9.9.9.9", "hf_abcdefghijklmnop", "/data/alice"]))
def test_nothing_private_survives_in_any_surroundings(around: str, secret: str) -> None:
    private = Private(frozenset({"alice"}), (("/data/alice", "DATA"),))
    assert secret not in redact(f"{around} {secret} {around}".replace("\x00", ""), private) or secret in around


def test_the_report_of_this_person_names_nobody() -> None:
    paths = Paths.of()
    private, home = doctor_machine.private(paths), f"{Path.home()}/x"
    results = [
        Result(
            "disk",
            "Disks",
            doctor.fail(f"{paths.data}/x cannot be written.", "Correct it.", path=str(Path.home())),
            1.0,
        ),
        Result("node", "Node", ok(f"Host {socket.gethostname()} at http://127.0.0.1:1", peers=[PEER, {"a": 1}]), 0.5),
        Result("clock", "Clock", warn("Behind.", "Set it."), 0.1),
    ]
    text = doctor.report(results, private, moment="2026-01-01")
    assert str(paths.data) not in text
    assert PEER not in text
    assert "DATA/x cannot be written" in text
    assert "-> Correct it." in text
    assert text.endswith("1 ok, 1 warn, 1 fail")
    assert home not in text


# Judgements


@pytest.mark.parametrize(
    ("found", "system", "status", "words"),
    [
        ({"torch": "2.13.0+cpu"}, "Linux", Status.OK, "torch 2.13.0+cpu"),
        ({"torch": "2.12.1"}, "Linux", Status.WARN, "torch 2.12.1 (made for 2.13.0)"),
        ({"torch": None}, "Linux", Status.FAIL, "Missing: torch"),
        ({"hivemind": None, "torch": "2.13.0"}, "Windows", Status.FAIL, "does not exist for Windows"),
    ],
)
def test_versions(found: dict[str, str | None], system: str, status: Status, words: str) -> None:
    wanted = doctor_machine.pins(["torch==2.13.0", "httpx2", 'hivemind==1.1.12; sys_platform != "win32"', "x>=2"])
    assert wanted == {"torch": "2.13.0", "hivemind": "1.1.12"}
    finding = doctor_machine.judge_versions(found, wanted, python="3.11.7", system=system)
    assert finding.status is status
    assert words in finding.what


def test_versions_of_this_installation() -> None:
    assert doctor_machine.versions().status is Status.OK


def test_memory_and_battery() -> None:
    assert doctor_machine.judge_machine(MACHINE).status is Status.OK
    tight = doctor_machine.judge_machine(replace(MACHINE, memory=Memory(4 * GB, GB), battery=Battery(0.5, False, None)))
    assert tight.status is Status.WARN
    assert "on battery (50%)" in tight.what
    assert "close programs" in tight.do


@pytest.mark.parametrize(
    ("readings", "status", "what", "do"),
    [
        (
            Readings(Kind.CUDA, reason=Reason(Code.NO_DRIVER, "No driver, no card."), hardware=False),
            Status.OK,
            "No driver, no card. Meadow computes on the processor here.",
            "",
        ),
        (
            Readings(Kind.CUDA, reason=Reason(Code.NO_DRIVER, "A card. Install a driver."), hardware=True),
            Status.WARN,
            "A card.",
            "Install a driver.",
        ),
        (
            Readings(
                Kind.CUDA,
                (
                    Device(Kind.CUDA, 0, "RTX", reason=Reason(Code.GPU_LOST, "It is lost. Restart.")),
                    Device(Kind.CUDA, 1, "GTX", torch="cuda:1"),
                ),
            ),
            Status.WARN,
            "RTX: It is lost. GTX can be used.",
            "Restart.",
        ),
    ],
)
def test_gpus(readings: Readings, status: Status, what: str, do: str) -> None:
    finding = doctor_machine.judge_gpus(assemble([readings], MACHINE))
    assert (finding.status, finding.what, finding.do) == (status, what, do)


def test_a_gpu_in_use_without_the_names_of_programs() -> None:
    recording = Recording.load(RECORDINGS / "rtx_4070_game.json")
    recording.read()
    finding = doctor_machine.judge_gpus(assemble([recording.read()], MACHINE))
    assert finding.status is Status.OK
    assert "4.2 GB of 12.9 GB free, 71 °C, 2 programs use it" in finding.what
    assert "orchard" not in json.dumps(finding.details) + finding.what


@pytest.mark.parametrize(
    ("free", "problem", "status", "words"),
    [
        (50 * GB, None, Status.OK, "50.0 GB are free"),
        (2 * GB, None, Status.WARN, "Only 2.0 GB are free for models"),
        (10**7, None, Status.FAIL, "Only 10 MB are free"),
        (50 * GB, "Permission denied", Status.FAIL, "cannot be written (Permission denied)"),
        (None, None, Status.OK, "All folders can be written."),
    ],
)
def test_disks(free: int | None, problem: str | None, status: Status, words: str) -> None:
    finding = doctor_machine.judge_disks([Place("models", Path("/models"), free, problem)])
    assert finding.status is status
    assert words in finding.what


def test_looking_at_folders_changes_nothing(home: Path) -> None:
    found = doctor_machine.places(Paths.of(home / "not" / "yet"))
    assert [place.problem for place in found] == [None] * 4
    assert not list(home.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(home: Path) -> None:
    home.chmod(0o500)
    try:
        assert doctor_machine.look_at("logs", home / "logs").problem
    finally:
        home.chmod(0o700)


def test_a_file_where_a_folder_belongs(home: Path) -> None:
    (home / "cache").write_text("")
    assert doctor_machine.look_at("models", home / "cache" / "models").problem == "a file is in its place"


def test_leftovers_of_killed_processes_are_seen_and_left_alone(home: Path) -> None:
    paths = Paths.of(home)
    assert doctor_machine.leftovers(paths) == Leftovers()
    with RunFolder(paths), NodeLock(paths) as lock:
        lock.announce("http://127.0.0.1:1", home / "token")
        assert doctor_machine.leftovers(paths).run_folders == 0  # held
        assert not doctor_machine.leftovers(paths).node_file
    code = (
        "import os, sys; from pathlib import Path; from meadow.platform.paths import Paths, RunFolder\n"
        "from meadow.node.lock import NodeLock\npaths = Paths.of(sys.argv[1]); folder = RunFolder(paths)\n"
        "NodeLock(paths).announce('http://127.0.0.1:1', Path('token')); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(home)], check=False)
    for _ in range(2):
        found = doctor_machine.leftovers(paths)
        assert (found.run_folders, found.node_file) == (1, True)
    assert doctor_machine.judge_leftovers(found).status is Status.OK


@pytest.mark.parametrize(
    ("command", "child"),
    [
        (["/usr/bin/python", "-m", "meadow.server.process"], True),
        (["/usr/bin/python", "-m", "meadow.chat.process"], True),
        (["/x/site-packages/hivemind/hivemind_cli/p2pd", "-hostAddrs=x"], True),
        (["/usr/local/bin/p2pd"], False),  # of another program
        (["grep", "p2pd"], False),
        ([], False),
    ],
)
def test_what_is_a_child_of_meadow(command: list[str], child: bool) -> None:
    assert doctor_machine.is_child(command) is child


def test_an_orphan_is_found() -> None:
    """A process that looks like a server, whose parent has ended."""
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', 'meadow.server.process'],"
        " start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\nprint(child.pid)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    orphan = psutil.Process(int(done.stdout))
    try:
        deadline = time.monotonic() + 30
        while orphan.pid not in (found := doctor_machine.orphans()):
            assert time.monotonic() < deadline, (found, orphan.parent())
            time.sleep(0.05)
        finding = doctor_machine.judge_leftovers(Leftovers(orphans=(orphan.pid,)))
        assert finding.status is Status.WARN
        assert str(orphan.pid) in finding.what
    finally:
        orphan.kill()


@pytest.mark.parametrize(
    ("now", "jump", "offset", "status", "words"),
    [
        (1000.0, 0.0, None, Status.OK, "no peer to compare"),
        (1000.0, 0.0, 0.0, Status.OK, "agrees"),
        (1000.0, 0.0, -30.0, Status.OK, "to 30 s"),
        (1000.0, 0.0, 90.0, Status.WARN, "90 s behind that"),
        (1000.0, 0.0, -90.0, Status.WARN, "90 s ahead of that"),
        (1000.0, 0.0, 300.0, Status.FAIL, "or more"),
        (1000.0, 3.0, None, Status.WARN, "changed just now"),
        (1000.0 - 3 * 86400, 0.0, None, Status.FAIL, "3 days behind"),
    ],
)
def test_clocks(now: float, jump: float, offset: float | None, status: Status, words: str) -> None:
    finding = doctor_machine.judge_clock(now, 1000.0, jump, offset=offset)
    assert finding.status is status
    assert words in finding.what


def test_this_clock() -> None:
    assert abs(doctor_machine.clock_jump(0.01)) < 3600
    assert 1e9 < doctor_machine.newest_own_file() <= time.time() + 86_400


# The node and its ports


def test_no_node(home: Path) -> None:
    assert doctor_swarm.node(Paths.of(home)).details == {"running": False}


def test_a_node_that_only_starts(home: Path) -> None:
    with NodeLock(Paths.of(home)):
        assert doctor_swarm.node(Paths.of(home)).status is Status.WARN


def test_a_node_that_does_not_answer(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with NodeLock(Paths.of(home)) as lock:
        lock.announce(f"http://127.0.0.1:{port}", home / "token")
        finding = doctor_swarm.node(Paths.of(home))
    assert finding.status is Status.FAIL
    assert "does not answer" in finding.what


def test_settings_that_cannot_be_read(home: Path) -> None:
    assert doctor_swarm.settings(Paths.of(home)).status is Status.OK
    (home / "settings.json").write_text("{")
    assert doctor_swarm.settings(Paths.of(home)).status is Status.FAIL
    (home / "settings.json").write_text('{"version": 1, "of.the.future": 1}')
    assert doctor_swarm.settings(Paths.of(home)).status in (Status.OK, Status.WARN)


@pytest.mark.parametrize(
    ("problem", "taken", "listening", "status", "words"),
    [
        (None, None, None, Status.OK, "nothing listens"),
        ("Permission denied", None, None, Status.FAIL, "Permission denied"),
        (None, "Address already in use", None, Status.FAIL, "Port 4711"),
        (None, None, [Listener("api", "127.0.0.1", 1)], Status.OK, "api on 127.0.0.1:1; only this machine"),
        (None, None, [Listener("p2pd", "0.0.0.0", 2)], Status.OK, "other machines can reach p2pd"),
        (None, None, [Listener("api", "0.0.0.0", 1)], Status.FAIL, "api listens on 0.0.0.0:1"),
        (None, None, [Listener("server", "::", 1)], Status.FAIL, "other machines reach it"),
    ],
)
def test_ports(
    problem: str | None, taken: str | None, listening: list[Listener] | None, status: Status, words: str
) -> None:
    finding = doctor_swarm.judge_ports(problem, taken, 4711, listening)
    assert finding.status is status
    assert words in finding.what


def test_a_port_that_is_taken(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (home / "settings.json").write_text(json.dumps({"node.port": port}))
        finding = doctor_swarm.ports(Paths.of(home))
        assert finding.status is Status.FAIL
        assert str(port) in finding.what
        # What this very process listens on, as if it were the node:
        here = RunningNode(f"http://127.0.0.1:{port}", "token", os.getpid())
        assert Listener("api", "127.0.0.1", port) in list(doctor_swarm.listeners(here))
    assert doctor_swarm.ports(Paths.of(home)).status is Status.OK


# p2pd, the clock of a swarm, and the self-test


async def test_p2pd_starts_answers_and_is_gone() -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    finding = await doctor_swarm.p2pd()
    assert finding.status is Status.OK, finding
    assert len(finding.details["sha256"]) == 16
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


@pytest.mark.parametrize(
    ("event", "status", "words"),
    [
        (None, Status.FAIL, "killed"),
        ({"event": "error", "code": "x", "message": "No."}, Status.FAIL, "did not answer: No."),
        ({"same_tokens": True, "difference": 0.0}, Status.OK, "24 tokens over 2 servers are equal"),
        ({"same_tokens": True, "difference": 1e-3}, Status.FAIL, "differ by up to 0.001"),
        ({"same_tokens": False, "difference": 2.0}, Status.FAIL, "other tokens"),
    ],
)
def test_judging_the_self_test(event: dict | None, status: Status, words: str) -> None:
    common = {"event": "result", "tokens": 24, "servers": 2, "tokens_per_second": 40.0, "dtype": "bfloat16"}
    finding = doctor_swarm.judge_exactness(event and {**common, **event})
    assert finding.status is status
    assert words in finding.what
