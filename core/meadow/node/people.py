"""How many sessions a model has now, as far as a few of its servers say: for choosing what to share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from meadow.errors import MeadowError
from meadow.swarm.placement import Profile
from meadow.swarm.records import SignedRecord
from meadow.wire.limits import MAX_GREETING

if TYPE_CHECKING:
    from meadow.swarm.channel import Node

MOST_ASKED = 4
MOST_EACH = 64
"""Sessions that one server is believed to have: a claim of a stranger must not draw everybody to its model."""
ASK_SECONDS = 4.0


def whom_to_ask(servers: Sequence[SignedRecord], profile: Profile) -> list[SignedRecord]:
    """Those who hold one block, the one with the fewest servers that has any: each session is at one of them. Pure."""
    counts = profile.count.copy()
    counts[counts == 0] = np.iinfo(counts.dtype).max
    block = int(counts.argmin())
    return [one for one in servers if one.server.start <= block < one.server.end][:MOST_ASKED]


async def sessions_open(node: Node, servers: Iterable[SignedRecord]) -> int:
    """Sessions that these servers have open together; who does not answer in time counts as none. Raises nothing."""
    return sum(await asyncio.gather(*(_ask(node, one) for one in servers)))


async def _ask(node: Node, one: SignedRecord) -> int:
    # They need torch, which a node that has joined its swarm has loaded already, and none before.
    from meadow.swarm.channel import Channel, make_hello, protocol_name
    from meadow.wire import messages as m

    server = one.server
    with suppress(MeadowError, OSError, TimeoutError):
        async with asyncio.timeout(ASK_SECONDS):
            reader, writer = await node.open_stream(server.peer_id, server.addresses, protocol_name(server.server_id))
            channel = Channel(server.peer_id, reader, writer)
            try:
                hello = make_hello()
                channel.send(hello, m.Info())
                await channel.greet(hello, timeout=ASK_SECONDS)
                reply = m.expect(await channel.receive(limit=MAX_GREETING, timeout=ASK_SECONDS), m.InfoReply)
                return min(reply.sessions, MOST_EACH)
            finally:
                channel.close()
    return 0
