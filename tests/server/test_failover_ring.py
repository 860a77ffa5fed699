"""Sessions over real server processes and real p2pd that lose servers: they go on, and the answers stay bit-equal.

The made-up blocks remember every position that they were given: one that is lost, doubled or moved changes everything.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from ring import HIDDEN, Ring, ServerProcess, reference, ring

from meadow.client.failover.machine import Moved
from meadow.client.session import RemoteSession
from meadow.errors import Refused
from meadow.wire.ops import CacheOp

SPANS = [(0, 2), (2, 4), (4, 6)]


@pytest.fixture(scope="module")
def six() -> Iterator[Ring]:
    """Three spans with two replicas each. Tests leave all of them alive, but for the last one."""
    torch.set_num_threads(1)
    with ring(*[span for span in SPANS for _ in range(2)]) as made:
        yield made


def some(length: int, rows: int = 1) -> torch.Tensor:
    return torch.randn(rows, length, HIDDEN, generator=torch.Generator().manual_seed(0))


def start(six: Ring, moves: list[Moved], **options: Any) -> RemoteSession:
    route = [six.servers[index].hop_known() for index in (0, 2, 4)]
    return six.session(route, failover=True, on_moved=moves.append, **options)


def server_of(six: Ring, session: RemoteSession, index: int) -> ServerProcess:
    peer = session.route[index].server.peer_id
    return next(server for server in six.servers if server.peer_id == peer)


def blocks(moves: list[Moved]) -> list[tuple[str, list[tuple[int, int]]]]:
    return [(moved.code, [(hop.start, hop.end) for hop in moved.gained]) for moved in moves]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_frozen_server_is_replaced_and_disturbs_nobody_when_it_wakes(six: Ring, place: int) -> None:
    hidden, moves = some(40), []
    with start(six, moves) as session:
        parts = [session.step(hidden[:, :20])]
        frozen = server_of(six, session, place)
        frozen.kill(signal.SIGSTOP)
        try:
            parts += [session.step(hidden[:, i : i + 1]) for i in range(20, 30)]
        finally:
            frozen.kill(signal.SIGCONT)
        frozen.stats()
        parts += [session.step(hidden[:, i : i + 1]) for i in range(30, 40)]
    assert torch.equal(torch.cat(parts, 1), reference(hidden, SPANS))
    assert blocks(moves) == [("server_timeout", [SPANS[place]])]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_who_answers_garbage_is_replaced(six: Ring, place: int) -> None:
    hidden, moves = some(30), []
    with start(six, moves) as session:
        parts = [session.step(hidden[:, :20])]
        liar = server_of(six, session, place)
        liar.ask("garbage")
        try:
            parts += [session.step(hidden[:, i : i + 1]) for i in range(20, 30)]
        finally:
            liar.ask("sound")
    assert torch.equal(torch.cat(parts, 1), reference(hidden, SPANS))
    assert [[(hop.start, hop.end) for hop in moved.gained] for moved in moves] == [[SPANS[place]]]


def test_a_cut_heals_without_another_server(six: Ring) -> None:
    hidden, moves = some(30), []
    with start(six, moves) as session:
        parts = [session.step(hidden[:, :20])]
        for i in range(20, 30):
            if i in (21, 24, 27):
                server_of(six, session, i % 3).ask("cut")
            parts.append(session.step(hidden[:, i : i + 1]))
    assert torch.equal(torch.cat(parts, 1), reference(hidden, SPANS))
    assert moves == []


def test_one_that_leaves_is_replaced_while_it_serves(six: Ring) -> None:
    hidden, moves = some(400), []
    with start(six, moves) as session:
        parts = [session.step(hidden[:, :20])]
        server_of(six, session, 1).ask("drain")
        for i in range(20, 400):
            parts.append(session.step(hidden[:, i : i + 1]))
            if moves:
                break
            threading.Event().wait(0.05)
        done = parts[-1].shape[1] + sum(part.shape[1] for part in parts[:-1])
        parts.append(session.step(hidden[:, done:]))
    assert torch.equal(torch.cat(parts, 1), reference(hidden, SPANS))
    assert blocks(moves) == [("draining", [(2, 4)])]
    six.servers[2].ask("stay")


def test_rows_and_roll_backs_are_replayed(six: Ring) -> None:
    hidden, moves = some(40, rows=2), []
    with start(six, moves, rows=2) as session:
        session.step(hidden[:, :10])
        session.step(hidden[:, 10:15])
        session.step(hidden[:, 12:20], ops=[CacheOp.crop(3)])
        chosen = hidden[[1, 1, 0]]
        session.step(chosen[:, 20:21], ops=[CacheOp.select([1, 1, 0])])
        session.step(chosen[:, 21:22], ops=[CacheOp.reorder([0, 1, 2])])
        frozen = [server_of(six, session, place) for place in (0, 1)]  # two at once
        for server in frozen:
            server.kill(signal.SIGSTOP)
        try:
            last = session.step(chosen[:, 22:40])
        finally:
            for server in frozen:
                server.kill(signal.SIGCONT)
    assert torch.equal(last, reference(chosen, SPANS)[:, 22:])
    assert {(hop.start, hop.end) for moved in moves for hop in moved.gained} >= {(0, 2), (2, 4)}


def test_a_server_that_lost_its_log_is_rebuilt_as_well(six: Ring) -> None:
    hidden, moves = some(60), []
    with start(six, moves) as session:
        parts = [session.step(hidden[:, :20])] + [session.step(hidden[:, i : i + 1]) for i in range(20, 40)]
        server_of(six, session, 1).ask("forget_logs")
        frozen = server_of(six, session, 2)
        frozen.kill(signal.SIGSTOP)
        try:
            parts += [session.step(hidden[:, i : i + 1]) for i in range(40, 60)]
        finally:
            frozen.kill(signal.SIGCONT)
    assert torch.equal(torch.cat(parts, 1), reference(hidden, SPANS))
    assert blocks(moves) == [("server_timeout", [(4, 6)])]


def test_what_everybody_says_about_a_step_is_true(six: Ring) -> None:
    hidden, moves = some(20), []
    hidden[0, 10, 0] = 14.0  # the made-up blocks answer infinity to it
    with start(six, moves) as session, pytest.raises(Refused) as caught:
        session.step(hidden[:, :10])
        session.step(hidden[:, 10:])
    assert caught.value.code == "not_finite"
    assert blocks(moves) == [("not_finite", [(0, 2)])]  # another one was asked, and said the same


def test_killed_in_the_middle_of_a_long_prompt_and_then_each_place_once(six: Ring) -> None:
    hidden, moves = some(3060), []
    with start(six, moves) as session:
        threading.Timer(0.05, server_of(six, session, 1).kill, [signal.SIGKILL]).start()
        parts = [session.step(hidden[:, :3000])]
        for i in range(3000, 3060):
            if i in (3030, 3040):
                server_of(six, session, 0 if i == 3030 else 2).kill(signal.SIGKILL)
            parts.append(session.step(hidden[:, i : i + 1]))
    assert torch.equal(torch.cat(parts, 1), reference(hidden, SPANS))
    assert blocks(moves) == [("server_lost", [span]) for span in (SPANS[1], SPANS[0], SPANS[2])]
