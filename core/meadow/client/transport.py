"""The streams of one session, on the background loop: one to each server of the route.

Steps leave on the first server's stream, results come back on the last one's; all of them carry heartbeats, credit and
refusals. A stream that breaks is opened again, and the session goes on if its server still lives (rules 8 and 10).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from meadow.client.deadlines import Watched
from meadow.client.failover.bans import Bans
from meadow.client.failover.causes import cause_of, error_of, last_error
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
)
from meadow.client.problems import lost, refused, unusable
from meadow.errors import DaemonDied, MeadowError, ProtocolError, SwarmError, VersionMismatch
from meadow.swarm.channel import Channel, Node, make_hello, protocol_name
from meadow.swarm.routing import Hop
from meadow.wire import messages as m
from meadow.wire.framelog import FrameLog, Join, SendWindow
from meadow.wire.limits import MAX_GREETING
from meadow.wire.prefix import Point, Prefix, named

OPEN_SECONDS = 10.0
REATTACH_SECONDS = 2.0
REATTACH_ATTEMPTS = 2
_LOST_GRACE = 0.3
_TICK = 0.1

Replace = Callable[[int, int, Collection[tuple[str, str]]], Awaitable[Sequence[Hop]]]
"""``async (start, end, avoid) -> hops`` that together hold these blocks. Raises BlocksMissing."""


class HopFailed(Exception):
    """A hop could not be opened; the route needs another server there."""

    def __init__(self, hop: Hop, error: MeadowError) -> None:
        super().__init__(str(error))
        self.hop, self.error = hop, error


@dataclass(slots=True, eq=False)
class HopState:
    """What the client knows about one server of the route."""

    hop: Hop
    request: m.Open
    channel: Channel | None = None
    opened: m.Opened | None = None
    status: m.Status | None = None
    numeric_class: str = ""
    probed: float = 0.0
    heard: float = 0.0
    queue: tuple[float, float] = (0.0, 0.0)
    """When it last said how long its queue is, on the clock of ``time.monotonic``, and what it said, in seconds."""
    draining: float | None = None
    computed: int = 0
    """The last step that this server says it has computed, of those that were sent."""
    gone: bool = False
    """No longer part of the route."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def key(self) -> tuple[str, str]:
        """(peer id, server id)."""
        return self.hop.server.peer_id, self.hop.server.server_id

    def watched(self, positions: int, started: float) -> Watched:
        """For the deadline of a step of so many positions that began at ``started``.

        A queue counts only if it was named since then: one that was long before an earlier step would make a server
        that froze look busy, while one that is long now is named in the answer to the probe before any blame.
        """
        heard = max(self.heard, self.channel.heard if self.channel is not None else 0.0)
        announced = 0.0
        if self.opened is not None:
            said, queue = self.queue
            announced = self.opened.step_seconds + positions * self.opened.position_seconds
            announced += queue if said >= started else 0.0
        return Watched(heard, self.probed, announced)


class Transport:
    """All streams of one session. Every method but :meth:`send` and :meth:`watched` belongs on the loop."""

    def __init__(
        self,
        node: Node,
        route: Sequence[Hop],
        request: m.Open,
        *,
        deliver: Callable[[m.Result], None],
        fail: Callable[[MeadowError], None],
        replace: Replace | None = None,
        bans: Bans | None = None,
        on_moved: Callable[[Moved], None] | None = None,
        join: Join | None = None,
        points: Sequence[Point] = (),
    ) -> None:
        """``request``: what is the same for all servers; ``deliver``, ``fail`` and ``on_moved`` are called on the loop.

        ``replace`` finds servers in the place of those that fail; without it a failure ends the session. ``join``: see
        :class:`SendWindow`. ``points``: beginnings of the session that servers may hold already.
        """
        self._request, self._replace, self._on_moved, self._join = request, replace, on_moved, join
        self._failover = Failover(route, bans or Bans())
        self._accepted = 0
        self.hops = [HopState(hop, _request(request, route, index, points)) for index, hop in enumerate(route)]
        self.log = FrameLog()
        self.window = SendWindow(self.log)
        self.answered = 0
        self.progress = 0.0
        self._node, self._epoch = node, request.epoch
        self._deliver, self._report = deliver, fail
        self._over = False
        self._moving = False
        self._settled = 0.0
        self._moved_at = 0
        """The last step that was made in an older epoch."""
        self._errors: dict[tuple[str, str], MeadowError] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = threading.RLock()
        """Around ``log`` and ``window``: steps are sent from the caller's thread."""

    async def open(self) -> None:
        """Open all servers at once. Raises HopFailed for the first that refuses or cannot be reached."""
        tasks = [asyncio.create_task(self._connect(state, OPEN_SECONDS)) for state in self.hops]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.close()
            raise
        for state in self.hops:
            self._start(state, self._read(state))
        if self._replace is not None:
            self._ticking = asyncio.get_running_loop().create_task(self._tick())

    @property
    def beginnings(self) -> set[tuple[int, int]]:
        """(last sequence number, positions) with which the servers opened a new session; one, if they agree."""
        return {(s.opened.last_seq, s.opened.length) for s in self.hops if s.opened is not None}

    def assume(self, frames: Sequence[bytes]) -> None:
        """These first steps need not be sent: all servers began with what comes of them. They are logged for those who
        may have to be rebuilt."""
        with self._lock:
            for seq, frame in enumerate(frames, start=1):
                self.log.append(seq, frame)
            self.window.resume(len(frames))
        self.answered = self._accepted = len(frames)
        self._failover.begun(len(frames))

    @property
    def route(self) -> list[Hop]:
        """The hops in use now."""
        return [state.hop for state in self.hops]

    @property
    def epoch(self) -> int:
        """Of the route in use."""
        return self._epoch

    @property
    def moved(self) -> float:
        """When the route changed last, or now if it is changing: until then silence is nobody's fault."""
        return time.monotonic() if self._moving else self._settled

    def join_nothing(self) -> None:
        """Replay step by step."""
        self._join = None

    def accept(self, seq: int) -> None:
        """The answer to ``seq`` was looked at and is right. Any thread may call this."""
        self._accepted = seq

    def reject(self, seq: int) -> None:
        """The answer to ``seq`` cannot be right: whoever gave it is to be replaced."""
        self.answered = min(self.answered, seq - 1)
        self._broken(self.hops[-1], Cause("bad_answer", seq), unusable(self.hops[-1].hop))

    def blame(self, hop: Hop, error: MeadowError) -> None:
        """The server of ``hop`` does not answer any more."""
        for state in self.hops:
            if state.hop is hop:
                self._broken(state, error_of(error), error)

    def send(self, seq: int, frame: bytes, epoch: int = 1) -> None:
        """Log a step, made for ``epoch``, and send it as soon as the window allows. Any thread may call this."""
        with self._lock:
            if not self._over:
                self.log.append(seq, frame)
                if epoch != self._epoch:
                    self._moved_at = seq
                self._pump()

    def probe(self, index: int) -> None:
        """Ask a server for a sign of life."""
        if index >= len(self.hops):
            return
        state = self.hops[index]
        state.probed = time.monotonic()
        if state.channel is not None:
            state.channel.send(m.Probe(self._epoch))

    def ask(self) -> None:
        """Let every server say how it is, for the figures of an answer. Who does not answer is not late by that."""
        for state in self.hops:
            if state.channel is not None:
                state.channel.send(m.Probe(self._epoch))

    def watched(self, positions: int, started: float) -> list[Watched]:
        """What has been heard of each server, for a step of so many positions. Reads only; any thread may ask."""
        return [state.watched(positions, started) for state in self.hops]

    def stuck(self, seq: int) -> Hop:
        """The server that most probably holds step ``seq`` up."""
        for state in self.hops:
            if state.status is not None and state.status.last_seq < seq:
                return state.hop
        return self.hops[-1].hop

    def close(self, seq: int = 0, points: Sequence[Point] = ()) -> None:
        """Tell every server that the session is over. Never waits.

        After step ``seq`` these beginnings were there, and the servers may keep them for the next session.
        """
        over, self._over = self._over, True
        if seq != self._accepted or self._epoch > 1 or over:
            points = ()  # something else may be there
        if self._ticking is not None:
            self._ticking.cancel()
        for task in self._tasks:
            task.cancel()
        for index, state in enumerate(self.hops):
            self._leave(state, seq, named(points, keys_of(self.route[:index])))

    def _leave(self, state: HopState, seq: int = 0, prefixes: tuple[Prefix, ...] = ()) -> None:
        state.gone = True
        for task in state.tasks:
            task.cancel()
        if state.channel is not None:
            state.channel.finish(m.Close(self._epoch, seq if prefixes else 0, prefixes))

    # -- one stream --------------------------------------------------------------------------------------

    def _start(self, state: HopState, coroutine: object) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine)  # type: ignore[arg-type]
        state.tasks.add(task)
        task.add_done_callback(state.tasks.discard)

    async def _connect(self, state: HopState, seconds: float) -> None:
        """Open (or reopen) the stream to one server and the session on it."""
        record = state.hop.server
        channel: Channel | None = None
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await self._node.open_stream(
                    record.peer_id, record.addresses, protocol_name(record.server_id)
                )
                channel = Channel(record.peer_id, reader, writer)
                hello = make_hello()
                request = state.request
                channel.send(hello, replace(request, answered=self._accepted))
                theirs = await channel.greet(hello, timeout=seconds)
                answer = await channel.receive(limit=MAX_GREETING)
            if isinstance(answer, m.Problem):
                raise HopFailed(state.hop, refused(answer, state.hop))
            opened = m.expect(answer, m.Opened)
            if opened.session != request.session or opened.epoch != request.epoch:
                raise ProtocolError("the server opened another session")
            self._check(opened, {(seq, length) for length, seq, _ in request.prefixes})
            # From now on it holds the session: a stream that breaks must not begin it anew.
            if state.request is request:
                state.request = replace(state.request, rebuild=m.KEEP, prefixes=())
            state.opened, state.channel, state.numeric_class = opened, channel, theirs.numeric_class
            state.queue = time.monotonic(), opened.queue_seconds
            channel = None
        except (DaemonDied, VersionMismatch):
            raise
        except ProtocolError as error:
            raise HopFailed(state.hop, unusable(state.hop)) from error
        except (MeadowError, OSError, TimeoutError) as error:
            raise HopFailed(state.hop, lost(state.hop)) from error
        finally:
            if channel is not None:
                if state.opened is None:
                    # Another hop failed, or this one is late: what may be open there by now is not wanted any more.
                    # (A stream that is only opened again must not end the session, should a later attempt succeed.)
                    channel.finish(m.Close(self._epoch))
                channel.close()

    async def _read(self, state: HopState) -> None:
        """Serve one stream until the session is over."""
        while not self._over and not state.gone:
            assert state.channel is not None
            try:
                await state.channel.each(partial(self._take, state))
            except ProtocolError:
                self._broken(state, Cause("bad_answer"), unusable(state.hop))
                return
            except (MeadowError, OSError):
                state.heard = state.channel.heard
                state.channel.close()
                state.channel = None
            if not self._over and not state.gone and not await self._reattach(state):
                return

    def _take(self, state: HopState, message: m.Message) -> None:
        if isinstance(message, m.Result):
            if message.epoch == self._epoch and message.seq > self.answered:
                if state is not self.hops[-1]:
                    raise ProtocolError("a result from a server that is not the last")
                if message.seq > self.log.last:
                    raise ProtocolError("a result of a step that was never sent")
                self.answered = message.seq
                self.progress = time.monotonic()
                with self._lock:
                    # Every hop has computed what is answered, but for one that is being rebuilt.
                    self.window.acknowledge(message.seq)
                    if self._replace is None:
                        self.log.drop_before(min(message.seq, self.window.sent) + 1)
                self._deliver(message)
        elif isinstance(message, m.Credit):
            if state is self.hops[0] and message.epoch == self._epoch and not self._moving:
                with self._lock:
                    self.window.credit(message.seq)
                    self._pump()
                self._advance(state, message.seq)
        elif isinstance(message, m.Status):
            self._advance(state, message.last_seq)
            state.status = message
            state.queue = time.monotonic(), message.queue_seconds
            self._failover.log_cut(state.key, message.log_first)
        elif isinstance(message, m.Opened):
            if message.epoch == self._epoch and message.session == self._request.session:
                self._check(message)
                state.opened = message
                state.queue = time.monotonic(), message.queue_seconds
                state.request = replace(state.request, rebuild=m.KEEP)
                self._do(self._failover.opened(state.key, message, time.monotonic()))
        elif isinstance(message, m.Lost):
            following = self.hops.index(state) + 1 if state in self.hops else 0
            if following == len(self.hops):
                raise ProtocolError("the last server lost a hop that it does not have")
            if message.epoch == self._epoch and following:
                # The hop itself may be about to say why; what it says is better than "lost".
                self._run(self._lost_later(self.hops[following]))
        elif isinstance(message, m.Draining):
            state.draining = time.monotonic() + message.seconds
            if self._replace is not None:
                self._do(self._failover.draining(state.key, time.monotonic()))
        elif isinstance(message, m.Problem):
            if message.final and state.channel is not None:
                state.channel.close()  # its last words; it waits for us to end the stream
            if message.code == "stale_epoch" and not message.final:
                return
            self._broken(state, cause_of(message, self.answered + 1), refused(message, state.hop))
        # Anything else is of no use here; a newer version may send it.

    def _check(self, opened: m.Opened, offered: Collection[tuple[int, int]] = ()) -> None:
        begun = (opened.last_seq, opened.length) in offered
        if (opened.last_seq > self.log.last and not begun) or opened.log_first > opened.last_seq + 1:
            raise ProtocolError("a server claims steps that were never sent")

    def _advance(self, state: HopState, seq: int) -> None:
        """Count as progress only what a server has not said before, of steps that exist: words alone buy no time."""
        if state.computed < seq <= self.log.last:
            state.computed = seq
            self.progress = time.monotonic()

    async def _reattach(self, state: HopState) -> bool:
        """Open a broken stream again; False after reporting that this did not work."""
        deadline = time.monotonic() + REATTACH_SECONDS
        error: MeadowError = lost(state.hop)
        for attempt in range(REATTACH_ATTEMPTS if self._replace is not None else 3):
            died = getattr(self._node, "died", None)
            if died is not None and died.done():
                error = DaemonDied("The network part of Meadow (p2pd) ended. Start Meadow again.")
                break
            try:
                await self._connect(state, max(0.5, deadline - time.monotonic()))
                assert state.opened is not None and state.channel is not None
                if state.request.epoch != state.opened.epoch:
                    state.channel.send(replace(state.request, answered=self._accepted))  # the route changed meanwhile
                elif self._moving:
                    self._do(self._failover.opened(state.key, state.opened, time.monotonic()))
                elif state is self.hops[0]:
                    self._resume(state.opened.last_seq)
                return True
            except HopFailed as failed:
                error = failed.error
                if error.code not in ("server_lost",) or time.monotonic() >= deadline:
                    break
            except MeadowError as other:
                error = other
                break
            await asyncio.sleep(0.1 * (attempt + 1))
        self._broken(state, error_of(error), error)
        return False

    async def _lost_later(self, state: HopState) -> None:
        epoch = self._epoch
        await asyncio.sleep(_LOST_GRACE)
        if epoch == self._epoch:
            self._broken(state, Cause("unreachable"), lost(state.hop))

    def _resume(self, last_seq: int) -> None:
        with self._lock:
            self.window.resume(last_seq, join=self._join, join_to=self._accepted)
            self._pump()

    def _pump(self) -> None:
        channel = self.hops[0].channel
        if channel is not None and not self._moving:
            for seq, frame in self.window.take():
                old = self._moved_at >= seq or seq <= self.window.replayed_to
                channel.send_frame(m.restamped(frame, self._epoch) if old else frame)

    # -- another route ---------------------------------------------------------------------------------------------

    def _broken(self, state: HopState, cause: Cause, error: MeadowError) -> None:
        """A server failed: the machine says what follows; without a way to replace it, the session is over."""
        if self._over or state.gone:
            return
        if self._replace is None or isinstance(error, DaemonDied):
            self._fail(error)
            return
        self._errors[state.key] = error
        self._failover.answered(self._accepted)
        self._failover.made = self.log.last
        self._do(self._failover.failed(state.key, cause, time.monotonic()))

    async def _tick(self) -> None:
        while not self._over:
            await asyncio.sleep(_TICK)
            self._failover.answered(self._accepted)
            self._failover.made = self.log.last
            self._do(self._failover.tick(time.monotonic()))

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if self._over:
                return
            if isinstance(action, Find):
                self._run(self._find(action))
            elif isinstance(action, Announce):
                self._announce(action)
            elif isinstance(action, Drop):
                for state in self.hops:
                    if state.hop is action.hop:
                        self._leave(state)
            elif isinstance(action, Resume):
                self._moving = False
                self.progress = self._settled = time.monotonic()
                self._resume(action.last_seq)
            elif isinstance(action, Moved):
                self._errors.clear()
                if self._on_moved is not None:
                    self._on_moved(action)
            elif isinstance(action, GiveUp):
                hop = action.hop
                said = None if hop is None else self._errors.get((hop.server.peer_id, hop.server.server_id))
                self._fail(said if said is not None and not action.gaps else last_error(action))

    def _run(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _find(self, action: Find) -> None:
        assert self._replace is not None
        try:
            chains = [await self._replace(start, end, action.avoid) for start, end in action.gaps]
        except DaemonDied as error:
            self._fail(error)
        except (SwarmError, TimeoutError):
            self._do(self._failover.missing(action.number, time.monotonic()))
        else:
            self._do(self._failover.found(action.number, chains, time.monotonic()))

    def _announce(self, action: Announce) -> None:
        """Tell every server the new route: on the stream that it has, or on a new one."""
        before = {state.key: state for state in self.hops if not state.gone}
        with self._lock:
            self._moving, self._epoch = True, action.epoch
            self._moved_at = self.log.last
            hops = []
            common = replace(self._request, epoch=action.epoch, made=self._moved_at)
            for index, (hop, rebuild) in enumerate(zip(action.route, action.rebuild, strict=True)):
                request = replace(_request(common, action.route, index), rebuild=rebuild)
                state = before.get((hop.server.peer_id, hop.server.server_id))
                if state is None:
                    state = HopState(hop, request)
                state.hop, state.request = hop, request
                state.computed = 0 if rebuild else state.computed
                hops.append(state)
            self.hops = hops
        for state in self.hops:
            if state.channel is not None:
                state.channel.send(replace(state.request, answered=self._accepted))
            elif not state.tasks:
                self._start(state, self._join_in(state))

    async def _join_in(self, state: HopState) -> None:
        """Open the stream to a server that is new in the route, and serve it."""
        try:
            await self._connect(state, OPEN_SECONDS)
        except HopFailed as failed:
            self._broken(state, error_of(failed.error), failed.error)
            return
        except MeadowError as error:
            self._broken(state, error_of(error), error)
            return
        assert state.opened is not None and state.channel is not None
        if state.request.epoch != state.opened.epoch:
            state.channel.send(replace(state.request, answered=self._accepted))
        else:
            self._do(self._failover.opened(state.key, state.opened, time.monotonic()))
        await self._read(state)

    def _fail(self, error: MeadowError) -> None:
        if not self._over:
            self._report(error)
            self.close()


def keys_of(route: Sequence[Hop]) -> list[tuple[str, str]]:
    """(peer id, server id) of each hop."""
    return [(hop.server.peer_id, hop.server.server_id) for hop in route]


def _request(common: m.Open, route: Sequence[Hop], index: int, points: Sequence[Point] = ()) -> m.Open:
    """The Open for one server of the route."""
    before = route[index - 1].server if index else None
    return replace(
        common,
        start=route[index].start,
        end=route[index].end,
        previous=None if before is None else (before.peer_id, before.server_id),
        next=route[index + 1].signed.encoded if index + 1 < len(route) else None,
        prefixes=named(points, keys_of(route[:index])),
    )
