"""Times as people write them, and the state tree in words."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta, timezone

import pytest

from meadow.cli import tell
from meadow.cli.arguments import parse
from meadow.cli.output import Output
from meadow.cli.share import follow, place
from meadow.cli.times import clock, moment, span
from meadow.errors import MeadowError

NOW = datetime(2030, 1, 15, 14, 30).astimezone()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1.5 h", 5400),
        ("2d", 172800),
        ("0s", 0),
        ("1H", 3600),
    ],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "ten minutes", "-5m", "1y", "h", "400d", "1h x", "1..5h"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        span(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18:30", datetime(2030, 1, 15, 18, 30)),
        ("9:05", datetime(2030, 1, 16, 9, 5)),
        ("14:30", datetime(2030, 1, 16, 14, 30)),
        ("tomorrow", datetime(2030, 1, 16, 8, 0)),
        ("2030-01-31T08:00", datetime(2030, 1, 31, 8, 0)),
        ("2030-01-31", datetime(2030, 1, 31)),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected.astimezone()


def test_a_moment_with_a_zone_of_its_own() -> None:
    assert moment("2030-01-31T08:00+05:00", NOW) == datetime(2030, 1, 31, 8, tzinfo=timezone(timedelta(hours=5)))


@pytest.mark.parametrize("text", ["", "25:00", "18:61", "soon", "2030-01-01", "2040-01-01", "18:30:77"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        moment(text, NOW)


def test_moments_for_people() -> None:
    assert clock(NOW + timedelta(hours=1), NOW) == "15:30"
    assert clock(NOW + timedelta(days=1), NOW) == "Wed 16 Jan, 14:30"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["pause", "--for", "10"], "90s, 10m"),
        (["pause", "--until", "soon"], "tomorrow"),
        (["pause", "--for", "1h", "--until", "18:00"], "not allowed with"),
        (["finish", "--within", "later"], "90s, 10m"),
        (["share", "m", "--blocks", "6"], "START:END"),
        (["node", "--port", "70000"], "between"),
        (["node", "--demo", "--new-swarm"], "not allowed with"),
        (["settings", "node.port", "1", "--reset"], "not allowed with"),
        (["stop", "now"], "unrecognized"),
    ],
)
def test_bad_flags(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(arguments)
    assert stopped.value.code == 2
    assert hint in capsys.readouterr().err


def test_a_model_for_the_node(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert place("owner/name") == "owner/name"
    assert place("./name") == f"{tmp_path}/name"
    (tmp_path / "owner" / "name").mkdir(parents=True)  # type: ignore[operator]
    assert place("owner/name") == f"{tmp_path}/owner/name"


TREE = {
    "node": {
        "peer_id": "me",
        "version": "0.1.0",
        "pid": 12,
        "started": NOW.timestamp() - 7500,
        "url": "http://127.0.0.1:4711",
        "name": "Quiet Fern",
        "totals": {"answers": 34, "failed_answers": 1},
    },
    "share": {"state": "draining", "text": "Finishing: 2 sessions still open.", "until": NOW.timestamp() + 600},
    "swarm": {
        "status": "joined",
        "num_peers": 1,
        "uplink": 2.5e6,
        "downlink": 12.34e6,
        "link_peers": 3,
        "models": {
            "aa": {"name": "big\x1b[31m", "num_blocks": 80, "num_servers": 3, "missing": [[3, 7], [9, 10]]},
            "bb": {"name": "toy", "hub_id": "owner/toy", "num_blocks": 6, "num_servers": 1, "complete": True},
        },
    },
    "demo": {"status": "starting", "step": 3, "steps": 6, "peer_id": "demo"},
    "servers": {
        "01": {
            "model": "toy",
            "start": 0,
            "end": 6,
            "status": "online",
            "throughput": 12.3,
            "prefill": 99.6,
            "sessions": 2,
        },
        "02": {
            "model": "toy",
            "start": 0,
            "status": "restarting",
            "restart": NOW.timestamp() + 9,
            "last_failure": "It was killed by SIGKILL.",
        },
    },
    "downloads": {"x": {"model": "toy", "progress": {"done": 1500, "total": 3000, "rate": 500.0, "seconds_left": 3.0}}},
    "sessions": {
        "01/other": {"server_id": "01", "peer_id": "other", "count": 2},
        "01/me": {"server_id": "01", "peer_id": "me", "count": 5},
        "01/demo": {"server_id": "01", "peer_id": "demo", "count": 7},
    },
    "chats": {"r1": {}},
    "problems": {"p": {"message": "The disk is full.", "advice": "Free some space."}},
}


def test_a_busy_node_in_words() -> None:
    assert tell.status(TREE, now=NOW.timestamp(), token_file="/home/me/api-token") == [
        "Node      Meadow 0.1.0, up for 2 h 5 min, process 12, others see it as Quiet Fern",
        "Sharing   Finishing: 2 sessions still open. At the latest at 14:40 that is over.",
        "Swarm     Joined. 1 other peer known. About 2.5 MB/s up and 12.3 MB/s down, measured with 3 peers.",
        "Demo      Starting, step 3 of 6.",
        "Server    blocks 0:6 of toy, online, 12 tokens/s (100 of a long input), 2 sessions",
        "Server    blocks 0: of toy, restarting, next try in 9 s. It was killed by SIGKILL.",
        "Download  toy, 1.5 kB of 3.0 kB, 500 B/s, 3 s left",
        "Model     owner/toy, 6 blocks, 1 server",
        "Model     big[31m, 80 blocks, 3 servers; nobody serves blocks 3:7, 9:10",
        "Answers   1 under way, 34 since the start, 1 failed",
        "API       OpenAI clients use http://127.0.0.1:4711/v1 with the token in /home/me/api-token",
        "Problem   The disk is full. Free some space.",
    ]
    assert tell.what_ends(TREE) == "With it end 1 answer under way and 2 sessions of others."


@pytest.mark.parametrize(
    ("demo", "line"),
    [
        ({"status": "off", "model": "toy"}, None),
        ({"status": "ready", "model": "toy"}, "Ready: toy can be chatted with; it stays on this machine."),
        ({"status": "failed", "message": "No room."}, "It could not be started. No room."),
        (
            {"status": "starting", "step": 0, "steps": 6, "message": "It was killed."},
            "Starting, step 0 of 6. It was killed.",
        ),
    ],
)
def test_the_demo_in_words(demo: dict[str, object], line: str | None) -> None:
    lines = [one.removeprefix("Demo").strip() for one in tell.status({"demo": demo}, now=0.0) if one.startswith("Demo")]
    assert lines == ([] if line is None else [line])


def test_a_tree_of_another_version_is_no_reason_to_fail() -> None:
    assert tell.status({}, now=0.0)[0] == "Node     Meadow"
    assert tell.what_ends({}) is None
    assert tell.waiting({}) == ("", None)


def test_a_name_cannot_begin_a_line_of_its_own() -> None:
    tree = {"swarm": {"models": {"a": {"name": "x\nProblem  trust me", "num_blocks": 1}}}}
    assert not any(line.startswith("Problem") for line in tell.status(tree, now=0.0))


def share(state: str, reason: str = "", wanted: str = "on", *, problem: float | None = None) -> dict[str, object]:
    problems = {} if problem is None else {"p": {"code": "memory", "message": "It is full.", "last": problem}}
    return {
        "share": {"state": state, "reason": reason, "wanted": wanted, "text": f"{state} {reason}."},
        "problems": problems,
    }


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([share("starting"), share("off", "turned_off", "off")], "share_ended"),
        ([share("starting"), share("draining", "finishing", "finishing")], "share_ended"),
        ([share("problem", "server_restarting"), share("problem", "server_failed")], "share_failed"),
        ([share("starting", problem=11.0), share("off", "turned_off", "off", problem=11.0)], "memory"),
        ([share("starting", problem=9.0), share("off", "turned_off", "off", problem=9.0)], "share_ended"),
        ([share("problem", "server_failed", problem=11.0)], "memory"),
        ([share("starting")], "node_ended"),
    ],
)
def test_waiting_for_what_never_comes(states: list[dict[str, object]], code: str) -> None:
    with pytest.raises(MeadowError) as caught:
        follow(iter(states), Output(json_lines=True), 10.0)
    assert caught.value.code == code


@pytest.mark.parametrize("last", [share("sharing", "serving"), share("waiting", "on_battery")])
def test_a_server_that_is_started_again_is_waited_for(last: dict[str, object]) -> None:
    states = [share("problem", "server_restarting"), share("starting"), last]
    assert follow(iter(states), Output(json_lines=True)) == 0


def test_the_tokens_of_today_are_said_once() -> None:
    shared = {"state": "sharing", "text": "Sharing blocks 0:4 of toy, 0 sessions now, 1,234 tokens today."}
    for share, said in [
        (shared, shared["text"]),
        ({"state": "off", "text": "Sharing is off."}, "Sharing is off. Today: 1,234 tokens."),
    ]:
        lines = tell.status({"share": {**share, "tokens_today": 1234}}, now=NOW.timestamp())
        assert [line.partition("Sharing")[2].strip() for line in lines if line.startswith("Sharing")] == [said]
