"""``meadow node``: start the one node of this home, or say where it is."""

from __future__ import annotations

import argparse
import time

from meadow import __version__
from meadow.cli.output import Output
from meadow.cli.serve import run_until_stopped
from meadow.errors import DiskFull, MeadowError
from meadow.node.control import NodeOptions
from meadow.node.lock import RunningNode, claim
from meadow.platform.paths import Paths

ROOM_SECONDS = 2.0


def run(options: argparse.Namespace, output: Output) -> int:
    """Run until Ctrl+C, SIGTERM or ``meadow stop``. One that runs already is the answer too (exit status 0)."""
    paths = Paths.of(options.home)
    full_disk = _FullDisk(output)
    while True:
        try:
            found = claim(paths)
            break
        except DiskFull as error:
            full_disk.tell(error)
            time.sleep(ROOM_SECONDS)
    if isinstance(found, RunningNode):
        return _already(found, options, output)

    def ready(node: RunningNode) -> None:
        _tell(node, output, already=False)
        output.result(f"The node is up. OpenAI clients use {node.url}/v1")
        output.result(f"with the token in {node.token_file}")
        output.note("`meadow status` says what it does. Ctrl+C or `meadow stop` ends it.")

    with found as lock:
        from meadow.node.node import run_node

        peers = () if options.new_swarm else options.initial_peers
        told = NodeOptions(
            port=options.port,
            demo=options.demo,
            initial_peers=None if peers is None else tuple(peers),
            host_maddrs=None if options.host_maddrs is None else tuple(options.host_maddrs),
        )
        run_until_stopped(lambda: run_node(paths, told, lock=lock, on_ready=ready, on_full_disk=full_disk.tell))
    output.note("Stopped. Nothing is left behind.")
    return 0


class _FullDisk:
    """Says once that the node waits for room."""

    def __init__(self, output: Output) -> None:
        self._output, self._told = output, False

    def tell(self, error: DiskFull) -> None:
        if not self._told:
            self._output.event("waiting", code=error.code, message=str(error))
            self._output.note(f"{error} The node goes on by itself when there is room.")
        self._told = True


def _already(node: RunningNode, options: argparse.Namespace, output: Output) -> int:
    """There is one: fine, unless it is not what was asked for."""
    remedy = "`meadow stop` ends it; then start it anew."
    if options.demo and not node.demo:
        raise MeadowError(
            f"The node of this home runs at {node.url} without the demo. {remedy} Or use another --home for the demo.",
            code="node_runs",
        )
    if node.demo and not options.demo:
        raise MeadowError(f"The node of this home runs the demo, at {node.url}. {remedy}", code="node_runs")
    if options.port and options.port != node.port:
        raise MeadowError(
            f"The node of this home runs at {node.url}, not on port {options.port}. {remedy}", code="node_runs"
        )
    _tell(node, output, already=True)
    output.result(f"The node of this home runs already, at {node.url} (process {node.pid}).")
    if node.version != __version__:
        output.note(f"It is Meadow {node.version}, this command is {__version__}: {remedy}")
    given = options.initial_peers or options.host_maddrs or options.new_swarm
    if given:
        output.note(f"It keeps the swarm and the addresses that it was started with. To change them: {remedy}")
    return 0


def _tell(node: RunningNode, output: Output, *, already: bool) -> None:
    output.event(
        "ready",
        url=node.url,
        token_file=node.token_file,
        pid=node.pid,
        version=node.version,
        demo=node.demo,
        already_running=already,
    )
