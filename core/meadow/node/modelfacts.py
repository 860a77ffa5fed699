"""What a model is and how large its parts are, asked of a process of its own: it needs torch, which the node does not
have. No weights are read or fetched for it, from a hub only the config and the headers of the weight files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError
from meadow.platform.fit import ModelFacts

_SECONDS = 600.0
_MAX_LINE = 16 << 20
FRESH_SECONDS = 30.0
"""For so long what was found out is told again."""
_TOGETHER = 2
"""Processes at a time: each is some hundred megabytes of torch."""
_MOST_WAITING = 16
_MOST_KEPT = 32


@dataclass(frozen=True, slots=True)
class Facts:
    """One model. ``fit``: what decides what fits where. Sizes in bytes; ``context`` in tokens, None if it is not said.

    ``chat_part_bytes``: embeddings, last norm and head, which whoever chats needs; ``chat_part_missing_bytes``: what of
    that is not on this machine yet.
    """

    fit: ModelFacts
    hidden_size: int
    context: int | None
    chat_part_bytes: int
    chat_part_missing_bytes: int

    @classmethod
    def of(cls, table: dict[str, Any]) -> Facts:
        """From the JSON values of a "facts" event."""
        return cls(
            ModelFacts.of(table),
            int(table["hidden_size"]),
            table["context"],
            int(table["chat_part_bytes"]),
            int(table["chat_part_missing_bytes"]),
        )

    @property
    def block_bytes(self) -> int:
        """A block's weights in the checkpoint's own dtype, on average."""
        count = self.fit.num_blocks
        return sum(self.fit.weight_bytes(block) for block in range(count)) // max(1, count)


async def find_facts(
    model: str, *, revision: str | None = None, cache_dir: Path, hub_token_file: Path | None = None
) -> Facts:
    """Ask a new process. Cancelling ends it. Raises MeadowError: what keeps the model from being opened, or that this
    took too long."""
    try:
        async with asyncio.timeout(_SECONDS):
            event = await _ask("facts", model, revision, cache_dir, hub_token_file)
        return Facts.of(event)
    except (KeyError, TypeError, ValueError) as error:
        raise MeadowError("What is known of this model could not be read. See `meadow doctor`.") from error
    except TimeoutError:
        raise MeadowError("Opening this model took too long. Check the network and try again.") from None


async def fetch_blocks(
    model: str,
    blocks: tuple[int, int],
    *,
    revision: str | None = None,
    cache_dir: Path,
    hub_token_file: Path | None = None,
) -> None:
    """Have a new process fetch what blocks ``[start, end)`` need and this machine lacks. Cancelling ends it; what is
    there stays. Raises MeadowError: what keeps them from being fetched."""
    span = ("--fetch", f"{blocks[0]}:{blocks[1]}")
    try:
        await _ask("fetched", model, revision, cache_dir, hub_token_file, *span)
    except (KeyError, TypeError, ValueError) as error:
        raise MeadowError("These blocks could not be fetched. See `meadow doctor`.") from error


async def _ask(
    answer: str, model: str, revision: str | None, cache_dir: Path, hub_token_file: Path | None, *more: str
) -> dict[str, Any]:
    """The event ``answer`` of a new process."""
    command = [sys.executable, "-m", "meadow.models.facts", "--cache-dir", str(cache_dir), *more]
    if revision is not None:
        command += ["--revision", revision]
    if hub_token_file is not None:
        command += ["--hub-token-file", str(hub_token_file)]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--",
        model,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_MAX_LINE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == answer:
                return event
            if event["event"] == "error":
                raise MeadowError(event["message"], code=event["code"])
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
    raise MeadowError("This model could not be opened. See `meadow doctor`.")


class FactsDesk:
    """The same for many who ask: one process for those who ask the same, two at a time, and short memory."""

    def __init__(
        self, cache_dir: Path, hub_token_file: Path | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cache_dir, self._hub_token_file, self._clock = cache_dir, hub_token_file, clock
        self._kept: dict[tuple[str, str | None], tuple[float, Facts]] = {}
        self._running: dict[tuple[str, str | None], asyncio.Task[Facts]] = {}
        self._slots = asyncio.Semaphore(_TOGETHER)

    async def ask(self, model: str, revision: str | None = None, *, fresh: bool = False) -> Facts:
        """``fresh``: as it is now. Raises what :func:`find_facts` raises, and MeadowError (``busy``)."""
        key = model, revision
        kept = self._kept.get(key)
        if kept is not None and not fresh and self._clock() - kept[0] < FRESH_SECONDS:
            return kept[1]
        task = self._running.get(key)
        if task is None:
            if len(self._running) >= _MOST_WAITING:
                raise MeadowError("Too many models are being looked at already. Try again in a moment.", code="busy")
            task = asyncio.create_task(self._find(key))
            self._running[key] = task
            task.add_done_callback(lambda done: self._over(key, done))
        return await asyncio.shield(task)

    async def fetch(self, model: str, blocks: tuple[int, int], revision: str | None = None) -> None:
        """See :func:`fetch_blocks`."""
        await fetch_blocks(
            model, blocks, revision=revision, cache_dir=self._cache_dir, hub_token_file=self._hub_token_file
        )
        self.forget()

    def forget(self) -> None:
        """What is on the disk, or who may read what, has changed."""
        self._kept.clear()

    async def close(self) -> None:
        """End the processes."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find(self, key: tuple[str, str | None]) -> Facts:
        async with self._slots:
            facts = await find_facts(
                key[0], revision=key[1], cache_dir=self._cache_dir, hub_token_file=self._hub_token_file
            )
        self._kept[key] = self._clock(), facts
        if len(self._kept) > _MOST_KEPT:
            del self._kept[min(self._kept, key=lambda other: self._kept[other][0])]
        return facts

    def _over(self, key: tuple[str, str | None], task: asyncio.Task[Facts]) -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled():
            task.exception()  # those who asked have it; nobody may be left
