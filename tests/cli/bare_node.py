"""A node without a swarm, as a process of its own: ``python bare_node.py HOME``.

Lock, token, HTTP door, state tree, routers and settings file are the real ones. Only p2pd, server processes and the
chat engine are missing; sharing therefore goes through its states by itself. It writes down each command that it gets.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError
from meadow.node import events
from meadow.node.changes import StateStore
from meadow.node.control import SettingsReport, ShareRequest
from meadow.node.http import control, settings, state
from meadow.node.http.app import make_app
from meadow.node.http.listen import serve
from meadow.node.http.token import load_or_create_token
from meadow.node.lock import NodeLock
from meadow.node.settings import SettingsFile
from meadow.node.state import Node, Progress, State
from meadow.node.state_words import Phase
from meadow.platform.paths import Paths


class BareControl:
    """What class Node does, for a machine on which nothing has to be started."""

    def __init__(self, paths: Paths, store: StateStore) -> None:
        self.paths = paths
        self.store = store
        self.stopped = asyncio.Event()
        self._file = SettingsFile(paths.settings)
        self._tasks: set[asyncio.Task[None]] = set()

    def _note(self, name: str, argument: Any = None) -> None:
        with (self.paths.data / "commands.jsonl").open("a") as file:
            file.write(json.dumps([name, argument]) + "\n")

    async def share(self, request: ShareRequest) -> None:
        self._note("share", {key: value for key, value in asdict(request).items() if value is not None})
        model = request.model or (await self.settings()).settings["share.model"]
        if model is None:
            raise MeadowError("No model is chosen. Name one: `meadow share MODEL`.", code="invalid_request")
        self.store.apply(events.ShareOn(model))
        task = asyncio.create_task(self._serve(model, request.blocks or (0, 6)))
        self._tasks.add(task)

    async def _serve(self, model: str, blocks: tuple[int, int]) -> None:
        apply = self.store.apply
        apply(events.ServerAdded("00000001", model, *blocks))
        apply(events.ServerStarting("00000001", Phase.DOWNLOADING, 1, 4))
        for done in range(0, 101, 20):
            apply(events.ServerProgress("00000001", Progress(done, 100, 50.0, (100 - done) / 50)))
            await asyncio.sleep(0.06)
        if model == "owner/broken":
            apply(events.ServerFailed("00000001", "memory", "There is no memory left.", time.time()))
            return
        apply(events.SwarmChanged(events.SwarmStatus.JOINED))
        apply(events.ServerOnline("00000001", model, *blocks, num_blocks=12, throughput=12.0))

    async def pause(self, seconds: float | None) -> None:
        self._note("pause", seconds)
        self.store.apply(events.ServerRemoved("00000001"))
        self.store.apply(events.SharePaused(None if seconds is None else time.time() + seconds))

    async def resume(self) -> None:
        self._note("resume")
        self.store.apply(events.ShareOn())

    async def finish(self, seconds: float | None) -> None:
        self._note("finish", seconds)
        self.store.apply(events.ShareFinishing())

        async def end() -> None:
            await asyncio.sleep(0.3)
            self.store.apply(events.ServerRemoved("00000001"))
            self.store.apply(events.ShareOff())

        self._tasks.add(asyncio.create_task(end()))

    async def stop(self) -> None:
        self._note("stop")
        self.stopped.set()

    async def settings(self) -> SettingsReport:
        current = await asyncio.to_thread(self._file.current)
        return SettingsReport(current, str(self._file.path), tuple(map(str, self._file.remarks)))

    async def change_settings(self, changes: Mapping[str, Any]) -> SettingsReport:
        await asyncio.to_thread(self._file.change, changes)
        return await self.settings()


async def main(home: str) -> None:
    paths = Paths.of(home)
    store = StateStore(State(node=Node(version="0.1.0", started=time.time())))
    found: list[Any] = []
    with NodeLock(paths) as lock:
        commands = BareControl(paths, store)
        app = make_app(
            token=load_or_create_token(paths.data / "api-token"),
            port_of=lambda: found[0].port,
            routers=[control.router(commands), settings.router(commands), state.router(store)],
        )
        found.append(await serve(app))
        store.apply(events.NodeListens(found[0].url))
        lock.announce(found[0].url, paths.data / "api-token")
        print(found[0].url, flush=True)
        await commands.stopped.wait()
        lock.retract()
        store.close()
        await found[0].close()


def commands_of(home: Path) -> list[list[Any]]:
    """What a bare node was told so far."""
    path = home / "commands.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
