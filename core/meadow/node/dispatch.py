"""Requests for text on their way to the chat engine: which model is meant, and what the state tree shows of it.

The API and the conversations ask here. Nothing of a prompt or an answer goes into the tree, only counts.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from meadow.chat.request import Delta, Done, GenerationEvent, GenerationRequest, Started
from meadow.errors import MeadowError, SwarmError
from meadow.node import events as e
from meadow.node.catalogue import Listed, ModelNotFound, resolve
from meadow.node.changes import StateStore

WAIT_SECONDS = 30.0
"""How long a request waits for servers to come back."""
START_SECONDS = 90.0
"""The same while the node, or a server of its own, is still starting."""
RECENT_SECONDS = 120.0
"""A model that was up within so long is worth waiting for."""
AGAIN_SECONDS = 1.0
PASSING = frozenset({"unknown_model", "blocks_missing", "server_lost", "engine_died", "swarm", "not_joined"})
_MOST_NAMES = 256


class Engine(Protocol):
    """The chat engine (:class:`meadow.node.engine.EngineHandle`)."""

    def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]: ...
    async def end(self, conversation: str) -> bool: ...

    async def forget(self, conversation: str) -> None: ...


class Dispatch:
    """See the module's text; the same two methods as the engine's."""

    def __init__(
        self,
        engine: Engine,
        store: StateStore,
        models: Callable[[], Sequence[Listed]],
        *,
        look_again: Callable[[], Awaitable[None]],
        starting: Callable[[str], bool] = lambda name: False,
        why_not: Callable[[str], MeadowError | None] = lambda name: None,
    ) -> None:
        """``models``: what can be asked for; ``look_again``: search the swarm, for a model that came a moment ago;
        ``starting``: it, or what it may be, will be up soon; ``why_not``: a better reason for why it is not there."""
        self._engine, self._store, self._models, self._look_again = engine, store, models, look_again
        self._starting, self._why_not = starting, why_not
        self._numbers = itertools.count(1)
        self._up: dict[str, float] = {}

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """As :meth:`EngineHandle.generate`. Raises ModelNotFound for a model that nobody serves.

        One that was up a moment ago is waited for (SESSION.md rule 11), as long as nothing of the answer is written.
        """
        number = f"a{next(self._numbers)}"
        self._store.apply(e.AnswerAsked(number, request.model, request.conversation, time.time()))
        loop = asyncio.get_running_loop()
        began = loop.time()
        begun = False
        code = "cancelled"
        try:
            while True:
                try:
                    model = await self._resolve(request.model)
                    async with aclosing(
                        self._engine.generate(replace(request, model=model.source, swarm=model.swarm))
                    ) as events:
                        async for event in events:
                            begun = True
                            self._note(number, event)
                            if isinstance(event, Done):
                                code = ""
                            yield event
                    return
                except MeadowError as error:
                    starting = self._starting(request.model)
                    passes = error.code in PASSING and (starting or self._was_up(request.model))
                    waited = loop.time() - began
                    if begun or not passes or waited >= (START_SECONDS if starting else WAIT_SECONDS):
                        if passes and isinstance(error, ModelNotFound):
                            raise SwarmError(
                                "The node is still starting, and this model is not up yet. Try again in a moment.",
                                code="node_starting",
                            ) from None
                        raise
                await asyncio.sleep(AGAIN_SECONDS)
        except MeadowError as error:
            code = error.code
            raise
        finally:
            if code:
                self._store.apply(e.AnswerFailed(number, code))

    async def end(self, conversation: str) -> bool:
        """As :meth:`EngineHandle.end`."""
        return await self._engine.end(conversation)

    async def forget(self, conversation: str) -> None:
        """As :meth:`EngineHandle.forget`."""
        await self._engine.forget(conversation)

    async def _resolve(self, name: str) -> Listed:
        try:
            model = resolve(name, self._models())
        except ModelNotFound:
            if (why := self._why_not(name)) is not None:
                raise why from None
            await self._look_again()
            model = resolve(name, self._models())
        if model.ready:
            self._up[name] = asyncio.get_running_loop().time()
            if len(self._up) > _MOST_NAMES:
                del self._up[min(self._up, key=self._up.__getitem__)]
        return model

    def _was_up(self, name: str) -> bool:
        """Whether somebody served all of it, not long ago."""
        at = self._up.get(name)
        return at is not None and asyncio.get_running_loop().time() - at <= RECENT_SECONDS

    def _note(self, number: str, event: GenerationEvent) -> None:
        now = time.time()
        if isinstance(event, Started):
            self._store.apply(e.AnswerStarted(number, event.prompt_tokens, event.reused_tokens, now))
        elif isinstance(event, Delta):
            self._store.apply(e.AnswerGrew(number, len(event.token_ids), now))
        elif isinstance(event, Done):
            self._store.apply(
                e.AnswerDone(
                    number,
                    event.prompt_tokens,
                    event.completion_tokens,
                    event.reused_tokens,
                    event.bytes_sent,
                    event.route,
                    now,
                )
            )
