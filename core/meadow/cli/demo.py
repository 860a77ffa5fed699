"""``meadow demo``: a swarm of two server processes on this machine, and a chat with the bundled toy model."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from meadow.cli import talk
from meadow.cli.output import Output, plain
from meadow.client.loop import BackgroundLoop
from meadow.errors import MeadowError
from meadow.node.demoswarm import halves
from meadow.node.supervisor import Supervisor, new_server_id
from meadow.platform.paths import Paths
from meadow.resources import resource
from meadow.server.spec import ServerSpec

PROMPT = "How does Meadow work?"
_START_SECONDS = 120.0
_STOP_SECONDS = 8.0
_NOTICE_SECONDS = 0.3  # until a supervisor has seen the end of a process


class DemoSwarm:
    """Nodes with one server each, on loopback, in a swarm of their own."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._loop = BackgroundLoop("meadow-demo")
        self._nodes: list[Supervisor] = []

    def start(self, folder: Path, spans: list[tuple[int, int]]) -> list[str]:
        """Spawn the servers and start the nodes; returns initial peers. :meth:`online` waits for the servers."""

        async def begin() -> list[str]:
            for start, end in spans:
                node = Supervisor(self._paths, temporary=True)
                self._nodes.append(node)
                await node.spawn(ServerSpec(str(folder), new_server_id(), start, end, threads=1))
            await self._nodes[0].join()
            peers = self._nodes[0].addresses
            for node in self._nodes[1:]:
                await node.join(initial_peers=peers)
            return peers

        return self._loop.run(begin(), timeout=_START_SECONDS)

    def online(self) -> None:
        """Wait until all servers serve. Raises MeadowError."""

        async def wait() -> None:
            for node in self._nodes:
                await node.online()

        self._loop.run(wait(), timeout=_START_SECONDS)

    def check(self) -> None:
        """Raises MeadowError naming what has died, if something has."""
        for node in self._nodes:
            if node.failure is not None:
                raise node.failure

    def close(self) -> None:
        """End all processes."""

        async def stop() -> None:
            await asyncio.gather(*(node.close() for node in self._nodes))

        try:
            self._loop.run(stop(), timeout=_STOP_SECONDS)
        finally:
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def run(options: argparse.Namespace, output: Output) -> int:
    """One answer with ``--prompt`` or without a terminal, else a chat. Exit status 0, or MeadowError."""
    paths = Paths.of(options.home)
    folder = resource("demo-model") if options.model is None else Path(options.model).expanduser()
    prompt = options.prompt
    if prompt is None and (output.json_lines or not sys.stdin.isatty()):
        prompt = PROMPT
    spans = halves(folder)
    if options.model is None:
        output.note("This demo chats with a toy: a model of a few million parameters that knows a little about Meadow.")
    output.event("starting", text="starting the demo swarm")
    output.progress(f"Starting {len(spans)} server processes on this machine")
    with DemoSwarm(paths) as swarm:
        peers = swarm.start(folder, spans)

        import torch

        from meadow.chat.conversation import Conversation
        from meadow.chat.tokenizer import load_tokenizer
        from meadow.client.auto import AutoDistributedModelForCausalLM
        from meadow.client.swarm import Swarm
        from meadow.models.checkpoint import open_checkpoint

        talk.quiet_libraries()
        torch.set_num_threads(1)
        with Swarm(peers, home=options.home) as client:
            checkpoint = open_checkpoint(folder, cache_dir=paths.models)
            model = AutoDistributedModelForCausalLM.from_pretrained(checkpoint, swarm=client, home=options.home)
            conversation = Conversation(model, load_tokenizer(checkpoint))
            swarm.online()
            output.event("ready", model=str(folder), servers=len(spans))
            output.note(f"{len(spans)} server processes host the blocks; this process holds only the two ends.")
            try:
                with _naming_the_dead(swarm):
                    if prompt is not None:
                        output.result(f"> {plain(prompt)}")
                        talk.answer_once(conversation, prompt, talk.sampling_of(options), output, route_is_result=True)
                    else:
                        talk.chat(conversation, talk.sampling_of(options), output, check=swarm.check)
            finally:
                conversation.close()
    return 0


@contextmanager
def _naming_the_dead(swarm: DemoSwarm) -> Iterator[None]:
    """The client only sees that a server is gone; its supervisor knows which process died and how."""
    try:
        yield
    except MeadowError:
        time.sleep(_NOTICE_SECONDS)
        swarm.check()
        raise
