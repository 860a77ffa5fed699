"""A node as a process that is killed or stopped, and servers that cannot or shall not run any longer."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from real_processes import MARK, Processes
from supervising import PATIENCE, Watched, eventually, supervised

from meadow.platform.paths import Paths, RunFolder

SCRIPT = Path(__file__).with_name("supervised_node.py")


class Node:
    """The script's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self.pid = process, process.pid

    @classmethod
    async def start(cls, processes: Processes, model: Path | str = "", *options: str) -> Node:
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                str(SCRIPT),
                str(processes.home),
                str(model),
                *options,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, MARK: processes.mark},
            )  # fmt: skip
        )

    async def until(self, name: str, **fields: Any) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while True:
                line = await self.process.stdout.readline()
                assert line, f"it ended without {name}"
                event = json.loads(line)
                if event["event"] == name and all(event.get(key) == value for key, value in fields.items()):
                    return event


@pytest.fixture
def processes(home: Path) -> Iterator[Processes]:
    """Whatever is started with its mark is gone at the end."""
    running = Processes(home)
    yield running
    running.assert_nothing_left()


async def test_a_killed_node_leaves_no_process_and_the_next_one_no_socket(
    processes: Processes, tiny_chat_model: Path
) -> None:
    node = await Node.start(processes, tiny_chat_model)
    await node.until("online")
    kinds = ("p2pd", "meadow.server.process", "meadow.chat.process")
    lines = [" ".join(one.cmdline()) for one in psutil.Process(node.pid).children(recursive=True)]
    assert all(any(kind in line for line in lines) for kind in kinds), lines
    assert processes.sockets()
    node.process.kill()
    await node.process.wait()
    await asyncio.to_thread(processes.assert_nothing_left, sockets=False)
    RunFolder(Paths.of(processes.home)).close()  # what every node that starts does first
    assert not processes.sockets()
    assert not list(Paths.of(processes.home).run.iterdir())


@pytest.mark.full
async def test_a_node_that_stood_still_joins_again_at_once(processes: Processes) -> None:
    node = await Node.start(processes, "", "1.0")
    await node.until("swarm", status="joined")
    os.kill(node.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(2.5)  # this is the thing itself: the time that the node misses
    finally:
        os.kill(node.pid, signal.SIGCONT)
    event = await node.until("swarm", status="joined")
    assert event["slept"] >= 1
    node.process.kill()
    await node.process.wait()


@pytest.fixture
async def watched(home: Path) -> AsyncIterator[Watched]:
    async with supervised(home) as watched:
        yield watched


@pytest.mark.full
async def test_a_model_that_does_not_exist_is_reported_and_not_tried_in_a_loop(watched: Watched, home: Path) -> None:
    await watched.serve(home / "nothing here", "0000000a", 0, 2)
    failed = await watched.until("failed", server_id="0000000a")
    assert failed["code"] in ("unknown_model", "damaged_checkpoint"), failed
    assert not [event for event in watched.events if event["event"] == "restarting"]
    assert watched.supervisor.children == []
    assert list(watched.supervisor.servers) == ["0000000a"], "it is still wanted, and can be stopped"
    await watched.supervisor.stop_server("0000000a")
    await watched.until("stopped", server_id="0000000a")
    assert not watched.supervisor.servers


@pytest.mark.full
async def test_stop_at_every_stage(watched: Watched, tiny_chat_model: Path) -> None:
    """Before it has read its first line, while it loads without a swarm, and while it drains for nobody."""
    await watched.serve(tiny_chat_model, "0000000a", 0, 2)
    with pytest.raises(Exception, match="name already"):
        await watched.serve(tiny_chat_model, "0000000a", 0, 2)
    await watched.supervisor.stop_server("0000000a", drain_seconds=600)
    await watched.until("stopped", server_id="0000000a")
    await watched.serve(tiny_chat_model, "0000000b", 0, 2)
    await watched.until("starting", server_id="0000000b", step=3)
    await watched.supervisor.join()
    await watched.until("online", server_id="0000000b")
    # A node that has joined attaches a server that is spawned later as well; and without sessions there is no wait.
    await asyncio.wait_for(watched.supervisor.stop_server("0000000b", drain_seconds=600), PATIENCE)
    await watched.until("draining", server_id="0000000b")
    await eventually(lambda: not watched.supervisor.children)


@pytest.mark.full
@pytest.mark.timeout(400)
async def test_whatever_is_killed_for_two_minutes_all_of_it_comes_back(watched: Watched, tiny_chat_model: Path) -> None:
    import random

    from supervising import plain_answer

    from meadow.chat.spec import EngineSpec

    me, loop = psutil.Process(), asyncio.get_running_loop()
    others = {one.pid for one in me.children()}  # of tests before this one in the same process

    def ours() -> list[psutil.Process]:
        return [one for one in me.children() if one.pid not in others and one.status() != psutil.STATUS_ZOMBIE]

    choose = random.Random(7)
    await watched.serve(tiny_chat_model, "0000000a", 0, 2)
    await watched.serve(tiny_chat_model, "0000000b", 2, 4)
    await watched.supervisor.spawn_engine(EngineSpec(threads=1), watched.engine)
    await watched.supervisor.join()
    for server_id in ("0000000a", "0000000b"):
        await watched.until("online", server_id=server_id)
    until = loop.time() + 120
    while loop.time() < until:
        await asyncio.sleep(choose.uniform(0.0, 6.0))
        children = ours()
        if children:
            choose.choice(children).kill()

    async def answers() -> bool:
        try:
            return await watched.answer(tiny_chat_model, "Why?", 8) == plain_answer(tiny_chat_model, "Why?", 8)
        except Exception:
            return False

    watched.supervisor.retry()
    await eventually(answers, seconds=170)
    assert len(ours()) == 4
    assert len(watched.supervisor._tasks) < 10
