"""The state over HTTP, on real sockets: as it is, as it changes, after an interruption, and at the end of the node."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import reduce
from typing import Any

import httpx2
import jsonschema_rs
import pytest
import uvicorn
from fastapi import FastAPI
from state_events import A, online
from test_state_apply import STORIES

from meadow.node import events as e
from meadow.node.apply import apply
from meadow.node.changes import StateStore, merge
from meadow.node.http.app import make_app
from meadow.node.http.listen import serve
from meadow.node.http.state import router
from meadow.node.state import State
from meadow.node.state_json import to_json

TOKEN = "t" * 43
PATIENCE = 30.0


def client_of(url: str, headers: dict[str, str] | None = None) -> httpx2.AsyncClient:
    # There is no TLS here, and reading the certificates takes longer than a test.
    return httpx2.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False, verify=False, headers=headers)


class Running:
    """A uvicorn server of its own on this loop, and a client for it."""

    def __init__(self, store: StateStore, **options: Any) -> None:
        self.store = store
        app = FastAPI()
        app.include_router(router(store, **options))
        # No time limit for connections that are open at the end: a stream that does not end by itself would hang.
        config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off")
        self.server = uvicorn.Server(config)
        self.url = ""

    @asynccontextmanager
    async def up(self) -> AsyncIterator[httpx2.AsyncClient]:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            task = asyncio.create_task(self.server.serve([listening]))
            try:
                await until(lambda: self.server.started)
                async with client_of(self.url) as client:
                    yield client
            finally:
                self.store.close()
                self.server.should_exit = True
                async with asyncio.timeout(PATIENCE):
                    await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


class Follower:
    """A client of /api/events as docs/node-state.md describes it."""

    def __init__(self) -> None:
        self.tree: Any = None
        self.kinds: list[str] = []
        self.last_id: str | None = None
        self.comments = 0
        self.ended = False

    async def follow(self, client: httpx2.AsyncClient, *, stop: Callable[[], bool] = lambda: False) -> None:
        headers = {} if self.last_id is None else {"Last-Event-ID": self.last_id}
        async with client.stream("GET", "/api/events", headers=headers) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            async for line in response.aiter_lines():
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    self._take(**fields)
                    fields = {}
                if stop():
                    return
            self.ended = True

    def _take(self, event: str, data: str, id: str, retry: str = "") -> None:
        self.kinds.append(event)
        self.last_id = id
        self.tree = json.loads(data) if event == "state" else merge(self.tree, json.loads(data))


async def test_the_tree_as_it_is() -> None:
    store = StateStore()
    store.apply(online())
    async with Running(store).up() as client:
        answer = await client.get("/api/state")
        assert answer.json() == to_json(store.state)
        again = await client.get("/api/state", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304 and not again.content
        store.apply(e.ServerSessions(A, 1))
        new = await client.get("/api/state", headers={"If-None-Match": answer.headers["etag"]})
        assert new.json()["servers"][A]["sessions"] == 1 and new.headers["etag"] != answer.headers["etag"]
        # Its number is one to go on from.
        store.apply(e.ServerSessions(A, 2))
        follower = Follower()
        follower.last_id, follower.tree = new.headers["etag"].strip('"'), new.json()
        await follower.follow(client, stop=lambda: bool(follower.kinds))
        assert follower.kinds == ["patch"] and follower.tree == to_json(store.state)


async def test_following_interrupted_and_resumed() -> None:
    store = StateStore(interval=0.0)
    follower = Follower()
    async with Running(store).up() as client:
        for round_ in range(5):
            store.apply(e.ServerSessions(A, round_) if round_ else online())
            wanted = to_json(store.state)
            await follower.follow(client, stop=lambda wanted=wanted: follower.tree == wanted)
            await until(lambda: store.followers == 0)
        assert follower.kinds == ["state"] + ["patch"] * 4
        for unknown in ("nonsense", "-1", "9" * 30, "1", ""):
            follower.last_id, follower.tree = unknown, None
            await follower.follow(client, stop=lambda: follower.tree is not None)
            assert follower.kinds[-1] == "state" and follower.tree == to_json(store.state)
        after = await client.get("/api/events", params={"after": "x"})
        assert after.status_code == 422


async def test_a_problem_is_put_away() -> None:
    store = StateStore()
    store.apply(e.ProblemSeen("disk_full", "The disk is full.", A, at=1.0))
    store.apply(e.ModelUnloaded("org/small", "gated", "Ask its owner.", at=2.0))
    async with Running(store).up() as client:
        for key in (f"server:{A}:disk_full", "model:org/small", "never there"):
            answer = await client.delete(f"/api/problems/{key}")
            assert answer.status_code == 204 and key not in store.state.problems
    assert not store.state.problems


async def test_many_followers_and_thousands_of_events() -> None:
    store = StateStore()
    store.apply(e.AnswerAsked("r", at=0.0))
    followers = [Follower() for _ in range(8)]
    running = Running(store)
    loop = asyncio.get_running_loop()
    async with running.up() as client:
        tasks = [asyncio.create_task(follower.follow(client)) for follower in followers]
        await until(lambda: all(follower.tree is not None for follower in followers))
        began = loop.time()
        for i in range(10_000):
            store.apply(e.AnswerGrew("r", 1, at=float(i)))
            if i % 100 == 0:
                await asyncio.sleep(0)
        store.apply(e.NodeStops())
        took = loop.time() - began
        store.close()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)
    for follower in followers:
        assert follower.ended, "the end of the node is the end of the stream, not an error"
        assert follower.tree == to_json(store.state)
        assert follower.tree["chats"]["r"]["tokens"] == 10_000
        assert len(follower.kinds) <= 3 + took / 0.05
    assert store.followers == 0


async def test_silence_is_filled_with_comments() -> None:
    store = StateStore()
    follower = Follower()
    async with Running(store, keep_alive=0.02).up() as client:
        await follower.follow(client, stop=lambda: follower.comments >= 3)
    assert follower.kinds == ["state"]


async def test_a_client_that_goes_away_is_forgotten() -> None:
    store = StateStore()
    async with Running(store, max_followers=1).up() as client:
        for _ in range(3):  # its place is free again each time
            follower = Follower()
            await follower.follow(client, stop=lambda: follower.tree is not None)  # noqa: B023
            await until(lambda: store.followers == 0)


async def _mute(url: str, headers: str = "") -> socket.socket:
    """A client that asks for the stream and never reads a byte of it."""
    host, port = url.removeprefix("http://").split(":")
    mute = socket.socket()
    mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    mute.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(mute, (host, int(port)))
    await loop.sock_sendall(mute, f"GET /api/events HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}\r\n".encode())
    return mute


async def test_behind_the_door_of_the_node_with_clients_that_do_not_read() -> None:
    """With the application and the server that a node really uses."""
    store = StateStore(interval=0.0)
    port = 0
    app = make_app(token=TOKEN, port_of=lambda: port, routers=[router(store, max_followers=4)])
    server = await serve(app)
    port = server.port
    mutes = []
    try:
        async with client_of(server.url, {"Authorization": f"Bearer {TOKEN}"}) as client:
            refused = await client.get("/api/events", headers={"Authorization": "Bearer wrong"})
            assert refused.status_code == 401 and store.followers == 0
            mutes = [await _mute(server.url, f"Authorization: Bearer {TOKEN}\r\n") for _ in range(3)]
            follower = Follower()
            following = asyncio.create_task(follower.follow(client))
            await until(lambda: store.followers == 4)
            full = await client.get("/api/events")
            assert full.status_code == 429 and full.json()["error"]["code"] == "too_many"
            for i in range(3000):
                store.apply(e.ProblemSeen(f"code_{i % 40}", "x" * 500, at=float(i)))
                if i % 10 == 0:
                    await asyncio.sleep(0)
            await until(lambda: follower.tree == to_json(store.state))
            store.apply(e.NodeStops())
            store.close()
            async with asyncio.timeout(PATIENCE):
                await following
            assert follower.ended and follower.tree["node"]["stopping"]
            async with asyncio.timeout(PATIENCE):
                await server.close()
        await until(lambda: store.followers == 0)
        assert server.connections == 0
    finally:
        for mute in mutes:
            mute.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await server.close()


def _document() -> Any:
    app = make_app(token=TOKEN, port_of=lambda: 0, routers=[router(StateStore())])
    return app.openapi()


@pytest.mark.filterwarnings("error")
def test_the_document_describes_what_is_sent() -> None:
    document = _document()
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": "#/components/schemas/State",
        "components": _closed(document["components"]),
    }
    validator = jsonschema_rs.validator_for(schema)
    for name, (events, _) in STORIES.items():
        tree = to_json(reduce(apply, events, State()))
        problems = [f"{problem.instance_path}: {problem.message}" for problem in validator.iter_errors(tree)]
        assert not problems, (name, problems)
    assert not validator.is_valid({**to_json(State()), "share": {"state": "dancing"}})
    ok = document["paths"]["/api/state"]["get"]["responses"]["200"]["content"]["application/json"]
    assert validator.is_valid(ok["example"])
    assert ok["schema"] == {"$ref": "#/components/schemas/State"}
    stream = document["paths"]["/api/events"]["get"]["responses"]["200"]["content"]
    assert set(stream) == {"text/event-stream"} and "event: patch" in stream["text/event-stream"]["example"]


def _closed(components: Any) -> Any:
    """With nothing allowed that is not described, so that a field nobody documented is found."""
    for schema in components["schemas"].values():
        if schema.get("type") == "object":
            schema["additionalProperties"] = False
            assert schema.get("description"), schema["title"]
    return components
