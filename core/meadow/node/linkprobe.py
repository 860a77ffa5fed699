"""Finds out now and then how fast the network between this node and its peers is, for the records of its servers.

Only while something is served here: for whom only chats, nobody needs to know it. The figures of single peers are kept
in the cache folder, so that a node that starts anew has some at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError
from meadow.node.files import write_whole
from meadow.node.supervisor import Supervisor
from meadow.platform.paths import private_folder
from meadow.swarm.link import FASTEST, SLOWEST, Link, Typical, measure_link, typical

logger = logging.getLogger(__name__)

FIRST_SECONDS = 15.0
"""After a server came online."""
AGAIN_SECONDS = 6 * 3600.0
RETRY_SECONDS = 300.0
"""When nobody could be measured with."""
ENOUGH_PEERS = 5
"""So many of those that are known, drawn at random."""
MOST_TRIED = 12
AGE_SECONDS = 7 * 86400.0
_MAX_BYTES = 1 << 16
_MOST_KEPT = 32


class LinkBook:
    """What was measured with which peer; the newest figure of each. Pure, but for :meth:`load` and :meth:`save`."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        """``clock``: Unix seconds."""
        self._clock = clock
        self._links: dict[str, tuple[Link, float]] = {}

    def add(self, peer_id: str, link: Link) -> None:
        """Measured now."""
        self._links[peer_id] = link, self._clock()
        self._links = dict(sorted(self._links.items(), key=lambda item: -item[1][1])[:_MOST_KEPT])

    @property
    def typical(self) -> Typical:
        """Of what is not too old."""
        now = self._clock()
        return typical([link for link, at in self._links.values() if 0 <= now - at <= AGE_SECONDS])

    def load(self, path: Path) -> None:
        """Take over what is in the file; a file that is missing or damaged says nothing."""
        try:
            with path.open("rb") as file:
                raw = file.read(_MAX_BYTES + 1)
            content: Any = json.loads(raw) if len(raw) <= _MAX_BYTES else None
        except (OSError, ValueError, RecursionError):
            return
        for peer_id, values in list(content.items())[:_MOST_KEPT] if isinstance(content, Mapping) else ():
            if isinstance(values, list) and len(values) == 4:
                up, down, round_trip, at = values
                if all(map(_is_rate, (up, down))) and _is_time(round_trip) and _is_time(at):
                    self._links.setdefault(peer_id, (Link(up, down, round_trip), at))

    def save(self, path: Path) -> None:
        """Raises MeadowError when it cannot be written."""
        private_folder(path.parent)
        rows = {peer: [link.up, link.down, link.round_trip, at] for peer, (link, at) in self._links.items()}
        write_whole(path, json.dumps(rows).encode())


class LinkProbe:
    """See the module's text. Belongs to the node's loop."""

    def __init__(
        self,
        supervisor: Supervisor,
        path: Path,
        on_measured: Callable[[Typical], None] = lambda found: None,
        *,
        rng: random.Random | None = None,
    ) -> None:
        """``path``: where figures are kept; ``on_measured`` hears of the outcome each time."""
        self._supervisor, self._path, self._on_measured = supervisor, path, on_measured
        self._rng = rng or random.Random()
        self._book = LinkBook()

    async def run(self) -> None:
        """For as long as the node runs."""
        await asyncio.to_thread(self._book.load, self._path)
        if self._book.typical.peers:
            await self._tell()
        while True:
            await asyncio.sleep(FIRST_SECONDS * self._rng.uniform(0.5, 1.5))
            if not any(server.online for server in self._supervisor.servers.values()):
                continue
            found = False
            try:
                found = await self.measure()
            except MeadowError as error:
                logger.debug("the network could not be measured: %s", error.code)
            except Exception:
                logger.exception("the network could not be measured")
            await asyncio.sleep((AGAIN_SECONDS if found else RETRY_SECONDS) * self._rng.uniform(0.8, 1.2))

    async def measure(self) -> bool:
        """Measure with a few peers, one after the other. False: with none. Raises DaemonDied, SwarmError."""
        node = self._supervisor.node
        peers = [] if node is None else node.known_peers()
        done = 0
        for peer_id in self._rng.sample(peers, min(len(peers), MOST_TRIED)):
            if node is None or node is not self._supervisor.node or done == ENOUGH_PEERS:
                break
            with suppress(MeadowError, TimeoutError):
                self._book.add(peer_id, await measure_link(node, peer_id))
                done += 1
        if done:
            with suppress(MeadowError):  # a full disk: it is measured again next time
                await asyncio.to_thread(self._book.save, self._path)
            await self._tell()
        return done > 0

    async def _tell(self) -> None:
        found = self._book.typical
        await self._supervisor.set_link(found.up, found.down)
        self._on_measured(found)


def _is_rate(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and SLOWEST <= value <= FASTEST)


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0
