"""Real daemons on loopback, and the promise that nothing stays behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from swarm_helpers import Honest, Swarm, Victim, processes_of, sockets_of, start_victim


@contextmanager
def clean_home() -> Iterator[Path]:
    """A directory with a short path (sockets!). At the end no process and no socket file of it may be left."""
    path = Path(tempfile.mkdtemp(prefix="mw-"))
    try:
        yield path
        assert processes_of(path) == []
        assert sockets_of(path) == []
    finally:
        shutil.rmtree(path)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of one test's own."""
    with clean_home() as path:
        yield path


@pytest.fixture
async def swarm(home: Path) -> AsyncIterator[Swarm]:
    """Makes nodes in this process and closes them."""
    factory = Swarm(home)
    try:
        yield factory
    finally:
        for node in reversed(factory.nodes):
            await node.close()


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    """One node for a whole module: it has to survive everything that the tests do to it."""
    with clean_home() as path:
        one = start_victim(path)
        try:
            yield one
            assert one.process.poll() is None, "it did not survive"
        finally:
            one.stop()


@pytest.fixture
async def honest(swarm: Swarm, victim: Victim) -> AsyncIterator[Honest]:
    """A client that is being served while the test attacks, and still is at the end."""
    client = Honest(await swarm.node(*victim.addresses, client_only=True), victim)
    await client.start()
    try:
        yield client
        await client.goes_on()
    finally:
        await client.stop()
