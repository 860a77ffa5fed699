"""Checks of what connects: the node of this home, ports, p2pd, the clock of the swarm, and the exactness self-test."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import json
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx2
import psutil

from meadow import __version__
from meadow.client.peers import initial_peers
from meadow.errors import MeadowError, NoPeers
from meadow.node.doctor import Finding, fail, in_thread, ok, warn
from meadow.node.doctor_machine import clock_jump, judge_clock, newest_own_file
from meadow.node.lock import RunningNode, find, is_held
from meadow.node.settings import SettingsFile
from meadow.platform.paths import Paths

_ANSWER_SECONDS = 5.0
_STOP_SECONDS = 8.0
_MAX_LINE = 1 << 20


# The node


def node(paths: Paths) -> Finding:
    """Does a node run with this home, and does it answer? Blocks."""
    running = find(paths)
    if running is None:
        if not is_held(paths):
            return ok("No node runs with this home.", running=False)
        return warn(
            "A node is starting or ending; it does not answer yet.", "Wait a moment and try again.", running=True
        )
    details = {"running": True, "pid": running.pid, "version": running.version, "demo": running.demo}
    try:
        with httpx2.Client(timeout=_ANSWER_SECONDS, trust_env=False) as client:
            status = client.get(f"{running.url}/health").status_code
    except httpx2.HTTPError as error:
        return fail(
            f"The node (process {running.pid}) does not answer at {running.url} ({type(error).__name__}).",
            f"End process {running.pid}, then start the node anew.",
            **details,
        )
    if status != 200:
        return fail(
            f"What answers at {running.url} is no Meadow node (status {status}).",
            "Start the node anew; choose another port with --port.",
            **details,
        )
    if running.version != __version__:
        return warn(
            f"The node runs Meadow {running.version}, this command is {__version__}.",
            "`meadow stop` ends it; then start it anew.",
            **details,
        )
    return ok(f"The node answers at {running.url}.", **details)


def settings(paths: Paths) -> Finding:
    """Can the settings file be read? Blocks."""
    if not paths.settings.exists():
        return ok("There is no settings file; the defaults hold.")
    try:
        file = SettingsFile(paths.settings)
        file.current()
    except MeadowError as error:
        return fail(str(error), "Correct the file, or move it away to start with defaults.")
    remarks = [str(remark) for remark in file.remarks]
    if remarks:
        return warn(f"The settings file has {len(remarks)} remarks: {remarks[0]}", "Correct the file.")
    return ok("The settings file is fine.")


# Ports


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that a process of the node listens on. ``what``: "api", "p2pd", "server" or "engine"."""

    what: str
    host: str
    port: int


def ports(paths: Paths) -> Finding:
    """Can a port be opened, and which are? Blocks."""
    problem = can_listen(0)
    running = find(paths)
    wanted = 0
    if running is None:
        with contextlib.suppress(MeadowError):
            wanted = int(SettingsFile(paths.settings).current()["node.port"])
    taken = can_listen(wanted) if wanted and problem is None else None
    return judge_ports(problem, taken, wanted, list(listeners(running)) if running is not None else None)


def can_listen(port: int) -> str | None:
    """Why this machine's programs cannot listen on 127.0.0.1 and be reached there; None if they can."""
    try:
        with socket.create_server(("127.0.0.1", port)) as server:
            with socket.create_connection(server.getsockname(), timeout=_ANSWER_SECONDS):
                return None
    except OSError as error:
        return error.strerror or type(error).__name__


def listeners(running: RunningNode) -> Iterator[Listener]:
    """What the node and its children listen on."""
    try:
        parent = psutil.Process(running.pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return
    for process in family:
        try:
            command = process.cmdline()
            connections = process.net_connections(kind="tcp")
        except (psutil.Error, OSError):
            continue
        for connection in connections:
            if connection.status == psutil.CONN_LISTEN:
                yield Listener(_role(process.pid == running.pid, command), connection.laddr.ip, connection.laddr.port)


def _role(is_node: bool, command: list[str]) -> str:
    if is_node:
        return "api"
    if any(part.endswith("p2pd") for part in command):
        return "p2pd"
    return "engine" if "meadow.chat.process" in command else "server"


def judge_ports(problem: str | None, taken: str | None, wanted: int, open_ports: list[Listener] | None) -> Finding:
    """:param problem: why no port can be opened. :param taken: why not ``wanted``, the port of the settings.
    :param open_ports: what the running node listens on; None when none runs.
    """
    details = {"listening": [f"{one.what} {one.host}:{one.port}" for one in open_ports or ()]}
    if problem is not None:
        return fail(
            f"This program cannot listen on 127.0.0.1 ({problem}).",
            "Check the firewall and security software: Meadow talks to itself over 127.0.0.1.",
            **details,
        )
    if taken is not None:
        return fail(
            f"Port {wanted} of the settings cannot be used ({taken}).",
            "End the program that uses it, or choose another: meadow settings node.port=0",
            **details,
        )
    outside = [one for one in open_ports or () if one.what != "p2pd" and not ip_address(one.host).is_loopback]
    if outside:
        return fail(
            f"The {outside[0].what} listens on {outside[0].host}:{outside[0].port}, where other machines reach it.",
            "End the node and report this: only p2pd may be reached from outside.",
            **details,
        )
    if open_ports is None:
        return ok("Ports on 127.0.0.1 can be opened. No node runs, so nothing listens.", **details)
    reach = [one for one in open_ports if not ip_address(one.host).is_loopback]
    where = ", ".join(f"{one.what} on {one.host}:{one.port}" for one in open_ports) or "nothing"
    others = "other machines can reach p2pd" if reach else "only this machine can reach it"
    return ok(f"Listening: {where}; {others}.", **details)


# p2pd and the swarm


async def p2pd() -> Finding:
    """Does the libp2p daemon start, listen, answer and end?"""
    with short_folder() as folder:
        module = await in_thread(lambda: importlib.import_module("meadow.swarm.node"))
        identity = await in_thread(lambda: importlib.import_module("meadow.swarm.identity"))
        program = await in_thread(p2pd_program)
        begin = time.monotonic()
        async with await module.SwarmNode.create(
            identity=identity.Identity.temporary(folder), run_dir=folder / "run"
        ) as swarm_node:
            seconds = time.monotonic() - begin
            addresses = list(swarm_node.addresses)
        details = {**program, "start_seconds": round(seconds, 2)}
        if not addresses:
            return fail("p2pd starts, but listens nowhere.", "Check the firewall and security software.", **details)
        return ok(
            f"p2pd starts in {seconds:.1f} s, listens and answers (hivemind {program['hivemind']}, "
            f"{program['sha256'][:12]}).",
            **details,
        )


def p2pd_program() -> dict[str, Any]:
    """Which p2pd this is. It does not tell its version; the hash of the program does. Blocks."""
    from importlib.metadata import version
    from importlib.resources import files

    path = Path(str(files("hivemind"))) / "hivemind_cli" / "p2pd"
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise MeadowError(f"The program p2pd cannot be read ({error.strerror}). Install Meadow again.") from error
    return {"hivemind": version("hivemind"), "sha256": digest[:16]}


async def clock(paths: Paths) -> Finding:
    """The clock alone, and against the peers that this home knows."""
    jump = await in_thread(clock_jump)
    newest = await in_thread(newest_own_file)
    try:
        peers = await in_thread(lambda: initial_peers(None, paths.settings))
    except MeadowError:
        return judge_clock(time.time(), newest, jump)
    try:
        offset = await swarm_offset(peers)
    except NoPeers:
        return judge_clock(time.time(), newest, jump)
    return judge_clock(time.time(), newest, jump, offset=offset)


async def swarm_offset(peers: list[str]) -> float:
    """The swarm's clock minus ours, in seconds. Raises NoPeers when no initial peer answers."""
    module = await in_thread(lambda: importlib.import_module("meadow.swarm.node"))
    identity = await in_thread(lambda: importlib.import_module("meadow.swarm.identity"))
    with short_folder() as folder:
        async with await module.SwarmNode.create(
            identity=identity.Identity.temporary(folder), run_dir=folder / "run", initial_peers=peers, client_only=True
        ) as swarm_node:
            offset: float = swarm_node.clock.offset
            return offset


# Exactness


async def exactness(on_step: Callable[[str], None] = lambda text: None) -> Finding:
    """The bundled model over two servers of this machine, against plain local output; in processes of their own."""
    with short_folder() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "meadow.node.selftest",
            str(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_MAX_LINE,
            start_new_session=True,  # Ctrl+C is for us; it is told by us
        )
        try:
            return judge_exactness(await _last_word(process, on_step))
        finally:
            await _end(process)


async def _last_word(process: asyncio.subprocess.Process, on_step: Callable[[str], None]) -> dict[str, Any] | None:
    assert process.stdout is not None
    async for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "step":
            on_step(event["text"])
        else:
            return event
    return None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Its input breaks, so it ends what it started; if it does not, the kernel ends it, and that ends the others."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def judge_exactness(event: dict[str, Any] | None) -> Finding:
    """From the last event of the self-test; None: it ended without one."""
    again = "Try again when the computer is less busy; if it happens again, report it with `meadow doctor --report`."
    if event is None:
        return fail("The self-test ended without a result: a process was killed, perhaps for lack of memory.", again)
    if event["event"] == "error":
        return fail(f"The swarm of this machine did not answer: {event['message']}", again, code=event["code"])
    details = {key: event[key] for key in ("tokens", "servers", "difference", "tokens_per_second", "dtype")}
    if not event["same_tokens"]:
        return fail(
            "The swarm gives other tokens than the same model in one process: something computes wrongly here.",
            "Install Meadow again; if it stays so, report it and do not share until it is found.",
            **details,
        )
    if event["difference"] != 0.0:
        return fail(
            f"The swarm gives the same tokens, but numbers differ by up to {event['difference']:.2g}.",
            "Report it with `meadow doctor --report`: they must be equal to the last bit.",
            **details,
        )
    return ok(
        f"{event['tokens']} tokens over {event['servers']} servers are equal to plain local output to the last bit "
        f"({event['tokens_per_second']:.0f} tokens/s).",
        **details,
    )


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A private folder with a path short enough for sockets, gone afterwards."""
    root = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="mw-", dir=root if len(root) < 40 else "/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
