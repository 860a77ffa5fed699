"""What distance costs: three servers and a client, each on a host of its own, 25 ms and 100 Mbit/s on every link.

Both metrics are ratios to what physics asks for, all of it measured in the same run and on the same host:

    ring_ratio = ms per token / (plain local ms per token + one-way delays round the ring)
    ttft_ratio = time to first token / (plain local prefill + one-way delays round the ring + bytes over rate)

Bytes over rate: the hidden states of the prompt go over one link after the other, once to each server; what comes back
is one position. The session is open before (the route is known, the caches are empty), as it is for a chat.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.netlab import Link, Network, missing
from benchmarks.swarm import MODELS, Server, cuts, make_model

SERVERS: Final = 3
ONE_WAY: Final = 0.025  # seconds
RATE: Final = 100e6 / 8  # bytes per second
SHORT, NEW, LONG = 16, 48, 512
LIMITS: Final = {"ring_ratio": 1.08, "ttft_ratio": 1.3}


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    if lack := missing():
        raise SystemExit(f"wan: not run, this machine lacks {lack}.")
    model = MODELS["medium"]
    commands: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as undo:
        path = make_model("medium", Path(folder))
        network = undo.enter_context(Network(SERVERS + 1, Link(delay=ONE_WAY, rate=RATE)))
        peers: list[str] = []
        for index, (start, end) in enumerate(cuts(model["num_hidden_layers"], SERVERS)):
            host = index + 1
            server = Server(
                path, start, end, Path(folder) / f"h{host}", peers, "float32",
                prefix=["ip", "netns", "exec", network.namespace(host)],
                more=["--host-maddrs", f"/ip4/{network.address(host)}/tcp/0"],
            )  # fmt: skip
            undo.callback(server.stop)
            commands.append(server.command)
            event = server.online()
            peers = peers or event["initial_peers"]
            say(f"host {host}: blocks {start}:{end} online")
        client = [sys.executable, "-m", "benchmarks.wan", str(path), ",".join(peers), str(rounds)]
        done = network.popen(0, client, stdout=subprocess.PIPE, text=True)
        undo.callback(done.kill)
        output, _ = done.communicate(timeout=900)
        if done.returncode:
            raise SystemExit("wan: the client failed")
        samples = json.loads(output.splitlines()[-1])
    return {
        "metrics": _metrics(samples, model["hidden_size"] * 4, say),
        "samples": samples,
        "models": {"medium": model},
        "commands": [*commands, client],
        "how": f"{SERVERS} servers, {ONE_WAY * 1e3:.0f} ms one way and {RATE * 8 / 1e6:.0f} Mbit/s on every link, "
        f"float32, one thread a process, {NEW} tokens after {SHORT}; first token after {LONG}; {rounds} pairs",
    }


def _metrics(samples: dict[str, Any], row: int, say: Callable[[str], None]) -> dict[str, Any]:
    ring = (SERVERS + 1) * ONE_WAY
    way = ring + SERVERS * LONG * row / RATE
    metrics = {}
    for name, least in (("ring_ratio", ring), ("ttft_ratio", way)):
        pairs = samples[name]
        local, swarm = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        value = statistics.median(pair[1] / (pair[0] + least) for pair in pairs)
        say(f"{name}: local {local * 1e3:.1f} ms, distance {least * 1e3:.1f} ms, swarm {swarm * 1e3:.1f} ms")
        metrics[name] = {"value": value, "limit": LIMITS[name], "unit": "of what distance and compute ask (at most)"}
    return metrics


def client(path: str, peers: list[str], rounds: int) -> None:
    """On the client's host: pairs of (local, swarm) seconds, as JSON."""
    import torch
    from transformers import AutoModelForCausalLM

    from benchmarks.hops import Clock
    from meadow import AutoDistributedModelForCausalLM

    torch.set_num_threads(1)
    plain = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    remote = AutoDistributedModelForCausalLM.from_pretrained(path, initial_peers=peers)
    draw = torch.Generator().manual_seed(0)

    def per_token(model: Any) -> float:
        prompt = torch.randint(0, 1000, (1, SHORT), generator=torch.Generator().manual_seed(0))
        clock = Clock()
        model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=NEW, min_new_tokens=NEW, do_sample=False,
            pad_token_id=0, streamer=clock,
        )  # fmt: skip
        made = clock.times[1:]
        return (made[-1] - made[0]) / (len(made) - 1)

    def first_token(model: Any, prompt: torch.Tensor) -> float:
        with torch.inference_mode():
            cache = model(prompt[:, :1], use_cache=True).past_key_values  # opens the session
            began = time.perf_counter()
            model(prompt[:, 1:], past_key_values=cache, use_cache=True, logits_to_keep=1).logits.argmax().item()
            return time.perf_counter() - began

    try:
        per_token(remote)
        ring = [(per_token(plain), per_token(remote)) for _ in range(rounds)]
        prompts = [torch.randint(0, 1000, (1, LONG + 1), generator=draw) for _ in range(rounds + 1)]
        first_token(remote, prompts[0])
        ttft = [(first_token(plain, prompt), first_token(remote, prompt)) for prompt in prompts[1:]]
    finally:
        remote.close()
    print(json.dumps({"ring_ratio": ring, "ttft_ratio": ttft}))


if __name__ == "__main__":
    client(sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]))
