"""A node's duties in a private swarm, for as long as it runs: being let in, letting in, remembering who was sent away.

The certificate is asked for until the owner's node answers, and renewed when half of its time is over; the owner's node
answers; what is learnt goes into the book of swarms, so that a restart does not forget it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from meadow.errors import MeadowError
from meadow.node.supervisor import Supervisor
from meadow.swarm.book import Entry, Seat, SwarmBook
from meadow.swarm.membership import CERTIFICATE_SECONDS, Certificate

if TYPE_CHECKING:
    from meadow.swarm.node import SwarmNode

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
ASK_AGAIN_SECONDS = 30.0


class SwarmDuties:
    """See the module's text. ``tell`` gets a code and a sentence when the owner refuses, and None when all is well."""

    def __init__(
        self, supervisor: Supervisor, book: SwarmBook, tell: Callable[[MeadowError | None], None] = lambda error: None
    ) -> None:
        self._supervisor, self._book, self._tell = supervisor, book, tell
        self._served: SwarmNode | None = None
        self._stored = 0
        self._ask_at = 0.0
        self._told = False

    async def run(self) -> None:
        """Until cancelled. Does nothing in a public swarm."""
        while True:
            seat, node = self._supervisor.seat, self._supervisor.node
            if seat is not None and node is not None and not node.died.done():
                try:
                    await self._look(seat, node)
                except MeadowError as error:
                    logger.info("a private swarm: %s", error.code)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, seat: Seat, node: SwarmNode) -> None:
        entry = seat.entry
        if node is not self._served and entry.is_owner and entry.kind == "invitation":
            from meadow.swarm.admission import answer_admissions

            if node.peer_id == entry.owner:  # another process of this home may be the one that answers
                await answer_admissions(node, lambda peer_id, token: self._decide(entry, peer_id, token))
        self._served = node
        await self._remember(entry, node)
        if entry.kind == "invitation" and not entry.is_owner and seat.lock is not None:
            await self._be_certified(entry, node)

    async def _decide(self, entry: Entry, peer_id: str, token: bytes) -> Certificate | None:
        return await asyncio.to_thread(self._book.admit, entry.id, peer_id, token)

    async def _remember(self, entry: Entry, node: SwarmNode) -> None:
        current = await asyncio.to_thread(self._book.find, entry.id)
        node.gate.learn(current.revocations)  # another process of this home may have sent somebody away
        own = tuple(node.addresses)
        if entry.is_owner and own and not set(own) <= set(current.peers):
            # Where the owner is goes into every invitation.
            others = [peer for peer in current.peers if not peer.endswith(f"/p2p/{node.peer_id}")]
            await asyncio.to_thread(self._book.remember, entry.id, peers=(*own, *others))
        membership = node.gate.membership
        if membership is not None and membership.revocations.serial > self._stored:
            await asyncio.to_thread(self._book.remember, entry.id, revocations=membership.revocations.encode())
            self._stored = membership.revocations.serial

    async def _be_certified(self, entry: Entry, node: SwarmNode) -> None:
        membership = node.gate.membership
        credential = None if membership is None else membership.credential
        if credential is not None and credential.expires - node.clock() > CERTIFICATE_SECONDS / 2:
            return
        if time.monotonic() < self._ask_at:
            return
        self._ask_at = time.monotonic() + ASK_AGAIN_SECONDS
        from meadow.swarm.admission import ask_for_admission

        current = await asyncio.to_thread(self._book.find, entry.id)
        addresses = [peer for peer in current.peers if peer.endswith(f"/p2p/{entry.owner}")]
        try:
            credential = await ask_for_admission(node, entry.owner, addresses, current.token)
        except MeadowError as error:
            if error.code == "not_invited":
                self._told = True
                self._tell(error)
            raise
        await asyncio.to_thread(self._book.remember, entry.id, credential=credential.encode())
        self._supervisor.member.set_credential(credential)
        if self._told:
            self._told = False
            self._tell(None)
        await self._supervisor.member.rejoin()
