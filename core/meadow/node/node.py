"""The node: one person's background process. This file wires its parts together; each of them has a file of its own.

HTTP comes up first and takes no time; hivemind, p2pd, the chat engine and servers follow, and the state tree says where
they are. Nothing here computes, and nothing blocks the loop.

    settings (a file)      state (a tree that everybody reads)      conversations (SQLite)
    supervisor: p2pd + DHT, server processes, the chat engine       sharing: what to host, and when
    http: the one door
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from meadow import __version__
from meadow.chat.spec import EngineSpec
from meadow.client.peers import initial_peers as known_peers
from meadow.errors import DiskFull, MeadowError, NoPeers, SwarmError
from meadow.node import events as e
from meadow.node.addressbook import keep_address_book
from meadow.node.catalogue import Listed, listed
from meadow.node.changes import StateStore
from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.records import Settings as Sampling
from meadow.node.chats.service import ChatService
from meadow.node.child_events import from_child
from meadow.node.contributions import Contributions
from meadow.node.control import NodeOptions, SettingsReport, ShareRequest
from meadow.node.demo import Demo
from meadow.node.diagnosis import Diagnoses
from meadow.node.dispatch import Dispatch
from meadow.node.engine import EngineHandle
from meadow.node.gpu_runtime.keeper import GpuRuntime
from meadow.node.http import chats as chat_routes
from meadow.node.http import control as control_routes
from meadow.node.http import demo as demo_routes
from meadow.node.http import doctor as doctor_routes
from meadow.node.http import gpu_runtime as gpu_runtime_routes
from meadow.node.http import metrics as metrics_routes
from meadow.node.http import models as model_routes
from meadow.node.http import openai as openai_routes
from meadow.node.http import settings as settings_routes
from meadow.node.http import shareplan as shareplan_routes
from meadow.node.http import state as state_routes
from meadow.node.http import swarms as swarm_routes
from meadow.node.http.app import make_app
from meadow.node.http.listen import RunningServer, serve
from meadow.node.http.openai import ModelInfo
from meadow.node.http.token import load_or_create_token
from meadow.node.linkprobe import LinkProbe
from meadow.node.lock import NodeLock, RunningNode
from meadow.node.logfile import close_log, open_log
from meadow.node.modelfacts import FactsDesk
from meadow.node.moving import Moving
from meadow.node.neighbourhood import Neighbourhood
from meadow.node.people import sessions_open
from meadow.node.readings import to_state
from meadow.node.remembered import Remembered
from meadow.node.settings import SettingsFile
from meadow.node.share import Sharing
from meadow.node.shareplan import SharePlans
from meadow.node.shelf import Shelf
from meadow.node.state import Node as NodeFacts
from meadow.node.state import State
from meadow.node.state_words import DemoStatus, ServerStatus, SwarmStatus
from meadow.node.supervisor import LOOPBACK, Supervisor
from meadow.node.swarmcontrol import SwarmControl
from meadow.node.swarms import SwarmDuties
from meadow.node.swarmview import SwarmView
from meadow.platform.devices import Monitor
from meadow.platform.machine import MachineReader
from meadow.platform.paths import Paths, private_folder
from meadow.platform.torch_devices import TorchProbe, ask_torch
from meadow.swarm.book import SwarmBook
from meadow.swarm.link import Typical
from meadow.swarm.peerrules import PeerRules
from meadow.swarm.records import SignedRecord

logger = logging.getLogger(__name__)

MACHINE_SECONDS = 5.0
ANNOUNCE_SECONDS = 2.0
NOBODY_KNOWN = (
    "No other peer is known, so this node is a swarm of its own for now. To join another, name one of its peers with "
    "`meadow settings initial_peers ADDRESS`, then start the node anew."
)
NOBODY_JOINED = "Nobody else is in this private swarm yet. `meadow swarm invite` makes a link for a friend."
ROOM_SECONDS = 2.0
"""Between two looks at whether a full disk has room again."""


class Node:
    """See the module's text. Make one with :func:`run_node`; it is also the :class:`~meadow.node.control.Control`."""

    def __init__(self, paths: Paths, options: NodeOptions, settings: SettingsFile, token: str) -> None:
        self._paths, self._options, self._settings = paths, options, settings
        private_folder(paths.data)
        self.store = StateStore(State(node=NodeFacts(version=__version__, pid=os.getpid(), started=time.time())))
        probe = TorchProbe(lambda: ask_torch(environment=self.gpu_runtime.environment()))
        self._monitor = Monitor(machine=MachineReader([paths.cache]), probe=probe)
        self.gpu_runtime = GpuRuntime(paths.cache, paths.logs, self.store, on_change=probe.forget)
        self.supervisor = Supervisor(paths, on_event=self._heard, temporary=options.demo, restart=True)
        self.engine = EngineHandle(
            find_servers=self.supervisor.find_servers, find_models=self.supervisor.find_models, on_event=self._heard
        )
        self.demo = Demo(paths, self.engine, self.store)
        self.swarms = SwarmBook(paths)
        self._swarm_id: str | None = None
        self.facts = FactsDesk(paths.models, paths.hub_token)
        self.remembered = Remembered(paths.data / "remembered.json")
        self.sharing = Sharing(
            self.supervisor,
            self.store,
            settings.current,
            self._monitor,
            self.facts,
            hub_token_file=paths.hub_token,
            gpu_runtime=self.gpu_runtime,
            on_spawn=self.remembered.shared,
            speed=self.remembered.speed,
            on_wanted=self.remembered.sharing,
        )
        self.contributions = Contributions(
            paths.data / "contributions.json", self.store, lambda: self.sharing.server_ids
        )
        self.plans = SharePlans(
            self.sharing,
            self.store,
            self.facts,
            self.remembered,
            own_peer_id=lambda: self.supervisor.peer_id,
            starting=self._starting,
            bundled=self.demo.folder,
            sessions=self._sessions_open,
        )
        self._told_of_chats = ""
        self.view = SwarmView(self.supervisor, self.store)
        self.dispatch = Dispatch(
            self.engine,
            self.store,
            self.models,
            look_again=self._look_again,
            starting=self._coming,
            why_not=self.demo.why_not,
        )
        self.chats = ChatService(
            AsyncChatStore(paths.data / "chats.sqlite3", on_problem=self._chats_problem),
            self.dispatch,
            default_model=self._default_model,
            default_settings=self._default_sampling,
        )
        self.shelf = Shelf(
            store=self.store,
            listed=self.models,
            engine=self.engine,
            sharing=self.sharing,
            demo=self.demo,
            facts=self.facts,
            remembered=self.remembered,
            chats=self.chats.store,
            cache_dir=paths.models,
        )
        self.http: RunningServer | None = None
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.app = make_app(token=token, port_of=lambda: self.http.port if self.http else 0, routers=self._routers())

    def _routers(self) -> list[Any]:
        return [
            state_routes.router(self.store),
            control_routes.router(self),
            shareplan_routes.router(self.plans, self.contributions),
            model_routes.router(self.shelf, self.store),
            model_routes.token_router(self._paths.hub_token, self.facts),
            doctor_routes.router(Diagnoses(self._paths)),
            gpu_runtime_routes.router(self.gpu_runtime),
            demo_routes.router(self),
            settings_routes.router(self),
            swarm_routes.router(SwarmControl(self.swarms, lambda: self._swarm_id)),
            chat_routes.router(self.chats, stopping=self.store.closed),
            openai_routes.router(
                self.dispatch, self._model_infos, concurrency=lambda: self._settings.current()["api.concurrency"]
            ),
            metrics_routes.router(self.store, lambda: self._settings.current()["metrics.enabled"]),
        ]

    # Life

    async def start(self) -> str:
        """Answer HTTP; everything else begins. Returns the URL. Raises MeadowError when the port cannot be had."""
        port = self._options.port
        if port is None:
            port = self._settings.current()["node.port"]
        self.http = await serve(self.app, port)
        url = f"http://127.0.0.1:{self.http.port}"
        self.store.apply(e.NodeListens(url))
        await asyncio.gather(self.chats.start(), self.contributions.start(), self.remembered.start())
        if (last := self.remembered.last_shared) is not None and not self.store.state.share.was_on:
            self.store.apply(e.ShareRecalled(last.model if last.on else None))
        if self.remembered.demo_was_on:
            self.store.apply(e.DemoRecalled(True))
        self._spawn(self._begin())
        self._spawn(self._read_machine())
        return url

    async def announce(self, announce: Callable[[], RunningNode]) -> None:
        """Let others find this node. A full disk keeps them from that only until there is room again."""
        try:
            await asyncio.to_thread(announce)
        except DiskFull as error:
            self.store.apply(e.ProblemSeen(error.code, str(error), None, time.time()))
            self._spawn(self._announce_later(announce))

    async def _announce_later(self, announce: Callable[[], RunningNode]) -> None:
        while True:
            await asyncio.sleep(ANNOUNCE_SECONDS)
            with contextlib.suppress(DiskFull):
                await asyncio.to_thread(announce)
                self.store.apply(e.ProblemGone(DiskFull.code))
                return

    async def run(self) -> None:
        """Until :meth:`stop` is called."""
        await self._stop.wait()

    async def close(self) -> None:
        """End everything. Open streams hear the last change; children are asked, then killed."""
        self.store.apply(e.NodeStops())
        self.store.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sharing.close()
        await self.chats.close()
        if self.http is not None:
            await self.http.close()
        await asyncio.gather(self.demo.close(), self.supervisor.close(), self.facts.close())
        await asyncio.gather(self.contributions.close(), self.remembered.close())

    async def _begin(self) -> None:
        """The slow part of starting. What cannot be had becomes a problem in the tree; the node stays."""
        if self._options.demo:
            self.store.apply(e.SwarmChanged(self.store.state.swarm.status, demo=True))
            await self.start_demo()
        await self._attempt(self._start_engine())
        await self._attempt(self._join())
        self._spawn(self.view.run())
        self._spawn(Moving(self.sharing, self.supervisor, self.store).run())
        if not self._options.demo:
            path = self._paths.cache / "links" / f"{self._swarm_id or 'public'}.json"
            self._spawn(LinkProbe(self.supervisor, path, self._link_measured).run())

    async def _attempt(self, work: Any) -> None:
        try:
            await work
        except MeadowError as error:
            self.store.apply(e.ProblemSeen(error.code, str(error), None, time.time()))
        except Exception:
            logger.exception("a part of the node could not be started")
            self.store.apply(e.ProblemSeen("internal", "A part of the node did not start.", None, time.time()))

    async def _start_engine(self) -> None:
        threads = 1 if self._options.demo else None
        spec = EngineSpec(threads=threads, hub_token_file=str(self._paths.hub_token))
        await self.supervisor.spawn_engine(spec, self.engine)

    async def _join(self) -> None:
        if self._options.demo:  # a swarm of its own: loopback only, known to nobody
            await self.supervisor.join(initial_peers=(), host_maddrs=LOOPBACK)
            return
        settings = self._settings.current()
        self.supervisor.member.rules = PeerRules.of(settings["allowed_peers"], settings["blocked_peers"])
        addresses = self._options.host_maddrs or tuple(settings["host_maddrs"])
        peers, alone, entry = list(self._options.initial_peers or ()), None, None
        if self._options.initial_peers is None:
            entry = await asyncio.to_thread(self.swarms.current)
            try:
                peers = list(known_peers(None, self._paths.settings) if entry is None else entry.peers)
            except NoPeers:
                alone = NOBODY_KNOWN
        self._swarm_id = None if entry is None else entry.id
        if self._options.initial_peers != ():  # not a swarm of our own that is to be new
            # Who goes to another public swarm must not tie the two together.
            name = self._swarm_id or hashlib.sha256("\0".join(sorted(peers)).encode()).hexdigest()[:32]
            file = self._paths.data / "swarms" / f"{name}.peers.json"
            self._spawn(keep_address_book(self.supervisor, file))
        private = entry is not None and entry.is_private
        neighbours = Neighbourhood(
            self.supervisor,
            lambda: bool(self._settings.current()["local_network"]),
            follow=private or (not peers and self._options.initial_peers is None),
        )
        self._spawn(neighbours.run())
        if entry is None or not entry.is_private:
            await self.supervisor.join(initial_peers=peers, host_maddrs=addresses, alone=alone)
            return
        alone = None if peers and not entry.is_owner else NOBODY_JOINED
        peers = [peer for peer in peers if not peer.endswith(f"/p2p/{entry.owner}")] if entry.is_owner else peers
        self._spawn(SwarmDuties(self.supervisor, self.swarms, self._told_by_owner).run())
        await self.supervisor.join(initial_peers=peers, host_maddrs=addresses, alone=alone, swarm=entry.id)

    async def _sessions_open(self, servers: Sequence[SignedRecord]) -> int:
        node = self.supervisor.node
        return 0 if node is None else await sessions_open(node, servers)

    def _link_measured(self, found: Typical) -> None:
        self.store.apply(e.LinkMeasured(found.up, found.down, found.peers))

    def _told_by_owner(self, error: MeadowError | None) -> None:
        if error is None:
            self.store.apply(e.ProblemGone("not_invited"))
        else:
            self.store.apply(e.ProblemSeen(error.code, str(error), None, time.time()))

    async def _read_machine(self) -> None:
        while True:
            try:
                survey = await self._monitor.current()
                self.store.apply(e.MachineRead(to_state(self.gpu_runtime.told(survey))))
            except Exception:  # a library that fails on this machine must not cost us the node
                logger.exception("the machine could not be read")
            await asyncio.sleep(MACHINE_SECONDS)

    # What children say

    def _heard(self, event: Mapping[str, Any]) -> None:
        name, server_id = event.get("event"), event.get("server_id")
        self.contributions.heard(event)
        self.remembered.heard(event)
        if name in ("stopped", "failed") and isinstance(server_id, str):
            self.sharing.server_gone(server_id)
        if name in ("online", "stopped", "restarting", "draining", "swarm"):
            self.view.hurry()  # what the tree says of the swarm is not true any more
        translated = from_child(event)
        if translated is not None:
            self.store.apply(translated)
        if name in ("fetched", "fetch_failed", "loaded", "online"):
            self.facts.forget()  # more of a model is on the disk now

    def _chats_problem(self, error: MeadowError | None) -> None:
        if self._told_of_chats:
            self.store.apply(e.ProblemGone(self._told_of_chats))
        self._told_of_chats = "" if error is None else error.code
        if error is not None:
            self.store.apply(e.ProblemSeen(error.code, str(error), None, time.time()))

    # What can be asked for

    def models(self) -> list[Listed]:
        """The models of the swarm that one can chat with from here."""
        return listed(self.store.state.swarm.models.values(), self.sharing.folders, str(self.demo.folder))

    async def _look_again(self) -> None:
        await asyncio.gather(self.view.look(), self.demo.look())

    def _model_infos(self) -> list[ModelInfo]:
        return [ModelInfo(model.id, ready=model.ready) for model in self.models()]

    def _default_model(self) -> str | None:
        chosen = self._settings.current()["chat.default_model"]
        if chosen:
            return str(chosen)
        models = self.models()
        found = next((model.id for model in models if model.ready), models[0].id if models else None)
        if found is None and (self._starting() or self.store.state.demo.status is DemoStatus.STARTING):
            raise SwarmError("The node is still joining its swarm. Try again in a moment.", code="node_starting")
        return found

    def _starting(self) -> bool:
        """Whether more will be up soon: what is not there yet need not be missing."""
        state = self.store.state
        if not self.view.looked or state.swarm.status in (SwarmStatus.JOINING, SwarmStatus.REJOINING):
            return True
        coming = (ServerStatus.STARTING, ServerStatus.RESTARTING, ServerStatus.REJOINING)
        servers = [server for name, server in state.servers.items() if name not in state.demo.servers]
        return any(server.status in coming for server in servers)

    def _coming(self, model: str) -> bool:
        """Whether this model may be up soon."""
        if self.demo.means(model) and self.store.state.demo.status is not DemoStatus.OFF:
            return self.store.state.demo.status is DemoStatus.STARTING
        return self._starting()

    def _default_sampling(self) -> Sampling:
        """What chats that do not say otherwise do."""
        settings = self._settings.current()
        return Sampling(**{name: settings[f"chat.{name}"] for name in ("max_tokens", "temperature", "top_p", "top_k")})

    # Control

    async def share(self, request: ShareRequest) -> None:
        """See :class:`~meadow.node.control.Control`, as for all that follow."""
        await self.sharing.share(request)

    async def pause(self, seconds: float | None) -> None:
        await self.sharing.pause(seconds)

    async def resume(self) -> None:
        await self.sharing.resume()

    async def finish(self, seconds: float | None) -> None:
        await self.sharing.finish(seconds)

    async def share_anew(self, seconds: float) -> None:
        await self.sharing.anew(seconds)

    async def forget_interrupted(self) -> None:
        if self.store.state.share.interrupted is not None:
            self.store.apply(e.ShareRecalled(None))
            self.remembered.sharing(None)
        if self.store.state.demo.interrupted:
            self.store.apply(e.DemoRecalled(False))
            self.remembered.demo(False)

    async def start_demo(self) -> None:
        self.demo.start()
        if not self._options.demo:  # such a node has it at each start
            self.remembered.demo(True)

    async def stop_demo(self) -> None:
        self.demo.stop()
        self.store.apply(e.DemoRecalled(False))
        self.remembered.demo(False)

    async def stop(self) -> None:
        # The answer to this very request must still get out.
        asyncio.get_running_loop().call_later(0.1, self._stop.set)

    async def settings(self) -> SettingsReport:
        return await asyncio.to_thread(self._report)

    async def change_settings(self, changes: Mapping[str, Any]) -> SettingsReport:
        await asyncio.to_thread(self._settings.change, changes)
        settings = self._settings.current()
        rules = await asyncio.to_thread(PeerRules.of, settings["allowed_peers"], settings["blocked_peers"])
        if not self._options.demo and rules != self.supervisor.member.rules:
            self.supervisor.member.set_rules(rules)
        return await self.settings()

    def _report(self) -> SettingsReport:
        current = self._settings.current()
        remarks = [str(problem) for problem in self._settings.remarks]
        if self._settings.problem is not None:
            remarks.append(str(self._settings.problem))
        return SettingsReport(current, str(self._paths.settings), tuple(remarks))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def run_node(
    paths: Paths,
    options: NodeOptions,
    *,
    lock: NodeLock,
    on_ready: Callable[[RunningNode], None],
    on_full_disk: Callable[[DiskFull], None] = lambda error: None,
) -> None:
    """Be the node of this home until somebody stops it. ``lock`` is held by the caller, who releases it afterwards.

    On a full disk it waits until there is room for its token and its sockets, and calls ``on_full_disk`` once. Raises
    MeadowError when not even HTTP can be had, the settings cannot be read, or the token file is not safe.
    """
    token_file: Path = paths.data / "api-token"
    log = await asyncio.to_thread(open_log, paths.logs)
    told = False
    while True:
        try:
            settings = await asyncio.to_thread(SettingsFile, paths.settings)
            token = await asyncio.to_thread(load_or_create_token, token_file)
            node = Node(paths, options, settings, token)
            break
        except DiskFull as error:
            if not told:
                on_full_disk(error)
            told = True
            await asyncio.sleep(ROOM_SECONDS)
    try:
        url = await node.start()
        await node.announce(lambda: lock.announce(url, token_file, demo=options.demo))
        on_ready(RunningNode(url, str(token_file), os.getpid(), demo=options.demo))
        await node.run()
    finally:
        lock.retract()  # who looks for a node from here on waits for the end of this one
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(node.close())
        close_log(log)


__all__ = ["Node", "run_node"]
