"""What the children and the supervisor say becomes events of the tree; what nobody understands becomes nothing."""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meadow.chat.messages import NAMES, to_message
from meadow.chat.request import Delta, Done, Finished, Hop, Started
from meadow.node import events as e
from meadow.node.apply import apply
from meadow.node.child_events import from_child
from meadow.node.state import Progress, State
from meadow.node.state_json import to_json
from meadow.node.state_words import EngineStatus, Phase, SwarmStatus

A = "0000aaaa"
PROGRESS = {"done": 5, "total": 10, "rate": 2.5, "seconds_left": None}
ONLINE = {
    "event": "online",
    "server_id": A,
    "model": "org/small",
    "start": 0,
    "end": 4,
    "peer_id": "peer",
    "initial_peers": ["/ip4/127.0.0.1/tcp/1/p2p/peer"],
    "num_blocks": 8,
    "fingerprint": "ff",
    "dtype": "float32",
    "throughput": 12.5,
    "prefill": 90.0,
    "verification": "hub",
}
HOP = Hop("peer", A, 0, 4)
# As they are in server/process.py, node/supervisor.py, node/member.py and chat/messages.py.
MESSAGES: list[tuple[dict[str, Any], e.Event | None]] = [
    (
        {"event": "batching", "server_id": A, "mode": "packed", "reason": "It does.", "longest": 2048},
        e.ServerBatching(A, "packed", "It does.", 2048),
    ),
    (
        {"event": "starting", "server_id": A, "step": 1, "steps": 5, "text": "opening the model"},
        e.ServerStarting(A, Phase.OPENING, 1, 5),
    ),
    (
        {"event": "starting", "server_id": A, "step": 2, "steps": 5, "text": "downloading"},
        e.ServerStarting(A, Phase.DOWNLOADING, 2, 5),
    ),
    (
        {"event": "starting", "server_id": A, "step": 3, "steps": 5, "text": "loading blocks 0:4"},
        e.ServerStarting(A, Phase.LOADING, 3, 5),
    ),
    (
        {"event": "starting", "server_id": A, "step": 4, "steps": 5, "text": "measuring speed"},
        e.ServerStarting(A, Phase.MEASURING, 4, 5),
    ),
    (
        {"event": "starting", "server_id": A, "step": 5, "steps": 5, "text": "joining the swarm"},
        e.ServerStarting(A, Phase.JOINING, 5, 5),
    ),
    ({"event": "progress", "server_id": A, **PROGRESS}, e.ServerProgress(A, Progress(5, 10, 2.5, None))),
    (
        ONLINE,
        e.ServerOnline(
            A, "org/small", 0, 4, 8, "ff", "float32", 12.5, 90.0, "hub", "peer", tuple(ONLINE["initial_peers"])
        ),
    ),
    ({"event": "sessions", "server_id": A, "count": 3}, e.ServerSessions(A, 3, None, 0, 100.0)),
    (
        {"event": "sessions", "server_id": A, "count": 3, "peer_id": "peer", "change": -1},
        e.ServerSessions(A, 3, "peer", -1, 100.0),
    ),
    ({"event": "draining", "server_id": A, "seconds": 30.0}, e.ServerDraining(A, 130.0)),
    (
        {"event": "restarting", "server_id": A, "code": "memory", "reason": "Not enough memory.", "seconds": 4},
        e.ServerRestarting(A, "memory", "Not enough memory.", 104.0, 100.0),
    ),
    ({"event": "stopped", "server_id": A}, e.ServerRemoved(A)),
    (
        {"event": "failed", "server_id": A, "code": "gated", "message": "Ask."},
        e.ServerFailed(A, "gated", "Ask.", 100.0),
    ),
    ({"event": "error", "server_id": A, "code": "x", "message": "y"}, e.ServerFailed(A, "x", "y", 100.0)),
    (
        {"event": "problem", "server_id": A, "code": "swarm", "message": "Nobody keeps it."},
        e.ProblemSeen("swarm", "Nobody keeps it.", A, 100.0),
    ),
    ({"event": "problem", "code": "disk_full", "message": "Full."}, e.ProblemSeen("disk_full", "Full.", None, 100.0)),
    ({"event": "swarm", "status": "joining"}, e.SwarmChanged(SwarmStatus.JOINING, "swarm", at=100.0)),
    (
        {"event": "swarm", "status": "joined", "peer_id": "peer", "initial_peers": ["a"]},
        e.SwarmChanged(SwarmStatus.JOINED, "swarm", peer_id="peer", addresses=("a",), at=100.0),
    ),
    (
        {"event": "swarm", "status": "alone", "peer_id": "p", "initial_peers": [], "code": "no_peers", "message": "m"},
        e.SwarmChanged(SwarmStatus.ALONE, "no_peers", "m", "p", (), at=100.0),
    ),
    (
        {"event": "swarm", "status": "rejoining", "code": "p2pd_died", "message": "It has ended.", "seconds": 1.0},
        e.SwarmChanged(SwarmStatus.REJOINING, "p2pd_died", "It has ended.", at=100.0),
    ),
    ({"event": "swarm", "status": "dancing"}, None),
    ({"event": "starting"}, e.EngineChanged(EngineStatus.STARTING, at=100.0)),
    ({"event": "ready"}, e.EngineChanged(EngineStatus.READY, at=100.0)),
    (
        {"event": "restarting", "code": "memory", "reason": "No memory.", "seconds": 1.0},
        e.EngineChanged(EngineStatus.RESTARTING, "No memory.", "memory", 100.0),
    ),
    (
        {"event": "error", "code": "memory", "message": "No memory."},
        e.EngineChanged(EngineStatus.FAILED, "No memory.", "memory", 100.0),
    ),
    ({"event": "sessions", "count": 2}, e.EngineSessions(2)),
    ({"event": "loading", "model": "m"}, e.ModelLoading("m")),
    ({"event": "progress", "model": "m", **PROGRESS}, e.ModelProgress("m", Progress(5, 10, 2.5, None))),
    ({"event": "loaded", "model": "m"}, e.ModelLoaded("m")),
    ({"event": "unloaded", "model": "m"}, e.ModelUnloaded("m")),
    (
        {"event": "load_failed", "model": "m", "code": "disk_full", "message": "No room."},
        e.ModelUnloaded("m", "disk_full", "No room.", 100.0),
    ),
    (to_message(Started(20, 15), "r"), e.AnswerStarted("r", 20, 15, 100.0)),
    (to_message(Delta(0, "secret", (7, 8)), "r"), e.AnswerGrew("r", 2, 100.0)),
    (to_message(Finished(0, "stop", 2), "r"), None),
    (
        to_message(Done(20, 2, 15, 4.0, 0.1, (HOP,), 99), "r"),
        e.AnswerDone("r", 20, 2, 15, 99, (HOP,), 100.0),
    ),
    ({"event": "failed", "id": "r", "code": "full", "message": "Try later."}, e.AnswerFailed("r", "full")),
    ({"event": "lookup", "id": "r", "fingerprint": "ff", "num_blocks": 8}, None),
]


@pytest.mark.parametrize(("message", "event"), MESSAGES, ids=[str(i) for i in range(len(MESSAGES))])
def test_translation(message: dict[str, Any], event: e.Event | None) -> None:
    assert from_child(message, at=100.0) == event
    assert from_child(json.loads(json.dumps(message)), at=100.0) == event, "as it comes through a pipe"


def test_all_messages_about_a_request_are_in_the_table() -> None:
    assert {message["event"] for message, _ in MESSAGES} >= NAMES


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=3,
)


@st.composite
def garbled(draw: st.DrawFn) -> dict[str, Any]:
    """A message of which some fields are missing or have any value."""
    message = dict(draw(st.sampled_from(MESSAGES))[0])
    for name in draw(st.lists(st.sampled_from(sorted(message)), max_size=3)):
        if draw(st.booleans()):
            message[name] = draw(ANYTHING)
        else:
            message.pop(name, None)
    return message


@given(st.lists(garbled() | st.dictionaries(st.text(), ANYTHING), max_size=8))
@settings(max_examples=100)
def test_nothing_that_a_child_says_breaks_the_tree(messages: list[dict[str, Any]]) -> None:
    events = [event for message in messages if (event := from_child(message)) is not None]
    json.dumps(to_json(reduce(apply, events, State())), allow_nan=False).encode()


def test_no_text_of_an_answer_reaches_the_tree() -> None:
    state = State()
    for message, _ in MESSAGES:
        event = from_child(message)
        if event is not None:
            state = apply(state, event)
            assert "secret" not in json.dumps(to_json(state))
