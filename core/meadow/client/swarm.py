"""A client's place in a swarm: one libp2p daemon and a DHT peer that only asks, on a background loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from meadow.client.loop import BackgroundLoop
from meadow.client.peers import initial_peers as known_peers
from meadow.errors import MeadowError
from meadow.platform.paths import Paths, RunFolder
from meadow.swarm.book import SwarmBook
from meadow.swarm.identity import Identity
from meadow.swarm.node import SwarmNode
from meadow.swarm.records import ModelRecord, SignedRecord

JOIN_SECONDS = 30.0
FIND_SECONDS = 15.0
CLOSE_SECONDS = 5.0


class Swarm:
    """A swarm as a client sees it. Any thread may call; methods block until there is an answer."""

    def __init__(
        self,
        initial_peers: Sequence[str] | None = None,
        *,
        home: str | os.PathLike[str] | None = None,
        private: str | None = None,
    ) -> None:
        """Start joining, without waiting for it: :meth:`join` does that.

        :param initial_peers: multiaddrs; None takes them from the swarm that this home uses, else from the settings
            file, then from the built-in list.
        :param home: the folder that holds all of Meadow's state; None means the system's usual places.
        :param private: the id or name of a private swarm of this home.
        :raises NoPeers: nobody is known.
        """
        paths = Paths.of(home)
        self._book = SwarmBook(paths)
        if initial_peers is None:
            entry = self._book.current() if private is None else self._book.find(private)
            if entry is not None:
                initial_peers, private = entry.peers, entry.id if entry.is_private else None
        self._private = private
        self.initial_peers = known_peers(initial_peers, paths.settings)
        self._folder = RunFolder(paths)
        self._closed = False
        self.loop = BackgroundLoop()
        self._joining = self.loop.start(self._create())

    async def _create(self) -> SwarmNode:
        # A client is nobody in particular: a fresh identity every time leaves nothing to follow a person by.
        membership = None
        if self._private is None:
            identity = Identity.temporary(self._folder.path)
        else:
            seat = await asyncio.to_thread(self._book.sit, self._private, self._folder.path, own=False)
            identity, membership = seat.identity, seat.membership
        return await SwarmNode.create(
            identity=identity,
            membership=membership,
            run_dir=self._folder.path,
            initial_peers=self.initial_peers,
            client_only=True,
        )

    def join(self) -> SwarmNode:
        """Wait until the swarm is joined.

        :raises NoPeers: none of the initial peers answers.
        """
        try:
            return self._joining.result(JOIN_SECONDS)
        except TimeoutError:
            raise MeadowError(
                f"Joining the swarm took longer than {JOIN_SECONDS:.0f} s. Check the initial peers and the network.",
                code="no_peers",
            ) from None

    def find_servers(self, fingerprint: bytes, num_blocks: int) -> list[SignedRecord]:
        """The valid records of all servers of a model."""
        return self.loop.run(self.join().find_servers(fingerprint, num_blocks), timeout=FIND_SECONDS)

    def find_models(self) -> list[ModelRecord]:
        """What is up in this swarm."""
        return self.loop.run(self.join().find_models(), timeout=FIND_SECONDS)

    def close(self) -> None:
        """Leave the swarm and end its daemon. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            self.loop.run(self._leave(), timeout=2 * CLOSE_SECONDS)
        except (MeadowError, TimeoutError):
            return  # the daemon ends with this process, whatever happens
        finally:
            self.loop.close()
            self._folder.close()

    async def _leave(self) -> None:
        # Joining takes a moment. Its daemon is ended best when it is there: cancelling in the middle of its start would
        # leave asyncio with a child that nobody waits for.
        joining = asyncio.wrap_future(self._joining)
        await asyncio.wait([joining], timeout=CLOSE_SECONDS)
        if joining.done() and not joining.cancelled() and joining.exception() is None:
            await joining.result().close()
        else:
            joining.cancel()
            await asyncio.wait([joining], timeout=1.0)

    def __enter__(self) -> Swarm:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
