"""``meadow status``: what the node of this home does."""

from __future__ import annotations

import argparse
import time

from meadow.cli import tell
from meadow.cli.output import Output
from meadow.cli.remote import connect
from meadow.node.lock import find
from meadow.platform.paths import Paths


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0; 1 when no node runs. With ``--watch``, until Ctrl+C or until the node ends."""
    node = find(Paths.of(options.home))
    with connect(options.home) as remote:
        token_file = node.token_file if node is not None and node.url == remote.url else None
        for state in remote.states() if options.watch else [remote.state()]:
            output.event("state", **state)
            for line in tell.status(state, now=time.time(), token_file=token_file):
                output.result(line)
            if options.watch:
                output.result()
    return 0
