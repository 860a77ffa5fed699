"""``meadow finish``: take no new sessions, and stop sharing when the open ones have ended."""

from __future__ import annotations

import argparse
import time

from meadow.cli.output import Output, duration, plain
from meadow.cli.remote import connect


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0 when the node has taken it on; with ``--wait``, when nothing is shared any more."""
    with connect(options.home) as remote:
        remote.post("/api/finish", {"seconds": options.within})
        within = options.within
        if within is None:
            until = remote.get("/api/state").get("share", {}).get("until")
            within = None if until is None else max(0.0, round(until - time.time(), 1))
        output.event("finishing", seconds=within)
        latest = "" if within is None else f", at the latest in {duration(within)}"
        output.note(f"No new sessions are taken. Sharing ends with the open ones{latest}.")
        if options.wait:
            for state in remote.states():
                share = state.get("share", {})
                if share.get("state") in ("off", "waiting", "problem"):
                    break
                output.progress(plain(str(share.get("text", ""))))
            output.event("finished")
            output.result("Nothing is shared any more.")
    return 0
