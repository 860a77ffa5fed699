"""``meadow bootstrap``: a peer that others join through, without a server."""

from __future__ import annotations

import argparse

from meadow.cli.output import Output
from meadow.cli.serve import run_until_stopped, show
from meadow.client.peers import initial_peers
from meadow.node.supervisor import LOOPBACK, Supervisor
from meadow.platform.paths import Paths


def run(options: argparse.Namespace, output: Output) -> int:
    """Run until Ctrl+C or SIGTERM (exit status 0), or until p2pd dies (MeadowError)."""
    paths = Paths.of(options.home)
    peers = [] if options.new_swarm else initial_peers(options.initial_peers, paths.settings)

    async def work() -> None:
        async with Supervisor(paths, on_event=lambda event: show(output, event)) as supervisor:
            await supervisor.join(initial_peers=peers, host_maddrs=options.host_maddrs or LOOPBACK)
            assert supervisor.node is not None
            output.event("online", peer_id=supervisor.node.peer_id, initial_peers=supervisor.addresses)
            output.result("Others join this swarm through:")
            for address in supervisor.addresses:
                output.result(f"  {address}")
            output.note("Ctrl+C stops it.")
            await supervisor.run()

    run_until_stopped(work)
    output.note("Stopped. Nothing is left behind.")
    return 0
