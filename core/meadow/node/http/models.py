"""``/api/models``, ``/api/downloads`` and ``/api/hub-token``: what there is to choose from, and what is fetched."""

from __future__ import annotations

import asyncio
from pathlib import Path as File
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from meadow.errors import MeadowError
from meadow.models.hub_token import MAX_LENGTH, forget_hub_token, read_hub_token, write_hub_token
from meadow.node.changes import StateStore
from meadow.node.http.control import NAME, Accepted
from meadow.node.modelfacts import FactsDesk
from meadow.node.shelf import Shelf
from meadow.node.state_words import DemoStatus
from meadow.platform.paths import private_folder

ModelName = Annotated[str, Field(min_length=1, max_length=4096, pattern=NAME)]
_Query = Annotated[
    str,
    Query(
        min_length=1,
        max_length=4096,
        pattern=NAME,
        description="owner/name on the hub, or the absolute path of a folder.",
    ),
]


class UpBody(BaseModel):
    """A model that somebody serves. ``name`` and ``hub_id`` are claims of strangers: show them as plain text."""

    id: str | None = Field(
        default=None, description="What a chat asks for; absent when one cannot chat with it from here."
    )
    name: str
    hub_id: str | None = None
    fingerprint: str
    num_blocks: int
    complete: bool
    missing: list[tuple[int, int]] = Field(description="The gaps, as [start, end) pairs.")
    num_servers: int
    demo: bool


class RecentBody(BaseModel):
    """A model that was chatted with, shared or fetched."""

    model: str
    used: float = Field(description="Unix seconds.")


class LocalBody(BaseModel):
    """A model of a hub that is here, perhaps in part."""

    model: str
    bytes: int


class DemoBody(BaseModel):
    """The toy model that comes with Meadow."""

    model: str
    status: DemoStatus


class ModelsBody(BaseModel):
    """All that there is to choose from; any other model of the hub, or a folder, can be named too."""

    swarm: list[UpBody]
    recent: list[RecentBody] = Field(description="The last used first.")
    local: list[LocalBody]
    demo: DemoBody


class InfoBody(BaseModel):
    """What is known of a model before anything of it is fetched. Sizes in bytes."""

    model: str
    supported: bool | None = Field(
        default=None, description="Whether Meadow can run it; absent when that cannot be seen."
    )
    gated: bool = Field(description="The hub does not let you read it; `reason` says what to do.")
    reason: str | None = Field(default=None, description="Why it cannot be used, or not yet.")
    num_blocks: int | None = None
    hidden_size: int | None = None
    context: int | None = Field(default=None, description="Tokens.")
    dtype: str | None = None
    chat_part_bytes: int | None = Field(
        default=None, description="Embeddings, last norm and head: what whoever chats needs."
    )
    chat_part_missing_bytes: int | None = Field(default=None, description="What of that is not on this machine yet.")
    block_bytes: int | None = Field(default=None, description="One block, on average.")


class FetchBody(BaseModel):
    """What to fetch."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: ModelName = Field(examples=["owner/name"])


class FreedBody(BaseModel):
    """The room that there is now."""

    freed_bytes: int


class TokenBody(BaseModel):
    """Your token for the hub. It never comes back."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: str = Field(min_length=8, max_length=MAX_LENGTH, examples=["hf_..."])


class TokenIs(BaseModel):
    """Whether Meadow keeps one."""

    set: bool


def router(shelf: Shelf, store: StateStore) -> APIRouter:
    """The routes of models and downloads."""
    routes = APIRouter(prefix="/api", tags=["models"])

    @routes.get("/models", response_model_exclude_none=True, summary="Models: up in the swarm, recent, on this disk")
    async def models() -> ModelsBody:
        choice = await shelf.choice()
        demo = store.state.demo
        return ModelsBody(
            swarm=[
                UpBody(
                    id=up.id,
                    name=up.model.name,
                    hub_id=up.model.hub_id,
                    fingerprint=up.model.fingerprint,
                    num_blocks=up.model.num_blocks,
                    complete=up.model.complete,
                    missing=list(up.model.missing),
                    num_servers=up.model.num_servers,
                    demo=up.model.demo,
                )
                for up in choice.up
            ],
            recent=[RecentBody(model=name, used=used) for name, used in choice.recent],
            local=[LocalBody(model=name, bytes=size) for name, size in choice.local],
            demo=DemoBody(model=demo.model or "", status=demo.status),
        )

    @routes.get("/models/info", response_model_exclude_none=True, summary="What a model is, before it is fetched")
    async def info(model: _Query) -> InfoBody:
        """Reads the config and the headers of the weight files; from a hub only these few bytes come. Takes some
        seconds the first time."""
        try:
            facts = await shelf.look(model)
        except MeadowError as error:
            if error.code == "gated":
                return InfoBody(model=model, gated=True, reason=str(error))
            if error.code in ("unsupported_model", "damaged_checkpoint"):
                return InfoBody(model=model, supported=False, gated=False, reason=str(error))
            raise
        return InfoBody(
            model=model,
            supported=True,
            gated=False,
            num_blocks=facts.fit.num_blocks,
            hidden_size=facts.hidden_size,
            context=facts.context,
            dtype=facts.fit.dtype,
            chat_part_bytes=facts.chat_part_bytes,
            chat_part_missing_bytes=facts.chat_part_missing_bytes,
            block_bytes=facts.block_bytes,
        )

    @routes.post("/models/fetch", status_code=202, summary="Fetch the part of a model that chats need")
    async def fetch(body: FetchBody) -> Accepted:
        """How it goes is in the state tree: `downloads["chat:MODEL"]`, and `problems["model:MODEL"]`. What is there
        already is used, so this also resumes."""
        await shelf.fetch(body.model)
        return Accepted()

    @routes.delete("/downloads/{key:path}", status_code=202, summary="Cancel a download; what is there stays")
    async def cancel(
        key: Annotated[str, Path(max_length=4200, description="Its key in `downloads` of the state.")],
    ) -> Accepted:
        """Of a server's download it also ends sharing that model; of a chat's, the answers that wait for it. Harmless
        when there is none (any more)."""
        await shelf.cancel(key)
        return Accepted()

    @routes.delete("/models/local", summary="Delete what was downloaded of a model")
    async def delete(model: _Query) -> FreedBody:
        return FreedBody(freed_bytes=await shelf.delete(model))

    return routes


def token_router(file: File, facts: FactsDesk) -> APIRouter:
    """The routes of the hub token, which is kept in ``file``."""
    routes = APIRouter(prefix="/api/hub-token", tags=["models"])

    def is_set() -> bool:
        return read_hub_token(file) is not None

    def write(token: str) -> None:
        private_folder(file.parent)
        write_hub_token(file, token)

    @routes.get("", summary="Whether Meadow keeps your token for the model hub")
    async def get() -> TokenIs:
        return TokenIs(set=await asyncio.to_thread(is_set))

    @routes.put("", summary="Keep your token for the model hub, for gated and private models")
    async def put(body: TokenBody) -> TokenIs:
        """It is kept in a file that only you can read, and sent to the hub only. It counts from the next download."""
        await asyncio.to_thread(write, body.token)
        facts.forget()
        return TokenIs(set=True)

    @routes.delete("", summary="Forget it")
    async def delete() -> TokenIs:
        await asyncio.to_thread(forget_hub_token, file)
        facts.forget()
        return TokenIs(set=False)

    return routes
