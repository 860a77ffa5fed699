"""Two servers, each its own ``meadow serve``, and ``meadow chat`` over them: events, exactness, what a person sees."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from real_processes import Command, Processes
from transformers import AutoTokenizer, LlamaForCausalLM

from meadow.cli.demo import PROMPT as PROMPT_OF_THE_DEMO
from meadow.resources import resource

PROMPT = "Why do bees swarm?"


@pytest.fixture(scope="module")
def swarm(tiny_chat_model: Path) -> Iterator[tuple[Processes, Command, Command]]:
    """Blocks 0:2 and 2:4 at one server each."""
    home = Path(tempfile.mkdtemp(prefix="m"))
    processes = Processes(home)
    try:
        first = processes.serve(tiny_chat_model, "0:2")
        online = first.wait_for("online")
        second = processes.serve(tiny_chat_model, "2:4", peers=online["initial_peers"])
        first.online, second.online = online, second.wait_for("online")  # type: ignore[attr-defined]
        yield processes, first, second
        processes.end()
        processes.assert_nothing_left()
    finally:
        processes.end()
        shutil.rmtree(home, ignore_errors=True)


def peers_of(command: Command) -> str:
    return ",".join(command.online["initial_peers"])  # type: ignore[attr-defined]


def plain_answer(model: Path, prompt: str, new: int, *, raw: bool = False) -> tuple[str, list[int]]:
    """What plain transformers answers, greedily."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    if raw:
        ids = tokenizer(prompt)["input_ids"]
    else:
        turns = [{"role": "user", "content": prompt}]
        ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True)["input_ids"]
    inputs = torch.tensor([ids])
    with torch.no_grad():
        output = LlamaForCausalLM.from_pretrained(model).generate(
            inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=new, do_sample=False
        )
    new_ids = output[0, len(ids) :].tolist()
    return tokenizer.decode(new_ids, skip_special_tokens=True), new_ids


def test_online_event(swarm: tuple[Processes, Command, Command], tiny_chat_model: Path) -> None:
    _, first, second = swarm
    for command, start, end in ((first, 0, 2), (second, 2, 4)):
        event = command.online  # type: ignore[attr-defined]
        assert event["model"] == str(tiny_chat_model)
        assert (event["start"], event["end"]) == (start, end)
        assert event["peer_id"].startswith("12D3KooW")
        assert re.fullmatch("[0-9a-f]{8}", event["server_id"])
        assert event["initial_peers"]
        assert all(address.startswith("/ip4/127.0.0.1/tcp/") for address in event["initial_peers"])
        assert all(address.endswith(event["peer_id"]) for address in event["initial_peers"])
    # The same home, at the same time: two nodes must not share an identity.
    assert first.online["peer_id"] != second.online["peer_id"]  # type: ignore[attr-defined]
    assert all(line.startswith("{") for line in first.lines)


def test_chat_equals_plain_transformers(swarm: tuple[Processes, Command, Command], tiny_chat_model: Path) -> None:
    processes, first, second = swarm
    command = processes.start(
        "chat", tiny_chat_model, "--initial-peers", peers_of(first), "--prompt", PROMPT, "--max-new-tokens", "24",
        "--greedy", "--threads", "1", "--json",
    )  # fmt: skip
    done = command.wait_for("done")
    assert command.exit_status() == 0
    text, ids = plain_answer(tiny_chat_model, PROMPT, 24)
    assert done["token_ids"] == ids
    assert done["text"] == text
    assert [(hop["start"], hop["end"]) for hop in done["route"]] == [(0, 2), (2, 4)]
    assert [hop["peer_id"] for hop in done["route"]] == [
        server.online["peer_id"]  # type: ignore[attr-defined]
        for server in (first, second)
    ]
    assert done["tokens_per_second"] > 0
    assert '"event": "done"' in command.lines[-1]
    assert all(line.startswith("{") for line in command.lines)


def test_prompt_on_standard_input_and_text_for_people(
    swarm: tuple[Processes, Command, Command], tiny_chat_model: Path
) -> None:
    processes, first, _ = swarm
    question = processes.home / "question.txt"
    question.write_text(PROMPT)
    with question.open() as stdin:
        command = processes.start(
            "chat", tiny_chat_model, "--initial-peers", peers_of(first), "--max-new-tokens", "24", "--greedy",
            "--raw", stdin=stdin,
        )  # fmt: skip
        assert command.exit_status() == 0
    text, _ = plain_answer(tiny_chat_model, PROMPT, 24, raw=True)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", command.stdout)
    printable = "".join(c for c in text if c.isprintable())
    assert [c for c in command.stdout if c.isprintable()] == list(printable)
    assert "tokens/s over 2 servers: blocks 0:2 on " in command.stderr


def test_sampling_with_a_seed_repeats(swarm: tuple[Processes, Command, Command], tiny_chat_model: Path) -> None:
    processes, first, _ = swarm
    answers = []
    for _ in range(2):
        status, events = processes.inside(
            "chat", tiny_chat_model, "--initial-peers", peers_of(first), "--prompt", PROMPT, "--max-new-tokens", "16",
            "--temperature", "1.5", "--seed", "7",
        )  # fmt: skip
        assert status == 0
        answers.append(events[-1]["token_ids"])
    _, greedy = plain_answer(tiny_chat_model, PROMPT, 16)
    assert answers[0] == answers[1] != greedy


def test_models_lists_what_is_up(swarm: tuple[Processes, Command, Command], tiny_chat_model: Path) -> None:
    processes, first, second = swarm
    status, (model, *_) = processes.inside("models", "--initial-peers", peers_of(second))
    assert status == 0
    assert model["name"] == tiny_chat_model.name
    assert model["num_blocks"] == 4
    assert model["missing"] == []
    assert sorted((server["start"], server["end"]) for server in model["servers"]) == [(0, 2), (2, 4)]
    assert model["fingerprint"] == first.online["fingerprint"]  # type: ignore[attr-defined]


def test_blocks_that_nobody_serves_are_named(processes: Processes, tiny_chat_model: Path) -> None:
    peers = processes.serve(tiny_chat_model, "0:3").wait_for("online")["initial_peers"]
    status, (*_, error) = processes.inside("chat", tiny_chat_model, "--initial-peers", ",".join(peers), "--prompt", "x")
    assert error["code"] == "blocks_missing"
    assert "3:4" in error["message"] or "block 3" in error["message"]
    assert "meadow serve" in error["message"]
    assert status == 1
    _, (model, *_) = processes.inside("models", "--initial-peers", ",".join(peers))
    assert model["missing"] == [[3, 4]]


def test_demo_without_a_terminal(processes: Processes) -> None:
    """What a newcomer runs first: the bundled model says over two servers what it says in one piece."""
    command = processes.start("demo")
    assert command.exit_status() == 0, command.stderr
    answer, _ = plain_answer(resource("demo-model"), PROMPT_OF_THE_DEMO, 256)
    result, _, route = command.stdout.rstrip().rpartition("\n")
    assert result == f"> {PROMPT_OF_THE_DEMO}\n{answer}"
    assert re.search(r"[0-9.]+ tokens/s over 2 servers: blocks 0:\d+ on \w+ \w+, then blocks", route)
    assert "toy" in command.stderr


def test_demo_in_a_terminal(processes: Processes, endless_chat_model: Path) -> None:
    """A person asks for help, stops one answer with Esc and another with Ctrl+C, and leaves with Ctrl+D."""
    person = processes.at_terminal("demo", "--model", endless_chat_model, "--max-new-tokens", "20000")
    person.sees("\n> ")
    person.types("/help\n")
    person.sees("/quit    leave")
    for key in ("\x1b", "\x03"):
        person.sees("\n> ")
        person.types("Hello\n")
        person.sees("Hello\r\n")
        person.sees_anything()  # of the answer
        person.types(key)
        person.sees("[stopped, ")
    person.sees("\n> ")
    person.types("/route\n")
    person.sees("(12D3KooW")
    person.sees("\n> ")
    person.types("\x04")
    assert person.exit_status() == 0


def test_a_route_is_shown_and_explained(swarm: tuple[Processes, Command, Command], tiny_chat_model: Path) -> None:
    processes, first, _ = swarm
    peers = ("--initial-peers", peers_of(first))
    status, (route, why, *_) = processes.inside("route", tiny_chat_model.name, "--why", *peers)
    assert status == 0 and [(hop["start"], hop["end"]) for hop in route["hops"]] == [(0, 2), (2, 4)]
    assert route["ring_seconds"] > 0 and all(hop["compute_seconds"] > 0 for hop in route["hops"])
    assert why["lines"][0].startswith("1. blocks 0:2")
    assert "Nobody else could take over blocks 0:2." in why["lines"][1]
    status, (*_, error) = processes.inside("route", "no-such-model", *peers)
    assert status == 1 and error["code"] == "unknown_model" and tiny_chat_model.name in error["message"]
