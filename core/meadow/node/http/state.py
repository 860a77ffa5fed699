"""The state tree over HTTP: as it is (GET /api/state), and as it changes (GET /api/events). See docs/node-state.md.

It is read only, but for one thing: a person who has read about a problem can put it away.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import JSONResponse, Response

from meadow.errors import MeadowError
from meadow.node.changes import StateStore
from meadow.node.events import ProblemGone
from meadow.node.http.sse import KEEP_ALIVE, EventStream, encode_event
from meadow.node.sharing import ShareReason, ShareState, Wanted
from meadow.node.state import Node, Server, Share, State, Swarm, frozen
from meadow.node.state_json import to_json
from meadow.node.state_words import ServerStatus, SwarmStatus

MAX_FOLLOWERS: Final = 64
_RETRY: Final = b"retry: 1000\n\n"
_ETAG: Final = re.compile(r'(?:W/)?"?(\d{1,16})"?')
_BIGGEST: Final = 2**53

_EXAMPLE: Final = to_json(
    State(
        node=Node(version="0.1.0", pid=4711, started=1.8e9, url="http://127.0.0.1:8017", name="Quiet Fern"),
        swarm=Swarm(status=SwarmStatus.JOINED, num_peers=12),
        share=Share(
            state=ShareState.SHARING,
            reason=ShareReason.SERVING,
            text="Sharing blocks 0:12 of Qwen/Qwen3-8B, 2 sessions now.",
            wanted=Wanted.ON,
            was_on=True,
            model="Qwen/Qwen3-8B",
            sessions=2,
        ),
        servers=frozen(
            {
                "0a1b2c3d": Server(
                    "0a1b2c3d",
                    "Qwen/Qwen3-8B",
                    ServerStatus.ONLINE,
                    end=12,
                    num_blocks=36,
                    dtype="bfloat16",
                    throughput=54.2,
                    sessions=2,
                )
            }
        ),
    )
)
_STREAM_EXAMPLE: Final = (
    _RETRY
    + encode_event({"version": 1, "share": {"state": "off"}}, event="state", id=1799999999000001)
    + encode_event({"share": {"state": "starting", "reason": "loading"}}, event="patch", id=1799999999000007)
).decode()
_STATE_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The tree. A field without a value is absent, never null.",
        "headers": {"ETag": {"description": "The number of this tree.", "schema": {"type": "string"}}},
        "content": {"application/json": {"example": _EXAMPLE}},
    },
    304: {"description": "Nothing has changed since the tree with this ETag."},
}
_EVENTS_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": (
            "Server-Sent Events that go on until either side ends. `state`: the whole tree, replace yours. `patch`: a "
            "JSON merge patch (RFC 7396), apply it to yours. `id` is the number to come back with. At most twenty "
            "events a second; a comment every 15 seconds of silence."
        ),
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _STREAM_EXAMPLE}},
    },
}


def router(store: StateStore, *, keep_alive: float = KEEP_ALIVE, max_followers: int = MAX_FOLLOWERS) -> APIRouter:
    """The routes. ``keep_alive``: seconds of silence before a comment."""
    api = APIRouter(prefix="/api", tags=["state"])
    streams = 0

    @api.get("/state", response_model=State, responses=_STATE_RESPONSES, summary="The state of the node")
    async def get_state(if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """Everything that the node lets others see: what it is, what it shares and why not, who is there, what is
        under way, and what went wrong. Never text of chats."""
        if if_none_match is not None and _number(if_none_match) == store.seq:
            return Response(status_code=304, headers={"etag": f'"{store.seq}"'})
        seq, tree = store.current()
        return JSONResponse(tree, headers={"etag": f'"{seq}"', "cache-control": "no-store"})

    @api.get(
        "/events", status_code=200, response_class=EventStream, responses=_EVENTS_RESPONSES, summary="Follow the state"
    )
    async def get_events(
        last_event_id: Annotated[
            str | None, Header(description="The id of the last event that you have; the stream goes on from there.")
        ] = None,
        after: Annotated[
            int | None, Query(ge=0, lt=_BIGGEST, description="The same, for those who cannot set the header.")
        ] = None,
    ) -> Response:
        """First the whole tree, or, for those who come back soon with the id of their last event, what has changed
        since; then every change as it happens."""
        nonlocal streams
        if streams >= max_followers:
            raise MeadowError(f"{max_followers} programs follow this node already. Close one of them.", code="too_many")
        seq = after if last_event_id is None else _number(last_event_id)

        async def events() -> AsyncGenerator[bytes, None]:
            nonlocal streams
            streams += 1
            followed = store.follow(seq)
            try:
                yield _RETRY
                async for number, kind, data in followed:
                    yield encode_event(data, event=kind, id=number)
            finally:
                streams -= 1
                await followed.aclose()

        return EventStream(events(), stopping=store.closed, keep_alive=keep_alive)

    @api.delete("/problems/{key:path}", status_code=204, summary="Put a problem away")
    async def put_away(
        key: Annotated[str, Path(max_length=600, description="Its key in `problems` of the state.")],
    ) -> None:
        """The person has read it. If it happens again, it is shown again. Harmless if it is not there (any more)."""
        store.apply(ProblemGone(key))

    return api


def _number(text: str) -> int | None:
    """The number in a Last-Event-ID or an ETag; None for what we have never said."""
    match = _ETAG.fullmatch(text.strip())
    return int(match[1]) if match else None
