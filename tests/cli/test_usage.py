"""Mistakes of the person at the keyboard: one clear sentence, the right exit status, never a traceback."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from real_processes import Processes

from meadow.cli.arguments import parse
from meadow.cli.models import spans
from meadow.cli.output import duration, plain, size

COMMANDS = (
    *("demo", "serve", "chat", "models", "bootstrap"),
    *("node", "status", "share", "pause", "resume", "finish", "stop", "settings", "swarm"),
)
NOBODY = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"


def last_error(processes: Processes, *arguments: str | Path) -> dict[str, str]:
    """Run a command with --json that must fail with an explained error; returns that."""
    status, events = processes.inside(*arguments)
    assert status == 1
    assert events[-1]["event"] == "error"
    return events[-1]


def test_help_is_fast_and_complete() -> None:
    """Importing torch would take seconds: help must not."""
    code = "import sys\nfrom meadow.cli import main\ntry: main(['--help'])\nfinally: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "False"
    assert all(f"\n    {name}" in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_by_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse([name, "--help"])
    assert stopped.value.code == 0
    assert f"examples:\n  meadow {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["serve", "m", "--blocks", "3"], "START:END"),
        (["serve", "m", "--blocks", "5:5"], "START:END"),
        (["serve", "m", "--blocks", "-1:3"], "--blocks"),
        (["serve", "m", "--initial-peers", "localhost:80"], "multiaddrs"),
        (["serve", "m", "--initial-peers", ","], "multiaddrs"),
        (["chat", "m", "--initial-peers", "/ip4/127.0.0.1/tcp/9"], "/p2p/"),
        (["chat", "m", "--initial-peers", f"{NOBODY},/ip4/127.0.0.1/tcp/9"], "'/ip4/127.0.0.1/tcp/9'"),
        (["models", "--initial-peers", "/ip4/127.0.0.1/udp/9/quic/p2p/" + NOBODY.rpartition("/")[2]], "/tcp/"),
        (["serve", "m", "--host-maddrs", "0.0.0.0:31337"], "listen on"),
        (["serve", "m", "--host-maddrs", NOBODY], "listen on"),
        (["bootstrap", "--host-maddrs", "/ip4/300.0.0.1/tcp/1"], "IP address"),
        (["bootstrap", "--host-maddrs", "/ip4/::1/tcp/1"], "IP address"),
        (["bootstrap", "--host-maddrs", "/dns/localhost/tcp/1"], "IP address"),
        (["bootstrap", "--host-maddrs", "/ip4/127.0.0.1/tcp/65536"], "65535"),
        (["serve", "m", "--new-swarm", "--initial-peers", NOBODY], "not allowed with"),
        (["serve", "m", "--dtype", "int8"], "bfloat16"),
        (["serve", "m", "--threads", "0"], "between"),
        (["chat", "m", "--max-new-tokens", "many"], "not a number"),
        (["chat", "m", "--frobnicate"], "unrecognized"),
        (["dance"], "invalid choice"),
        ([], "required"),
    ],
)
def test_bad_flags(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(arguments)
    assert stopped.value.code == 2
    assert hint in capsys.readouterr().err


def test_addresses_that_are_right() -> None:
    named = NOBODY.replace("/ip4/127.0.0.1", "/dns4/peer.example")
    options = parse(["serve", "m", "--initial-peers", f"{NOBODY}, {named}", "--initial-peers", NOBODY])
    assert options.initial_peers == [NOBODY, named, NOBODY]
    options = parse(["bootstrap", "--host-maddrs", "/ip4/0.0.0.0/tcp/0,/ip6/::/tcp/31337"])
    assert options.host_maddrs == ["/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/31337"]


def test_flags_before_and_after_an_action_mean_the_same() -> None:
    before, after = parse(["models", "--json", "check", "m"]), parse(["models", "check", "m", "--json"])
    assert before.json is after.json is True
    assert parse(["models", "--home", "h", "manifest", "p"]).home == Path("h")


def test_unknown_model(processes: Processes) -> None:
    error = last_error(processes, "serve", "no such folder", "--new-swarm")
    assert error["code"] == "unknown_model"
    assert "no such folder" in error["message"]


def test_blocks_out_of_range(processes: Processes, tiny_chat_model: Path) -> None:
    error = last_error(processes, "serve", tiny_chat_model, "--blocks", "2:9", "--new-swarm")
    assert "2:9" in error["message"]
    assert "0:4" in error["message"]


def test_initial_peers_that_do_not_answer(processes: Processes, tiny_chat_model: Path) -> None:
    error = last_error(processes, "serve", tiny_chat_model, "--initial-peers", NOBODY)
    assert error["code"] == "no_peers"
    assert NOBODY in error["message"]
    assert last_error(processes, "chat", tiny_chat_model, "--initial-peers", NOBODY, "--prompt", "x") == error


def test_no_peer_is_known(processes: Processes, tiny_chat_model: Path) -> None:
    error = last_error(processes, "chat", tiny_chat_model, "--prompt", "x")
    assert error["code"] == "no_peers"
    assert "--initial-peers" in error["message"]
    assert "meadow demo" in error["message"]


def test_damaged_settings(processes: Processes, tiny_chat_model: Path) -> None:
    (processes.home / "settings.json").write_text("{")
    assert last_error(processes, "chat", tiny_chat_model, "--prompt", "x")["code"] == "settings"


def test_port_in_use(processes: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"/ip4/127.0.0.1/tcp/{taken.getsockname()[1]}"
        error = last_error(processes, "bootstrap", "--new-swarm", "--host-maddrs", address)
    assert error["message"].startswith(f"Another program uses a port of {address}")
    assert "{" not in error["message"]


def test_an_address_of_another_machine(processes: Processes) -> None:
    error = last_error(processes, "bootstrap", "--new-swarm", "--host-maddrs", "/ip4/192.0.2.7/tcp/31337")
    assert error["message"].startswith("An address of /ip4/192.0.2.7/tcp/31337 does not belong to this machine.")
    assert "{" not in error["message"]


def test_what_p2pd_said_is_for_those_who_debug(processes: Processes) -> None:
    command = processes.run("bootstrap", "--new-swarm", "--host-maddrs", "/ip4/192.0.2.7/tcp/31337", "--debug")
    assert command.exit_status() == 1
    assert "p2pd said: " in command.stderr
    assert "cannot assign requested address" in command.stderr


def test_chat_without_a_tokenizer(processes: Processes, tiny_chat_model: Path, tmp_path: Path) -> None:
    model = shutil.copytree(tiny_chat_model, tmp_path / "model")
    (model / "tokenizer.json").unlink()
    peer = processes.start("bootstrap", "--new-swarm", "--json").wait_for("online")["initial_peers"][0]
    error = last_error(processes, "chat", model, "--initial-peers", peer, "--prompt", "x")
    assert "tokenizer.json" in error["message"]


def test_manifest_then_check(processes: Processes, tiny_chat_model: Path, tmp_path: Path) -> None:
    model = shutil.copytree(tiny_chat_model, tmp_path / "model")
    _, (before,) = processes.inside("models", "check", model)
    assert before["num_blocks"] == 4
    assert before["client_bytes"] + 4 * before["block_bytes"] == before["total_bytes"]
    for _ in range(2):  # one that is there is replaced
        assert processes.inside("models", "manifest", model)[0] == 0
    _, (after,) = processes.inside("models", "check", model)
    assert (before["verification"], after["verification"]) == ("not verified by content", "verified by content")
    weights = bytearray((model / "model.safetensors").read_bytes())
    header_end = 8 + int.from_bytes(weights[:8], "little")
    start, _ = json.loads(weights[8:header_end])["model.layers.0.mlp.up_proj.weight"]["data_offsets"]
    weights[header_end + start] ^= 1
    (model / "model.safetensors").write_bytes(weights)
    assert last_error(processes, "serve", model, "--new-swarm")["code"] == "damaged_checkpoint"


def test_text_from_others_cannot_steer_the_terminal() -> None:
    assert plain("a\x1b[31mb\x07\u202e\u2066c\r\nd\te\x9b1m\ud800") == "a[31mbc\nd\te1m"
    assert plain("Grüße, 你好, 👩\u200d🌾") == "Grüße, 你好, 👩\u200d🌾"


def test_figures_for_people() -> None:
    assert [size(0), size(999), size(1500), size(2.5e9), size(3e15)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2.5 GB",
        "3000.0 TB",
    ]
    assert [duration(3), duration(125), duration(7500)] == ["3 s", "2 min", "2 h 5 min"]


def test_spans_of_missing_blocks() -> None:
    assert spans({5, 0, 1, 2, 7, 8}) == [(0, 3), (5, 6), (7, 9)]
    assert spans(set()) == []
