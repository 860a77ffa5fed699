"""A ring of real server processes with a made-up span, each with its own p2pd, and a client in this process.

Run as a program it is one server: it prints a JSON line when it is online, answers ``record`` and ``stats`` on its
standard input, and ends when that is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from meadow.client.loop import BackgroundLoop
from meadow.client.session import RemoteSession
from meadow.errors import ProtocolError
from meadow.server import admission
from meadow.server.handler import Server, ServerLimits
from meadow.swarm.identity import Identity
from meadow.swarm.node import SwarmNode
from meadow.swarm.records import ServerRecord, decode_record
from meadow.swarm.routing import Hop
from meadow.swarm.routing import find_route as find

HIDDEN = 16
FINGERPRINT = bytes(range(32))


class BadStep(ProtocolError):
    code = "bad_step"


class FakeCache:
    """Remembers every position it was given: one that is lost, doubled or moved changes all later output."""

    def __init__(self, start: int, end: int, batch: int) -> None:
        self.start, self.end = start, end
        self.past = torch.zeros(batch, 0, HIDDEN)

    @property
    def length(self) -> int:
        return self.past.shape[1]

    @property
    def batch(self) -> int:
        return self.past.shape[0]

    @property
    def blocks(self) -> int:
        return self.end - self.start

    @property
    def capacity(self) -> int:
        return self.batch * self.length

    def tokens_needed(self, new: int) -> int:
        return self.batch * (self.length + new)

    def crop(self, remove: int) -> None:
        self.past = self.past[:, : self.length - remove]

    def reorder(self, indices: list[int]) -> None:
        self.past = self.past[indices]

    select = reorder

    def repeat(self, times: int) -> None:
        self.past = self.past.repeat_interleave(times, 0)

    def record_past(self) -> None:
        pass

    def reset(self) -> None:
        self.past = self.past[:, :0]

    def lends(self, length: int) -> bool:
        return self.batch == 1 and 0 < length <= self.length

    def begin_with(self, other: FakeCache, length: int) -> None:
        self.past = other.past[:, :length].clone()

    def close(self) -> None:
        pass


@dataclass
class FakeOutput:
    hidden: torch.Tensor
    carry: tuple[torch.Tensor | None, ...] = ()


@dataclass
class FakeSpan:
    """Blocks ``[start, end)`` of a "model" whose every block mixes a position with all positions before it."""

    start: int
    end: int
    delay: float = 0.0
    delay_position: float = 0.0
    idle: bool = False
    """Compute nothing at all: for measuring what is around the computing."""
    dtype: torch.dtype = torch.float32
    can_roll_back: bool = True
    position_axis: int = 1
    hidden: int = HIDDEN
    steps: int = 0
    garbage: bool = False

    def hidden_shape(self, batch: int, length: int) -> tuple[int, ...]:
        return (batch, length, self.hidden)

    def open(self, start: int, end: int, batch: int = 1) -> FakeCache:
        return FakeCache(start, end, batch)

    def plan_ahead(self, cache: FakeCache) -> None:
        pass

    def step(
        self, cache: FakeCache, hidden: torch.Tensor, *, positions=None, mask=None, extras=None, carry=()
    ) -> FakeOutput:
        self.steps += 1
        if self.idle:
            cache.past = torch.empty(hidden.shape[0], cache.length + hidden.shape[1], 0)
            return FakeOutput(hidden)
        time.sleep(self.delay + self.delay_position * hidden.shape[1])
        if float(hidden[0, 0, 0]) == 13.0:
            raise RuntimeError("the model's own code failed")
        if positions is not None and int(positions.min()) < 0:
            raise BadStep("negative positions")
        length = cache.length
        cache.past = torch.cat([cache.past, hidden], 1)
        if float(hidden[0, 0, 0]) == 14.0:
            return FakeOutput(hidden / 0.0)
        for block in range(cache.start, cache.end):
            extra = (extras or {}).get(block, {}).get("shift")
            hidden = run_block(block, cache.past, hidden if extra is None else hidden + extra, length)
        if mask is not None:
            hidden = hidden + mask[1].sum() * 0.001 + mask[0]
        if self.garbage:
            hidden = hidden[..., : self.hidden // 2]
        carried = carry[0] + 1 if carry and carry[0] is not None else torch.zeros(1, dtype=torch.int64)
        return FakeOutput(hidden, (carried,))


def run_block(block: int, past: torch.Tensor, hidden: torch.Tensor, length: int) -> torch.Tensor:
    """One made-up block: bit-equal however the positions were cut into steps."""
    sums = past.double().cumsum(1)[:, length:].float()
    return torch.tanh(hidden + 0.1 * sums + 0.01 * block)


def reference(hidden: torch.Tensor, spans: Sequence[tuple[int, int]]) -> torch.Tensor:
    """What a ring with these spans must answer to all positions from 0."""
    for start, end in spans:
        given = hidden
        for block in range(start, end):
            hidden = run_block(block, given, hidden, 0)
    return hidden


# -- one server process -----------------------------------------------------------------------------------------------


async def serve(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    home = Path(arguments.home)
    node = await SwarmNode.create(identity=Identity.temporary(home), run_dir=home / "run")
    span = FakeSpan(
        arguments.start,
        arguments.end,
        delay=arguments.delay,
        delay_position=arguments.delay_position,
        idle=arguments.idle,
        hidden=arguments.hidden,
        can_roll_back=not arguments.recurrent,
    )
    seen: list[dict[str, Any]] = []
    server = Server(
        span,  # type: ignore[arg-type]
        node,
        server_id=os.urandom(4).hex(),
        fingerprint=FINGERPRINT,
        budget=arguments.budget,
        numeric_class=arguments.numeric_class,
        limits=ServerLimits(**json.loads(arguments.limits)),
        on_event=lambda event: seen.append({"event": type(event).__name__, **asdict(event)}),
    )
    await server.start()

    def record() -> str:
        return node.sign(
            ServerRecord(
                node.peer_id, server.server_id, FINGERPRINT, span.start, span.end, "online",
                addresses=node.own_addresses(),
            )
        ).encoded.hex()  # fmt: skip

    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"record": record(), "addresses": node.addresses}), flush=True)
    while line := await reader.readline():
        command = line.decode().strip()
        if command == "record":
            print(json.dumps({"record": record()}), flush=True)
        elif command == "drain":
            server.drain(5.0)
            print("{}", flush=True)
        elif command == "stay":
            server._draining_until = None
            print("{}", flush=True)
        elif command == "cut":  # every stream breaks, as when a cable is pulled; the sessions stay
            for channel in list(server._channels):
                channel._transport.abort()
            print("{}", flush=True)
        elif command == "garbage":  # from now on what the span computes has a wrong shape
            span.garbage = True
            print("{}", flush=True)
        elif command == "sound":
            span.garbage = False
            print("{}", flush=True)
        elif command == "forget_logs":  # as when others needed the room
            limits = server.limits
            server.limits = replace(limits, log_bytes=2_000)
            server._trim_logs()
            server.limits = limits
            print("{}", flush=True)
        elif command == "expire":  # every record counts as expired from now on
            admission.CLOCK_SKEW = -1e9
            print("{}", flush=True)
        elif command == "forget":  # the sessions whose owners are gone, which time would end
            for session in [s for s in server._sessions.values() if s.client is None]:
                server._end(session, "idle")
            print("{}", flush=True)
        else:
            events, seen[:] = list(seen), []
            more = {"steps": span.steps, "waiting": server._inflow.total, "events": events}
            print(json.dumps({**asdict(server.load()), **more}), flush=True)
    await server.stop()
    await node.close()


class ServerProcess:
    """One server, seen from the test."""

    def __init__(self, home: Path, start: int, end: int, **options: Any) -> None:
        home.mkdir()
        command = [sys.executable, __file__, "--home", str(home), "--start", str(start), "--end", str(end)]
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [flag, json.dumps(value) if name == "limits" else str(value)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        self.start, self.end = start, end
        self.addresses: list[str] = []
        self.peer_id = ""
        self._asking = threading.Lock()

    def hop_known(self) -> Hop:
        """The hop as it was known when the server came online, for a server that is dead now."""
        return self.hop_from(self.first_record)

    def wait_online(self) -> None:
        answer = self._read()
        self.first_record = answer["record"]
        self.addresses = answer["addresses"]
        self.peer_id = self.hop_from(answer["record"]).server.peer_id

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the server ended with {self.process.wait()}"
        return json.loads(line)

    def ask(self, command: str) -> dict[str, Any]:
        with self._asking:
            assert self.process.stdin is not None
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
            return self._read()

    def stats(self) -> dict[str, Any]:
        return self.ask("stats")

    def hop_from(self, record: str, start: int | None = None, end: int | None = None) -> Hop:
        signed = decode_record(bytes.fromhex(record))
        return Hop(signed, self.start if start is None else start, self.end if end is None else end)

    def hop(self, start: int | None = None, end: int | None = None) -> Hop:
        return self.hop_from(self.ask("record")["record"], start, end)

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        with suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()


@dataclass
class Ring:
    """Servers, and a client's node and loop."""

    home: Path
    servers: list[ServerProcess]
    loop: BackgroundLoop
    node: SwarmNode
    sessions: list[RemoteSession] = field(default_factory=list)

    def session(self, hops: Sequence[Hop] | None = None, **options: Any) -> RemoteSession:
        """Open a session over all servers in order (or over these hops)."""
        route = list(hops) if hops is not None else [server.hop() for server in self.servers]

        async def find_route(avoid: Collection[tuple[str, str]]) -> Sequence[Hop]:
            return route

        if options.pop("failover", False):
            everybody = list(self.servers)

            async def find_others(start: int, end: int, avoid: Collection[tuple[str, str]]) -> Sequence[Hop]:
                # As known when they came online: whoever died since is known for a while, too.
                known = [server.hop_known().signed for server in everybody]
                return find(known, start, end, avoid=avoid)

            options["replace"] = find_others
        options.setdefault("fingerprint", FINGERPRINT)
        options.setdefault("dtype", torch.float32)
        session = RemoteSession(self.loop, self.node, find_route, **options)
        self.sessions.append(session)
        return session

    @property
    def spans(self) -> list[tuple[int, int]]:
        return [(server.start, server.end) for server in self.servers]


@contextmanager
def ring(*spans: tuple[int, int] | tuple[int, int, dict[str, Any]]) -> Iterator[Ring]:
    """Servers for these spans, each ``(start, end)`` or ``(start, end, options)``, and a client."""
    with tempfile.TemporaryDirectory(prefix="mw-") as name:
        home = Path(name)
        loop = BackgroundLoop("test-client")
        servers: list[ServerProcess] = []
        node: SwarmNode | None = None
        try:
            for index, (start, end, *rest) in enumerate(spans):
                servers.append(ServerProcess(home / f"s{index}", start, end, **(rest[0] if rest else {})))
            (home / "c").mkdir()
            for server in servers:
                server.wait_online()
            node = loop.run(
                SwarmNode.create(
                    identity=Identity.temporary(home / "c"),
                    run_dir=home / "c" / "run",
                    initial_peers=servers[0].addresses[:1],
                    client_only=True,
                )
            )
            made = Ring(home, servers, loop, node)
            yield made
            for session in made.sessions:
                session.close()
        finally:
            if node is not None:
                loop.run(node.close())
            loop.close()
            for server in servers:
                server.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", required=True)
    parser.add_argument("--start", type=int, required=True)
    parser.add_argument("--end", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--delay-position", type=float, default=0.0)
    parser.add_argument("--budget", type=int, default=1_000_000)
    parser.add_argument("--limits", default="{}")
    parser.add_argument("--numeric-class", default="fake")
    parser.add_argument("--hidden", type=int, default=HIDDEN)
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--recurrent", action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
