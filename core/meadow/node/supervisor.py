"""The supervisor: one node of a swarm (p2pd and DHT), the server processes that host blocks on it, and a chat engine.

Everything runs on one asyncio loop and nothing here computes. The children are spawned first, because loading a model
takes longest; p2pd and the DHT start meanwhile. Only the supervisor writes the DHT: a child that is ready gets its
records published, one that has died has them withdrawn.

    async with Supervisor(paths, on_event=print) as supervisor:
        await supervisor.spawn(spec)
        await supervisor.join(initial_peers=[...])
        await supervisor.run()          # until something dies: raises MeadowError naming it

That is for commands that do one thing. With ``restart=True``, as in a node, whatever dies is started again (kept.py,
member.py), ``run`` never returns, and events tell what happens. Every event is a dict with ``event``:

    swarm        status, ...: see member.py
    starting, progress, online, sessions, draining, problem: of the server ``server_id``, as in server/process.py
    restarting   server_id, code, reason, seconds: it has died and is started again in so many seconds
    failed       server_id, code, message: it has died for a reason that starting again would not change; it stays in
                 ``servers`` until it is stopped
    stopped      server_id: it is gone, as asked
    starting, restarting (code, reason, seconds) and error (code, message; not started again) without ``server_id``:
                 the chat engine's process; all else that it says goes to its handle
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Self

from meadow.chat.spec import EngineSpec
from meadow.errors import MeadowError, SwarmError
from meadow.node.child import Event, ServerChild
from meadow.node.hosted import STOP_SECONDS, HostedServer
from meadow.node.keptengine import Handle, KeptEngine
from meadow.node.member import Member
from meadow.platform.limits import raise_descriptor_limit
from meadow.platform.paths import FileLock, Paths, RunFolder, private_folder
from meadow.server.spec import ServerSpec

if TYPE_CHECKING:
    from meadow.node.engine import SwarmSide
    from meadow.swarm.book import Seat
    from meadow.swarm.identity import Identity
    from meadow.swarm.node import SwarmNode
    from meadow.swarm.records import ModelRecord, SignedRecord

LOOPBACK = ("/ip4/127.0.0.1/tcp/0",)
_WITHDRAW_SECONDS = 1.0
_IDENTITIES = 64


def new_server_id() -> str:
    """Eight random hex digits: the name of one server among those of its node."""
    return secrets.token_hex(4)


class Supervisor:
    """See the module's text. Use from one asyncio loop, as an async context manager: leaving it ends everything."""

    def __init__(
        self,
        paths: Paths,
        *,
        on_event: Callable[[Event], None] = lambda event: None,
        temporary: bool = False,
        restart: bool = False,
    ) -> None:
        """``on_event`` gets every event as a dict, on the loop. ``temporary``: with a new key that is not kept."""
        raise_descriptor_limit()  # p2pd and the servers inherit it
        self.paths = paths
        self.engine: KeptEngine | None = None
        self._on_event = on_event
        self._temporary, self._restart = temporary, restart
        self._run = RunFolder(paths)
        self._identity_lock: FileLock | None = None
        self.seat: Seat | None = None
        """Our place in a private swarm; None in a public one."""
        self._member = Member(
            self._run.path, keep=restart, tell=self._tell_of_swarm, on_up=self._attach_all, on_down=self._detached
        )
        self._servers: dict[str, HostedServer] = {}
        self._also: list[SwarmSide] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[MeadowError] = asyncio.get_running_loop().create_future()
        self._member.died.add_done_callback(lambda died: None if died.cancelled() else self._fail(died.result()))
        self._all_online = asyncio.Event()
        self._closed = False

    # The swarm

    async def join(
        self,
        *,
        initial_peers: Sequence[str] = (),
        host_maddrs: Sequence[str] = LOOPBACK,
        alone: str | None = None,
        swarm: str | None = None,
    ) -> None:
        """Start p2pd and join the swarm, or start a new one without initial peers. Servers go on loading.

        ``swarm``: the id of a private swarm of this home (``swarm/book.py``).

        ``alone``: a sentence to say for as long as this new one has no other peer; None: that is as it was wanted.
        With ``restart`` it is fine that nobody answers: see :meth:`Member.join`. Raises MeadowError: NoPeers,
        SwarmError, or whatever ended a server in the meantime.
        """
        await self._unless_failed(
            self._member.join(
                self._identity if swarm is None else lambda: self._sit(swarm).identity,
                initial_peers=initial_peers,
                host_maddrs=host_maddrs,
                alone=alone,
                membership=lambda: None if self.seat is None else self.seat.membership,
            )
        )

    @property
    def member(self) -> Member:
        """This node as a member of its swarm."""
        return self._member

    @property
    def node(self) -> SwarmNode | None:
        """The member of the swarm that runs now; None while there is none."""
        return self._member.node

    @property
    def peer_id(self) -> str | None:
        """Who this node is; None before :meth:`join`."""
        return self._member.peer_id

    @property
    def addresses(self) -> list[str]:
        """What others give as initial peers; empty while p2pd does not run."""
        return self._member.addresses

    async def find_servers(self, fingerprint: bytes, num_blocks: int) -> list[SignedRecord]:
        """All servers known for a model (see :meth:`SwarmNode.find_servers`). Raises SwarmError."""
        return await self._need_node().find_servers(fingerprint, num_blocks)

    async def find_models(self) -> list[ModelRecord]:
        """The models that are up. Raises SwarmError."""
        return await self._need_node().find_models()

    # Servers

    async def spawn(self, spec: ServerSpec, environment: Mapping[str, str] | None = None) -> None:
        """Start a server process; it loads its blocks and then waits for :meth:`join`, if that was not called yet.
        ``environment``: variables that it gets beside ours, each time anew.

        Raises MeadowError when the system starts no process, or a server of this node has the same ``server_id``.
        """
        if spec.server_id in self._servers:
            raise MeadowError("A server of this node has this name already.", code="server_id")
        spec = replace(
            spec,
            cache_dir=spec.cache_dir or str(self.paths.models),
            speeds_file=str(self.paths.cache / "speeds.json"),
            run_dir=str(self._run.path),
            run_lock=str(self._run.lock),
        )
        server = HostedServer(
            spec,
            private_folder(self.paths.logs) / f"server-{spec.server_id}.log",
            self._member,
            restart=self._restart,
            environment=environment,
            tell=self._tell,
            spawn_task=self._spawn_task,
            on_online=lambda server: self._look_who_is_online(),
            on_over=self._server_is_over,
        )
        self._servers[spec.server_id] = server
        try:
            await server.kept.start()
        except BaseException:
            self._servers.pop(spec.server_id, None)
            raise

    @property
    def servers(self) -> Mapping[str, HostedServer]:
        """The servers by ``server_id``, also those that are being started again."""
        return self._servers

    @property
    def children(self) -> list[ServerChild]:
        """The server processes that run now."""
        return [server.kept.child for server in self._servers.values() if server.kept.child is not None]

    async def stop_server(self, server_id: str, *, drain_seconds: float | None = None) -> None:
        """End a server for good: at once, or when its last session has ended, at the latest after ``drain_seconds``.

        A draining server takes no new sessions. Called again, it can only end sooner. Returns when the process is gone;
        being cancelled does not change what was decided. Raises MeadowError when there is no such server.
        """
        server = self._servers.get(server_id)
        if server is None:
            raise MeadowError("This node has no such server.", code="unknown_server")
        await server.leave(drain_seconds)

    async def set_link(self, uplink: float, downlink: float) -> None:
        """Say in the records of all servers that so many bytes/s go up and down between this node and its peers."""
        self._member.uplink, self._member.downlink = uplink, downlink
        await asyncio.gather(*(server.publish_link() for server in list(self._servers.values())))

    def retry(self) -> None:
        """Start again at once whatever waits for that."""
        for server in self._servers.values():
            server.kept.retry()
        if self.engine is not None:
            self.engine.kept.retry()

    # The chat engine

    async def spawn_engine(self, spec: EngineSpec, handle: Handle) -> KeptEngine:
        """Start the chat engine's process. ``handle`` (an EngineHandle) gets each new process, hears it, and is told
        where p2pd is, each time anew. Raises MeadowError when the system starts no process."""
        spec = replace(
            spec,
            cache_dir=spec.cache_dir or str(self.paths.models),
            run_dir=str(self._run.path),
            run_lock=str(self._run.lock),
        )
        engine = KeptEngine(
            asdict(spec),
            private_folder(self.paths.logs) / "engine.log",
            self._member,
            handle,
            restart=self._restart,
            tell=self._tell,
            on_failure=lambda error: None if self._restart else self._fail(error),
        )
        self.engine = engine
        try:
            await engine.kept.start()
        except BaseException:
            self.engine = None
            raise
        return engine

    def tell_also(self, side: SwarmSide) -> None:
        """Tell the engine of another supervisor where the p2pd of this swarm is, now and each time anew."""
        self._also.append(side)
        node = self._member.node
        if node is not None:
            side.attach_swarm(node.daemon_maddr, list(node.addresses))

    # The whole

    @property
    def failure(self) -> MeadowError | None:
        """What has died, if something has and is not started again."""
        return self._failure.result() if self._failure.done() else None

    async def online(self) -> None:
        """Wait until every server serves. Raises the MeadowError that kept one from it."""
        await self._unless_failed(self._all_online.wait())

    async def run(self) -> None:
        """Wait until something dies, and raise the MeadowError that says what."""
        raise await asyncio.shield(self._failure)

    async def close(self) -> None:
        """End everything in about five seconds at most. Harmless when called again."""
        self._closed = True
        servers = list(self._servers.values())
        for server in servers:
            server.kept.let_go()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(
                asyncio.gather(*(self._member.withdraw(server.server_id) for server in servers)), _WITHDRAW_SECONDS
            )
        stops = [server.kept.stop(STOP_SECONDS) for server in servers]
        if self.engine is not None:
            stops.append(self.engine.kept.stop(STOP_SECONDS))
        await asyncio.gather(*stops)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._member.close()
        self._run.close()
        if self._identity_lock is not None:
            self._identity_lock.release()
        if self.seat is not None:
            self.seat.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.shield(self.close())

    # Inside

    def _identity(self) -> Identity:
        """This home's key; when another process of this home uses it, the next one: no two nodes may share a key."""
        from meadow.swarm.identity import Identity

        if self._temporary:
            return Identity.temporary(self._run.path)
        private_folder(self.paths.data)
        for number in range(1, _IDENTITIES + 1):
            identity = Identity.load_or_create(self.paths.identity(number))
            with contextlib.suppress(BlockingIOError):
                self._identity_lock = FileLock(identity.path)
                return identity
        raise MeadowError(f"{_IDENTITIES} nodes run with the same --home already. Give this one another.")

    def _sit(self, swarm: str) -> Seat:
        from meadow.swarm.book import SwarmBook

        self.seat = SwarmBook(self.paths).sit(swarm, self._run.path)
        return self.seat

    def _attach_all(self) -> None:
        for server in self._servers.values():
            server.attach()
        if self.engine is not None:
            self.engine.attach()
        node = self._member.node
        if node is not None:
            for side in self._also:
                side.attach_swarm(node.daemon_maddr, list(node.addresses))

    def _detached(self) -> None:
        for server in self._servers.values():
            server.detached()
        if self.engine is not None:
            self.engine.detached()
        for side in self._also:
            side.detach_swarm()

    def _look_who_is_online(self) -> None:
        if all(server.online for server in self._servers.values()):
            self._all_online.set()

    def _server_is_over(self, server: HostedServer, error: MeadowError | None) -> None:
        if error is None:
            if self._servers.get(server.server_id) is server:
                del self._servers[server.server_id]
            self._tell("stopped", server_id=server.server_id)
        elif self._restart:
            self._tell("failed", server_id=server.server_id, code=error.code, message=str(error))
        else:
            self._fail(error)

    def _need_node(self) -> SwarmNode:
        if self._member.node is None:
            raise SwarmError("This node is not connected to its swarm at the moment. It is being done; try again soon.")
        return self._member.node

    def _spawn_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._tasks.discard)
        return task

    def _tell(self, name: str, /, **fields: object) -> None:
        if not self._closed or name == "computed":  # the last word of a server, which is a number to keep
            self._on_event({"event": name, **fields})

    def _tell_of_swarm(self, name: str, /, **fields: object) -> None:
        if self._restart:  # the others end with their p2pd
            self._tell(name, **fields)

    def _fail(self, error: MeadowError) -> None:
        if not self._failure.done():
            self._failure.set_result(error)

    async def _unless_failed(self, work: Any) -> Any:
        """Await ``work``, but give up on it and raise as soon as something has died."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait([task, self._failure], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise self._failure.result()
            return task.result()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, MeadowError):
                await task
