"""p2pd, the libp2p daemon: started so that it relays for nobody, asks no router for a port, and dies with its owner.

:class:`Daemon` speaks its control protocol. Streams are opened and accepted here and not through hivemind, whose
version leaks a socket on every failed dial and knows neither limits nor time-outs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hivemind.p2p import P2P, PeerID
from hivemind.p2p.p2p_daemon_bindings.utils import P2PDaemonError, read_pbmsg_safe, write_pbmsg
from hivemind.proto import p2pd_pb2
from hivemind.utils.multiaddr import Multiaddr

from meadow.errors import DaemonDied, ServerLost, ServerTimeout, SwarmError
from meadow.swarm import launch
from meadow.swarm.rundir import public_marker, socket_prefix
from meadow.swarm.streams import MessageReader, MessageWriter, connect_unix, is_ending

logger = logging.getLogger(__name__)

MAX_CALL_BYTES = 512 << 10  # p2pd and hivemind take 4 MiB, which protobuf can blow up to hundreds
STARTUP_SECONDS = 30.0
_STOP_SECONDS = 2.0
_LAST_WORDS_SECONDS = 0.5
_Request = p2pd_pb2.Request


class _OwnedP2P(P2P):
    """hivemind's P2P with other arguments for p2pd. ``start`` derives one class for each daemon."""

    config_file: Path
    last_instance: _OwnedP2P | None = None

    def __init__(self) -> None:
        super().__init__()
        self.last_lines: deque[str] = deque(maxlen=5)
        type(self).last_instance = self

    @classmethod
    def _make_process_args(cls, *args: Any, **kwargs: Any) -> list[str]:
        # The config file is the only switch that really closes the relay; hivemind has no argument for it.
        p2pd = [*P2P._make_process_args(*args, **kwargs), "-relayService=0", f"-f={cls.config_file}"]
        return [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *p2pd]

    async def _read_outputs(self, ready: asyncio.Future[None]) -> None:
        """hivemind's reader ends at the first overlong line, and p2pd then hangs on a full pipe."""
        output = self._child.stdout
        rest = b""
        while chunk := await output.read(1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-4096:]
            for raw in lines:
                line = raw[:500].decode(errors="replace")
                self.last_lines.append(line)
                logger.debug("p2pd: %s", line)
                if line.startswith("Peer ID:") and not ready.done():
                    ready.set_result(None)
        if not ready.done():
            ready.set_exception(P2PDaemonError("p2pd ended before it was ready"))


class Daemon:
    """A running p2pd, ours (:meth:`start`) or that of the node we belong to (:meth:`attach`)."""

    def __init__(self, p2p: P2P, run_dir: Path, *, owned: bool) -> None:
        self.p2p = p2p
        self.run_dir = run_dir
        self.peer_id: str = p2p.peer_id.to_base58()
        self.control_path: str = p2p.daemon_listen_maddr["unix"]
        self.died: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        """Set when p2pd has ended: its exit status (negative: the signal), None when that is not known."""
        self._owned = owned
        self._stopping = False
        self._streams: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()
        self._watcher = asyncio.create_task(self._watch())

    @classmethod
    async def start(
        cls,
        *,
        identity_path: Path,
        run_dir: Path,
        host_maddrs: Sequence[str],
        announce_maddrs: Sequence[str],
        listen: bool,
    ) -> Daemon:
        """Start p2pd. Raises SwarmError when it does not come up; nothing is left behind then."""
        config_file = run_dir / "p2pd.json"
        _write_config(config_file)
        prefix = f"/unix{socket_prefix(run_dir)}"
        bound: Any = type("BoundP2P", (_OwnedP2P,), {"_UNIX_SOCKET_PREFIX": prefix, "config_file": config_file})
        try:
            p2p = await bound.create(
                host_maddrs=list(host_maddrs) if listen else None,
                announce_maddrs=list(announce_maddrs) or None,
                no_listen=not listen,
                identity_path=str(identity_path),
                check_if_identity_free=False,
                dht_mode="server" if listen else "client",
                auto_nat=False,
                nat_port_map=False,
                use_relay=False,
                use_auto_relay=False,
                startup_timeout=STARTUP_SECONDS,
                persistent_conn_max_msg_size=MAX_CALL_BYTES,
            )
        except BaseException as error:
            half_started = bound.last_instance
            if half_started is not None:
                await _stop(half_started)
            if not isinstance(error, (P2PDaemonError, OSError, EOFError)):
                raise
            said = list(half_started.last_lines) if half_started is not None else []
            # With --debug, the traceback shows what p2pd itself said.
            error.add_note("p2pd said: " + " | ".join(line for line in said if line.isprintable()))
            raise SwarmError(why_not_started(said, host_maddrs)) from error
        return cls(p2p, run_dir, owned=True)

    @classmethod
    async def attach(cls, daemon_maddr: str) -> Daemon:
        """Use the p2pd of another process. Raises DaemonDied when it is not there."""
        try:
            maddr = Multiaddr(daemon_maddr)
            run_dir = Path(maddr["unix"]).parent
        except (ValueError, KeyError) as error:
            raise SwarmError("The address of the node's daemon must look like /unix/PATH.") from error
        bound: Any = type("BoundP2P", (P2P,), {"_UNIX_SOCKET_PREFIX": f"/unix{socket_prefix(run_dir)}"})
        try:
            async with asyncio.timeout(STARTUP_SECONDS):
                p2p = await bound.replicate(maddr)
        except (OSError, EOFError, TimeoutError, P2PDaemonError) as error:
            raise DaemonDied("The node's libp2p daemon (p2pd) is not running. Restart the node.") from error
        return cls(p2p, run_dir, owned=False)

    async def _watch(self) -> None:
        if self._owned:
            status = await self.p2p._child.wait()
        else:
            # The persistent connection ends with p2pd, however that dies.
            await asyncio.wait([self.p2p._client.control._read_task])
            status = None
        self.p2p._alive = False
        if not self.died.done():
            self.died.set_result(status)

    @property
    def is_alive(self) -> bool:
        """Whether p2pd runs, as far as is known."""
        return not self.died.done()

    async def listen_addresses(self, *, timeout: float = 10.0) -> list[str]:
        """The full multiaddrs (with ``/p2p/ID``) under which this node can be dialled; TCP only."""
        response = await self._ask(_Request(type=_Request.IDENTIFY), timeout=timeout)
        bare = [str(Multiaddr(raw)) for raw in response.identify.addrs]
        return [f"{address}/p2p/{self.peer_id}" for address in bare if "/tcp/" in address]

    async def connected_peers(self) -> set[str]:
        """The peer ids that p2pd has a connection to."""
        response = await self._ask(_Request(type=_Request.LIST_PEERS))
        return {PeerID(info.id).to_base58() for info in response.peers}

    async def connections(self) -> dict[str, list[str]]:
        """For each connected peer, the multiaddrs at the other end of its connections, as they are seen from here."""
        response = await self._ask(_Request(type=_Request.LIST_PEERS))
        seen: dict[str, list[str]] = {}
        for info in response.peers:
            known = seen.setdefault(PeerID(info.id).to_base58(), [])
            for raw in info.addrs:
                with suppress(ValueError):  # a kind of address that we do not know is nowhere that we would dial
                    known.append(str(Multiaddr(raw)))
        return seen

    async def connect(self, peer_id: str, addresses: Sequence[str], *, timeout: float) -> None:
        """Dial a peer, unless there is a connection already. Raises ServerLost or ServerTimeout."""
        request = p2pd_pb2.ConnectRequest(
            peer=PeerID.from_base58(peer_id).to_bytes(), addrs=[Multiaddr(address).to_bytes() for address in addresses]
        )
        await self._ask(_Request(type=_Request.CONNECT, connect=request), timeout=timeout)

    async def disconnect(self, peer_id: str) -> None:
        """Drop the connection to a peer."""
        request = p2pd_pb2.DisconnectRequest(peer=PeerID.from_base58(peer_id).to_bytes())
        await self._ask(_Request(type=_Request.DISCONNECT, disconnect=request))

    async def open_stream(self, peer_id: str, protocol: str, *, timeout: float) -> tuple[MessageReader, MessageWriter]:
        """A stream to ``protocol`` at a connected peer. Raises ServerLost or ServerTimeout."""
        request = p2pd_pb2.StreamOpenRequest(peer=PeerID.from_base58(peer_id).to_bytes(), proto=[protocol])
        reader, writer, _ = await self._talk(_Request(type=_Request.STREAM_OPEN, streamOpen=request), timeout)
        self._streams.add(writer.transport)
        return reader, writer

    async def serve(self, protocol: str, socket_path: str) -> None:
        """Have p2pd hand incoming streams for ``protocol`` to this unix socket. Raises SwarmError if it is taken."""
        request = p2pd_pb2.StreamHandlerRequest(
            addr=Multiaddr(f"/unix{socket_path}").to_bytes(), proto=[protocol], balanced=False
        )
        try:
            await self._ask(_Request(type=_Request.STREAM_HANDLER, streamHandler=request))
        except ServerLost as error:
            raise SwarmError("Another process on this node already serves under this name.") from error

    async def stop_serving(self, protocol: str, socket_path: str) -> None:
        """Take :meth:`serve` back."""
        request = p2pd_pb2.RemoveStreamHandlerRequest(
            addr=Multiaddr(f"/unix{socket_path}").to_bytes(), proto=[protocol]
        )
        await self._ask(_Request(type=_Request.REMOVE_STREAM_HANDLER, removeStreamHandler=request))

    async def _ask(self, request: Any, *, timeout: float = 10.0) -> Any:
        _, writer, response = await self._talk(request, timeout)
        writer.close()
        return response

    async def _talk(self, request: Any, timeout: float) -> tuple[MessageReader, MessageWriter, Any]:
        """Send one control request on a new connection, which becomes the stream if one was asked for."""
        if self.died.done():
            raise DaemonDied("The libp2p daemon (p2pd) has ended. Restart the node.")
        writer: MessageWriter | None = None
        response = p2pd_pb2.Response()
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await connect_unix(self.control_path)
                await write_pbmsg(writer, request)
                await read_pbmsg_safe(reader, response)
                if request.type == _Request.STREAM_OPEN and response.type == p2pd_pb2.Response.OK:
                    return reader, writer, response
        except TimeoutError as error:
            _abort(writer)
            raise ServerTimeout("A peer did not answer in time.") from error
        except (OSError, EOFError) as error:
            _abort(writer)
            raise DaemonDied("The libp2p daemon (p2pd) has ended. Restart the node.") from error
        except BaseException:
            _abort(writer)
            raise
        if response.type != p2pd_pb2.Response.OK:
            _abort(writer)
            raise ServerLost("A peer cannot be reached, or does not serve what was asked for.", code="unreachable")
        return reader, writer, response

    def kill(self) -> None:
        """End a p2pd of ours at once; :attr:`died` tells when it is gone."""
        if self._owned and self.p2p._child.returncode is None:
            with suppress(ProcessLookupError):
                self.p2p._child.kill()

    async def stop(self) -> None:
        """End p2pd if it is ours, else only our connection to it. Takes a few seconds at most; no file stays."""
        if self._owned:
            await self._let_last_words_out()
            await _stop(self.p2p)
            await self._watcher
        else:
            self.p2p._terminate()
            self._watcher.cancel()
            if not self.died.done():
                self.died.cancel()

    async def _let_last_words_out(self) -> None:
        """What was written to streams that were closed just now, as the Close of a session, must leave p2pd first."""
        deadline = asyncio.get_running_loop().time() + _LAST_WORDS_SECONDS
        while self.is_alive and any(is_ending(stream) for stream in self._streams):
            if asyncio.get_running_loop().time() >= deadline:
                return
            await asyncio.sleep(0.01)


def why_not_started(said: Sequence[str], host_maddrs: Sequence[str]) -> str:
    """What to do about a p2pd that did not start, from its last lines."""
    text, wanted = " ".join(said).lower(), ", ".join(host_maddrs)
    if "address already in use" in text:
        return f"Another program uses a port of {wanted} already. Choose another in --host-maddrs, or port 0 for any."
    if "cannot assign requested address" in text:
        return (
            f"An address of {wanted} does not belong to this machine. Listen on one of its own with --host-maddrs, "
            "or on /ip4/0.0.0.0/tcp/PORT for all of them."
        )
    if "permission denied" in text:
        return f"This user may not listen on {wanted}. Choose a port above 1023 in --host-maddrs."
    return "The libp2p daemon (p2pd) did not start. Check --host-maddrs; --debug shows what p2pd said."


def _abort(writer: MessageWriter | None) -> None:
    if writer is not None:
        writer.transport.abort()


def _write_config(path: Path) -> None:
    """Written anew at every start: flags alone leave the relay hop protocol open to everybody."""
    config = {"Relay": {"Enabled": False}}
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(config))
    draft.chmod(0o600)
    draft.replace(path)


async def _stop(p2p: P2P) -> None:
    """End a p2pd of ours, gently and then by force, and remove its sockets."""
    if p2p._client is not None:
        p2p._client.close()  # before its connection breaks; calls that wait fail here and now
    child = p2p._child
    if child is not None and child.returncode is None:
        with suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await child.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    p2p._terminate()
    control, client = p2p._daemon_listen_maddr["unix"], p2p._client_listen_maddr["unix"]
    for path in (control, client, public_marker(control)):
        with suppress(OSError):
            os.unlink(path)
