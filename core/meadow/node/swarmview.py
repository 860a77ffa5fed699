"""Looks into the swarm now and then, so that the state tree says what is up."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from meadow.errors import MeadowError
from meadow.node import events as e
from meadow.node.catalogue import MOST_MODELS, seen
from meadow.node.changes import StateStore
from meadow.node.supervisor import Supervisor
from meadow.swarm.records import ServerRecord

logger = logging.getLogger(__name__)

WATCHED_SECONDS = 10.0
"""Between two looks while somebody follows the tree."""
UNWATCHED_SECONDS = 20.0
_TOGETHER = 8
"""Models whose servers are searched at a time."""


class SwarmView:
    """See the module's text."""

    def __init__(self, supervisor: Supervisor, store: StateStore, *, demo: bool = False) -> None:
        """``demo``: it is the demo swarm."""
        self._supervisor, self._store, self._demo = supervisor, store, demo
        self.looked = False
        """Whether the swarm has been seen since the start."""
        self._hurry = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    def hurry(self) -> None:
        """Something has just changed."""
        self._hurry.set()

    async def run(self) -> None:
        """For as long as the node runs."""
        while True:
            self._hurry.clear()
            await self.look()
            pause = WATCHED_SECONDS if self._store.followers else UNWATCHED_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), pause)

    async def look(self) -> None:
        """Look now; several who ask at a time share one look. Without a swarm, what was seen last stays."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        try:
            models = await self._supervisor.find_models()
            sizes = {model.fingerprint: model.num_blocks for model in models}
            servers: dict[bytes, list[ServerRecord]] = {}
            limit = asyncio.Semaphore(_TOGETHER)

            async def search(fingerprint: bytes, num_blocks: int) -> None:
                async with limit:
                    found = await self._supervisor.find_servers(fingerprint, num_blocks)
                    servers[fingerprint] = [signed.server for signed in found]

            await asyncio.gather(*(search(*item) for item in list(sizes.items())[:MOST_MODELS]))
            self.looked = True
            self._store.apply(e.ModelsSeen(seen(models, servers, self._supervisor.peer_id or ""), self._demo))
        except MeadowError as error:
            logger.debug("the swarm could not be searched: %s", error.code)
        except Exception:
            logger.exception("the swarm could not be searched")
