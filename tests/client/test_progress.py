"""What counts as progress: a server that only talks is given up in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from meadow.client import transport as module
from meadow.client.transport import Transport
from meadow.errors import ProtocolError
from meadow.swarm.routing import Hop
from meadow.wire import messages as m


@dataclass
class Server:
    peer_id: str
    server_id: str = "00000000"


@dataclass
class Signed:
    server: Server
    encoded: bytes = b"record"


class Clock:
    """A clock that moves with every look, so that each renewal shows."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def transport(monkeypatch: pytest.MonkeyPatch) -> Transport:
    """A route of two servers without streams, three steps of it sent."""
    monkeypatch.setattr(module, "time", Clock())
    route = [Hop(cast(Any, Signed(Server(name))), start, start + 2) for name, start in (("a", 0), ("b", 2))]
    request = m.Open(b"s" * 16, 1, b"f" * 32, 0, 0, 1, "float32")
    made = Transport(cast(Any, None), route, request, deliver=lambda result: None, fail=lambda error: None)
    for seq in (1, 2, 3):
        made.send(seq, b"frame")
    made.window.take()
    return made


def renewed(transport: Transport, hop: int, message: m.Message) -> bool:
    before = transport.progress
    transport._take(transport.hops[hop], message)
    return transport.progress > before


def status(seq: int) -> m.Status:
    return m.Status(1, seq, "computing", 0.0, 1)


def test_only_credit_that_grows_is_progress(transport: Transport) -> None:
    assert renewed(transport, 0, m.Credit(1, 2))
    for seq in (2, 1, 2, 0):
        assert not renewed(transport, 0, m.Credit(1, seq))
    assert renewed(transport, 0, m.Credit(1, 3))
    assert not renewed(transport, 1, m.Credit(1, 3))
    with pytest.raises(ProtocolError):
        transport._take(transport.hops[0], m.Credit(1, 4))


def test_only_a_status_that_grows_and_can_be_true_is_progress(transport: Transport) -> None:
    assert not renewed(transport, 1, status(0))
    assert renewed(transport, 1, status(1))
    for seq in (1, 0, 1, 4, 5, 1 << 40, 1):
        assert not renewed(transport, 1, status(seq))
    assert renewed(transport, 1, status(3))
    assert renewed(transport, 0, status(1))


def test_a_stream_that_breaks_again_and_again_is_no_progress(transport: Transport) -> None:
    assert renewed(transport, 0, m.Credit(1, 3))
    for _ in range(3):
        transport.window.resume(0)
        transport.window.take()
        assert not renewed(transport, 0, m.Credit(1, 3))


def test_an_answer_is_progress_once(transport: Transport) -> None:
    assert renewed(transport, 1, m.Result(1, 1))
    assert not renewed(transport, 1, m.Result(1, 1))
