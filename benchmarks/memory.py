"""Bytes read and downloaded over bytes owned, and the memory a client needs beside its weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from tests.hub_server import HubServer

from benchmarks.swarm import MODELS, local_swarm, make_model
from meadow.models.checkpoint import Checkpoint, open_checkpoint
from meadow.models.parts import client_tensors, load_span, span_tensors

PEAK = """
def peak_mb():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024
"""
EMPTY = PEAK + "import torch; torch.set_num_threads(1); print(peak_mb())"
CLIENT = (
    PEAK
    + """
import json, sys, torch
torch.set_num_threads(1)
from meadow import AutoDistributedModelForCausalLM
model = AutoDistributedModelForCausalLM.from_pretrained(sys.argv[1], initial_peers=json.loads(sys.argv[2]))
# Weights are views of the file: embeddings that nobody looked up are not in memory yet, and would flatter us.
checksum = sum(float(parameter.sum()) for parameter in model.parameters())
prompt = torch.zeros(1, 16, dtype=torch.long)
model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=64, do_sample=False, pad_token_id=0)
print(json.dumps([peak_mb(), model.remote.weight_bytes]))
model.close()
"""
)


def with_holes(source: Path, target: Path, owned: Collection[str]) -> Checkpoint:
    """A copy of a model in which every tensor that is not owned is a hole in the file."""
    checkpoint = open_checkpoint(source)
    target.mkdir()
    (target / "config.json").write_bytes((source / "config.json").read_bytes())
    for file in {info.file for info in checkpoint.tensors.values()}:
        inside = [info for info in checkpoint.tensors.values() if info.file == file]
        data = (source / file).read_bytes()
        with open(target / file, "wb") as copy:
            copy.write(data[: min(info.start for info in inside)])
            for info in inside:
                if info.name in owned:
                    copy.seek(info.start)
                    copy.write(data[info.start : info.end])
            copy.truncate(len(data))
    return open_checkpoint(target)


def read_ratio(source: Path, folder: Path, kind: str) -> float:
    """Bytes read over bytes owned for a part loaded from a file that holds nothing else."""
    from meadow.client.blocks import RemoteBlock
    from meadow.models.parts import load_client

    whole = open_checkpoint(source)
    names = client_tensors(whole) if kind == "client" else span_tensors(whole, 4, 8)
    checkpoint = with_holes(source, folder / kind, set(names))
    part = load_client(checkpoint, RemoteBlock) if kind == "client" else load_span(checkpoint, 4, 8)
    for name, tensor in checkpoint.read(names[:3]).items():
        assert torch.equal(tensor, whole.read([name])[name]), name
    return (checkpoint.bytes_read - sum(checkpoint.tensors[name].nbytes for name in names[:3])) / part.nbytes


def download_ratio(source: Path, folder: Path) -> float:
    """Bytes fetched from a hub over bytes needed, for a span in the middle."""
    with HubServer() as hub:
        hub.add("meadow/medium", source)
        os.environ["HF_ENDPOINT"] = hub.url
        checkpoint = open_checkpoint("meadow/medium", cache_dir=folder / "cache")
        names = span_tensors(checkpoint, 4, 8)
        checkpoint.fetch(names)
        # What was fetched includes the headers of the weight files; what is owned does not.
        return checkpoint.bytes_fetched / sum(checkpoint.tensors[name].nbytes for name in names)


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_model("medium", folder)
        ratios = {kind: read_ratio(source, folder, kind) for kind in ("client", "span")}
        fetched = download_ratio(source, folder)
        commands = [[sys.executable, "-c", EMPTY]]
        empty = float(subprocess.run(commands[0], capture_output=True, text=True, check=True).stdout)
        with local_swarm(source, MODELS["medium"]["num_hidden_layers"], 2, commands) as peers:
            commands.append([sys.executable, "-c", CLIENT, str(source), json.dumps(peers)])
            output = subprocess.run(commands[-1], capture_output=True, text=True, check=True).stdout
        peak, owned = json.loads(output.splitlines()[-1])
        extra = peak - owned / 2**20 - empty
        say(f"client: peak {peak:.0f} MB, of it {owned / 2**20:.0f} MB weights; an empty torch process: {empty:.0f} MB")
    return {
        "metrics": {
            "client_read_ratio": {"value": ratios["client"], "limit": 1.01, "unit": "bytes read / owned (at most)"},
            "span_read_ratio": {"value": ratios["span"], "limit": 1.01, "unit": "bytes read / owned (at most)"},
            "download_ratio": {"value": fetched, "limit": 1.01, "unit": "bytes fetched / needed (at most)"},
            "client_extra_mb": {"value": extra, "limit": 300, "unit": "MB (at most)"},
        },
        "samples": {"client_peak_mb": peak, "client_weights_mb": owned / 2**20, "empty_torch_mb": empty},
        "models": {"medium": MODELS["medium"]},
        "commands": commands,
        "how": "peak resident memory (VmHWM) of one client process that generates 64 tokens over two servers",
    }
