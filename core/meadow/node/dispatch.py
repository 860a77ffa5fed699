"""Requests for text on their way to the chat engine: which model is meant, and what the state tree shows of it.

The API and the conversations ask here. Nothing of a prompt or an answer goes into the tree, only counts.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from meadow.chat.request import Delta, Done, GenerationEvent, GenerationRequest, Started
from meadow.errors import MeadowError
from meadow.node import events as e
from meadow.node.catalogue import Listed, ModelNotFound, resolve
from meadow.node.changes import StateStore


class Engine(Protocol):
    """The chat engine (:class:`meadow.node.engine.EngineHandle`)."""

    def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]: ...
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
    ) -> None:
        """``models``: what can be asked for; ``look_again``: search the swarm, for a model that came a moment ago."""
        self._engine, self._store, self._models, self._look_again = engine, store, models, look_again
        self._numbers = itertools.count(1)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """As :meth:`EngineHandle.generate`. Raises ModelNotFound for a model that nobody serves."""
        number = f"a{next(self._numbers)}"
        self._store.apply(e.AnswerAsked(number, request.model, request.conversation, time.time()))
        code = "cancelled"
        try:
            model = await self._resolve(request.model)
            async with aclosing(self._engine.generate(replace(request, model=model.source))) as events:
                async for event in events:
                    self._note(number, event)
                    if isinstance(event, Done):
                        code = ""
                    yield event
        except MeadowError as error:
            code = error.code
            raise
        finally:
            if code:
                self._store.apply(e.AnswerFailed(number, code))

    async def forget(self, conversation: str) -> None:
        """As :meth:`EngineHandle.forget`."""
        await self._engine.forget(conversation)

    async def _resolve(self, model: str) -> Listed:
        try:
            return resolve(model, self._models())
        except ModelNotFound:
            await self._look_again()
            return resolve(model, self._models())

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
