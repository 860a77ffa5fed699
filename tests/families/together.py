"""How the sessions of a family are computed together, and whether each is then what it is alone.

Alone means the stock kernel, one span, one step after the other; families that are never computed with others go
through the batcher as well, which may take another attention kernel for them.

Independent of the self-test that a server makes at load: other sessions, other steps, other blocks, the whole batcher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from meadow.errors import UnsupportedModel
from meadow.models.checkpoint import open_checkpoint
from meadow.models.parts import layout_of, load_span
from meadow.server.batching import kernels
from meadow.server.batching.batcher import Batcher
from meadow.server.batching.request import Request
from meadow.server.span import Span, StepOutput

LENGTHS = (5, 600, 13, 64, 9, 130)
STEPS = ((1, 1, 1, 1, 1, 1), (1, 1, 5, 64, 1, 5), (5, 5, 5, 5, 5, 5), (64, 5, 1, 1, 5, 1), (1, 1, 1, 1, 1, 1))
CLOSE = 2e-4
"""Largest difference to alone, as a fraction of what the blocks add to the hidden states (float32)."""


@dataclass(frozen=True)
class Together:
    """``mode``: packed, lockstep or alone, and why. ``wrong``: what differs; empty if nothing."""

    mode: str
    reason: str
    wrong: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def together(folder: Path) -> Together:
    """Six sessions of 5 to 600 tokens, with steps of 1 to 64 positions, roll-backs where the family has them, and a
    step that fails in the middle of a pass."""
    checkpoint = open_checkpoint(folder, cache_dir=folder)
    last = layout_of(checkpoint.config).num_blocks
    for start in (1, 0):  # not the first block where the family can be cut there
        try:
            span = Span(load_span(checkpoint, start, last), start, last)
            if not (start and span.takes_carry):  # what the block before hands on is nobody's here
                break
        except UnsupportedModel:
            if not start:
                raise
    torch.manual_seed(0)
    batcher = Batcher(span)
    mode = batcher.mode
    wrong = _differing(span, batcher)
    wrong = wrong or _after_a_failure(span, batcher)
    if not wrong and span.config._attn_implementation == "sdpa":
        batcher.kernel = kernels.rows_from(0)  # whatever a timing says on this machine today
        wrong = _differing(span, batcher)
        wrong = f"with grouped rows, {wrong}" if wrong else ""
    return Together(mode.name, mode.reason, wrong)


def _after_a_failure(span: Span, batcher: Batcher) -> str:
    """One of four sessions fails in its last block, in a pass that the others share: nobody else notices, and what it
    says next follows on what it had said before (where its family shares passes at all)."""
    generator = torch.Generator().manual_seed(12)
    single = [span.open(span.start, span.end) for _ in range(4)]
    shared = [span.open(span.start, span.end) for _ in range(4)]
    last, victim, fails = span.blocks[span.end - 1], shared[1], False
    stock = last.forward

    def failing(*args: Any, **kwargs: Any) -> Any:
        output = stock(*args, **kwargs)
        if fails and any(one is victim or victim in getattr(one, "caches", ()) for one in [*args, *kwargs.values()]):
            raise RuntimeError("made up")
        return output

    last.forward = failing  # type: ignore[method-assign]
    try:
        for turn, counts in enumerate(((5, 40, 9, 13), (1, 1, 5, 1), (1, 3, 1, 5), (1, 1, 1, 1))):
            hidden = [torch.randn(span.hidden_shape(1, count), generator=generator) for count in counts]
            fails = turn == 2
            with torch.inference_mode():
                answers = batcher.run([Request(cache, one) for cache, one in zip(shared, hidden, strict=True)])
            for number, answer in enumerate(answers):
                if fails and number == 1:
                    if isinstance(answer, StepOutput):
                        return "a failure cannot be made up: blocks do not get the cache of their session"
                    continue
                if turn == 3 and number == 1 and batcher.mode.name == "alone":
                    continue  # its session is over
                right, given = span.step(single[number], hidden[number]).hidden, hidden[number]
                if not isinstance(answer, StepOutput):
                    return f"beside a failure, session {number} fails ({type(answer).__name__})"
                worst = float((answer.hidden - right).abs().max() / (right - given).abs().max())
                if not worst <= CLOSE:
                    return f"beside a failure, session {number} differs by {worst:.1e} at turn {turn}"
            fails = False
    finally:
        last.forward = stock  # type: ignore[method-assign]
    return ""


def _differing(span: Span, batcher: Batcher) -> str:
    generator = torch.Generator().manual_seed(11)

    def made_up(counts: Sequence[int]) -> list[torch.Tensor]:
        return [torch.randn(span.hidden_shape(1, count), generator=generator) for count in counts]

    longest = next((n for n in (getattr(span.config, "max_position_embeddings", None),) if isinstance(n, int)), 2048)
    lengths = [min(length, max(2, longest - 160)) for length in LENGTHS]
    steps = [made_up(lengths), *(made_up(counts) for counts in STEPS)]
    single = [span.open(span.start, span.end) for _ in lengths]
    shared = [span.open(span.start, span.end) for _ in lengths]
    for turn, hidden in enumerate(steps):
        bounded = any(cache._has_bounded_past(layer) for cache in single for layer in cache.owned)
        if turn == 3 and span.can_roll_back and not bounded:
            for caches in (single, shared):
                for cache in caches[::2]:
                    cache.crop(2)
        wanted = [span.step(cache, one).hidden.clone() for cache, one in zip(single, hidden, strict=True)]
        if not turn:
            got: Sequence[Any] = [span.step(cache, one) for cache, one in zip(shared, hidden, strict=True)]
        else:
            with torch.inference_mode():
                got = batcher.run([Request(cache, one) for cache, one in zip(shared, hidden, strict=True)])
        for number, (answer, right, given) in enumerate(zip(got, wanted, hidden, strict=True)):
            if not isinstance(answer, StepOutput):
                return f"session {number} fails ({type(answer).__name__})"
            worst = float((answer.hidden - right).abs().max() / (right - given).abs().max())
            if not worst <= CLOSE:
                return f"session {number} differs by {worst:.1e} at turn {turn}"
    return ""
