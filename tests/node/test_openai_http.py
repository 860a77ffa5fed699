"""What holds request and answer together: bounds, ends, heartbeats, errors before and after the first byte.

The engine here is a script, because each test needs one that does a certain thing at a certain moment; the sockets are
real. ``test_openai_client.py`` asks a real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from http_client import Reply, ask, head, post, read_reply, running

import meadow.errors
from meadow.chat.request import Delta, Done, Finished, GenerationEvent, GenerationRequest, Started
from meadow.errors import BlocksMissing, MeadowError
from meadow.node.http import openai
from meadow.node.http.openai import ModelInfo
from meadow.node.http.problems import STATUS
from meadow.wire.messages import PROBLEMS

PROMPT = "a prompt that must not leak: xyzzy"
BODY = {"model": "tiny", "messages": [{"role": "user", "content": PROMPT}]}
Script = Callable[[GenerationRequest], AsyncIterator[GenerationEvent]]


class Scripted:
    """An engine that follows a script, and counts who is in it."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.begun = 0
        self.ended = 0
        self.requests: list[GenerationRequest] = []

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        self.begun += 1
        self.requests.append(request)
        try:
            async for event in self._script(request):
                yield event
        finally:
            self.ended += 1

    async def all_ended(self) -> None:
        async with asyncio.timeout(20):
            while self.ended < self.begun:
                await asyncio.sleep(0.01)


async def hello(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
    yield Started(3)
    for choice in range(request.n):
        yield Delta(choice, "Hello")
        yield Finished(choice, "stop", 1)
    yield Done(3, request.n, 0, 1.0, 0.1)


def router(engine: Any, **options: Any) -> APIRouter:
    return openai.router(
        engine, lambda: [ModelInfo("owner/tiny", 5), ModelInfo("/folder/tiny", ready=False)], **options
    )


def chat(port: int, **fields: Any) -> bytes:
    return post("/v1/chat/completions", port, json.dumps({**BODY, **fields}).encode())


def frames(reply: Reply) -> list[Any]:
    """The data of each event; comments are left out."""
    lines = [line for line in reply.body.decode().split("\n\n") if line and not line.startswith(":")]
    assert all(line.startswith("data: ") for line in lines)
    return [line[6:] if line[6:] == "[DONE]" else json.loads(line[6:]) for line in lines]


async def waiting(engine: Scripted, count: int) -> None:
    async with asyncio.timeout(20):
        while engine.begun < count:
            await asyncio.sleep(0.01)


async def test_an_answer_and_a_stream() -> None:
    async with running([router(Scripted(hello))]) as server:
        reply = await ask(server.port, chat(server.port))
        assert reply.json()["choices"][0]["message"]["content"] == "Hello"
        assert reply.headers["x-request-id"].startswith("req_")
        reply = await ask(server.port, chat(server.port, stream=True, stream_options={"include_usage": True}))
        assert reply.headers["content-type"].startswith("text/event-stream")
        events = frames(reply)
        assert events[-1] == "[DONE]"
        assert events[-2]["usage"]["total_tokens"] == 4


async def test_models() -> None:
    async with running([router(Scripted(hello))]) as server:

        def get(path: str) -> bytes:
            return head("GET", path, server.port)

        listed = (await ask(server.port, get("/v1/models"))).json()
        assert [(model["id"], model["ready"]) for model in listed["data"]] == [
            ("owner/tiny", True), ("/folder/tiny", False),
        ]  # fmt: skip
        for path in ("owner/tiny", "owner%2Ftiny"):
            assert (await ask(server.port, get(f"/v1/models/{path}"))).json() == listed["data"][0]
        assert (await ask(server.port, get("/v1/models/%2Ffolder%2Ftiny"))).json() == listed["data"][1]
        missing = await ask(server.port, get("/v1/models/other"))
        assert (missing.status, missing.json()["error"]["code"]) == (404, "model_not_found")
        for path in ("/v1", "/v1/", "/v1/nothing"):
            missing = await ask(server.port, get(path))
            assert (missing.status, missing.json()["error"]["type"]) == (404, "not_found_error")


async def test_more_at_once_than_allowed_are_told_to_come_back() -> None:
    leave = asyncio.Event()

    async def slow(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        yield Started(3)
        await leave.wait()
        async for event in hello(request):
            yield event

    engine = Scripted(slow)
    async with running([router(engine, concurrency=lambda: 3)]) as server:
        tasks = [asyncio.create_task(ask(server.port, chat(server.port, stream=number == 0))) for number in range(3)]
        await waiting(engine, 3)
        for stream in (False, True):
            reply = await ask(server.port, chat(server.port, stream=stream))
            assert (reply.status, reply.json()["error"]["code"]) == (429, "rate_limit_exceeded")
            assert int(reply.headers["retry-after"]) >= 1
        assert engine.begun == 3
        leave.set()
        assert [reply.status for reply in await asyncio.gather(*tasks)] == [200] * 3
        assert (await ask(server.port, chat(server.port))).status == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("started", [False, True])
async def test_a_client_that_goes_cancels(stream: bool, started: bool) -> None:
    async def endless(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        if started:
            yield Started(3)
            yield Delta(0, "a")
        await asyncio.Event().wait()

    engine = Scripted(endless)
    async with running([router(engine, concurrency=lambda: 1)]) as server:
        for count in (1, 2, 3):  # the place is free again each time
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(chat(server.port, stream=stream))
            await waiting(engine, count)
            if stream and started:
                assert b"200" in await reader.readline()
            writer.transport.abort()
            await engine.all_ended()


async def test_a_client_that_goes_in_the_middle_of_many_tokens_cancels() -> None:
    async def fast(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        yield Started(3)
        while True:
            yield Delta(0, "word ")
            await asyncio.sleep(0)

    engine = Scripted(fast)
    async with running([router(engine)]) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(chat(server.port, stream=True))
        await reader.readexactly(100_000)
        writer.close()
        await engine.all_ended()


async def test_silence_is_filled_with_comments() -> None:
    go_on = asyncio.Event()

    async def slow_prefill(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        await go_on.wait()
        async for event in hello(request):
            yield event

    engine = Scripted(slow_prefill)
    async with running([router(engine, heartbeat_seconds=0.05, first_frame_seconds=0.05)]) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(chat(server.port, stream=True))
        seen = await asyncio.wait_for(reader.readuntil(b": still here"), 20)
        seen += await asyncio.wait_for(reader.readuntil(b": still here"), 20)
        assert b"200" in seen.splitlines()[0]
        assert b"data:" not in seen
        go_on.set()
        rest = await asyncio.wait_for(reader.readuntil(b"data: [DONE]"), 20)
        assert b'"content":"Hello"' in rest
        writer.transport.abort()


def failing(error: BaseException, *, after: int) -> Script:
    async def script(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        if after:
            yield Started(3)
            yield Delta(0, "Hel")
        raise error

    return script


@pytest.mark.parametrize(
    ("error", "status", "code", "kind", "param"),
    [
        (MeadowError("No such model.", code="unknown_model"), 404, "model_not_found", "not_found_error", "model"),
        (
            MeadowError("Too long.", code="too_long"),
            400,
            "context_length_exceeded",
            "invalid_request_error",
            "messages",
        ),
        (MeadowError("top_p must be small.", code="bad_request"), 400, "bad_request", "invalid_request_error", "top_p"),
        (MeadowError("Who knows.", code="bad_request"), 400, "bad_request", "invalid_request_error", None),
        (MeadowError("Full.", code="busy"), 429, "rate_limit_exceeded", "rate_limit_error", None),
        (BlocksMissing("Nobody serves blocks 2:4.", [(2, 4)]), 503, "blocks_missing", "server_error", None),
        (MeadowError("It ended.", code="engine_died"), 503, "engine_died", "server_error", None),
        (MeadowError("It is off.", code="demo_off"), 503, "demo_off", "server_error", "model"),
        (MeadowError("Log in.", code="gated"), 403, "gated", "permission_error", "model"),
        (MeadowError("Not known to anybody.", code="brand_new"), 500, "brand_new", "server_error", None),
    ],
)
async def test_errors_of_the_engine(error: MeadowError, status: int, code: str, kind: str, param: str | None) -> None:
    async with running([router(Scripted(failing(error, after=0)))]) as server:
        for stream in (False, True):  # before the first token a stream has a status, too
            reply = await ask(server.port, chat(server.port, stream=stream))
            assert reply.status == status
            assert reply.json() == {"error": {"message": str(error), "type": kind, "param": param, "code": code}}
    async with running([router(Scripted(failing(error, after=1)))]) as server:
        assert (await ask(server.port, chat(server.port))).status == status
        reply = await ask(server.port, chat(server.port, stream=True))
        assert reply.status == 200
        events = frames(reply)
        assert events[-1] == {"error": {"message": str(error), "type": kind, "param": param, "code": code}}
        assert events[1]["choices"][0]["delta"]["content"] == "Hel"


async def test_nothing_of_an_unexpected_error_leaves_or_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for after in (0, 1):
        error = RuntimeError(f"at 0x7f00dead in /home/someone: {PROMPT}")
        async with running([router(Scripted(failing(error, after=after)))]) as server:
            for stream in (False, True):
                reply = await ask(server.port, chat(server.port, stream=stream))
                assert b"xyzzy" not in reply.body and b"0x7f" not in reply.body and b"someone" not in reply.body
                problem = reply.json() if reply.status != 200 else frames(reply)[-1]
                assert problem["error"]["code"] == "internal"
    assert "RuntimeError" in caplog.text  # found in the log, but not what it says
    assert "test_openai_http.py" in caplog.text
    assert "xyzzy" not in caplog.text and "someone" not in caplog.text


async def test_the_access_log_has_no_query_and_no_body(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running([router(Scripted(hello))]) as server:
        await ask(server.port, chat(server.port).replace(b"completions HTTP", b"completions?q=xyzzy HTTP"))
        await ask(server.port, post("/v1/chat/completions", server.port, b'{"xyzzy": "xyzzy"}'))
        await ask(server.port, post("/v1/chat/completions", server.port, b"xyzzy"))
        await ask(server.port, head("GET", "/v1/models?key=xyzzy", server.port, token="xyzzy"))
    assert "POST /v1/chat/completions 200" in caplog.text
    assert "GET /v1/models 401" in caplog.text
    assert "xyzzy" not in caplog.text


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None), (b"{", None), (b"[]", None), (b"null", None), (b"1", None), (b'"x"', None), (b"\xff\xfe", None),
        (b"[" * 100_000, None), (b"1" * 5000, None), (b"{}", "model"),
        (json.dumps({**BODY, "model": None}).encode(), "model"),
        (json.dumps({**BODY, "n": 99}).encode(), "n"),
        (json.dumps({**BODY, "odd": 99}).encode(), "odd"),
        (json.dumps({**BODY, "model": "\ud800"}).encode(), "model"),
        (b'{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}', "temperature"),
    ],
)  # fmt: skip
async def test_a_body_that_is_wrong_is_400_in_openai_s_shape(body: bytes, param: str | None) -> None:
    engine = Scripted(hello)
    async with running([router(engine)]) as server:
        reply = await ask(server.port, post("/v1/chat/completions", server.port, body))
        error = reply.json()["error"]
        assert (reply.status, error["type"], error["param"]) == (400, "invalid_request_error", param)
        assert error["message"].endswith(".") or "argument" in error["message"]
    assert engine.begun == 0


async def test_prompts_are_answered_in_their_order() -> None:
    engine = Scripted(hello)
    async with running([router(engine)]) as server:
        body = {"model": "tiny", "prompt": ["a", "b"], "n": 2, "echo": True, "stream": True}
        reply = await ask(server.port, post("/v1/completions", server.port, json.dumps(body).encode()))
        texts: dict[int, str] = {}
        for event in frames(reply)[:-1]:
            (choice,) = event["choices"]
            texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
        assert texts == {0: "aHello", 1: "aHello", 2: "bHello", 3: "bHello"}
        del body["stream"]
        reply = await ask(server.port, post("/v1/completions", server.port, json.dumps(body).encode()))
        assert [choice["text"] for choice in reply.json()["choices"]] == ["aHello", "aHello", "bHello", "bHello"]


async def test_a_stream_that_nobody_reads_does_not_grow() -> None:
    """The engine is asked for more only when the last text has left."""
    made = 0

    async def fast(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        nonlocal made
        yield Started(3)
        while True:
            made += 1
            yield Delta(0, "x" * 1000)
            await asyncio.sleep(0)

    engine = Scripted(fast)
    async with running([router(engine)]) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(chat(server.port, stream=True))
        await waiting(engine, 1)
        before = -1
        async with asyncio.timeout(20):
            while made != before or made == 0:  # until nothing more comes
                before = made
                await asyncio.sleep(0.3)
        writer.transport.abort()
        await engine.all_ended()


def test_every_code_that_a_request_can_end_with_has_a_status() -> None:
    """Also the ones of the chat engine, which arrive here as text: a new one must not become a 500 unnoticed."""
    kinds = [kind for kind in vars(meadow.errors).values() if isinstance(kind, type) and issubclass(kind, MeadowError)]
    assert {kind.code for kind in kinds} - set(STATUS) == {"error", "model", "damaged_checkpoint"}
    folder = Path(meadow.errors.__file__).parent
    sources = [*(folder / "chat").glob("*.py"), *(folder / "client").glob("*.py"), folder / "node" / "engine.py"]
    raised = {code for file in sources for code in re.findall(r'code="(\w+)"', file.read_text())}
    assert len(raised) > 15
    assert (raised | set(PROBLEMS)) - set(STATUS) == {"internal", "settings"}


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with running([router(Scripted(hello))]) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(chat(server.port, n=1) + chat(server.port, n=2) + chat(server.port, stream=True))
        first, second, third = [await asyncio.wait_for(read_reply(reader), 20) for _ in range(3)]
        assert [len(reply.json()["choices"]) for reply in (first, second)] == [1, 2]
        assert frames(third)[-1] == "[DONE]"
        with contextlib.suppress(ConnectionError):
            writer.close()
