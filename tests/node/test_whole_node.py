"""A whole node as a person has it: ``meadow node --demo``, its API, its conversations, its commands."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from live_node import MODEL, LiveNode, live_node
from test_chats_disk_full import namespace


@pytest.fixture(scope="module")
def node() -> Iterator[LiveNode]:
    with live_node() as running:
        running.wait_until_up()
        yield running


def test_the_official_client_talks_to_it(node: LiveNode) -> None:
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.token) as client:
        assert [model.id for model in client.models.list()] == [MODEL]
        messages: Any = [{"role": "user", "content": "What is a swarm?"}]
        whole = client.chat.completions.create(model=MODEL, messages=messages, temperature=0)
        parts = client.chat.completions.create(model=MODEL, messages=messages, temperature=0, stream=True)
        text = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
        assert text == whole.choices[0].message.content and len(text) > 20
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model="nobody/has-this", messages=messages)
        assert MODEL in str(caught.value), "the error names what there is"


def test_without_the_token_or_from_elsewhere_there_is_nothing(node: LiveNode) -> None:
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {node.token}", "host": "evil.example"},
        {"authorization": f"Bearer {node.token}", "origin": "https://evil.example"},
    ):
        for path in ("/v1/models", "/api/state", "/api/chats", "/openapi.json", "/metrics"):
            answer = httpx2.get(node.url + path, headers=headers, trust_env=False)
            assert answer.status_code in (401, 403), (path, headers, answer.status_code)
            assert MODEL not in answer.text and "Traceback" not in answer.text


def say(node: LiveNode, chat: str, text: str, **settings: Any) -> dict[str, Any]:
    """One turn of a conversation: the finished answer."""
    body: dict[str, Any] = {"content": text, "settings": {"temperature": 0, **settings}}
    sent = node.client.post(f"/api/chats/{chat}/messages", json=body, timeout=60)
    assert sent.status_code < 300, sent.text
    number = sent.json()["answer"]["id"]
    deadline = time.monotonic() + 120
    while True:
        message = node.client.get(f"/api/chats/{chat}/messages/{number}").json()
        if message["state"] != "streaming":
            return message
        assert time.monotonic() < deadline, message
        time.sleep(0.05)


def test_a_follow_up_in_a_long_chat_sends_only_its_new_tokens(node: LiveNode) -> None:
    """Bytes are counted: hidden states of 1,000 tokens of history do not travel again."""
    chat = node.client.post("/api/chats", json={"model": MODEL}).json()["id"]
    long = " ".join(["What is a swarm? A swarm is many machines."] * 95)
    first = say(node, chat, long, max_tokens=8)
    assert first["state"] == "complete", first
    before = node.state()["node"]["totals"]
    second = say(node, chat, "What is a block?", max_tokens=8)
    assert second["state"] == "complete", second
    after = node.state()["node"]["totals"]
    prompt = after["prompt_tokens"] - before["prompt_tokens"]
    reused = after["reused_tokens"] - before["reused_tokens"]
    sent = after["bytes_sent"] - before["bytes_sent"]
    assert prompt > 1000, f"the chat is too short to show anything: {prompt}"
    assert prompt - reused < 40
    width = json.loads((Path(__file__).parents[2] / "resources/demo-model/config.json").read_text())["hidden_size"]
    whole = prompt * width * 2
    print(f"{prompt} tokens of prompt, {reused} reused; {sent} bytes sent instead of {whole}")
    assert sent < whole / 8


def test_the_tree_counts_and_the_metrics_agree(node: LiveNode) -> None:
    assert node.client.get("/metrics").status_code == 404, "off by default"
    assert node.client.patch("/api/settings", json={"metrics.enabled": True}).status_code == 200
    try:
        figures = node.client.get("/metrics")
        assert figures.status_code == 200
        assert f"meadow_answers_total {float(node.state()['node']['totals']['answers'])}" in figures.text
    finally:
        assert node.client.patch("/api/settings", json={"metrics.enabled": None}).status_code == 200


def test_the_whole_document_describes_what_is_there(node: LiveNode) -> None:
    document = node.client.get("/openapi.json").json()
    for path in ("/v1/chat/completions", "/api/state", "/api/events", "/api/share", "/api/settings", "/api/chats"):
        assert path in document["paths"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation.get("summary") or operation.get("description"), path


def test_a_node_on_a_full_disk_waits_for_room(tmp_path: Path) -> None:
    command = namespace(tmp_path)
    if command is None:
        pytest.skip("not run: this system lets nobody mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = Path(__file__).with_name("node_on_full_disk.py")
    mount = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" "$3" "$1"'
    ended = subprocess.run(
        [*command, "sh", "-c", mount, "sh", str(disk), sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_demo_is_switched_off_and_its_model_says_so(node: LiveNode) -> None:
    """The last test with this node: its demo is gone then. The whole of it is in test_demo_swarm.py."""
    tree = node.state()
    assert tree["demo"]["status"] == "ready" and tree["demo"]["model"] == MODEL
    assert tree["share"]["state"] == "off" and tree["swarm"]["status"] == "joined"
    assert tree["node"]["peer_id"] != tree["demo"]["peer_id"]
    assert node.client.post("/api/demo", json={}).status_code == 202, "harmless when it is on"
    assert node.client.delete("/api/demo").status_code == 202
    state = node.wait_for(lambda s: not s["servers"])
    assert state["demo"]["status"] == "off" and not state["swarm"]["models"] and not state["problems"]
    assert len(node.processes("p2pd")) == 1 and not node.processes("meadow.server.process")
    assert node.client.get("/v1/models").json()["data"] == []
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello?"}]}
    refused = node.client.post("/v1/chat/completions", json=body)
    assert refused.status_code == 503 and refused.json()["error"]["code"] == "demo_off"
    assert refused.headers["x-should-retry"] == "false" and "Start the demo" in refused.text
    chat = node.client.post("/api/chats", json={"model": MODEL}).json()["id"]
    message = say(node, chat, "Hello?")
    assert message["state"] == "failed" and message["answer"]["error"]["code"] == "demo_off"
