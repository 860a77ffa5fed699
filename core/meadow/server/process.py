"""The server process: what the node spawns for every span it hosts.

    python -m meadow.server.process     first line on standard input: a ServerSpec; then commands, one JSON a line

Events go to the parent as JSON lines on what was standard output. Loading begins at once, while the parent still starts
p2pd; the command ``attach`` then says where that is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meadow.errors import DaemonDied, MeadowError
from meadow.platform.parent import Parent
from meadow.server.spec import ServerSpec

if TYPE_CHECKING:
    from meadow.models.checkpoint import Checkpoint
    from meadow.server import events
    from meadow.server.batching.batcher import Mode
    from meadow.server.handler import Server
    from meadow.server.span import Span
    from meadow.swarm.node import SwarmNode

STEPS = 5
PROBLEM_TEXT = "A session was ended because of a problem. Others go on."


def _stop_at_once(command: dict[str, Any]) -> bool:
    if command["command"] == "stop":
        os._exit(0)  # nobody is connected yet, and loading cannot be interrupted otherwise
    return False


def load(parent: Parent[ServerSpec]) -> tuple[Checkpoint, Span]:
    """Open the model, fetch and load the span. Raises MeadowError."""
    spec = parent.spec
    parent.tell("starting", step=1, steps=STEPS, text="opening the model")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()  # what goes wrong comes as an exception; the rest is noise in the log
    logging.disable_progress_bar()
    if spec.threads is not None:
        torch.set_num_threads(spec.threads)
    from meadow.models.checkpoint import Progress, open_checkpoint
    from meadow.models.hub_token import read_hub_token
    from meadow.models.layout import check_span
    from meadow.models.parts import DTYPES, layout_of, load_span, span_tensors
    from meadow.server.resident import make_resident
    from meadow.server.span import Span

    def report(progress: Progress) -> None:
        parent.tell(
            "progress",
            done=progress.done,
            total=progress.total,
            rate=progress.rate,
            seconds_left=progress.seconds_left,
        )

    check_device(spec.device)
    checkpoint = open_checkpoint(
        spec.model,
        revision=spec.revision,
        token=read_hub_token(spec.hub_token_file),
        cache_dir=spec.cache_dir,
        progress=report,
    )
    num_blocks = layout_of(checkpoint.config).num_blocks
    end = num_blocks if spec.end is None else spec.end
    check_span(checkpoint.config, num_blocks, spec.start, end)  # before anything is downloaded
    names = span_tensors(checkpoint, spec.start, end)
    if checkpoint.missing(names):
        parent.tell("starting", step=2, steps=STEPS, text="downloading")
        checkpoint.fetch(names, progress=report)
    parent.tell("starting", step=3, steps=STEPS, text=f"loading blocks {spec.start}:{end}")
    dtype = None if spec.dtype is None else DTYPES[spec.dtype]
    part = load_span(checkpoint, spec.start, end, dtype=dtype, device=spec.device)
    make_resident(part.model)
    parent.tell("starting", step=4, steps=STEPS, text="measuring speed")
    return checkpoint, Span(part, spec.start, end)


def check_device(device: str) -> None:
    """Raises MeadowError when torch cannot compute on ``device``: never fall back to the CPU in silence."""
    import torch

    kind, _, number = device.partition(":")
    if kind == "cuda" and not (torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count()):
        raise MeadowError(
            "No CUDA GPU can be used here. Check the driver with nvidia-smi, or use --device cpu.", code="device"
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise MeadowError("No Apple GPU can be used here. Use --device cpu.", code="device")


class Serving:
    """A span on its way through the life of its node: attached to one p2pd after the other, at most one at a time."""

    def __init__(self, parent: Parent[ServerSpec], checkpoint: Checkpoint, span: Span) -> None:
        from meadow.server.events import Seldom

        self._parent, self._checkpoint, self._span = parent, checkpoint, span
        self._problems = Seldom()
        self._server: Server | None = None
        self._node: SwarmNode | None = None
        self._leaving_at: float | None = None  # on the loop's clock

    async def prepare(self) -> None:
        """What takes a while and is the same for every p2pd."""
        from meadow.server.batching.batcher import Batcher
        from meadow.server.measure import kv_budget, measure, numeric_class, speed_key
        from meadow.server.speeds import Speeds

        self._alike = numeric_class(self._span)
        self._batcher = await asyncio.to_thread(Batcher, self._span, on_change=self._batches)
        self._batches(self._batcher.mode)
        self._fingerprint = await asyncio.to_thread(lambda: self._checkpoint.fingerprint)
        spec = self._parent.spec
        speeds = Speeds(None if spec.speeds_file is None else Path(spec.speeds_file))
        key = await asyncio.to_thread(speed_key, self._span, self._fingerprint)
        measured = await asyncio.to_thread(speeds.of, key, lambda: measure(self._span))
        self._throughput, self._prefill = measured.throughput, measured.prefill
        self._budget = kv_budget(self._span, measured.bytes_per_token, spec.kv_tokens)
        self._parent.tell("starting", step=5, steps=STEPS, text="joining the swarm")

    async def attach(self, daemon_maddr: str) -> None:
        """Answer clients through this p2pd; sessions that came through an earlier one end. The span stays loaded.

        Raises SwarmError; DaemonDied when that p2pd has ended already.
        """
        from meadow.server.handler import Server
        from meadow.swarm.node import SwarmNode
        from meadow.wire.limits import PROTOCOL_MAX, PROTOCOL_MIN
        from meadow.wire.tensors import dtype_name

        await self.detach()
        span = self._span
        self._node = node = await SwarmNode.attach(daemon_maddr)
        self._server = Server(
            span,
            node,
            server_id=self._parent.spec.server_id,
            fingerprint=self._fingerprint,
            budget=self._budget,
            numeric_class=self._alike,
            on_event=self._heard,
            runner=self._batcher,
        )
        await self._server.start()
        if self._leaving_at is not None:
            self.drain(self._leaving_at - asyncio.get_running_loop().time())
        self._parent.tell(
            "ready",
            start=span.start,
            end=span.end,
            num_blocks=span.num_blocks,
            fingerprint=self._fingerprint.hex(),
            name=record_name(self._checkpoint.name),
            hub_id=self._checkpoint.hub_id,
            dtype=dtype_name(span.dtype),
            throughput=self._throughput,
            prefill=self._prefill,
            numeric_class=self._alike,
            protocol=[PROTOCOL_MIN, PROTOCOL_MAX],
            verification=self._checkpoint.verification.value,
        )

    def drain(self, seconds: float) -> None:
        """Take no new sessions; the parent ends this process after so many seconds, or when no session is left."""
        self._leaving_at = asyncio.get_running_loop().time() + max(0.0, seconds)
        if self._server is not None:
            self._server.drain(max(0.0, seconds))

    async def detach(self) -> None:
        """Answer nobody any more. Harmless when nothing is attached."""
        server, node, self._server, self._node = self._server, self._node, None, None
        if server is not None:
            await server.stop()
        if node is not None:
            await node.close()

    def _batches(self, mode: Mode) -> None:
        self._parent.tell("batching", mode=mode.name, reason=mode.reason, longest=mode.longest)

    def _heard(self, event: events.Event) -> None:
        from meadow.server import events

        # Joining and leaving is told by the parent, which knows when the swarm can see it.
        if isinstance(event, events.SessionOpened | events.SessionClosed):
            change = 1 if isinstance(event, events.SessionOpened) else -1
            self._parent.tell("sessions", count=event.sessions, peer_id=event.peer_id, change=change)
        elif isinstance(event, events.Computed):
            self._parent.tell("computed", tokens=event.tokens, bytes_in=event.bytes_in, bytes_out=event.bytes_out)
        elif isinstance(event, events.Problem):
            if self._problems.passes(event.code):
                self._parent.tell("problem", code=event.code, message=PROBLEM_TEXT)
        elif isinstance(event, events.Draining):
            self._parent.tell("draining", seconds=event.seconds)


async def serve(parent: Parent[ServerSpec], checkpoint: Checkpoint, span: Span) -> int:
    """Answer clients until told to stop."""
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def collect() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                command = parent.commands.get_nowait()
                if command["command"] == "ping":  # whatever the compute thread does, this loop must run
                    parent.tell("pong")
                else:
                    commands.put_nowait(command)

    parent.wake = lambda: loop.call_soon_threadsafe(collect)
    collect()
    serving = Serving(parent, checkpoint, span)
    await serving.prepare()
    while True:
        command = await commands.get()
        if command["command"] == "attach":
            parent.serving = True
            try:
                await serving.attach(command["daemon_maddr"])
            except DaemonDied:
                # The parent knows, and tells us where the next one is as soon as it runs.
                await serving.detach()
        elif command["command"] == "drain":
            serving.drain(command["seconds"])
        elif command["command"] == "stop":
            await serving.detach()
            return 0


def record_name(name: str) -> str:
    """A model's name as it may stand in a record: printable, at most 64 characters."""
    return "".join(character for character in name if character.isprintable())[:64].strip() or "model"


def main() -> int:
    """Serve until told to stop. Returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = Parent(ServerSpec.from_json, before_serving=_stop_at_once)
    try:
        checkpoint, span = load(parent)
        return asyncio.run(serve(parent, checkpoint, span))
    except MeadowError as error:
        parent.tell("error", code=error.code, message=str(error))
    except MemoryError:
        parent.tell("error", code="memory", message="Not enough memory for these blocks. Host fewer of them.")
    except Exception as error:  # the process ends here; the parent says so, the log has the details
        traceback.print_exc()
        if type(error).__name__ == "OutOfMemoryError":
            parent.tell("error", code="memory", message="Not enough GPU memory for these blocks. Host fewer of them.")
        else:
            parent.tell(
                "error",
                code="internal",
                message=f"The server process failed ({type(error).__name__}), which is a mistake of Meadow's. Start it "
                "again; if it fails again, report it with its log.",
            )
    return 1


if __name__ == "__main__":
    sys.exit(main())
