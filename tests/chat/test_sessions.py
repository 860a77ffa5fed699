"""A chat keeps its session between turns: what is sent again, what is rolled back, and what a loss costs."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from chat.bench import Bench, request, says, wait_until
from meadow.chat.sessions import Kept, KeptSessions, longest_mark, reuse

HIDDEN_BYTES = 64 * 4
"""Of one position of the tiny model, in float32."""
FRAME_BYTES = 300
"""What a frame has around its hidden states, at most."""


@pytest.mark.parametrize(
    "held, prompt, can_crop, expected",
    [
        ("", "abc", True, 0),
        ("abc", "abcd", True, 3),
        ("abc", "abcd", False, 3),
        ("abc", "abc", False, 0),  # at least one token must be new
        ("a" * 40, "a" * 40, True, 39),
        ("a" * 40 + "bc", "a" * 40 + "xy", True, 40),
        ("a" * 40 + "bc", "a" * 40 + "xy", False, 0),
        ("abcdef", "abcxyz", True, 0),  # not worth it
        ("a" * 40, "b" * 40, True, 0),
        ("a" * 40, "a" * 20, True, 19),
    ],
)
def test_what_can_be_used_again(held: str, prompt: str, can_crop: bool, expected: int) -> None:
    assert reuse(list(held.encode()), list(prompt.encode()), can_crop=can_crop) == expected


def test_the_furthest_mark_that_still_holds() -> None:
    one = Kept("c", "m", None, list(range(20)), "first answer second", ((5, 2), (12, 9), (19, 12)))  # type: ignore[arg-type]
    assert longest_mark(one, "first answer second and more") == (19, 12)
    assert longest_mark(one, "first answer edited") == (12, 9)
    assert longest_mark(one, "first") == (5, 2)
    assert longest_mark(one, "other") == (0, 0)


class FakeCache:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def kept(name: str) -> Kept:
    return Kept(name, "model", FakeCache(), [1], "", ())  # type: ignore[arg-type]


def closed(one: Kept) -> int:
    return one.cache.closed  # type: ignore[attr-defined]


def turn(sessions: KeptSessions, one: Kept | None, conversation: str = "") -> None:
    """A turn that leaves this session."""
    cancelled = threading.Event()
    sessions.take(conversation or one.conversation, "model", cancelled)  # type: ignore[union-attr]
    sessions.done(conversation or one.conversation, one, cancelled)  # type: ignore[union-attr]


def test_what_is_kept_is_bounded_and_closed_once() -> None:
    counts: list[int] = []
    sessions = KeptSessions(2, 60.0, on_change=counts.append)
    made = [kept(str(number)) for number in range(4)]
    for one in made[:3]:
        turn(sessions, one)
    assert [closed(one) for one in made] == [1, 0, 0, 0] and len(sessions) == 2  # the least recently used went
    first, second = threading.Event(), threading.Event()
    assert sessions.take("1", "model", first) is made[1] and len(sessions) == 1
    assert sessions.take("1", "model", second) is None  # a second request at the same time has a session of its own
    sessions.forget("1")  # while a turn runs: closed when it is over
    sessions.done("1", made[1], first)
    assert closed(made[1]) == 1
    sessions.done("1", made[3], second)
    assert closed(made[3]) == 1
    turn(sessions, fresh := kept("1"))  # what was forgotten does not forbid what is new
    assert not closed(fresh) and len(sessions) == 2
    assert sessions.take("2", "another", first) is None and closed(made[2]) == 1
    sessions.done("2", None, first)
    sessions.drop_model("model")
    assert closed(fresh) == 1 and len(sessions) == 0 and counts[-1] == 0


def test_what_rests_too_long_is_closed() -> None:
    sessions = KeptSessions(8, 0.0)
    turn(sessions, one := kept("a"))
    sessions.sweep()
    assert closed(one) == 1 and len(sessions) == 0


def test_a_turn_waits_for_the_one_that_was_stopped() -> None:
    sessions = KeptSessions(8, 60.0)
    stopped, one = threading.Event(), kept("a")
    sessions.take("a", "model", stopped)
    stopped.set()
    taken: list[Kept | None] = []
    follower = threading.Thread(target=lambda: taken.append(sessions.take("a", "model", threading.Event())))
    follower.start()
    assert follower.is_alive() and not taken
    sessions.done("a", one, stopped)
    follower.join(20)
    assert taken == [one]


def test_a_follow_up_sends_only_its_new_tokens(swarm: Bench, tiny: str) -> None:
    """1,000 tokens of history: the next turn costs what is new, counted in bytes that left for the first server."""
    history = says("word " * 200)
    first = swarm.ask(tiny, (history,), conversation="long", max_tokens=20)
    assert first.started.prompt_tokens > 1000 and first.started.reused_tokens == 0
    assert first.done.bytes_sent > 1000 * HIDDEN_BYTES

    turns: tuple[Any, ...] = (history, says(first.text(), "assistant"), says("And then?"))
    second = swarm.ask(tiny, turns, conversation="long", max_tokens=20)
    # Of the first turn everything but the last token was held, which had never been sent.
    assert second.started.reused_tokens == first.started.prompt_tokens + 19
    new = second.started.prompt_tokens - second.started.reused_tokens
    assert 1 <= new <= 1 + len("<|end|><|user|>And then?<|end|><|assistant|>")
    steps = 20  # the new tokens of the prompt, and all but the last of the answer one by one
    assert second.done.bytes_sent <= (new + steps - 1) * HIDDEN_BYTES + steps * FRAME_BYTES
    assert second.done.bytes_sent >= (new + steps - 1) * HIDDEN_BYTES

    third = swarm.ask(
        tiny, (*turns, says(second.text(), "assistant"), says("Go on.")), conversation="long", max_tokens=5
    )
    assert third.started.reused_tokens == second.started.prompt_tokens + 19
    swarm.call(swarm.handle.forget, "long")


def test_a_kept_session_answers_as_a_new_one(swarm: Bench, demo: str) -> None:
    messages: tuple[Any, ...] = (says("What is Meadow?"),)
    first = swarm.ask(demo, messages, conversation="same")
    messages = (*messages, says(first.text(), "assistant"), says("How does Meadow work?"))
    second = swarm.ask(demo, messages, conversation="same")
    assert second.started.reused_tokens > 0
    alone = swarm.ask(demo, messages)
    assert alone.started.reused_tokens == 0
    assert second.token_ids() == alone.token_ids()
    assert (
        second.started.prompt_tokens == alone.started.prompt_tokens
    )  # the demo's answers are cut as its tokenizer cuts
    swarm.call(swarm.handle.forget, "same")


def test_a_changed_message_rolls_back_to_where_it_was_changed(swarm: Bench, tiny: str) -> None:
    start = says("x" * 300)
    options: dict[str, Any] = {"conversation": "edit", "max_tokens": 10}
    first = swarm.ask(tiny, (start, says("yes", "assistant"), says("one question")), **options)
    edited = (start, says("yes", "assistant"), says("another question"))
    second = swarm.ask(tiny, edited, **options)
    assert 300 < second.started.reused_tokens < first.started.prompt_tokens
    assert second.token_ids() == swarm.ask(tiny, edited, max_tokens=10).token_ids()
    again = swarm.ask(tiny, edited, **options)  # the same once more: only its last token is sent
    assert again.started.reused_tokens == again.started.prompt_tokens - 1
    assert again.token_ids() == second.token_ids()
    other = swarm.ask(tiny, (says("something else entirely"),), **options)
    assert other.started.reused_tokens == 0
    swarm.call(swarm.handle.forget, "edit")


def test_forgetting_frees_the_servers(swarm: Bench, tiny: str) -> None:
    wait_until(lambda: swarm.sessions(0) == 0 and swarm.sessions(1) == 0, what="no session before")
    for number in range(3):
        swarm.ask(tiny, (says("Hello"),), conversation=f"c{number}", max_tokens=3)
    wait_until(lambda: swarm.sessions(0) == 3 and swarm.sessions(1) == 3, what="one session for each chat")
    for number in range(3):
        swarm.call(swarm.handle.forget, f"c{number}")
    wait_until(lambda: swarm.sessions(0) == 0 and swarm.sessions(1) == 0, what="no session afterwards")


def test_cancelling_frees_the_servers(swarm: Bench, tiny: str) -> None:
    """Closing the iterator ends the request at its next token; nothing of it stays anywhere."""
    wait_until(lambda: swarm.sessions() == 0, what="no session before")
    heard: list[Any] = []
    soon = swarm.ask_soon(request(tiny, (says("Never end."),), max_tokens=60_000), heard.append)
    wait_until(lambda: len(heard) > 20, what="some tokens")
    assert swarm.sessions() == 1 and swarm.handle.running == 1
    soon.cancel()
    wait_until(lambda: swarm.sessions(0) == 0 and swarm.sessions(1) == 0, what="no session afterwards")
    assert swarm.handle.running == 0
    count = len(heard)
    assert swarm.ask(tiny, (says("Hello"),), max_tokens=3).done.completion_tokens == 3
    assert len(heard) == count


def test_a_stopped_turn_can_be_followed_up(swarm: Bench, tiny: str) -> None:
    heard: list[Any] = []
    question = says("Never end, whatever happens.")  # long enough to be worth going back to
    soon = swarm.ask_soon(request(tiny, (question,), max_tokens=60_000, conversation="stopped"), heard.append)
    wait_until(lambda: len(heard) > 20, what="some tokens")
    soon.cancel()
    wait_until(lambda: swarm.handle.running == 0)
    text = "".join(event.text for event in heard[1:])
    # What the engine wrote after the reader left is unknown to the reader; the common part is used again.
    follow = swarm.ask(tiny, (question, says(text, "assistant"), says("Why?")), conversation="stopped", max_tokens=3)
    assert follow.started.reused_tokens >= len(question["content"])
    swarm.call(swarm.handle.forget, "stopped")
