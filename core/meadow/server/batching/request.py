"""One step of one session, as the compute thread wants it computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from meadow.server.cache import SpanCache
from meadow.server.span import Span, StepOutput


@dataclass(slots=True, eq=False)
class Request:
    """The arguments of ``Span.step``, and whether the session asked for the same bits as the unsplit model."""

    cache: SpanCache
    hidden: torch.Tensor
    positions: torch.Tensor | None = None
    mask: tuple[int, torch.Tensor] | None = None
    extras: Mapping[int, Mapping[str, torch.Tensor]] = field(default_factory=dict)
    carry: tuple[torch.Tensor | None, ...] = ()
    reproducible: bool = False

    @property
    def plain(self) -> bool:
        """One sequence, its next positions, nothing else: what can be computed together with others."""
        given = self.positions is not None or self.mask is not None or self.extras or self.carry or self.reproducible
        return not given and self.cache.batch == 1 and self.cache.mask is None


Answer = StepOutput | Exception


class Runner(Protocol):
    """Computes steps; one thread."""

    @property
    def most(self) -> int:
        """How many sessions may share a pass."""

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        """An answer for each request, in their order. Nobody goes on with the cache of a step that failed."""


class Alone:
    """One step after the other, as the span has it."""

    most = 1

    def __init__(self, span: Span) -> None:
        self._span = span

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        return [answer(self._span, request) for request in requests]


def answer(span: Span, request: Request) -> Answer:
    """The step alone; whatever the model's own code raises is the answer."""
    try:
        return span.step(
            request.cache,
            request.hidden,
            positions=request.positions,
            mask=request.mask,
            extras=request.extras or None,
            carry=request.carry,
        )
    except Exception as error:
        return error
