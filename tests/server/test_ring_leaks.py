"""Sessions whose clients die without a word, and streams that come back late: what stays, and what must not."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from ring import FINGERPRINT, HIDDEN, Ring, ServerProcess, reference, ring

from meadow.client.session import RemoteSession
from meadow.errors import Refused
from meadow.swarm.channel import Channel, make_hello, protocol_name
from meadow.wire import messages as m
from meadow.wire.body import pack_step

IDLE = {"limits": {"idle": 2.0, "abandoned": 600.0}}
ABANDONED = {"limits": {"idle": 600.0, "abandoned": 0.5, "attach_wait": 0.5}}


def some(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, length, HIDDEN, generator=torch.Generator().manual_seed(seed))


def wait_until_free(server: ServerProcess, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        stats = server.stats()
        if not stats["sessions"] and stats["free_tokens"] == stats["total_tokens"]:
            return
        assert time.monotonic() < deadline, "the session lives for ever"
        time.sleep(0.1)


def vanish(made: Ring, session: RemoteSession) -> None:
    """The client is gone as when its process is killed: no Close, just streams that end."""

    async def cut() -> None:
        transport = session._transport
        assert transport is not None
        transport._over = True
        for state in transport.hops:
            for task in state.tasks:
                task.cancel()
            if state.channel is not None:
                state.channel._transport.abort()

    session._closed = True
    made.loop.run(cut())


def test_what_a_session_owes_to_a_frozen_next_hop_does_not_keep_it_alive() -> None:
    with ring((0, 2, IDLE), (2, 5)) as made:
        session = made.session()
        session.step(some(4))
        made.servers[1].kill(signal.SIGSTOP)
        transport = session._transport
        assert transport is not None
        for seq in range(2, 8):
            step = m.Step(1, seq, 2 + seq, 1, (), keep=1, answer=True, acked=1)
            transport.send(seq, pack_step(step, some(1), [[], []]))
        deadline = time.monotonic() + 10
        while made.servers[0].stats()["steps"] < 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        vanish(made, session)
        assert made.servers[0].stats()["sessions"] == 1
        wait_until_free(made.servers[0])


def test_a_session_without_an_owner_and_without_a_next_hop_ends_soon() -> None:
    """The next hop never learns of the session, as its owner does not open it there."""
    with ring((0, 2, ABANDONED), (2, 5, ABANDONED)) as made:
        first, second = (server.hop() for server in made.servers)

        async def open_and_vanish() -> None:
            record = first.server
            reader, writer = await made.node.open_stream(
                record.peer_id, record.addresses, protocol_name(record.server_id)
            )
            channel = Channel(record.peer_id, reader, writer)
            request = m.Open(os.urandom(16), 1, FINGERPRINT, 0, 2, 1, "float32", next=second.signed.encoded)
            channel.send(make_hello(), request)
            await channel.receive()
            m.expect(await channel.receive(), m.Opened)
            channel.send_frame(pack_step(m.Step(1, 1, 0, 1, ()), some(1), [[], []]))
            await asyncio.sleep(0.2)
            channel._transport.abort()

        made.loop.run(open_and_vanish())
        assert made.servers[0].stats()["sessions"] == 1
        wait_until_free(made.servers[0])


def test_a_client_that_is_killed_leaves_nothing_behind() -> None:
    """A real process, killed in the middle of a long step."""
    program = """
        import asyncio, sys
        from pathlib import Path
        import torch
        from ring import FINGERPRINT, HIDDEN
        from meadow.client.loop import BackgroundLoop
        from meadow.client.session import RemoteSession
        from meadow.swarm.identity import Identity
        from meadow.swarm.node import SwarmNode
        from meadow.swarm.records import decode_record
        from meadow.swarm.routing import Hop

        home, *records = sys.argv[1:]
        loop = BackgroundLoop("killed")
        node = loop.run(
            SwarmNode.create(identity=Identity.temporary(Path(home)), run_dir=Path(home) / "run", client_only=True)
        )
        signed = [decode_record(bytes.fromhex(record)) for record in records]
        route = [Hop(one, one.server.start, one.server.end) for one in signed]

        async def find_route(avoid):
            return route

        session = RemoteSession(loop, node, find_route, fingerprint=FINGERPRINT, dtype=torch.float32)
        session.step(torch.zeros(1, 3, HIDDEN))
        print("ready", flush=True)
        session.step(torch.zeros(1, 8192, HIDDEN))
    """
    with ring((0, 2, IDLE), (2, 5, {**IDLE, "delay_position": 0.0002})) as made:
        home = made.home / "killed"
        home.mkdir()
        records = [server.ask("record")["record"] for server in made.servers]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
        client = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), str(home), *records],
            stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        try:
            assert client.stdout is not None and client.stdout.readline() == "ready\n"
            assert [server.stats()["sessions"] for server in made.servers] == [1, 1]
        finally:
            client.kill()
            client.wait()
            assert client.stdout is not None
            client.stdout.close()
        for server in made.servers:
            wait_until_free(server)


def test_a_stream_is_taken_back_after_the_next_hops_record_has_expired() -> None:
    hidden = some(12)
    with ring((0, 2), (2, 5)) as made:
        hops = [server.hop() for server in made.servers]
        with made.session(hops) as session:
            parts = [session.step(hidden[:, :4])]
            for server in made.servers:
                server.ask("expire")
            for low, victims in ((4, (0,)), (6, (1,)), (8, (0, 1)), (10, (1, 0))):
                for victim in victims:
                    made.servers[victim].ask("cut")
                parts.append(session.step(hidden[:, low : low + 2]))
            assert torch.equal(torch.cat(parts, 1), reference(hidden, made.spans))
            with pytest.raises(Refused) as caught:  # it is expired indeed: nobody new is let in with it
                made.session(hops)
            assert caught.value.code == "protocol"
