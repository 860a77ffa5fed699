"""The records that this node keeps for the swarm: bounded in number, in total and for each peer.

Stands in for hivemind's storage, whose expiry heap grows with every repeated store and where repeating an *older*
record made the newer one vanish early.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hivemind.dht.routing import DHTID
from hivemind.dht.storage import DictionaryDHTValue
from hivemind.utils.timed_storage import ValueWithExpiration


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How many records a node keeps: in all, of one owner, of one owner under one key, and brought by one
    peer on behalf of others."""

    total: int = 20_000
    per_owner: int = 512
    per_owner_and_key: int = 16  # every search for the key fetches and checks them all
    per_sender: int = 2_048
    returned: int = 640  # records in one answer; a larger set is sampled, so that nobody is hidden for ever


@dataclass(slots=True)
class _Entry:
    value: bytes
    expires: float
    owner: bytes
    sender: bytes


class RecordStore:
    """Records by (key, subkey); the one that expires later wins. The caller has verified what it puts in."""

    def __init__(self, clock: Callable[[], float], limits: StoreLimits | None = None) -> None:
        self._clock = clock
        self.limits = limits or StoreLimits()
        self._keys: dict[DHTID, dict[bytes, _Entry]] = {}
        self._owners: Counter[bytes] = Counter()
        self._senders: Counter[bytes] = Counter()
        self._count = 0
        self._next_sweep = 0.0

    def is_news(self, key: DHTID, subkey: bytes, expires: float) -> bool:
        """Whether such a record would replace nothing or an older one: asked before the signature is checked."""
        entry = self._keys.get(key, {}).get(subkey)
        return entry is None or entry.expires < expires

    def put(self, key: DHTID, subkey: bytes, value: bytes, expires: float, *, sender: bytes = b"") -> bool:
        """Keep a verified record brought by ``sender`` (raw public key, empty for ourselves); False when refused."""
        if not self.is_news(key, subkey, expires):
            return False
        owner = subkey[:32]
        sender = b"" if sender == owner else sender
        self._sweep()
        known = subkey in self._keys.get(key, {})
        if not known and self._full(key, owner, sender):
            return False
        if known:
            self._remove(key, subkey)
        self._keys.setdefault(key, {})[subkey] = _Entry(value, expires, owner, sender)
        self._owners[owner] += 1
        self._senders[sender] += 1
        self._count += 1
        return True

    def _full(self, key: DHTID, owner: bytes, sender: bytes) -> bool:
        limits = self.limits
        if sum(subkey[:32] == owner for subkey in self._keys.get(key, {})) >= limits.per_owner_and_key:
            return True
        if self._owners[owner] >= limits.per_owner or (sender and self._senders[sender] >= limits.per_sender):
            return True
        if self._count < limits.total:
            return False
        # Full: whoever holds the most gives way, so that one peer with many records cannot keep all others out.
        biggest, held = self._owners.most_common(1)[0]
        if held <= self._owners[owner] + 1:
            return True
        everything = ((k, s, entry) for k, entries in self._keys.items() for s, entry in entries.items())
        key, subkey = next((k, s) for k, s, entry in everything if entry.owner == biggest)
        self._remove(key, subkey)
        return False

    def _remove(self, key: DHTID, subkey: bytes) -> None:
        entry = self._keys[key].pop(subkey)
        if not self._keys[key]:
            del self._keys[key]
        for counter, name in ((self._owners, entry.owner), (self._senders, entry.sender)):
            counter[name] -= 1
            if counter[name] <= 0:
                del counter[name]
        self._count -= 1

    def _sweep(self, *, now: bool = False) -> None:
        time = self._clock()
        if not now and time < self._next_sweep:
            return
        self._next_sweep = time + (1.0 if self._count >= self.limits.total else 5.0)
        stale = [(k, s) for k, entries in self._keys.items() for s, entry in entries.items() if entry.expires <= time]
        for key, subkey in stale:
            self._remove(key, subkey)

    def sample(self, key: DHTID, limit: int | None = None) -> DictionaryDHTValue | None:
        """The live records under ``key``, at most ``limit`` of them, in hivemind's own dictionary; None when none."""
        time = self._clock()
        live = [(subkey, entry) for subkey, entry in self._keys.get(key, {}).items() if entry.expires > time]
        limit = self.limits.returned if limit is None else limit
        if len(live) > limit:
            live = random.sample(live, limit)
        if not live:
            return None
        found = DictionaryDHTValue()
        found.frozen = True  # it would drop records by this machine's clock, not by the swarm's
        for subkey, entry in live:
            found.store(subkey, entry.value, entry.expires)
        return found

    def __len__(self) -> int:
        self._sweep(now=True)
        return self._count

    def records(self) -> Iterator[tuple[DHTID, bytes, bytes, float]]:
        """All live records as (key, subkey, value, expires)."""
        self._sweep(now=True)
        for key, entries in list(self._keys.items()):
            for subkey, entry in list(entries.items()):
                yield key, subkey, entry.value, entry.expires

    # What hivemind's DHTNode and DHTProtocol call.

    def get(self, key: DHTID) -> ValueWithExpiration | None:
        """The records under ``key`` as hivemind wants them."""
        found = self.sample(key)
        return None if found is None else ValueWithExpiration(found, found.latest_expiration_time)

    def store(self, key: DHTID, value: Any, expiration_time: float, subkey: bytes | None = None) -> bool:
        """A record of our own, stored by our own node; values without a subkey are not part of Meadow."""
        return isinstance(subkey, bytes) and self.put(key, subkey, value, expiration_time)

    def __contains__(self, key: DHTID) -> bool:
        return key in self._keys

    def items(self) -> Iterator[tuple[DHTID, ValueWithExpiration]]:
        """All keys with their records."""
        return ((key, found) for key in list(self._keys) if (found := self.get(key)) is not None)
