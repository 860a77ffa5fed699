"""The engine process: what dies, what goes on, what is bounded, and what it never says."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from chat.bench import Bench, request, says, wait_until
from meadow.chat.spec import EngineSpec
from meadow.errors import MeadowError

HELLO = (says("Say something about meadows, please."),)


def names(swarm: Bench, start: int = 0) -> list[tuple[str, str]]:
    """(event, folder of the model) of what is not part of a request."""
    return [(event["event"], Path(event.get("model", "")).name) for event in swarm.events[start:]]


@pytest.mark.full
def test_a_model_is_loaded_once_and_few_are_kept(swarm: Bench, tiny: str, demo: str, tiny_chat_model: Path) -> None:
    for model in (tiny, demo):
        swarm.call(swarm.handle.unload, model)
    begin = len(swarm.events)
    soon = [swarm.ask_soon(request(tiny, HELLO, max_tokens=2)) for _ in range(4)]
    assert all(each.result(90).done.completion_tokens == 2 for each in soon)
    assert names(swarm, begin).count(("loading", "endless-chat")) == 1
    swarm.ask(demo, HELLO, max_tokens=2)
    with pytest.raises(MeadowError) as caught:  # nobody serves this one, but its client part is there
        swarm.ask(str(tiny_chat_model), HELLO, max_tokens=2)
    assert caught.value.code == "blocks_missing"
    wait_until(lambda: ("unloaded", "endless-chat") in names(swarm, begin), what="the least recently used one goes")
    assert ("progress", "tiny-chat") in names(swarm, begin)  # a folder is hashed, and that is told


def test_a_model_that_is_not_there(swarm: Bench, tmp_path: Path) -> None:
    begin = len(swarm.events)
    for _ in range(2):  # it is tried again every time
        with pytest.raises(MeadowError) as caught:
            swarm.ask(str(tmp_path), HELLO)
        assert caught.value.code == "damaged_checkpoint"
    failed = [event for event in swarm.events[begin:] if event["event"] == "load_failed"]
    assert [event["code"] for event in failed] == ["damaged_checkpoint"] * 2


def test_requests_beyond_all_bounds_are_refused(swarm: Bench, tiny: str) -> None:
    limit = swarm.spec.concurrency + swarm.spec.waiting
    heard: list[Any] = []
    swarm.ask(tiny, HELLO, max_tokens=1)
    before = swarm.sessions(0)  # servers keep sessions of owners that vanished for a while: they may come back
    many = [swarm.ask_soon(request(tiny, HELLO, max_tokens=60_000), heard.append) for _ in range(limit)]
    wait_until(lambda: swarm.handle.running == limit)
    with pytest.raises(MeadowError) as caught:
        swarm.ask(tiny, HELLO, max_tokens=1)
    assert caught.value.code == "busy"
    wait_until(lambda: len(heard) > 50, what="those that run go on")
    for each in many:
        each.cancel()
    wait_until(lambda: swarm.handle.running == 0)
    wait_until(lambda: swarm.sessions(0) <= before and swarm.sessions(1) <= before, 60, what="no session of these")
    assert swarm.ask(tiny, HELLO, max_tokens=3).done.completion_tokens == 3


@pytest.mark.full
def test_many_requests_at_once_in_bounded_memory(swarm: Bench, tiny: str) -> None:
    def round_of(count: int) -> None:
        soon = [
            swarm.ask_soon(request(tiny, (says(f"{number} " * 30),), max_tokens=12, temperature=1.0, logprobs=3))
            for number in range(count)
        ]
        assert all(each.result(120).done.completion_tokens == 12 for each in soon)

    round_of(24)
    before = swarm.memory
    for _ in range(2):
        round_of(24)
    assert swarm.memory - before < 48 << 20


def test_one_bad_request_leaves_the_others_alone(swarm: Bench, tiny: str, demo: str) -> None:
    expected = swarm.ask(tiny, HELLO, max_tokens=30).token_ids()
    soon = swarm.ask_soon(request(tiny, HELLO, max_tokens=30))
    for options in ({"n": 0}, {"tools": ({"type": "x"},)}, {"json_schema": {"type": "x"}}, {"logprobs": -1}):
        with pytest.raises(MeadowError):
            swarm.ask(demo, HELLO, **options)
    assert soon.result(90).token_ids() == expected


def test_nothing_that_people_write_is_logged(swarm: Bench, tiny: str, demo: str) -> None:
    secret = "sesame-open-yourself"
    swarm.ask(tiny, (says(secret),), max_tokens=5)
    with pytest.raises(MeadowError):
        swarm.ask(demo, (says(secret), says(secret, "critic")))
    with pytest.raises(MeadowError):
        swarm.ask(demo, (says(secret),), json_schema={"type": secret})
    for request_of_a_defect in ({"messages": [secret]}, {"messages": 5, "prompt": None}):
        with pytest.raises(MeadowError) as caught:
            swarm.ask_soon(_Broken(tiny, request_of_a_defect)).result(30)  # type: ignore[arg-type]
        assert caught.value.code == "internal" and secret not in str(caught.value)
    assert "Traceback" not in swarm.log and "engine.py" in swarm.log  # where it happened is there
    assert secret not in swarm.log and secret not in json.dumps(swarm.events)


class _Broken:
    """A request that the node would never make."""

    swarm = ""
    conversation = None

    def __init__(self, model: str, fields: dict[str, Any]) -> None:
        self._fields = {"model": model, **fields}

    def to_dict(self) -> dict[str, Any]:
        return self._fields


def test_an_engine_ends_at_once_with_its_parent(home: Path) -> None:
    """Also while it loads, and it leaves nothing of the run folder behind."""
    run, lock = home / "run", home / "run.lock"
    run.mkdir()
    lock.touch()
    (run / "x.sock").touch()
    child = subprocess.Popen(
        [sys.executable, "-m", "meadow.chat.process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(EngineSpec(run_dir=str(run), run_lock=str(lock)).to_json() + "\n")
    child.stdin.flush()
    assert json.loads(child.stdout.readline())["event"] == "ready"
    child.stdin.write('{"command": "load", "model": "/nowhere"}\n')
    child.stdin.close()
    assert child.wait(20) == 1
    assert not run.exists() and not lock.exists()


def test_a_request_that_is_taken_back_while_its_model_loads(swarm: Bench, tiny: str) -> None:
    swarm.call(swarm.handle.unload, tiny)
    soon = swarm.ask_soon(request(tiny, HELLO, max_tokens=5))
    wait_until(lambda: swarm.handle.running == 1)
    soon.cancel()
    with pytest.raises(CancelledError):
        soon.result(30)
    assert swarm.ask(tiny, HELLO, max_tokens=5).done.completion_tokens == 5
