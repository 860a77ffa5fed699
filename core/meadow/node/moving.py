"""A server that goes to other blocks by itself, when that helps the swarm more and nobody needs it where it is.

When to, and where to, is decided by ``swarm/placement.py``; here is the order of things: look, wait, look again, fetch
what the other blocks need, look whether that is still better, say so in the record, look whether another said the same
at that moment, and only then drain and host the other blocks. Only a place that the person left to Meadow is ever
changed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meadow.errors import MeadowError
from meadow.node import events as e
from meadow.node.changes import StateStore
from meadow.node.placing import Because, because, held_of, name_of
from meadow.node.share import Sharing
from meadow.node.state_words import MoveReason
from meadow.node.supervisor import Supervisor, new_server_id
from meadow.platform.fit import may_cut
from meadow.swarm import placement
from meadow.swarm.placement import Decision, Held, Place, Profile, Verdict, consider_move, may_leave, possible_spans

if TYPE_CHECKING:
    from meadow.swarm.records import ServerRecord

logger = logging.getLogger(__name__)

TICK_SECONDS = 20.0
"""Between two glances at the tree: are blocks of our model missing?"""
SEEN_SECONDS = 10.0
"""Until others see what is new in a record."""

_REASONS: Final = {
    Because.MISSING: MoveReason.MISSING,
    Because.FEWEST: MoveReason.FEWEST,
    Because.SLOWEST: MoveReason.SLOWEST,
    Because.ALIKE: MoveReason.BETTER,
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """The swarm around our server. ``rest``: what every block has without it."""

    own: Held
    rest: Profile
    decision: Decision


def outlook(
    servers: Sequence[ServerRecord],
    own: ServerRecord,
    blocks: int,
    spans: Sequence[tuple[int, int]],
    *,
    settled: float,
    rng: random.Random,
) -> Outlook | None:
    """Whether ``own`` should move, as others see the swarm; None while they do not see ``own``. Pure.

    Who comes ("joining") counts as there, so that not everybody fills the same hole; who leaves does not.
    """
    held = held_of([one for one in servers if one.dtype == own.dtype], blocks)
    here = next((one for one in held if one.name == name_of(own) and not one.leaving), None)
    if here is None or (here.start, here.end) != (own.start, own.end):
        return None
    profile = Profile.of(held, blocks)
    return Outlook(here, profile.without(here), consider_move(profile, here, spans, settled=settled, rng=rng))


def may_go(servers: Sequence[ServerRecord], own: ServerRecord, blocks: int) -> bool:
    """Whether ``own``, which has said that it leaves, may: nobody's chat may lose blocks by it. Pure.

    Only who serves now counts. Where the model is not whole anyway, nothing is torn.
    """
    serving = [one for one in servers if one.dtype == own.dtype and one.state in ("online", "draining")]
    held = held_of(serving, blocks)
    here = next((one for one in held if one.name == name_of(own)), None)
    if here is None:
        return False
    if not Profile.of([replace(one, leaving=False) for one in held], blocks).complete:
        return True
    return may_leave(held, here, blocks)


class Moving:
    """See the module's text. Belongs to the node's loop."""

    def __init__(
        self, sharing: Sharing, supervisor: Supervisor, store: StateStore, *, rng: random.Random | None = None
    ) -> None:
        self._sharing, self._supervisor, self._store = sharing, supervisor, store
        self._rng = rng or random.Random()

    async def run(self) -> None:
        """For as long as the node runs."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._pause()
        while True:
            await asyncio.sleep(TICK_SECONDS * self._rng.uniform(0.8, 1.2))
            if loop.time() < due and not self._hole():
                continue
            due = loop.time() + self._pause()
            try:
                await self.look()
            except MeadowError as error:
                logger.info("it stays where it is: %s", error)
            except Exception:
                logger.exception("whether to host other blocks could not be decided")

    async def look(self) -> None:
        """Consider it, and move if that is better still after the wait. Raises MeadowError when nobody can be asked, or
        the blocks cannot be fetched."""
        view = await self._outlook()
        if view is None or view.decision.verdict is not Verdict.MOVE:
            return
        await asyncio.sleep(view.decision.after)
        view = await self._outlook()
        if view is not None and view.decision.verdict is Verdict.MOVE and view.decision.place is not None:
            await self._move(view, view.decision.place)

    # Inside

    def _pause(self) -> float:
        return placement.LOOK_SECONDS * self._rng.uniform(0.8, 1.2)

    def _hole(self) -> bool:
        """Whether our model lacks blocks, as far as the tree knows."""
        settled = self._sharing.settled
        if settled is None:
            return False
        model = self._store.state.swarm.models.get(settled.facts.fingerprint.hex())
        return model is not None and not model.complete

    async def _outlook(self, only: tuple[int, int] | None = None) -> Outlook | None:
        """``only``: the one place that is considered."""
        settled = self._sharing.settled
        hosted = None if settled is None else self._supervisor.servers.get(settled.server_id)
        if settled is None or hosted is None or hosted.record is None:
            return None
        facts = settled.facts
        spans = possible_spans(facts.num_blocks, settled.fitting, lambda at: may_cut(at, facts.indivisible))
        return outlook(
            await self._servers(),
            hosted.record,
            facts.num_blocks,
            spans if only is None else [only],
            settled=settled.seconds,
            rng=self._rng,
        )

    async def _servers(self) -> list[ServerRecord]:
        """Who serves our model, comes, or leaves. Records of ours that no server stands behind do not count."""
        settled = self._sharing.settled
        if settled is None:
            return []
        found = await self._supervisor.find_servers(settled.facts.fingerprint, settled.facts.num_blocks)
        return [
            one.server
            for one in found
            if one.server.peer_id != self._supervisor.peer_id or one.server.server_id == settled.server_id
        ]

    async def _move(self, view: Outlook, place: Place) -> None:
        span = place.start, place.end
        self._store.apply(e.ShareMoves(*span, _REASONS[because(view.rest, span)]))
        try:
            await self._sharing.fetch(span)  # while it still serves: this may take long, and may fail
            latest = await self._outlook(span)
            if latest is not None and latest.decision.verdict is Verdict.MOVE:
                await self._go(span, latest.own)
        finally:
            self._store.apply(e.ShareMoves())

    async def _go(self, span: tuple[int, int], own: Held) -> None:
        settled = self._sharing.settled
        hosted = None if settled is None else self._supervisor.servers.get(settled.server_id)
        if settled is None or hosted is None or hosted.record is None:
            return
        new_id, (start, end) = new_server_id(), span
        each = round(own.rate / (end - start), 3)
        coming = replace(
            hosted.record, server_id=new_id, start=start, end=end, state="joining", throughput=each, prefill=0.0
        )
        logger.info("moving from blocks %d:%d to %d:%d", own.start, own.end, start, end)
        try:
            await hosted.announce("draining")
            with suppress(MeadowError):  # a courtesy to others
                await self._supervisor.member.publish(new_id, (coming,))
            await asyncio.sleep(2 * SEEN_SECONDS)
            still, record = self._sharing.settled, hosted.record
            if still is None or still.server_id != settled.server_id or record is None:
                return  # the person has decided otherwise meanwhile, or the server is gone
            if may_go(await self._servers(), record, settled.facts.num_blocks):
                await self._sharing.move(span, new_id)
        finally:
            if new_id not in self._supervisor.servers:
                await self._supervisor.member.withdraw(new_id)
            await hosted.announce("online")  # of no effect if it is gone
