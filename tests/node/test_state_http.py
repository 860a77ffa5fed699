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
from meadow.node.state import State, to_json

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
