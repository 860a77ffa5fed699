"""``meadow stop``: end the node of this home."""

from __future__ import annotations

import argparse
import time

from meadow.cli import tell
from meadow.cli.output import Output
from meadow.cli.remote import NoNode, Remote, connect
from meadow.errors import MeadowError
from meadow.node.lock import find, wait_until_gone
from meadow.platform.paths import Paths

_STOP_SECONDS = 30.0


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0 when no node is left, also when there was none."""
    paths = Paths.of(options.home)
    node = find(paths)
    try:
        remote = connect(options.home)
    except NoNode:
        output.event("stopped", was_running=False)
        output.note(f"No Meadow node runs in {paths.data}.")
        return 0
    with remote:
        if (ends := tell.what_ends(remote.state())) is not None:
            output.note(ends)
        remote.post("/api/stop")
        output.progress("The node is ending")
        mine = node is not None and node.url == remote.url
        gone = wait_until_gone(paths, seconds=_STOP_SECONDS) if mine else _until_silent(remote)
    if not gone:
        process = f" (process {node.pid})" if mine and node is not None else ""
        raise MeadowError(
            f"The node{process} was told to end but is still there after {_STOP_SECONDS:.0f} s.", code="still_running"
        )
    output.event("stopped", was_running=True)
    output.result("The node has ended. Nothing is left behind.")
    return 0


def _until_silent(remote: Remote) -> bool:
    """Wait until nothing answers at an address that we were given."""
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        try:
            remote.get("/health")
        except NoNode:
            return True
        except MeadowError:  # it is about to go
            continue
        finally:
            time.sleep(0.1)
    return False
