"""Models of a hub through a node: looked at, fetched, cancelled, resumed, deleted; and a token that stays private."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import HubServer
from live_node import LiveNode, live_node
from tiny_models import save_chat_model

MODEL = "owner/tiny"
TOKEN = "hf_" + "sEcret7" * 5


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    save_chat_model(tmp_path / "model")
    with HubServer(token=TOKEN) as server:
        server.add(MODEL, tmp_path / "model")
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield server


def get(node: LiveNode, path: str, **query: str) -> Any:
    answer = node.client.get(path, params=query, timeout=120)
    assert answer.status_code == 200, answer.text
    return answer.json()


def fetch(node: LiveNode) -> None:
    assert node.client.post("/api/models/fetch", json={"model": MODEL}).status_code == 202


def fetched(node: LiveNode) -> bool:
    """Whether a fetch has ended well."""
    node.wait_for(lambda s: f"chat:{MODEL}" not in s["downloads"])
    assert not node.state()["problems"], node.state()["problems"]
    return get(node, "/api/models/info", model=MODEL)["chat_part_missing_bytes"] == 0


@pytest.mark.full
@pytest.mark.timeout(300)
def test_from_a_gated_model_to_a_free_disk(hub: HubServer) -> None:
    with live_node("--new-swarm") as node:
        hub.faults.gated = True
        info = get(node, "/api/models/info", model=MODEL)
        assert info["gated"] is True and "accept its terms" in info["reason"] and "num_blocks" not in info
        node.wait_for(lambda s: s["node"]["engine"]["status"] == "ready")
        fetch(node)
        problem = node.wait_for(lambda s: f"model:{MODEL}" in s["problems"])["problems"][f"model:{MODEL}"]
        assert (problem["code"], problem["remedy"]) == ("gated", "hub_token")

        assert get(node, "/api/hub-token") == {"set": False}
        answer = node.client.put("/api/hub-token", json={"token": TOKEN})
        assert answer.json() == get(node, "/api/hub-token") == {"set": True}
        info = get(node, "/api/models/info", model=MODEL)
        assert info["supported"] and not info["gated"] and info["num_blocks"] > 0 and info["hidden_size"] > 0
        assert info["chat_part_missing_bytes"] == info["chat_part_bytes"] > 0 < info["block_bytes"]

        # Cancelled in the middle; what is there stays.
        hub.faults.slow = 0.5
        fetch(node)
        node.wait_for(lambda s: s["downloads"].get(f"chat:{MODEL}", {}).get("progress", {}).get("done", 0) > 0)
        assert node.client.delete(f"/api/models/local?model={MODEL}").json()["error"]["code"] == "conflict"
        assert node.client.delete(f"/api/downloads/chat:{MODEL}").status_code == 202
        node.wait_for(lambda s: f"chat:{MODEL}" not in s["downloads"])
        assert not node.state()["problems"], "nothing went wrong: somebody wanted that"
        deadline = time.monotonic() + 30
        while (left := get(node, "/api/models/info", model=MODEL)["chat_part_missing_bytes"]) == info[
            "chat_part_bytes"
        ]:
            assert time.monotonic() < deadline
        assert 0 < left < info["chat_part_bytes"]

        # Fetched again, only the rest comes.
        hub.faults.slow = 0.0
        before = hub.bytes_sent()
        fetch(node)
        assert fetched(node)
        assert left <= hub.bytes_sent() - before < info["chat_part_bytes"] + 20_000
        models = get(node, "/api/models")
        assert [entry["model"] for entry in models["recent"]] == [MODEL]
        assert models["local"][0]["model"] == MODEL and models["local"][0]["bytes"] >= info["chat_part_bytes"]
        assert models["demo"]["model"] == "demo-model"

        # The token was seen by the hub and by nobody else, and is nowhere but in its file.
        assert any(request.headers.get("Authorization") == f"Bearer {TOKEN}" for request in hub.requests)
        assert all("Authorization" not in request.headers for request in hub.requests if request.host == "cdn")
        holders = [file for file in node.home.rglob("*") if file.is_file() and TOKEN.encode() in file.read_bytes()]
        assert holders == [node.home / "hub-token"] and holders[0].stat().st_mode & 0o077 == 0
        for process in node.processes(""):
            assert TOKEN not in " ".join(process.cmdline()) and TOKEN not in process.environ().values()
        assert TOKEN not in json.dumps([node.state(), get(node, "/api/settings"), get(node, "/openapi.json")])
        assert node.client.delete("/api/hub-token").json() == {"set": False}
        assert not (node.home / "hub-token").exists()

        freed = node.client.delete("/api/models/local", params={"model": MODEL}).json()["freed_bytes"]
        assert freed >= info["chat_part_bytes"] and get(node, "/api/models")["local"] == []
        assert not list((node.home / "cache" / "models").glob("*/owner--tiny*"))
        again = node.client.delete("/api/models/local", params={"model": MODEL})
        assert (again.status_code, again.json()["error"]["code"]) == (404, "unknown_model")
