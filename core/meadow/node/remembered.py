"""What the node remembers for next time, though nobody set it: which models were shared or fetched, how
fast, and whether something was shared, or the demo was on, when the node ended.

Nothing of it is needed: a lost or damaged file only makes lists shorter and estimates absent.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError
from meadow.node.keptfile import KeptFile
from meadow.platform.fit import SharePlan

MOST = 32
_VERSION = 1
_MAX_NAME = 4096


@dataclass(frozen=True, slots=True)
class LastShared:
    """``on``: the person wanted it to this day; sharing ended with the node that did it, or goes on now."""

    model: str
    on: bool


class Remembered:
    """Belongs to the node's loop."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._file = KeptFile(path, version=_VERSION, what="What the node remembered", code="remembered")
        self._clock = clock
        self._models: dict[str, float] = {}
        self._speeds: dict[str, float] = {}
        self._plans: dict[str, SharePlan] = {}
        self.last_shared: LastShared | None = None
        """What was shared last, also by a node before this one; None: nothing ever was."""
        self.demo_was_on = False
        """The person wanted the demo; it ended with a node before this one, or goes on now."""
        self._writing: asyncio.Task[None] | None = None
        self._again = False

    async def start(self) -> None:
        """Read it."""
        content, _ = await asyncio.to_thread(self._file.load)
        self._models = {**_numbers(content.get("models")), **self._models}
        self._speeds = {**_numbers(content.get("speeds")), **self._speeds}
        self.last_shared = self.last_shared or _last_shared(content.get("shared"))
        self.demo_was_on = self.demo_was_on or content.get("demo") is True

    @property
    def models(self) -> Mapping[str, float]:
        """Hub ids and folders that were shared or fetched -> when that was, Unix seconds."""
        return self._models

    def used(self, model: str) -> None:
        """``model`` is shared or fetched now."""
        self._models[model] = self._clock()
        self._write()

    def shared(self, server_id: str, model: str, plan: SharePlan) -> None:
        """A server of ``model`` is started."""
        self._plans[server_id] = plan
        self.used(model)

    def sharing(self, model: str | None) -> None:
        """The person wants to share ``model``; None: not any more, or it could not be done."""
        last = self.last_shared
        new = LastShared(model, True) if model is not None else last and LastShared(last.model, False)
        if new != last:
            self.last_shared = new
            self._write()

    def demo(self, on: bool) -> None:
        """The person wants the demo, or does not."""
        if on != self.demo_was_on:
            self.demo_was_on = on
            self._write()

    def heard(self, event: Mapping[str, Any]) -> None:
        """An event of a server, as a dict: one that is online has measured how fast it is."""
        plan = self._plans.get(str(event.get("server_id")))
        name = event.get("event")
        throughput: Any = event.get("throughput")
        if plan is None:
            return
        if name in ("stopped", "failed"):
            del self._plans[str(event["server_id"])]
        elif name == "online" and type(throughput) in (int, float) and throughput > 0:
            self._speeds[f"{plan.device} {plan.dtype}"] = float(throughput) * plan.weight_bytes
            self._write()

    def speed(self, device: str, dtype: str) -> float | None:
        """Bytes of weights a second that the last server on this device got through; None when there was none."""
        return self._speeds.get(f"{device} {dtype}")

    def expected(self, plan: SharePlan) -> float | None:
        """Tokens/s of one session through the blocks of ``plan``, from how many bytes of weights a second the last
        server on this device got through; None when there was none."""
        speed = self.speed(plan.device, plan.dtype)
        return None if speed is None or not plan.weight_bytes else speed / plan.weight_bytes

    async def close(self) -> None:
        """Wait until all is written."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)

    def _write(self) -> None:
        self._models, self._speeds = _newest(self._models), dict(list(self._speeds.items())[-MOST:])
        self._again = True
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._save())

    async def _save(self) -> None:
        while self._again:
            self._again = False
            content: dict[str, Any] = {"models": dict(self._models), "speeds": dict(self._speeds)}
            if self.last_shared is not None:
                content["shared"] = asdict(self.last_shared)
            if self.demo_was_on:
                content["demo"] = True
            try:
                await asyncio.to_thread(self._file.save, content)
            except MeadowError:
                return  # a full disk: the next change tries again


def _newest(models: dict[str, float]) -> dict[str, float]:
    return dict(sorted(models.items(), key=lambda item: -item[1])[:MOST])


def _last_shared(table: Any) -> LastShared | None:
    """What we could have written."""
    if not isinstance(table, Mapping):
        return None
    model, on = table.get("model"), table.get("on")
    if not isinstance(model, str) or not 0 < len(model) <= _MAX_NAME or not isinstance(on, bool):
        return None
    return LastShared(model, on)


def _numbers(table: Any) -> dict[str, float]:
    """The entries that we could have written."""
    if not isinstance(table, Mapping):
        return {}
    return {
        name: float(value)
        for name, value in list(table.items())[:MOST]
        if isinstance(name, str)
        and 0 < len(name) <= _MAX_NAME
        and type(value) in (int, float)
        and math.isfinite(value)
        and value > 0
    }
