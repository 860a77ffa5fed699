"""Keeps count of what this machine contributes: hears the servers, tells the tree, writes to the disk now and then.

Only servers that are shared count; those of the demo serve nobody else, and what this node asks of itself is no
contribution. A kill loses the last seconds, a full disk nothing: what could not be written is written later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError
from meadow.node import events as e
from meadow.node.changes import StateStore
from meadow.node.keptfile import KeptFile
from meadow.node.ledger import Counts, Ledger
from meadow.node.state_words import ServerStatus

logger = logging.getLogger(__name__)

COMMIT_SECONDS = 5.0
"""Between two writes, if there is something new."""
_VERSION = 1
_PROBLEM = "contributions"
_MOST_AT_A_TIME = 1 << 40
_UP = (ServerStatus.ONLINE, ServerStatus.DRAINING)


class Contributions:
    """Belongs to the node's loop."""

    def __init__(
        self,
        path: Path,
        store: StateStore,
        shared: Callable[[], Collection[str]],
        *,
        clock: Callable[[], float] = time.time,
        commit_seconds: float = COMMIT_SECONDS,
    ) -> None:
        """``shared``: the ids of the servers that count."""
        self._file = KeptFile(path, version=_VERSION, what="The counts of what this machine contributed", code=_PROBLEM)
        self._store, self._shared, self._clock = store, shared, clock
        self._commit_seconds = commit_seconds
        self._ledger = Ledger()
        self._changed = False
        self._failed = False
        self._seen: float | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what was kept, and begin to keep. What was heard before is not lost."""
        kept, problem = await asyncio.to_thread(self._load)
        kept.add(self._ledger.total, self._clock())
        self._ledger = kept
        if problem is not None:
            self._store.apply(e.ProblemSeen(problem.code, str(problem), None, time.time(), key=_PROBLEM))
        self._tell()
        self._task = asyncio.create_task(self._keep())

    def heard(self, event: Mapping[str, Any]) -> None:
        """An event of a server process, as a dict; all but two kinds are of no interest here."""
        if event.get("server_id") not in self._shared():
            return
        if event.get("event") == "computed":
            self._add(Counts(_count(event, "tokens"), 0, _count(event, "bytes_in"), _count(event, "bytes_out")))
            self._tell()
        elif event.get("event") == "sessions" and event.get("change") == 1:
            if event.get("peer_id") != self._store.state.node.peer_id:  # what we ask of ourselves is no contribution
                self._add(Counts(sessions=1))

    def report(self) -> dict[str, Any]:
        """What ``GET /api/contributions`` answers."""
        now = self._clock()
        return {
            "today": self._ledger.today(now).to_json(),
            "total": self._ledger.total.to_json(),
            "hours": self._ledger.hours(now),
            "days": self._ledger.days(now),
        }

    async def close(self) -> None:
        """Write what is not written yet."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._count_time()
            await self._commit()

    def _add(self, counts: Counts) -> None:
        self._ledger.add(counts, self._clock())
        self._changed = True

    async def _keep(self) -> None:
        self._count_time()
        while True:
            await asyncio.sleep(self._commit_seconds)
            self._count_time()
            self._tell()  # also without news: a new day begins with none
            await self._commit()

    def _count_time(self) -> None:
        """Since the last look, if a server is up; while the machine slept, nobody was served."""
        now = time.monotonic()
        passed, self._seen = 0.0 if self._seen is None else now - self._seen, now
        servers, shared = self._store.state.servers, self._shared()
        if any(servers[name].status in _UP for name in shared if name in servers):
            self._add(Counts(seconds=min(passed, 2 * self._commit_seconds)))

    def _tell(self) -> None:
        self._store.apply(e.Contributed(self._ledger.today(self._clock()).tokens))

    async def _commit(self) -> None:
        if not self._changed:
            return
        self._changed = False
        content = self._ledger.to_json()
        try:
            await asyncio.to_thread(self._file.save, content)
        except MeadowError as error:
            self._changed = True
            if not self._failed:
                logger.warning("what was contributed could not be written: %s", error.code)
            self._failed = True
        else:
            self._failed = False

    def _load(self) -> tuple[Ledger, MeadowError | None]:
        content, problem = self._file.load()
        try:
            return Ledger.of(content), problem
        except (ValueError, TypeError, OverflowError):
            return Ledger(), self._file.set_aside()


def _count(event: Mapping[str, Any], name: str) -> int:
    """A number from another process."""
    number = event.get(name)
    return max(0, min(number, _MOST_AT_A_TIME)) if type(number) is int else 0
