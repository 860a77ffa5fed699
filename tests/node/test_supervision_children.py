"""One child kept alive: real processes, which do what servers and engines may do on a bad day."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from supervising import eventually

from meadow.errors import MeadowError
from meadow.node import child as child_module
from meadow.node import kept as kept_module
from meadow.node.child import Child, Event
from meadow.node.kept import Kept

HONEST = """
import json, sys
print(json.dumps({"event": "ready"}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    if command["command"] == "stop":
        break
    print(json.dumps({"event": "heard", "said": command["command"]}), flush=True)
"""


class Diary:
    """Writes down what Kept tells."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def started(self, kept: Kept[Any], child: Child) -> None:
        self.said.append(("started", child.pid))

    def heard(self, kept: Kept[Any], child: Child, event: Event) -> None:
        self.said.append(("heard", event["event"], event.get("said")))

    async def ended(self, kept: Kept[Any], child: Child, error: MeadowError | None) -> None:
        self.said.append(("ended", None if error is None else error.code))

    def waiting(self, kept: Kept[Any], error: MeadowError, seconds: float) -> None:
        self.said.append(("waiting", error.code, seconds))

    def given_up(self, kept: Kept[Any], error: MeadowError) -> None:
        self.said.append(("given up", error.code))

    def words(self) -> list[Any]:
        return [entry[0] for entry in self.said]

    def pids(self) -> list[int]:
        return [entry[1] for entry in self.said if entry[0] == "started"]


def kept(code: str, log: Path, *, restart: bool = True) -> tuple[Kept[Child], Diary]:
    class Script(Child):
        arguments = ("-c", code)

    async def start() -> Script:
        return Script(await Script._spawn(log), log)

    diary = Diary()
    return Kept(start, diary, restart=restart), diary


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long to wait is tested as a table; here every wait is a hundredth of it."""
    monkeypatch.setattr(
        kept_module,
        "delay_before_restart",
        lambda failures, real=kept_module.delay_before_restart: real(failures) / 100,
    )


async def test_commands_go_in_and_events_come_out_until_it_is_told_to_stop(tmp_path: Path) -> None:
    one, diary = kept(HONEST, tmp_path / "log")
    assert not one.send({"command": "early"}), "there is no process yet"
    await one.start()
    await eventually(lambda: ("heard", "ready", None) in diary.said)
    assert one.send({"command": "hello"})
    await eventually(lambda: ("heard", "heard", "hello") in diary.said)
    await one.stop(30)
    assert diary.words()[-1] == "ended" and diary.said[-1] == ("ended", None)
    assert one.over.is_set() and one.child is None
    assert not psutil.pid_exists(diary.pids()[0])
    assert not (tmp_path / "log").exists(), "it had nothing to say"
    await one.stop(1)  # again is harmless


async def test_the_dead_come_back_with_growing_delays(tmp_path: Path) -> None:
    one, diary = kept(HONEST, tmp_path / "log")
    await one.start()
    for life in range(1, 4):
        await eventually(lambda life=life: diary.said.count(("heard", "ready", None)) == life)
        os.kill(diary.pids()[-1], signal.SIGKILL)
    await eventually(lambda: len(diary.pids()) == 4)
    waits = [entry[2] for entry in diary.said if entry[0] == "waiting"]
    assert waits == [0.005, 0.01, 0.02]
    assert len(set(diary.pids())) == 4
    await one.stop(30)


async def test_one_that_never_lives_is_never_given_up(tmp_path: Path) -> None:
    one, diary = kept("import os; os._exit(3)", tmp_path / "log")
    await one.start()
    await eventually(lambda: len(diary.pids()) >= 5)
    assert "given up" not in diary.words()
    await one.stop(0)
    assert one.over.is_set()


@pytest.mark.parametrize("restart", [True, False])
async def test_what_would_only_come_again_is_said_once(restart: bool, tmp_path: Path) -> None:
    event = json.dumps({"event": "error", "code": "unknown_model", "message": "There is no such model."})
    one, diary = kept(f"print({event!r})", tmp_path / "log", restart=restart)
    await one.start()
    await asyncio.wait_for(one.over.wait(), 60)
    assert diary.words() == ["started", "heard", "ended", "given up"]
    assert diary.said[-1] == ("given up", "unknown_model")


async def test_without_restart_every_death_is_the_last(tmp_path: Path) -> None:
    one, diary = kept("import os; os._exit(3)", tmp_path / "log", restart=False)
    await one.start()
    await asyncio.wait_for(one.over.wait(), 60)
    assert diary.words() == ["started", "ended", "given up"]


async def test_a_process_that_cannot_even_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, diary = kept(HONEST, tmp_path / "log")
    await one.start()
    await eventually(lambda: ("heard", "ready", None) in diary.said)
    interpreter = sys.executable
    monkeypatch.setattr(child_module.sys, "executable", str(tmp_path / "gone"))
    os.kill(diary.pids()[0], signal.SIGKILL)
    await eventually(lambda: [entry for entry in diary.said if entry[:2] == ("waiting", "no_process")])
    monkeypatch.setattr(child_module.sys, "executable", interpreter)
    await eventually(lambda: len(diary.pids()) == 2)
    await one.stop(30)


async def test_stop_during_the_wait_for_a_restart_ends_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "delay_before_restart", lambda failures: 3600.0)
    one, diary = kept("import os; os._exit(3)", tmp_path / "log")
    await one.start()
    await eventually(lambda: "waiting" in diary.words())
    await asyncio.wait_for(one.stop(1), 30)
    assert one.over.is_set() and len(diary.pids()) == 1


async def test_retry_during_the_wait_starts_it_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "delay_before_restart", lambda failures: 3600.0)
    one, diary = kept("import os; os._exit(3)", tmp_path / "log")
    await one.start()
    await eventually(lambda: "waiting" in diary.words())
    one.retry()
    await eventually(lambda: len(diary.pids()) == 2)
    await one.stop(1)


@pytest.mark.parametrize("freeze", [True, False])
async def test_one_that_does_not_listen_is_ended_all_the_same(freeze: bool, tmp_path: Path) -> None:
    deaf = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(\'{"event": "up"}\', flush=True)'
    one, diary = kept(deaf + "; time.sleep(3600)", tmp_path / "log")
    await one.start()
    await eventually(lambda: ("heard", "up", None) in diary.said)
    (pid,) = diary.pids()
    if freeze:
        os.kill(pid, signal.SIGSTOP)
    await asyncio.wait_for(one.stop(0.1), 60)
    assert not psutil.pid_exists(pid)


async def test_one_that_never_reads_cannot_fill_our_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "_MAX_BACKLOG", 1 << 20)
    one, diary = kept('import time; print(\'{"event": "up"}\', flush=True); time.sleep(3600)', tmp_path / "log")
    await one.start()
    await eventually(lambda: ("heard", "up", None) in diary.said)
    for _ in range(40):
        one.send({"command": "x" * (1 << 16)})
    await eventually(lambda: "ended" in diary.words())
    assert diary.said[2] == ("ended", "child_died")
    await one.stop(0)


async def test_nonsense_on_its_output_is_not_for_us(tmp_path: Path) -> None:
    lines = ["[1]", "7", '"event"', "{}", '{"event": 7}', "not JSON", '{"event": "real"}']
    one, diary = kept(f"print({chr(10).join(lines)!r}, flush=True); input()", tmp_path / "log")
    await one.start()
    await eventually(lambda: ("heard", "real", None) in diary.said)
    assert diary.words() == ["started", "heard"]
    await one.stop(0.1)


async def test_a_line_without_end_costs_the_child_and_not_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "_MAX_LINE", 1 << 16)
    one, diary = kept("import sys\nwhile True: sys.stdout.write('x' * 65536)", tmp_path / "log", restart=False)
    await one.start()
    await asyncio.wait_for(one.over.wait(), 60)
    assert diary.words() == ["started", "ended", "given up"]


async def test_a_mistake_in_a_listener_does_not_end_the_watching(tmp_path: Path) -> None:
    one, diary = kept(HONEST, tmp_path / "log")
    heard = diary.heard

    def clumsy(*arguments: Any) -> None:
        heard(*arguments)
        raise KeyError("a mistake")

    diary.heard = clumsy  # type: ignore[method-assign]
    await one.start()
    await eventually(lambda: ("heard", "ready", None) in diary.said)
    one.send({"command": "more"})
    await eventually(lambda: ("heard", "heard", "more") in diary.said)
    await one.stop(30)


async def test_what_a_dead_child_wrote_is_kept_when_it_comes_back(tmp_path: Path) -> None:
    log = tmp_path / "log"
    one, diary = kept("import os, sys; print('why', file=sys.stderr, flush=True); os._exit(3)", log)
    await one.start()
    await eventually(lambda: len(diary.pids()) >= 3)
    await one.stop(0)
    assert log.read_text().count("why") >= 2


async def test_a_log_that_cannot_be_written_is_no_reason_to_do_without_the_child(tmp_path: Path) -> None:
    one, diary = kept(HONEST, tmp_path / "no such folder" / "log")
    await one.start()
    await eventually(lambda: ("heard", "ready", None) in diary.said)
    await one.stop(30)
