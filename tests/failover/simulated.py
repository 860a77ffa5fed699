"""A route of simulated servers under a virtual clock: the real machine, the real rules of sessions, logs and windows.

A simulated server keeps what a real one keeps, and decides with the same pure code: :class:`SessionState` admits,
:class:`FrameLog` and :class:`SendWindow` send, resume and credit. Its cache is the list of all positions it was given,
so its output shows each one that was lost, doubled or moved. Everything random comes from one seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import Any, cast

from meadow.client.deadlines import Watched, judge
from meadow.client.failover.bans import Bans
from meadow.client.failover.machine import (
    Action,
    Announce,
    Cause,
    Drop,
    Failover,
    Find,
    GiveUp,
    Moved,
    Resume,
)  # fmt: skip
from meadow.errors import ProtocolError
from meadow.server.sessions import SessionState, Verdict
from meadow.swarm.routing import Hop
from meadow.wire.framelog import FrameLog, SendWindow
from meadow.wire.limits import WINDOW
from meadow.wire.messages import ANEW, KEEP, Opened, Step
from meadow.wire.ops import CacheOp

BLOCKS = ((0, 2), (2, 4), (4, 6))
Values = tuple[int, ...]


@dataclass(frozen=True)
class Frame:
    """A step on its way: the real header, and a number for each position in the place of hidden states."""

    step: Step
    values: Values

    def __len__(self) -> int:
        return 64 + 8 * len(self.values)


def stamped(frame: Frame, epoch: int) -> Frame:
    """What ``restamped`` does to bytes."""
    return Frame(replace(frame.step, epoch=epoch, acked=0, again=True), frame.values)


def joined(frames: Any) -> tuple[int, Any]:
    """What ``joiner`` does to bytes: steps without operations travel with the one before them."""
    taken = [frames[0]]
    for frame in frames[1:]:
        if frame.step.ops or sum(len(one.values) for one in taken) + len(frame.values) > 16:
            break
        taken.append(frame)
    if len(taken) == 1:
        return 1, frames[0]
    values = tuple(value for frame in taken for value in frame.values)
    header = replace(
        taken[0].step, seq=taken[-1].step.seq, count=len(values), acked=0, again=True, answer=False,
        stands_for=sum(frame.step.stands_for for frame in taken),
    )  # fmt: skip
    return len(taken), Frame(header, values)


def compute(name: int, past: list[int], values: Values) -> Values:
    """Every position mixed with all before it, in place: what it returns depends on the whole cache."""
    out = []
    for value in values:
        past.append(value)
        out.append(hash((name, tuple(past))))
    return tuple(out)


@dataclass
class Node:
    """(peer id, server id) as a Hop needs it."""

    peer_id: str
    server_id: str = "00000000"
    addresses: tuple[str, ...] = ()


@dataclass
class Signed:
    server: Node


@dataclass
class Held:
    """The session on one server."""

    state: SessionState
    answered: int
    made: int
    previous: str | None
    following: str | None
    cache: list[int] = field(default_factory=list)
    log: FrameLog = field(default_factory=FrameLog)
    window: SendWindow | None = None
    waiting: list[Frame] = field(default_factory=list)
    busy: bool = False
    credit_to: int = 0


class World:
    """Clock, network, servers and one client that generates ``script``."""

    def __init__(self, seed: int, *, replicas: int = 2, joins: bool = True) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self.joins = joins
        self.servers: dict[str, Server] = {}
        self.hops: dict[str, Hop] = {}
        for index, (start, end) in enumerate(BLOCKS):
            for copy in range(replicas):
                name = f"{index}{'abcdef'[copy]}"
                self.servers[name] = Server(self, name, index)
                self.hops[name] = Hop(cast(Any, Signed(Node(name))), start, end)
        self.client = Client(self)

    def at(self, delay: float, what: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._events, (self.now + delay, self._number, what))

    def run(self, until: float) -> None:
        """Let time pass until the client is done or ``until``."""
        while self._events and not self.client.finished and self._events[0][0] <= until:
            self.now, _, what = heappop(self._events)
            what()

    def send(self, sender: str, receiver: str, what: Callable[[], None]) -> None:
        """Deliver in order, after a while; a frozen receiver finds it when it wakes, a dead one never."""
        link = (sender, receiver)
        arrives = max(self.now + self.random.uniform(0.001, 0.02), self._busy_until.get(link, 0.0))
        self._busy_until[link] = arrives + 1e-6
        life = self.servers[receiver].life if receiver in self.servers else 0

        def arrive() -> None:
            server = self.servers.get(receiver)
            if server is None:
                what()
            elif server.life == life and server.alive:
                if server.frozen:
                    server.when_awake.append(what)
                else:
                    what()

        self.at(arrives - self.now, arrive)

    _busy_until: dict[tuple[str, str], float]

    def __new__(cls, *args: Any, **options: Any) -> World:
        made = super().__new__(cls)
        made._busy_until = {}
        return made


class Server:
    """One server: handler, link and engine with everything taken out that is not a decision."""

    def __init__(self, world: World, name: str, index: int) -> None:
        self.world, self.name, self.index = world, name, index
        self.alive, self.frozen, self.garbage, self.life = True, False, False, 0
        self.when_awake: list[Callable[[], None]] = []
        self.held: Held | None = None

    # -- faults -------------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        self.alive, self.frozen, self.held, self.life = False, False, None, self.life + 1
        self.when_awake.clear()
        self.world.at(0.05, lambda: self.world.client.stream_broke(self.name))

    def start(self) -> None:
        self.alive, self.garbage = True, False

    def wake(self) -> None:
        self.frozen = False
        waiting, self.when_awake = self.when_awake, []
        for what in waiting:
            if self.alive:
                what()

    def forget_log(self) -> None:
        if self.held is not None:
            held = self.held
            needed = held.log.last + 1 - 2 * WINDOW
            if held.window is not None:
                needed = min(needed, held.window.credited + 1)
            held.log.drop_before(needed)
            first = held.log.first
            self.tell(lambda: self.world.client.machine.log_cut((self.name, "00000000"), first))

    # -- what arrives -------------------------------------------------------------------------------------------------

    def tell(self, what: Callable[[], None]) -> None:
        if self.alive:
            self.world.send(self.name, "client", what)

    def open(
        self, epoch: int, answered: int, made: int, rebuild: int, previous: str | None, following: str | None
    ) -> None:
        held, name = self.held, self.name
        if held is not None and epoch < held.state.epoch:
            return
        if held is None and answered and rebuild == KEEP:
            self.tell(lambda: self.world.client.refused(name, "unknown_session", epoch))
            return
        if held is None or rebuild == ANEW:
            held = self.held = Held(SessionState(epoch, 1, can_roll_back=True), answered, made, previous, following)
        held.state.move(epoch)
        held.answered, held.made, held.window = answered, made, None
        held.previous, held.following = previous, following
        opened = Opened(b"", epoch, held.state.done, held.state.length_done, True, log_first=held.log.first)
        self.tell(lambda: self.world.client.opened(name, opened))
        if following is None:
            for seq in range(max(answered + 1, held.log.first), held.log.last + 1):
                frame = cast(Frame | None, held.log.get(seq))
                if frame is not None and frame.step.answer:
                    self.answer(seq, frame.values, epoch)
        else:
            self.attach(epoch)

    def attach(self, epoch: int) -> None:
        held = self.held
        if held is None or held.state.epoch != epoch or held.window is not None or held.following is None:
            return
        target, name = self.world.servers[held.following], self.name
        self.world.send(name, target.name, lambda: target.attached(name, epoch))
        self.world.at(0.2, lambda: self.attach(epoch))

    def attached(self, sender: str, epoch: int) -> None:
        held = self.held
        if held is None or held.state.epoch != epoch or held.previous != sender:
            return
        server, done = self.world.servers[sender], held.state.done
        self.world.send(self.name, sender, lambda: server.confirmed(epoch, done))

    def confirmed(self, epoch: int, done: int) -> None:
        held = self.held
        if held is None or held.state.epoch != epoch or held.window is not None:
            return
        window = SendWindow(held.log)
        try:
            window.resume(
                done,
                ahead=True,
                made=held.made,
                join=cast(Any, joined) if self.world.joins else None,
                join_to=held.answered,
            )
        except ProtocolError:  # the log was cut meanwhile
            following = held.following
            self.tell(lambda: self.world.client.lost(cast(str, following), epoch))
            return
        held.window = window
        self.pump()

    def pump(self) -> None:
        held = self.held
        if held is None or held.window is None or held.following is None:
            return
        target, name, epoch = self.world.servers[held.following], self.name, held.state.epoch
        for seq, frame in held.window.take():
            old = epoch > 1 or seq <= held.window.replayed_to
            sent = stamped(cast(Any, frame), epoch) if old else cast(Any, frame)
            self.world.send(name, target.name, lambda sent=sent: target.step(name, sent))
        self.feed()

    def credited(self, epoch: int, seq: int) -> None:
        held = self.held
        if held is not None and held.window is not None and held.state.epoch == epoch:
            held.window.credit(seq)
            self.pump()

    def step(self, sender: str | None, frame: Frame) -> None:
        held, step = self.held, frame.step
        if held is None or held.previous != sender:
            return
        verdict = held.state.admit(step).verdict
        assert verdict is not Verdict.WINDOW, f"{self.name} was sent too much"
        if verdict is Verdict.APPLY:
            if held.window is not None:
                held.window.acknowledge(step.acked)
            held.waiting.append(frame)
            self.feed()
        elif verdict is Verdict.REPEAT and held.state.needs_credit(step):
            self.give_credit(held, step.seq)
        elif verdict is Verdict.PENDING and held.state.needs_credit(step):
            held.credit_to = step.seq

    def give_credit(self, held: Held, seq: int) -> None:
        epoch = held.state.epoch
        if held.previous is None:
            self.tell(lambda: self.world.client.credited(self.name, epoch, seq))
        else:
            server = self.world.servers[held.previous]
            self.world.send(self.name, server.name, lambda: server.credited(epoch, seq))

    def feed(self) -> None:
        held = self.held
        if held is None or held.busy or not held.waiting:
            return
        if held.window is not None and held.window.unsent >= WINDOW:
            return
        held.busy = True
        life = self.life
        self.world.at(self.world.random.uniform(0.001, 0.03), lambda: self.computed(held, life))

    def computed(self, held: Held, life: int) -> None:
        if life != self.life or self.held is not held:
            return
        if self.frozen:
            self.when_awake.append(lambda: self.computed(held, life))
            return
        held.busy = False
        if not held.waiting:
            return
        frame = held.waiting.pop(0)
        step = frame.step
        if -1 in frame.values:  # it cannot be: refused before it touches the cache
            held.state.refuse()
            held.waiting.clear()
            epoch, seq, name = held.state.epoch, step.seq, self.name
            self.tell(lambda: self.world.client.garbage_from_before(name, epoch, seq))
            return
        for op in step.ops:
            del held.cache[len(held.cache) - op.count :]
        assert len(held.cache) == step.position, f"{self.name}: {len(held.cache)} positions, not {step.position}"
        values = compute(self.index, held.cache, frame.values)
        out = (-1,) * len(values) if self.garbage else values
        held.state.finish(step.seq, step.stands_for)
        held.log.append(step.seq, cast(Any, Frame(step, out)), step.stands_for)
        if held.following is not None:
            self.pump()
        elif step.answer and step.seq > held.answered:
            self.answer(step.seq, out, held.state.epoch)
        if held.state.needs_credit(step) or step.seq <= held.credit_to:
            self.give_credit(held, step.seq)
        self.feed()

    def answer(self, seq: int, values: Values, epoch: int) -> None:
        self.tell(lambda: self.world.client.answer(self.name, epoch, seq, values))


class Client:
    """Transport and session, with everything taken out that is not a decision."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.finished = False
        self.error: GiveUp | None = None
        self.moves: list[Moved] = []
        self.outputs: list[Values] = []
        self.log = FrameLog()
        self.window = SendWindow(self.log)
        self.answered = self.seq = self.length = 0
        self.moving, self.old_to = False, 0
        self.machine: Failover
        self.script: list[tuple[int, int]] = []  # positions taken back first, then new ones, of each step
        self.started = self.settled = 0.0
        self.heard: dict[str, float] = {}
        self.probed: dict[str, float] = {}

    def begin(self, script: list[tuple[int, int]]) -> None:
        world = self.world
        self.script = list(script)
        route = [world.hops[name] for name in ("0a", "1a", "2a")]
        self.machine = Failover(route, Bans())
        self.announce(1, route, [KEEP] * 3)
        self.moving = False
        world.at(0.1, self.tick)
        world.at(0.1, self.next_step)

    def next_step(self) -> None:
        if not self.script:
            self.finished = True
            return
        crop, count = self.script.pop(0)
        self.started = self.world.now
        self.length -= crop
        # A long step travels in pieces of three, of which only the last is answered: chunks of a prompt.
        while count:
            part = min(3, count)
            count -= part
            self.seq += 1
            values = tuple(1000 * self.seq + index for index in range(part))
            ops = (CacheOp.crop(crop),) if crop else ()
            crop = 0
            step = Step(
                self.machine.epoch, self.seq, self.length, part, (), answer=not count, acked=self.answered, ops=ops
            )
            self.length += part
            self.machine.made = self.seq
            self.log.append(self.seq, cast(Any, Frame(step, values)))
        self.pump()

    def pump(self) -> None:
        if self.moving:
            return
        first, epoch = self.machine.members[0].hop.server.peer_id, self.machine.epoch
        server = self.world.servers[first]
        for seq, frame in self.window.take():
            sent = cast(Frame, frame)
            if seq <= max(self.old_to, self.window.replayed_to):
                sent = stamped(sent, epoch)
            self.world.send("client", first, lambda sent=sent: server.step(None, sent))

    def announce(self, epoch: int, route: Any, rebuild: Any) -> None:
        self.moving, self.old_to = True, self.log.last
        names = [hop.server.peer_id for hop in route]
        for index, name in enumerate(names):
            self.open_one(name, epoch, rebuild[index], names, index)

    def open_one(self, name: str, epoch: int, rebuild: int, names: list[str], index: int) -> None:
        server, answered, made = self.world.servers[name], self.answered, self.old_to
        if not server.alive:
            self.world.at(0.03, lambda: self.stream_broke(name))
            return
        previous = names[index - 1] if index else None
        following = names[index + 1] if index + 1 < len(names) else None
        self.world.send("client", name, lambda: server.open(epoch, answered, made, rebuild, previous, following))

    # -- what is heard ------------------------------------------------------------------------------------------------

    def hears(self, name: str) -> None:
        self.heard[name] = self.world.now

    def opened(self, name: str, opened: Opened) -> None:
        self.hears(name)
        self.do(self.machine.opened((name, "00000000"), opened, self.world.now))

    def refused(self, name: str, code: str, epoch: int) -> None:
        self.hears(name)
        if epoch == self.machine.epoch:
            self.do(self.machine.failed((name, "00000000"), Cause(code), self.world.now))

    def garbage_from_before(self, name: str, epoch: int, seq: int) -> None:
        self.hears(name)
        if epoch == self.machine.epoch:
            cause = Cause("bad_step", self.answered + 1, blames_sender=True)
            self.do(self.machine.failed((name, "00000000"), cause, self.world.now))

    def lost(self, name: str, epoch: int) -> None:
        if epoch == self.machine.epoch:
            self.do(self.machine.failed((name, "00000000"), Cause("unreachable"), self.world.now))

    def stream_broke(self, name: str) -> None:
        if not self.world.servers[name].alive or self.world.servers[name].held is None:
            self.do(self.machine.failed((name, "00000000"), Cause("server_lost"), self.world.now))

    def credited(self, name: str, epoch: int, seq: int) -> None:
        self.hears(name)
        if epoch == self.machine.epoch and not self.moving:
            self.window.credit(seq)
            self.pump()

    def answer(self, name: str, epoch: int, seq: int, values: Values) -> None:
        self.hears(name)
        if epoch != self.machine.epoch or seq <= self.answered:
            return
        if -1 in values:
            self.do(self.machine.failed((name, "00000000"), Cause("bad_answer", seq), self.world.now))
            return
        self.answered = seq
        self.window.acknowledge(seq)
        self.machine.answered(seq)
        self.outputs.append(values)
        self.next_step()

    # -- time ---------------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        now = self.world.now
        self.do(self.machine.tick(now))
        if self.finished:
            return
        if not self.moving:
            names = [member.hop.server.peer_id for member in self.machine.members]
            watched = [Watched(self.heard.get(n, 0.0), self.probed.get(n, 0.0), 0.02) for n in names]
            judgement = judge(watched, max(self.started, self.settled), now)
            if judgement.dead is not None:
                cause = Cause("server_timeout")
                self.do(self.machine.failed((names[judgement.dead], "00000000"), cause, now))
            for index in judgement.probe:
                self.probed[names[index]] = now
                server = self.world.servers[names[index]]
                self.world.send(
                    "client", server.name, lambda server=server: server.tell(lambda: self.hears(server.name))
                )
        self.world.at(0.1, self.tick)

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Find):
                self.world.at(0.01, lambda action=action: self.find(action))
            elif isinstance(action, Announce):
                self.announce(action.epoch, action.route, action.rebuild)
            elif isinstance(action, Drop):
                pass  # it may be frozen, and know nothing of it
            elif isinstance(action, Resume):
                self.moving, self.settled = False, self.world.now
                join = cast(Any, joined) if self.world.joins else None
                self.window.resume(action.last_seq, join=join, join_to=self.answered)
                self.pump()
            elif isinstance(action, Moved):
                self.moves.append(action)
            elif isinstance(action, GiveUp):
                self.error, self.finished = action, True

    def find(self, action: Find) -> None:
        chains = []
        for start, end in action.gaps:
            chain, at = [], start
            while at < end:
                index = next(i for i, blocks in enumerate(BLOCKS) if blocks[0] == at)
                # A dead server's record is still there for a while: it may be chosen, and fail.
                names = [n for n in self.world.servers if n[0] == str(index) and (n, "00000000") not in action.avoid]
                if not names:
                    self.do(self.machine.missing(action.number, self.world.now))
                    return
                chain.append(self.world.hops[self.world.random.choice(names)])
                at = BLOCKS[index][1]
            chains.append(chain)
        self.do(self.machine.found(action.number, chains, self.world.now))


def undisturbed(script: list[tuple[int, int]]) -> list[Values]:
    """What a run without any fault answers."""
    caches: list[list[int]] = [[] for _ in BLOCKS]
    outputs, seq = [], 0
    for crop, count in script:
        for cache in caches:
            del cache[len(cache) - crop :]
        values: Values = ()
        while count:
            part = min(3, count)
            count -= part
            seq += 1
            values = tuple(1000 * seq + index for index in range(part))
            for index, cache in enumerate(caches):
                values = compute(index, cache, values)
        outputs.append(values)
    return outputs


__all__ = ["BLOCKS", "World", "undisturbed"]
