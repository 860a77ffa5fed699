"""Sharing this machine: from "share this model" to server processes, and back.

What to host is decided by pure functions (platform/fit.py) over what is free now and what others serve; here is only
the order of things. The state tree tells how it goes (sharing.py makes the sentence), so commands return at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meadow.errors import MeadowError, SwarmError
from meadow.node import events as e
from meadow.node.changes import StateStore
from meadow.node.control import ShareRequest
from meadow.node.gpu_runtime.keeper import GpuRuntime
from meadow.node.modelfacts import FactsDesk
from meadow.node.placing import because, choose_blocks, profile_of, typical_rate
from meadow.node.settings import Settings
from meadow.node.sharing import Wanted
from meadow.node.state_words import ServerStatus
from meadow.node.supervisor import Supervisor, new_server_id
from meadow.platform.devices import Monitor, choose
from meadow.platform.fit import ITEM_BYTES, ModelFacts, NoShare, SharePlan, Why, fitting_as_planned, plan_share
from meadow.platform.readings import Device, Kind, Reason
from meadow.server.spec import ServerSpec

if TYPE_CHECKING:
    from meadow.swarm.placement import Profile
    from meadow.swarm.records import ServerRecord, SignedRecord

logger = logging.getLogger(__name__)

_PROBLEM = "share"


@dataclass(frozen=True, slots=True)
class Planned:
    """A decision, and what it rests on. ``device``: None when none can be used. ``servers``: those that count, online
    and in the same dtype; None when the swarm could not be asked. ``runtime``: its server needs the GPU runtime, which
    may have to be made first. ``profile``: what every block has. ``because``: why these blocks, in a sentence; empty
    when the person chose them. ``rate``: block-tokens/s that this machine is taken to give."""

    plan: SharePlan | NoShare
    device: Device | None = None
    servers: tuple[SignedRecord, ...] | None = None
    runtime: bool = False
    profile: Profile | None = None
    because: str = ""
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class Settled:
    """A server whose place was left to this node. ``fitting``: how many blocks fit from a first one on. ``seconds``:
    since it moved there; infinity if it never moved."""

    server_id: str
    facts: ModelFacts
    plan: SharePlan
    fitting: Callable[[int], int]
    seconds: float


class Sharing:
    """See the module's text. Belongs to the node's loop."""

    def __init__(
        self,
        supervisor: Supervisor,
        store: StateStore,
        settings: Callable[[], Settings],
        monitor: Monitor,
        facts: FactsDesk,
        *,
        hub_token_file: Path | None = None,
        gpu_runtime: GpuRuntime | None = None,
        on_spawn: Callable[[str, str, SharePlan], None] = lambda server_id, model, plan: None,
        on_wanted: Callable[[str | None], None] = lambda model: None,
        speed: Callable[[str, str], float | None] = lambda device, dtype: None,
    ) -> None:
        """``gpu_runtime``: None: there is none to be had. ``on_spawn`` hears of every server that is started:
        its id, the model as it was asked for, and the plan. ``on_wanted`` hears of the model that is to be shared, and
        None when nothing is any more. ``speed``: bytes of weights that a device (torch's name) got through a second in
        a dtype; None: never measured.
        """
        self._supervisor, self._store, self._settings = supervisor, store, settings
        self._monitor, self._facts = monitor, facts
        self._hub_token_file, self._on_spawn, self._on_wanted = hub_token_file, on_spawn, on_wanted
        self.gpu_runtime, self._speed = gpu_runtime, speed
        self._request: ShareRequest | None = None
        self._said = ShareRequest()  # the same without what the settings added
        self._server_ids: set[str] = set()
        self._work: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._placed: tuple[str, ModelFacts, SharePlan] | None = None
        self._moved_at: float | None = None  # on the loop's clock
        self.folders: dict[str, str] = {}
        """Fingerprint -> folder, of the models that this machine serves from a folder."""

    # Commands (see control.Control)

    async def share(self, request: ShareRequest) -> None:
        """Begin. Raises MeadowError when no model is named, or another is shared already."""
        said, request = request, self.complete(request)
        if not request.model:
            raise MeadowError("No model is named. Say which one: meadow share owner/name.", code="no_model")
        folder = Path(request.model)
        if folder.is_absolute() and not folder.is_dir():
            raise MeadowError(f"There is no folder {folder}.", code="unknown_model")
        if self.active and self._request is not None and not _same(request, self._request):
            raise MeadowError(
                f"This machine shares {self._request.model} already. `meadow finish` ends that; then share the other.",
                code="already_sharing",
            )
        self._store.apply(e.ShareOn(request.model))
        self._on_wanted(request.model)
        if self.active:
            return
        self._request, self._said = request, said
        self._begin(self._start(request))

    async def pause(self, seconds: float | None) -> None:
        """Stop at once, remember what was shared, and go on after ``seconds``. Raises MeadowError if nothing is."""
        if self._request is None:
            raise MeadowError("Nothing is shared, so there is nothing to pause.", code="not_sharing")
        self._store.apply(e.SharePaused(None if seconds is None else time.time() + seconds))
        self._begin(self._stop(None))
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, lambda: self._begin(self._resume()))

    async def resume(self) -> None:
        """End a pause. Raises MeadowError if there was none."""
        if self._request is None or self._store.state.share.wanted is not Wanted.PAUSED:
            raise MeadowError("Sharing is not paused. `meadow share MODEL` begins to share.", code="not_sharing")
        self._begin(self._resume())

    async def finish(self, seconds: float | None) -> None:
        """No new sessions; stop with the last one, at the latest after ``seconds`` (None: as the settings say)."""
        if self._request is None and not self.active:
            raise MeadowError("Nothing is shared, so there is nothing to finish.", code="not_sharing")
        seconds = self._settings()["share.finish_seconds"] if seconds is None else seconds
        self._store.apply(e.ShareFinishing(time.time() + seconds))
        self._begin(self._finish(seconds))

    async def anew(self, seconds: float) -> None:
        """Share the same with the settings as they are now: open sessions have ``seconds`` to end, then its servers are
        started again. Raises MeadowError if nothing is shared."""
        if self._request is None or self._store.state.share.wanted is not Wanted.ON:
            raise MeadowError("Nothing is shared, so new limits count from the next time on.", code="not_sharing")
        self._begin(self._again(seconds))

    async def cancel(self, server_id: str) -> None:
        """Stop sharing what this server is on its way to share; what it has fetched stays. Harmless for any other."""
        server = self._store.state.servers.get(server_id)
        if server_id in self._server_ids and server is not None and server.status is ServerStatus.STARTING:
            self._store.apply(e.ShareFinishing(time.time()))
            self._begin(self._finish(0.0))

    async def cancel_gpu_runtime(self) -> None:
        """Stop sharing if it waits for the GPU runtime; what was fetched stays. Harmless otherwise."""
        if self._store.state.share.gpu_runtime is not None:
            self._store.apply(e.ShareFinishing(time.time()))
            self._begin(self._finish(0.0))

    async def close(self) -> None:
        """Nothing goes on by itself any more; the supervisor ends the servers."""
        self._cancel_timer()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    def server_gone(self, server_id: str) -> None:
        """One of our servers has ended for good. What was asked for can then be asked for again."""
        self._server_ids.discard(server_id)

    @property
    def server_ids(self) -> frozenset[str]:
        """The servers that are shared, not those of a demo."""
        return frozenset(self._server_ids)

    @property
    def active(self) -> bool:
        """Whether something is shared, or is about to be."""
        return bool(self._server_ids) or (self._work is not None and not self._work.done())

    @property
    def settled(self) -> Settled | None:
        """What may move by itself; None: nothing is shared now, or the person chose the blocks."""
        request, placed = self._request, self._placed
        busy = self._work is not None and not self._work.done()
        if busy or request is None or placed is None or request.blocks is not None or placed[0] not in self._server_ids:
            return None
        if self._store.state.share.wanted is not Wanted.ON:
            return None
        name, facts, plan = placed
        fraction = self._settings()["share.limit_fraction"]
        fitting = fitting_as_planned(facts, plan, kv_tokens=request.kv_tokens, limit_fraction=fraction)
        since = self._moved_at
        seconds = math.inf if since is None else asyncio.get_running_loop().time() - since
        return Settled(name, facts, plan, fitting, seconds)

    async def fetch(self, blocks: tuple[int, int]) -> None:
        """Have what these blocks of the shared model need on this machine. Raises MeadowError when that cannot be."""
        if self._request is not None and self._request.model is not None:
            await self._facts.fetch(self._request.model, blocks, self._request.revision)

    async def move(self, blocks: tuple[int, int], server_id: str) -> None:
        """Drain what is shared and host these blocks instead, as ``server_id``. Returns when the new server starts, or
        when another command came in between."""
        self._begin(self._move(blocks, server_id))
        assert self._work is not None
        await asyncio.wait({self._work})

    def complete(self, request: ShareRequest) -> ShareRequest:
        """The request with what it leaves open taken from the settings; it may still name no model."""
        settings = self._settings()
        return replace(
            request,
            model=request.model or (self._request.model if self._request else None) or settings["share.model"] or None,
            dtype=request.dtype or settings["share.dtype"],
            device=request.device or settings["share.device"],
            kv_tokens=request.kv_tokens or settings["share.kv_tokens"],
        )

    async def plan(self, request: ShareRequest, facts: ModelFacts) -> Planned:
        """What to host now, for a request that is complete. Changes nothing."""
        await asyncio.to_thread(self._monitor.refresh)
        survey, runtime = await self._monitor.current(), False
        if self.gpu_runtime is not None:
            survey, runtime = self.gpu_runtime.look(survey, request.device or "auto")
        device = choose(survey, request.device or "auto")
        if isinstance(device, Reason):
            return Planned(NoShare(Why.DEVICE, device.message, device))
        settings = self._settings()
        alike: tuple[SignedRecord, ...] | None = None
        with contextlib.suppress(SwarmError):  # nobody is there: everything is a gap
            found = await self._supervisor.find_servers(facts.fingerprint, facts.num_blocks)
            dtype = request.dtype or facts.dtype
            alike = tuple(
                one
                for one in found
                if one.server.state == "online"
                and one.server.dtype == dtype
                # Records of our own that no server stands behind are of a life that was killed.
                and (one.server.peer_id != self._supervisor.peer_id or one.server.server_id in self._server_ids)
            )
        servers = [one.server for one in alike or ()]
        profile, rate = profile_of(servers, facts.num_blocks), self._rate(device, request, facts, servers)
        seed = f"{self._supervisor.peer_id} {facts.fingerprint.hex()}"
        plan = plan_share(
            facts,
            device,
            dtype=request.dtype,
            kv_tokens=request.kv_tokens,
            limit_fraction=settings["share.limit_fraction"],
            blocks=request.blocks,
            place=lambda fitting: choose_blocks(profile, rate, fitting, indivisible=facts.indivisible, seed=seed),
            reserve=settings["share.reserve_bytes"],
        )
        why = ""
        if isinstance(plan, SharePlan) and request.blocks is None and alike is not None:
            why = str(because(profile, (plan.start, plan.end)))
        return Planned(plan, device, alike, runtime and device.kind is Kind.CUDA, profile, why, rate)

    def _rate(self, device: Device, request: ShareRequest, facts: ModelFacts, servers: Sequence[ServerRecord]) -> float:
        """Block-tokens/s of this machine: from what was measured here, else as the others have them."""
        dtype = request.dtype or facts.dtype
        speed = None if device.torch is None or dtype not in ITEM_BYTES else self._speed(device.torch, dtype)
        each = 0.0 if speed is None else sum(facts.weight_bytes(b, dtype) for b in range(facts.num_blocks))
        return speed * facts.num_blocks / each if speed and each else typical_rate(servers)

    # Inside

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this now, after what is being done has been given up: the last command counts."""
        self._cancel_timer()
        self._work = asyncio.create_task(self._after(self._work, work))

    async def _after(self, before: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> None:
        try:
            if before is not None and not before.done():
                before.cancel()
                await asyncio.wait({before})
        except BaseException:
            work.close()
            raise
        try:
            await work
        except MeadowError as error:
            self._store.apply(e.ProblemSeen(error.code, str(error), None, time.time(), key=_PROBLEM))
            self._give_up()
        except Exception:
            logger.exception("sharing failed")
            message = "Sharing failed. See the node's log."
            self._store.apply(e.ProblemSeen("internal", message, None, time.time(), key=_PROBLEM))
            self._give_up()

    def _give_up(self) -> None:
        if not self._server_ids:
            self._store.apply(e.ShareOff())
            self._request = None
            self._on_wanted(None)

    async def _start(self, request: ShareRequest, server_id: str | None = None) -> None:
        assert request.model is not None
        if self._server_ids:
            return
        self._store.apply(e.ProblemGone(_PROBLEM))
        facts = (await self._facts.ask(request.model, request.revision, fresh=True)).fit
        if Path(request.model).is_absolute():
            self.folders[facts.fingerprint.hex()] = request.model
        plan, environment = await self._decide(request, facts)
        server_id = server_id or new_server_id()
        spec = ServerSpec(
            request.model,
            server_id,
            plan.start,
            plan.end,
            revision=request.revision,
            dtype=plan.dtype,
            device=plan.device,
            kv_tokens=plan.kv_tokens,
            hub_token_file=None if self._hub_token_file is None else str(self._hub_token_file),
        )
        self._server_ids.add(server_id)
        self._store.apply(e.ServerAdded(server_id, facts.name, plan.start, plan.end, plan.device))
        try:
            await self._supervisor.spawn(spec, environment)
        except MeadowError as error:
            self._server_ids.discard(server_id)
            self._store.apply(e.ServerFailed(server_id, error.code, str(error), time.time()))
            raise
        self._placed, self._moved_at = (server_id, facts, plan), None
        self._on_spawn(server_id, request.model, plan)

    async def _move(self, blocks: tuple[int, int], server_id: str) -> None:
        request, placed = self._request, self._placed
        if request is None or placed is None:
            return
        await self._stop(self._settings()["share.finish_seconds"])
        # Less may be free by now: then where it came from, then whatever fits.
        for place in (blocks, (placed[2].start, placed[2].end), None):
            try:
                await self._start(replace(request, blocks=place), server_id)
            except MeadowError as error:
                if place is None:
                    raise
                logger.warning("blocks %d:%d are not hosted: %s", *place, error)
            else:
                self._moved_at = asyncio.get_running_loop().time()
                return

    async def _decide(self, request: ShareRequest, facts: ModelFacts) -> tuple[SharePlan, dict[str, str]]:
        """What to host, and what the server's process gets in its environment; all that it takes is there then."""
        while True:
            planned = await self.plan(request, facts)
            plan, runtime = planned.plan, self.gpu_runtime
            if isinstance(plan, NoShare):
                raise MeadowError(plan.message, code=str(plan.why))
            if runtime is None or not planned.runtime:
                return plan, {}
            if runtime.ready():
                return plan, runtime.environment()
            await runtime.build()  # that took minutes: what is free and what is needed may have changed

    async def _resume(self) -> None:
        if self._request is not None:
            self._store.apply(e.ShareOn(self._request.model))
            await self._start(self._request)

    async def _again(self, seconds: float) -> None:
        await self._stop(seconds)
        if self._request is not None:
            self._request = self.complete(replace(self._said, model=self._request.model))
            await self._start(self._request)

    async def _stop(self, seconds: float | None) -> None:
        await _all(self._supervisor.stop_server(name, drain_seconds=seconds) for name in list(self._server_ids))
        self._server_ids.clear()

    async def _finish(self, seconds: float) -> None:
        await self._stop(seconds)
        self._request = None
        self._store.apply(e.ShareOff())
        self._on_wanted(None)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def _all(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Wait for all; what is gone already is fine."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, Exception) and not isinstance(result, MeadowError):
            raise result


def _same(a: ShareRequest, b: ShareRequest) -> bool:
    return a.model == b.model and (a.blocks is None or a.blocks == b.blocks)
