"""The least that a hop can cost on this machine: p2pd, a stream and the blocks, and nothing of Meadow's between them.

Each server reads raw bytes, runs its blocks where it read them, and writes raw bytes to the next: no frames, no
checks, no sessions, no queue, no second thread. What a hop of ``hops`` costs beyond this is ours; the rest is the
machine's: two daemons, the wake-up of a process, and blocks whose code and weights left the caches meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.swarm import cuts
from meadow.models.checkpoint import open_checkpoint
from meadow.models.parts import load_span
from meadow.server.span import Span
from meadow.swarm.identity import Identity
from meadow.swarm.node import SwarmNode
from meadow.swarm.streams import MessageReader, MessageWriter, read_message, write_message

PROMPT, NEW = 16, 64
PROTOCOL = "meadow/1/floor"


def _span(model: Path, start: int, end: int) -> Span:
    torch.set_num_threads(1)
    return Span(load_span(open_checkpoint(model), start, end, dtype=torch.float32), start, end)


class Blocks:
    """A span and the cache of the sequence that runs through it."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._cache = span.open(span.start, span.end)

    def begin(self) -> None:
        """Forget the sequence."""
        self._cache.close()
        self._cache = self._span.open(self._span.start, self._span.end)

    def run(self, hidden: torch.Tensor) -> torch.Tensor:
        """``[1, T, hidden]`` in and out."""
        return self._span.step(self._cache, hidden).hidden

    def run_bytes(self, data: bytes) -> bytes:
        """The same for float32 bytes."""
        hidden = torch.frombuffer(bytearray(data), dtype=torch.float32).view(1, -1, self._span.config.hidden_size)
        return self.run(hidden).contiguous().numpy().tobytes()


async def _serve(model: Path, start: int, end: int, home: Path) -> None:
    """One server: the first message of a stream says where results go; an empty message begins a new sequence."""
    blocks = Blocks(_span(model, start, end))
    node = await SwarmNode.create(identity=Identity.temporary(home), run_dir=home)
    results: asyncio.Queue[MessageWriter] = asyncio.Queue()

    async def handle(peer_id: str, reader: MessageReader, writer: MessageWriter) -> None:
        order = json.loads(await read_message(reader))
        if order["give"] == "results":
            results.put_nowait(writer)
            await read_message(reader, timeout=600)
            return
        if order["next"]:
            _, onward = await node.open_stream(order["next"]["peer_id"], order["next"]["addresses"], PROTOCOL)
            write_message(onward, json.dumps({"give": "steps", "next": order["next"]["next"]}).encode())
        else:
            onward = await results.get()
        while True:
            data = await read_message(reader)
            if data:
                write_message(onward, blocks.run_bytes(data))
            else:
                blocks.begin()
                write_message(onward, b"")

    await node.add_stream_handler(PROTOCOL, handle)
    print(json.dumps({"peer_id": node.peer_id, "addresses": node.addresses}), flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until our parent closes it
    await node.close()


async def _measure(
    servers: list[dict[str, Any]], local: Blocks, hidden_size: int, rounds: int, home: Path
) -> list[tuple[float, float]]:
    """(local, ring) milliseconds a token, in turns."""
    node = await SwarmNode.create(identity=Identity.temporary(home), run_dir=home, client_only=True)
    pairs = []
    try:
        chain: dict[str, Any] | None = None
        for server in reversed(servers):
            chain = {**server, "next": chain}
        assert chain is not None
        last = servers[-1]
        results, asked = await node.open_stream(last["peer_id"], last["addresses"], PROTOCOL)
        write_message(asked, json.dumps({"give": "results"}).encode())
        _, first = await node.open_stream(chain["peer_id"], chain["addresses"], PROTOCOL)
        write_message(first, json.dumps({"give": "steps", "next": chain["next"]}).encode())
        prompt, token = torch.zeros(1, PROMPT, hidden_size), torch.zeros(1, 1, hidden_size)

        async def ring(hidden: torch.Tensor) -> None:
            write_message(first, hidden.numpy().tobytes())
            await read_message(results, timeout=60)

        for _ in range(rounds + 1):
            local.begin()
            local.run(prompt)
            began = time.perf_counter()
            for _ in range(NEW):
                local.run(token)
            alone = (time.perf_counter() - began) / NEW * 1e3
            write_message(first, b"")
            await read_message(results, timeout=60)
            await ring(prompt)
            began = time.perf_counter()
            for _ in range(NEW):
                await ring(token)
            pairs.append((alone, (time.perf_counter() - began) / NEW * 1e3))
    finally:
        await node.close()
    return pairs[1:]  # the first one warms everything up


def floor(model: Path, num_blocks: int, servers: int, *, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Milliseconds a hop, and the samples."""
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder) / str(index) for index in range(servers + 1)]
        for home in homes:
            home.mkdir()
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.floor", str(model), str(start), str(end), str(home)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for (start, end), home in zip(cuts(num_blocks, servers), homes, strict=False)
        ]
        try:
            known = [json.loads(process.stdout.readline()) for process in running]  # type: ignore[union-attr]
            span = _span(model, 0, num_blocks)
            pairs = asyncio.run(_measure(known, Blocks(span), span.config.hidden_size, rounds, homes[-1]))
        finally:
            for process in running:
                process.stdin.close()  # type: ignore[union-attr]
            for process in running:
                process.wait(30)
    per_hop = statistics.median((ring - alone) / servers for alone, ring in pairs)
    alone, ring = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    say(f"floor, {servers} servers: blocks alone {alone:.2f} ms, over streams {ring:.2f} ms, {per_hop:.2f} ms a hop")
    return {"ms_per_hop": per_hop, "pairs": pairs}


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
