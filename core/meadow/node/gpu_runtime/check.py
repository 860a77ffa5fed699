"""Does a runtime work here? Asked in a process of its own, which has it in front of its import path.

    python -m meadow.node.gpu_runtime.check      one JSON object on standard output

A PyTorch can see a card and still have no code for it, so each GPU also computes something.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from meadow.platform.torch_probe import probe

CHECK_SECONDS: Final = 300.0  # from a slow disk, the first import reads gigabytes
_DRIVER = "Update the NVIDIA driver and restart, then try again"


def look() -> dict[str, Any]:
    """What torch says of itself, and on how many GPUs it computed right."""
    import torch

    facts, right = probe(), 0
    for gpu in facts["gpus"]:
        try:
            right += float((torch.ones(64, device=f"cuda:{gpu['index']}") * 2).sum()) == 128.0
        except (RuntimeError, AssertionError) as error:
            facts["error"] = facts["error"] or type(error).__name__
    return {**facts, "file": torch.__file__, "right": right}


def judge(facts: dict[str, Any] | None, site: Path) -> str | None:
    """Why it does not work, for people; None if it does. ``facts`` None: it could not even be asked."""
    if facts is None:
        return f"PyTorch with CUDA does not start here. {_DRIVER}."
    if not Path(str(facts.get("file"))).is_relative_to(site):
        return "Another PyTorch stands in front of it. Unset PYTHONPATH and PYTHONHOME, then try again."
    if not facts.get("cuda"):
        return "Its PyTorch was built without CUDA. Update Meadow, then try again."
    if not facts.get("gpus"):
        return f"Its PyTorch finds no GPU that it can use. {_DRIVER}; check CUDA_VISIBLE_DEVICES."
    if not facts.get("right"):
        return f"Its PyTorch sees the GPU but cannot compute on it: the card is too old, or its driver. {_DRIVER}."
    return None


def check(site: Path, environment: dict[str, str], command: Sequence[str] = ()) -> str | None:
    """Run this module with ``environment``. Blocks; see :func:`judge`."""
    theirs, ours = os.pipe()  # ends when this process does, however it ends, and then the other one ends, too
    try:
        process = subprocess.Popen(
            command or (sys.executable, "-m", "meadow.node.gpu_runtime.check"),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        with process:
            try:
                output, _ = process.communicate(timeout=CHECK_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                return f"PyTorch did not answer: the GPU's driver may hang. {_DRIVER}."
        facts = json.loads(output) if process.returncode == 0 else None
    except (OSError, ValueError):
        facts = None
    finally:
        os.close(theirs)
        os.close(ours)
    return judge(facts if isinstance(facts, dict) else None, site)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not garble the answer
    json.dump(look(), results)
    results.close()
    os._exit(0)  # without waiting for the thread that reads
