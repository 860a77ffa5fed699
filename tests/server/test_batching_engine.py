"""Sessions that share passes of one engine give what each gives alone: mixed lengths, mixed steps, roll-backs,
failures."""

from __future__ import annotations

import asyncio

import pytest
import torch
from engine_alone import Bench, CacheOp, Talk, Watched, alone, load, update

from meadow.server.batching.batcher import ALONE, LOCKSTEP, PACKED, Batcher
from meadow.server.batching.request import Request
from meadow.server.span import Span, StepOutput

LENGTHS = (5, 600, 13, 64, 9, 130)
CLOSE = 2e-4  # of what the blocks add

COMMON = {"llama": PACKED, "gemma3_text": PACKED, "falcon": LOCKSTEP, "qwen3_next": LOCKSTEP, "mamba2": LOCKSTEP}


def made_up(span: Span, count: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(span.hidden_shape(1, count), generator=generator)


def check(span: Span, talks: list[Talk], steps: list[list[tuple[torch.Tensor, int]]]) -> None:
    for talk, said in zip(talks, steps, strict=True):
        assert talk.failed is None
        for got, wanted, (hidden, _) in zip(talk.results, alone(span, said), said, strict=True):
            assert (got - wanted).abs().max() <= CLOSE * update(wanted, hidden), (talk.session.number, hidden.shape)


def conversation(span: Span, *, roll_back: bool) -> list[list[tuple[torch.Tensor, int]]]:
    """For each of six sessions: a prompt, then steps of different sizes, one of them after a roll-back."""
    generator = torch.Generator().manual_seed(3)
    sizes = [(1, 1, 5, 1), (1, 5, 1, 1), (5, 5, 1, 1), (1, 1, 1, 64), (64, 1, 1, 1), (1, 1, 5, 5)]
    talks = []
    for number, (length, later) in enumerate(zip(LENGTHS, sizes, strict=True)):
        back = [0, 0, 2 if roll_back and number % 2 == 0 else 0, 0]
        steps = [(made_up(span, length, generator), 0)]
        steps += [(made_up(span, count, generator), b) for count, b in zip(later, back, strict=True)]
        talks.append(steps)
    return talks


async def speak(bench: Bench, talks: list[Talk], steps: list[list[tuple[torch.Tensor, int]]]) -> None:
    """Every session says its next step as soon as the others have theirs, so passes are shared."""
    for turn in range(len(steps[0])):
        for talk, said in zip(talks, steps, strict=True):
            hidden, back = said[turn]
            ops = (CacheOp("crop", count=back),) if back else ()
            bench.say(talk, hidden, ops)
        if not turn:
            bench.engine.start()
        await bench.settled()


@pytest.mark.parametrize("family", COMMON)
async def test_six_sessions_in_shared_passes_are_what_they_are_alone(family: str) -> None:
    torch.set_num_threads(1)
    span = load(family)
    runner = Watched(Batcher(span))
    assert runner.batcher.mode.name == COMMON[family], runner.batcher.mode
    # a window that is full cannot be rolled back without recording
    steps = conversation(span, roll_back=family in ("llama", "falcon"))
    bench = Bench(span, runner)
    talks = [bench.talk() for _ in LENGTHS]
    await speak(bench, talks, steps)
    await asyncio.to_thread(bench.engine.stop)
    check(span, talks, steps)
    assert max(runner.passes) >= 5, "nothing was shared"


async def test_a_session_that_fails_costs_the_others_nothing() -> None:
    torch.set_num_threads(1)
    for family in ("llama", "falcon"):
        span = load(family)
        runner = Watched(Batcher(span))
        steps = conversation(span, roll_back=False)
        bench = Bench(span, runner)
        talks = [bench.talk() for _ in LENGTHS]
        block = span.blocks[2]
        stock = block.forward

        def poisoned(hidden: torch.Tensor, *args: object, stock: object = stock, **kwargs: object) -> object:
            if (hidden == 1234.0).any():  # what a broken kernel does for one session's numbers
                raise RuntimeError("one session's numbers break this block")
            return stock(hidden, *args, **kwargs)  # type: ignore[operator]

        await speak(bench, talks, [said[:2] for said in steps])
        first = span.blocks[1]
        first_stock = first.forward

        def marked(hidden: torch.Tensor, *args: object, stock: object = first_stock, **kwargs: object) -> object:
            output = stock(hidden, *args, **kwargs)  # type: ignore[operator]
            mark = (hidden[..., 0] == 77.0)[..., None]
            if isinstance(output, tuple):
                return (torch.where(mark, torch.full_like(output[0], 1234.0), output[0]), *output[1:])
            return torch.where(mark, torch.full_like(output, 1234.0), output)

        first.forward, block.forward = marked, poisoned  # type: ignore[method-assign]
        bad = bench.talk()
        for turn in range(2, 5):
            for talk, said in zip(talks, steps, strict=True):
                bench.say(talk, said[turn][0])
            if turn == 3:
                bench.say(bad, torch.full(span.hidden_shape(1, 1), 77.0))
            await bench.settled()
        await asyncio.to_thread(bench.engine.stop)
        first.forward, block.forward = first_stock, stock  # type: ignore[method-assign]
        assert bad.failed is not None and bad.failed.code == "internal"
        assert runner.batcher.mode.name != ALONE
        check(span, talks, steps)


async def test_what_is_not_plain_runs_alone_and_bit_equal() -> None:
    torch.set_num_threads(1)
    span = load("llama")
    runner = Watched(Batcher(span))
    steps = conversation(span, roll_back=False)
    bench = Bench(span, runner)
    talks = [bench.talk(reproducible=number == 3) for number in range(len(LENGTHS))]
    beams = bench.talk(rows=3)
    generator = torch.Generator().manual_seed(5)
    rows = [torch.randn(span.hidden_shape(3, 4), generator=generator) for _ in range(2)]
    bench.say(beams, rows[0])
    bench.say(beams, rows[1])
    await speak(bench, talks, steps)
    await asyncio.to_thread(bench.engine.stop)
    check(span, talks, steps)
    for got, wanted in zip(talks[3].results, alone(span, steps[3]), strict=True):
        assert torch.equal(got, wanted)
    cache = span.open(span.start, span.end, 3)
    for got, hidden in zip(beams.results, rows, strict=True):
        assert torch.equal(got, span.step(cache, hidden).hidden)


async def test_when_memory_is_full_one_is_refused_and_the_others_go_on() -> None:
    torch.set_num_threads(1)
    span = load("llama")
    runner = Watched(Batcher(span))
    generator = torch.Generator().manual_seed(1)
    steps = [[(made_up(span, 60, generator), 0), (made_up(span, 1, generator), 0)] for _ in range(3)]
    bench = Bench(span, runner, budget=3 * 3 * 128)
    talks = [bench.talk() for _ in steps]
    greedy = bench.talk()
    bench.say(greedy, made_up(span, 200, generator))
    await speak(bench, talks, steps)
    await asyncio.to_thread(bench.engine.stop)
    assert greedy.failed is not None and greedy.failed.code == "full"
    check(span, talks, steps)


async def test_prompts_come_in_pieces_while_others_generate() -> None:
    torch.set_num_threads(1)
    span = load("llama")
    runner = Watched(Batcher(span))
    generator = torch.Generator().manual_seed(8)
    bench = Bench(span, runner)
    streams, reader = [bench.talk() for _ in range(3)], bench.talk()
    said: list[list[tuple[torch.Tensor, int]]] = [[] for _ in range(4)]

    def say(talk: Talk, count: int) -> None:
        hidden = made_up(span, count, generator)
        said[[*streams, reader].index(talk)].append((hidden, 0))
        bench.say(talk, hidden)

    for talk in streams:
        say(talk, 20)
    bench.engine.start()
    for _ in range(5):
        await bench.settled()
        for talk in streams:
            say(talk, 1)
    await bench.settled()
    bench.engine.pace.step_seconds, bench.engine.pace.position_seconds = 1.0, 0.05  # as if the machine were slow
    before = len(runner.positions)
    say(reader, 256)
    say(reader, 200)
    for _ in range(5):
        for talk in streams:
            say(talk, 1)
        async with asyncio.timeout(60):
            while any(len(talk.results) < len(said[n]) for n, talk in enumerate(streams)):
                await asyncio.sleep(0.001)
    await bench.settled()
    await asyncio.to_thread(bench.engine.stop)
    check(span, [*streams, reader], said)
    assert len(runner.positions) - before > 2 and runner.positions[before] <= 40


@pytest.mark.parametrize("family", ["llama", "falcon", "mamba2", "qwen3_next"])
def test_a_step_that_fails_in_company_leaves_its_session_as_it_was(family: str) -> None:
    """Also where states are written over in place: another block fails when the first ones have changed theirs."""
    torch.set_num_threads(1)
    span = load(family)
    batcher = Batcher(span)
    assert batcher.mode.name == COMMON[family] and batcher.most > 1
    generator = torch.Generator().manual_seed(6)
    shared = [span.open(span.start, span.end) for _ in range(3)]
    single = [span.open(span.start, span.end) for _ in range(3)]
    last = span.blocks[span.end - 1]
    stock, fails, victim = last.forward, [False], shared[1]

    def failing(*args: object, **kwargs: object) -> object:
        output = stock(*args, **kwargs)
        given = [*args, *kwargs.values()]
        if fails[0] and any(one is victim or victim in getattr(one, "caches", ()) for one in given):
            raise RuntimeError("fails when the states of all blocks have been changed")
        return output

    last.forward = failing  # type: ignore[method-assign]
    try:
        for turn in range(5):
            counts = [7, 4, 9] if not turn else [1, 1, 3]
            hidden = [made_up(span, count, generator) for count in counts]
            fails[0] = turn == 2
            requests = [Request(cache, one) for cache, one in zip(shared, hidden, strict=True)]
            with torch.inference_mode():
                answers = batcher.run(requests)
            fails[0] = False
            for number, (cache, one, answer) in enumerate(zip(single, hidden, answers, strict=True)):
                if turn == 2 and number == 1:
                    assert isinstance(answer, RuntimeError)
                    continue  # its next step follows on what was there before
                assert isinstance(answer, StepOutput), (turn, number, answer)
                wanted = span.step(cache, one).hidden
                assert (answer.hidden - wanted).abs().max() <= CLOSE * update(wanted, one), (turn, number)
    finally:
        last.forward = stock  # type: ignore[method-assign]
    assert batcher.mode.name == COMMON[family]
    assert [cache.length for cache in shared] == [cache.length for cache in single]
