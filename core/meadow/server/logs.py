"""The replay logs of all sessions together stay within their bytes (SESSION.md rule 6)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from meadow.server.live import LiveSession
from meadow.wire.limits import WINDOW


def trim_logs(
    sessions: Collection[LiveSession], most_bytes: int, tell: Callable[[LiveSession], None]
) -> LiveSession | None:
    """Drop log entries until all fit into ``most_bytes``: the session that was used longest ago loses its log first.

    ``tell`` is called for each session that lost something. Returns the session with the largest log if what next hops
    still lack, which is never dropped, is too much as well (twice ``most_bytes``): it has to end.
    """
    total = sum(session.log.bytes for session in sessions)
    if total <= most_bytes:
        return None
    for session in sorted(sessions, key=lambda s: s.last_used):
        needed = session.log.last + 1 - 2 * WINDOW
        if session.link is not None:
            needed = min(needed, session.link.window.credited + 1)
        freed = session.log.drop_before(needed)
        if freed:
            tell(session)
        total -= freed
        if total <= most_bytes:
            return None
    return max(sessions, key=lambda s: s.log.bytes) if total > 2 * most_bytes else None
