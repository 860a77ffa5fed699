"""How large a model's blocks are, asked of a process of its own: it needs torch, which the node does not have."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path

from meadow.errors import MeadowError
from meadow.platform.fit import ModelFacts

_SECONDS = 600.0
_MAX_LINE = 16 << 20


async def model_facts(model: str, *, revision: str | None, cache_dir: Path) -> ModelFacts:
    """Facts about a model, from its config and the headers of its weight files. Cancelling ends the process.

    Raises MeadowError: what keeps the model from being opened, or that this took too long.
    """
    command = [sys.executable, "-m", "meadow.models.facts", "--cache-dir", str(cache_dir)]
    if revision is not None:
        command += ["--revision", revision]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--",
        model,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_MAX_LINE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_SECONDS):
            async for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "facts":
                    return ModelFacts.of(event)
                if event["event"] == "error":
                    raise MeadowError(event["message"], code=event["code"])
    except (ValueError, KeyError, TypeError) as error:
        raise MeadowError("What is known of this model could not be read. See `meadow doctor`.") from error
    except TimeoutError:
        raise MeadowError("Opening this model took too long. Check the network and try again.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
    raise MeadowError("This model could not be opened. See `meadow doctor`.")
