"""The exactness self-test: the bundled model over two servers of this machine, against the same model in one piece.

    python -m meadow.node.selftest FOLDER     JSON lines: steps, then one result or error; FOLDER is a temporary home

A process of its own, started by the doctor: it needs torch, which the doctor does not, and whatever happens to it, its
end ends everything that it started. It ends itself when its standard input breaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError
from meadow.node.demoswarm import demo_specs
from meadow.node.doctor import in_thread
from meadow.node.supervisor import Supervisor
from meadow.platform.paths import Paths
from meadow.resources import resource

NEW_TOKENS = 24
_PROMPT = "A swarm is"


def compare(folder: Path, peers: list[str], home: Path) -> dict[str, Any]:
    """Generate the same tokens both ways. Blocks; raises MeadowError."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    from meadow.client.auto import AutoDistributedModelForCausalLM
    from meadow.models.checkpoint import open_checkpoint

    logging.disable_progress_bar()
    torch.set_num_threads(1)  # as many as the servers have: the order of sums depends on it
    checkpoint = open_checkpoint(folder, cache_dir=Paths.of(home).models)
    ids = torch.tensor([AutoTokenizer.from_pretrained(str(folder), local_files_only=True)(_PROMPT)["input_ids"]])
    options = {
        "attention_mask": torch.ones_like(ids),
        "max_new_tokens": NEW_TOKENS,
        "min_new_tokens": NEW_TOKENS,
        "do_sample": False,
        "output_logits": True,
        "return_dict_in_generate": True,
    }
    remote = AutoDistributedModelForCausalLM.from_pretrained(
        checkpoint, initial_peers=peers, reproducible=True, home=home
    )
    try:
        begin = time.perf_counter()
        over_swarm: Any = remote.generate(ids, **options)
        seconds = time.perf_counter() - begin
        # From the same file: how weights are aligned in memory shows in the last bits.
        plain = AutoModelForCausalLM.from_pretrained(folder, dtype=remote.dtype).eval()
        alone: Any = plain.generate(ids, **options)
    finally:
        remote.close()
    differences = [
        float((a.float() - b.float()).abs().max()) for a, b in zip(over_swarm.logits, alone.logits, strict=False)
    ]
    return {
        "tokens": int(over_swarm.sequences.shape[1] - ids.shape[1]),
        "same_tokens": bool(torch.equal(over_swarm.sequences, alone.sequences)),
        "difference": max(differences),
        "tokens_per_second": round(NEW_TOKENS / seconds, 1),
        "dtype": str(remote.dtype).removeprefix("torch."),
    }


async def selftest(home: Path, tell: Callable[..., None]) -> dict[str, Any]:
    """Bring up the swarm, compare, take it down. Raises MeadowError."""
    paths = Paths.of(home)
    specs = demo_specs()
    tell("step", text="starting two servers")
    async with contextlib.AsyncExitStack() as stack:
        peers: list[str] = []
        nodes = []
        for spec in specs:
            node = await stack.enter_async_context(Supervisor(paths, temporary=True))
            nodes.append(node)
            await node.spawn(spec)
        for node in nodes:
            await node.join(initial_peers=peers)
            peers = peers or node.addresses
        for node in nodes:
            await node.online()
        tell("step", text="comparing")
        result = await in_thread(lambda: compare(resource("demo-model"), peers, home))
        return {**result, "servers": len(specs)}


def main() -> int:
    """Returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries that print must not garble the result

    def tell(event: str, **fields: Any) -> None:
        results.write(json.dumps({"event": event, **fields}) + "\n")
        results.flush()

    async def work() -> None:
        task = asyncio.ensure_future(selftest(Path(sys.argv[1]), tell))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, task.cancel)

        def watch() -> None:
            sys.stdin.read()
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)

        threading.Thread(target=watch, name="parent", daemon=True).start()
        tell("result", **await task)

    try:
        asyncio.run(work())
    except MeadowError as error:
        tell("error", code=error.code, message=str(error))
        return 1
    except (asyncio.CancelledError, BrokenPipeError):
        shutil.rmtree(sys.argv[1], ignore_errors=True)  # whoever started us may be gone
        os._exit(1)  # a thread may still compute; the supervisors have ended what they started
    return 0


if __name__ == "__main__":
    sys.exit(main())
