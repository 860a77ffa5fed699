"""Made-up sessions of every interesting length, and what each of their next steps gives alone.

A way of batching is right for a family if it gives the same for all of them, and if the comparison could have seen that
it is wrong: with the caches of the sessions exchanged the results must differ by much more than what is allowed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from meadow.server.batching.picks import picks
from meadow.server.batching.request import Answer, Request
from meadow.server.batching.snapshot import Saved
from meadow.server.cache import SpanCache, is_plain
from meadow.server.lengths import config_lengths
from meadow.server.span import Span, StepOutput

TOLERANCE = {torch.float32: 2e-4, torch.bfloat16: 0.08, torch.float16: 0.02}
"""Largest difference to a step alone, as a fraction of what the blocks add to the hidden states. Rounding alone gives
1.5e-5 in float32 and 0.012 in bfloat16 (the worst seen)."""
_POWER = 10
_LONGEST = 9000  # positions that are made up at most
_PREFILLED = 600  # positions at most for caches that cannot be made up
_LEAP = 70  # more than the longest step of a pattern
_ENDLESS = 1 << 31
_PATTERNS = ((1,), (5,), (1, 5, 64), (64, 1, 1, 5))
"""Positions of the step of each session, in turn."""

Run = Callable[[Sequence[Request]], list[Answer]]


class Rejected(Exception):
    """Why a way of batching is not taken."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """``tried``: how long the made-up sessions are. Beyond ``most`` positions nothing is known."""

    tried: tuple[int, ...]
    most: int


def lengths_to_try(config: dict[str, Any]) -> Lengths:
    """Just below and above every length that the config names, as far as sessions can be made up to it."""
    named = sorted(set(config_lengths(config)))
    near, far = [n for n in named if n <= _LONGEST], [n for n in named if n > _LONGEST]
    ends = [config.get(name) for name in ("max_position_embeddings", "n_positions", "max_seq_len")]
    most = min([*far[:1], *(end for end in ends if isinstance(end, int) and end > 1), _ENDLESS])
    tried = {3, 9, 31, *(n + d for n in near for d in (-3, 2))}
    lengths = sorted({max(2, min(n, most - _LEAP)) for n in tried})
    if len(lengths) < 3:  # a model for very short sequences; its sessions may outgrow that
        lengths = [2, 5, 9]
    return Lengths(tuple(lengths if len(lengths) <= 8 else lengths[:4] + lengths[-4:]), most)


def representative(span: Span) -> tuple[int, int]:
    """The shortest run of blocks with every kind of block of the span in it: as good as all, and cheaper.

    Two blocks are of one kind if they consist of the same modules with the same settings, but for their index.
    """
    kinds = {index: _kind(block) for index, block in span.blocks.items()}
    wanted = set(kinds.values())
    best = (span.start, span.end)
    for start in range(span.start, span.end):
        seen = set()
        for end in range(start + 1, span.end + 1):
            seen.add(kinds[end - 1])
            if seen == wanted:
                if end - start < best[1] - best[0]:
                    best = (start, end)
                break
    return best


def _kind(block: nn.Module) -> tuple[Any, ...]:
    found: list[Any] = []
    for name, module in block.named_modules():
        settings = {k: v for k, v in vars(module).items() if isinstance(v, str | int | float | bool | None)}
        shapes = tuple((n, tuple(p.shape)) for n, p in module.named_parameters(recurse=False))
        plain = tuple(sorted((k, repr(v)) for k, v in settings.items() if "idx" not in k and "index" not in k))
        found.append((name, type(module), plain, shapes))
    return tuple(found)


class Trial:
    """Sessions and reference results on one span; made once, used for each way of batching."""

    def __init__(self, span: Span, alone: Run) -> None:
        """Raises what the span raises if it cannot take made-up steps."""
        self._span, self._alone = span, alone
        self._generator = torch.Generator().manual_seed(0)
        self.tolerance = TOLERANCE.get(span.dtype, 2e-4)
        self.lengths = lengths_to_try(span.config.to_dict())
        self._blocks = representative(span)
        first = self._session(2)
        self.plain = all(map(is_plain, first.owned))
        tried = self.lengths.tried
        self._bases = [self._grown(n if self.plain else min(n, _PREFILLED)) for n in tried]
        self._saved = [Saved(base) for base in self._bases] if self.plain else []
        counts = [[pattern[i % len(pattern)] for i in range(len(tried))] for pattern in _PATTERNS]
        self._hidden = [[self._made_up(count) for count in one] for one in counts]
        self._wanted = [self._outputs(alone, self._fresh(), hidden) for hidden in self._hidden]
        self.picks_positions = self._picks()

    def judge(self, run: Run) -> tuple[float, float]:
        """(worst difference, difference with exchanged sessions) of a way of batching.

        Raises Rejected with the reason if it may not be used.
        """
        worst = 0.0
        for hidden, wanted in zip(self._hidden, self._wanted, strict=True):
            caches = self._fresh()
            lengths = [cache.length for cache in caches]
            outputs = self._outputs(run, caches, hidden)
            worst = max(worst, _difference(outputs, wanted, hidden))
            counts = [self._count(one) for one in hidden]
            if [cache.length for cache in caches] != [a + b for a, b in zip(lengths, counts, strict=True)]:
                raise Rejected("it leaves sessions at wrong lengths")
        if not worst <= self.tolerance:
            raise Rejected(f"it differs from one by one by {worst:.1e}")
        caches = self._fresh()
        exchanged = _difference(
            self._outputs(run, caches[1:] + caches[:1], self._hidden[1]), self._wanted[1], self._hidden[1]
        )
        if not exchanged > max(self.tolerance, _POWER * worst):
            raise Rejected(f"the test sees too little: exchanged sessions differ by {exchanged:.1e} only")
        again = self._outputs(self._alone, self._fresh(), self._hidden[0])
        if not all(map(torch.equal, again, self._wanted[0])):
            raise Rejected("what a pass does to a session cannot be taken back exactly")
        return worst, exchanged

    def takes_back(self) -> bool:
        """Whether what a step did to a session can be undone exactly, as a step that fails in company asks for."""
        caches = self._fresh()
        saved = [Saved(cache) for cache in caches]
        for _ in range(2):  # also a second time: what was put back is written over by the step that follows
            self._outputs(self._alone, caches, self._hidden[1])
            for one in saved:
                one.restore()
        again = self._outputs(self._alone, caches, self._hidden[1])
        return all(map(torch.equal, again, self._wanted[1]))

    def close(self) -> None:
        """Free the made-up sessions."""
        for base in self._bases:
            base.close()

    def _picks(self) -> bool:
        """Whether what a step orders or picks from grows with the session; see picks.py."""
        seen = []
        for cache in self._fresh():
            with picks() as shapes:
                self._outputs(self._alone, [cache], [self._made_up(5)])
            seen.append(shapes)
        return any(shapes != seen[0] for shapes in seen)

    # -- sessions -----------------------------------------------------------------------------------------------------

    def _made_up(self, count: int) -> torch.Tensor:
        hidden = torch.randn(self._span.hidden_shape(1, count), generator=self._generator)
        return hidden.to(self._span.device, self._span.dtype)

    def _count(self, hidden: torch.Tensor) -> int:
        return hidden.shape[self._span.position_axis]

    def _session(self, length: int) -> SpanCache:
        cache = self._span.open(*self._blocks)
        self._outputs(self._alone, [cache], [self._made_up(length)])
        return cache

    def _grown(self, length: int) -> SpanCache:
        if not self.plain:
            return self._session(length)
        cache = self._session(2)
        added = length - 2
        if added:
            for layer in cache.owned:
                if isinstance(layer.keys, torch.Tensor) and layer.keys.numel():
                    # Peaky, so that each session attends to positions of its own.
                    layer.update(self._like(layer.keys, added, 2.0), self._like(layer.values, added, 4.0))
        cache.length = length
        return cache

    def _like(self, states: torch.Tensor, count: int, scale: float) -> torch.Tensor:
        shape = (*states.shape[:2], count, states.shape[-1])
        made = torch.randn(shape, generator=self._generator) * scale * float(states.float().std())
        return made.to(states.device, states.dtype)

    def _fresh(self) -> list[SpanCache]:
        if not self.plain:  # recurrent states are changed in place
            return [copy.deepcopy(base) for base in self._bases]
        for saved in self._saved:
            saved.restore()
        return list(self._bases)

    def _outputs(self, run: Run, caches: Sequence[SpanCache], hidden: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        answers = run([Request(cache, one) for cache, one in zip(caches, hidden, strict=True)])
        outputs = []
        for answer in answers:
            if not isinstance(answer, StepOutput):
                raise answer
            outputs.append(answer.hidden)
        return outputs


def difference(output: torch.Tensor, wanted: torch.Tensor, hidden: torch.Tensor) -> float:
    """Largest difference to ``wanted``, as a fraction of the largest change that the blocks make to ``hidden``."""
    if output.shape != wanted.shape or not torch.isfinite(output).all() or not torch.isfinite(wanted).all():
        return math.inf
    change = (wanted.float() - hidden.float()).abs().max()
    return float((output.float() - wanted.float()).abs().max() / (change + 1e-9))


def _difference(
    outputs: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor], hidden: Sequence[torch.Tensor]
) -> float:
    return max(difference(*three) for three in zip(outputs, wanted, hidden, strict=True))
