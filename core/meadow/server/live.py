"""A session as it lives in a server: its pure state, its cache, its log, and the streams it has at the moment."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meadow.server.sessions import Admitted, SessionState
from meadow.wire.framelog import FrameLog
from meadow.wire.messages import Open, Step
from meadow.wire.prefix import Prefix

if TYPE_CHECKING:
    from meadow.server.cache import SpanCache
    from meadow.server.links import Link
    from meadow.swarm.channel import Channel
    from meadow.swarm.records import ServerRecord


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A step that was let in, on its way to the compute thread."""

    session: LiveSession
    step: Step
    admitted: Admitted
    round: int = 0
    """Of the session, when it was let in."""
    direct: Channel | None = None
    """Where the compute thread may send the output itself, if it turns out to be the only one under way."""
    arrived: float = field(default_factory=time.monotonic)


@dataclass(slots=True, eq=False)
class LiveSession:
    """One session. The asyncio loop owns everything here except ``cache``, which belongs to the compute thread."""

    number: int
    owner: str
    opened: Open
    state: SessionState
    log: FrameLog = field(default_factory=FrameLog)
    cache: SpanCache | None = None
    client: Channel | None = None
    upstream: Channel | None = None
    link: Link | None = None
    pending: deque[Job] = field(default_factory=deque)
    target: ServerRecord | None = None
    """The next hop, as it was verified when the route was announced: records expire long before sessions do."""
    submitted: int = 0
    """Jobs that the engine has and has not answered."""
    waiting: int = 0
    """Bytes of its steps that have arrived and are not computed yet."""
    last_used: float = field(default_factory=time.monotonic)
    owing_since: float | None = None
    abandoned_since: float | None = None
    """Since when the owner has no stream here and nothing speaks for its coming back."""
    credited: int = 0
    """The last output that any next hop has computed."""
    step_seconds: float = 0.0
    wait_seconds: float = 0.0
    """What its steps of one position take here, and wait before: moving averages, written by the compute thread."""
    credit_to: int = 0
    """The sender wants to hear of each step up to this one."""
    round: int = 0
    """Raised when a step did not fit: what was let in behind it is not computed."""
    refused_round: int = -1
    """Written by the compute thread: nothing of this round or an earlier one is computed any more."""
    names: dict[bytes, int] = field(default_factory=dict)
    """Names of what it begins with, and how many positions each stands for. Belongs to the compute thread."""
    keep: tuple[Prefix, ...] = ()
    """Its owner closed it, and wants these beginnings kept for a while."""
    told: float = 0.0
    """When the last heartbeat went out."""
    closed: bool = False

    @property
    def key(self) -> tuple[str, bytes]:
        """Sessions are looked up by owner and id together: an id alone opens nothing."""
        return self.owner, self.opened.session

    @property
    def busy(self) -> bool:
        """A step of it waits or runs."""
        return self.state.done < self.state.accepted

    @property
    def unsent(self) -> int:
        """Outputs that the next hop has not been sent."""
        return self.link.window.unsent if self.link is not None else 0

    def is_over(self, now: float, *, idle: float, abandoned: float, draining: bool = False) -> bool:
        """True if nothing has happened for too long (limits in seconds).

        What it owes is no reason to stay: its next hop may never come. A server that is ``draining`` does not wait for
        an owner that is gone either.
        """
        if self.submitted:  # the engine will be through with it
            self.abandoned_since = None
            return False
        is_lost = draining or (self.link is not None and self.link.lost)
        if self.client is not None or not is_lost:
            self.abandoned_since = None
        elif self.abandoned_since is None:
            self.abandoned_since = now
        left = self.abandoned_since is not None and now - self.abandoned_since >= abandoned
        return left or now - self.last_used >= idle
