"""Peers on the local network, for as long as the node runs: announced and looked for, and tried when they are found."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from meadow.node.supervisor import Supervisor
from meadow.swarm.addresses import is_private, without_peer

if TYPE_CHECKING:
    from meadow.swarm.localnet import LocalNetwork
    from meadow.swarm.node import SwarmNode

LOOK_SECONDS = 5.0


class Neighbourhood:
    """Follows the node's p2pd, its addresses and the setting. A node that listens on this machine only stays silent."""

    def __init__(self, supervisor: Supervisor, wanted: Callable[[], bool], *, follow: bool) -> None:
        """``follow`` false: be found, but join nobody. A node that knows a public swarm must not tie it to another."""
        self._supervisor, self._wanted, self._follow = supervisor, wanted, follow
        self._network: LocalNetwork | None = None
        self._for: tuple[SwarmNode, tuple[str, ...]] | None = None
        self._meeting: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                node = self._supervisor.node
                reachable = () if node is None else tuple(filter(_reaches_others, node.addresses))
                wanted = (node, reachable) if node is not None and reachable and self._wanted() else None
                if wanted != self._for:
                    await self._stop()
                    self._for = wanted
                    if wanted is not None:
                        await self._start(*wanted)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._stop()

    async def _start(self, node: SwarmNode, addresses: tuple[str, ...]) -> None:
        from meadow.swarm.localnet import LocalNetwork

        def found(maddrs: list[str]) -> None:
            if not self._follow:
                return
            task = asyncio.ensure_future(_meet(node, maddrs))
            self._meeting.add(task)
            task.add_done_callback(self._meeting.discard)

        self._network = LocalNetwork(node.peer_id, node.gate.membership, found)
        await self._network.start(addresses)

    async def _stop(self) -> None:
        network, self._network = self._network, None
        if network is not None:
            await network.close()


async def _meet(node: SwarmNode, maddrs: list[str]) -> None:
    from meadow.errors import SwarmError

    with contextlib.suppress(SwarmError):
        await node.meet(maddrs)


def _reaches_others(maddr: str) -> bool:
    """Whether a machine of the same network may reach this address of ours."""
    address = without_peer(maddr)
    return is_private(address) and "/ip4/127." not in address and "/ip6/::1/" not in address
