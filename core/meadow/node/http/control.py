"""``/api/share``, ``pause``, ``resume``, ``finish``, ``stop``: the few commands that change what the node does."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, field_validator

from meadow.node.control import Control, ShareRequest

_YEAR_SECONDS = 366 * 86400.0
NAME = r"^[^\x00-\x1f\x7f]+$"
Block = Annotated[int, Field(ge=0, le=100_000)]


class _Body(BaseModel):
    # Strict: "true" is no boolean, and a misspelt field is told instead of ignored.
    model_config = ConfigDict(extra="forbid", strict=True)


class ShareBody(_Body):
    """What to share. Whatever is left out is taken from the settings."""

    model: str | None = Field(
        None,
        min_length=1,
        max_length=4096,
        pattern=NAME,
        description="owner/name on the hub, or the absolute path of a folder with a checkpoint. Left out: share.model.",
        examples=["owner/name"],
    )
    blocks: Annotated[list[Block], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="[START, END): blocks START to END - 1. Left out: those that fit into the memory that is "
        "free now and help the swarm most.",
        examples=[[0, 6]],
    )
    revision: str | None = Field(
        None, min_length=1, max_length=200, pattern=NAME, description="Branch, tag or commit on the hub."
    )
    dtype: Literal["float32", "bfloat16", "float16"] | None = Field(None, description="Left out: share.dtype.")
    device: Literal["cpu", "cuda", "mps"] | None = Field(None, description="Left out: share.device.")
    kv_tokens: int | None = Field(
        None, ge=1, le=1 << 40, description="Tokens of all sessions together that may be cached."
    )

    @field_validator("blocks")
    @classmethod
    def _start_before_end(cls, blocks: list[int] | None) -> list[int] | None:
        if blocks is not None and blocks[0] >= blocks[1]:
            raise ValueError("must be [START, END] with START below END, for example [0, 6] for six blocks")
        return blocks

    def request(self) -> ShareRequest:
        """The same for the node."""
        blocks = None if self.blocks is None else (self.blocks[0], self.blocks[1])
        return ShareRequest(self.model, blocks, self.revision, self.dtype, self.device, self.kv_tokens)


class PauseBody(_Body):
    """How long."""

    seconds: float | None = Field(
        None,
        gt=0,
        le=_YEAR_SECONDS,
        allow_inf_nan=False,
        description="Share again after so many seconds. Left out or null: until /api/resume.",
        examples=[3600],
    )


class FinishBody(_Body):
    """How long running sessions may take."""

    seconds: float | None = Field(
        None,
        ge=0,
        le=_YEAR_SECONDS,
        allow_inf_nan=False,
        description="Stop after so many seconds even if sessions are still open. Left out or null: "
        "share.finish_seconds.",
        examples=[600],
    )


class AnewBody(_Body):
    """How long running sessions may take."""

    seconds: float = Field(
        60.0,
        ge=0,
        le=_YEAR_SECONDS,
        allow_inf_nan=False,
        description="Sessions that are still open after so many seconds are ended.",
    )


class NoBody(_Body):
    """Nothing: send ``{}``."""


class Accepted(BaseModel):
    """The node has taken the command on. ``/api/state`` and ``/api/events`` tell how it goes."""

    accepted: Literal[True] = True


def router(control: Control) -> APIRouter:
    """The routes of the commands."""
    routes = APIRouter(prefix="/api", tags=["commands"])

    @routes.post("/share", status_code=202, summary="Share blocks of a model with the swarm")
    async def share(body: ShareBody) -> Accepted:
        await control.share(body.request())
        return Accepted()

    @routes.post("/share/anew", status_code=202, summary="Share the same with the settings as they are now")
    async def share_anew(body: AnewBody) -> Accepted:
        await control.share_anew(body.seconds)
        return Accepted()

    @routes.delete("/interrupted", summary="What ended with the last node is known: offer it no more")
    async def forget_interrupted() -> Accepted:
        await control.forget_interrupted()
        return Accepted()

    @routes.post("/pause", status_code=202, summary="Give the machine back for a while")
    async def pause(body: PauseBody) -> Accepted:
        await control.pause(body.seconds)
        return Accepted()

    @routes.post("/resume", status_code=202, summary="End a pause now")
    async def resume(body: NoBody) -> Accepted:
        await control.resume()
        return Accepted()

    @routes.post("/finish", status_code=202, summary="Take no new sessions, and stop sharing when idle")
    async def finish(body: FinishBody) -> Accepted:
        await control.finish(body.seconds)
        return Accepted()

    @routes.post("/stop", status_code=202, summary="End the node and everything that it runs")
    async def stop(body: NoBody) -> Accepted:
        await control.stop()
        return Accepted()

    return routes
