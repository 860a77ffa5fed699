"""One server of this node: its process kept alive, its records in the swarm, and how it takes its leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meadow.errors import MeadowError
from meadow.node.child import Event, ServerChild
from meadow.node.kept import Kept
from meadow.node.member import Member, Tell
from meadow.server.spec import ServerSpec

if TYPE_CHECKING:
    from meadow.swarm.records import ModelRecord, ServerRecord

STOP_SECONDS = 1.5
_WITHDRAW_SECONDS = 1.0


class HostedServer:
    """A server from its first process to the end of its last; the supervisor's side of it."""

    def __init__(
        self,
        spec: ServerSpec,
        log: Path,
        member: Member,
        *,
        restart: bool,
        environment: Mapping[str, str] | None = None,
        tell: Tell,
        spawn_task: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_online: Callable[[HostedServer], None],
        on_over: Callable[[HostedServer, MeadowError | None], None],
    ) -> None:
        """``environment``: variables that its processes get. ``on_over``: no process is left and none
        will be started; with the error, if there was one.
        """
        self.spec = spec
        self.online = False
        self.sessions = 0
        """How many sessions it had when it last said so."""
        self.kept: Kept[ServerChild] = Kept(lambda: ServerChild.start(spec, log, environment), self, restart=restart)
        self._member, self._tell_all, self._spawn_task = member, tell, spawn_task
        self._on_online, self._on_over = on_online, on_over
        self._draining = False
        self._state = "online"  # as its record says
        self._leaving: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._until: float | None = None  # when a draining server is ended at the latest, on the loop's clock

    _records: tuple[ServerRecord, ModelRecord]
    """As published when it was ready for the last time."""

    @property
    def server_id(self) -> str:
        """Eight hex digits; stays the same from process to process."""
        return self.spec.server_id

    def attach(self) -> None:
        """Tell the process where p2pd is, if both are there. It goes on loading first, if it has not loaded yet."""
        node = self._member.node
        if node is not None:
            self.kept.send(
                {"command": "attach", "daemon_maddr": node.daemon_maddr, "initial_peers": list(node.addresses)}
            )

    def detached(self) -> None:
        """p2pd has died, and all sessions with it; the process waits for the next one."""
        self.online = False
        self._changed.set()

    # Leaving

    async def leave(self, drain_seconds: float | None) -> None:
        """Withdraw the records and end the process. With ``drain_seconds``: only when its last session has ended, or
        after so many seconds; new sessions are refused meanwhile. Called again, it may only become sooner."""
        until = asyncio.get_running_loop().time() + (drain_seconds or 0.0)
        if self._until is None or until < self._until:
            self._until = until
            self._changed.set()
            if drain_seconds and self.kept.child is not None:
                self.kept.send({"command": "drain", "seconds": drain_seconds})
        self.kept.let_go()
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave())
        await asyncio.shield(self._leaving)

    async def announce(self, state: str) -> None:
        """Say in the record that it is "draining", so that others count without it, or "online" after all. Sessions
        notice nothing. Harmless while it is not online, or leaves already."""
        if self.online and self._leaving is None:
            await self._publish_state(state)

    @property
    def record(self) -> ServerRecord | None:
        """What it says of itself while it is online; None while it is not."""
        return self._records[0] if self.online else None

    async def _leave(self) -> None:
        loop = asyncio.get_running_loop()
        if self.online:
            await self._publish_state("draining")
        assert self._until is not None
        while not self.kept.over.is_set() and self.online and (left := self._until - loop.time()) > 0:
            if self._draining and not self.sessions:
                break
            self._changed.clear()
            changed, over = asyncio.create_task(self._changed.wait()), asyncio.create_task(self.kept.over.wait())
            await asyncio.wait({changed, over}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in (changed, over):
                task.cancel()
        await self._member.withdraw(self.server_id)
        await self.kept.stop(STOP_SECONDS)
        self._on_over(self, None)

    async def publish_link(self) -> None:
        """Say anew in the record how fast the network is, if it is online."""
        if self.online and self._leaving is None:
            server, model = self._records
            self._records = replace(server, uplink=self._member.uplink, downlink=self._member.downlink), model
            await self._publish_state(self._state)

    async def _publish_state(self, state: str) -> None:
        server, model = self._records
        self._state = state
        try:
            await self._member.publish(self.server_id, (replace(server, state=state), model))
        except MeadowError as error:
            self._tell("problem", code=error.code, message=str(error))

    # What Kept tells (kept.Owner)

    def started(self, kept: Kept[ServerChild], child: ServerChild) -> None:
        self.attach()

    def heard(self, kept: Kept[ServerChild], child: ServerChild, event: Event) -> None:
        name = event["event"]
        if name == "ready":
            self._spawn_task(self._publish(event))
            return
        if name == "error":  # it ends the process, and is told then
            return
        if name == "sessions":
            self.sessions = int(event["count"])
        elif name == "draining":
            self._draining = True
        self._changed.set()
        self._tell(name, **{key: value for key, value in event.items() if key != "event"})

    async def ended(self, kept: Kept[ServerChild], child: ServerChild, error: MeadowError | None) -> None:
        self.online, self.sessions, self._draining = False, 0, False
        self._changed.set()
        # Records of a later process are signed later and win, so nobody waits for a slow swarm here.
        withdrawn = self._spawn_task(self._member.withdraw(self.server_id))
        await self._member.clean_up_after(child.pid, self.server_id)
        await asyncio.wait({withdrawn}, timeout=_WITHDRAW_SECONDS)

    def waiting(self, kept: Kept[ServerChild], error: MeadowError, seconds: float) -> None:
        self._tell("restarting", code=error.code, reason=str(error), seconds=seconds)

    def given_up(self, kept: Kept[ServerChild], error: MeadowError) -> None:
        if self._leaving is None:
            self._on_over(self, error)

    async def _publish(self, ready: Event) -> None:
        from meadow.swarm.records import ModelRecord, ServerRecord

        node = self._member.node
        if node is None:  # p2pd has died meanwhile; the next "ready" follows
            return
        fingerprint = bytes.fromhex(ready["fingerprint"])
        server = ServerRecord(
            peer_id=node.peer_id,
            server_id=self.server_id,
            fingerprint=fingerprint,
            start=ready["start"],
            end=ready["end"],
            state="online" if self._leaving is None else "draining",
            dtype=ready["dtype"],
            throughput=ready["throughput"],
            prefill=ready["prefill"],
            uplink=self._member.uplink,
            downlink=self._member.downlink,
            protocol=(ready["protocol"][0], ready["protocol"][1]),
            numeric_class=ready["numeric_class"],
        )
        model = ModelRecord(
            peer_id=node.peer_id,
            server_id=self.server_id,
            fingerprint=fingerprint,
            name=ready["name"],
            hub_id=ready["hub_id"],
            num_blocks=ready["num_blocks"],
        )
        self._records = server, model
        self._state = server.state
        self.online = True
        try:
            await self._member.publish(self.server_id, self._records)
        except MeadowError as error:
            if self._member.node is node:
                # Not fatal: the node tries again with every renewal. Until then nobody finds this server.
                self._tell("problem", code=error.code, message=str(error))
        if self.kept.child is None:  # it died meanwhile
            await self._member.withdraw(self.server_id)
        if not self.online or self._leaving is not None:  # or p2pd did, and the next "ready" follows
            return
        self._tell(
            "online",
            model=self.spec.model,
            start=ready["start"],
            end=ready["end"],
            peer_id=node.peer_id,
            initial_peers=self._member.addresses,
            num_blocks=ready["num_blocks"],
            fingerprint=ready["fingerprint"],
            dtype=ready["dtype"],
            throughput=ready["throughput"],
            prefill=ready["prefill"],
            verification=ready["verification"],
        )
        self._on_online(self)

    def _tell(self, name: str, /, **fields: object) -> None:
        self._tell_all(name, **fields, server_id=self.server_id)
