"""p2pd or the engine dies under running chats.

The last file of its folder: servers keep sessions of owners that vanished for a while, which other tests would count.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Any

import psutil
import pytest

from chat.bench import Bench, request, says, wait_until
from meadow.errors import MeadowError

HELLO = (says("Say something about meadows, please."),)


def test_a_lost_session_is_opened_anew_invisibly(swarm: Bench, tiny: str) -> None:
    """p2pd dies between two turns and in the middle of an answer; a new one comes, and nobody notices but the bytes."""
    question = says("word " * 20)
    first = swarm.ask(tiny, (question,), conversation="lost", max_tokens=10)
    turns: tuple[Any, ...] = (question, says(first.text(), "assistant"), says("And then?"))
    expected = swarm.ask(tiny, turns, conversation="lost", max_tokens=300).token_ids()

    kill_p2pd(swarm)
    soon = swarm.ask_soon(request(tiny, turns, conversation="lost", max_tokens=300))
    swarm.call(swarm.start_node)
    heard = soon.result(90)
    assert heard.started.reused_tokens == 0  # all of it had to be sent again
    assert heard.token_ids() == expected

    seen: list[Any] = []
    soon = swarm.ask_soon(request(tiny, turns, conversation="lost", max_tokens=300), seen.append)
    wait_until(lambda: len(seen) > 20, what="some tokens")
    kill_p2pd(swarm)
    swarm.call(swarm.start_node)
    again = soon.result(90)
    assert again.token_ids() == expected
    moved = again.done.moved
    assert moved is not None and moved.seconds > 0 and (moved.left, moved.took) == ((), ())  # the same servers again
    assert heard.done.moved is None or heard.done.moved.left == ()
    follow = swarm.ask(tiny, (*turns, says(again.text(), "assistant"), says("?")), conversation="lost", max_tokens=2)
    assert follow.started.reused_tokens > 300
    swarm.call(swarm.handle.forget, "lost")


def kill_p2pd(swarm: Bench) -> None:
    async def end() -> None:
        for child in psutil.Process().children(recursive=True):
            if swarm.node._daemon.p2p._child.pid == child.pid:
                child.kill()
        await asyncio.wait([swarm.node.died], timeout=20)
        swarm.handle.detach_swarm()
        with contextlib.suppress(MeadowError):
            await swarm.node.close()

    swarm.call(end)


def test_a_killed_engine_fails_its_requests_and_the_next_one_answers(swarm: Bench, tiny: str) -> None:
    swarm.ask(tiny, HELLO, conversation="killed", max_tokens=5)
    heard: list[Any] = []
    soon = swarm.ask_soon(request(tiny, HELLO, max_tokens=60_000), heard.append)
    wait_until(lambda: len(heard) > 5, what="some tokens")
    os.kill(swarm.child.pid, signal.SIGKILL)
    with pytest.raises(MeadowError) as caught:
        soon.result(30)
    assert caught.value.code == "engine_died"
    wait_until(lambda: swarm.died, what="its end is seen")
    waiting = swarm.ask_soon(request(tiny, HELLO, conversation="killed", max_tokens=5))  # waits for the restart
    swarm.call(swarm.start_engine)
    assert waiting.result(90).started.reused_tokens == 0
    swarm.call(swarm.handle.forget, "killed")
