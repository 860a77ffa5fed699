"""Nodes in this process, a node in another one, and a client that is served all the time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from meadow.swarm.identity import Identity
from meadow.swarm.node import SwarmNode
from meadow.swarm.streams import MessageReader, MessageWriter, read_message, send_message

VICTIM = Path(__file__).with_name("victim.py")


def processes_of(home: Path) -> list[str]:
    """Everything that still runs for this home directory, p2pd first of all."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        arguments = process.info["cmdline"] or []
        if any(str(home) in argument for argument in arguments) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(" ".join(arguments)[:200])
    return found


def sockets_of(home: Path) -> list[str]:
    """Socket files, and what belongs to them, under a home directory."""
    return [str(file) for file in home.rglob("*.sock*")]


class Swarm:
    """Makes nodes in this process and closes them all."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.nodes: list[SwarmNode] = []

    async def node(self, *initial_peers: str, **options: object) -> SwarmNode:
        identity = options.pop("identity", None) or Identity.temporary(self.home)
        node = await SwarmNode.create(
            identity=identity, run_dir=self.home / "run", initial_peers=initial_peers, **options
        )
        self.nodes.append(node)
        return node


@dataclass
class Victim:
    """A node in another process (victim.py)."""

    process: subprocess.Popen[str]
    peer_id: str
    addresses: list[str]
    maddr: str
    server_id: str

    @property
    def protocol(self) -> str:
        return f"meadow/1/{self.server_id}"

    def memory(self) -> int:
        """Resident bytes now."""
        return psutil.Process(self.process.pid).memory_info().rss

    def peak(self) -> int:
        """The most resident bytes since the process started (on Linux), else those of now."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return self.memory()
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024

    async def ask(self, command: str) -> object:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), 20))

    async def stats(self) -> dict[str, float]:
        answer = await self.ask("stats")
        assert isinstance(answer, dict)
        return answer

    def p2pd(self) -> psutil.Process:
        (child,) = [one for one in psutil.Process(self.process.pid).children() if "p2pd" in " ".join(one.cmdline())]
        return child

    def stop(self) -> None:
        """End it as a user would; it must not take long."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(15)
        finally:
            self.process.kill()
            self.process.wait()


def start_victim(home: Path, *arguments: str, server_id: str = "0000000a") -> Victim:
    """Start victim.py and wait until it is up (blocking)."""
    command = [sys.executable, str(VICTIM), "--home", str(home), "--server-id", server_id, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the other process did not come up"
    hello = json.loads(line)
    return Victim(process, hello["peer_id"], hello["addresses"], hello["maddr"], server_id)


class Honest:
    """A client that is being served all the time, over its stream and by the DHT."""

    def __init__(self, node: SwarmNode, victim: Victim) -> None:
        self.node, self.victim = node, victim
        self.served = 0
        self.expects: set[str] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.streams = await self.node.open_stream(self.victim.peer_id, self.victim.addresses, self.victim.protocol)
        self._task = asyncio.create_task(self._work())
        await self.goes_on()

    async def _work(self) -> None:
        while True:
            await echo(self.node, self.streams, b"question %d" % self.served)
            servers = await self.node.find_servers(b"v" * 32, 4)
            found = {signed.server.peer_id for signed in servers}
            assert self.victim.peer_id in found and found <= (self.expects or found)
            self.served += 1
            await asyncio.sleep(0.02)

    async def goes_on(self) -> None:
        """Return once the client has been served three more times; raise what went wrong otherwise."""
        assert self._task is not None
        until = self.served + 3
        async with asyncio.timeout(20):
            while self.served < until:
                if self._task.done():
                    self._task.result()
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def echo(node: SwarmNode, streams: tuple[MessageReader, MessageWriter], message: bytes) -> None:
    """One round trip; the answer begins with our own peer id as the other side sees it."""
    await send_message(streams[1], message)
    assert await read_message(streams[0], timeout=10) == node.peer_id.encode() + b" " + message
