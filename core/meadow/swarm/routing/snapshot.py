"""What a client knows about the servers of one model at one moment, in arrays, ready for many routes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meadow.swarm.records import ServerRecord, SignedRecord
from meadow.swarm.routing.coordinates import DIMENSIONS, Coordinate
from meadow.swarm.routing.hop import Key
from meadow.swarm.routing.problem import Floats, Ints

if TYPE_CHECKING:
    from meadow.swarm.routing.choose import Listed, Request

HOP_SECONDS = 0.02
"""What one more hop costs beside its compute where nobody knows the network: half of it to get there, half to leave."""
OVERHEAD_SECONDS = 0.0005
"""What a hop costs beside network and compute: 0.15 to 0.5 ms on loopback (``benchmarks hops``)."""
UNKNOWN_SECONDS_PER_BLOCK = 0.05
"""A server that does not say how fast it is counts as this slow, seconds per block and token."""
POSITION_SHARE = 0.1
"""Of what a token costs alone, in a long input, where nobody measured it. Measured here between 0.03 and 0.3 (CPU)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a server said about itself lately (``wire.messages.InfoReply``), or what was measured of it.

    ``step_seconds``: one position through the whole span; ``position_seconds``: each further one of a longer step;
    ``queue_seconds``: the wait before it; 0: not said. ``free_tokens``: rows x positions x blocks that its cache has
    room for, None: not said. ``round_trip``: seconds from here to there and back, None: not measured.
    """

    step_seconds: float = 0.0
    position_seconds: float = 0.0
    queue_seconds: float = 0.0
    free_tokens: int | None = None
    draining: bool = False
    round_trip: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a snapshot is made from.

    :param servers: valid records of one model.
    :param here: where the asking machine is; None: unknown.
    :param own: its peer id: servers of this node cost no network.
    :param figures: what servers said lately.
    :param slower: servers -> how many times slower than said they count (back-off, ``backoff.py``).
    :param banned: servers that must not be used now.
    :param edges: (peer id, peer id) -> measured round trip in seconds; inf: the first cannot reach the second.
    """

    servers: Sequence[SignedRecord]
    here: Coordinate | None = None
    own: str = ""
    figures: Mapping[Key, Figures] = field(default_factory=dict)
    slower: Mapping[Key, float] = field(default_factory=dict)
    banned: Collection[Key] = ()
    edges: Mapping[tuple[str, str], float] = field(default_factory=dict)


_CHANGING = ("online", "measured", "step", "position", "queue", "room", "slower", "banned", "client")
"""Columns that depend on more than the records."""
_SHARED = (
    "keys", "signed", "index", "start", "end", "dtype", "numeric_class", "downlink", "peer", "shared", "place",
    "access", "known_place", "here", "own_access", "_peers",
)  # fmt: skip


class Snapshot:
    """The columns of :class:`Seen`; never changed after it was made. Entry ``i`` of each is server ``i``.

    ``keys`` are sorted, so that equal costs do not leave the choice to the order in which records arrived.
    ``step``: seconds per block for one position; ``position``: for each further one; ``queue``: seconds.
    ``place [n, 2]``, ``access``: network coordinates in seconds of round trip. ``client``: seconds of round trip from
    here, without the server's access delay; ``room``: free tokens of cache (inf: not said).
    """

    seen: Seen
    plain: dict[str, np.ndarray]
    listed: dict[Request, Listed]

    def __init__(self, seen: Seen, *, older: Snapshot | None = None) -> None:
        """``older``: a snapshot whose work may be used again if it is of the same records (the same object)."""
        if older is not None and older.seen.servers is seen.servers and older.seen.here == seen.here:
            self._again(older)
        else:
            self._columns(seen)
        self.seen = seen
        self._figures(seen)
        peers = self._peers
        self._ends = {(peers[a], peers[b]): each for (a, b), each in seen.edges.items() if a in peers and b in peers}
        self._of_peer: dict[int, list[int]] = {}
        if self._ends:
            for number, peer in enumerate(self.peer.tolist()):
                self._of_peer.setdefault(peer, []).append(number)

    def _again(self, older: Snapshot) -> None:
        for name in _SHARED:
            setattr(self, name, getattr(older, name))
        for name in _CHANGING:
            setattr(self, name, older.plain[name].copy())
        self.plain = older.plain
        # Who is worth looking at hardly changes with the load; what no route is below may.
        self.listed = {request: replace(listed, bound=0.0) for request, listed in older.listed.items()}

    def _columns(self, seen: Seen) -> None:
        newest: dict[Key, SignedRecord] = {}
        for signed in seen.servers:
            newest[signed.server.peer_id, signed.server.server_id] = signed
        self.keys: list[Key] = sorted(newest)
        self.signed: list[SignedRecord] = [newest[key] for key in self.keys]
        self.index: dict[Key, int] = {key: number for number, key in enumerate(self.keys)}
        records: list[ServerRecord] = [signed.server for signed in self.signed]
        count = len(records)
        self.start: Ints = np.array([r.start for r in records], dtype=np.int64)
        self.end: Ints = np.array([r.end for r in records], dtype=np.int64)
        length = np.maximum(1, self.end - self.start)
        self.dtype = np.array([r.dtype for r in records], dtype=object)
        self.numeric_class = np.array([r.numeric_class for r in records], dtype=object)
        self.online: NDArray[np.bool_] = np.array([r.state == "online" for r in records], dtype=bool)
        speed = np.array([r.throughput for r in records], dtype=np.float64)
        self.measured: NDArray[np.bool_] = speed > 0
        with np.errstate(divide="ignore"):
            self.step: Floats = np.where(speed > 0, 1.0 / (speed * length), UNKNOWN_SECONDS_PER_BLOCK)
        long = np.array([r.prefill for r in records], dtype=np.float64)
        with np.errstate(divide="ignore"):
            self.position: Floats = np.where(long > 0, 1.0 / (long * length), self.step * POSITION_SHARE)
        self.queue: Floats = np.zeros(count)
        self.room: Floats = np.full(count, np.inf)
        self.slower: Floats = np.ones(count)
        self.banned: NDArray[np.bool_] = np.zeros(count, dtype=bool)
        self.downlink: Floats = np.array([r.downlink for r in records], dtype=np.float64)
        peers: dict[str, int] = {}
        self.peer: Ints = np.array([peers.setdefault(r.peer_id, len(peers)) for r in records], dtype=np.int64)
        self.shared: NDArray[np.bool_] = (np.bincount(self.peer, minlength=len(peers)) > 1)[self.peer]
        self._peers = peers
        self._places(records, seen.here)
        self.plain = {name: getattr(self, name).copy() for name in _CHANGING}
        self.listed = {}

    def _places(self, records: Sequence[ServerRecord], here: Coordinate | None) -> None:
        known = [Coordinate.of(r.coordinates) for r in records]
        middle = here.place if here is not None else (0.0,) * DIMENSIONS
        # Who does not say where it is counts as near by, behind an access delay that makes up for it.
        self.place: Floats = np.array([middle if c is None else c.place for c in known]).reshape(-1, DIMENSIONS)
        self.access: Floats = np.array([HOP_SECONDS if c is None else c.height for c in known], dtype=np.float64)
        # All servers of a node are in one place, whatever their records say: between them is no network.
        _, leader = np.unique(self.peer, return_index=True)
        if len(leader):
            self.place, self.access = self.place[leader[self.peer]], self.access[leader[self.peer]]
        self.known_place = np.array([c is not None for c in known], dtype=bool)
        self.here: Floats = np.array(middle)
        self.own_access = 0.0 if here is None else here.height
        if here is None:  # nobody knows how far anybody is from here: as far as each other's access delay
            self.client: Floats = np.zeros(len(records))
        else:
            self.client = np.linalg.norm(self.place - self.here, axis=1) + self.own_access

    def _figures(self, seen: Seen) -> None:
        length = np.maximum(1, self.end - self.start)
        for key, figures in seen.figures.items():
            i = self.index.get(key)
            if i is None:
                continue
            if figures.step_seconds > 0:
                self.step[i], self.measured[i] = figures.step_seconds / length[i], True
                if figures.position_seconds <= 0:
                    self.position[i] = min(self.position[i], self.step[i])
            if figures.position_seconds > 0:
                self.position[i] = figures.position_seconds / length[i]
            self.queue[i] = figures.queue_seconds
            if figures.free_tokens is not None:
                self.room[i] = figures.free_tokens
            if figures.draining:
                self.online[i] = False
            if figures.round_trip is not None:
                self.client[i] = figures.round_trip - self.access[i]
        for key, factor in seen.slower.items():
            if (number := self.index.get(key)) is not None:
                self.slower[number] = max(1.0, factor)
        for key in seen.banned:
            if (number := self.index.get(key)) is not None:
                self.banned[number] = True
        if seen.own:
            mine = [number for number, key in enumerate(self.keys) if key[0] == seen.own]
            self.client[mine] = -self.access[mine]

    def edges_among(self, chosen: Ints) -> dict[tuple[int, int], float]:
        """For each measured edge between two of ``chosen``: positions there -> seconds one way beyond the estimate."""
        if not self._ends:
            return {}
        where = {int(server): number for number, server in enumerate(chosen)}
        found: dict[tuple[int, int], float] = {}
        for (a, b), seconds in self._ends.items():
            for i in self._of_peer.get(a, ()):
                for j in self._of_peer.get(b, ()):
                    if i in where and j in where and a != b:
                        guess = float(np.linalg.norm(self.place[i] - self.place[j]) + self.access[i] + self.access[j])
                        found[where[i], where[j]] = 0.5 * (seconds - guess)
        return found

    def delay(self, i: int, j: int) -> float:
        """Seconds one way between two servers, access delays included."""
        if self.peer[i] == self.peer[j]:
            return 0.0
        measured = self._ends.get((int(self.peer[i]), int(self.peer[j])))
        if measured is not None:
            return 0.5 * measured
        return 0.5 * float(np.linalg.norm(self.place[i] - self.place[j]) + self.access[i] + self.access[j])

    def delays(self, server: int, others: Ints, *, towards: bool) -> Floats:
        """:meth:`delay` from a server to each of many; ``towards``: from each of them to it."""
        away = self.place[others] - self.place[server]
        delay: Floats = 0.5 * (np.sqrt((away * away).sum(axis=1)) + self.access[server] + self.access[others])
        peer = int(self.peer[server])
        for (a, b), seconds in self._ends.items():
            if (b if towards else a) == peer:
                delay[self.peer[others] == (a if towards else b)] = 0.5 * seconds
        delay[self.peer[others] == peer] = 0.0
        return delay

    def from_here(self, i: int) -> float:
        """Seconds one way between here and a server, access delays included."""
        return 0.5 * float(self.client[i] + self.access[i])

    def __len__(self) -> int:
        return len(self.keys)
