"""Many people on one server: tokens/s of eight sessions against one, and how even tokens come while prompts are read.

One server with one compute thread holds all blocks of *medium*. A load generator in this process takes steps through
real sessions, without a head; the eight clients are processes of their own that hold the two ends of the model.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch

from benchmarks.hops import Clock
from benchmarks.swarm import MODELS, local_swarm, make_model
from meadow import AutoDistributedModelForCausalLM
from meadow.client.remote_sequential import RemoteSequential
from meadow.client.session import RemoteSession
from meadow.errors import Refused

BLOCKS, HIDDEN = MODELS["medium"]["num_hidden_layers"], MODELS["medium"]["hidden_size"]
STEPS = 10
"""Tokens of each session in one half of a pair."""
LIMITS = {"bf16_100": 5.0, "bf16_1000": 3.8, "fp32_100": None}
CLIENTS_LIMIT, GAP_LIMIT, REFUSAL_LIMIT = 2.8, 3.0, 1.0
CLIENTS, CLIENT_TOKENS, CLIENT_ROUNDS = 8, 40, 3
STREAMS, PREFILL, GAP_SECONDS = 4, 2000, 12.0
FULL_TOKENS, REFUSALS = 1024, 9
"""Positions that fit into the server that is filled, and how often it is asked for more."""
DTYPES = {"bf16": "bfloat16", "fp32": "float32"}


def made_up(count: int, dtype: torch.dtype) -> torch.Tensor:
    """Hidden states ``[1, count, hidden]``."""
    return torch.randn(1, count, HIDDEN).to(dtype)


def together(sessions: Sequence[RemoteSession], steps: int, dtype: torch.dtype) -> float:
    """Seconds until every session has taken so many single steps, each as soon as it has the one before."""
    token = made_up(1, dtype)
    ready = threading.Barrier(len(sessions) + 1)

    def talk(session: RemoteSession) -> None:
        ready.wait()
        for _ in range(steps):
            session.step(token)

    threads = [threading.Thread(target=talk, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def speedups(
    blocks: RemoteSequential, context: int, dtype: torch.dtype, rounds: int, counts: Sequence[int]
) -> dict[int, list[float]]:
    """For each number of sessions: its tokens/s relative to one session, pair by pair."""
    start = max(2, context - rounds * STEPS // 2)
    with ExitStack() as stack:
        sessions = [stack.enter_context(blocks.session(rows=1)) for _ in range(max(counts))]
        for session in sessions:
            session.step(made_up(start, dtype), keep=1)
        found: dict[int, list[float]] = {count: [] for count in counts}
        for count in counts:
            together(sessions[:count], 3, dtype)
        for index in range(rounds):
            single = together([sessions[index % len(sessions)]], STEPS, dtype)
            for count in counts:
                found[count].append(count * single / together(sessions[:count], STEPS, dtype))
    return found


def gaps(blocks: RemoteSequential, dtype: torch.dtype) -> dict[str, Any]:
    """Seconds between tokens of a few streams, first among themselves, then while one prompt after the other comes."""
    token, prompt = made_up(1, dtype), made_up(PREFILL, dtype)
    stop, busy = threading.Event(), threading.Event()
    calm: list[float] = []
    loaded: list[float] = []
    prompts: list[float] = []

    def stream(session: RemoteSession) -> None:
        before = time.perf_counter()
        while not stop.is_set():
            was_busy = busy.is_set()
            session.step(token)
            now = time.perf_counter()
            (loaded if was_busy else calm).append(now - before)
            before = now

    with ExitStack() as stack:
        sessions = [stack.enter_context(blocks.session(rows=1)) for _ in range(STREAMS)]
        for session in sessions:
            session.step(made_up(100, dtype), keep=1)
        together(sessions, 5, dtype)
        threads = [threading.Thread(target=stream, args=(session,)) for session in sessions]
        for thread in threads:
            thread.start()
        time.sleep(GAP_SECONDS / 2)
        busy.set()
        ends = time.perf_counter() + GAP_SECONDS
        while time.perf_counter() < ends:
            with blocks.session(rows=1) as reader:
                began = time.perf_counter()
                reader.step(prompt, keep=1)
                prompts.append(time.perf_counter() - began)
        stop.set()
        for thread in threads:
            thread.join()
    p95 = sorted(loaded)[int(0.95 * len(loaded))]
    return {
        "median_without": statistics.median(calm), "median_with": statistics.median(loaded), "p95_with": p95,
        "longest_with": max(loaded), "tokens": len(loaded), "seconds_per_prompt": statistics.median(prompts),
    }  # fmt: skip


def refusals(blocks: RemoteSequential, dtype: torch.dtype) -> tuple[list[float], int]:
    """(seconds from asking a full server for more until its refusal, tokens that its streams got in the meantime)."""
    token, stop = made_up(1, dtype), threading.Event()
    tokens: list[int] = []

    def stream(session: RemoteSession) -> None:
        count = 0
        while not stop.is_set() and count < FULL_TOKENS // STREAMS // 5:  # more would not fit either
            session.step(token)
            count += 1
        tokens.append(count)

    seconds = []
    with ExitStack() as stack:
        sessions = [stack.enter_context(blocks.session(rows=1)) for _ in range(STREAMS)]
        for session in sessions:
            session.step(made_up(FULL_TOKENS // STREAMS // 2, dtype), keep=1)
        threads = [threading.Thread(target=stream, args=(session,)) for session in sessions]
        for thread in threads:
            thread.start()
        for _ in range(REFUSALS):
            began = time.perf_counter()
            try:
                with blocks.session(rows=1) as greedy:
                    greedy.step(made_up(FULL_TOKENS, dtype)[:, : FULL_TOKENS - 100], keep=1)
                raise RuntimeError("what does not fit was taken")
            except Refused as error:
                if error.code != "full":
                    raise
            seconds.append(time.perf_counter() - began)
        stop.set()
        for thread in threads:
            thread.join()
    return seconds, sum(tokens)


class Client:
    """A process with the two ends of the model, that generates when it is told to."""

    def __init__(self, path: Path, peers: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.batch", str(path), ",".join(peers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self) -> list[float]:
        """What it says next: nothing but that it is ready, or when each token came (monotonic seconds)."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def rate(times: Sequence[Sequence[float]]) -> float:
    """Tokens/s of all clients together, while every one of them was generating."""
    start, end = max(one[0] for one in times), min(one[-1] for one in times)
    return sum(start < time <= end for one in times for time in one) / (end - start)


def clients(path: Path, peers: Sequence[str]) -> list[float]:
    """Tokens/s of eight clients relative to one, pair by pair."""
    running = [Client(path, peers) for _ in range(CLIENTS)]
    try:
        for client in running:
            client.read()
        found = []
        for index in range(CLIENT_ROUNDS + 1):
            rates = []
            for group in (running[index : index + 1], running):
                for client in group:
                    client.go()
                rates.append(rate([client.read() for client in group]))
            found.append(rates[1] / rates[0])
        return found[1:]  # the first one warms everything up
    finally:
        for client in running:
            client.stop()


def client(path: str, peers: str) -> None:
    """The process of one :class:`Client`."""
    torch.set_num_threads(1)
    model = AutoDistributedModelForCausalLM.from_pretrained(path, initial_peers=peers.split(","), dtype="bfloat16")
    prompt = torch.randint(0, 1000, (1, 80), generator=torch.Generator().manual_seed(0))
    print(json.dumps([]), flush=True)
    for _ in sys.stdin:
        clock = Clock()
        model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=CLIENT_TOKENS,
            min_new_tokens=CLIENT_TOKENS, do_sample=False, pad_token_id=0, streamer=clock,
        )  # fmt: skip
        print(json.dumps(clock.times[1:]), flush=True)
    model.close()


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    metrics: dict[str, Any] = {}
    samples: dict[str, Any] = {}
    commands: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = make_model("medium", Path(folder))
        for short, name in DTYPES.items():
            dtype = getattr(torch, name)
            with local_swarm(path, BLOCKS, 1, commands, name) as peers:
                with closing(RemoteSequential.from_pretrained(path, initial_peers=peers, dtype=dtype)) as blocks:
                    for context in (100, 1000) if short == "bf16" else (100,):
                        key = f"{short}_{context}"
                        counts = (2, 4, 8, 16) if key == "bf16_100" else (8,)
                        found = speedups(blocks, context, dtype, rounds, counts)
                        samples[f"speedup_{key}"] = found
                        value = statistics.median(found[8])
                        metrics[f"speedup_8_{key}"] = {
                            "value": value, "limit": LIMITS[key], "unit": "times one session's tokens/s (at least)"
                        }  # fmt: skip
                        shown = ", ".join(f"{n}: {statistics.median(v):.2f}" for n, v in found.items())
                        say(f"{short}, {context} positions, tokens/s relative to one session: {shown}")
                    if short == "bf16":
                        samples["gaps"] = gap = gaps(blocks, dtype)
                        say(", ".join(f"{word} {number:.4g}" for word, number in gap.items()))
                        metrics["gap_p95_over_median"] = {
                            "value": gap["p95_with"] / gap["median_without"], "limit": GAP_LIMIT, "unit": "(at most)"
                        }  # fmt: skip
                if short == "bf16":
                    samples["clients"] = found_clients = clients(path, peers)
                    metrics["speedup_8_clients_bf16_100"] = {
                        "value": statistics.median(found_clients),
                        "limit": CLIENTS_LIMIT,
                        "unit": "times one client's tokens/s (at least)",
                    }
                    say(f"eight clients with heads: {statistics.median(found_clients):.2f} times one")
        more = ("--kv-tokens", str(FULL_TOKENS))
        with local_swarm(path, BLOCKS, 1, commands, "bfloat16", more=more) as peers:
            with closing(RemoteSequential.from_pretrained(path, initial_peers=peers, dtype=torch.bfloat16)) as blocks:
                samples["refusals"], served = refusals(blocks, torch.bfloat16)
        say(f"a full server refuses, and gives its {STREAMS} streams {served} tokens meanwhile")
        metrics["refusal_s"] = {
            "value": max(samples["refusals"]), "limit": REFUSAL_LIMIT, "unit": "seconds, the slowest (at most)"
        }  # fmt: skip
    return {
        "metrics": metrics,
        "samples": samples,
        "models": {"medium": MODELS["medium"]},
        "commands": commands,
        "how": f"one server, one thread; {rounds} interleaved pairs of {STEPS} tokens a session; {STREAMS} streams and "
        f"prompts of {PREFILL} positions for the gaps; {CLIENTS} clients, {CLIENT_ROUNDS} pairs",
    }


if __name__ == "__main__":
    client(*sys.argv[1:])
