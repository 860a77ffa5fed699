"""The decisions of failover: who is replaced, what is sent again from where, when to switch, when to give up.

A state machine without a clock, a socket or a tensor: what happened goes in (each method is an event and takes the
time), what to do comes out as a list of actions. Whoever runs it, the session's streams or a simulation with a virtual
clock, carries them out in order and reports what came of them.

A *move* is one change of the route: replacements are looked for, the epoch is raised, every server is told the new
route (:class:`Announce`) and says where it stands. Then what each lacks comes from the one before it, by itself. A
failure during a move begins the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from meadow.client.failover.bans import Bans
from meadow.swarm.routing import Hop
from meadow.wire.messages import ANEW, KEEP, REJOIN, Opened

NO_REPLICA_SECONDS = 30.0
"""So long a session waits for somebody who serves the blocks that it lost (SESSION.md rule 11)."""
RETRY_SECONDS = 0.5
OPEN_SECONDS = 6.0
"""For a replacement to be reached and to open the session."""
KNOWN_SECONDS = 2.5
"""The same for a server that has a stream to us already."""
MOST_MOVES = 12
"""Moves in a row without an answer in between."""
FATAL = frozenset({"cannot_roll_back", "wrong_model", "update_needed", "position"})
"""Refusals that another server would repeat."""
NO_ROOM = frozenset({"full", "too_many"})
"""Refusals of a server that lives and serves others: if nobody else has room either, waiting is of no use."""
ONLY_AWAY = frozenset({"server_lost", "server_timeout", "unreachable"})
"""Failures after which what the server holds is still good, should it come back."""

Key = tuple[str, str]
"""(peer id, server id)."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a server is to be replaced: a short word of ours, and the step that it was about (0: none)."""

    code: str
    seq: int = 0
    blames_sender: bool = False
    """It refused what it was sent, and stands where it stood: the one before it sent garbage."""


# -- actions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Find:
    """Look for servers for these ranges of blocks; answer with :meth:`Failover.found` or :meth:`Failover.missing`."""

    number: int
    gaps: tuple[tuple[int, int], ...]
    avoid: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell these servers the route of this epoch; answer with :meth:`Failover.opened` or :meth:`Failover.failed`."""

    epoch: int
    route: tuple[Hop, ...]
    rebuild: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """This server is no longer part of the route."""

    hop: Hop


@dataclass(frozen=True, slots=True)
class Resume:
    """Everybody is there: go on sending to the first server, which has everything up to ``last_seq``."""

    last_seq: int


@dataclass(frozen=True, slots=True)
class Moved:
    """The route changed. ``lost`` were replaced by ``gained`` because of ``code``, ``seconds`` after the failure."""

    lost: tuple[Hop, ...]
    gained: tuple[Hop, ...]
    code: str
    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The session is over: nobody serves ``gaps``, or (if empty) what ``hop`` said would be said again."""

    code: str
    gaps: tuple[tuple[int, int], ...]
    hop: Hop | None


Action = Find | Announce | Drop | Resume | Moved | GiveUp


@dataclass(slots=True)
class Member:
    """One server of the route."""

    hop: Hop
    rebuild: int = KEEP
    down: Cause | None = None
    leaving: bool = False
    opened: bool = True
    last_seq: int = 0
    log_first: int = 1
    rebuilt_to: int = 0
    """It was rebuilt, and has everything once a step behind this one is answered."""

    @property
    def key(self) -> Key:
        """(peer id, server id)."""
        return self.hop.server.peer_id, self.hop.server.server_id

    @property
    def blocks(self) -> tuple[int, int]:
        """``[start, end)``."""
        return self.hop.start, self.hop.end


@dataclass(slots=True)
class Failover:
    """Of one session. ``log_first``: the oldest step in the client's own log."""

    route: Sequence[Hop]
    bans: Bans = field(default_factory=Bans)
    epoch: int = 1
    log_first: int = 1
    made: int = 0
    """The last step in the client's log; whoever runs the machine keeps it up to date."""
    members: list[Member] = field(init=False)
    moving: bool = False
    over: bool = False
    moves: int = 0
    _since: float = 0.0
    _without: float | None = None
    _in_a_row: int = 0
    _code: str = ""
    _told: tuple[str, Hop] | None = None
    """A server that was blamed because it refuses what it is sent, and nothing says that it is wrong."""
    _lost: list[Hop] = field(default_factory=list)
    _find: Find | None = None
    _number: int = 0
    _with_leaving: bool = True
    _retry_at: float | None = None
    _deadline: float | None = None
    _answered: int = 0
    _refused: dict[tuple[str, int, tuple[int, int]], set[Key]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.members = [Member(hop) for hop in self.route]

    def begun(self, seq: int) -> None:
        """Every server began with what the first steps, up to ``seq``, would have brought: none has logged those."""
        for member in self.members:
            member.last_seq, member.log_first = seq, seq + 1

    # -- events -------------------------------------------------------------------------------------------------------

    def failed(self, key: Key, cause: Cause, now: float) -> list[Action]:
        """This server failed, or refused. A server that is no longer part of the route is not listened to."""
        index = self._index(key)
        if index is None or self.over or self.members[index].down is not None:
            return []
        blamed = self._blamed(index, cause)
        if blamed is None:
            return self._give_up(cause.code, (), self.members[index].hop)
        member = self.members[blamed]
        if member.down is not None:
            return []
        member.down = cause
        self.bans.failed(member.key, now)
        if not self.moving:
            self._begin(cause.code, now)
        if blamed == index and cause.blames_sender:
            self._told = cause.code, member.hop
        self._lost.append(member.hop)
        return self._look(now)

    def draining(self, key: Key, now: float) -> list[Action]:
        """This server leaves soon and serves until then: another is looked for, and nothing waits."""
        index = self._index(key)
        if index is None or self.over or self.members[index].leaving:
            return []
        self.members[index].leaving = True
        return [] if self.moving else self._look(now)

    def found(self, number: int, chains: Sequence[Sequence[Hop]], now: float) -> list[Action]:
        """Servers for each gap of the :class:`Find` with this number."""
        find = self._find
        if find is None or number != find.number or self.over:
            return []
        self._find, self._retry_at = None, None
        if not self.moving:
            self._begin("draining", now)
        gained = dict(zip(find.gaps, chains, strict=True))
        members: list[Member] = []
        actions: list[Action] = []
        at = 0
        while at < len(self.members):
            member = self.members[at]
            gap = next((gap for gap in gained if gap[0] == member.hop.start), None)
            if gap is None:
                members.append(member)
                at += 1
                continue
            old: dict[Key, Member] = {}
            while at < len(self.members) and self.members[at].hop.end <= gap[1]:
                old[self.members[at].key] = self.members[at]
                at += 1
            for hop in gained[gap]:
                known = old.pop((hop.server.peer_id, hop.server.server_id), None)
                back = known is not None and known.blocks == (hop.start, hop.end) and known.rebuild == KEEP
                back = back and known is not None and known.down is not None and known.down.code in ONLY_AWAY
                members.append(Member(hop, REJOIN if back else ANEW, opened=False))
            for left in old.values():
                if left.leaving and left.down is None:
                    self._lost.append(left.hop)
                actions.append(Drop(left.hop))
        self.members = members
        return [*actions, *self._announce(now)]

    def missing(self, number: int, now: float) -> list[Action]:
        """Nobody serves what the :class:`Find` with this number asked for."""
        find = self._find
        if find is None or number != find.number or self.over:
            return []
        self._find = None
        if self.moving and self._with_leaving and any(member.leaving for member in self.members):
            return self._look(now, with_leaving=False)
        if not self.moving:  # only one that is leaving: it serves still
            self._retry_at = now + 2 * RETRY_SECONDS
            return []
        causes = [(member.down.code, member.hop) for member in self.members if member.down is not None]
        if causes and all(code in NO_ROOM for code, _ in causes):
            return self._give_up(causes[0][0], (), causes[0][1])
        if self._told is not None:  # what it was sent is wrong, says the only one who can be asked
            return self._give_up(self._told[0], (), self._told[1])
        if self._without is None:
            self._without = now
        if now - self._without >= NO_REPLICA_SECONDS:
            return self._give_up("blocks_missing", find.gaps, None)
        self._retry_at = now + RETRY_SECONDS
        return []

    def opened(self, key: Key, opened: Opened, now: float) -> list[Action]:
        """This server has taken the route of this epoch."""
        index = self._index(key)
        if index is None or self.over or not self.moving or opened.epoch != self.epoch:
            return []
        member = self.members[index]
        if member.down is not None or member.opened:
            return []
        member.opened, member.last_seq, member.log_first = True, opened.last_seq, opened.log_first
        if not all(one.opened for one in self.members):
            return []
        return self._settle(now)

    def log_cut(self, key: Key, first: int) -> None:
        """The log of this server begins at ``first`` now."""
        index = self._index(key)
        if index is not None:
            self.members[index].log_first = max(first, self.members[index].log_first)

    def answered(self, seq: int) -> None:
        """The owner has a right answer to ``seq``: what failed before does not count any more."""
        if seq > self._answered:
            self._answered, self._in_a_row = seq, 0
            self._refused.clear()

    def tick(self, now: float) -> list[Action]:
        """Time has passed; call a few times a second."""
        if self.over:
            return []
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            late = [member.key for member in self.members if not member.opened and member.down is None]
            return [action for key in late for action in self.failed(key, Cause("server_timeout"), now)]
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            return self._look(now)
        return []

    # -- inside -------------------------------------------------------------------------------------------------------

    def _index(self, key: Key) -> int | None:
        return next((index for index, member in enumerate(self.members) if member.key == key), None)

    def _blamed(self, index: int, cause: Cause) -> int | None:
        """Whom to replace (an index), or None: nobody would do better."""
        if cause.code in FATAL:
            return None
        member = self.members[index]
        if not cause.seq and not cause.blames_sender:
            return index
        # Two different servers that say the same of the same step are right.
        said = self._refused.setdefault((cause.code, cause.seq, member.blocks), set())
        before = set(said)
        said.add(member.key)
        if before - {member.key}:
            return None
        if not cause.blames_sender:
            return index
        if index == 0:
            return index
        # The one before it sent garbage, unless its replacement seems to do so, too: then the one who says so is wrong.
        return index if before else index - 1

    def _begin(self, code: str, now: float) -> None:
        self.moving, self._since, self._code, self._lost, self._without = True, now, code, [], None
        self._told = None

    def _look(self, now: float, *, with_leaving: bool = True) -> list[Action]:
        """Look for replacements of all that are down, and of those that leave as well if that can be had."""
        self._with_leaving = with_leaving
        wanted = [m for m in self.members if m.down is not None or (m.leaving and with_leaving)]
        if not wanted:
            return []
        gaps: list[tuple[int, int]] = []
        for member in wanted:
            if gaps and gaps[-1][1] == member.hop.start:
                gaps[-1] = gaps[-1][0], member.hop.end
            else:
                gaps.append(member.blocks)
        self._number += 1
        self._deadline = None
        staying = {member.key for member in self.members} - {member.key for member in wanted}
        leaving = {member.key for member in wanted if member.leaving}
        avoid = frozenset(key for key in self.bans.avoided(now) if isinstance(key, tuple)) | staying | leaving
        self._find = Find(self._number, tuple(gaps), frozenset(avoid))
        return [self._find]

    def _announce(self, now: float) -> list[Action]:
        self._in_a_row += 1
        if self._in_a_row > MOST_MOVES:
            return self._give_up("server_lost", (), self.members[0].hop)
        self.epoch += 1
        known = True
        for member in self.members:
            if member.opened:
                if member.rebuild != KEEP:
                    member.rebuilt_to = self.made
                member.rebuild = KEEP  # whatever it was, it holds the session now
            member.opened = False
            known &= member.rebuild == KEEP
        self._trace_back()
        if self.members[0].rebuild == ANEW and self.log_first > 1:
            return self._give_up("log_dropped", (), self.members[0].hop)
        self._deadline = now + (KNOWN_SECONDS if known else OPEN_SECONDS)
        route = tuple(member.hop for member in self.members)
        return [Announce(self.epoch, route, tuple(member.rebuild for member in self.members))]

    def _trace_back(self) -> None:
        """Whoever has lost the log that the server behind it needs is rebuilt as well, from further upstream.

        So is one in the middle of being rebuilt when the one before it is, too: a log that is made anew may join steps
        that it has only a part of.
        """
        for sender, member in pairwise(self.members):
            if sender.rebuild == ANEW and member.rebuilt_to >= self._answered > 0:
                member.rebuild = ANEW
        for index in range(len(self.members) - 1, 0, -1):
            needed = 0 if self.members[index].rebuild != KEEP else self.members[index].last_seq
            sender = self.members[index - 1]
            if self.members[index].rebuild == REJOIN:
                continue  # it says where it stands
            if sender.rebuild == KEEP and sender.log_first > needed + 1:
                sender.rebuild = ANEW
            if sender.rebuild == ANEW:
                sender.log_first = 1

    def _settle(self, now: float) -> list[Action]:
        """All have opened: is there a log for everything that somebody lacks?"""
        first = self.log_first
        for index, member in enumerate(self.members):
            if first > member.last_seq + 1:
                if index == 0:
                    return self._give_up("log_dropped", (), member.hop)
                sender = self.members[index - 1]
                sender.rebuild, sender.opened = ANEW, False
                return self._announce(now)
            first = member.log_first
        for member in self.members:
            if member.rebuild != KEEP:
                member.rebuilt_to = self.made
            member.rebuild = KEEP
        self.moving, self._deadline, self._without = False, None, None
        self.moves += 1
        lost, self._lost = self._lost, []
        ranges = [(hop.start, hop.end) for hop in lost]
        gained = [m.hop for m in self.members if any(a <= m.hop.start and m.hop.end <= b for a, b in ranges)]
        actions: list[Action] = [Resume(self.members[0].last_seq)]
        if lost:
            actions.append(Moved(tuple(lost), tuple(gained), self._code, now - self._since))
        if any(member.leaving for member in self.members):
            actions.extend(self._look(now))
        return actions

    def _give_up(self, code: str, gaps: tuple[tuple[int, int], ...], hop: Hop | None) -> list[Action]:
        self.over = True
        return [GiveUp(code, gaps, hop)]
