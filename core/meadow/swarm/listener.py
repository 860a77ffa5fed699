"""Accepts streams for one process: from p2pd for other peers, from a local socket for servers of one's own node."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hivemind.p2p.p2p_daemon_bindings.utils import read_pbmsg_safe
from hivemind.proto import p2pd_pb2

from meadow.errors import MeadowError, SwarmError
from meadow.swarm.gate import Gate
from meadow.swarm.identity import is_peer_id_bytes, peer_id_from_key
from meadow.swarm.patience import Failures
from meadow.swarm.rundir import is_listening
from meadow.swarm.streams import MessageProtocol, MessageReader, MessageWriter, ReceiveBudget, StreamGuard, StreamLimits

logger = logging.getLogger(__name__)

StreamHandler = Callable[[str, MessageReader, MessageWriter], Awaitable[None]]
_STREAM_INFO_SECONDS = 10.0
_FAR = 40 * 86400.0


@dataclass(slots=True)
class _Service:
    """One protocol: its handler and who uses it now."""

    handler: StreamHandler
    limits: StreamLimits
    budget: ReceiveBudget
    certified: bool
    open: Counter[str] = field(default_factory=Counter)
    pending: Counter[str] = field(default_factory=Counter)


class StreamListener:
    """The unix sockets of one process on which streams arrive, and the handlers behind them."""

    def __init__(self, peer_id: str, path: str, gate: Gate) -> None:
        """No stream of another peer reaches a handler before it has passed ``gate``."""
        self.path = path
        self._peer_id, self._gate = peer_id, gate
        self._services: dict[str, _Service] = {}
        self._servers: dict[str, asyncio.AbstractServer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures = Failures()

    async def start(self) -> None:
        """Listen for p2pd. Raises SwarmError when the socket cannot be made."""
        await self._listen(self.path, None)

    async def add(
        self, protocol: str, handler: StreamHandler, limits: StreamLimits, local_path: str, *, certified: bool = True
    ) -> None:
        """Serve ``protocol``, also on ``local_path`` for streams from this node itself.

        ``certified`` false: in a private swarm by invitation, also peers that have no certificate yet.
        """
        if protocol in self._services:
            raise SwarmError("This protocol is already being served here.")
        self._services[protocol] = _Service(
            handler,
            limits,
            ReceiveBudget(limits.budget, max(limits.budget_per_peer, limits.message_bytes)),
            certified,
        )
        try:
            await self._listen(local_path, protocol)
        except BaseException:
            del self._services[protocol]
            raise

    async def remove(self, protocol: str, local_path: str) -> None:
        """Stop serving ``protocol``; streams that are open stay open."""
        self._services.pop(protocol, None)
        self._stop(local_path)

    async def close(self) -> None:
        """Cut all streams and remove the sockets."""
        for path in list(self._servers):
            self._stop(path)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self, path: str) -> None:
        server = self._servers.pop(path, None)
        if server is not None:
            server.close()
            with suppress(OSError):
                os.unlink(path)

    async def _listen(self, path: str, protocol: str | None) -> None:
        if os.path.exists(path):
            if is_listening(path):
                raise SwarmError("Another process on this machine already serves under this name.")
            os.unlink(path)
        loop = asyncio.get_running_loop()
        try:
            self._servers[path] = await loop.create_unix_server(lambda: _Incoming(self._accept, protocol), path)
            os.chmod(path, 0o600)
        except OSError as error:
            raise SwarmError(f"The socket {path} cannot be made ({error.strerror}).") from error

    def _accept(self, reader: MessageReader, writer: MessageWriter, protocol: str | None) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer, protocol))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: MessageReader, writer: MessageWriter, protocol: str | None) -> None:
        peer_id = self._peer_id
        try:
            if protocol is None:
                peer_id, protocol = await _stream_info(reader)
            service = self._services.get(protocol)
            if service is not None and self._has_room(service, peer_id):
                await self._run(service, protocol, peer_id, reader, writer)
        except (MeadowError, OSError, EOFError, TimeoutError, ValueError) as error:
            logger.debug("stream ended: %s", type(error).__name__)
        except Exception:
            logger.exception("a stream handler failed")  # a defect of ours; the other streams go on
        finally:
            writer.close()

    def _has_room(self, service: _Service, peer_id: str) -> bool:
        limits = service.limits
        if service.open.total() >= limits.total:
            return False
        if peer_id == self._peer_id:
            return True
        return service.open[peer_id] < limits.per_peer and service.pending[peer_id] < limits.pending_per_peer

    async def _run(
        self, service: _Service, protocol: str, peer_id: str, reader: MessageReader, writer: MessageWriter
    ) -> None:
        pending = True
        ending: asyncio.TimerHandle | None = None

        def proven() -> None:
            nonlocal pending
            if pending:
                pending = False
                _decrease(service.pending, peer_id)

        service.open[peer_id] += 1
        service.pending[peer_id] += 1
        guard = StreamGuard(reader, writer.transport, service.limits, peer_id, service.budget, proven)
        reader.guard = writer.guard = guard
        try:
            if peer_id != self._peer_id:
                try:
                    admitted = await self._gate.accept(peer_id, protocol, reader, writer, certified=service.certified)
                except MeadowError:
                    await asyncio.sleep(self._failures.wait(peer_id.encode()))
                    raise
                left = admitted.until - time.time()
                if left < _FAR:  # a certificate that ends, ends what it opened
                    ending = asyncio.get_running_loop().call_later(max(0.0, left), writer.transport.abort)
            await service.handler(peer_id, reader, writer)
        finally:
            if ending is not None:
                ending.cancel()
            guard.stop()
            proven()
            _decrease(service.open, peer_id)


class _Incoming(MessageProtocol):
    """The protocol of a stream that somebody opened to us."""

    def __init__(self, accept: Callable[[MessageReader, MessageWriter, str | None], None], protocol: str | None):
        self._own_reader: MessageReader | None = MessageReader()
        super().__init__(self._own_reader)
        self._accept, self._protocol = accept, protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        reader, self._own_reader = self._own_reader, None
        assert reader is not None and isinstance(transport, asyncio.Transport)
        writer = MessageWriter(transport, self, reader, asyncio.get_running_loop())
        self._accept(reader, writer, self._protocol)


async def _stream_info(reader: MessageReader) -> tuple[str, str]:
    """Who opened the stream (proven by libp2p) and for which protocol: the first thing that p2pd sends."""
    info = p2pd_pb2.StreamInfo()
    async with asyncio.timeout(_STREAM_INFO_SECONDS):
        await read_pbmsg_safe(reader, info)
    if not is_peer_id_bytes(info.peer):
        raise SwarmError("A peer without an Ed25519 identity opened a stream.")
    return peer_id_from_key(info.peer[-32:]), info.proto


def _decrease(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if counter[name] <= 0:
        del counter[name]
