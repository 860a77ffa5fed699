"""What web pages, other programs and other users can try at the node's door (S3): none of it may succeed.

Every attack is a request that would be answered but for the one thing that is wrong with it. That is checked too: the
same attack on the same application without the door succeeds, unless a comment says why it cannot.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import psutil
import pytest
from fastapi import APIRouter
from http_client import TOKEN, Reply, ask, head, post, read_reply, running

from meadow.node.http.listen import RunningServer
from meadow.node.http.protocol import GuardedProtocol, bounded

SECRET = "what nobody else may read"
BODY = b'{"model": "tiny"}'
CHUNKED = b"11\r\n" + BODY + b"\r\n0\r\n\r\n"


class Target:
    """An application with something to read and something to do."""

    def __init__(self) -> None:
        self.done = 0
        self.router = APIRouter()

        @self.router.get("/api/secret")
        async def secret() -> dict[str, str]:
            return {"secret": SECRET}

        @self.router.post("/api/share")
        async def share() -> dict[str, str]:
            self.done += 1
            return {"secret": SECRET}


def get(port: int, *headers: str, path: str = "/api/secret", **options: str | None) -> bytes:
    return head("GET", path, port, *headers, **options)  # type: ignore[arg-type]


def do(port: int, *headers: str, **options: str | None) -> bytes:
    return post("/api/share", port, BODY, *headers, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Attack:
    name: str
    request: Callable[[int], bytes]
    status: int
    opens: bool = True
    """Succeeds where there is no door."""


def wrong_last(token: str) -> str:
    return token[:-1] + ("x" if token[-1] != "x" else "y")


WEBSOCKET = (
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="
)  # fmt: skip
PREFLIGHT = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")

ATTACKS = [
    # A page whose name resolves to 127.0.0.1 (DNS rebinding): its requests are same-origin for the browser.
    Attack("host of a page", lambda p: get(p, host=f"evil.example:{p}"), 403),
    Attack("host without port", lambda p: get(p, host="evil.example"), 403),
    Attack("host with another port", lambda p: get(p, host=f"127.0.0.1:{p - 1}"), 403),
    Attack("our address without port", lambda p: get(p, host="127.0.0.1"), 403),
    Attack("host that begins like ours", lambda p: get(p, host=f"localhost.evil.example:{p}"), 403),
    Attack("host that resolves to us", lambda p: get(p, host=f"127.0.0.1.nip.io:{p}"), 403),
    Attack("host with our name as user", lambda p: get(p, host=f"127.0.0.1:{p}@evil.example"), 403),
    Attack("host 0.0.0.0", lambda p: get(p, host=f"0.0.0.0:{p}"), 403),
    Attack("host as one number", lambda p: get(p, host=f"2130706433:{p}"), 403),
    Attack("host mapped to version 6", lambda p: get(p, host=f"[::ffff:127.0.0.1]:{p}"), 403),
    Attack("host localhost with a dot", lambda p: get(p, host=f"localhost.:{p}"), 403),
    Attack("no host in HTTP/1.0", lambda p: get(p, host="").replace(b"HTTP/1.1", b"HTTP/1.0"), 403),
    Attack("our host only forwarded", lambda p: get(p, f"X-Forwarded-Host: 127.0.0.1:{p}", host="evil.example"), 403),
    # Refused as not HTTP, door or not.
    Attack("two hosts", lambda p: get(p, "Host: evil.example"), 400, opens=False),
    # uvicorn takes "http://..." for a path, so nothing is there.
    Attack("host in the target", lambda p: get(p, path=f"http://127.0.0.1:{p}/api/secret"), 400, opens=False),
    # A page asks with its own origin.
    Attack("foreign origin", lambda p: do(p, "Origin: https://evil.example"), 403),
    Attack("null origin of a sandboxed frame", lambda p: do(p, "Origin: null"), 403),
    Attack("our own origin", lambda p: do(p, f"Origin: http://127.0.0.1:{p}"), 403),
    Attack("origin of another local port", lambda p: do(p, "Origin: http://localhost:3000"), 403),
    Attack("empty origin", lambda p: do(p, "Origin:"), 403),
    Attack("two origins", lambda p: do(p, "Origin: null", "Origin: null"), 400),
    Attack("cross-site image", lambda p: get(p, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"), 403),
    Attack("same-site page", lambda p: get(p, "Sec-Fetch-Site: same-site"), 403),
    Attack("a word that browsers may add one day", lambda p: get(p, "Sec-Fetch-Site: near-by"), 403),
    # Preflights: FastAPI answers 405 without the door too; that nothing is granted is checked below for all.
    Attack("preflight", lambda p: head("OPTIONS", "/api/share", p, "Origin: https://e.io", *PREFLIGHT), 403, False),
    Attack("preflight without origin", lambda p: head("OPTIONS", "/api/share", p, *PREFLIGHT), 405, False),
    Attack(
        "preflight for the local network",
        lambda p: head("OPTIONS", "/api/share", p, "Access-Control-Request-Private-Network: true", "Origin: null"),
        403,
        False,
    ),
    # What a form or fetch() can send without a preflight.
    Attack("JSON as plain text", lambda p: do(p, "Content-Type: text/plain"), 415),
    Attack("form", lambda p: do(p, "Content-Type: application/x-www-form-urlencoded"), 415),
    Attack("multipart form", lambda p: do(p, "Content-Type: multipart/form-data; boundary=b"), 415),
    Attack("no content type", lambda p: do(p).replace(b"Content-Type: application/json\r\n", b""), 415),
    Attack("JSON only in a parameter", lambda p: do(p, "Content-Type: text/plain; a=application/json"), 415),
    Attack("two content types", lambda p: do(p, "Content-Type: text/plain", "Content-Type: application/json"), 400),
    Attack("JSON in another encoding", lambda p: do(p, "Content-Type: application/json; charset=utf-7"), 415),
    Attack("compressed body", lambda p: do(p, "Content-Encoding: gzip"), 415),
    # A GET that wants to be a POST: no framework of ours listens to this header, so it opens nothing.
    Attack(
        "method in a header",
        lambda p: head("GET", "/api/share", p, "X-HTTP-Method-Override: POST"),
        405,
        False,
    ),
    Attack("TRACE", lambda p: head("TRACE", "/api/secret", p), 405, False),
    Attack("CONNECT", lambda p: head("CONNECT", "/api/secret", p), 405, False),
    # WebSockets know no same-origin rule. Without the door the request is served as plain HTTP.
    Attack("WebSocket of a page", lambda p: get(p, *WEBSOCKET, "Origin: https://evil.example"), 403),
    Attack("WebSocket of a program", lambda p: get(p, *WEBSOCKET), 400),
    # The token.
    Attack("no token", lambda p: get(p, token=None), 401),
    Attack("empty token", lambda p: get(p, token=""), 401),
    Attack("half of the token", lambda p: get(p, token=TOKEN[: len(TOKEN) // 2]), 401),
    Attack("all but the end", lambda p: get(p, token=TOKEN[:-1]), 401),
    Attack("a longer token", lambda p: get(p, token=TOKEN + "a"), 401),
    Attack("the last letter is wrong", lambda p: get(p, token=wrong_last(TOKEN)), 401),
    Attack("upper case", lambda p: get(p, token=TOKEN.upper()), 401),
    Attack("as Basic", lambda p: get(p, f"Authorization: Basic {TOKEN}", token=None), 401),
    Attack("without a scheme", lambda p: get(p, f"Authorization: {TOKEN}", token=None), 401),
    Attack("two tokens, one right", lambda p: get(p, "Authorization: Bearer x"), 400),
    Attack("in the query", lambda p: get(p, path=f"/api/secret?token={TOKEN}&api_key={TOKEN}", token=None), 401),
    Attack("in a cookie", lambda p: get(p, f"Cookie: token={TOKEN}", f"X-Api-Key: {TOKEN}", token=None), 401),
    Attack("not text", lambda p: get(p, token="?").replace(b"?", b"\xff\xfe"), 401),
    # Paths that look like the open one. Without the door they lead nowhere either: the router does not resolve dots.
    Attack("through the open path", lambda p: get(p, path="/health/../api/secret", token=None), 400, False),
    Attack("dots in hex", lambda p: get(p, path="/health/%2e%2e/api/secret", token=None), 400, False),
    Attack("slash and dots in hex", lambda p: get(p, path="/health%2f..%2fapi%2fsecret", token=None), 400, False),
    Attack("double slash", lambda p: get(p, path="//api/secret", token=None), 400, False),
    Attack("zero byte", lambda p: get(p, path="/health%00/api/secret", token=None), 400, False),
    Attack("backslash", lambda p: get(p, path="/health%5c..%5capi%5csecret", token=None), 400, False),
    Attack("escaped letters", lambda p: get(p, path="/%61pi/secret", token=None), 401),
    Attack("open path in hex", lambda p: get(p, path="/%68ealth", token=None), 401),
    Attack("open path with a slash", lambda p: get(p, path="/health/", token=None), 401, False),
    Attack("POST to the open path", lambda p: post("/health", p, BODY, token=None), 401, False),
    Attack("the list of everything", lambda p: get(p, path="/openapi.json", token=None), 401),
    # Bodies.
    Attack("100 MB announced", lambda p: do(p).replace(b"Length: 17", b"Length: 104857600"), 413),
    Attack("two lengths in two ways", lambda p: do(p, "Transfer-Encoding: chunked").replace(BODY, CHUNKED), 400),
    Attack("negative length", lambda p: do(p).replace(b"Length: 17", b"Length: -1"), 400, False),
]  # fmt: skip


@pytest.fixture
async def target() -> Target:
    return Target()


@pytest.fixture
async def guarded(target: Target) -> AsyncIterator[RunningServer]:
    async with running([target.router]) as server:
        yield server


def succeeded(reply: Reply) -> bool:
    """Something of ours came back, or something was granted to a page."""
    granted = any(name.startswith("access-control-") for name in reply.headers)
    return granted or SECRET.encode() in reply.body or reply.status < 300 and reply.status != 0


def test_there_are_at_least_forty() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 40


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_no_attack_succeeds(attack: Attack, guarded: RunningServer, target: Target) -> None:
    reply = await ask(guarded.port, attack.request(guarded.port))
    assert reply.status == attack.status
    assert not succeeded(reply)
    assert target.done == 0
    error = reply.json()["error"]
    assert error["code"] and error["message"]
    # ... and the node still serves those who may ask.
    assert (await ask(guarded.port, get(guarded.port))).json() == {"secret": SECRET}
    assert (await ask(guarded.port, do(guarded.port))).json() == {"secret": SECRET}
    assert target.done == 1


async def test_without_the_door_they_do_succeed(target: Target) -> None:
    """Else the table above would prove nothing."""
    async with running([target.router], door=False) as server:
        for attack in ATTACKS:
            reply = await ask(server.port, attack.request(server.port))
            assert succeeded(reply) == attack.opens, attack.name


async def test_a_body_that_grows_is_cut_off(guarded: RunningServer, target: Target) -> None:
    """Chunked, so that nobody knows its length before."""
    request = head("POST", "/api/share", guarded.port, "Content-Type: application/json", "Transfer-Encoding: chunked")
    reader, writer = await asyncio.open_connection("127.0.0.1", guarded.port)
    writer.write(request)
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    sent = 0
    with contextlib.suppress(ConnectionError):
        for _ in range(100):
            writer.write(chunk)
            await writer.drain()
            sent += 1
    reply = await asyncio.wait_for(read_reply(reader), 20)
    writer.transport.abort()
    assert reply.status in (413, 0)  # the connection may be reset before the answer is read
    assert sent < 100
    assert target.done == 0


async def test_an_honest_sender_of_too_much_reads_why(guarded: RunningServer) -> None:
    """The rest of the body is read away, so that the answer is not lost in a reset connection."""
    reply = await ask(
        guarded.port, do(guarded.port)[:-17].replace(b"Length: 17", b"Length: 8388608") + b" " * (8 << 20)
    )
    assert (reply.status, reply.json()["error"]["code"]) == (413, "too_large")
    small = b'{"text": "' + b"x" * ((4 << 20) - 100) + b'"}'
    assert (await ask(guarded.port, post("/api/share", guarded.port, small))).status == 200


async def test_a_request_behind_another_needs_its_own_token(guarded: RunningServer, target: Target) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", guarded.port)
    writer.write(get(guarded.port) + do(guarded.port, token=None) + get(guarded.port))
    statuses = [(await asyncio.wait_for(read_reply(reader), 20)).status for _ in range(3)]
    writer.transport.abort()
    assert statuses == [200, 401, 200]
    assert target.done == 0


async def test_head_that_never_ends() -> None:
    """Slow loris: one byte now and then. The others are served, and the sender is cut off."""
    target = Target()
    async with running([target.router], protocol=bounded(head_seconds=0.5)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        silent_reader, silent_writer = await asyncio.open_connection("127.0.0.1", server.port)
        ended = asyncio.create_task(read_reply(reader))
        with contextlib.suppress(ConnectionError):
            for byte in get(server.port) * 20:
                if ended.done():
                    break
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)
        reply = await asyncio.wait_for(ended, 20)
        assert (reply.status, reply.json()["error"]["code"]) == (408, "too_slow")
        assert await asyncio.wait_for(silent_reader.read(), 20) == b""
        assert (await ask(server.port, get(server.port))).status == 200
        writer.transport.abort()
        silent_writer.transport.abort()


async def test_uvicorn_alone_would_wait_forever(target: Target) -> None:
    """The same with a long limit: the connection stays. So it is the clock that ended it above."""
    async with running([target.router], protocol=bounded(head_seconds=600)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /api")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(reader.read(), 1.0)
        writer.transport.abort()


async def test_body_that_never_ends(target: Target) -> None:
    from meadow.node.http.app import make_app

    found: list[RunningServer] = []
    app = make_app(token=TOKEN, port_of=lambda: found[0].port, routers=[target.router])
    app.user_middleware[0].kwargs["body_seconds"] = 0.3
    async with running([], app=app) as server:
        found.append(server)
        reply = await ask(server.port, do(server.port)[:-1])
        assert (reply.status, reply.json()["error"]["code"]) == (408, "too_slow")
        assert target.done == 0
        assert (await ask(server.port, do(server.port))).status == 200


async def test_more_connections_than_there_may_be(target: Target) -> None:
    """Whoever says nothing makes room for whoever asks."""
    async with running([target.router], protocol=bounded(max_connections=8)) as server:
        idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(40)]
        assert (await ask(server.port, get(server.port))).status == 200
        assert server.connections <= 9
        for _, writer in idle:
            writer.transport.abort()


async def test_connections_at_work_are_not_taken_for_new_ones() -> None:
    entered, leave = 0, asyncio.Event()
    router = APIRouter()

    @router.get("/api/slow")
    async def slow() -> dict[str, str]:
        nonlocal entered
        entered += 1
        await leave.wait()
        return {}

    async with running([router], protocol=bounded(max_connections=4)) as server:
        working = [asyncio.create_task(ask(server.port, get(server.port, path="/api/slow"))) for _ in range(4)]
        while entered < 4:
            await asyncio.sleep(0.01)
        reply = await ask(server.port, get(server.port, path="/health"))
        assert (reply.status, reply.json()["error"]["code"]) == (503, "too_many_connections")
        leave.set()
        assert [reply.status for reply in await asyncio.gather(*working)] == [200] * 4


async def test_a_reader_that_never_reads_is_cut_off() -> None:
    router = APIRouter()

    @router.get("/api/much")
    async def much() -> dict[str, str]:
        return {"text": "x" * (32 << 20)}

    async with running([router], protocol=bounded(stall_seconds=0.5)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(get(server.port, path="/api/much"))
        while not server.connections:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(20):
            while server.connections:
                await asyncio.sleep(0.05)
        writer.transport.abort()


async def test_only_loopback_listens(guarded: RunningServer) -> None:
    assert set(guarded.addresses) <= {"127.0.0.1", "::1"}
    others = ["127.0.0.2"]
    for addresses in psutil.net_if_addrs().values():
        others += [a.address for a in addresses if a.family == socket.AF_INET and not a.address.startswith("127.")]
    for address in others:
        with pytest.raises(OSError):
            await asyncio.wait_for(asyncio.open_connection(address, guarded.port), 5)


async def test_an_origin_on_the_list_may_ask_but_is_granted_nothing_else(target: Target) -> None:
    async with running([target.router], origins=["http://localhost:5173"]) as server:
        page = ("Origin: http://localhost:5173", "Sec-Fetch-Site: same-site")
        reply = await ask(server.port, get(server.port, *page))
        assert reply.status == 200
        assert not any(name.startswith("access-control-") for name in reply.headers)
        assert (await ask(server.port, get(server.port, *page, token=None))).status == 401
        assert (await ask(server.port, get(server.port, "Origin: http://localhost:5174"))).status == 403


async def test_health_is_a_version_and_nothing_else(guarded: RunningServer) -> None:
    import meadow

    reply = await ask(guarded.port, get(guarded.port, path="/health", token=None))
    assert (reply.status, reply.json()) == (200, {"version": meadow.__version__})
    for name in ("localhost", "[::1]", "LOCALHOST"):
        assert (await ask(guarded.port, get(guarded.port, host=f"{name}:{guarded.port}"))).status == 200


async def test_an_offer_of_http2_is_ignored(guarded: RunningServer) -> None:
    """Java's client makes it with every first request."""
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA")
    assert (await ask(guarded.port, get(guarded.port, *offer))).status == 200


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\x00" * 100, b"GET / HTTQ/1.1", b"A" * 70_000,
     b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"],
)  # fmt: skip
async def test_what_is_not_http_gets_one_plain_sentence(garbage: bytes, guarded: RunningServer) -> None:
    reply = await ask(guarded.port, garbage + b"\r\n\r\n")
    assert reply.status == 400
    assert reply.json() == {"error": {"code": "not_http", "message": "This is not a well-formed HTTP request."}}


async def test_garbage_in_the_middle_of_a_chunked_body(guarded: RunningServer, target: Target) -> None:
    request = head("POST", "/api/share", guarded.port, "Content-Type: application/json", "Transfer-Encoding: chunked")
    reply = await ask(guarded.port, request + b"zz\r\n{}\r\n0\r\n\r\n")
    assert reply.status == 400
    assert target.done == 0
    assert (await ask(guarded.port, get(guarded.port))).status == 200


def test_the_protocol_is_the_guarded_one_by_default() -> None:
    assert GuardedProtocol.head_seconds == 10.0
