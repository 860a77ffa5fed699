"""What torch can compute on here: asked in a process of its own, which ends right after.

    python -m meadow.platform.torch_probe      one JSON object on standard output

The node never imports torch for this: it costs a second and hundreds of megabytes, and a broken GPU driver can take
down the process that asks.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def probe() -> dict[str, Any]:
    """The facts, as JSON values."""
    import torch

    facts: dict[str, Any] = {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "gpus": [],
        "mps": bool(torch.backends.mps.is_available()),
        "mps_memory": None,
        "error": None,
    }
    try:
        if torch.cuda.is_available():
            facts["gpus"] = [gpu(index) for index in range(torch.cuda.device_count())]
        elif torch.version.cuda or torch.version.hip:
            torch.cuda.init()  # raises, and says why
    except (RuntimeError, AssertionError) as error:
        facts["error"] = type(error).__name__
    if facts["mps"]:
        facts["mps_memory"] = int(torch.mps.recommended_max_memory())
    return facts


def gpu(index: int) -> dict[str, Any]:
    """One GPU as torch sees it."""
    import torch

    properties = torch.cuda.get_device_properties(index)
    free, total = torch.cuda.mem_get_info(index)
    return {
        "index": index,
        "name": properties.name,
        "uuid": str(getattr(properties, "uuid", "") or "") or None,
        "total": total,
        "free": free,
    }


if __name__ == "__main__":
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not garble the answer
    json.dump(probe(), results)
    results.close()
    sys.exit(0)
