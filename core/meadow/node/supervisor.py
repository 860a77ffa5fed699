"""The supervisor: one node of a swarm (p2pd and DHT), and the server processes that host blocks on it.

Everything runs on one asyncio loop and nothing here computes. The children are spawned first, because loading a model
takes longest; p2pd and the DHT start meanwhile. Only the supervisor writes the DHT: a child that is ready gets its
records published, one that has died has them withdrawn.

    async with Supervisor(paths, on_event=print) as supervisor:
        await supervisor.spawn(spec)
        await supervisor.join(initial_peers=[...])
        await supervisor.run()          # until something dies: raises MeadowError naming it
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from meadow.errors import DaemonDied, MeadowError
from meadow.node.child import Event, ServerChild, describe_exit
from meadow.platform.limits import raise_descriptor_limit
from meadow.platform.paths import FileLock, Paths, RunFolder, private_folder
from meadow.server.spec import ServerSpec

if TYPE_CHECKING:
    from meadow.swarm.identity import Identity
    from meadow.swarm.node import SwarmNode
    from meadow.swarm.records import ModelRecord, ServerRecord

LOOPBACK = ("/ip4/127.0.0.1/tcp/0",)
_WITHDRAW_SECONDS = 1.0
_STOP_SECONDS = 1.5
_CLOSE_SECONDS = 2.0
_IDENTITIES = 64


def new_server_id() -> str:
    """Eight random hex digits: the name of one server among those of its node."""
    return secrets.token_hex(4)


class Supervisor:
    """See the module's text. Use from one asyncio loop, as an async context manager: leaving it ends everything."""

    def __init__(
        self, paths: Paths, *, on_event: Callable[[Event], None] = lambda event: None, temporary: bool = False
    ) -> None:
        """``on_event`` gets every event as a dict, on the loop. ``temporary``: with a new key that is not kept."""
        raise_descriptor_limit()  # p2pd and the servers inherit it
        self.paths = paths
        self.node: SwarmNode | None = None
        self.children: list[ServerChild] = []
        self._on_event = on_event
        self._temporary = temporary
        self._run = RunFolder(paths)
        self._identity_lock: FileLock | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._records: dict[ServerChild, tuple[ServerRecord, ModelRecord]] = {}
        self._failure: asyncio.Future[MeadowError] = asyncio.get_running_loop().create_future()
        self._all_online = asyncio.Event()

    async def spawn(self, spec: ServerSpec) -> None:
        """Start a server process; it loads its blocks and then waits for :meth:`join`."""
        spec = replace(
            spec,
            cache_dir=spec.cache_dir or str(self.paths.models),
            run_dir=str(self._run.path),
            run_lock=str(self._run.lock),
        )
        log = private_folder(self.paths.logs) / f"server-{spec.server_id}.log"
        child = await ServerChild.start(spec, log)
        self.children.append(child)
        self._tasks.append(asyncio.create_task(self._watch_child(child)))

    async def join(self, *, initial_peers: Sequence[str] = (), host_maddrs: Sequence[str] = LOOPBACK) -> None:
        """Start p2pd and join the swarm, or start a new one without initial peers. Servers go on loading.

        Raises MeadowError: NoPeers, SwarmError, or whatever ended a server in the meantime.
        """
        node = await self._unless_failed(self._create_node(initial_peers, host_maddrs))
        self.node = node
        self._tasks.append(asyncio.create_task(self._watch_daemon(node)))
        for child in self.children:
            child.command("attach", daemon_maddr=node.daemon_maddr)

    @property
    def failure(self) -> MeadowError | None:
        """What has died, if something has."""
        return self._failure.result() if self._failure.done() else None

    @property
    def addresses(self) -> list[str]:
        """What others give as initial peers."""
        assert self.node is not None
        return list(self.node.addresses)

    async def online(self) -> None:
        """Wait until every server serves. Raises the MeadowError that kept one from it."""
        await self._unless_failed(self._all_online.wait())

    async def run(self) -> None:
        """Wait until something dies, and raise the MeadowError that says what."""
        raise await asyncio.shield(self._failure)

    async def close(self) -> None:
        """End everything in about five seconds at most. Harmless when called again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*map(self._withdraw, list(self._records))), _WITHDRAW_SECONDS)
        await asyncio.gather(*(child.stop(_STOP_SECONDS) for child in self.children))
        self.children.clear()
        if self.node is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.node.close(), _CLOSE_SECONDS)
            self.node = None
        self._run.close()
        if self._identity_lock is not None:
            self._identity_lock.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.shield(self.close())

    # Starting

    async def _create_node(self, initial_peers: Sequence[str], host_maddrs: Sequence[str]) -> SwarmNode:
        # hivemind takes a second to import; signals must be heard meanwhile.
        module = await asyncio.to_thread(importlib.import_module, "meadow.swarm.node")
        node: SwarmNode = await module.SwarmNode.create(
            identity=self._identity(),
            run_dir=self._run.path,
            initial_peers=list(initial_peers),
            host_maddrs=list(host_maddrs),
        )
        return node

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

    # Living

    async def _watch_child(self, child: ServerChild) -> None:
        try:
            await child.watch(self._heard)
        except MeadowError as error:
            await self._withdraw(child)
            self._fail(error)

    async def _watch_daemon(self, node: SwarmNode) -> None:
        status = await asyncio.shield(node.died)
        how = "ended" if status is None else describe_exit(status)
        self._fail(
            DaemonDied(f"p2pd, the libp2p daemon of this node, {how}. Nothing can be sent any more; start again.")
        )

    def _heard(self, child: ServerChild, event: Event) -> None:
        if event["event"] == "ready":
            self._tasks.append(asyncio.create_task(self._publish(child, event)))
        elif event["event"] != "error":  # an error ends the child, and is told then
            self._on_event({**event, "server_id": child.spec.server_id})

    async def _publish(self, child: ServerChild, ready: Event) -> None:
        from meadow.swarm.records import ModelRecord, ServerRecord

        node = self.node
        assert node is not None  # a child is ready only after it was told where p2pd is
        fingerprint = bytes.fromhex(ready["fingerprint"])
        server = ServerRecord(
            peer_id=node.peer_id,
            server_id=child.spec.server_id,
            fingerprint=fingerprint,
            start=ready["start"],
            end=ready["end"],
            state="online",
            dtype=ready["dtype"],
            throughput=ready["throughput"],
            protocol=(ready["protocol"][0], ready["protocol"][1]),
            numeric_class=ready["numeric_class"],
        )
        model = ModelRecord(
            peer_id=node.peer_id,
            server_id=child.spec.server_id,
            fingerprint=fingerprint,
            name=ready["name"],
            hub_id=ready["hub_id"],
            num_blocks=ready["num_blocks"],
        )
        self._records[child] = server, model
        try:
            await node.publish(server)
            await node.publish(model)
        except MeadowError as error:
            # Not fatal: the node tries again with every renewal. Until then nobody finds this server.
            self._tell("problem", server_id=child.spec.server_id, code=error.code, message=str(error))
        self._tell(
            "online",
            model=child.spec.model,
            start=ready["start"],
            end=ready["end"],
            peer_id=node.peer_id,
            server_id=child.spec.server_id,
            initial_peers=self.addresses,
            num_blocks=ready["num_blocks"],
            fingerprint=ready["fingerprint"],
            dtype=ready["dtype"],
            throughput=ready["throughput"],
            verification=ready["verification"],
        )
        if len(self._records) == len(self.children):
            self._all_online.set()

    async def _withdraw(self, child: ServerChild) -> None:
        if child in self._records and self.node is not None and not self.node.died.done():
            for record in self._records.pop(child):
                with contextlib.suppress(MeadowError):
                    await self.node.withdraw(record)

    def _tell(self, name: str, **fields: Any) -> None:
        self._on_event({"event": name, **fields})

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
