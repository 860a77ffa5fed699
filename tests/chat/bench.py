"""A real swarm, a real node's p2pd, and a real chat engine process, for tests that ask blocking questions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from real_processes import MARK, Command, Processes

from meadow.chat.request import Delta, Done, Finished, GenerationEvent, GenerationRequest, Started
from meadow.chat.spec import EngineSpec
from meadow.client.loop import BackgroundLoop
from meadow.errors import MeadowError
from meadow.node.child import EngineChild
from meadow.node.engine import EngineHandle
from meadow.swarm.identity import Identity
from meadow.swarm.node import SwarmNode


@dataclass
class Heard:
    """All events of one request, sorted."""

    events: list[GenerationEvent] = field(default_factory=list)

    def text(self, choice: int = 0) -> str:
        return "".join(event.text for event in self.deltas(choice))

    def token_ids(self, choice: int = 0) -> list[int]:
        return [token for event in self.deltas(choice) for token in event.token_ids]

    def deltas(self, choice: int = 0) -> list[Delta]:
        return [event for event in self.events if isinstance(event, Delta) and event.choice == choice]

    def finished(self, choice: int = 0) -> Finished:
        (found,) = [event for event in self.events if isinstance(event, Finished) and event.choice == choice]
        return found

    @property
    def started(self) -> Started:
        (found,) = [event for event in self.events if isinstance(event, Started)]
        return found

    @property
    def done(self) -> Done:
        assert isinstance(self.events[-1], Done)
        return self.events[-1]


def request(model: str, prompt: Any, **options: Any) -> GenerationRequest:
    """Messages (a tuple of them) or a prompt (text, or a list of token ids); greedy unless said otherwise."""
    options = {"temperature": 0, **options}
    if isinstance(prompt, tuple):
        return GenerationRequest(model, messages=prompt, **options)
    return GenerationRequest(model, prompt=tuple(prompt) if isinstance(prompt, list) else prompt, **options)


def says(text: str, role: str = "user") -> dict[str, str]:
    return {"role": role, "content": text}


class Bench:
    """One node with its engine, in the swarm of ``peers``."""

    def __init__(
        self, peers: Sequence[str], home: Path, processes: Processes, servers: list[Command], spec: EngineSpec
    ) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.died: list[MeadowError] = []
        self.peers, self.home, self.spec = list(peers), home, spec
        self.processes, self.servers = processes, servers
        self.loop = BackgroundLoop("bench")
        self.loop.run(self._start(), timeout=60)

    async def _start(self) -> None:
        self.handle = EngineHandle(
            find_servers=lambda fingerprint, num_blocks: self.node.find_servers(fingerprint, num_blocks),
            find_models=lambda: self.node.find_models(),
            on_event=self.events.append,
        )
        await self.start_engine()
        await self.start_node()

    async def start_node(self) -> None:
        folder = self.home / f"run{len(list(self.home.iterdir()))}"
        folder.mkdir()
        with self.marked():
            self.node = await SwarmNode.create(
                identity=Identity.temporary(folder), run_dir=folder, initial_peers=self.peers, client_only=True
            )
        self.handle.attach_swarm(self.node.daemon_maddr, self.peers)

    async def start_engine(self) -> None:
        with self.marked():
            self.child = await EngineChild.start(asdict(self.spec), self.home / "engine.log")
        self._watcher = asyncio.create_task(self._watch(self.child))
        self.handle.attach_child(self.child)

    async def _watch(self, child: EngineChild) -> None:
        try:
            await child.watch(lambda _, event: self.handle.hear(event))
        except MeadowError as error:
            self.died.append(error)
            self.handle.died()

    @contextmanager
    def marked(self) -> Iterator[None]:
        before = os.environ.get(MARK)
        os.environ[MARK] = self.processes.mark
        try:
            yield
        finally:
            os.environ.pop(MARK)
            if before is not None:
                os.environ[MARK] = before

    def ask_soon(
        self, request: GenerationRequest, hear: Callable[[GenerationEvent], None] | None = None
    ) -> Future[Heard]:
        """Begin a request; cancelling the future closes the iterator."""

        async def ask() -> Heard:
            heard = Heard()
            async with contextlib.aclosing(self.handle.generate(request)) as events:
                async for event in events:
                    heard.events.append(event)
                    if hear is not None:
                        hear(event)
            return heard

        return self.loop.start(ask())

    def ask(self, model: str, prompt: Any, **options: Any) -> Heard:
        """Answer messages (a tuple) or a prompt (text or token ids in a list); greedy unless said otherwise."""
        return self.ask_soon(request(model, prompt, **options)).result(90)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run something on the loop; a coroutine is awaited."""

        async def run() -> Any:
            result = function(*args)
            return await result if asyncio.iscoroutine(result) else result

        return self.loop.run(run(), timeout=60)

    def sessions(self, server: int = 0) -> int:
        """How many sessions a server last said it holds."""
        counts = [json.loads(line)["count"] for line in self.servers[server].lines if '"event": "sessions"' in line]
        return int(counts[-1]) if counts else 0

    @property
    def memory(self) -> int:
        """Resident bytes of the engine."""
        return int(psutil.Process(self.child.pid).memory_info().rss)

    @property
    def log(self) -> str:
        path = self.home / "engine.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        async def end() -> None:
            await self.child.stop(5.0)
            await self.node.close()
            await asyncio.wait([self._watcher], timeout=5.0)

        try:
            self.loop.run(end(), timeout=30)
        finally:
            self.loop.close()


@contextmanager
def bench(spans: Sequence[tuple[Path, str]], **spec: Any) -> Iterator[Bench]:
    """Serve these spans (model, blocks), each by one process, and start a node with an engine. Nothing may be left."""
    home = Path(tempfile.mkdtemp(prefix="m"))
    processes = Processes(home)
    try:
        servers: list[Command] = []
        peers: list[str] | None = None
        for model, blocks in spans:
            servers.append(processes.serve(model, blocks, peers=peers))
            if peers is None:
                peers = servers[0].wait_for("online")["initial_peers"]
        for server in servers[1:]:
            server.wait_for("online")
        assert peers is not None
        folder = home / "node"
        folder.mkdir()
        # An empty folder for hashes: what other tests hashed says nothing about this.
        made = Bench(peers, folder, processes, servers, EngineSpec(cache_dir=str(home / "models"), threads=1, **spec))
        try:
            yield made
        finally:
            made.close()
    finally:
        processes.end()
        processes.assert_nothing_left()
        shutil.rmtree(home, ignore_errors=True)


def wait_until(condition: Callable[[], object], seconds: float = 30.0, what: str = "the condition") -> None:
    """Poll until it holds; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about in {seconds} s"
        threading.Event().wait(0.05)
