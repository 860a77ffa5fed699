"""This node as a member of one swarm: p2pd, the DHT and the records in it, kept up for as long as the node runs.

p2pd may die and the machine may sleep; each time the same identity comes back, on the same ports if they are free, and
says at once what it serves. With no initial peer in sight the node is alone and keeps looking.

The event ``swarm`` tells where it stands: ``status`` is "joining" (the first p2pd starts), "joined" or "alone" (nobody
answers; with ``peer_id`` and our addresses as ``initial_peers``), or "rejoining" (p2pd has died). What is not well has
``code`` and ``message``; "joining" and "rejoining" perhaps ``seconds``, until p2pd is started again. After a sleep the
status is told once more with ``slept``, the seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from meadow.errors import DaemonDied, MeadowError, SwarmError
from meadow.node.child import describe_exit
from meadow.node.restart import Clocks, delay_before_restart, failures_in_a_row, time_lost, with_ports

if TYPE_CHECKING:
    from meadow.swarm.gate import PeerRules
    from meadow.swarm.identity import Identity
    from meadow.swarm.membership import Credential, Membership
    from meadow.swarm.node import SwarmNode
    from meadow.swarm.records import Record

logger = logging.getLogger(__name__)

TICK_SECONDS = 5.0
SLEPT_SECONDS = 30.0
"""Half of a record's life: after a longer absence others may have forgotten this node."""
LOOK_SECONDS = 15.0
"""Between two looks at whether p2pd answers, which addresses it has, and whether anybody is still there."""
HANGS = 3
HANG_SECONDS = 10.0
"""A p2pd that so many times in a row does not answer within so many seconds is ended and started anew."""
LONGEST_SECONDS = 60.0
_STEADY_SECONDS = 10.0
_DIED = "p2pd, the libp2p daemon of this node, has ended. It is being started again."
_HUNG = "p2pd, the libp2p daemon of this node, did not answer any more. It is being started again."
_ALONE = "None of the initial peers answers. Check the network; this node keeps trying."
_CLOSE_SECONDS = 2.0
_KILL_SECONDS = 1.0


class Tell(Protocol):
    """How events are told."""

    def __call__(self, name: str, /, **fields: object) -> None: ...


class Member:
    """See the module's text. ``keep`` false: whatever dies stays dead and is reported by :attr:`died`."""

    def __init__(
        self, run_dir: Path, *, keep: bool, tell: Tell, on_up: Callable[[], None], on_down: Callable[[], None]
    ) -> None:
        """``on_up`` is called whenever a new p2pd runs, ``on_down`` when it has died."""
        self.node: SwarmNode | None = None
        """None while no p2pd runs."""
        self.died: asyncio.Future[MeadowError] = asyncio.get_running_loop().create_future()
        self.status = "off"
        self._run_dir, self._keep, self._tell = run_dir, keep, tell
        self._on_up, self._on_down = on_up, on_down
        self._identity: Identity | None = None
        self._initial_peers: list[str] = []
        self._host_maddrs: list[str] = []
        self._why_alone: str | None = None
        self.membership: Membership | None = None
        """What makes this node a member of a private swarm; None in a public one."""
        self.rules: PeerRules | None = None
        """Whom it deals with at all; None: everybody."""
        self.uplink = self.downlink = 0.0
        """Bytes/s between this node and other peers, measured; 0: not known."""
        self._listen_on: list[str] = []
        self._records: dict[str, tuple[Record, ...]] = {}
        self._gone: dict[str, tuple[Record, ...]] = {}
        self._task: asyncio.Task[None] | None = None
        self._misses = 0

    async def join(
        self,
        identity: Callable[[], Identity],
        *,
        initial_peers: Sequence[str],
        host_maddrs: Sequence[str],
        alone: str | None = None,
        membership: Callable[[], Membership | None] = lambda: None,
    ) -> None:
        """Start p2pd and join the swarm, or start a new one without initial peers.

        ``membership``, asked after ``identity``, makes it a private one.

        If it is to be kept, returns as soon as p2pd runs, whether somebody answers or not, and tries for as long as
        that takes. ``alone`` is said while a swarm without initial peers has no other peer. ``identity`` may block.
        Raises NoPeers or SwarmError for malformed addresses; what ``identity``
        raises; and if it is not kept, NoPeers when nobody answers and SwarmError when p2pd does not start.
        """
        # hivemind takes a second to import; signals must be heard meanwhile.
        swarm = await asyncio.to_thread(importlib.import_module, "meadow.swarm.node")
        self._initial_peers, self._host_maddrs = list(initial_peers), list(host_maddrs)
        self._why_alone = alone
        swarm.check_addresses(self._initial_peers, self._host_maddrs)
        self._listen_on = self._host_maddrs
        self._identity = await asyncio.to_thread(identity)
        self.membership = membership()
        if not self._keep:
            self.node = await self._create(None)
            self.status = "joined"
            self._task = asyncio.create_task(self._watch(self.node))
            self._on_up()
            return
        self._say("joining")
        up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(up))
        await asyncio.wait({up, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()

    @property
    def addresses(self) -> list[str]:
        """What others give as initial peers; empty while p2pd does not run."""
        return list(self.node.addresses) if self.node is not None else []

    @property
    def peer_id(self) -> str | None:
        """Who this node is, once that is known; the same for as long as it runs."""
        return None if self._identity is None else self._identity.peer_id

    def set_rules(self, rules: PeerRules) -> None:
        """From now on, whom this node deals with at all."""
        self.rules = rules
        if self.node is not None:
            self.node.gate.change(rules=rules)

    def set_credential(self, credential: Credential) -> None:
        """The owner of the private swarm has let us in, or renewed that."""
        gate = None if self.node is None else self.node.gate
        known = self.membership if gate is None else gate.membership
        if known is not None:
            self.membership = replace(known, credential=credential)
            if gate is not None:
                gate.change(membership=self.membership)

    async def rejoin(self) -> int:
        """Contact the initial peers now; returns how many answer."""
        return 0 if self.node is None else await self.node.rejoin()

    async def publish(self, owner: str, records: Iterable[Record]) -> None:
        """Make records known, and keep them known, until they are withdrawn. Raises SwarmError when nobody keeps them.

        They are remembered under ``owner``; also after an error, and tried again.
        """
        self._records[owner] = tuple(records)
        self._gone.pop(owner, None)
        if self.node is not None:
            for record in self._records[owner]:
                await self.node.publish(record)

    async def withdraw(self, owner: str) -> None:
        """Take back what was published under ``owner``; as soon as p2pd runs again, if it does not now."""
        records = self._records.pop(owner, ())
        if self.node is None or self.node.died.done():
            if records and self._keep:
                self._gone[owner] = records
            return
        for record in records:
            with contextlib.suppress(SwarmError):
                await self.node.withdraw(record)

    async def clean_up_after(self, pid: int, server_id: str | None = None) -> None:
        """Remove what a dead process of this node left behind, so that the next one can take its place."""
        if self.node is not None:
            from meadow.swarm.channel import protocol_name

            await self.node.clean_up_after(pid, [] if server_id is None else [protocol_name(server_id)])

    async def close(self) -> None:
        """Leave the swarm and end p2pd, in about three seconds at most."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        node, self.node = self.node, None
        if node is not None:
            try:
                await asyncio.wait_for(node.close(), _CLOSE_SECONDS)
            except TimeoutError:  # a p2pd that hangs must not stay behind
                node.kill()
                await asyncio.wait({node.died}, timeout=_KILL_SECONDS)

    # Being there

    async def _create(self, predecessor: SwarmNode | None) -> SwarmNode:
        from meadow.swarm.node import SwarmNode

        assert self._identity is not None
        while True:
            try:
                return await SwarmNode.create(
                    identity=self._identity,
                    run_dir=self._run_dir,
                    initial_peers=self._initial_peers,
                    host_maddrs=self._listen_on,
                    must_join=not self._keep and not self._lacks_certificate,
                    succeeds=predecessor,
                    # What its predecessor has learnt about who was sent away goes on.
                    membership=self.membership if predecessor is None else predecessor.gate.membership,
                    rules=self.rules,
                )
            except SwarmError:
                if self._listen_on == self._host_maddrs:
                    raise
                self._listen_on = self._host_maddrs  # somebody took our old port: any other will do

    @property
    def _lacks_certificate(self) -> bool:
        """Invited, but not let in yet: nobody but the owner will answer."""
        known = self.membership
        return known is not None and known.by_invitation and known.credential is None

    async def _watch(self, node: SwarmNode) -> None:
        status = await asyncio.shield(node.died)
        how = "ended" if status is None else describe_exit(status)
        self.died.set_result(
            DaemonDied(f"p2pd, the libp2p daemon of this node, {how}. Nothing can be sent any more; start again.")
        )

    async def _live(self, up: asyncio.Future[None]) -> None:
        """One p2pd after the other."""
        loop = asyncio.get_running_loop()
        failures, predecessor = 0, None
        while True:
            began = loop.time()
            try:
                node = await self._create(predecessor)
            except Exception as error:  # whatever it is: without a member of the swarm this node is of no use
                if not isinstance(error, MeadowError):
                    logger.exception("joining the swarm failed")
                    error = SwarmError("The network part of Meadow failed to start, which is a mistake of Meadow's.")
                failures += 1
                seconds = delay_before_restart(failures, longest=LONGEST_SECONDS)
                self._say(
                    "joining" if predecessor is None else "rejoining",
                    code=error.code,
                    message=str(error),
                    seconds=seconds,
                )
                await asyncio.sleep(seconds)
                continue
            self.node = node
            self._listen_on = with_ports(self._host_maddrs, node.addresses)
            if not up.done():
                up.set_result(None)
            self._on_up()
            try:
                await self._stay(node)
            finally:
                if node.died.done():  # else it is close() that ends us, and closes it in its own time
                    self.node = None
            self._say("rejoining", code="p2pd_died", message=_HUNG if self._misses >= HANGS else _DIED)
            self._on_down()
            try:
                await node.close()
            except Exception:  # p2pd is dead already; what is left of it must not keep the next one from starting
                logger.exception("the remains of a dead p2pd")
            predecessor, failures = node, failures_in_a_row(failures, loop.time() - began, steady=_STEADY_SECONDS)
            await asyncio.sleep(delay_before_restart(failures - 1, longest=LONGEST_SECONDS))

    async def _stay(self, node: SwarmNode) -> None:
        """Returns when p2pd has died."""
        loop = asyncio.get_running_loop()
        self._misses = 0
        before = _clocks()
        await self._take_back(node)
        self._stand(node)
        lonely = 1 if self.status == "alone" else 0
        due = loop.time() + _pause(lonely)
        looking: asyncio.Task[None] | None = None
        try:
            while True:
                busy = looking is not None and not looking.done()
                wait = TICK_SECONDS if busy else min(TICK_SECONDS, max(0.05, due - loop.time()))
                await asyncio.wait({node.died}, timeout=wait)
                if node.died.done():
                    return
                now = _clocks()  # from look to look without a gap, so that no pause falls between two of them
                lost, before = time_lost(before, now, meant=TICK_SECONDS), now
                if lost > SLEPT_SECONDS:
                    await _cancelled(looking)
                    looking = asyncio.create_task(self._wake(node, lost))
                elif loop.time() >= due and (looking is None or looking.done()):
                    looking = asyncio.create_task(self._look(node))
                else:
                    continue
                lonely = lonely + 1 if self.status == "alone" else 0
                due = loop.time() + _pause(lonely)
        finally:
            await _cancelled(looking)

    async def _wake(self, node: SwarmNode, lost: float) -> None:
        """The machine has slept or this process stood still: others may have forgotten us, and addresses changed."""
        logger.info("the node was away for %.0f s", lost)
        node.clock.forget_samples()
        try:
            await node.look_up_addresses()
            await node.rejoin()
            await self._publish_all(node)
        except SwarmError as error:
            logger.info("rejoining after a sleep: %s", error.code)
        self._stand(node, slept=round(lost))

    async def _look(self, node: SwarmNode) -> None:
        """Is p2pd there, where are we, is anybody there?"""
        try:
            moved = await node.look_up_addresses(timeout=HANG_SECONDS)
            self._misses = 0
            if not node.neighbours and self._initial_peers:
                await node.rejoin()
            alone = self.status == "alone"
            self._stand(node)
            if moved or (alone and self.status == "joined"):
                await self._publish_all(node)
        except DaemonDied:
            return  # whoever awaits its end knows
        except SwarmError:
            self._misses += 1
            if self._misses >= HANGS:
                logger.warning("p2pd does not answer any more and is started anew")
                node.kill()

    def _stand(self, node: SwarmNode, **fields: object) -> None:
        """Find out whether we are alone, and say so if that is news, or if there is something else to say."""
        status = "joined" if node.neighbours or not (self._initial_peers or self._why_alone) else "alone"
        if status == "alone" and self._initial_peers:
            fields |= {"code": "no_peers", "message": _ALONE}
        elif status == "alone":  # nothing is wrong: there is nobody to look for
            fields |= {"code": "", "message": self._why_alone}
        if status != self.status or "slept" in fields:
            self._say(status, peer_id=node.peer_id, initial_peers=list(node.addresses), **fields)

    async def _publish_all(self, node: SwarmNode) -> None:
        for records in list(self._records.values()):
            for record in records:
                with contextlib.suppress(SwarmError):  # tried again with every renewal
                    await node.publish(record)

    async def _take_back(self, node: SwarmNode) -> None:
        """Withdraw the records of servers that died while no p2pd ran."""
        gone, self._gone = self._gone, {}
        for records in gone.values():
            for record in records:
                with contextlib.suppress(SwarmError):
                    await node.withdraw(record)

    def _say(self, status: str, **fields: object) -> None:
        self.status = status
        self._tell("swarm", status=status, **fields)


def _pause(lonely: int) -> float:
    """Seconds until the next look, after so many looks in a row that found nobody."""
    return min(LONGEST_SECONDS, delay_before_restart(lonely)) if lonely else LOOK_SECONDS


def _clocks() -> Clocks:
    return Clocks(time.time(), time.monotonic())


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
