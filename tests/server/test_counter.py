"""What a server says it has computed: all of it, once, and not too often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meadow.server.counter import EACH_SECONDS, Counter
from meadow.server.events import Computed

STEPS = st.tuples(st.floats(0, 2), st.integers(1, 64), st.integers(0, 1 << 20), st.integers(0, 1 << 20))


@given(st.lists(STEPS, max_size=40))
def test_everything_is_told_once_and_at_most_once_a_second(steps: list[tuple[float, int, int, int]]) -> None:
    counter, now, told, last = Counter(), 0.0, list[Computed](), float("-inf")
    for pause, tokens, bytes_in, bytes_out in steps:
        now += pause
        counter.step(tokens, bytes_in, bytes_out)
        if (said := counter.take(now)) is not None:
            assert now - last >= EACH_SECONDS
            told, last = [*told, said], now
    assert counter.take(last + EACH_SECONDS / 2) is None, "it is too early, or there is nothing new"
    if (rest := counter.take(now, last=True)) is not None:
        told.append(rest)
    assert counter.take(now + 10, last=True) is None
    assert sum(one.tokens for one in told) == sum(step[1] for step in steps)
    assert sum(one.bytes_in for one in told) == sum(step[2] for step in steps)
    assert sum(one.bytes_out for one in told) == sum(step[3] for step in steps)
