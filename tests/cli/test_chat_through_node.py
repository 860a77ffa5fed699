"""``meadow chat`` through a running node: at once, the same tokens as without it, stopped at once, stored nowhere."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_node import LiveNode, live_node
from real_processes import Processes

from meadow.chat.turn import Sampling
from meadow.cli.chat_model import coming, find, not_up
from meadow.cli.chat_node import NodeConversation
from meadow.cli.remote import Remote
from meadow.errors import MeadowError

PROMPT = "Why do bees swarm?"
SHORT = ("--prompt", PROMPT, "--greedy", "--max-new-tokens", "16")


@pytest.fixture(scope="module")
def node(endless_chat_model: Path) -> Iterator[LiveNode]:
    """It serves the whole model, whose answers only end when they are stopped or long enough."""
    with live_node("--new-swarm") as running:
        running.client.post("/api/share", json={"model": str(endless_chat_model)}).raise_for_status()
        running.wait_until_up()
        yield running


@pytest.fixture
def person(node: LiveNode) -> Iterator[Processes]:
    """Runs commands with the home of the node."""
    processes = Processes(node.home)
    yield processes
    processes.end()
    processes.assert_nothing_left(sockets=False)


def test_the_same_answer_as_without_the_node(node: LiveNode, person: Processes, endless_chat_model: Path) -> None:
    code = "import sys\nfrom meadow.cli import main\nstatus = main(sys.argv[1:])\n"
    code += "print([name for name in ('torch', 'transformers', 'hivemind') if name in sys.modules])\nsys.exit(status)"
    ran = subprocess.run(
        [sys.executable, "-c", code, "--home", str(node.home), "chat", *SHORT, "--json"],
        capture_output=True, text=True, env=os.environ, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    *lines, heavy = ran.stdout.splitlines()
    assert heavy == "[]"
    events = [json.loads(line) for line in lines]
    assert [event["event"] for event in events if event["event"] != "token"] == ["starting", "ready", "done"]
    assert events[1]["model"] == endless_chat_model.name
    done = events[-1]

    addresses = ",".join(node.state()["swarm"]["addresses"])
    status, directly = person.inside("chat", endless_chat_model, "--initial-peers", addresses, *SHORT)
    assert status == 0, directly
    assert "node" not in directly[-2] and [event["event"] for event in directly].count("ready") == 1
    assert done.keys() == directly[-1].keys()
    for found in (done, directly[-1]):
        for hop in found["route"]:
            assert hop.pop("step_seconds") >= 0 <= hop.pop("queue_seconds")  # how long it took is never the same twice
    for name in ("text", "token_ids", "route", "stopped"):
        assert done[name] == directly[-1][name], name
    assert len(done["token_ids"]) == 16 and done["tokens_per_second"] > 0 and done["first_token_seconds"] > 0
    tokens = [event for event in events if event["event"] == "token"]
    assert [event["token_id"] for event in tokens] == done["token_ids"]
    assert "".join(event["text"] for event in tokens) == done["text"]
    assert node.client.get("/api/chats").json()["chats"] == []


def test_a_folder_that_the_node_serves_and_one_that_it_does_not(
    node: LiveNode, person: Processes, endless_chat_model: Path, tmp_path: Path
) -> None:
    status, events = person.inside("chat", endless_chat_model, *SHORT)
    assert status == 0 and events[1]["node"] == node.url and events[1]["model"] == endless_chat_model.name
    copy = shutil.copytree(endless_chat_model, tmp_path / "copy")
    settings = {"initial_peers": node.state()["swarm"]["addresses"]}
    node.client.patch("/api/settings", json=settings).raise_for_status()
    status, directly = person.inside("chat", copy, *SHORT)
    assert status == 0, directly
    ready = next(event for event in directly if event["event"] == "ready")
    assert "node" not in ready and ready["model"] == str(copy)
    assert directly[-1]["token_ids"] == events[-1]["token_ids"]


def test_sampling_with_a_seed_and_a_system_prompt(node: LiveNode, person: Processes) -> None:
    flags = ("--prompt", PROMPT, "--max-new-tokens", "12", "--temperature", "1.5", "--top-k", "50", "--seed")
    answers = [person.inside("chat", *flags, seed)[1][-1]["token_ids"] for seed in ("7", "7", "8")]
    assert answers[0] == answers[1] != answers[2]
    before = node.state()["node"]["totals"]["prompt_tokens"]
    person.inside("chat", *SHORT)
    between = node.state()["node"]["totals"]["prompt_tokens"]
    person.inside("chat", *SHORT, "--system", "You are a bee.")
    assert node.state()["node"]["totals"]["prompt_tokens"] - between > between - before


def test_turns_share_a_session_until_clear(node: LiveNode) -> None:
    def reused() -> int:
        return int(node.state()["node"]["totals"]["reused_tokens"])

    sampling = Sampling(max_new_tokens=16, greedy=True)
    with Remote(node.url, node.token) as remote:
        chat = NodeConversation(remote, node.client.get("/v1/models").json()["data"][0]["id"])
        assert chat.route() == []
        first = chat.answer(PROMPT, sampling)
        assert chat.route() == first.route and first.route[0].end == 4
        before = reused()
        chat.answer("And why not?", sampling)
        after = reused()
        assert after - before >= 16, "the answer before was not sent again"

        # Stopped after some tokens, with what there is in the conversation; the node is told.
        stop, seen = threading.Event(), list[int]()

        def count(token: int, text: str) -> None:
            seen.append(token)
            if len(seen) == 5:
                stop.set()

        answer = chat.answer("Go on.", Sampling(max_new_tokens=20_000, greedy=True), on_token=count, stop=stop)
        assert answer.stopped and 5 <= len(answer.token_ids) < 1000 and answer.tokens_per_second > 0
        assert answer.route == first.route
        node.wait_for(lambda state: not state.get("chats"))
        before = reused()
        chat.answer("Really?", sampling)
        assert reused() > before

        chat.clear()
        before = reused()
        assert chat.answer(PROMPT, sampling).token_ids == first.token_ids
        assert reused() == before
        chat.close()


def test_keys_stop_an_answer_in_a_terminal(node: LiveNode, person: Processes) -> None:
    terminal = person.at_terminal("chat", "--greedy", "--max-new-tokens", "20000")
    terminal.sees("through the node")
    for key in ("\x03", "\x1b"):
        terminal.sees("\n> ")
        terminal.types("Hello\n")
        terminal.sees("Hello\r\n")
        terminal.sees_anything()
        terminal.types(key)
        terminal.sees("[stopped, ")
        node.wait_for(lambda state: not state.get("chats"))
    terminal.sees("\n> ")
    terminal.types("/route\n")
    terminal.sees("Not known yet")
    terminal.types("/clear\n")
    terminal.sees("A new conversation.")
    terminal.types("/quit\n")
    assert terminal.exit_status() == 0


def test_a_name_that_the_node_does_not_list(person: Processes, endless_chat_model: Path) -> None:
    status, events = person.inside("chat", "owner/absent", "--prompt", "x")
    assert (status, events[-1]["code"]) == (1, "unknown_model")
    assert f"Up now: {endless_chat_model.name}." in events[-1]["message"]


@pytest.mark.parametrize(("flags", "why"), [((), "No node runs"), (("--raw",), "--raw leads past the node")])
def test_without_node_or_past_it_a_model_must_be_named(processes: Processes, flags: Any, why: str) -> None:
    status, events = processes.inside("chat", "--prompt", "x", *flags)
    assert (status, events[-1]["code"]) == (1, "no_model")
    assert why in events[-1]["message"]


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
TEXT = b'data: {"choices": [{"index": 0, "delta": {"content": "Bees"}, "token_ids": [5]}]}\n\n'
ERROR = b'data: {"error": {"message": "It is too long.", "code": "context_length_exceeded"}}\n\n'


@pytest.mark.parametrize(("last", "code"), [(b"", "node_ended"), (ERROR, "too_long"), (b"data: no\n\n", "not_a_node")])
def test_a_node_that_breaks_off(last: bytes, code: str) -> None:
    def serve() -> None:
        for _ in range(2):
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(
                    HEAD + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (TEXT, last) if part)
                )

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with Remote(url, "token") as remote:
            chat = NodeConversation(remote, "m")
            tokens: list[int] = []
            for _ in range(2):
                with pytest.raises(MeadowError) as caught:
                    chat.answer("Hello", Sampling(), on_token=lambda token, text: tokens.append(token))
                assert caught.value.code == code
        thread.join()
        assert tokens == [5, 5] and chat.route() == []
    with Remote(url, "token") as remote, pytest.raises(MeadowError) as caught:
        NodeConversation(remote, "m").answer("Hello", Sampling())
    assert caught.value.code == "no_node"


def state(*servers: dict[str, Any], status: str = "joined", **models: dict[str, Any]) -> dict[str, Any]:
    """A state tree as the node sends it."""
    return {
        "node": {"started": 0.0},
        "swarm": {"status": status, "models": {key: {"fingerprint": key, **model} for key, model in models.items()}},
        "servers": {str(number): server for number, server in enumerate(servers)},
    }


def test_which_model_is_meant() -> None:
    whole = {"name": "toy", "complete": True}
    part = {"name": "big", "hub_id": "owner/big", "missing": [[2, 4], [6, 8]]}
    server = {"model": "/models/toy", "status": "online", "fingerprint": "aa"}
    tree = state(server, aa=whole, bb=part)
    listed = [{"id": "owner/big", "ready": False}, {"id": "toy", "ready": True}]

    def ask(wanted: str | None, folder: str | None = None) -> tuple[str, bool] | None:
        found = find(wanted, folder, listed, tree)
        return None if found is None else (found.ask, found.ready)

    assert ask(None) == ask("toy") == ask("aa") == ask("./toy", "/models/toy") == ("toy", True)
    assert ask("owner/big") == ("owner/big", False)
    assert ask("else") is ask("./other", "/models/other") is None
    listed.append({"id": "toy@cc", "ready": True})
    assert ask("./toy", "/models/toy") == ("aa", True), "of two with one name the fingerprint decides"

    error = not_up("owner/big", find("owner/big", None, listed, tree), listed, tree)
    assert error.code == "blocks_missing"
    assert "nobody serves blocks 2:4, 6:8. `meadow share owner/big`" in str(error)
    assert not_up(None, None, [], state()).code == not_up("x", None, [], state()).code == "unknown_model"


@pytest.mark.parametrize(
    ("tree", "folder", "waits"),
    [
        (state(), None, False),
        (state(status="joining"), None, True),
        (state(status="joining"), "/models/toy", False),
        (state({"model": "/models/toy", "status": "starting"}), "/models/toy", True),
        (state({"model": "/models/toy", "status": "starting"}), "/models/other", False),
        (state({"model": "/models/toy", "status": "online", "fingerprint": "aa"}), "/models/toy", True),
        (state({"model": "/models/toy", "status": "online", "fingerprint": "aa"}, aa={"name": "toy"}), None, False),
        (state({"model": "/models/toy", "status": "failed"}), None, False),
    ],
)
def test_what_is_on_its_way_is_waited_for(tree: dict[str, Any], folder: str | None, waits: bool) -> None:
    assert coming(tree, folder) is waits
