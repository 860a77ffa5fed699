"""``meadow pause``: give the machine back for a while."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta

from meadow.cli.output import Output
from meadow.cli.remote import connect
from meadow.cli.times import clock


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0 when the node has taken it on."""
    now = datetime.now().astimezone()
    seconds = options.duration if options.until is None else (options.until - now).total_seconds()
    with connect(options.home) as remote:
        remote.post("/api/pause", {"seconds": seconds})
    output.event("paused", seconds=seconds)
    until = "" if seconds is None else f" until {clock(now + timedelta(seconds=seconds), now)}"
    output.result(f"Sharing is paused{until}. `meadow resume` ends the pause.")
    return 0
