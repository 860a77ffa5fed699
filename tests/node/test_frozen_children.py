"""A child that hangs or is frozen is noticed and started again; one that is only busy, or slept with us, is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from supervising import eventually, supervised
from test_supervision_children import Diary

from meadow.chat.spec import EngineSpec
from meadow.node import pulse
from meadow.node.child import Child
from meadow.node.kept import Kept
from meadow.node.pulse import Pulse
from meadow.node.restart import Clocks
from meadow.server.spec import ServerSpec

ANSWERING = """
import json, sys
print(json.dumps({"event": "ready"}), flush=True)
for line in sys.stdin:
    if json.loads(line)["command"] == "stop":
        break
    print(json.dumps({"event": "pong"}), flush=True)
"""

OK, HEARD, SLEPT, LATE = "tick", "heard", "slept", "late"


@pytest.mark.parametrize(
    ("story", "verdicts"),
    [
        ([OK] * 5, [False, False, False, False, True]),
        ([OK, OK, OK, OK, HEARD, OK, OK], [False] * 6),
        ([OK, OK, OK, OK, SLEPT, OK, OK, OK, OK, OK], [False] * 9 + [True]),
        # This very process stood still, or was starved: nobody could have answered to it.
        ([OK, OK, OK, LATE, OK, OK, OK, OK, OK], [False] * 8 + [True]),
        ([LATE] * 50, [False] * 50),
    ],
)
def test_silence_counts_only_while_we_ran(story: list[str], verdicts: list[bool]) -> None:
    now = Clocks(1000.0, 50.0)
    one = Pulse(now, seconds=15.0, limit=60.0)
    found = []
    for word in story:
        if word == HEARD:
            one.heard()
            continue
        wall, steady = {OK: (15.2, 15.2), SLEPT: (3615.0, 15.0), LATE: (25.0, 25.0)}[word]
        now = Clocks(now.wall + wall, now.steady + steady)
        found.append(one.tick(now))
    assert found == verdicts


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "ASK_SECONDS", 0.2)
    monkeypatch.setattr(pulse, "SILENT_SECONDS", 3.0)


async def test_a_frozen_child_is_started_again_and_one_that_answers_lives(hurried: None, tmp_path: Path) -> None:
    class Script(Child):
        arguments = ("-c", ANSWERING)
        answers = True

    async def start() -> Script:
        return Script(await Script._spawn(tmp_path / "log"), tmp_path / "log")

    diary = Diary()
    one: Kept[Any] = Kept(start, diary, restart=True)
    await one.start()
    await eventually(lambda: ("heard", "ready", None) in diary.said)
    os.kill(diary.pids()[0], signal.SIGSTOP)
    await eventually(lambda: len(diary.pids()) == 2)
    assert ("ended", "child_died") in diary.said
    await one.stop(30)
    assert ("heard", "pong", None) not in diary.said, "that is between the two of them"


SPECS = {
    "meadow.chat.process": EngineSpec().to_json(),
    "meadow.server.process": ServerSpec("MODEL", "00000001", 0, 2, threads=1).to_json(),
}


@pytest.mark.full
@pytest.mark.parametrize("module", SPECS)
def test_a_child_answers_while_it_imports_and_loads_and_afterwards(module: str, tiny_chat_model: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        child.stdin.write(SPECS[module].replace("MODEL", str(tiny_chat_model)) + '\n{"command": "ping"}\n')
        child.stdin.flush()
        last = {"meadow.chat.process": ("ready", 0), "meadow.server.process": ("starting", 5)}[module]
        said = []
        while not said or (said[-1]["event"], said[-1].get("step", 0)) != last:
            said.append(json.loads(child.stdout.readline()))
        assert "pong" in [event["event"] for event in said]
        child.stdin.write('{"command": "ping"}\n')
        child.stdin.flush()
        while (event := json.loads(child.stdout.readline())["event"]) != "pong":
            assert event == "progress", event
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


@pytest.mark.full
async def test_a_frozen_server_and_a_frozen_engine_of_a_node(
    home: Path, tiny_chat_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "ASK_SECONDS", 1.0)
    monkeypatch.setattr(pulse, "SILENT_SECONDS", 20.0)
    async with supervised(home) as watched:
        await watched.supervisor.spawn_engine(EngineSpec(threads=1), watched.engine)
        await watched.serve(tiny_chat_model, "00000001", 0, 4)
        await watched.supervisor.join()
        await watched.supervisor.online()
        before = await watched.answer(tiny_chat_model, "What is a swarm?", 4)
        kept = [watched.supervisor.servers["00000001"].kept, watched.supervisor.engine.kept]  # type: ignore[union-attr]
        frozen = [one.child.pid for one in kept]  # type: ignore[union-attr]
        now = watched.now
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        event = await watched.until("restarting", after=now, code="server_died")
        assert "did not answer for 20 s" in event["reason"]
        await watched.until("restarting", after=now, code="engine_died")
        await watched.until("online", after=now)
        assert await watched.answer(tiny_chat_model, "What is a swarm?", 4) == before
        assert not {one.child.pid for one in kept} & set(frozen)  # type: ignore[union-attr]
