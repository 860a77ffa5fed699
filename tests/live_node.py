"""A real node for tests: ``meadow node`` as a process, with the bundled model on a swarm of two servers of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

START_SECONDS = 120.0
MODEL = "demo-model"


@dataclass
class LiveNode:
    """One running node. ``client`` sends the token."""

    home: Path
    url: str
    token: str
    process: subprocess.Popen[str]
    client: httpx2.Client

    def state(self) -> dict[str, Any]:
        """The state tree."""
        answer = self.client.get("/api/state")
        answer.raise_for_status()
        return answer.json()

    def wait_for(self, condition: Callable[[dict[str, Any]], Any], seconds: float = START_SECONDS) -> dict[str, Any]:
        """The first state that fulfils ``condition``."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.state()
            if condition(state):
                return state
            assert time.monotonic() < deadline, f"this did not come: {json.dumps(state)[:4000]}"
            time.sleep(0.1)

    def wait_until_up(self) -> dict[str, Any]:
        """Until a chat with the bundled model is possible."""
        return self.wait_for(is_up)

    def processes(self, word: str) -> list[psutil.Process]:
        """The descendants whose command line holds ``word``."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(word in part for part in child.cmdline()):
                    found.append(child)
        return found

    def ask(self, text: str, **fields: Any) -> dict[str, Any]:
        """One answer of the bundled model through /v1."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], "temperature": 0, **fields}
        answer = self.client.post("/v1/chat/completions", json=body, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()


def is_up(state: dict[str, Any]) -> bool:
    """Whether the bundled model can be chatted with."""
    engine = state["node"]["engine"]["status"] == "ready"
    return engine and any(model["complete"] for model in state["swarm"].get("models", {}).values())


@contextlib.contextmanager
def live_node(
    *arguments: str, home: Path | None = None, program: Sequence[str] = ("-m", "meadow")
) -> Iterator[LiveNode]:
    """Start a node (with ``--demo`` unless other arguments are given); afterwards it is stopped and nothing is left."""
    with contextlib.ExitStack() as stack:
        if home is None:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mw-")))
        process = subprocess.Popen(
            [sys.executable, *program, "--home", str(home), "node", "--json", *(arguments or ("--demo",))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(home / "stderr.txt").open("a"),
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (home / "stderr.txt").read_text()
            ready = json.loads(line)
            assert ready["event"] == "ready", ready
            token = Path(ready["token_file"]).read_text().strip()
            headers = {"authorization": f"Bearer {token}"}
            client = stack.enter_context(
                httpx2.Client(base_url=ready["url"], headers=headers, trust_env=False, timeout=30)
            )
            yield LiveNode(home, ready["url"], token, process, client)
        finally:
            children = []
            with contextlib.suppress(psutil.NoSuchProcess):
                children = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()
            _, left = psutil.wait_procs(children, timeout=10)
            assert not left, f"left behind: {left}"
