"""``meadow resume``: end a pause."""

from __future__ import annotations

import argparse

from meadow.cli.output import Output
from meadow.cli.remote import connect


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0 when the node has taken it on."""
    with connect(options.home) as remote:
        remote.post("/api/resume")
    output.event("resumed")
    output.result("The pause is over. `meadow status` says how it goes.")
    return 0
