"""A server: what it answers on its streams, and the sessions it holds.

Everything here runs on one asyncio loop and never waits for a peer while holding up another: a read loop only decides
and queues, writes go into the stream's buffer, and the window keeps those buffers small. Start reading at
:meth:`Server._serve`; the rules about frames are in sessions.py, the computing in engine.py.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from meadow.errors import MeadowError, ProtocolError, VersionMismatch
from meadow.server import events
from meadow.server.admission import Inflow, ServerLimits, misfit, next_hop, no_room, oversized
from meadow.server.attaching import Attaching
from meadow.server.budget import Budget
from meadow.server.counter import Counter
from meadow.server.engine import Beginning, Done, Engine, Failed, Outcome
from meadow.server.links import Link
from meadow.server.live import Job, LiveSession
from meadow.server.load import Load
from meadow.server.logs import trim_logs
from meadow.server.sessions import SessionState, Verdict
from meadow.swarm.channel import Channel, Node, check_version, make_hello, protocol_name
from meadow.swarm.patience import Failures
from meadow.swarm.records import ServerRecord
from meadow.swarm.streams import StreamLimits
from meadow.wire import messages as m
from meadow.wire.limits import MAX_GREETING, WINDOW
from meadow.wire.prefix import Prefix
from meadow.wire.replay import joiner

if TYPE_CHECKING:
    from meadow.server.batching.request import Runner
    from meadow.server.span import Span

StreamHandler = Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_BEAT = 0.25
_BEGIN_SECONDS = 3.0
"""A new session waits so long at most for what it could begin with: the compute thread looks between two passes."""


class ServingNode(Node, Protocol):
    """What a server needs of a swarm node (meadow.swarm.node.SwarmNode has it)."""

    async def add_stream_handler(
        self, protocol: str, handler: StreamHandler, *, limits: StreamLimits | None = None
    ) -> None: ...


class Server:
    """Serves one span, loaded already, to the swarm. Everything here happens on the loop of :meth:`start`."""

    def __init__(
        self,
        span: Span,
        node: ServingNode,
        *,
        server_id: str,
        fingerprint: bytes,
        budget: int,
        limits: ServerLimits | None = None,
        numeric_class: str = "",
        on_event: events.OnEvent | None = None,
        runner: Runner | None = None,
    ) -> None:
        """
        :param budget: tokens (rows x positions x blocks) of KV cache for all sessions together.
        :param numeric_class: what decides whether another server computes bit-equal (versions, dtype, attention).
        :param runner: computes the steps of several sessions together; None: one by one.
        """
        self.server_id = server_id
        self.limits = limits or ServerLimits()
        self._span, self._node, self._fingerprint = span, node, fingerprint
        self._numeric_class = numeric_class
        self._budget = Budget(budget)
        self._inflow = Inflow(self.limits)
        self._counter = Counter()
        self._on_event = on_event or (lambda event: None)
        self._sessions: dict[tuple[str, bytes], LiveSession] = {}
        self._numbers = itertools.count(1)
        self._channels: set[Channel] = set()
        self._owners: dict[Channel, str] = {}
        self._failures = Failures()
        self._attaching = Attaching(self._sessions, self.limits)
        self._draining_until: float | None = None
        self._stopped = False
        self._beat_task: asyncio.Task[None] | None = None
        self._engine = Engine(
            span,
            self._budget,
            on_done=self._done,
            on_evicted=self._evicted,
            on_forgotten=self._forgotten,
            idle_before_eviction=self.limits.idle_before_eviction,
            runner=runner,
        )

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Answer clients from now on. Raises what the node raises if the stream protocol cannot be registered."""
        self._engine.start()
        await self._node.add_stream_handler(protocol_name(self.server_id), self._serve, limits=self.limits.streams)
        self._beat_task = asyncio.get_running_loop().create_task(self._beat())
        self._on_event(events.Online(self.server_id, self._span.start, self._span.end))

    async def stop(self) -> None:
        """End every session (their owners are told) and the compute thread."""
        if self._stopped:
            return
        self._stopped = True
        if self._beat_task is not None:
            self._beat_task.cancel()
        for session in list(self._sessions.values()):
            self._end(session, "stopped", m.Problem("draining"))
        for channel in list(self._channels):
            channel.close()
        await asyncio.get_running_loop().run_in_executor(None, self._engine.stop)
        self._tell_computed(last=True)
        self._on_event(events.Stopped())

    def drain(self, seconds: float) -> None:
        """Take no new sessions from now on, and tell every owner that this server leaves in ``seconds``."""
        self._draining_until = time.monotonic() + seconds
        for session in self._sessions.values():
            if session.client is not None:
                session.client.send(m.Draining(seconds))
        self._on_event(events.Draining(seconds))

    def load(self) -> Load:
        """How busy the server is now."""
        engine = self._engine
        return Load(
            len(self._sessions),
            engine.queued,
            max(0, self._budget.free) + engine.kept_tokens,
            self._budget.total,
            engine.pace.step_seconds,
            engine.pace.position_seconds,
            engine.queue_seconds,
            self._draining_until is not None,
        )

    # -- streams ------------------------------------------------------------------------------------------------------

    async def _serve(self, peer_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One incoming stream, from Hello to its end."""
        channel = Channel(peer_id, reader, writer)
        self._channels.add(channel)
        try:
            await self._converse(channel)
        except VersionMismatch:
            channel.finish(m.Problem("update_needed"))
        except ProtocolError as error:
            code = error.code if error.code in m.PROBLEMS else "protocol"
            self._detach(channel)
            await asyncio.sleep(self._failures.wait(peer_id.encode()))
            channel.finish(m.Problem(code))
            self._on_event(events.Problem(code, str(error), peer_id))
        except (MeadowError, OSError):
            pass  # the stream ended, in whatever way: sessions outlive it
        finally:
            self._channels.discard(channel)
            self._owners.pop(channel, None)
            self._detach(channel)
            channel.close()

    async def _converse(self, channel: Channel) -> None:
        hello = m.expect(await channel.receive(limit=MAX_GREETING, timeout=10.0), m.Hello)
        ours = make_hello(self._numeric_class, echo=hello.nonce)
        channel.send(ours)
        check_version(hello)
        first = await channel.receive(limit=MAX_GREETING, timeout=10.0)
        if not isinstance(first, m.Attach):  # servers attach for many owners; those are counted there
            self._owners[channel] = channel.peer_id
            most = self.limits.sessions_per_peer + self.limits.streams_per_peer
            if list(self._owners.values()).count(channel.peer_id) > most:
                raise ProtocolError("a peer has too many streams open", code="too_many")
        while isinstance(first, m.Info):
            channel.send(self.load().reply())
            first = await channel.receive(limit=MAX_GREETING)
        if isinstance(first, m.Open):
            await self._serve_owner(channel, first)
        else:
            await self._serve_server(channel, m.expect(first, m.Attach))

    async def _serve_owner(self, channel: Channel, request: m.Open) -> None:
        session = await self._begun(channel, request)
        while session is not None:
            message = await channel.receive()
            if self._sessions.get(session.key) is not session:
                return  # ended meanwhile; the owner has been told
            if isinstance(message, m.Step):
                if session.opened.previous is not None or session.client is not channel:
                    raise ProtocolError("steps of this session come from another server")
                self._take(session, channel, message)
            elif isinstance(message, m.Probe):
                channel.send(self._status(session))
            elif isinstance(message, m.Close):
                if message.epoch >= session.state.epoch:
                    session.keep = self._worth_keeping(session, message)
                    self._end(session, "closed")
                    return
            elif isinstance(message, m.Info):
                channel.send(self.load().reply())
            elif isinstance(message, m.Open):
                session = await self._begun(channel, message)
            else:
                raise ProtocolError("a message that a client does not send")

    async def _serve_server(self, channel: Channel, request: m.Attach) -> None:
        session = await self._attaching.session_for(channel.peer_id, request)
        if session.upstream is not None:
            session.upstream.close()
        session.upstream = channel
        channel.send(self._opened(session))
        while True:
            step = m.expect(await channel.receive(), m.Step)
            if self._sessions.get(session.key) is not session or session.upstream is not channel:
                return
            self._take(session, channel, step)

    def _detach(self, channel: Channel) -> None:
        for session in self._sessions.values():
            if session.client is channel:
                session.client = None
            if session.upstream is channel:
                session.upstream = None

    # -- opening and attaching ----------------------------------------------------------------------------------------

    async def _begun(self, channel: Channel, request: m.Open) -> LiveSession | None:
        """As :meth:`_open`; a new session begins with what is here already of what it offers."""
        if not self._may_begin(channel.peer_id, request):
            return self._open(channel, request)
        fresh = self._new_session(channel.peer_id, request)
        fresh.client = channel  # its owner is here: nobody may take its room as that of one who left
        told: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        self._engine.begin(Beginning(fresh, request.prefixes, lambda f: None if told.done() else told.set_result(f)))
        opened: LiveSession | None = None
        try:
            async with asyncio.timeout(_BEGIN_SECONDS):
                seq, length = await told
            if length:
                fresh.state.begin(seq, length)
                fresh.log.begin(seq)
            opened = self._open(channel, request, fresh)
        except TimeoutError:
            opened = self._open(channel, request)
        finally:
            if opened is not fresh:
                fresh.closed = True
                self._engine.forget(fresh)
        return opened

    def _may_begin(self, peer_id: str, request: m.Open) -> bool:
        """Whether anything could be here for it. Copied bits would be those of other steps: not if it wants its own."""
        alike = request.rows == 1 and not request.reproducible and not request.want_carry
        new = request.epoch == 1 and not request.answered and (peer_id, request.session) not in self._sessions
        wanted = bool(request.prefixes) and alike and new and self._span.can_roll_back
        return wanted and self._refusal(peer_id, request, None) is None

    def _worth_keeping(self, session: LiveSession, message: m.Close) -> tuple[Prefix, ...]:
        """The names of a session that its owner closes, if they say what was computed here."""
        state, opened = session.state, session.opened
        exactly = message.seq == state.done == state.accepted and state.epoch == 1
        alike = state.extent.rows == 1 and not opened.reproducible and state.can_roll_back
        return message.prefixes if exactly and alike and self._draining_until is None else ()

    def _new_session(self, peer_id: str, request: m.Open) -> LiveSession:
        state = SessionState(request.epoch, request.rows, can_roll_back=self._span.can_roll_back)
        return LiveSession(next(self._numbers), peer_id, request, state)

    def _open(self, channel: Channel, request: m.Open, fresh: LiveSession | None = None) -> LiveSession | None:
        """Open a session, or give the owner's stream back to one. None: refused, and said so.

        ``fresh``: the session, should it be a new one.
        """
        session = self._sessions.get((channel.peer_id, request.session))
        problem = self._refusal(channel.peer_id, request, session)
        if problem is not None:
            channel.finish(problem)
            return None
        newer = session is None or request.epoch > session.state.epoch
        target = session.target if session is not None else None
        if newer:
            # A stream that is only opened again brings the record of back then, which may have expired: it is not used.
            target = next_hop(request, self._fingerprint, (self._node.peer_id, self.server_id), known=target)
        if session is not None and newer and request.rebuild == m.ANEW:
            if session.client is channel:
                session.client = None  # what is told on this stream is about the new session
            self._end(session, "rebuilt", m.Problem("stale_epoch"))
            session = None
        if session is None:
            session = fresh or self._new_session(channel.peer_id, request)
            self._sessions[session.key] = session
            self._on_event(events.SessionOpened(channel.peer_id, len(self._sessions)))
        elif session.client is not None and session.client is not channel:
            session.client.close()
        if request.epoch > session.state.epoch:
            session.state.move(request.epoch)
            session.opened = request
            if session.upstream is not None:
                session.upstream.close()
                session.upstream = None
            if session.link is not None:
                session.link.close()
                session.link = None
            session.last_used = time.monotonic()
        if newer:
            session.target = target
        session.client = channel
        if session.target is not None and (session.link is None or session.link.lost):
            session.link = self._link(session, session.target)
        channel.send(self._opened(session))
        if self._draining_until is not None:  # an owner that was away has not heard it, or heard it on another stream
            channel.send(m.Draining(max(0.0, self._draining_until - time.monotonic())))
        if session.target is None:
            for seq in range(max(request.answered + 1, session.log.first), session.log.last + 1):
                frame = session.log.get(seq)
                if frame:
                    channel.send_frame(m.restamped(frame, request.epoch))
        self._attaching.opened(session.key)
        return session

    def _refusal(self, peer_id: str, request: m.Open, session: LiveSession | None) -> m.Problem | None:
        problem = misfit(request, self._span, self._fingerprint, session)
        if problem is not None or session is not None:
            return problem
        if self._draining_until is not None or self._stopped:
            return m.Problem("draining")
        if len(self._sessions) >= self.limits.sessions:
            return m.Problem("too_many")
        if sum(1 for owner, _ in self._sessions if owner == peer_id) >= self.limits.sessions_per_peer:
            return m.Problem("too_many")
        return no_room(request, self._budget, self._engine.holdings, self.limits)

    def _link(self, session: LiveSession, target: ServerRecord) -> Link:
        def room() -> None:
            if link.window.credited > session.credited:  # only what is new: a next hop cannot keep a session alive
                session.credited, session.last_used = link.window.credited, time.monotonic()
            self._feed(session)

        def lost() -> None:
            if session.client is not None and session.link is link:
                session.client.send(m.Lost(session.state.epoch, session.state.done))

        opened = session.opened
        # Bits depend on how the positions were cut into steps, and some recurrent states as well.
        joins = session.state.can_roll_back and not opened.reproducible and not opened.want_carry
        attach = m.Attach(session.opened.session, session.state.epoch, session.owner, self.server_id)
        link = Link(
            self._node,
            target,
            attach,
            session.log,
            numeric_class=self._numeric_class,
            on_lost=lost,
            on_room=room,
            join=joiner(self._span.position_axis) if joins else None,
            join_to=opened.answered,
            made=opened.made,
        )
        return link

    def _opened(self, session: LiveSession) -> m.Opened:
        pace = self._engine.pace
        return m.Opened(
            session.opened.session,
            session.state.epoch,
            session.state.done,
            session.state.length_done,
            session.state.can_roll_back,
            pace.step_seconds,
            pace.position_seconds,
            self._engine.queue_seconds,
            session.log.first,
        )

    # -- steps --------------------------------------------------------------------------------------------------------

    def _take(self, session: LiveSession, channel: Channel, step: m.Step) -> None:
        """A Step has arrived: let it in, answer it from the log, or refuse it."""
        try:
            admitted = session.state.admit(step)
        except ProtocolError as error:
            code = error.code if error.code in m.PROBLEMS else "protocol"
            self._fail(session, Failed(code, (), str(error)))
            return
        verdict = admitted.verdict
        if verdict is Verdict.APPLY:
            assert admitted.after is not None
            if oversized(step, admitted.after.rows, self._span):
                self._fail(session, Failed("bad_step"))
                return
            if not self._inflow.take(session.owner, len(step.body)):
                self._fail(session, Failed("full"))
                return
            session.waiting += len(step.body)
            now = session.last_used = time.monotonic()
            if session.owing_since is None:
                session.owing_since = now
            if session.link is not None:
                session.link.credit(step.acked)
            else:
                session.log.drop_before(min(step.acked, session.state.done) + 1 - 2 * WINDOW)
            session.pending.append(Job(session, step, admitted, session.round))
            self._feed(session)
        elif verdict is Verdict.REPEAT:
            if session.state.needs_credit(step):
                channel.send(m.Credit(session.state.epoch, step.seq))
            self._repeat(session, step.seq)
        elif verdict is Verdict.PENDING:
            if session.state.needs_credit(step):
                session.credit_to = step.seq  # sent once more by somebody who may not know that it is here
        elif verdict is Verdict.GAP:
            channel.send(m.Problem("gap", (session.state.accepted,), final=False))
        elif verdict is Verdict.WINDOW:
            self._fail(session, Failed("window"))

    def _repeat(self, session: LiveSession, seq: int) -> None:
        frame = session.log.get(seq)
        if frame is None:
            if session.client is not None:
                session.client.send(m.Problem("log_dropped", (seq,), final=False))
        elif session.link is not None:
            session.link.send_again(frame)
        elif session.client is not None and frame and not session.client.backlog:
            session.client.send_frame(frame)

    def _feed(self, session: LiveSession) -> None:
        """Give the engine what it may compute: not further ahead of a slow next hop than a window."""
        if self._sessions.get(session.key) is not session:
            return
        if session.link is not None:
            session.link.pump()
        while session.pending and session.unsent + session.submitted < WINDOW:
            job = session.pending.popleft()
            # Nobody wants an answer again that the owner has; what an older route sent must be stamped anew.
            fresh = job.step.epoch == session.state.epoch and job.step.seq > session.opened.answered
            if not session.submitted and fresh:
                last = session.opened.next is None
                direct = session.client if last else session.link.direct if session.link is not None else None
                job = replace(job, direct=direct)
            session.submitted += 1
            self._engine.submit(job)

    def _done(self, job: Job, outcome: Outcome) -> None:
        """The engine is through with a step."""
        session = job.session
        session.submitted -= 1
        # It was computed, whoever still wants it; what our own node asks for is no contribution.
        own = session.owner == self._node.peer_id
        if isinstance(outcome, Done) and job.admitted.after is not None and not own:
            tokens = job.admitted.after.rows * job.step.count
            self._counter.step(tokens, len(job.step.body), len(outcome.frame))
        if self._sessions.get(session.key) is not session:
            return
        session.waiting -= len(job.step.body)
        self._inflow.release(session.owner, len(job.step.body))
        if isinstance(outcome, Failed):
            if outcome.untouched:
                self._refuse(session, job, outcome)
            else:
                self._fail(session, outcome)
            return
        assert isinstance(outcome, Done)
        seq, epoch = job.step.seq, session.state.epoch
        session.state.finish(seq, job.step.stands_for)
        session.log.append(seq, outcome.frame, job.step.stands_for)  # before it is sent: rule 6
        try:
            if session.link is not None:
                if job.direct is None or not session.link.sent(seq, job.direct):
                    session.link.pump()
            elif session.client is not None and outcome.frame and seq > session.opened.answered:
                if job.step.epoch != epoch:
                    session.client.send_frame(m.restamped(outcome.frame, epoch))
                elif session.client is not job.direct:
                    session.client.send_frame(outcome.frame)
        except ProtocolError as error:
            self._fail(session, Failed("log_dropped", (), str(error)))
            return
        if session.state.needs_credit(job.step) or seq <= session.credit_to:
            upstream = session.client if session.opened.previous is None else session.upstream
            if upstream is not None:
                upstream.send(m.Credit(session.state.epoch, seq))
        session.last_used = time.monotonic()
        session.owing_since = session.last_used if session.busy or session.unsent else None
        if session.pending:
            self._feed(session)
        self._trim_logs()

    def _refuse(self, session: LiveSession, job: Job, failed: Failed) -> None:
        """A step did not fit before it touched the cache: the session waits for a route whose steps do."""
        if job.round < session.round:
            return  # it was let in behind the one that did not fit
        session.round += 1
        session.state.refuse()
        for waiting in session.pending:
            session.waiting -= len(waiting.step.body)
            self._inflow.release(session.owner, len(waiting.step.body))
        session.pending.clear()
        if session.client is not None:
            session.client.send(m.Problem(failed.code, failed.params, final=False))

    def _trim_logs(self) -> None:
        def tell(session: LiveSession) -> None:
            if session.client is not None:
                session.client.send(self._status(session))

        excess = trim_logs(self._sessions.values(), self.limits.log_bytes, tell)
        if excess is not None:
            self._fail(excess, Failed("full"))

    # -- ending -------------------------------------------------------------------------------------------------------

    def _fail(self, session: LiveSession, failed: Failed) -> None:
        if failed.code in ("internal", "not_finite"):
            self._on_event(events.Problem(failed.code, failed.detail, session.owner))
        self._end(session, failed.code, m.Problem(failed.code, failed.params))

    def _evicted(self, session: LiveSession) -> None:
        if self._sessions.get(session.key) is session:
            self._end(session, "evicted", m.Problem("evicted"))

    def _forgotten(self, session: LiveSession) -> None:
        """The engine has dropped the steps of a session that ended: only now is their memory free."""
        self._inflow.release(session.owner, session.waiting)
        session.waiting = 0

    def _end(self, session: LiveSession, reason: str, problem: m.Problem | None = None) -> None:
        """The session is over here: free everything, tell whoever is connected."""
        del self._sessions[session.key]
        session.closed = True
        session.pending.clear()
        self._engine.forget(session)
        if session.link is not None:
            session.link.close()
        for channel in (session.client, session.upstream):
            if channel is not None:
                if problem is not None:
                    channel.finish(problem)
                channel.close()
        self._on_event(events.SessionClosed(session.owner, reason, len(self._sessions)))

    # -- heartbeat ----------------------------------------------------------------------------------------------------

    def _status(self, session: LiveSession) -> m.Status:
        if self._engine.computes(session):
            state = "computing"
        elif session.submitted:
            state = "queued"
        else:
            state = "waiting" if session.pending or session.unsent else "idle"
        return m.Status(
            session.state.epoch,
            session.state.done,
            state,
            self._engine.queue_seconds,
            session.log.first,
            session.step_seconds,
            session.wait_seconds,
        )

    def _tell_computed(self, *, last: bool = False) -> None:
        computed = self._counter.take(time.monotonic(), last=last)
        if computed is not None:
            self._on_event(computed)

    async def _beat(self) -> None:
        tidied = time.monotonic()
        while True:
            await asyncio.sleep(_BEAT)
            self._tell_computed()
            now = time.monotonic()
            if now - tidied >= 10.0:
                tidied = now
                self._engine.tidy()
            for session in list(self._sessions.values()):
                draining = self._draining_until is not None
                if session.is_over(now, idle=self.limits.idle, abandoned=self.limits.abandoned, draining=draining):
                    self._end(session, "idle", m.Problem("unknown_session"))
                    continue
                if session.owing_since is not None and not session.busy and not session.unsent:
                    session.owing_since = None
                owing = session.owing_since is not None and now - session.owing_since >= 1.0
                if owing and now - session.told >= 1.0 - _BEAT / 2:
                    session.told = now
                    if session.client is not None and not session.client.backlog:
                        session.client.send(self._status(session))


__all__ = ["Load", "Server", "ServerLimits", "ServingNode", "StreamHandler"]
