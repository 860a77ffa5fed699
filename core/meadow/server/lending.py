"""Beginnings that are here already: what a closed session leaves is kept, and copied for a new one.

Which one is found, and what stays, is decided in prefixes.py; here are the caches and the budget.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from meadow.server.budget import Budget, Holding
from meadow.server.live import LiveSession
from meadow.server.prefixes import Allowance, Kept, Prefixes, longest

if TYPE_CHECKING:
    from meadow.server.cache import SpanCache
    from meadow.server.span import Span
    from meadow.wire.prefix import Prefix


class Lending:
    """What is kept of closed sessions. Belongs to the compute thread, but for the properties."""

    def __init__(self, span: Span, budget: Budget) -> None:
        self._span, self._budget = span, budget
        self._prefixes = Prefixes()
        self._allowance = Allowance()

    def __len__(self) -> int:
        return len(self._prefixes)

    @property
    def tokens(self) -> int:
        """Tokens of the budget that anybody gets who needs them."""
        return sum(self._budget.held(kept.number) for kept in self._prefixes.all())

    @property
    def holdings(self) -> list[Holding]:
        """What is kept, as the budget sees it: the first to go."""
        now = time.monotonic()
        return [
            Holding(kept.number, self._budget.held(kept.number), now - kept.used, False, False, kept=True)
            for kept in self._prefixes.all()
        ]

    def begin(
        self, session: LiveSession, offers: Sequence[Prefix], live: Iterable[LiveSession]
    ) -> tuple[SpanCache | None, int, int]:
        """A cache for a new session that holds what it can begin with: ``(cache, sequence number, positions)``.

        ``live``: sessions that are open, in whose caches the beginning may be. The cache counts in the budget under the
        new session's number. ``(None, 0, 0)``: it begins from nothing.
        """
        began = time.monotonic()
        if session.closed or not self._allowance.free(session.owner, began):
            return None, 0, 0
        blocks = session.opened.start, session.opened.end
        found = longest(session.owner, blocks, offers, [*self._prefixes.all(), *live])
        if found is None or found.source.cache is None:
            return None, 0, 0
        source, lent = found.source, found.source.cache
        cache = self._span.open(*blocks, 1)
        needed = cache.tokens_needed(found.length) * cache.blocks
        if self._clear(session.number, needed, source):
            self._budget.hold(session.number, needed)
            try:
                cache.begin_with(lent, found.length)
            except BaseException:
                self._budget.release(session.number)
                raise
            if isinstance(source, Kept):
                source.used = time.monotonic()
        elif isinstance(source, Kept):  # no room for two: it is taken over
            cache, source.cache = lent, None
            self._prefixes.remove(source.number)
            self._budget.release(source.number)
            cache.crop(cache.length - found.length)
        else:
            return None, 0, 0
        self._budget.hold(session.number, cache.capacity * cache.blocks)
        ended = time.monotonic()
        self._allowance.took(session.owner, ended - began, ended)
        return cache, found.seq, found.length

    def keep(self, session: LiveSession) -> bool:
        """Take the cache of a closed session out of its hands, if its owner wants it kept and it can be lent."""
        cache = session.cache
        names = {name: length for length, _, name in session.keep if cache is not None and length <= cache.length}
        if cache is None or not names or not cache.lends(max(names.values())):
            return False
        session.cache = None
        for kept in self._prefixes.add(Kept(session.number, session.owner, cache, names)):
            self._discard(kept)
        return True

    def drop(self, number: int) -> bool:
        """Somebody needs the room. Whether something was kept under this number."""
        kept = self._prefixes.remove(number)
        if kept is not None:
            self._discard(kept)
        return kept is not None

    def tidy(self) -> None:
        """Drop what nobody has used for long."""
        for kept in self._prefixes.old(time.monotonic()):
            self._discard(kept)

    def clear(self) -> None:
        """Drop everything."""
        for kept in self._prefixes.all():
            self._discard(kept)

    def _clear(self, number: int, needed: int, source: object) -> bool:
        """Make room for a copy with what is kept only: nobody's session ends for what could be computed as well."""
        others = [kept for kept in self._prefixes.all() if kept is not source]
        missing = self._budget.missing(number, needed)
        if missing > sum(self._budget.held(kept.number) for kept in others):
            return False
        for kept in others:
            if not self._budget.missing(number, needed):
                break
            self._discard(kept)
        return True

    def _discard(self, kept: Kept) -> None:
        self._prefixes.remove(kept.number)
        self._budget.release(kept.number)
        if kept.cache is not None:
            kept.cache.close()
