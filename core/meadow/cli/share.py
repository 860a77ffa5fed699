"""``meadow share``: let the node of this home serve blocks of a model."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meadow.cli import tell
from meadow.cli.output import Output, plain
from meadow.cli.remote import connect
from meadow.errors import MeadowError


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0 when it shares (with ``--no-wait``: when the node has taken it on), MeadowError when it cannot."""
    begin = time.time()
    with connect(options.home) as remote:
        remote.post(
            "/api/share",
            {
                "model": None if options.model is None else place(options.model),
                "blocks": None if options.blocks is None else list(options.blocks),
                "revision": options.revision,
                "dtype": options.dtype,
                "device": options.device,
                "kv_tokens": options.kv_tokens,
            },
        )
        if options.no_wait:
            output.event("accepted")
            output.note("The node has taken it on. `meadow status` says how it goes.")
            return 0
        try:
            return follow(remote.states(), output, begin)
        except KeyboardInterrupt:
            output.note("The node goes on with it. `meadow status` says how it goes, `meadow finish` ends it.")
            raise


def place(model: str) -> str:
    """A folder by its whole path, because the node has another working directory; a name on the hub as it is."""
    path = Path(model).expanduser()
    return str(path.absolute()) if path.is_dir() or model.startswith(("/", "./", "../", "~")) else model


def follow(states: Iterator[dict[str, Any]], output: Output, begin: float = 0.0) -> int:
    """Show how sharing begins, until it has, or cannot. ``begin`` (Unix seconds): problems from before do not count."""
    last: tuple[Any, ...] = ()
    for state in states:
        share = state.get("share", {})
        word, text = share.get("state"), plain(str(share.get("text", "")))
        if (word, share.get("reason"), text) != last:
            last = word, share.get("reason"), text
            output.event("share", state=word, reason=share.get("reason"), text=text)
        if word in ("sharing", "waiting"):
            output.result(text)
            return 0
        if word == "problem" and share.get("reason") != "server_restarting":
            raise _failure(state, begin) or MeadowError(text, code="share_failed")
        if word == "off" or share.get("wanted") != "on":
            raise _failure(state, begin) or MeadowError(f"Sharing was turned off meanwhile. {text}", code="share_ended")
        line, transfer = tell.waiting(state)
        if transfer is None:
            output.progress(line)
        else:
            output.event("progress", **{key: transfer.get(key) for key in ("done", "total", "rate", "seconds_left")})
            output.transfer(
                line, transfer.get("done", 0), transfer["total"], transfer.get("rate", 0), transfer.get("seconds_left")
            )
    raise MeadowError("The node ended before it shared anything.", code="node_ended")


def _failure(state: dict[str, Any], begin: float) -> MeadowError | None:
    """The last problem since ``begin``, in its own words and with its own code."""
    problems = [problem for problem in state.get("problems", {}).values() if problem.get("last", 0.0) >= begin]
    if not problems:
        return None
    last = max(problems, key=lambda problem: problem.get("last", 0.0))
    return MeadowError(tell.problem(last), code=str(last.get("code", "share_failed")))
