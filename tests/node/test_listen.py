"""Listening: a given port or any, a taken one explained, no signal handler touched, and an end that does not wait."""

from __future__ import annotations

import asyncio
import signal
import socket

import pytest
from fastapi import APIRouter
from http_client import ask, head, read_reply, running

from meadow.errors import MeadowError
from meadow.node.http.listen import serve
from meadow.node.http.sse import EventStream


def streaming(started: list[int], ended: list[int]) -> APIRouter:
    router = APIRouter()

    @router.get("/api/endless")
    async def endless() -> EventStream:
        async def frames():  # type: ignore[no-untyped-def]
            started.append(1)
            try:
                yield b"data: 1\n\n"
                await asyncio.Event().wait()
            finally:
                ended.append(1)

        return EventStream(frames(), last_words=lambda error: b"")

    return router


async def test_a_taken_port_is_explained() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(MeadowError, match=rf"Port {port} .* another program.*--port 0") as caught:
            await serve(APIRouter(), port)
    assert caught.value.code == "port_taken"
    with pytest.raises(MeadowError, match="0 to 65535"):
        await serve(APIRouter(), 70_000)


async def test_the_same_port_again_at_once() -> None:
    async with running([]) as first:
        port = first.port
        assert (await ask(port, head("GET", "/health", port))).status == 200
    again = await serve(APIRouter(), port)
    assert (again.port, again.url) == (port, f"http://127.0.0.1:{port}")
    await again.close()


async def test_signal_handlers_stay_as_they_were() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with running([]):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_it_ends_with_streams_open_and_idle_connections() -> None:
    started: list[int] = []
    ended: list[int] = []
    async with running([streaming(started, ended)]) as server:
        streams = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(5)]
        for _, writer in streams:
            writer.write(head("GET", "/api/endless", server.port))
        for reader, _ in streams:
            assert b"200" in await asyncio.wait_for(reader.readline(), 20)
        idle = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.wait_for(server.close(), 20)
        await server.close()
        assert ended == started == [1] * 5
        assert server.connections == 0
        for reader, writer in [*streams, idle]:
            try:
                while await asyncio.wait_for(reader.read(65536), 20):
                    continue
            except ConnectionError:
                pass
            writer.transport.abort()
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", server.port)


async def test_what_is_nearly_answered_still_leaves() -> None:
    """The answer to the very request that ends the node, for example."""
    router = APIRouter()
    entered = asyncio.Event()

    @router.get("/api/soon")
    async def soon() -> dict[str, str]:
        entered.set()
        await asyncio.sleep(0.05)
        return {"said": "goodbye"}

    async with running([router]) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head("GET", "/api/soon", server.port))
        await asyncio.wait_for(entered.wait(), 20)
        await server.close(grace_seconds=10)
        assert (await read_reply(reader)).json() == {"said": "goodbye"}
        writer.transport.abort()
