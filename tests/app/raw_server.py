"""A server of bytes for tests of the link: it answers with exactly what a test wants, however wrong that is."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Asked:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RawServer:
    """``answers`` serve the requests in their order, the last one all that follow."""

    answers: list[Callable[[socket.socket, Asked], None]]
    asked: list[Asked] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)
    url: str = ""

    def handle(self, connection: socket.socket) -> None:
        """Serve one connection until either side ends it."""
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reading:
            while line := reading.readline():
                headers = {}
                while (header := reading.readline().strip()) != b"":
                    name, _, value = header.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                asked = Asked(line.decode("latin-1").strip(), headers, b"")
                asked.body = reading.read(int(headers.get("content-length", "0")))
                self.asked.append(asked)
                self.answers[min(len(self.asked), len(self.answers)) - 1](connection, asked)


@contextlib.contextmanager
def raw_server(*answers: Callable[[socket.socket, Asked], None]) -> Iterator[RawServer]:
    """Listen on a free port of 127.0.0.1."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = RawServer(list(answers), url=f"http://127.0.0.1:{listening.getsockname()[1]}")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                server.connections.append(connection)
                threading.Thread(target=server.handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for connection in server.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def reply(
    body: bytes | str = b"{}", status: str = "200 OK", headers: str = "Content-Type: application/json\r\n"
) -> Callable[[socket.socket, Asked], None]:
    """An answer with a length."""
    data = body.encode() if isinstance(body, str) else body

    def send(connection: socket.socket, _: Asked) -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)

    return send


EVENTS_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def events(*parts: bytes, then: str | threading.Event = "end") -> Callable[[socket.socket, Asked], None]:
    """A stream of events in these pieces; ``then``: "end" it properly, "stay" silent, or cut the connection when the
    event is set."""

    def send(connection: socket.socket, _: Asked) -> None:
        connection.sendall(EVENTS_HEAD)
        for part in parts:
            connection.sendall(chunk(part))
        if then == "end":
            connection.sendall(chunk(b""))
        elif isinstance(then, threading.Event):
            then.wait(60)
            connection.shutdown(socket.SHUT_RDWR)

    return send
