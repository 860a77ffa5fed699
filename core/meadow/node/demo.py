"""The demo beside the joined swarm: the bundled model on two servers of this machine, switched on and off as one.

It is a supervisor of its own, with a temporary key, a p2pd that listens on loopback only, and a DHT that knows nobody:
nothing of it can be found from elsewhere, and nothing of the joined swarm gets in. The chat engine is the node's one.
It speaks with each swarm through that swarm's p2pd and asks for records by swarm, so it keeps them as far apart as two
processes would; a second one would take another 320 MB and half as much processor time again before the first answer.

It never starts by itself: who wants the demo says so, at each start of the node.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from meadow.errors import MeadowError
from meadow.node import events as e
from meadow.node.catalogue import DEMO
from meadow.node.changes import StateStore
from meadow.node.child_events import from_child
from meadow.node.demoswarm import demo_folder, demo_specs
from meadow.node.engine import EngineHandle
from meadow.node.state_words import DemoStatus, ServerStatus
from meadow.node.supervisor import LOOPBACK, Supervisor
from meadow.node.swarmview import SwarmView
from meadow.platform.paths import Paths

logger = logging.getLogger(__name__)

STEPS: Final = 6
"""Those of its slowest server, and being found."""
LEAVE_SECONDS = 3.0
"""How long the engine may take to close the sessions of chats."""
HEAR_SECONDS = 1.0
"""How long its servers may take to hear of that."""
_LOOK_SECONDS = 0.1
_NOT_STARTED = "The demo could not be started. See the node's log."
_NOT_OURS: Final = frozenset({"peer_id", "initial_peers", "model"})
"""Of a server that is online: who the node is, and where others find it, is not the demo's to say; nor is its path."""


class Demo:
    """See the module's text. Belongs to the node's loop."""

    def __init__(self, paths: Paths, engine: EngineHandle, store: StateStore) -> None:
        self.folder = demo_folder()
        self._paths, self._engine, self._store = paths, engine, store
        self._wanted = False
        self._task: asyncio.Task[None] | None = None
        self._life: _Life | None = None
        store.apply(e.DemoChanged(DemoStatus.OFF, model=self.model))

    # Commands (see control.Control)

    def start(self) -> None:
        """Switch it on. Harmless when it is on; the state tree tells how it goes."""
        if self._wanted:
            return
        self._wanted = True
        self._store.apply(e.DemoChanged(DemoStatus.STARTING, 0, STEPS))
        if self._task is None or self._task.done():  # else it is being switched off, and goes on from there
            self._task = asyncio.create_task(self._keep())

    def stop(self) -> None:
        """Switch it off: answers that it writes end with an error, its sessions are closed, its processes end."""
        self._wanted = False
        if self._life is not None:
            self._life.end()
        self._store.apply(e.DemoChanged(DemoStatus.OFF))

    async def close(self) -> None:
        """The node ends, and the demo with it."""
        self.stop()
        if self._task is not None:
            await asyncio.wait({self._task})

    # What the rest of the node asks

    @property
    def model(self) -> str:
        """What its model is called."""
        return self.folder.name

    def means(self, name: str) -> bool:
        """Whether a request for this name means the demo's model."""
        return name in (self.model, str(self.folder))

    def why_not(self, name: str) -> MeadowError | None:
        """Why the demo's model cannot be had under this ``name``; None when it will be there soon, or is not meant."""
        demo = self._store.state.demo
        if not self.means(name) or demo.status in (DemoStatus.STARTING, DemoStatus.READY):
            return None
        why = f" It has failed: {demo.message}" if demo.message else ""
        return MeadowError(
            f"{self.model} is the model of the demo, which is off.{why} Start the demo, or choose another model.",
            code="demo_off",
        )

    async def look(self) -> None:
        """Search its swarm now, if it is on."""
        if self._life is not None:
            await self._life.view.look()

    # Inside

    async def _keep(self) -> None:
        while self._wanted:
            try:
                life = _Life(self._paths, self._engine, self._store, self.folder)
            except (MeadowError, OSError) as error:  # no room for its sockets, for example
                self._failed(error if isinstance(error, MeadowError) else MeadowError(_NOT_STARTED, code="internal"))
                return
            self._life = life
            why = await life.run()
            self._life = None
            if why is not None and self._wanted:
                self._failed(why)
            await life.clear_away()

    def _failed(self, why: MeadowError) -> None:
        self._wanted = False
        self._store.apply(e.DemoChanged(DemoStatus.FAILED, code=why.code, message=str(why)))


class _Life:
    """The demo from one start to its end."""

    def __init__(self, paths: Paths, engine: EngineHandle, store: StateStore, folder: Path) -> None:
        self._engine, self._store, self._folder = engine, store, folder
        self._supervisor = Supervisor(paths, on_event=self._heard, temporary=True, restart=True)
        self.view = SwarmView(self._supervisor, store, demo=True)
        self._end: asyncio.Future[MeadowError | None] = asyncio.get_running_loop().create_future()
        self._steps: dict[str, int] = {}
        self._sessions_changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._confirming: asyncio.Task[None] | None = None

    def end(self, why: MeadowError | None = None) -> None:
        """It is over, because somebody wants that, or because it has failed for good. Nothing more is told of it."""
        if not self._end.done():
            self._end.set_result(why)

    async def run(self) -> MeadowError | None:
        """Until :meth:`end`; returns why."""
        side = self._engine.enter(
            DEMO, find_servers=self._supervisor.find_servers, find_models=self._supervisor.find_models
        )
        self._supervisor.tell_also(side)
        self._spawn(self._set_up())
        why = await self._end
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return why

    async def clear_away(self) -> None:
        """End its answers, sessions and processes, in this order: servers hear that their sessions have ended."""
        why = MeadowError(
            "The demo was switched off, and this answer ends with it. Start the demo to go on.", code="demo_off"
        )
        await self._engine.leave(DEMO, why, seconds=LEAVE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._without_sessions(), HEAR_SECONDS)
        await self._supervisor.close()
        for server_id in self._steps:
            self._store.apply(e.ServerRemoved(server_id))

    async def _without_sessions(self) -> None:
        while any(server.sessions for server in self._supervisor.servers.values()):
            self._sessions_changed.clear()
            await self._sessions_changed.wait()

    async def _set_up(self) -> None:
        """All at a time: the servers import torch while p2pd starts."""
        try:
            specs = demo_specs(self._folder)
            self._steps.update({spec.server_id: 0 for spec in specs})
            ids = tuple(self._steps)
            self._say(DemoStatus.STARTING, servers=ids)
            for spec in specs:
                self._store.apply(
                    e.ServerAdded(spec.server_id, self._folder.name, spec.start, spec.end, spec.device, demo=True)
                )
                await self._supervisor.spawn(spec)
            await self._supervisor.join(host_maddrs=LOOPBACK)
            self._spawn(self.view.run())
        except MeadowError as error:
            self.end(error)
        except Exception:
            logger.exception("the demo failed")
            self.end(MeadowError(_NOT_STARTED, code="internal"))

    # What its processes say

    def _heard(self, event: Mapping[str, Any]) -> None:
        name, server_id = event["event"], event.get("server_id")
        if name == "sessions":
            self._sessions_changed.set()
        elif self._end.done():
            return  # all of it is cleared away as one
        if name == "swarm":
            if event["status"] == "rejoining":
                self._store.apply(e.DemoUnreachable())
        else:
            ours = {key: value for key, value in event.items() if name != "online" or key not in _NOT_OURS}
            if (told := from_child(ours)) is not None:
                self._store.apply(told)
        if name == "failed":
            self.end(MeadowError(str(event["message"]), code=str(event["code"])))
        elif name in ("swarm", "starting", "restarting", "online"):
            if server_id in self._steps:
                reached = {"restarting": 0, "online": STEPS - 1}
                self._steps[server_id] = reached.get(name) or int(event.get("step", 0))
            self._tell(event)

    def _tell(self, event: Mapping[str, Any]) -> None:
        """Where the demo stands as a whole."""
        self.view.hurry()
        if self._is_online():
            if self._confirming is None or self._confirming.done():
                self._confirming = self._spawn(self._confirm())
            return
        demo = self._store.state.demo
        news = event.get("reason") or event.get("message")
        code, message = (str(event.get("code", "server_died")), str(news)) if news else (demo.code, demo.message)
        step = min(self._steps.values(), default=0)
        self._say(DemoStatus.STARTING, step=step, code=code, message=message)

    def _say(self, status: DemoStatus, **fields: Any) -> None:
        if not self._end.done():
            self._store.apply(e.DemoChanged(status, peer_id=self._supervisor.peer_id, steps=STEPS, **fields))

    def _is_online(self) -> bool:
        servers = [self._store.state.servers.get(server_id) for server_id in self._steps]
        return bool(servers) and all(one is not None and one.status is ServerStatus.ONLINE for one in servers)

    async def _confirm(self) -> None:
        """It is ready when its model is found, as whoever asks for it must find it."""
        while self._is_online():
            await self.view.look()
            if any(model.demo and model.complete for model in self._store.state.swarm.models.values()):
                self._say(DemoStatus.READY)
                self._spawn(self._preload())
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _preload(self) -> None:
        """Saves the first who asks a second."""
        with contextlib.suppress(MeadowError):
            await self._engine.load(str(self._folder), swarm=DEMO)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
