"""What servers of this home measured about themselves, kept so that it need not be measured at each start.

One small JSON file in the cache folder. A figure counts for one hardware, model, span, dtype and set of versions only,
which its key says, and for :data:`AGE_SECONDS`. The file may be lost, damaged or written by two servers at a time: then
it is measured again, and nothing else happens.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError
from meadow.privatefile import write_private
from meadow.server.measure import Measured

AGE_SECONDS = 30 * 86400.0
MOST = 64
_MAX_BYTES = 1 << 16
_MOST_WORTH = 1e12


class Speeds:
    """See the module's text. Every method may block on the disk, and none raises."""

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        """``path`` None: nothing is kept. ``clock``: Unix seconds."""
        self._path, self._clock = path, clock

    def of(self, key: str, measure: Callable[[], Measured]) -> Measured:
        """What is known under ``key``, or what ``measure`` finds now. Raises what that raises."""
        known = self._entries().get(key)
        if known is not None:
            return known[0]
        found = measure()
        self._keep(key, found)
        return found

    def _entries(self) -> dict[str, tuple[Measured, float]]:
        """Those that we could have written and that are not too old."""
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as file:
                raw = file.read(_MAX_BYTES + 1)
            content: Any = json.loads(raw) if len(raw) <= _MAX_BYTES else None
        except (OSError, ValueError, RecursionError):
            return {}
        entries: dict[str, tuple[Measured, float]] = {}
        now = self._clock()
        for key, values in content.items() if isinstance(content, dict) else ():
            if isinstance(values, list) and len(values) == 4 and all(map(_is_figure, values)):
                *figures, at = map(float, values)
                if 0 <= now - at <= AGE_SECONDS and figures[2] > 0:
                    entries[key] = Measured(*figures), at
        return entries

    def _keep(self, key: str, found: Measured) -> None:
        if self._path is None or not found.throughput:  # what could not be measured may be another time
            return
        entries = {**self._entries(), key: (found, self._clock())}
        newest = dict(sorted(entries.items(), key=lambda item: -item[1][1])[:MOST])
        text = json.dumps({name: [*astuple(measured), at] for name, (measured, at) in newest.items()})
        with suppress(MeadowError, OSError):  # a full disk: next time, then
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_private(self._path, text, what="file of speeds", replace=True)


def _is_figure(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= _MOST_WORTH
