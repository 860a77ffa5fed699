"""The node's side of the GPU runtime: whether sharing takes it, what it costs, having it made, and who gets it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from meadow.errors import MeadowError
from meadow.models.download import DEFAULT_POLICY, RetryPolicy
from meadow.node import events as e
from meadow.node.changes import StateStore
from meadow.node.child import Child, Event
from meadow.node.gpu_runtime import place as places
from meadow.node.gpu_runtime.builder import environment_of
from meadow.node.gpu_runtime.lock import Lock, find_lock
from meadow.node.gpu_runtime.need import BaseTorch, Need, as_if_there, base_torch, explained, need
from meadow.node.gpu_runtime.place import Place
from meadow.node.state import Progress
from meadow.node.state_words import RuntimePhase
from meadow.platform.devices import Survey
from meadow.platform.paths import private_folder

DOWNLOAD: Final = "gpu-runtime"
"""Its key in ``downloads`` of the tree."""
SPARE_BYTES: Final = 256 << 20
"""What is left free beside it: a full disk hurts everybody on this machine."""
CHOICE: Final = "Or share with the processor instead: set share.device to cpu."
STOP_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Cost:
    """``download``: bytes still to be fetched; ``disk``: bytes that it takes once it is there."""

    download: int
    disk: int


class BuilderChild(Child):
    """The process that makes the runtime (:mod:`meadow.node.gpu_runtime.builder`)."""

    arguments = ("-m", "meadow.node.gpu_runtime.builder")
    death = "gpu_runtime"
    consequence = "There is no GPU runtime yet; what was downloaded is kept."

    @classmethod
    async def start(cls, job: Mapping[str, Any], log: Path) -> Self:
        """Start the process with its job."""
        child = cls(await cls._spawn(log), log)
        child.send(job)
        return child

    def finished(self) -> None:
        """It has said that its work is done: its end is no death."""
        self._stopping = True

    def describe(self) -> str:
        return f"the process that makes the GPU runtime (process {self.pid})"


class GpuRuntime:
    """Belongs to the node's loop."""

    def __init__(
        self,
        cache: Path,
        logs: Path,
        store: StateStore,
        *,
        lock: Lock | None = None,
        base: BaseTorch | None = None,
        index: str | None = None,
        policy: RetryPolicy = DEFAULT_POLICY,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """``lock`` and ``base``: default: those of this installation. ``on_change``: it has come or gone."""
        self._lock = lock or find_lock()
        self._base = base or base_torch()
        self._cache, self._logs, self._store = cache, logs, store
        self._index, self._policy, self._free, self._on_change = index, policy, free, on_change
        self._place = None if self._lock is None else Place(cache, self._lock)
        self._building = False

    # What is

    def ready(self) -> bool:
        """Whether it is there."""
        return self._place is not None and self._place.ready()

    def environment(self) -> dict[str, str]:
        """What a process needs to have it; nothing when it is not there, or this PyTorch needs none."""
        if self._place is None or not self._place.ready() or self._base is None or self._base.cuda or self._base.hip:
            return {}
        return environment_of(self._place.site)

    def cost(self) -> Cost | None:
        """None when nothing is to be done."""
        if self._place is None or self._place.ready():
            return None
        lock = self._place.lock
        return Cost(lock.download_bytes - self._place.fetched(), lock.disk_bytes)

    def disk_used(self) -> int:
        """Bytes of it and of all that belongs to it. Blocks."""
        return places.size_of(self._cache / DOWNLOAD)

    def look(self, survey: Survey, wanted: str) -> tuple[Survey, bool]:
        """For a decision: the survey with what servers would have, and whether a GPU's server takes the runtime."""
        if self._lock is None or need(wanted, survey.devices, self._base, self._lock) is not Need.RUNTIME:
            return survey, False
        return survey if self.ready() else as_if_there(survey, self._lock), True

    def told(self, survey: Survey) -> Survey:
        """For people: a card that only lacks the runtime says so."""
        if self._lock is None or need("auto", survey.devices, self._base, self._lock) is not Need.RUNTIME:
            return survey
        return explained(survey, self._lock)

    # What is done

    async def build(self) -> None:
        """Have it made; the state tree tells how it goes. Cancelling ends that, and what was fetched stays.

        Raises MeadowError: why there is none.
        """
        if self._place is None:
            raise MeadowError(f"There is no GPU runtime for this system. {CHOICE}", code="gpu_runtime")
        self._building = True
        self._store.apply(e.GpuRuntimeChanged(RuntimePhase.DOWNLOADING))
        try:
            await asyncio.to_thread(self._check_room, self._place)
            await self._run(self._place)
        except MeadowError as error:
            raise MeadowError(f"{error} {CHOICE}", code=error.code) from error
        finally:
            self._building = False
            self._store.apply(e.GpuRuntimeChanged(None))
        self._on_change()

    async def remove(self) -> int:
        """Delete it, and what was fetched for it; the next share with the GPU fetches it anew. Returns the bytes.

        Raises MeadowError (``conflict``) while it is used or made.
        """
        if self._building:
            raise MeadowError("The GPU runtime is being made. Cancel that, then delete it.", code="conflict")
        servers = self._store.state.servers.values()
        if any((server.device or "").startswith("cuda") for server in servers) and self.ready():
            raise MeadowError("A server here uses the GPU runtime. Stop sharing, then delete it.", code="conflict")
        root = self._cache / DOWNLOAD
        freed = await asyncio.to_thread(places.size_of, root)
        await asyncio.to_thread(places.discard, root)
        self._on_change()
        return freed

    def _check_room(self, place: Place) -> None:
        private_folder(place.root)
        lock = place.lock
        left = lock.download_bytes - place.fetched()
        wanted, free = left + lock.disk_bytes + SPARE_BYTES, self._free(place.root)
        if free < wanted:
            raise MeadowError(
                f"The GPU runtime needs {_size(wanted)} of disk ({_size(left)} to download, {_size(lock.disk_bytes)} "
                f"unpacked), and {_size(free)} are free. Make room, then try again.",
                code="gpu_runtime_disk",
            )

    async def _run(self, place: Place) -> None:
        job = {
            "cache": str(self._cache),
            "lock": place.lock.to_json(),
            "index": self._index,
            "policy": asdict(self._policy),
        }
        child = await BuilderChild.start(job, private_folder(self._logs) / "gpu-runtime.log")
        watching = asyncio.create_task(child.watch(self._heard))
        try:
            await asyncio.shield(watching)
        except asyncio.CancelledError:
            await child.stop(STOP_SECONDS)
            await asyncio.gather(watching, return_exceptions=True)
            raise
        if not place.ready():
            raise MeadowError("The GPU runtime could not be made. See `meadow doctor`.", code="gpu_runtime")

    def _heard(self, child: BuilderChild, event: Event) -> None:
        if event["event"] == "built":
            child.finished()
        elif event["event"] == "phase":
            self._store.apply(e.GpuRuntimeChanged(RuntimePhase(event["phase"])))
        elif event["event"] == "progress":
            progress = Progress(
                int(event["done"]), int(event["total"]), float(event["rate"]), event.get("seconds_left")
            )
            phase = self._store.state.share.gpu_runtime
            if phase is not None:
                self._store.apply(e.GpuRuntimeChanged(phase.phase, progress))


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
