"""Listening on loopback: uvicorn's protocol on the node's own loop, without uvicorn's process around it.

uvicorn's own server takes over signals, ends the process when a port is taken, wakes ten times a second, and waits at
its end for streams that never end. A node wants none of that, so this is the part of it that a node needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import sys

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from meadow.errors import MeadowError
from meadow.node.http.protocol import GuardedProtocol

KEEP_ALIVE_SECONDS = 30
_BACKLOG = 128


class RunningServer:
    """The open port. ``close`` ends it; nothing of it is left then, whatever clients do."""

    def __init__(self, sockets: list[socket.socket], servers: list[asyncio.Server], state: ServerState) -> None:
        self.port: int = sockets[0].getsockname()[1]
        self.addresses = tuple(listening.getsockname()[0] for listening in sockets)
        self._servers = servers
        self._state = state

    @property
    def url(self) -> str:
        """Where the node is, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._state.connections)

    async def close(self, *, grace_seconds: float = 0.5) -> None:
        """Accept nothing more, let answers that are nearly complete leave, end all others. Harmless when repeated."""
        for server in self._servers:
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=grace_seconds)
        left = set(self._state.tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=2.0)
        for connection in list(self._state.connections):
            connection.transport.abort()
        while self._state.connections:
            await asyncio.sleep(0)  # connection_lost is called on the next turns of the loop


async def serve(app: ASGIApp, port: int = 0, *, protocol: type[GuardedProtocol] = GuardedProtocol) -> RunningServer:
    """Listen on 127.0.0.1, and on ::1 with the same port where there is one. Returns when connections are accepted.

    ``port`` 0: any free one. Raises MeadowError: ``port_taken`` or ``port_refused``.
    """
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # with it, anyone could say where they come from
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    config.load()
    # It warns about every malformed request and offer of an upgrade; what anybody can cause does not belong in a log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    state = ServerState()
    loop = asyncio.get_running_loop()
    sockets = [_bind(socket.AF_INET, "127.0.0.1", port)]
    with contextlib.suppress(MeadowError, OSError):
        # A client that is told "localhost" may try ::1 first; better that we are there than another program.
        sockets.append(_bind(socket.AF_INET6, "::1", sockets[0].getsockname()[1]))
    servers = [
        await loop.create_server(lambda: protocol(config, state, {}), sock=listening, backlog=_BACKLOG)
        for listening in sockets
    ]
    return RunningServer(sockets, servers, state)


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two programs share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise MeadowError(
                f"Port {port} of this machine is used by another program. Choose another with --port, or --port 0 for "
                "any free one.",
                code="port_taken",
            ) from error
        if error.errno == errno.EACCES:
            raise MeadowError(
                f"Port {port} may not be used by this user. Choose one above 1023 with --port.", code="port_refused"
            ) from error
        raise
    except OverflowError as error:
        listening.close()
        raise MeadowError("A port is a number from 0 to 65535.", code="port_refused") from error
    listening.setblocking(False)
    return listening
