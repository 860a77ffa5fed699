"""What a node says about chats, for tests of the chat view-models with the fake Api."""

from __future__ import annotations

from typing import Any

from fakes import FakeLink, Request, settle

from meadow_app.chat.chats import Chats
from meadow_app.link.call import Failure

CHAT = "c" * 32
OTHER = "d" * 32
PEER, HERE = "12D3KooWpeerone", "12D3KooWhere"
TREE: dict[str, Any] = {
    "node": {"peer_id": HERE, "name": "Quiet Fern", "engine": {"status": "ready"}},
    "swarm": {
        "status": "joined",
        "models": {
            "ff": {
                "fingerprint": "ff",
                "name": "big",
                "hub_id": "owner/big",
                "num_blocks": 80,
                "complete": True,
                "missing": [],
                "num_servers": 2,
                "servers": {
                    f"{PEER}/a": {"peer_id": PEER, "server_id": "a", "start": 0, "end": 40, "name": "Plain Oak"},
                    f"{HERE}/b": {
                        "peer_id": HERE, "server_id": "b", "start": 40, "end": 80, "name": "Quiet Fern", "mine": True,
                    },
                },
            }
        },
    },
}  # fmt: skip


def chat(key: str = CHAT, title: str = "Stars", used: float = 1000.0, **fields: Any) -> dict[str, Any]:
    """A chat as the node tells it."""
    base = {"id": key, "title": title, "model": "owner/big", "system_prompt": "", "settings": {}, "deleted_at": None}
    return {**base, "created_at": used, "updated_at": used, **fields}


def question(number: int, content: str, parent: int | None = None, **fields: Any) -> dict[str, Any]:
    """A question as the node tells it."""
    return _message(number, "user", content, parent, "complete", None, fields)


def answer(
    number: int, content: str, parent: int, state: str = "complete", facts: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """An answer as the node tells it; ``facts`` beside its model."""
    return _message(number, "assistant", content, parent, state, {"model": "owner/big", **(facts or {})}, fields)


def _message(
    number: int, role: str, content: str, parent: int | None, state: str, facts: Any, fields: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": number, "chat_id": CHAT, "parent_id": parent, "role": role, "content": content, "state": state,
        "created_at": 1000.0, "answer": facts, "siblings": [number], **fields,
    }  # fmt: skip


class Node(FakeLink):
    """A fake link whose node has the given chats, and the given messages in chat ``CHAT``."""

    def __init__(self, *chats: dict[str, Any], messages: list[dict[str, Any]] | None = None, **state: Any) -> None:
        super().__init__(TREE, **state)
        self.chats = {one["id"]: one for one in chats}
        self.path = list(messages or [])
        self.running: int | None = None
        on = self.api.on
        on("GET", "/api/chats", self._list)
        on("GET", "/api/models/info", {"context": 32768})
        for key in (CHAT, OTHER):
            on("GET", f"/api/chats/{key}", lambda request: self.chats[request.path.rsplit("/", 1)[1]])
            on("GET", f"/api/chats/{key}/messages", self._page)
            on("DELETE", f"/api/chats/{key}", lambda request: self.chats.pop(request.path.rsplit("/", 1)[1]))
            on("PATCH", f"/api/chats/{key}", self._patched)

    def _list(self, request: Request) -> dict[str, Any]:
        ordered = sorted(self.chats.values(), key=lambda one: -one["updated_at"])
        after, limit = request.query.get("after"), request.query["limit"]
        start = next((at + 1 for at, one in enumerate(ordered) if one["id"] == after), 0)
        page = ordered[start : start + limit]
        return {"chats": page, "next": page[-1]["id"] if len(page) == limit else None}

    def _page(self, request: Request) -> dict[str, Any]:
        if CHAT not in request.path:
            return {"messages": [], "next": None, "running": None}
        before = request.query.get("before")
        end = next((at for at, one in enumerate(self.path) if one["id"] == before), len(self.path))
        page = self.path[max(0, end - request.query["limit"]) : end]
        following = page[0]["id"] if page and page[0]["parent_id"] is not None else None
        return {"messages": page, "next": following, "running": self.running}

    def _patched(self, request: Request) -> dict[str, Any]:
        key = request.path.rsplit("/", 1)[1]
        self.chats[key] = {**self.chats[key], **request.body}
        return self.chats[key]

    def sends(self, number: int = 10) -> None:
        """The next message gets ids ``number`` and ``number`` + 1, and its answer begins."""

        def sent(request: Request) -> dict[str, Any]:
            asked = question(number, request.body["content"], number - 1)
            begun = answer(number + 1, "", number, "streaming")
            return {"question": asked, "answer": begun}

        self.api.on("POST", f"/api/chats/{CHAT}/messages", sent)

    def refuses(self, method: str, path: str, code: str, message: str, status: int = 400) -> None:
        """From now on."""
        self.api.on(method, path, Failure(code, message, status))


def opened(node: Node) -> Chats:
    """The view-model with chat ``CHAT`` open, when that is in the node."""
    chats = Chats(node)  # type: ignore[arg-type]
    settle()
    if CHAT in node.chats:
        chats.open(CHAT)
        settle()
    return chats
