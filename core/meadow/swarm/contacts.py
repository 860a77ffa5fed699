"""Staying in touch: whom a node contacts to join a swarm, and again and again so that a swarm cut in two heals."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from hivemind.dht.node import DHTNode
from hivemind.dht.routing import DHTID
from hivemind.p2p import PeerID

from meadow.errors import SwarmError
from meadow.swarm.addresses import dialable
from meadow.swarm.daemon import Daemon
from meadow.swarm.records import ServerRecord, decode_record
from meadow.swarm.store import RecordStore

DIAL_SECONDS = 10.0
_STRAGGLER_SECONDS = 1.0
_LOOK_AROUND_SECONDS = 3.0
_KNOWN_SERVERS = 8
_RECORDS_LOOKED_AT = 256
_MOST_CONTACTS = 128
_ALONE_SECONDS = 5.0
_ASKED_DIRECTLY = 4
_MOST_FOUND = 1024

Contact = tuple[str, str]  # address, peer id


class Contacts:
    """The initial peers, and servers whose records this node keeps."""

    def __init__(
        self, daemon: Daemon, dht: DHTNode, initial: Sequence[Contact], store: RecordStore, *, allow_private: bool
    ) -> None:
        self.initial = [peer for peer in initial if peer[1] != daemon.peer_id]
        self._daemon, self._dht, self._store = daemon, dht, store
        self._allow_private = allow_private
        self._greeting: set[asyncio.Task[bool]] = set()
        self.answered: dict[str, float] = {}
        """Full addresses of peers that have answered us, and when (Unix seconds)."""
        self._found: dict[str, str] = {}
        self._tried_alone = -math.inf

    async def meet(self) -> int:
        """Contact them now; returns how many have answered. The slow are not waited for once others have."""
        was_alone, answered = not self.neighbours, 0
        pending = {asyncio.create_task(self._greet(*peer)) for peer in (*self.initial, *self._servers())}
        for task in pending:
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)
        while pending:
            wait = _STRAGGLER_SECONDS if answered else None
            done, pending = await asyncio.wait(pending, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            answered += sum(task.result() for task in done)
        if answered and was_alone:
            # Whom they know; these then hand over the records that this node should keep from now on.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AROUND_SECONDS):
                    await self._dht.find_nearest_nodes([self._dht.node_id])
        return answered

    def also(self, contact: Contact) -> bool:
        """Try this one from now on, too; False when it is known, or enough are."""
        if contact in self.initial or contact[1] == self._daemon.peer_id or len(self.initial) >= _MOST_CONTACTS:
            return False
        self.initial.append(contact)
        return True

    async def seek(self) -> None:
        """Meet again if nobody is known any more: one late answer is enough to be dropped by a client of one peer."""
        now = time.monotonic()
        if not self.neighbours and now - self._tried_alone >= _ALONE_SECONDS:
            self._tried_alone = now
            with suppress(TimeoutError):
                async with asyncio.timeout(_ALONE_SECONDS):
                    await self.meet()

    async def ask(self, keys: Collection[DHTID]) -> None:
        """Ask those who answered before for these keys themselves, whatever the DHT says about where records are.

        Peers whom the search asks anyway are left out. What they answer is heard by whoever listens (``dht.Heard``).
        """
        near = {
            peer.to_base58()
            for key in keys
            for _, peer in self._dht.protocol.routing_table.get_nearest_neighbors(key, self._dht.protocol.bucket_size)
        }
        friends = {maddr.rpartition("/")[2]: last for maddr, last in self.answered.items()}
        chosen = sorted(friends.keys() - near, key=lambda peer: -friends[peer])[:_ASKED_DIRECTLY]
        await asyncio.gather(*(self._dht.protocol.call_find(PeerID.from_base58(peer), keys) for peer in chosen))

    def found(self, servers: Iterable[ServerRecord]) -> None:
        """Where servers say that they are: for :meth:`note_sessions`."""
        for server in servers:
            for address in dialable(server.addresses, allow_private=self._allow_private)[:1]:
                self._found.pop(server.peer_id, None)
                self._found[server.peer_id] = address
        for peer_id in list(self._found)[:-_MOST_FOUND]:
            del self._found[peer_id]

    async def note_sessions(self) -> None:
        """Servers that we looked up and that are connected now have answered us: sessions of any of our processes."""
        for peer_id in await self._daemon.connected_peers() & self._found.keys():
            self._note(f"{self._found[peer_id]}/p2p/{peer_id}")

    def _note(self, maddr: str) -> None:
        self.answered.pop(maddr, None)
        self.answered[maddr] = time.time()
        while len(self.answered) > _MOST_CONTACTS:
            del self.answered[min(self.answered, key=self.answered.__getitem__)]

    @property
    def neighbours(self) -> int:
        """How many other members of the DHT are known whose last call was answered."""
        return len(self._dht.protocol.routing_table.uid_to_peer_id)

    async def close(self) -> None:
        """Contact nobody any more."""
        tasks = list(self._greeting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _greet(self, address: str, peer_id: str) -> bool:
        """Whether a peer answers. A connection may have died while one side slept; then it is dialled anew."""
        for again in (False, True):
            try:
                if again:
                    await self._daemon.disconnect(peer_id)
                await self._daemon.connect(peer_id, [address], timeout=DIAL_SECONDS)
            except SwarmError:
                return False
            if await self._dht.protocol.call_ping(PeerID.from_base58(peer_id), validate=True) is not None:
                self._note(f"{address}/p2p/{peer_id}")
                return True
        return False

    def _servers(self) -> list[Contact]:
        """A few servers of others, as far as this node knows where they are."""
        known: dict[str, str] = {}
        for _, _, encoded, _ in itertools.islice(self._store.records(), _RECORDS_LOOKED_AT):
            record = decode_record(encoded, now=None, verify=False).record  # verified when it was let in
            if isinstance(record, ServerRecord) and record.peer_id != self._daemon.peer_id:
                for address in dialable(record.addresses, allow_private=self._allow_private)[:1]:
                    known[record.peer_id] = address
        contacts = [(address, peer_id) for peer_id, address in known.items()]
        return random.sample(contacts, min(len(contacts), _KNOWN_SERVERS))
