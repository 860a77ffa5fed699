"""The streams of one session, on the background loop: one to each server of the route.

Steps leave on the first server's stream, results come back on the last one's; all of them carry heartbeats, credit and
refusals. A stream that breaks is opened again, and the session goes on if its server still lives (rules 8 and 10).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from meadow.client.deadlines import Watched
from meadow.client.problems import lost, refused, unusable
from meadow.errors import DaemonDied, MeadowError, ProtocolError, VersionMismatch
from meadow.swarm.channel import Channel, Node, make_hello, protocol_name
from meadow.swarm.routing import Hop
from meadow.wire import messages as m
from meadow.wire.framelog import FrameLog, SendWindow
from meadow.wire.limits import MAX_GREETING

OPEN_SECONDS = 10.0
REATTACH_SECONDS = 2.0
_LOST_GRACE = 0.3


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
    draining: float | None = None
    computed: int = 0
    """The last step that this server says it has computed, of those that were sent."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def watched(self, positions: int) -> Watched:
        """For the deadline of a step of so many positions."""
        heard = max(self.heard, self.channel.heard if self.channel is not None else 0.0)
        opened = self.opened
        announced = 0.0
        if opened is not None:
            queue = self.status.queue_seconds if self.status is not None else opened.queue_seconds
            announced = opened.step_seconds + positions * opened.position_seconds + queue
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
    ) -> None:
        """``request``: what is the same for all servers; ``deliver`` and ``fail`` are called on the loop."""
        self.hops = [HopState(hop, _request(request, route, index)) for index, hop in enumerate(route)]
        self.log = FrameLog()
        self.window = SendWindow(self.log)
        self.answered = 0
        self.progress = 0.0
        self._node, self._epoch = node, request.epoch
        self._deliver, self._report = deliver, fail
        self._over = False
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

    def send(self, seq: int, frame: bytes) -> None:
        """Log a step and send it as soon as the window allows. Any thread may call this."""
        with self._lock:
            if not self._over:
                self.log.append(seq, frame)
                self._pump()

    def probe(self, index: int) -> None:
        """Ask a server for a sign of life."""
        state = self.hops[index]
        state.probed = time.monotonic()
        if state.channel is not None:
            state.channel.send(m.Probe(self._epoch))

    def ask(self) -> None:
        """Let every server say how it is, for the figures of an answer. Who does not answer is not late by that."""
        for state in self.hops:
            if state.channel is not None:
                state.channel.send(m.Probe(self._epoch))

    def watched(self, positions: int) -> list[Watched]:
        """What has been heard of each server, for a step of so many positions. Reads only; any thread may ask."""
        return [state.watched(positions) for state in self.hops]

    def stuck(self, seq: int) -> Hop:
        """The server that most probably holds step ``seq`` up."""
        for state in self.hops:
            if state.status is not None and state.status.last_seq < seq:
                return state.hop
        return self.hops[-1].hop

    def close(self) -> None:
        """Tell every server that the session is over. Never waits."""
        self._over = True
        for state in self.hops:
            for task in state.tasks:
                task.cancel()
            if state.channel is not None:
                state.channel.finish(m.Close(self._epoch))

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
                channel.send(hello, replace(state.request, answered=self.answered))
                theirs = await channel.greet(hello, timeout=seconds)
                answer = await channel.receive(limit=MAX_GREETING)
            if isinstance(answer, m.Problem):
                raise HopFailed(state.hop, refused(answer, state.hop))
            opened = m.expect(answer, m.Opened)
            if opened.session != state.request.session or opened.epoch != self._epoch:
                raise ProtocolError("the server opened another session")
            state.opened, state.channel, state.numeric_class = opened, channel, theirs.numeric_class
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
        while not self._over:
            assert state.channel is not None
            try:
                await state.channel.each(partial(self._take, state))
            except ProtocolError:
                self._fail(unusable(state.hop))
                return
            except (MeadowError, OSError):
                state.heard = state.channel.heard
                state.channel.close()
                state.channel = None
            if not self._over and not await self._reattach(state):
                return

    def _take(self, state: HopState, message: m.Message) -> None:
        if isinstance(message, m.Result):
            if state is not self.hops[-1]:
                raise ProtocolError("a result from a server that is not the last")
            if message.epoch == self._epoch and message.seq > self.answered:
                if message.seq > self.window.sent:
                    raise ProtocolError("a result of a step that was never sent")
                self.answered = message.seq
                self.progress = time.monotonic()
                with self._lock:
                    self.window.credit(message.seq)
                    # Every hop has computed what is answered. Failover will keep more: it replays from here.
                    self.log.drop_before(message.seq + 1)
                self._deliver(message)
        elif isinstance(message, m.Credit):
            if state is self.hops[0] and message.epoch == self._epoch:
                with self._lock:
                    self.window.credit(message.seq)
                    self._pump()
                self._advance(state, message.seq)
        elif isinstance(message, m.Status):
            self._advance(state, message.last_seq)
            state.status = message
        elif isinstance(message, m.Lost):
            following = self.hops.index(state) + 1
            if following == len(self.hops):
                raise ProtocolError("the last server lost a hop that it does not have")
            # The hop itself may be about to say why; what it says is better than "lost".
            self._start(state, self._fail_later(lost(self.hops[following].hop)))
        elif isinstance(message, m.Draining):
            state.draining = time.monotonic() + message.seconds
        elif isinstance(message, m.Problem):
            if message.final and state.channel is not None:
                state.channel.close()  # its last words; it waits for us to end the stream
            self._fail(refused(message, state.hop))
        # Anything else is of no use here; a newer version may send it.

    def _advance(self, state: HopState, seq: int) -> None:
        """Count as progress only what a server has not said before, of steps that exist: words alone buy no time."""
        if state.computed < seq <= self.window.sent:
            state.computed = seq
            self.progress = time.monotonic()

    async def _reattach(self, state: HopState) -> bool:
        """Open a broken stream again; False after reporting that this did not work."""
        deadline = time.monotonic() + REATTACH_SECONDS
        error: MeadowError = lost(state.hop)
        for attempt in range(3):
            died = getattr(self._node, "died", None)
            if died is not None and died.done():
                error = DaemonDied("The network part of Meadow (p2pd) ended. Start Meadow again.")
                break
            try:
                await self._connect(state, max(0.5, deadline - time.monotonic()))
                if state is self.hops[0]:
                    assert state.opened is not None
                    with self._lock:
                        self.window.resume(max(state.opened.last_seq, self.answered))
                        self._pump()
                return True
            except HopFailed as failed:
                error = failed.error
                if error.code not in ("server_lost",) or time.monotonic() >= deadline:
                    break
            except MeadowError as other:
                error = other
                break
            await asyncio.sleep(0.1 * (attempt + 1))
        self._fail(error)
        return False

    async def _fail_later(self, error: MeadowError) -> None:
        await asyncio.sleep(_LOST_GRACE)
        self._fail(error)

    def _pump(self) -> None:
        channel = self.hops[0].channel
        if channel is not None:
            for frame in self.window.take():
                channel.send_frame(frame)

    def _fail(self, error: MeadowError) -> None:
        if not self._over:
            self._report(error)
            self.close()


def _request(common: m.Open, route: Sequence[Hop], index: int) -> m.Open:
    """The Open for one server of the route."""
    before = route[index - 1].server if index else None
    return replace(
        common,
        start=route[index].start,
        end=route[index].end,
        previous=None if before is None else (before.peer_id, before.server_id),
        next=route[index + 1].signed.encoded if index + 1 < len(route) else None,
    )
