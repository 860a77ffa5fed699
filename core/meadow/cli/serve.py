"""``meadow serve``: host blocks of a model until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from meadow.cli.ending import Impatient
from meadow.cli.output import Output, plain
from meadow.cli.which import Which, which_swarm
from meadow.node.supervisor import LOOPBACK, Supervisor, new_server_id
from meadow.platform.paths import Paths
from meadow.server.spec import ServerSpec

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(options: argparse.Namespace, output: Output) -> int:
    """Serve until Ctrl+C or SIGTERM (exit status 0), or until something dies (MeadowError)."""
    paths = Paths.of(options.home)
    start, end = options.blocks or (0, None)
    spec = ServerSpec(
        model=options.model,
        server_id=new_server_id(),
        start=start,
        end=end,
        revision=options.revision,
        dtype=options.dtype,
        device=options.device,
        threads=options.threads,
        kv_tokens=options.kv_tokens,
        hub_token_file=str(paths.hub_token),
    )
    which = which_swarm(options, paths)

    async def work() -> None:
        async with Supervisor(paths, on_event=lambda event: show(output, event)) as supervisor:
            await supervisor.spawn(spec)
            await supervisor.join(
                initial_peers=which.peers, host_maddrs=options.host_maddrs or LOOPBACK, swarm=which.swarm
            )
            await do_duties(supervisor, paths, which)

    run_until_stopped(work)
    output.note("Stopped. Nothing is left behind.")
    return 0


async def do_duties(supervisor: Supervisor, paths: Paths, which: Which) -> None:
    """Until something dies (MeadowError), also what a private swarm asks of its members."""
    if which.swarm is None:
        await supervisor.run()
    from meadow.node.swarms import SwarmDuties
    from meadow.swarm.book import SwarmBook

    duties = asyncio.create_task(SwarmDuties(supervisor, SwarmBook(paths)).run())
    try:
        await supervisor.run()
    finally:
        duties.cancel()
        await asyncio.gather(duties, return_exceptions=True)


def run_until_stopped(work: Callable[[], Awaitable[None]]) -> None:
    """``asyncio.run`` of :func:`until_stopped`. No signal falls into the making of the loop, where it would leave half
    a loop behind and be reported by the interpreter; it waits until it can be heard."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        asyncio.run(until_stopped(work))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


async def until_stopped(work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work`` until it ends, or until SIGINT, SIGTERM or SIGHUP cancels it, so that it cleans up after itself."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(Impatient(thread_name_prefix="beside"))
    task = asyncio.ensure_future(work())
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:  # once: a second Ctrl+C must not interrupt the cleaning up, which is bounded anyway
            stopped = True
            task.cancel()

    for signum in STOP_SIGNALS:
        loop.add_signal_handler(signum, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)  # and children must not inherit that
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise


def show(output: Output, event: dict[str, Any]) -> None:
    """One event of a supervisor, for programs or for people."""
    fields = {key: value for key, value in event.items() if key != "event"}
    name = event["event"]
    output.event(name, **fields)
    if output.json_lines:
        return
    if name == "starting":
        output.progress(f"Starting, {event['step']} of {event['steps']}: {event['text']}")
    elif name == "progress":
        output.transfer("Reading the model", event["done"], event["total"], event["rate"], event["seconds_left"])
    elif name == "online":
        output.note(
            f"Serving blocks {event['start']}:{event['end']} of the {event['num_blocks']} of {plain(event['model'])}, "
            f"{event['dtype']}, {event['verification']}, about {event['throughput']:.0f} tokens/s."
        )
        output.result("Others join this swarm through:")
        for address in event["initial_peers"]:
            output.result(f"  {address}")
        output.note("Ctrl+C stops it.")
    elif name == "sessions":
        output.progress(f"{event['count']} sessions now")
    elif name == "problem":
        output.note(f"Problem: {event['message']}")
