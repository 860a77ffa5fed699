"""``meadow serve``: host blocks of a model until told to stop, and then let those who use them end or move on."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from meadow.cli.ending import Impatient
from meadow.cli.output import Output, duration, plain, size
from meadow.cli.which import Which, which_swarm
from meadow.node.linkprobe import LinkProbe
from meadow.node.supervisor import LOOPBACK, Supervisor, new_server_id
from meadow.platform.paths import Paths
from meadow.server.spec import ServerSpec
from meadow.swarm.link import Typical

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(options: argparse.Namespace, output: Output) -> int:
    """Serve until Ctrl+C or SIGTERM (exit status 0), or until something dies (MeadowError).

    The first signal lets open sessions end or move to other servers for ``--drain-seconds``; the second ends them.
    """
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
    leaving = Leaving(spec.server_id, options.drain_seconds, output)

    async def work() -> None:
        async with Supervisor(paths, on_event=lambda event: show(output, event)) as supervisor:
            await supervisor.spawn(spec)
            await supervisor.join(
                initial_peers=which.peers, host_maddrs=options.host_maddrs or LOOPBACK, swarm=which.swarm
            )
            duties = asyncio.create_task(do_duties(supervisor, paths, which))
            left = asyncio.create_task(leaving.done(supervisor))
            file = paths.cache / "links" / f"{which.swarm or 'public'}.json"
            probe = asyncio.create_task(LinkProbe(supervisor, file, lambda found: tell_link(output, found)).run())
            try:
                await asyncio.wait({duties, left}, return_when=asyncio.FIRST_COMPLETED)
                if not left.done():
                    await duties
            finally:
                duties.cancel()
                left.cancel()
                probe.cancel()
                await asyncio.gather(duties, left, probe, return_exceptions=True)

    run_until_stopped(work, gently=leaving.begin)
    output.note("Stopped. Nothing is left behind.")
    return 0


class Leaving:
    """How a server takes its leave of those who use it, within ``seconds``. Belongs to the loop."""

    def __init__(self, server_id: str, seconds: float, output: Output) -> None:
        self._server_id, self._seconds, self._output = server_id, seconds, output
        self._supervisor: Supervisor | None = None
        self._wanted = asyncio.Event()

    def begin(self) -> bool:
        """Leave gently, if there is somebody to be gentle to. False: nobody would notice."""
        server = None if self._supervisor is None else self._supervisor.servers.get(self._server_id)
        if server is None or not server.online or not server.sessions or not self._seconds:
            return False
        self._output.event("leaving", sessions=server.sessions, seconds=self._seconds)
        self._output.note(
            f"Leaving. No new sessions are taken; {count_sessions(server.sessions)} may end or move to other servers, "
            f"for {duration(self._seconds)} at most. Ctrl+C again does not wait for that."
        )
        self._wanted.set()
        return True

    async def done(self, supervisor: Supervisor) -> None:
        """Wait until the server was told to leave and has left."""
        self._supervisor = supervisor
        await self._wanted.wait()
        await supervisor.stop_server(self._server_id, drain_seconds=self._seconds)


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


def run_until_stopped(work: Callable[[], Awaitable[None]], *, gently: Callable[[], bool] | None = None) -> None:
    """``asyncio.run`` of :func:`until_stopped`. No signal falls into the making of the loop, where it would leave half
    a loop behind and be reported by the interpreter; it waits until it can be heard."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        asyncio.run(until_stopped(work, gently=gently))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


async def until_stopped(work: Callable[[], Awaitable[None]], *, gently: Callable[[], bool] | None = None) -> None:
    """Run ``work`` until it ends, or until SIGINT, SIGTERM or SIGHUP cancels it, so that it cleans up after itself.

    ``gently`` is called by the first SIGINT or SIGTERM. If it returns True, the work is about to end by itself, and
    only the next signal cancels it. SIGHUP is never gentle: who sees what is waited for has gone.
    """
    loop = asyncio.get_running_loop()
    loop.set_default_executor(Impatient(thread_name_prefix="beside"))
    task = asyncio.ensure_future(work())
    stopped = asked = False

    def stop(signum: int) -> None:
        nonlocal stopped, asked
        first, asked = not asked, True
        if first and gently is not None and signum != signal.SIGHUP and gently():
            return
        if not stopped:  # once: a second Ctrl+C must not interrupt the cleaning up, which is bounded anyway
            stopped = True
            task.cancel()

    for signum in STOP_SIGNALS:
        loop.add_signal_handler(signum, stop, signum)
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
        output.progress(f"{count_sessions(event['count'])} now")
    elif name == "problem":
        output.note(f"Problem: {event['message']}")


def tell_link(output: Output, found: Typical) -> None:
    """How fast the network is, for programs or for people."""
    output.event("link", uplink=found.up, downlink=found.down, peers=found.peers)
    if found.up and found.down:
        output.note(f"The network carries about {size(found.up)}/s up and {size(found.down)}/s down.")


def count_sessions(count: int) -> str:
    """ "1 session", "2 sessions"."""
    return f"{count} session" if count == 1 else f"{count} sessions"
