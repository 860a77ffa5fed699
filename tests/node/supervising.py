"""A supervisor of real processes in this process, and what it has told so far."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import torch
from real_processes import MARK, Processes
from transformers import AutoModelForCausalLM, AutoTokenizer

from meadow.chat.request import Delta, GenerationRequest
from meadow.node.engine import EngineHandle
from meadow.node.supervisor import Supervisor
from meadow.platform.paths import Paths
from meadow.server.spec import ServerSpec

PATIENCE = 60.0
Event = dict[str, Any]


class Watched:
    """A supervisor that restarts, its events, and the handle of its chat engine."""

    def __init__(self, home: Path, *, restart: bool = True) -> None:
        self.events: list[Event] = []
        self._told = asyncio.Condition()
        self.supervisor = Supervisor(Paths.of(home), on_event=self._hear, restart=restart)
        self.engine = EngineHandle(
            find_servers=self.supervisor.find_servers,
            find_models=self.supervisor.find_models,
            on_event=lambda event: self._hear(dict(event)),
        )

    def _hear(self, event: Event) -> None:
        self.events.append(event)

    async def until(self, name: str, *, after: int = 0, seconds: float = PATIENCE, **fields: Any) -> Event:
        """The first event of this name with these fields, from event number ``after`` on."""

        def fits(event: Event) -> bool:
            return event["event"] == name and all(event.get(key) == value for key, value in fields.items())

        return await eventually(
            lambda: next((event for event in self.events[after:] if fits(event)), None),
            seconds=seconds,
            what=lambda: f"no {name} {fields} in {self.events[after:]}",
        )

    @property
    def now(self) -> int:
        """For ``after``."""
        return len(self.events)

    async def serve(self, model: Path, server_id: str, start: int, end: int, **options: Any) -> None:
        await self.supervisor.spawn(ServerSpec(str(model), server_id, start, end, threads=1, **options))

    async def answer(self, model: Path, prompt: str, new: int) -> list[int]:
        """The new tokens, greedily."""
        request = GenerationRequest(model=str(model), prompt=prompt, max_tokens=new, temperature=0)
        tokens: list[int] = []
        async for event in self.engine.generate(request):
            if isinstance(event, Delta):
                tokens += event.token_ids
        return tokens


async def eventually(
    look: Callable[[], Any], *, seconds: float = PATIENCE, what: Callable[[], str] = lambda: "it never came"
) -> Any:
    """What ``look`` returns, as soon as that is true; it may be a coroutine function."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, what()
        await asyncio.sleep(0.02)


@asynccontextmanager
async def supervised(home: Path, *, restart: bool = True) -> AsyncIterator[Watched]:
    """A supervisor whose processes are marked; at the end none of them and none of their sockets may be left."""
    processes = Processes(home)
    os.environ[MARK] = processes.mark
    try:
        watched = Watched(home, restart=restart)
        try:
            yield watched
        finally:
            await watched.supervisor.close()
    finally:
        del os.environ[MARK]
        # The mark is in the environment of children only: this process was started without it.
        await asyncio.to_thread(processes.assert_nothing_left)


def plain_answer(model: Path, prompt: str, new: int) -> list[int]:
    """What plain transformers answers, greedily."""
    ids = AutoTokenizer.from_pretrained(model)(prompt)["input_ids"]
    inputs = torch.tensor([ids])
    with torch.no_grad():
        output = AutoModelForCausalLM.from_pretrained(model).generate(
            inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=new, do_sample=False
        )
    return output[0, len(ids) :].tolist()
