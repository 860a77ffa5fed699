"""Models and swarms to measure on: random weights, real processes, loopback only."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig
from transformers.utils import logging as transformers_logging

MODELS: dict[str, dict[str, Any]] = {
    "tiny": {
        "hidden_size": 256,
        "intermediate_size": 704,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 1000,
    },
    "medium": {
        "hidden_size": 1024,
        "intermediate_size": 2816,
        "num_hidden_layers": 12,
        "num_attention_heads": 16,
        "num_key_value_heads": 4,
        "vocab_size": 32000,
    },
}


def make_model(name: str, folder: Path) -> Path:
    """Write the benchmark model ``name`` (random weights, float32) into ``folder``."""
    transformers_logging.disable_progress_bar()
    torch.manual_seed(0)
    config = LlamaConfig(**MODELS[name], max_position_embeddings=16384, eos_token_id=None, bos_token_id=None)
    path = folder / name
    AutoModelForCausalLM.from_config(config).save_pretrained(path)
    return path


def cuts(blocks: int, servers: int) -> list[tuple[int, int]]:
    """Spans as equal as they can be."""
    edges = [round(blocks * index / servers) for index in range(servers + 1)]
    return list(zip(edges, edges[1:], strict=False))


class Server:
    """One ``meadow serve`` process with one compute thread."""

    def __init__(
        self,
        model: Path,
        start: int,
        end: int,
        home: Path,
        peers: Sequence[str],
        dtype: str,
        *,
        prefix: Sequence[str] = (),
        more: Sequence[str] = (),
        own_swarm: bool = False,
    ) -> None:
        """``own_swarm``: in the swarm that ``home`` uses, whatever ``peers`` are."""
        joining = [] if own_swarm else ["--initial-peers", ",".join(peers)] if peers else ["--new-swarm"]
        self.command = [
            *prefix,
            *(sys.executable, "-m", "meadow", "--home", str(home), "serve", str(model)),
            *("--blocks", f"{start}:{end}", "--dtype", dtype, "--threads", "1", "--json", *joining, *more),
        ]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def online(self) -> dict[str, Any]:
        """Wait for the event that says it can serve."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "online":
                # Whoever runs a server reads what it says; a pipe that is full would hold it up.
                threading.Thread(target=self._read, daemon=True).start()
                return event
        self.log.seek(0)
        raise RuntimeError(f"the server ended before it was online: {self.log.read().decode()[-2000:]}")

    def _read(self) -> None:
        with suppress(ValueError, OSError):
            while self.process.stdout is not None and self.process.stdout.read(1 << 16):
                pass

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.log.close()


@contextmanager
def local_swarm(
    model: Path,
    blocks: int,
    servers: int,
    commands: list[list[str]],
    dtype: str = "float32",
    *,
    more: Sequence[str] = (),
) -> Iterator[list[str]]:
    """A swarm of ``servers`` processes over all blocks; yields its initial peers.

    ``commands`` gets the command line of every server, ``more`` is added to each.
    """
    running: list[Server] = []
    with tempfile.TemporaryDirectory() as homes:
        try:
            peers: list[str] = []
            for index, (start, end) in enumerate(cuts(blocks, servers)):
                running.append(Server(model, start, end, Path(homes) / str(index), peers, dtype, more=more))
                commands.append(running[-1].command)
                event = running[-1].online()
                peers = peers or event["initial_peers"]
            yield peers
        finally:
            for server in running:
                server.stop()
