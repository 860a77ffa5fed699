"""How long a person waits: from ``meadow serve`` to online, and from ``from_pretrained`` to the first token."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.swarm import MODELS, Server, local_swarm, make_model

FIRST_TOKEN = """
import json, sys, time, torch
torch.set_num_threads(1)
from meadow import AutoDistributedModelForCausalLM
began = time.perf_counter()
model = AutoDistributedModelForCausalLM.from_pretrained(sys.argv[1], initial_peers=json.loads(sys.argv[2]))
loaded = time.perf_counter()
prompt = torch.zeros(1, 16, dtype=torch.long)
model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=1, do_sample=False, pad_token_id=0)
print(json.dumps([loaded - began, time.perf_counter() - began]))
model.close()
"""


MOST_ROUNDS = 5  # a round takes seconds, and these numbers have no limit to be near


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    online: list[float] = []
    first: list[list[float]] = []
    commands: list[list[str]] = []
    times = min(rounds, MOST_ROUNDS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_model("medium", folder)
        for index in range(times):
            began = time.perf_counter()
            server = Server(source, 0, 6, folder / f"home{index}", [], "float32")
            commands.append(server.command)
            try:
                server.online()
                online.append(time.perf_counter() - began)
            finally:
                server.stop()
        with local_swarm(source, MODELS["medium"]["num_hidden_layers"], 2, commands) as peers:
            for _ in range(times):
                commands.append([sys.executable, "-c", FIRST_TOKEN, str(source), json.dumps(peers)])
                output = subprocess.run(commands[-1], capture_output=True, text=True, check=True).stdout
                first.append(json.loads(output.splitlines()[-1]))
    return {
        "metrics": {
            "serve_to_online_s": {"value": statistics.median(online), "limit": None, "unit": "s"},
            "from_pretrained_s": {"value": statistics.median(pair[0] for pair in first), "limit": None, "unit": "s"},
            "to_first_token_s": {"value": statistics.median(pair[1] for pair in first), "limit": None, "unit": "s"},
        },
        "samples": {"online": online, "first_token": first},
        "models": {"medium": MODELS["medium"]},
        "commands": commands,
        "how": f"median of {times} runs (of {rounds} rounds asked for; {MOST_ROUNDS} at most); medium model (six of "
        "twelve blocks for serve), process start included for serve, imports excluded else",
    }
