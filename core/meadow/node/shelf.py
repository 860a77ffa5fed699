"""The models that a person can choose from, and what becomes of their files: listed, looked at, fetched, deleted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from meadow.errors import MeadowError
from meadow.models.cache import CachedModel, cached_models, remove_model
from meadow.models.names import is_model_id
from meadow.node.catalogue import Listed
from meadow.node.changes import StateStore
from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.store import ChatStore
from meadow.node.demo import Demo
from meadow.node.engine import EngineHandle
from meadow.node.gpu_runtime.keeper import DOWNLOAD
from meadow.node.modelfacts import Facts, FactsDesk
from meadow.node.remembered import Remembered
from meadow.node.share import Sharing
from meadow.node.state import SwarmModel

MOST_RECENT = 20
MOST_FETCHED = 8
"""At a time."""
_CHATS_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class UpModel:
    """A model of the swarm. ``id``: what a chat asks for, None if one cannot chat with it from here."""

    model: SwarmModel
    id: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """All that there is to choose from. ``recent``: name -> when, Unix seconds; the newest first."""

    up: Sequence[UpModel]
    recent: Sequence[tuple[str, float]]
    local: Sequence[tuple[str, int]]
    """(name, bytes on this disk)"""


class Shelf:
    """Belongs to the node's loop."""

    def __init__(
        self,
        *,
        store: StateStore,
        listed: Callable[[], Sequence[Listed]],
        engine: EngineHandle,
        sharing: Sharing,
        demo: Demo,
        facts: FactsDesk,
        remembered: Remembered,
        chats: AsyncChatStore,
        cache_dir: Path,
    ) -> None:
        """``listed``: the models that can be chatted with."""
        self._store, self._listed, self._engine, self._sharing = store, listed, engine, sharing
        self._demo, self._facts, self._remembered, self._chats = demo, facts, remembered, chats
        self._cache_dir = cache_dir

    async def choice(self) -> Choice:
        """What there is now."""
        ids = {(one.fingerprint, bool(one.swarm)): one.id for one in self._listed()}
        models = self._store.state.swarm.models.values()
        up = [UpModel(model, ids.get((model.fingerprint, model.demo))) for model in models]
        return Choice(up, await self._recent(), await self._local())

    async def look(self, model: str) -> Facts:
        """Facts about a model, before anything of it is fetched. Raises MeadowError: why nothing is known."""
        return await self._facts.ask(self._source(model))

    async def fetch(self, model: str) -> None:
        """Get the part that chats need onto this disk; the state tree tells how it goes. What is a folder is there.

        Raises MeadowError.
        """
        source = self._source(model)
        if Path(source).is_absolute():
            return
        state = self._store.state
        running = [key for key in state.downloads if key.startswith("chat:")]
        if len(running) >= MOST_FETCHED and f"chat:{source}" not in state.downloads:
            raise MeadowError(f"{len(running)} models are being fetched already. Wait, or cancel one.", code="busy")
        await self._engine.fetch(source)
        self._remembered.used(source)

    async def cancel(self, key: str) -> None:
        """End a download; what is there stays and is used next time. Harmless when there is none (any more)."""
        kind, _, name = key.partition(":")
        if kind == "server":
            await self._sharing.cancel(name)
        elif kind == "chat":
            await self._engine.cancel_download(name)
        elif key == DOWNLOAD:
            await self._sharing.cancel_gpu_runtime()

    async def delete(self, model: str) -> int:
        """Delete what was downloaded of a model; returns the bytes that are free then.

        Raises MeadowError: it is in use, or not there.
        """
        state = self._store.state
        if any(server.model == model and not server.demo for server in state.servers.values()):
            raise MeadowError(f"This machine shares {model}. Stop that, then delete it.", code="conflict")
        sources = {one.id: one.source for one in self._listed()}
        if any(sources.get(answer.model or "", answer.model) == model for answer in state.chats.values()):
            raise MeadowError(f"An answer is being written with {model}. Wait for it, or stop it.", code="conflict")
        if any(download.model == model for download in state.downloads.values()):
            raise MeadowError(f"{model} is being downloaded. Cancel that, then delete it.", code="conflict")
        await self._engine.unload(model)
        freed = await asyncio.to_thread(remove_model, model, self._cache_dir)
        self._facts.forget()
        return freed

    # Inside

    def _source(self, model: str) -> str:
        """A hub id, or a folder that is there. Nothing else is ever opened: a name is no path below some folder."""
        if self._demo.means(model):
            return str(self._demo.folder)
        known = next((one.source for one in self._listed() if one.id == model), model)
        if Path(known).is_absolute():
            if Path(known).is_dir():
                return known
            raise MeadowError(f"There is no folder {known}.", code="unknown_model")
        if not is_model_id(known):
            raise MeadowError(
                "Name a model of the hub, like owner/name, or the absolute path of a folder.", code="unknown_model"
            )
        return known

    async def _recent(self) -> list[tuple[str, float]]:
        used = dict(self._remembered.models)
        try:
            for chat in await self._chats(ChatStore.chats, _CHATS_LOOKED_AT):
                if chat.model is not None:
                    used[chat.model] = max(used.get(chat.model, 0.0), min(chat.updated_at, time.time()))
        except MeadowError:
            pass  # conversations that cannot be read are told about where they matter
        return sorted(used.items(), key=lambda item: -item[1])[:MOST_RECENT]

    async def _local(self) -> list[tuple[str, int]]:
        sizes: dict[str, int] = {}
        for model in await asyncio.to_thread(self._cached):
            sizes[model.name] = sizes.get(model.name, 0) + model.bytes_on_disk
        return sorted(sizes.items())

    def _cached(self) -> list[CachedModel]:
        return cached_models(self._cache_dir)
