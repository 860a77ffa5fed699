"""One session over a route, for callers without asyncio: open it, take steps through it, close it.

The caller's thread encodes and decodes tensors; the background loop moves bytes. Between them go one call per frame in
one direction and one queue in the other.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import torch

from meadow.client.deadlines import STUCK_SECONDS, judge
from meadow.client.failover.bans import Bans
from meadow.client.failover.machine import Moved
from meadow.client.loop import BackgroundLoop
from meadow.client.problems import late, unusable
from meadow.client.transport import HopFailed, Replace, Transport
from meadow.errors import MeadowError, ProtocolError, Refused, SwarmError
from meadow.swarm.routing import Hop
from meadow.wire.body import Extra, Mask, pack_step, read_result
from meadow.wire.limits import MAX_STEP, SESSION_ID
from meadow.wire.messages import Open, Result, Step
from meadow.wire.ops import CacheOp, Extent, after_ops
from meadow.wire.prefix import Chain, frames
from meadow.wire.replay import joiner
from meadow.wire.tensors import dtype_name, is_finite

if TYPE_CHECKING:
    from meadow.swarm.channel import Node

CHUNK = 256
"""Positions per frame of a long step. All servers of the route then work at the same time, and a decode step of another
session waits for one chunk at most."""
ROUTES = 4
"""Routes tried before opening gives up."""
_OPEN_SECONDS = 60.0
_TICK = 0.25

FindRoute = Callable[[Collection[tuple[str, str]]], Awaitable[Sequence[Hop]]]
"""``async (avoid) -> route``, called on the background loop; ``avoid`` holds (peer id, server id) of servers that just
refused or failed. Raises BlocksMissing if nothing is left."""
Extras = Mapping[int, Mapping[str, torch.Tensor]]
"""Block index -> argument name -> tensor."""


class RemoteSession:
    """A session on the servers of one route. One step at a time; safe to close from any thread.

    ``length``: positions that the servers hold. ``rows``: rows of the batch.
    ``bytes_sent``: frames that left for the first server, in bytes. ``passes``, ``pass_seconds``: how many steps of one
    position there were, and how long they took from here through all servers and back, together.
    ``can_roll_back``: whether every server can forget positions again. ``carry``: after a step of a session with
    ``want_carry``, what the last block returned beside its hidden states.
    """

    def __init__(
        self,
        loop: BackgroundLoop,
        node: Node,
        find_route: FindRoute,
        *,
        fingerprint: bytes,
        dtype: torch.dtype,
        rows: int = 1,
        expected_length: int | None = None,
        reproducible: bool = False,
        want_carry: bool = False,
        row_axis: int = 0,
        position_axis: int = 1,
        chunk: int = CHUNK,
        replace: Replace | None = None,
        bans: Bans | None = None,
        on_moved: Callable[[Moved], None] | None = None,
        opening: torch.Tensor | None = None,
    ) -> None:
        """Find a route and open the session on all of its servers at once; blocks until they agreed.

        ``node`` must live on ``loop``. ``expected_length`` (positions) is a hint for the servers. ``reproducible``:
        steps are sent whole, as they were given, and all servers must be of one numeric class. ``row_axis`` and
        ``position_axis`` are the axes of the hidden states that count rows and positions. ``replace``: finds servers in
        the place of those that fail, so that the session outlives them; ``bans`` remembers those for other sessions,
        and ``on_moved`` hears of every change (on the loop; it must not wait). ``opening``: the first hidden states of
        the first step, whose outputs are not wanted; servers that hold what comes of them need not be sent them.

        :raises BlocksMissing: nobody serves some of the blocks.
        :raises Refused: the servers that there are refuse; ``code`` says why ("full", ...).
        :raises ServerLost: they cannot be reached.
        """
        self.rows, self.length = rows, 0
        self.bytes_sent = 0
        self.passes, self.pass_seconds = 0, 0.0
        self.carry: tuple[torch.Tensor | None, ...] = ()
        self.reused = 0
        """Positions of the first step that the servers held already, so that they were not sent."""
        self._opening = opening
        self._chain: Chain | None = None
        if (
            opening is not None
            and rows == 1
            and (row_axis, position_axis) == (0, 1)
            and not (reproducible or want_carry)
        ):
            self._chain = Chain()
            self._chain.add(opening)
        self._loop, self._node, self._find_route = loop, node, find_route
        self._dtype, self._want_carry = dtype, want_carry
        self._row_axis, self._axis = row_axis, position_axis
        self._chunk = 0 if reproducible else chunk
        self._seq = 0
        self._inbox: SimpleQueue[Result | MeadowError] = SimpleQueue()
        self._stepping = threading.Lock()
        self._closed = False
        self._failed: MeadowError | None = None
        self._transport: Transport | None = None
        self._replace, self._bans, self._on_moved = replace, bans, on_moved
        self._join = None if reproducible or want_carry else joiner(position_axis)
        request = Open(
            os.urandom(SESSION_ID),
            1,
            fingerprint,
            0,
            0,
            rows,
            dtype_name(dtype),
            expected_length=expected_length or 0,
            reproducible=reproducible,
            want_carry=want_carry,
        )
        try:
            self._transport = loop.run(self._open(request), timeout=_OPEN_SECONDS)
        except TimeoutError:
            raise SwarmError("No route of servers could be opened in time. Try again.") from None
        self.can_roll_back = all(s.opened is not None and s.opened.can_roll_back for s in self._transport.hops)
        if not self.can_roll_back:
            self._chain = None

    async def _open(self, request: Open) -> Transport:
        avoid: set[tuple[str, str]] = set()
        refusal: MeadowError | None = None
        points = () if self._chain is None else tuple(self._chain.points)
        agreed = True
        for _ in range(ROUTES):
            if agreed:
                try:
                    route = await self._find_route(frozenset(avoid))
                except SwarmError:
                    if refusal is not None:
                        raise refusal from None  # why the servers that there are did not work says more
                    raise
            transport = Transport(
                self._node,
                route,
                request,
                deliver=self._inbox.put,
                fail=self._inbox.put,
                replace=self._replace,
                bans=self._bans,
                on_moved=self._on_moved,
                join=self._join,
                points=points,
            )
            try:
                await transport.open()
                beginnings = sorted(transport.beginnings)
                if len(beginnings) > 1:
                    # All must go on from the same position: again, with what the one who holds least has.
                    transport.close()
                    points = tuple(p for p in points if agreed and p[0] == beginnings[0][1])
                    agreed = False
                    continue
                agreed, self.reused = True, beginnings[0][1]
                classes = {state.numeric_class for state in transport.hops}
                if not all(state.opened is not None and state.opened.can_roll_back for state in transport.hops):
                    transport.join_nothing()  # recurrent states depend on how the positions were cut
                if request.reproducible and len(classes) > 1:
                    transport.close()
                    raise Refused(
                        "A reproducible session needs servers that compute alike; these differ in the versions of "
                        "torch or transformers, or in their hardware. Use a normal session.",
                        code="numeric_class",
                    )
                return transport
            except HopFailed as failed:
                agreed = True
                refusal = failed.error
                avoid.add((failed.hop.server.peer_id, failed.hop.server.server_id))
        assert refusal is not None
        raise refusal

    def step(
        self,
        hidden: torch.Tensor,
        *,
        keep: int | None = None,
        positions: torch.Tensor | None = None,
        mask: Mask | None = None,
        extras: Extras | None = None,
        ops: Sequence[CacheOp] = (),
        carry: Sequence[torch.Tensor | None] = (),
    ) -> torch.Tensor:
        """Take ``T`` more positions through all blocks of the route; blocks until the last server answered.

        :param hidden: ``[rows, T, hidden]`` (some families have further axes), floating point.
        :param keep: how many of the last positions to return; None: all; 0: none, but wait until they are computed.
        :param positions: int64 position ids, last axis ``T``; None: the next ones.
        :param mask: ``(column, values)``: the attention mask from ``column`` on, ``[rows, length + T - column]``; None:
            every new position counts.
        :param ops: cache operations to apply first.
        :returns: hidden states ``[rows, keep, hidden]`` in the dtype in which the last server computes.
        :raises ServerLost, ServerTimeout: a server died; the error names its blocks. The session is over.
        :raises Refused: a server refused; ``code`` says why. The session is over.
        """
        if not self._stepping.acquire(blocking=False):
            raise MeadowError("Another step of this session is still running; a session takes one step at a time.")
        try:
            self._check_open()
            return self._step(hidden, keep, positions, mask, extras, tuple(ops), tuple(carry))
        except _Rejected as rejected:
            raise rejected.error from None
        except BaseException as error:  # also Ctrl+C: whatever was under way, the servers must not wait for us
            if isinstance(error, MeadowError) and self._failed is None:
                self._failed = error
            self.close()
            raise
        finally:
            self._stepping.release()

    def ask_figures(self) -> None:
        """Let the servers say what steps take there; :attr:`figures` has it when they have answered. Never waits."""
        if not self._closed and self._transport is not None:
            self._loop.call_if_alive(self._transport.ask)

    @property
    def route(self) -> list[Hop]:
        """The hops in use now."""
        assert self._transport is not None
        return self._transport.route

    @property
    def figures(self) -> list[tuple[float, float]]:
        """Seconds that a step of one position took at each hop and waited there, as its server said last; 0: it has
        not said."""
        assert self._transport is not None
        said = [state.status for state in self._transport.hops]
        return [(0.0, 0.0) if one is None else (one.step_seconds, one.wait_seconds) for one in said]

    def close(self) -> None:
        """End the session: the servers free its memory. Does not wait for anybody; doing it twice is harmless."""
        if not self._closed:
            self._closed = True
            if self._transport is not None:
                points = () if self._chain is None or self._failed is not None else tuple(self._chain.points)
                self._loop.call_if_alive(self._transport.close, self._seq, points)

    def __enter__(self) -> RemoteSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_transport", None) is not None:
            self.close()

    # -- inside -------------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._failed is None and not self._closed:
            try:
                while True:
                    item = self._inbox.get_nowait()
                    if isinstance(item, MeadowError):
                        self._failed = item
            except Empty:
                pass
        if self._failed is not None:
            self.close()
            raise _Rejected(self._failed)
        if self._closed:
            raise _Rejected(MeadowError("This session is closed; start a new one."))

    def _step(
        self,
        hidden: torch.Tensor,
        keep: int | None,
        positions: torch.Tensor | None,
        mask: Mask | None,
        extras: Extras | None,
        ops: tuple[CacheOp, ...],
        carry: tuple[torch.Tensor | None, ...],
    ) -> torch.Tensor:
        transport = self._transport
        assert transport is not None
        count = hidden.shape[self._axis]
        keep = count if keep is None else keep
        plain = not ops and positions is None and mask is None and not extras and not carry
        said = hidden
        if self._opening is not None and not self._seq:
            self._check_opening(hidden, keep, plain)
            if self.reused:
                hidden = self._without_reused(transport, hidden)
                count = hidden.shape[self._axis]
        try:
            extent, _ = after_ops(Extent(self.rows, self.length), ops, can_roll_back=self.can_roll_back)
        except ProtocolError as error:
            raise _Rejected(error) from None
        if count < 1 or not 0 <= keep <= count or hidden.shape[self._row_axis] != extent.rows:
            raise _Rejected(
                MeadowError(f"A step of {tuple(hidden.shape)} with keep={keep} does not fit {extent.rows} rows.")
            )
        sections = [_sections(extras, hop.start, hop.end) for hop in transport.route]
        bounds = self._chunks(count, sections, carry)
        if any(high - low > MAX_STEP for low, high in bounds):
            raise _Rejected(
                SwarmError(
                    f"A step that must stay whole has at most {MAX_STEP} positions. Give the text in smaller pieces "
                    "(prefill_chunk_size)."
                )
            )
        first_answer = 0
        started = time.monotonic()
        for index, (low, high) in enumerate(bounds):
            self._seq += 1
            wanted = max(0, min(high - low, keep - (count - high)))
            last = high == count
            first_answer = first_answer or (self._seq if wanted or last else 0)
            step = Step(
                transport.epoch,
                self._seq,
                extent.length + low,
                high - low,
                (),
                keep=wanted,
                answer=wanted > 0 or last,
                acked=transport.answered,
                ops=ops if index == 0 else (),
            )
            part = slice(low, high)
            whole = len(bounds) == 1
            try:
                frame = pack_step(
                    step,
                    hidden if whole else hidden.narrow(self._axis, low, high - low),
                    sections if whole else [[Extra(e.name, e.blocks, e.tensor[:, part]) for e in s] for s in sections],
                    carry=carry,
                    positions=positions if positions is None or whole else positions[..., part],
                    mask=_mask_part(mask, extent.length, low, high),
                )
            except ValueError as error:
                raise SwarmError(
                    "This step is too large to be sent at once. Give the text in smaller pieces (prefill_chunk_size)."
                ) from error
            transport.send(self._seq, frame, step.epoch)
            self.bytes_sent += len(frame)
        outputs: list[torch.Tensor] = []
        for seq in range(first_answer, self._seq + 1):
            outputs.append(self._wait(transport, seq, hidden, count, started))
            transport.accept(seq)
        if count == 1:
            self.passes, self.pass_seconds = self.passes + 1, self.pass_seconds + time.monotonic() - started
        self.rows, self.length = extent.rows, extent.length + count
        self._follow(said, ops, plain)
        output = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=self._axis)
        if output.shape[self._axis] != keep:
            raise unusable(transport.route[-1])
        return output

    def _check_opening(self, hidden: torch.Tensor, keep: int, plain: bool) -> None:
        """The servers know the beginning of this session by the name of its opening: it must be what comes."""
        opening = self._opening
        assert opening is not None
        count, said = hidden.shape[self._axis], opening.shape[1]
        if not (plain and count - keep >= self.reused and torch.equal(hidden[:, :said], opening)):
            raise _Rejected(MeadowError("This session was opened for another first step. Start a new one."))

    def _without_reused(self, transport: Transport, hidden: torch.Tensor) -> torch.Tensor:
        """The rest of the first step, behind what the servers began with."""
        reused = self.reused
        parts = frames(reused)
        none: list[list[Extra]] = [[] for _ in transport.route]
        logged = []
        for seq, (low, high) in enumerate(parts, start=1):
            step = Step(transport.epoch, seq, low, high - low, (), keep=0, answer=False, acked=seq - 1)
            # Without a way to replace servers, nobody will ever ask for it.
            logged.append(pack_step(step, hidden[:, low:high], none) if self._replace is not None else b"")
        transport.assume(logged)
        self._seq, self.length = len(parts), reused
        return hidden[:, reused:]

    def _follow(self, hidden: torch.Tensor, ops: Sequence[CacheOp], plain: bool) -> None:
        """Note what the servers hold now, in case that they may keep it when this session is closed."""
        chain = self._chain
        if chain is None:
            return
        if plain:
            chain.add(hidden if self._opening is None else hidden[:, self._opening.shape[1] :])
            self._opening = None
        elif all(op.kind in ("crop", "record_past") for op in ops):
            chain.end(self.length - hidden.shape[1])
        else:
            self._chain = None

    def _chunks(
        self, count: int, sections: Sequence[Sequence[Extra]], carry: Sequence[torch.Tensor | None]
    ) -> list[tuple[int, int]]:
        """The frames of a step. It stays whole where an argument cannot be cut along its positions."""
        can_cut = not carry and all(e.tensor.dim() >= 2 and e.tensor.shape[1] == count for s in sections for e in s)
        size = self._chunk if self._chunk and can_cut else count
        return [(low, min(low + size, count)) for low in range(0, count, size)]

    def _wait(self, transport: Transport, seq: int, hidden: torch.Tensor, count: int, started: float) -> torch.Tensor:
        """The answer to step ``seq``; watches the servers meanwhile."""
        while True:
            try:
                item = self._inbox.get(timeout=_TICK)
            except Empty:
                self._watch(transport, seq, count, started)
                continue
            if isinstance(item, MeadowError):
                raise item
            if item.seq == seq:
                output = self._checked(item, hidden)
                if output is not None:
                    return output
                self._loop.call(transport.reject, seq)

    def _watch(self, transport: Transport, seq: int, count: int, started: float) -> None:
        now = time.monotonic()
        route = transport.route
        since = max(started, transport.moved)
        judgement = judge(transport.watched(count, since), since, now)
        if judgement.dead is not None:
            self._loop.call(transport.blame, route[judgement.dead], late(route[judgement.dead]))
            return
        for index in judgement.probe:
            transport.hops[index].probed = now  # at once: the loop may be slow to send it
            self._loop.call(transport.probe, index)
        if now - max(started, transport.progress) > STUCK_SECONDS:
            raise late(transport.stuck(seq))

    def _checked(self, result: Result, hidden: torch.Tensor) -> torch.Tensor | None:
        """The hidden states of an answer, if they can be right."""
        try:
            output, carry = read_result(result)
        except ProtocolError:
            return None
        shape = list(hidden.shape)
        shape[self._axis] = output.shape[self._axis] if output.dim() == len(shape) else -1
        if list(output.shape) != shape or output.dtype not in (hidden.dtype, self._dtype) or not is_finite(output):
            return None
        if self._want_carry:
            self.carry = carry
        return output


class _Rejected(Exception):
    """Refused before anything was sent: the session is as it was."""

    def __init__(self, error: MeadowError) -> None:
        super().__init__(str(error))
        self.error = error


def _sections(extras: Extras | None, start: int, end: int) -> list[Extra]:
    """The extra arguments for blocks ``[start, end)``, each tensor once however many blocks it is for."""
    if not extras:
        return []
    blocks: dict[tuple[str, int], list[int]] = {}
    tensors: dict[tuple[str, int], torch.Tensor] = {}
    for block in range(start, end):
        for name, tensor in extras.get(block, {}).items():
            blocks.setdefault((name, id(tensor)), []).append(block)
            tensors[name, id(tensor)] = tensor
    return [Extra(key[0], tuple(blocks[key]), tensors[key]) for key in blocks]


def _mask_part(mask: Mask | None, length: int, low: int, high: int) -> Mask | None:
    """The part of a mask change that a frame with positions ``low:high`` of the step needs."""
    if mask is None:
        return None
    column, values = mask
    first = column if low == 0 else length + low
    return first, values[:, first - column : length + high - column]
