"""``meadow bootstrap``: a peer that others join through, without a server."""

from __future__ import annotations

import argparse

from meadow.cli.output import Output
from meadow.cli.serve import do_duties, run_until_stopped, show
from meadow.cli.which import which_swarm
from meadow.node.supervisor import LOOPBACK, Supervisor
from meadow.platform.paths import Paths


def run(options: argparse.Namespace, output: Output) -> int:
    """Run until Ctrl+C or SIGTERM (exit status 0), or until p2pd dies (MeadowError)."""
    paths = Paths.of(options.home)
    which = which_swarm(options, paths)

    async def work() -> None:
        async with Supervisor(paths, on_event=lambda event: show(output, event)) as supervisor:
            await supervisor.join(
                initial_peers=which.peers, host_maddrs=options.host_maddrs or LOOPBACK, swarm=which.swarm
            )
            assert supervisor.node is not None
            output.event("online", peer_id=supervisor.node.peer_id, initial_peers=supervisor.addresses)
            output.result("Others join this swarm through:")
            for address in supervisor.addresses:
                output.result(f"  {address}")
            output.note("Ctrl+C stops it.")
            await do_duties(supervisor, paths, which)

    run_until_stopped(work)
    output.note("Stopped. Nothing is left behind.")
    return 0
