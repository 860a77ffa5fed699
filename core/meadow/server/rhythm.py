"""When streams come back with their next token, and whether waiting for them is worth it.

Eight sessions that are computed together get their tokens together and come back within a millisecond of each other. A
pass that started with the first of them would leave seven for the next one, and so on for ever: twice the time for the
same tokens. So a pass may wait for those that are about to come, a fraction of what a pass takes. A person who is alone
never waits: there is nobody to wait for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

_PATIENCE = 0.2
"""Of a pass; the longest wait."""
_SLACK = 0.001
"""Seconds around the time at which a stream came back lately."""
_STREAMING = 2.0
"""Seconds since its last token, after which a session does not generate any more."""


@dataclass(slots=True)
class Stream:
    """A session that generates: when its last token left (monotonic seconds; 0.0: one is being computed), and how many
    seconds it takes to come back."""

    left: float
    back: float = 0.0


def wait_until(streams: Collection[Stream], *, since: float, pass_seconds: float) -> float:
    """Until when a pass should wait for more streams; ``since`` or less: not at all.

    :param streams: those of which no step waits.
    :param since: from when on the pass could have started.
    :param pass_seconds: what a pass takes.
    """
    latest = since + _PATIENCE * pass_seconds
    coming = [stream.left + 1.5 * stream.back + _SLACK for stream in streams if stream.left and stream.back]
    return max((time for time in coming if time <= latest), default=since)


class Rhythm:
    """The streams of a server. Belongs to the compute thread."""

    def __init__(self) -> None:
        self._streams: dict[int, Stream] = {}

    def came(self, session: int, now: float) -> None:
        """A step of a few positions of this session has arrived."""
        stream = self._streams.get(session)
        if stream is None or not stream.left:
            return
        seconds = max(1e-4, now - stream.left)
        stream.back = seconds if not stream.back else 0.7 * stream.back + 0.3 * seconds
        stream.left = 0.0

    def left(self, session: int, now: float) -> None:
        """A token of this session is on its way out."""
        stream = self._streams.setdefault(session, Stream(now))
        stream.left = now

    def forget(self, session: int) -> None:
        """The session ended."""
        self._streams.pop(session, None)

    def until(self, waiting: Collection[int], *, since: float, pass_seconds: float) -> float:
        """:func:`wait_until` for the sessions of which a step waits."""
        others = [stream for number, stream in self._streams.items() if number not in waiting]
        return wait_until(others, since=since, pass_seconds=pass_seconds)

    def generating(self, now: float, besides: Collection[int] = ()) -> bool:
        """Whether any session but these made a token lately or is about to."""
        return any(
            number not in besides and (not stream.left or now - stream.left < _STREAMING)
            for number, stream in self._streams.items()
        )
