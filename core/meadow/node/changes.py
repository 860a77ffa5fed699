"""Following the state tree: the difference between two trees, and the store that hands differences to followers.

A difference is a JSON merge patch (RFC 7396). Merge patches cannot be joined in general (after "delete a" and "a is
{x: 1}", the joined patch would keep what else was in a), so no patches are kept. Each follower is compared with the
tree that it was sent last: however slow it is, it costs one tree, which shares all unchanged parts with the others.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any, Final, Literal

from meadow.node.apply import apply
from meadow.node.events import Event
from meadow.node.state import State
from meadow.node.state_json import Json, members, plain, to_json

Item = tuple[int, Literal["state", "patch"], Json]
INTERVAL: Final = 0.05
"""Seconds between two items for one follower, at least."""
REMEMBERED: Final = 256
"""So many trees that followers were sent lately are kept, for those that come again."""

_SAME: Final = object()


def diff(old: Any, new: Any) -> Json:
    """The merge patch that turns the JSON form of ``old`` into that of ``new``; {} when they are the same.

    Takes trees (then parts that are the same object are not looked at) or JSON objects. In both, a member that is None
    counts as absent.
    """
    patch = _difference(old, new)
    return {} if patch is _SAME else patch


def _difference(old: Any, new: Any) -> Any:
    if old is new:
        return _SAME
    before, after = members(old), members(new)
    if before is None or after is None:
        json = plain(new)
        return _SAME if _equal(plain(old), json) else json
    patch: Json = {}
    for name, value in after.items():
        if (was := before.get(name)) is value:
            continue
        if _absent(value):
            if not _absent(was):
                patch[name] = None
        elif _absent(was):
            patch[name] = plain(value)
        elif (part := _difference(was, value)) is not _SAME:
            patch[name] = part
    for name in before.keys() - after.keys():
        if not _absent(before[name]):
            patch[name] = None
    return patch or _SAME


def _absent(value: Any) -> bool:
    """It has no JSON form, see :func:`meadow.node.state_json.plain`."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _equal(a: Any, b: Any) -> bool:
    """Equal as JSON: to Python, 1 == True."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[name], b[name]) for name in a)
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396: ``target`` with ``patch``; neither is changed. What a client does with every patch that it gets."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


class StateStore:
    """The one current tree, and those who follow it. Use from one asyncio loop.

    ``seq`` grows with every change. It begins at the time of the start in microseconds, so that a number from before a
    restart is never taken for one of this run; it stays below 2**53, where JSON numbers are exact.
    """

    def __init__(self, state: State | None = None, *, seq: int | None = None, interval: float = INTERVAL) -> None:
        self.state = State() if state is None else state
        self.seq = time.time_ns() // 1000 if seq is None else seq
        self._interval = interval
        self._sent: OrderedDict[int, State] = OrderedDict()
        self._wakers: set[asyncio.Event] = set()
        self.closed = asyncio.Event()
        """Set by :meth:`close`."""

    @property
    def followers(self) -> int:
        """How many there are now."""
        return len(self._wakers)

    def apply(self, event: Event) -> State:
        """Change the tree; cheap however many follow. Returns the new one."""
        new = apply(self.state, event)
        if new is not self.state:
            self.state = new
            self.seq += 1
            for waker in self._wakers:
                waker.set()
        return new

    def current(self) -> tuple[int, Json]:
        """The tree as JSON with its number, from which one can follow on."""
        return self._remember(), to_json(self.state)

    async def follow(self, after: int | None = None) -> AsyncGenerator[Item, None]:
        """Yield ``(seq, "state", tree)`` once, then ``(seq, "patch", merge patch)`` as the tree changes.

        With the ``after`` of an item (or of :meth:`current`) that is still remembered, it begins with the patch from
        there. Changes that come faster than twenty a second, or than the follower takes them, come as one. Ends when
        the store is closed, after the last change.
        """
        waker = asyncio.Event()
        self._wakers.add(waker)
        try:
            sent = self._recall(after)
            if sent is None:
                sent = self.state
                yield self._remember(), "state", to_json(sent)
                await self._pause()
            while True:
                waker.clear()
                last = self.closed.is_set()
                patch = diff(sent, self.state)
                sent = self.state
                if patch:
                    yield self._remember(), "patch", patch
                    await self._pause()
                if last:
                    return
                if self.state is sent:
                    await waker.wait()
        finally:
            self._wakers.discard(waker)

    def close(self) -> None:
        """Let every follower end after the last change; a new one gets the tree and ends. Call it before HTTP stops."""
        self.closed.set()
        for waker in self._wakers:
            waker.set()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._interval):
                await self.closed.wait()

    def _remember(self) -> int:
        self._sent[self.seq] = self.state
        self._sent.move_to_end(self.seq)
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        return self.seq

    def _recall(self, seq: int | None) -> State | None:
        return None if seq is None else self._sent.get(seq)
