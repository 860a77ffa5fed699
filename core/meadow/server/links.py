"""The stream from a server to its next hop, for one session: dialled, resumed after a break, given up with a report."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from meadow.errors import MeadowError, ProtocolError
from meadow.swarm.channel import Channel, Node, make_hello, protocol_name
from meadow.wire import messages as m
from meadow.wire.framelog import FrameLog, Join, SendWindow

OPEN_SECONDS = 5.0
"""For the stream itself."""
ATTACH_SECONDS = 15.0
"""For the answer to Attach, which may have to wait until the owner has opened the session there."""
ATTEMPTS = 4
"""Dials in a row without success before the hop counts as lost; the waits in between add up to 0.7 s."""
MIN_UPTIME = 1.0


class Target(Protocol):
    """What a link needs of a server's record."""

    @property
    def peer_id(self) -> str: ...
    @property
    def server_id(self) -> str: ...
    @property
    def addresses(self) -> tuple[str, ...]: ...


class Link:
    """Sends a session's log to the next hop, at most a window ahead of what that hop has computed.

    A break between two living servers heals here without the client: dial again, ask where the other side stands, send
    what it lacks (rule 8). ``on_lost`` is called once if that fails, ``on_room`` whenever the window moved.
    """

    def __init__(
        self,
        node: Node,
        target: Target,
        attach: m.Attach,
        log: FrameLog,
        *,
        numeric_class: str,
        on_lost: Callable[[], None],
        on_room: Callable[[], None],
        join: Join | None = None,
        join_to: int = 0,
        made: int = 0,
    ) -> None:
        """``made``, ``join``, ``join_to``: see :meth:`SendWindow.resume`."""
        self.window = SendWindow(log)
        self._join, self._join_to, self._made = join, join_to, made
        self.lost = False
        self._node, self._target, self._attach = node, target, attach
        self._numeric_class = numeric_class
        self._on_lost, self._on_room = on_lost, on_room
        self._channel: Channel | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    def pump(self) -> None:
        """Send what may be sent now. Never waits. Raises ProtocolError if the log no longer has it."""
        if self._channel is not None:
            for seq, frame in self.window.take():
                # In a later epoch what was made in an earlier one still lies in the log; what is sent once more must be
                # reported one by one.
                old = self._attach.epoch > 1 or seq <= self.window.replayed_to
                self._channel.send_frame(m.restamped(frame, self._attach.epoch) if old else frame)

    @property
    def direct(self) -> Channel | None:
        """The stream, if the next output may go onto it at once: all earlier ones are sent, and there is room."""
        return self._channel if self.window.is_open else None

    def sent(self, seq: int, channel: Channel) -> bool:
        """Note that ``seq`` goes onto ``channel`` without us. False if that stream is no longer the one in use."""
        if channel is not self._channel or self.window.sent != seq - 1:
            return False
        self.window.advance(seq)
        return True

    def send_again(self, frame: bytes) -> None:
        """A repeat, outside the window: the receiver knows it already."""
        if self._channel is not None and self._channel.backlog == 0:
            self._channel.send_frame(frame)

    def credit(self, seq: int) -> None:
        """The owner has the result of ``seq``, so the next hop has computed it."""
        self.window.acknowledge(seq)

    def close(self) -> None:
        """End the stream and stop dialling."""
        self._task.cancel()
        if self._channel is not None:
            self._channel.close()

    async def _run(self) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while failures < ATTEMPTS:
            if failures:
                await asyncio.sleep(0.1 * 2 ** (failures - 1))
            began = loop.time()
            try:
                await self._connected()
                failures = 1 if loop.time() - began >= MIN_UPTIME else failures + 1
            except _Final:
                break
            except ProtocolError:
                break
            except (MeadowError, OSError, TimeoutError):
                failures = 1 if loop.time() - began >= MIN_UPTIME + ATTACH_SECONDS else failures + 1
        self.lost = True
        self._on_lost()

    async def _connected(self) -> None:
        """Dial, attach, and serve the stream until it ends (returns, or raises as the stream does)."""
        async with asyncio.timeout(OPEN_SECONDS):
            reader, writer = await self._node.open_stream(
                self._target.peer_id, self._target.addresses, protocol_name(self._target.server_id)
            )
        channel = Channel(self._target.peer_id, reader, writer)
        with contextlib.closing(channel):
            hello = make_hello(self._numeric_class)
            channel.send(hello, self._attach)
            await channel.greet(hello, timeout=ATTACH_SECONDS)
            answer = await channel.receive(timeout=ATTACH_SECONDS)
            if isinstance(answer, m.Problem):
                raise _Final
            opened = m.expect(answer, m.Opened)
            if opened.session != self._attach.session or opened.epoch != self._attach.epoch:
                raise ProtocolError("the next hop confirmed another session")
            # We may be the ones who are rebuilt: then it has more than we do, and only what follows is sent.
            self.window.resume(opened.last_seq, ahead=True, made=self._made, join=self._join, join_to=self._join_to)
            self._channel = channel
            try:
                self.pump()
                self._on_room()
                while True:
                    message = await channel.receive()
                    if isinstance(message, m.Credit):
                        self.window.credit(message.seq)
                        self.pump()
                        self._on_room()
                    elif isinstance(message, m.Problem):
                        if message.final:
                            raise _Final
                    # Anything else from downstream is of no use here; a newer version may send it.
            finally:
                self._channel = None


class _Final(Exception):
    """The next hop refused: dialling again would not change that."""
