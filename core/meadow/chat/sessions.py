"""Sessions kept open between the turns of a chat, so that a follow-up sends only its new tokens.

What can be used again is decided by a pure function, :func:`reuse`: the whole cache if the new prompt continues it, a
part of it if the model can roll back, or nothing. What is kept is bounded in number and in time.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from meadow.client.cache import RemoteCache

_WORTH_KEEPING = 16
"""Positions; for fewer, rolling back is not worth a thought."""
_CANCEL_SECONDS = 10.0
"""How long a turn waits for the one before it, which was stopped, to end. A step can take longer: then it goes on."""


@dataclass(eq=False, slots=True)
class Kept:
    """A session at rest. ``token_ids``: prompt and answer; the servers hold the first ``cache.length`` of them.
    ``text``: the same as the template writes it, typed control tokens marked. ``marks``: pairs of a number of its
    characters and the number of tokens that say the same, in order; one for each prompt and each answer that was as
    long as its tokens say. ``model``: swarm and name.
    """

    conversation: str
    model: tuple[str, str]
    cache: RemoteCache
    token_ids: list[int]
    text: str
    marks: tuple[tuple[int, int], ...]
    since: float = field(default_factory=time.monotonic)


def can_crop(cache: RemoteCache) -> bool:
    """Whether the servers can forget positions of this session. A sliding window that is full has dropped what lies
    before it, so it cannot go back."""
    sliding = any(
        getattr(layer, "is_sliding", False) and cache.length >= (getattr(layer, "sliding_window", None) or 0)
        for layer in cache.layers
    )
    return bool(cache.is_croppable) and not sliding


def reuse(held: Sequence[int], prompt: Sequence[int], *, can_crop: bool) -> int:
    """How many of the ``held`` positions serve a prompt: they must begin it, and at least one token must be new."""
    common = 0
    most = min(len(held), len(prompt) - 1)
    while common < most and held[common] == prompt[common]:
        common += 1
    if common == len(held):
        return common
    return common if can_crop and common >= _WORTH_KEEPING else 0


def longest_mark(kept: Kept, text: str) -> tuple[int, int]:
    """The furthest mark up to which ``text`` is the same; (0, 0) if there is none."""
    for characters, tokens in reversed(kept.marks):
        if text.startswith(kept.text[:characters]):
            return characters, tokens
    return 0, 0


class KeptSessions:
    """At most ``limit`` sessions, each for at most ``idle_seconds`` without a turn. Thread-safe."""

    def __init__(self, limit: int, idle_seconds: float, on_change: Callable[[int], None] = lambda count: None) -> None:
        """``on_change`` hears how many are kept."""
        self._limit, self._idle = limit, idle_seconds
        self._on_change = on_change
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._forgotten: set[str] = set()
        self._running: dict[str, list[threading.Event]] = {}
        self._lock = threading.Condition()

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, conversation: str, model: tuple[str, str], cancelled: threading.Event) -> Kept | None:
        """The session of this conversation, which then belongs to the caller until :meth:`done`. A second request
        of the same conversation at the same time gets none, and so has a session of its own; but one that follows a
        ``cancelled`` one waits for its last token."""

        def free() -> bool:
            running = self._running.get(conversation)
            return not running or not all(other.is_set() for other in running)

        with self._lock:
            self._lock.wait_for(free, timeout=_CANCEL_SECONDS)
            self._running.setdefault(conversation, []).append(cancelled)
            kept = self._kept.pop(conversation, None)
        if kept is None:
            return None
        self._on_change(len(self))
        if kept.model != model or time.monotonic() - kept.since > self._idle:
            kept.cache.close()
            return None
        return kept

    def done(self, conversation: str, kept: Kept | None, cancelled: threading.Event) -> None:
        """The turn that took with this ``cancelled`` is over; ``kept``: the session to keep, if there is one."""
        closed: list[Kept] = []
        with self._lock:
            running = self._running[conversation]
            running.remove(cancelled)
            if not running:
                del self._running[conversation]
            self._lock.notify_all()
            if kept is not None:
                if conversation in self._forgotten:
                    closed.append(kept)
                else:
                    kept.since = time.monotonic()
                    if (before := self._kept.pop(conversation, None)) is not None:
                        closed.append(before)
                    self._kept[conversation] = kept
                    while len(self._kept) > self._limit:
                        closed.append(self._kept.popitem(last=False)[1])
            if not running:
                self._forgotten.discard(conversation)
        self._close(closed)

    def forget(self, conversation: str) -> None:
        """Close the session of a conversation, now or when its turn is over."""
        with self._lock:
            kept = self._kept.pop(conversation, None)
            if conversation in self._running:
                self._forgotten.add(conversation)
        self._close([] if kept is None else [kept])

    def sweep(self) -> None:
        """Close what has rested for too long."""
        limit = time.monotonic() - self._idle
        with self._lock:
            old = [name for name, kept in self._kept.items() if kept.since < limit]
            closed = [self._kept.pop(name) for name in old]
        self._close(closed)

    def drop_model(self, model: tuple[str, str]) -> None:
        """Close all sessions of a model."""
        with self._lock:
            closed = [self._kept.pop(name) for name, kept in list(self._kept.items()) if kept.model == model]
        self._close(closed)

    def close(self) -> None:
        """Close all."""
        with self._lock:
            closed = list(self._kept.values())
            self._kept.clear()
        self._close(closed)

    def _close(self, sessions: Sequence[Kept]) -> None:
        for kept in sessions:
            kept.cache.close()
        self._on_change(len(self))
