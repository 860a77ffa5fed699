"""What a server tells the program around it: typed events through one callback.

The callback runs on the server's asyncio loop and must not block; the supervisor turns events into its state tree, the
command line prints them as JSON.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

PROBLEM_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Starting:
    """Step ``step`` of ``of`` on the way to online; ``what`` is our own word for it."""

    step: int
    of: int
    what: str


@dataclass(frozen=True, slots=True)
class Online:
    """The server answers clients: blocks ``[start, end)`` of the model."""

    server_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Draining:
    """No new sessions; the server leaves in ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """The server has ended its sessions and answers nobody any more."""


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A client opened a session. ``sessions`` counts the open ones."""

    peer_id: str
    sessions: int


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A session ended; ``reason`` is "closed", "idle", "stopped" or the code of a problem."""

    peer_id: str
    reason: str
    sessions: int


@dataclass(frozen=True, slots=True)
class Computed:
    """What went through for other peers since the last of these: tokens (rows x positions), and bytes of hidden states
    in and out."""

    tokens: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something went wrong; ``code`` is one of wire.messages.PROBLEMS, ``detail`` our own words for a log."""

    code: str
    detail: str
    peer_id: str | None = None


Event = Starting | Online | Draining | Stopped | SessionOpened | SessionClosed | Computed | Problem
OnEvent = Callable[[Event], None]


class Seldom:
    """Lets one of a kind pass in a while: a stranger who breaks the rules a thousand times a second fills no log, no
    pipe and no window with it."""

    def __init__(self, seconds: float = PROBLEM_SECONDS, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._last: dict[str, float] = {}

    def passes(self, kind: str) -> bool:
        """Whether it is time for another one; ``kind`` is one of a few words of ours."""
        now = self._clock()
        if now - self._last.get(kind, -self._seconds) < self._seconds:
            return False
        self._last[kind] = now
        return True
