"""The address book: peers that answered this home before, contacted first at the next start, beside the initial peers.

Whoever poisons the DHT, or hands out bad bootstrap addresses, then costs a newcomer time, but not those who have been
here: the peer of each address in the book has answered us, and its id is proven anew with each connection. One book for
each swarm. What is in the file is a habit of this person, so it is private; a damaged one is forgotten.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError
from meadow.platform.paths import private_folder
from meadow.privatefile import read_private, write_private
from meadow.swarm.addresses import split_peer

MOST = 32
FORGET_SECONDS = 30 * 86400.0
_MAX_FILE = 64 << 10


@dataclass(frozen=True, slots=True)
class Known:
    """When a peer last answered (Unix seconds), and at how many starts of ours it did."""

    last: float
    times: int


class AddressBook:
    """See the module's text. The methods may block on the disk."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._before = self._read()
        self._now = dict(self._before)

    def addresses(self, *, now: float) -> list[str]:
        """Full multiaddrs, those first that answered most often."""
        fresh = [(one.times, one.last, maddr) for maddr, one in self._now.items() if now - one.last < FORGET_SECONDS]
        return [maddr for _, _, maddr in sorted(fresh, reverse=True)]

    def note(self, answered: Mapping[str, float]) -> bool:
        """Peers (full multiaddr) that have answered, and when; True when the book has other peers than before."""
        known = set(self._now)
        for maddr, last in answered.items():
            times = self._before[maddr].times + 1 if maddr in self._before else 1
            self._now[maddr] = Known(last, min(times, 1000))
        best = sorted(self._now.items(), key=lambda item: (item[1].times, item[1].last), reverse=True)[:MOST]
        self._now = dict(best)
        return set(self._now) != known

    def save(self) -> None:
        """Write it down. Raises MeadowError (a full disk, no right to write)."""
        private_folder(self.file.parent)
        peers = [[maddr, one.last, one.times] for maddr, one in self._now.items()]
        write_private(self.file, json.dumps({"version": 1, "peers": peers}), what="address book", replace=True)

    def _read(self) -> dict[str, Known]:
        try:
            text = read_private(self.file, _MAX_FILE, what="address book", remedy="Delete it.")
            document: Any = json.loads(text)
            return dict(_entry(item) for item in _listed(document["peers"]))
        except (FileNotFoundError, MeadowError, ValueError, KeyError, TypeError, RecursionError):
            return {}


def _listed(items: Any) -> Iterable[Any]:
    if not isinstance(items, list) or len(items) > MOST:
        raise ValueError("peers")
    return items


def _entry(item: Any) -> tuple[str, Known]:
    maddr, last, times = item
    split_peer(maddr)
    if type(last) is not float or not math.isfinite(last) or type(times) is not int or times < 1:
        raise ValueError("peers")
    return maddr, Known(last, times)
