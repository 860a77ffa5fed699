"""Opens sessions for one model in one swarm."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch

from meadow.client.failover.bans import Bans
from meadow.client.failover.machine import Moved
from meadow.client.session import RemoteSession
from meadow.client.swarm import Swarm
from meadow.errors import BlocksMissing
from meadow.swarm.records import SignedRecord
from meadow.swarm.routing import Hop, Request, RouteBook
from meadow.wire.tensors import dtype_name

FRESH_SECONDS = 10.0  # how old a list of servers may be when a session opens; the DHT answers in about a millisecond


@dataclass(slots=True)
class _Known:
    servers: list[SignedRecord]
    at: float


class SessionOpener:
    """Everything that is needed to open a session, besides its number of rows.

    ``reproducible`` and ``on_moved`` (told, on the loop, when a session goes on with other servers) apply to sessions
    opened from then on and may be changed at any time.
    """

    def __init__(
        self,
        swarm: Swarm,
        *,
        fingerprint: bytes,
        name: str,
        num_blocks: int,
        dtype: torch.dtype,
        indivisible: Sequence[tuple[int, int]] = (),
        reproducible: bool = False,
    ) -> None:
        self.swarm = swarm
        self.name, self.fingerprint, self.num_blocks, self.dtype = name, fingerprint, num_blocks, dtype
        self.indivisible = tuple(indivisible)
        self.reproducible = reproducible
        self.row_axis, self.position_axis = 0, 1  # of hidden states between blocks; a few families have more axes
        self._known: _Known | None = None
        self._in_book: Sequence[SignedRecord] | None = None
        self.book = RouteBook()
        """What is known of the servers; it outlives sessions, so that who failed one is not asked by the next."""
        self._bans = Bans()
        self.on_moved: Callable[[Moved], None] | None = None

    def __call__(
        self, rows: int, expected_length: int | None = None, opening: torch.Tensor | None = None
    ) -> RemoteSession:
        """A session over all blocks."""
        return self.open(0, self.num_blocks, rows, expected_length, opening)

    def open(
        self,
        start: int,
        end: int,
        rows: int,
        expected_length: int | None = None,
        opening: torch.Tensor | None = None,
    ) -> RemoteSession:
        """A session over blocks ``[start, end)`` with ``rows`` rows; blocks until the servers agreed.

        ``opening``: see :class:`RemoteSession`.


        :raises BlocksMissing: nobody serves some of the blocks.
        :raises Refused: the servers refuse; its code says why.
        """
        node = self.swarm.join()

        async def route(avoid: Collection[tuple[str, str]]) -> list[Hop]:
            known = self._known
            banned = self._bans.avoided(time.monotonic())
            if known is not None and not avoid and not banned and time.monotonic() - known.at <= FRESH_SECONDS:
                with suppress(BlocksMissing):  # a moment later somebody may serve them again
                    return self._route(known.servers, start, end, avoid)
            # After a failure, too, what was known before is what failed: ask again.
            known = self._known = _Known(await node.find_servers(self.fingerprint, self.num_blocks), time.monotonic())
            if not known.servers and any(
                self.name in (model.name, model.hub_id) and model.fingerprint != self.fingerprint
                for model in await node.find_models()
            ):
                raise BlocksMissing(
                    f"A model named {self.name} is up in this swarm, but with other weights or another config than "
                    "yours (the fingerprints differ). Use the same files as its servers.",
                    [(start, end)],
                )
            return self._route(known.servers, start, end, avoid)

        async def replace(first: int, last: int, avoid: Collection[tuple[str, str]]) -> list[Hop]:
            servers = await node.find_servers(self.fingerprint, self.num_blocks)
            return self._route(servers, first, last, avoid)

        return RemoteSession(
            self.swarm.loop,
            node,
            route,
            fingerprint=self.fingerprint,
            dtype=self.dtype,
            rows=rows,
            expected_length=expected_length,
            reproducible=self.reproducible,
            row_axis=self.row_axis,
            position_axis=self.position_axis,
            replace=replace,
            bans=self._bans,
            on_moved=self._moved,
            opening=opening,
        )

    def _moved(self, moved: Moved) -> None:
        for hop in moved.lost:
            if moved.code != "draining":
                self.book.failed((hop.server.peer_id, hop.server.server_id))
        if self.on_moved is not None:
            self.on_moved(moved)

    def _route(
        self, servers: Sequence[SignedRecord], start: int, end: int, avoid: Collection[tuple[str, str]]
    ) -> list[Hop]:
        if servers is not self._in_book:
            self.book.update(servers)
            self._in_book = servers
        request = Request(
            start,
            end,
            dtype_name(self.dtype),
            reproducible=self.reproducible,
            avoid=avoid,
            indivisible=self.indivisible,
        )
        return list(self.book.choose(request).hops)
