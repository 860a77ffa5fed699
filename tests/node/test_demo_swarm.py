"""The demo beside a node's swarm, with real processes: on, mended when something dies, off amid an answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from supervising import Watched, eventually, supervised

from meadow.chat.request import Delta, Done, GenerationRequest
from meadow.chat.spec import EngineSpec
from meadow.errors import MeadowError
from meadow.node import events as e
from meadow.node.catalogue import DEMO
from meadow.node.changes import StateStore
from meadow.node.demo import Demo
from meadow.node.state_words import DemoStatus, ServerStatus
from meadow.platform.paths import Paths

QUESTION = ({"role": "user", "content": "What is a swarm?"},)


class Told(StateStore):
    """A store that keeps a diary."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[e.Event] = []

    def apply(self, event: e.Event) -> Any:
        self.events.append(event)
        return super().apply(event)


class Bench:
    """A joined swarm, its engine, and the demo beside them."""

    def __init__(self, watched: Watched, home: Path) -> None:
        self.watched, self.store = watched, Told()
        self.demo = Demo(Paths.of(home), watched.engine, self.store)

    @property
    def status(self) -> DemoStatus:
        return self.store.state.demo.status

    async def until(self, status: DemoStatus) -> None:
        await eventually(lambda: self.status is status, what=lambda: f"{self.store.state.demo}")

    def request(self, new: int) -> GenerationRequest:
        folder = str(self.demo.folder)
        return GenerationRequest(folder, messages=QUESTION, max_tokens=new, temperature=0, swarm=DEMO)

    async def answer(self) -> int:
        """How many tokens came."""
        count = 0
        async with aclosing(self.watched.engine.generate(self.request(6))) as events:
            async for event in events:
                count += len(event.token_ids) if isinstance(event, Delta) else 0
        return count


@asynccontextmanager
async def bench(home: Path) -> AsyncIterator[Bench]:
    others.clear()
    others.update(child.pid for child in psutil.Process().children())
    async with supervised(home) as watched:
        await watched.supervisor.spawn_engine(EngineSpec(threads=1), watched.engine)
        made = Bench(watched, home)
        try:
            yield made
        finally:
            await made.demo.close()


others: set[int] = set()
"""Children of the tests before this one."""


def processes(word: str) -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if child.pid not in others and any(word in part for part in child.cmdline()):
                found.append(child)
    return found


def listening(process: psutil.Process) -> set[str]:
    return {c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}


async def test_on_and_off_in_the_middle_of_an_answer(home: Path) -> None:
    async with bench(home) as made:
        assert made.demo.why_not(made.demo.model).code == "demo_off"  # type: ignore[union-attr]
        assert made.demo.why_not("owner/another") is None
        made.demo.start()
        made.demo.start()
        assert made.status is DemoStatus.STARTING and made.demo.why_not(made.demo.model) is None
        await made.until(DemoStatus.READY)
        state = made.store.state
        (model,) = state.swarm.models.values()
        assert model.demo and model.complete and model.name == made.demo.model
        assert [server.status for server in state.servers.values()] == [ServerStatus.ONLINE] * 2
        assert await made.answer() == 6
        (p2pd,) = processes("p2pd")
        assert listening(p2pd) == {"127.0.0.1"}
        own = set(state.servers)

        # A chat that rests has a session; one in the middle of an answer has another.
        async with aclosing(made.watched.engine.generate(made.request(600))) as events:
            with pytest.raises(MeadowError) as caught:
                async for event in events:
                    assert not isinstance(event, Done), "the answer is too short for this test"
                    if isinstance(event, Delta):
                        made.demo.stop()
        assert caught.value.code == "demo_off" and "Start the demo" in str(caught.value)
        await eventually(lambda: not processes("meadow.server.process") and not processes("p2pd"))
        assert made.status is DemoStatus.OFF and not made.store.state.swarm.models
        await eventually(lambda: not made.store.state.servers)

        # Its servers were told of the end of their sessions before they ended.
        told = made.store.events
        for server_id in own:
            mine = [event for event in told if getattr(event, "server_id", None) == server_id]
            (last,) = [event for event in mine if isinstance(event, e.ServerSessions)][-1:]
            assert last.count == 0 and mine.index(last) < mine.index(e.ServerRemoved(server_id))
        assert len(processes("meadow.chat.process")) == 1, "the node's engine goes on"


@pytest.mark.full
async def test_whatever_dies_is_mended(home: Path) -> None:
    async with bench(home) as made:
        made.demo.start()
        await made.until(DemoStatus.READY)
        for word in ("meadow.server.process", "p2pd", "meadow.chat.process"):
            before = processes(word)
            before[-1].kill()
            if word != "meadow.chat.process":
                await made.until(DemoStatus.STARTING)
                assert made.store.state.demo.message, "it says why"
            old = {process.pid for process in before}

            def others(word: str = word, old: set[int] = old) -> bool:
                new = {process.pid for process in processes(word)}
                return len(new) == len(old) and new != old

            await eventually(others)
            await made.until(DemoStatus.READY)
            assert await made.answer() == 6
        assert made.store.state.demo.message is None


@pytest.mark.full
async def test_the_last_command_counts(home: Path) -> None:
    """On and off at every distance: nothing is left, and on again works."""
    async with bench(home) as made:
        for seconds in (0.0, 0.05, 0.3, 1.0, 2.0):
            made.demo.start()
            await asyncio.sleep(seconds)
            made.demo.stop()
            made.demo.start()
            made.demo.stop()
            assert made.status is DemoStatus.OFF
            await eventually(lambda: not processes("meadow.server.process") and not processes("p2pd"))
        made.demo.start()
        await asyncio.sleep(0.5)
        made.demo.stop()
        made.demo.start()
        await made.until(DemoStatus.READY)
        assert await made.answer() == 6
        assert len(processes("meadow.server.process")) == 2 and len(processes("p2pd")) == 1


async def test_a_model_that_cannot_be_had_is_a_failure_that_is_explained(home: Path) -> None:
    async with bench(home) as made:
        made.demo.folder = home / "nothing"
        made.demo.start()
        await made.until(DemoStatus.FAILED)
        why = made.demo.why_not("nothing")
        assert why is not None and why.code == "demo_off" and "config.json" in str(why)
        await eventually(lambda: not processes("meadow.server.process") and not processes("p2pd"))
        made.demo.stop()
        assert made.status is DemoStatus.OFF


@pytest.mark.full
async def test_a_frozen_p2pd_or_server_does_not_keep_it_from_ending(home: Path) -> None:
    async with bench(home) as made:
        made.demo.start()
        await made.until(DemoStatus.READY)
        for process in (*processes("p2pd"), processes("meadow.server.process")[0]):
            os.kill(process.pid, signal.SIGSTOP)
        made.demo.stop()
        await eventually(lambda: not processes("meadow.server.process") and not processes("p2pd"))
