"""How long a token is late when a server dies or hangs: three spans of two replicas each, faults at seeded tokens.

Every fault hits a server of the route while it generates; a killed one is started again before the next fault, so there
is never a last one killed. The tokens must be those of a run that nobody disturbed.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoModelForCausalLM

from benchmarks.swarm import MODELS, Server, cuts, make_model
from meadow import AutoDistributedModelForCausalLM

PROMPT, TOKENS, FAULTS, SPANS = 512, 200, 6, 3
STEP_DEADLINE = 2.0
SETTLE = 12


class Fleet:
    """Two servers for each span."""

    def __init__(self, model: Path, homes: Path) -> None:
        self.model, self.homes = model, homes
        self.spans = cuts(MODELS["medium"]["num_hidden_layers"], SPANS)
        self.peers: list[str] = []
        self.running: dict[str, tuple[int, Server]] = {}
        self.commands: list[list[str]] = []
        self.made = 0

    def start(self, span: int) -> None:
        """Start one, and wait until it serves."""
        self.made += 1
        start, end = self.spans[span]
        server = Server(self.model, start, end, self.homes / str(self.made), self.peers, "float32")
        self.commands.append(server.command)
        event = server.online()
        self.peers = self.peers or event["initial_peers"]
        self.running[event["initial_peers"][0].rpartition("/")[2]] = (span, server)

    def kill(self, peer: str) -> int:
        """SIGKILL for the server and everything below it; returns its span."""
        span, server = self.running.pop(peer)
        for process in [*psutil.Process(server.process.pid).children(recursive=True), server.process]:
            process.kill()
        server.process.wait()
        return span

    def computing(self, peer: str) -> psutil.Process:
        """The process of this server that computes."""
        _, server = self.running[peer]
        return next(
            child
            for child in psutil.Process(server.process.pid).children(recursive=True)
            if "meadow.server.process" in " ".join(child.cmdline())
        )

    def stop(self) -> None:
        """End all."""
        for _, server in self.running.values():
            server.stop()


def generate(model: Any, prompt: torch.Tensor, fault: Callable[[int, Any], None]) -> tuple[list[int], list[float]]:
    """Greedy tokens, and seconds for each. ``fault(index, session)`` is called before each token but the first."""
    cache = model.new_cache(PROMPT + TOKENS)
    tokens: list[int] = []
    seconds: list[float] = []
    given = prompt
    with torch.inference_mode():
        for index in range(TOKENS):
            if index:
                fault(index, cache.session)
            began = time.perf_counter()
            logits = model(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
            seconds.append(time.perf_counter() - began)
            tokens.append(int(logits[0, -1].argmax()))
            given = torch.tensor([tokens[-1:]])
    cache.close()
    return tokens, seconds


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """``rounds`` only seeds the faults."""
    torch.set_num_threads(1)
    chance = random.Random(rounds)
    moments = sorted(chance.sample(range(20, TOKENS - 10, SETTLE), FAULTS))
    kinds = ["kill", "freeze"] * (FAULTS // 2)
    chance.shuffle(kinds)
    plan = dict(zip(moments, kinds, strict=True))
    stalls: dict[str, list[float]] = {"kill": [], "freeze": []}
    hit: list[tuple[int, str, int]] = []
    with tempfile.TemporaryDirectory(prefix="mw-") as name:
        folder = Path(name)
        source = make_model("medium", folder)
        local = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
        prompt = torch.randint(5, 31000, (1, PROMPT), generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            want = local.generate(prompt, max_new_tokens=TOKENS, do_sample=False, pad_token_id=0)[0, PROMPT:].tolist()
        del local
        fleet = Fleet(source, folder)
        remote: Any = None
        try:
            for _ in range(2):
                for span in range(SPANS):
                    fleet.start(span)
            remote = AutoDistributedModelForCausalLM.from_pretrained(
                source, initial_peers=fleet.peers, dtype="float32", home=folder / "client"
            )
            repair: list[Callable[[], None]] = []

            def fault(index: int, session: Any) -> None:
                if index - SETTLE // 2 in plan:
                    while repair:
                        repair.pop()()
                kind = plan.get(index)
                if kind is None:
                    return
                place = chance.randrange(SPANS)
                peer = session.route[place].server.peer_id
                say(f"token {index}: {kind} the server of span {place}")
                hit.append((index, kind, place))
                if kind == "kill":
                    span = fleet.kill(peer)
                    repair.append(lambda: fleet.start(span))
                else:
                    process = fleet.computing(peer)
                    process.suspend()
                    repair.append(process.resume)

            got, seconds = generate(remote, prompt, fault)
            while repair:
                repair.pop()()
            for index, kind, _ in hit:
                stalls[kind].append(seconds[index])
        finally:
            if remote is not None:
                remote.close()
            fleet.stop()
    usual = statistics.median(seconds[1:])
    for kind, late in stalls.items():
        say(f"stalls after {kind}: {', '.join(f'{one:.2f}' for one in late)} s")
    return {
        "metrics": {
            "stall_ms_median": _metric(1000 * statistics.median(stalls["kill"]), "ms", 1500),
            "stall_ms_max": _metric(1000 * max(stalls["kill"]), "ms", None),
            "stall_frozen_ms": _metric(1000 * max(stalls["freeze"]), "ms", 1000 * (STEP_DEADLINE + 2)),
            "faults": _metric(len(hit), "", None),
            "tokens_equal": _metric(sum(a == b for a, b in zip(got, want, strict=True)) / TOKENS, "", 1),
            "usual_token_ms": _metric(1000 * usual, "ms", None),
        },
        "models": {"medium": MODELS["medium"]},
        "how": f"{SPANS} spans of two replicas, {TOKENS} greedy tokens after {PROMPT} of context, {FAULTS} faults at "
        "seeded tokens, alternately SIGKILL of all processes of a server and SIGSTOP of the one that computes; a stall "
        "is the whole time of the token that was hit; tokens_equal against plain transformers",
        "commands": fleet.commands,
    }


def _metric(value: float, unit: str, limit: float | None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "limit": limit}
