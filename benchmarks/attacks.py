"""An honest client beside peers that attack the server it uses: the speed that it keeps.

Two real servers, one in an open swarm and one in a private swarm, and an honest client of each, which does again and
again what a person does: look up who serves the model, open a session, take some tokens, close it. Four attackers of
their own peer ids (``benchmarks.attackers``) rest and attack in turns; each ratio is of a pair of neighbours in time:

    malformed    bytes changed in greetings, openings, frames and calls of the DHT
    exhausting   silent streams, messages that never end, sessions that want everything, floods of records
    knocking     at all doors of the private swarm, without a secret or with a wrong one
    forging      records that nobody signed, that others signed, with impossible expiries, in wrong places

The attackers run at the lowest priority, because on machines of their own they would not take the victim's processor;
what their messages cost the victim is what is measured. ``taken`` counts what they were given and should not have been.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import torch

from benchmarks.swarm import MODELS, Server, make_model
from meadow import AutoDistributedModelForCausalLM
from meadow.client.swarm import Swarm

PUBLIC, PRIVATE = ("malformed", "exhausting", "forging"), ("knocking",)
WINDOW: Final = 6.0
TOKENS: Final = 16
LIMIT: Final = 0.8
MEMORY_MIB: Final = 256


@dataclass
class Honest:
    """A client, and the server that it uses."""

    swarm: Swarm
    model: Any
    server: Server
    online: dict[str, Any]

    def speed(self, seconds: float) -> float:
        """Tokens a second over so many seconds, in whole turns. Raises when the server does not serve."""
        prompt = torch.randint(0, 1000, (1, 16), generator=torch.Generator().manual_seed(0))
        began, made = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < seconds or not made:
            found = self.swarm.find_servers(self.model.opener.fingerprint, self.model.opener.num_blocks)
            assert found, "the server is not found any more"
            self.model.generate(
                prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=TOKENS, min_new_tokens=TOKENS,
                do_sample=False, pad_token_id=0,
            )  # fmt: skip
            made += TOKENS
        return made / passed if made > TOKENS else made / (time.perf_counter() - began)

    def memory(self) -> int:
        """Resident bytes of all processes of the server."""
        top = psutil.Process(self.server.process.pid)
        return sum(one.memory_info().rss for one in [top, *top.children(recursive=True)])

    def target(self, *, private: bool) -> str:
        """What the attackers have to know."""
        opener = self.model.opener
        (found,) = self.swarm.find_servers(opener.fingerprint, opener.num_blocks)
        return json.dumps(
            {
                "peer_id": found.record.peer_id,
                "server_id": found.record.server_id,
                "addresses": self.online["initial_peers"],
                "fingerprint": opener.fingerprint.hex(),
                "blocks": opener.num_blocks,
                "private": private,
            }
        )


class Attackers:
    """The process that attacks when told to."""

    def __init__(self, home: Path, target: str) -> None:
        self.command = [sys.executable, "-m", "benchmarks.attackers", str(home), target]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._answer()["nodes"], "the attackers did not come up"

    def attack(self, name: str) -> None:
        """Begin."""
        self._say(name)

    def stop(self) -> dict[str, int]:
        """End, and how often what was tried, and taken."""
        self._say("stop")
        return self._answer()

    def end(self) -> None:
        """For good."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            for one in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
                one.kill()
            self.process.wait()

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _answer(self) -> dict[str, int]:
        assert self.process.stdout is not None
        answer: dict[str, int] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def served(model: Path, folder: Path, commands: list[list[str]], *, private: bool) -> Iterator[Honest]:
    """A server with one compute thread and a client of it; both of a private swarm if ``private``."""
    home = folder / ("private" if private else "open")
    with ExitStack() as undo:
        if private:
            found = [sys.executable, "-m", "meadow", "--home", str(home), "swarm", "new", "Street", "--json"]
            subprocess.run(found, check=True, capture_output=True)
            commands.append(found)
        server = Server(model, 0, MODELS["tiny"]["num_hidden_layers"], home, [], "float32", own_swarm=private)
        undo.callback(server.stop)
        commands.append(server.command)
        online = server.online()
        swarm = Swarm(None, home=home) if private else Swarm(online["initial_peers"], home=folder / "client")
        undo.callback(swarm.close)
        client = AutoDistributedModelForCausalLM.from_pretrained(model, swarm=swarm, dtype="float32")
        yield Honest(swarm, client, server, online)


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """``rounds`` pairs for each attack."""
    torch.set_num_threads(1)
    commands: list[list[str]] = []
    pairs: dict[str, list[tuple[float, float]]] = {}
    counts: dict[str, dict[str, int]] = {}
    metrics: dict[str, dict[str, Any]] = {}
    grown = 0
    with tempfile.TemporaryDirectory(prefix="mw-") as name, ExitStack() as undo:
        folder = Path(name)
        model = make_model("tiny", folder)
        for attacks, private in ((PUBLIC, False), (PRIVATE, True)):
            honest = undo.enter_context(served(model, folder, commands, private=private))
            attackers = Attackers(folder / f"evil{private:d}", honest.target(private=private))
            undo.callback(attackers.end)
            commands.append(attackers.command)
            honest.speed(WINDOW)  # warm
            before = honest.memory()
            for attack in attacks * rounds:
                alone = honest.speed(WINDOW)
                attackers.attack(attack)
                beside = honest.speed(WINDOW)
                tried = attackers.stop()
                time.sleep(0.5)
                grown = max(grown, honest.memory() - before)
                pairs.setdefault(attack, []).append((alone, beside))
                known = counts.setdefault(attack, {"tried": 0, "taken": 0})
                for key, value in tried.items():
                    known[key] += value
                say(f"{attack}: {alone:.0f} tokens/s alone, {beside:.0f} beside {tried['tried']} attempts")
    for attack, samples in pairs.items():
        ratio = statistics.median(beside / alone for alone, beside in samples)
        metrics[f"speed_beside_{attack}"] = {"value": ratio, "unit": "of alone (at least)", "limit": LIMIT}
        metrics[f"tries_{attack}"] = {
            "value": counts[attack]["tried"] / (len(samples) * WINDOW), "unit": "a second", "limit": None
        }  # fmt: skip
    taken = sum(one["taken"] for one in counts.values())
    metrics["taken"] = {"value": taken, "unit": "attempts that succeeded (at most)", "limit": 0}
    metrics["memory_grown_mib"] = {"value": grown / (1 << 20), "unit": "MiB (at most)", "limit": MEMORY_MIB}
    return {
        "metrics": metrics,
        "samples": pairs,
        "models": {"tiny": MODELS["tiny"]},
        "commands": commands,
        "how": f"{rounds} pairs of {WINDOW:.0f} s for each attack: who serves is looked up, a session opened, {TOKENS} "
        "greedy tokens after 16 taken, in turns without and with four attacking peers at the lowest priority; speed is "
        "the median of the ratios of tokens a second",
    }
