"""Names for what a session begins with, so that servers which still hold the same beginning need not compute it again.

A name stands for the first positions of a session: a hash over the hidden states that its owner sends for them and over
the servers in front of the one that is asked. So the same name means: the same weights made these keys and values out
of the same numbers. Only the owner of both sessions can use a name; nobody learns from it, or from how fast an answer
comes, what others have asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import torch

from meadow.wire.limits import MAX_PREFIXES, PREFIX_NAME

Prefix = tuple[int, int, bytes]
"""(positions, the last sequence number of the frames that would bring them, name)."""
Point = tuple[int, bytes]
"""(positions, hash over what the owner sends for them)."""

FRAME = 256
"""Positions of each frame into which a beginning is cut where it must be sent after all: to who is rebuilt."""
_STEP, _FINE, _COARSE = 64, 4096, 512
"""Beginnings have names every so many positions; from so many positions on, only every so many."""


def frames(length: int) -> list[tuple[int, int]]:
    """The frames that bring ``length`` positions, as ``(first, end)``; numbered from 1."""
    return [(first, min(first + FRAME, length)) for first in range(0, length, FRAME)]


def _next_point(length: int) -> int:
    """The first length with a name that is more than ``length``."""
    step = _STEP if length < _FINE else _COARSE
    return (length // step + 1) * step


class Chain:
    """Hashes over the hidden states of one session as they come. One row; positions on axis 1."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        """At most :data:`~meadow.wire.limits.MAX_PREFIXES`."""
        self.length = 0
        self._hash = hashlib.blake2b(digest_size=PREFIX_NAME)
        self._ended = False

    def add(self, hidden: torch.Tensor) -> None:
        """These positions come next."""
        if self._ended:
            return
        if not self.length:
            self._hash.update(repr((hidden.dtype, tuple(hidden.shape[2:]))).encode())
        for low, high in self._pieces(hidden.shape[1]):
            part = hidden.narrow(1, low, high - low).detach().to("cpu").contiguous()
            self._hash.update(part.view(torch.uint8).numpy().data)
            self.length += high - low
            if self.length == self._until:
                self.points.append((self.length, self._hash.digest()))
                self._ended = len(self.points) == MAX_PREFIXES

    def _pieces(self, count: int) -> Iterator[tuple[int, int]]:
        low = 0
        while low < count and not self._ended:
            self._until = _next_point(self.length)
            high = min(count, low + self._until - self.length)
            yield low, high
            low = high

    def end(self, length: int | None = None) -> None:
        """Something else than the next positions follows; only the first ``length`` (None: all) are still there."""
        self._ended = True
        if length is not None:
            self.points = [point for point in self.points if point[0] <= length]


def named(points: Sequence[Point], upstream: Sequence[tuple[str, str]]) -> tuple[Prefix, ...]:
    """The names of these beginnings for a server behind ``upstream``, the (peer id, server id) of each hop before."""
    path = "/".join(f"{peer} {server}" for peer, server in upstream).encode()
    return tuple(
        (length, len(frames(length)), hashlib.blake2b(digest + path, digest_size=PREFIX_NAME).digest())
        for length, digest in points
    )
