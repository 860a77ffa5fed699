"""What sharing would do here, before anybody says so: the decision that ``share`` makes, in numbers and a sentence.

Nothing is changed and no weights are read; from a hub come only the config and the headers of the weight files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from meadow.errors import MeadowError, SwarmError
from meadow.node.changes import StateStore
from meadow.node.control import ShareRequest
from meadow.node.gpu_runtime.keeper import Cost
from meadow.node.modelfacts import Facts, FactsDesk
from meadow.node.people import whom_to_ask
from meadow.node.remembered import Remembered
from meadow.node.share import Planned, Sharing
from meadow.node.speed import swarm_speed
from meadow.platform.fit import NoShare, SharePlan
from meadow.platform.readings import Device
from meadow.swarm.placement import Candidate, best_model
from meadow.swarm.records import ServerRecord, SignedRecord

MOST_TRIED = 4
"""Models of the swarm that are looked at: their names are claims of strangers, and each look may ask a hub."""
_NEW_SERVER = "00000000"


class Reason(StrEnum):
    """Why this model."""

    ASKED = "asked"
    SETTING = "setting"
    """It is the one of share.model, or of a pause."""
    GAP = "gap"
    """The swarm lacks blocks of it that fit here."""
    WEAKEST = "weakest"
    """Every model of the swarm that fits is whole; this one is lifted most."""
    BUNDLED = "bundled"
    """Nothing is up in the swarm: the toy model that comes with Meadow."""


@dataclass(frozen=True, slots=True)
class Preview:
    """Blocks ``[start, end)`` of ``model``, which is what ``share`` takes. Sizes in bytes; ``swarm_before`` and
    ``swarm_after`` in tokens/s of one session (``speed.swarm_speed``), None when unknown."""

    model: str
    start: int
    end: int
    num_blocks: int
    download_bytes: int
    memory_bytes: int
    device: str
    device_name: str
    memory_free: int
    swarm_before: float | None
    swarm_after: float | None
    text: str
    reason: Reason
    runtime_download_bytes: int | None = None
    """The GPU runtime has to be made first, and so much of it downloaded; None: it has not."""
    runtime_disk_bytes: int | None = None
    """What it takes on the disk once it is there."""


class SharePlans:
    """Belongs to the node's loop."""

    def __init__(
        self,
        sharing: Sharing,
        store: StateStore,
        facts: FactsDesk,
        remembered: Remembered,
        *,
        own_peer_id: Callable[[], str | None],
        starting: Callable[[], bool],
        bundled: Path,
        sessions: Callable[[Sequence[SignedRecord]], Awaitable[int]],
    ) -> None:
        """``starting``: the swarm has not been seen yet; ``bundled``: the folder of the model that comes with us;
        ``sessions``: how many these servers have open now.
        """
        self._sessions = sessions
        self._sharing, self._store, self._facts, self._remembered = sharing, store, facts, remembered
        self._own_peer_id, self._starting, self._bundled = own_peer_id, starting, bundled

    async def preview(self, model: str | None) -> Preview:
        """What ``share`` would do with ``model``, or with the one that should be shared.

        Raises MeadowError: why nothing would be shared.
        """
        if self._sharing.active:
            raise MeadowError(f"{self._store.state.share.text} There is nothing to plan.", code="already_sharing")
        if model is not None and Path(model).is_absolute() and not Path(model).is_dir():
            raise MeadowError(f"There is no folder {model}.", code="unknown_model")
        request = self._sharing.complete(ShareRequest(model))
        if request.model is not None:
            reason = Reason.SETTING if model is None else Reason.ASKED
            return await self._show(request, await self._facts.ask(request.model), reason)
        if self._starting():
            raise SwarmError("The node is still joining its swarm. Try again in a moment.", code="node_starting")
        models = [model for model in self._store.state.swarm.models.values() if not model.demo]
        if not models:
            request = replace(request, model=str(self._bundled))
            return await self._show(request, await self._facts.ask(str(self._bundled)), Reason.BUNDLED)
        refusals: list[MeadowError] = []
        models.sort(key=lambda model: model.complete)  # who lacks blocks comes first
        tried = [(m.fingerprint, source) for m in models if (source := self._source(m.fingerprint, m.hub_id))]
        chosen: dict[str, tuple[Facts, Planned]] = {}
        candidates: list[Candidate] = []
        for fingerprint, source in tried[:MOST_TRIED]:
            try:
                facts = await self._facts.ask(source)
            except MeadowError as error:
                refusals.append(error)
                continue
            if facts.fit.fingerprint.hex() != fingerprint:  # the hub has another model under this name
                continue
            planned = await self._sharing.plan(replace(request, model=source), facts.fit)
            if isinstance(planned.plan, NoShare):
                refusals.append(MeadowError(planned.plan.message, code=str(planned.plan.why)))
                continue
            assert planned.profile is not None
            chosen[source] = facts, planned
            span = planned.plan.start, planned.plan.end
            people = await self._people(planned)
            candidates.append(Candidate(source, planned.profile, [span], planned.rate, people))
        if (best := best_model(candidates)) is not None:
            source = best[0].name
            reason = Reason.WEAKEST if best[0].profile.complete else Reason.GAP
            return await self._show(replace(request, model=source), chosen[source][0], reason, chosen[source][1])
        if refusals:
            raise refusals[0]
        raise MeadowError(
            "No model of this swarm can be fetched from here: they come from folders of other machines, or their names "
            "stand for other weights. Name the model to share.",
            code="not_fetchable",
        )

    async def _people(self, planned: Planned) -> int:
        """Sessions that are open on a model that is whole; nobody can chat with another."""
        if planned.profile is None or not planned.profile.complete:
            return 0
        return await self._sessions(whom_to_ask(planned.servers or (), planned.profile))

    def _source(self, fingerprint: str, hub_id: str | None) -> str | None:
        return self._sharing.folders.get(fingerprint) or hub_id

    async def _show(
        self, request: ShareRequest, facts: Facts, reason: Reason, planned: Planned | None = None
    ) -> Preview:
        planned = planned or await self._sharing.plan(request, facts.fit)
        plan = planned.plan
        if isinstance(plan, NoShare):
            raise MeadowError(plan.message, code=str(plan.why))
        assert planned.device is not None and request.model is not None
        before, after = await asyncio.to_thread(self._speeds, planned, plan, facts)
        runtime = self._sharing.gpu_runtime
        cost = runtime.cost() if runtime is not None and planned.runtime else None
        return Preview(
            model=request.model,
            start=plan.start,
            end=plan.end,
            num_blocks=plan.num_blocks,
            download_bytes=plan.download_bytes,
            memory_bytes=plan.weight_bytes + plan.cache_bytes,
            device=plan.device,
            device_name=planned.device.name,
            memory_free=plan.free_bytes,
            swarm_before=before,
            swarm_after=after,
            text=sentence(plan, planned.device, before, after, cost, because=planned.because),
            reason=reason,
            runtime_download_bytes=None if cost is None else cost.download,
            runtime_disk_bytes=None if cost is None else cost.disk,
        )

    def _speeds(self, planned: Planned, plan: SharePlan, facts: Facts) -> tuple[float | None, float | None]:
        own = self._own_peer_id()
        if planned.servers is None or own is None:
            return None, None
        fit = facts.fit
        new = ServerRecord(
            own,
            _NEW_SERVER,
            fit.fingerprint,
            plan.start,
            plan.end,
            "online",
            dtype=plan.dtype,
            throughput=self._remembered.expected(plan) or 0.0,
        )
        with_us = [*planned.servers, SignedRecord(new, b"")]
        before, after = (
            swarm_speed(servers, fit.num_blocks, dtype=plan.dtype, indivisible=fit.indivisible)
            for servers in (planned.servers, with_us)
        )
        return rounded(before), rounded(after)


def rounded(speed: float | None) -> float | None:
    """Two digits are more than anybody knows of it."""
    return None if speed is None else float(f"{speed:.2g}")


def sentence(
    plan: SharePlan,
    device: Device,
    before: float | None,
    after: float | None,
    runtime: Cost | None = None,
    *,
    because: str = "",
) -> str:
    """What the person reads before they share."""
    blocks = "all" if plan.end - plan.start == plan.num_blocks else f"{plan.end - plan.start} of"
    text = (
        f"Your {device.name} ({_size(plan.free_bytes)} free) would host {blocks} {plan.num_blocks} blocks of "
        f"{plan.model} ({plan.start}:{plan.end}, {_size(plan.weight_bytes + plan.cache_bytes)})"
    )
    if before == 0.0 and after:
        text += f", and the swarm could then run it at about {after:g} tokens/s"
    elif before == 0.0 and after is None:
        text += ", and the swarm could then run it"
    elif before == 0.0 and after == 0.0:
        text += "; other blocks of it would still be missing"
    elif before and after and after > before:
        text += f" and lift the swarm from about {before:g} to {after:g} tokens/s"
    text += f". {because}" if because else "."
    if plan.download_bytes:
        text += f" First {_size(plan.download_bytes)} would be downloaded."
    if runtime is not None:
        text += (
            f" The GPU runtime comes before that, once: {_size(runtime.download)} to download, {_size(runtime.disk)} "
            "on the disk."
        )
    return text


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
