"""What happens when a server is slow, full, leaving, frozen or dead."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from ring import HIDDEN, Ring, reference, ring

from meadow.client.session import RemoteSession
from meadow.errors import Refused, ServerLost, ServerTimeout
from meadow.node.people import sessions_open


def some(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, length, HIDDEN, generator=torch.Generator().manual_seed(seed))


def wait_for(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


# -- a slow server ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slow() -> Iterator[Ring]:
    """Three servers, the slowest last: 0.4 ms for each position."""
    torch.set_num_threads(1)
    with ring((0, 1), (1, 2), (2, 3, {"delay_position": 0.0004})) as made:
        yield made


def test_a_long_prompt_and_a_slow_last_server_hold_nobody_up(slow: Ring) -> None:
    """Rule 5: 8k positions, the slowest server last. Nothing piles up on the way, and others are served meanwhile."""
    prompt, other = some(8192), some(30, seed=1)
    answers: list[torch.Tensor] = []
    with slow.session() as session, slow.session([server.hop() for server in slow.servers[:2]]) as chat:
        thread = threading.Thread(target=lambda: answers.append(session.step(prompt, keep=1)))
        thread.start()
        parts = [chat.step(other[:, i : i + 1]) for i in range(30)]
        busy = thread.is_alive()
        first, last = slow.servers[0].stats()["steps"], slow.servers[2].stats()["steps"]
        thread.join(60)
    assert busy, "the prompt was through before the chat: the test shows nothing"
    # Of the 32 chunks, a window under way and a window computed ahead wait at each of the two hops, no more (30 steps
    # are the chat's own).
    assert first - 30 - last <= 2 * 2 * 4
    assert torch.equal(torch.cat(parts, 1), reference(other, slow.spans[:2]))
    assert torch.equal(answers[0], reference(prompt, slow.spans)[:, -1:])


def test_slow_is_not_dead(slow: Ring) -> None:
    """One step of several seconds, far beyond what was announced: heartbeats keep it alive."""
    with slow.session(reproducible=True) as session:
        hidden = some(9000)
        assert torch.equal(session.step(hidden, keep=1), reference(hidden, slow.spans)[:, -1:])
        status = session._transport.hops[2].status  # type: ignore[union-attr]
        assert status is not None and status.state == "computing"


def test_a_cut_in_the_middle_of_a_prompt_loses_nothing(slow: Ring) -> None:
    prompt = some(2560)
    answers: list[torch.Tensor] = []
    with slow.session() as session:
        thread = threading.Thread(target=lambda: answers.append(session.step(prompt)))
        thread.start()
        for server in (slow.servers[2], slow.servers[1], slow.servers[0], slow.servers[2]):
            time.sleep(0.15)
            server.ask("cut")
        thread.join(60)
        assert answers and torch.equal(answers[0], reference(prompt, slow.spans))


def test_a_real_ctrl_c_ends_the_wait_and_the_session(slow: Ring) -> None:
    session = slow.session()
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    # What a shell starts in the background ignores Ctrl+C, and so do its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            session.step(some(4096))
            time.sleep(5)
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for(lambda: all(server.stats()["sessions"] == 0 for server in slow.servers))


def test_a_frozen_server_is_named(slow: Ring) -> None:
    with slow.session() as session, slow.session([slow.servers[0].hop()]) as other:
        session.step(some(2))
        slow.servers[1].kill(signal.SIGSTOP)
        try:
            with pytest.raises(ServerTimeout) as caught:
                session.step(some(1))
            assert caught.value.blocks == (1, 2)
            assert caught.value.peer_id == slow.servers[1].peer_id
            other.step(some(1))
        finally:
            slow.servers[1].kill(signal.SIGCONT)
    wait_for(lambda: all(server.stats()["sessions"] == 0 for server in slow.servers))
    with slow.session() as session:  # woken up, it serves again
        assert torch.equal(session.step(some(3)), reference(some(3), slow.spans))


@pytest.mark.parametrize("victim", [2, 1])
def test_a_killed_server_is_named(slow: Ring, victim: int) -> None:
    """The last tests here: each takes a server away."""
    session = slow.session([server.hop() for server in slow.servers[: victim + 1]])
    session.step(some(2))
    killer = threading.Timer(0.2, slow.servers[victim].kill)
    killer.start()
    with pytest.raises(ServerLost) as caught:
        for _ in range(10_000):
            session.step(some(200))
    assert caught.value.blocks == (victim, victim + 1)
    assert caught.value.peer_id == slow.servers[victim].peer_id
    with pytest.raises(ServerLost):
        session.step(some(1))
    wait_for(lambda: slow.servers[0].stats()["sessions"] == 0)
    with pytest.raises(ServerLost) as caught:
        slow.session([*(server.hop() for server in slow.servers[:victim]), slow.servers[victim].hop_known()])
    assert caught.value.blocks == (victim, victim + 1)
    # What was opened on the others, or was about to be, does not stay.
    wait_for(lambda: all(server.stats()["sessions"] == 0 for server in slow.servers[:victim]))


# -- a small server ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> Iterator[Ring]:
    limits = {"sessions_per_peer": 3, "idle_before_eviction": 1.0, "idle": 4.0}
    with ring((0, 4, {"budget": 4000, "limits": limits, "recurrent": True})) as made:
        yield made


@pytest.fixture(autouse=True)
def closed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in ("small", "slow"):
        if name in request.fixturenames:
            made = request.getfixturevalue(name)
            for session in made.sessions:
                session.close()
            made.sessions.clear()


def use(session: RemoteSession, count: int) -> torch.Tensor:
    return session.step(some(count), keep=1)


def test_full_is_a_clear_refusal_and_everybody_else_is_served_on(small: Ring) -> None:
    """1000 positions of 4 blocks fit."""
    large, later = small.session(), small.session()
    use(large, 700)
    use(later, 100)
    with pytest.raises(Refused) as caught:
        use(later, 600)
    assert caught.value.code == "full"
    use(large, 10)
    with pytest.raises(Refused) as caught:
        small.session(expected_length=1001)
    assert caught.value.code == "full"


def test_idle_sessions_make_room_and_active_ones_stay(small: Ring) -> None:
    idle, active, newcomer = small.session(), small.session(), small.session()
    use(idle, 500)
    until = time.monotonic() + 1.3
    while time.monotonic() < until:
        use(active, 1)
        time.sleep(0.05)
    use(newcomer, 600)
    use(active, 1)
    with pytest.raises(Refused) as caught:
        use(idle, 1)
    assert caught.value.code in ("evicted", "unknown_session")


def test_a_peer_has_so_many_sessions_and_no_more(small: Ring) -> None:
    sessions = [small.session() for _ in range(3)]
    with pytest.raises(Refused) as caught:
        small.session()
    assert caught.value.code == "too_many"
    use(sessions[0], 1)
    sessions[1].close()
    wait_for(lambda: small.servers[0].stats()["sessions"] == 2)
    small.session()


def test_a_session_at_rest_is_closed_after_a_while(small: Ring) -> None:
    session = small.session()
    use(session, 3)
    wait_for(lambda: small.servers[0].stats()["sessions"] == 0)
    assert small.servers[0].stats()["free_tokens"] == 4000
    with pytest.raises(Refused) as caught:
        use(session, 1)
    assert caught.value.code == "unknown_session"


def test_a_cache_that_cannot_roll_back_says_so(small: Ring) -> None:
    assert not small.session().can_roll_back


def test_what_was_computed_is_told_and_counts_every_position_once(small: Ring) -> None:
    small.servers[0].stats()  # forget what earlier tests did
    session = small.session()
    use(session, 7)
    told: list[dict[str, Any]] = []

    def tokens() -> int:
        told.extend(event for event in small.servers[0].stats()["events"] if event["event"] == "Computed")
        return sum(event["tokens"] for event in told)

    wait_for(lambda: tokens() == 7)
    assert all(event["bytes_in"] > 0 and event["bytes_out"] > 0 for event in told)
    session.close()


def test_a_server_says_how_many_sessions_it_has_and_one_that_does_not_answer_none(small: Ring) -> None:
    signed = small.servers[0].hop().signed
    nobody = replace(signed, record=replace(signed.server, server_id="ffffffff"))
    assert small.loop.run(sessions_open(small.node, [signed, nobody]), timeout=30) == 0
    use(small.session(), 2)
    use(small.session(), 2)
    assert small.loop.run(sessions_open(small.node, [signed, nobody]), timeout=30) == 2


def test_a_draining_server_finishes_and_takes_nobody_new(small: Ring) -> None:
    session = small.session()
    use(session, 2)
    small.servers[0].ask("drain")
    use(session, 2)
    with pytest.raises(Refused) as caught:
        small.session()
    assert caught.value.code == "draining"
    names = [event["event"] for event in small.servers[0].stats()["events"]]
    assert "Draining" in names and "SessionOpened" in names and "SessionClosed" in names
