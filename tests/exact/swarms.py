"""Real swarms to compare with plain transformers: server processes, p2pd, loopback."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from families import zoo
from real_processes import Processes
from transformers import AutoModelForCausalLM, PreTrainedModel

from meadow import AutoDistributedModelForCausalLM

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@contextmanager
def swarm(model: Path, cuts: Sequence[int], dtype: str, *, extra: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Serve all blocks of ``model`` with one process per span; yields the initial peers. Nothing may be left after."""
    home = Path(tempfile.mkdtemp(prefix="m"))
    processes = Processes(home)
    try:
        servers = []
        peers: list[str] | None = None
        for start, end in zip(cuts, cuts[1:], strict=False):
            options = ("--dtype", dtype, *extra)
            servers.append(processes.serve(model, f"{start}:{end}", peers=peers, extra=options))
            if peers is None:
                peers = servers[0].wait_for("online")["initial_peers"]
        for server in servers[1:]:
            server.wait_for("online")
        assert peers is not None
        yield peers
    finally:
        processes.end()
        processes.assert_nothing_left()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def pair(
    family: str, cuts: Sequence[int], dtype: str, *, reproducible: bool = False
) -> Iterator[tuple[PreTrainedModel, PreTrainedModel]]:
    """``(plain, remote)``: the same tiny model of ``family`` from plain transformers and over a real swarm."""
    folder = Path(tempfile.mkdtemp(prefix="m"))
    try:
        zoo.save(family, folder / family)
        path = folder / family
        with swarm(path, cuts, dtype) as peers:
            remote = AutoDistributedModelForCausalLM.from_pretrained(
                path, initial_peers=peers, dtype=dtype, reproducible=reproducible, home=folder / "home"
            )
            try:
                # From the same file as the servers: how weights are aligned in memory shows in the last bits.
                yield AutoModelForCausalLM.from_pretrained(path, dtype=DTYPES[dtype]).eval(), remote
            finally:
                remote.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prompt(length: int = 13, rows: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, zoo.VOCAB - 2, (rows, length), generator=torch.Generator().manual_seed(seed))
