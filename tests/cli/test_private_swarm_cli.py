"""Friends with a private swarm, each at a command line of their own; and somebody who was not invited."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_processes import Processes

from meadow.cli.arguments import parse


@pytest.fixture
def homes() -> Iterator[list[Processes]]:
    """Homes of an owner, a friend and a stranger."""
    root = Path(tempfile.mkdtemp(prefix="m"))
    people = []
    for name in "ofs":
        (root / name).mkdir()
        people.append(Processes(root / name))
    try:
        yield people
        for person in people:
            person.end()
            person.assert_nothing_left()
    finally:
        for person in people:
            person.end()
        shutil.rmtree(root, ignore_errors=True)


def say(person: Processes, *arguments: str, status: int = 0) -> dict[str, object]:
    got, events = person.inside("swarm", *arguments)
    assert got == status, events
    return events[-1]


def test_found_invite_join_chat_and_send_away(homes: list[Processes], tiny_chat_model: Path) -> None:
    owner, friend, stranger = homes
    street = say(owner, "new", "Street", "--by-invitation")
    first = owner.start("serve", tiny_chat_model, "--blocks", "0:2", "--threads", "1", "--json")
    first_online = first.wait_for("online")
    assert first_online["peer_id"] == street["owner"]
    # A second process of the owner's home has a key that the first one vouches for.
    second = owner.start("serve", tiny_chat_model, "--blocks", "2:4", "--threads", "1", "--json")
    second_online = second.wait_for("online")
    assert second_online["peer_id"] != street["owner"]

    link = str(say(owner, "invite", "--for", "Fern")["link"])
    assert say(friend, "join", link)["id"] == street["id"]
    ask = ("chat", tiny_chat_model, "--prompt", "Why?", "--max-new-tokens", "4", "--greedy", "--threads", "1")
    too_early, events = friend.inside(*ask)
    assert too_early == 1 and events[-1]["code"] == "not_member"
    node = friend.start("bootstrap", "--json")
    me = node.wait_for("online")["peer_id"]
    patiently(lambda: any(event.get("confirmed") for event in friend.inside("swarm")[1] if event.get("id")))
    status, events = friend.inside(*ask)
    assert status == 0, events
    peers = [hop["peer_id"] for hop in events[-1]["route"]]
    assert peers == [street["owner"], second_online["peer_id"]]

    members = [event for event in owner.inside("swarm", "members")[1] if event["event"] == "member"]
    assert [(one["peer_id"], one["note"], one["revoked"]) for one in members] == [(me, "Fern", False)]
    assert say(stranger, "join", link)["kind"] == "invitation", "that it was used is known to the owner's node only"
    outside, _ = stranger.inside(*ask, "--initial-peers", ",".join(first_online["initial_peers"]))
    assert outside == 1

    assert say(owner, "revoke", me)["peer_id"] == me
    patiently(lambda: friend.inside(*ask)[0] == 1)


def patiently(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_every_action_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("new", "join", "use", "invite", "members", "revoke", "leave"):
        with pytest.raises(SystemExit) as stopped:
            parse(["swarm", action, "--help"])
        assert stopped.value.code == 0
        assert len(capsys.readouterr().out) > 100
    with pytest.raises(SystemExit):
        parse(["swarm", "--help"])
    assert "What stays visible" in capsys.readouterr().out


def test_mistakes_are_explained(homes: list[Processes]) -> None:
    owner, friend, _ = homes
    assert say(owner, "join", "https://example.org", status=1)["code"] == "bad_link"
    assert say(owner, "use", "nothing", status=1)["code"] == "unknown_swarm"
    assert say(owner, "invite", status=1)["code"] == "unknown_swarm"
    say(owner, "new", "Street")
    assert say(owner, "invite", status=1)["code"] == "not_joined"
    assert say(owner, "members", status=1)["code"] == "unsupported"
    assert (
        say(owner, "revoke", "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo", status=1)["code"] == "unsupported"
    )
    assert say(owner, "leave", "Street", status=1)["code"] == "conflict"
    assert say(owner, "leave", "Street", "--yes")["event"] == "left"
    assert [event["in_use"] for event in friend.inside("swarm")[1]] == [True]
