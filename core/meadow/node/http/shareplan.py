"""``/api/share/plan`` and ``/api/contributions``: what sharing would do here, and what it has done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from meadow.node.contributions import Contributions
from meadow.node.http.control import NAME
from meadow.node.shareplan import Reason, SharePlans


class PlanBody(BaseModel):
    """What `POST /api/share` with this `model` would do now. Sizes in bytes."""

    model: str = Field(description="What `/api/share` takes: owner/name on the hub, or a folder.")
    start: int
    end: int = Field(description="The first block that it would not host.")
    num_blocks: int = Field(description="Of the whole model.")
    download_bytes: int = Field(description="What would be downloaded first.")
    memory_bytes: int = Field(description="Weights, and the cache for sessions.")
    device: str = Field(description="As torch calls it.", examples=["cpu", "cuda:0"])
    device_name: str
    memory_free: int = Field(description="On this device, now.")
    swarm_before: float | None = Field(
        None, description="Tokens/s of one chat with this model, as servers say of themselves; absent when unknown."
    )
    swarm_after: float | None = Field(
        None, description="The same with this machine. Absent until a server here has once measured itself."
    )
    runtime_download_bytes: int | None = Field(
        None,
        description="Of the GPU runtime, which servers on an NVIDIA GPU need: what is still to be downloaded. Absent "
        "when it is there, or not needed.",
    )
    runtime_disk_bytes: int | None = Field(None, description="What it takes on the disk then.")
    text: str = Field(description="The same in a sentence or two.")
    reason: Reason = Field(
        description="Why this model: it was asked for; it is the setting share.model, or paused; the swarm lacks "
        "blocks of it that fit here; or nothing is up in this swarm, and it is the one that comes with Meadow."
    )


class CountsBody(BaseModel):
    """What was computed for others. Servers of the demo do not count."""

    tokens: int = Field(description="Rows x positions; once for each server here that a token passed.")
    sessions: int = Field(description="Opened by others.")
    bytes_in: int = Field(description="Of hidden states.")
    bytes_out: int
    seconds: float = Field(description="In which a server was up.")


Bar = Annotated[list[int], Field(min_length=2, max_length=2, description="[Unix time of its beginning, tokens]")]


class ContributionsBody(BaseModel):
    """Today is a day of this computer's calendar."""

    today: CountsBody
    total: CountsBody
    hours: list[Bar] = Field(description="The last 24 hours, the present one last.")
    days: list[Bar] = Field(description="The last 30 days, today last.")


def router(plans: SharePlans, contributions: Contributions) -> APIRouter:
    """The two routes."""
    routes = APIRouter(prefix="/api", tags=["sharing"])

    @routes.get("/share/plan", response_model_exclude_none=True, summary="What sharing would do here")
    async def plan(
        model: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=4096,
                pattern=NAME,
                description="owner/name on the hub, or the absolute path of a folder. Left out: share.model, else a "
                "model of the swarm with a gap that fits here.",
            ),
        ] = None,
    ) -> PlanBody:
        """The decision that `/api/share` would make, from what is free and what others serve now. Changes nothing, and
        downloads no weights. Takes some seconds the first time: the model's files are looked at."""
        return PlanBody.model_validate(await plans.preview(model), from_attributes=True)

    @routes.get("/contributions", summary="What this machine computed for others: today, in all, and by the hour")
    async def contributed() -> ContributionsBody:
        return ContributionsBody.model_validate(contributions.report())

    return routes
