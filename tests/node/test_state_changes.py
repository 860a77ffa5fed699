"""Whatever happens: a difference turns the old tree into the new one, and a tree is small, valid JSON without null."""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import pytest
import state_events as make
from hypothesis import given, settings
from hypothesis import strategies as st

from meadow.chat.request import Hop
from meadow.node import edits
from meadow.node.apply import apply
from meadow.node.changes import diff, merge
from meadow.node.sharing import STATE_OF
from meadow.node.state import Progress, State
from meadow.node.state_json import to_json

LEAVES = st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


def same(a: Any, b: Any) -> bool:
    """Equal as JSON: 1 is 1.0, but not true."""
    one, other = (json.dumps(json.loads(json.dumps(value), parse_int=float), sort_keys=True) for value in (a, b))
    return one == other


def nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(nulls, value.values()))
    return value is None or (isinstance(value, list) and any(map(nulls, value)))


@given(OBJECTS, OBJECTS)
def test_a_difference_of_any_two_objects_leads_from_one_to_the_other(old: Any, new: Any) -> None:
    patch = diff(old, new)
    assert same(merge(old, patch), new)
    assert (patch == {}) == same(old, new)


@given(make.SEQUENCES, make.SEQUENCES)
@settings(max_examples=150)
def test_a_difference_of_any_two_trees_leads_from_one_to_the_other(before: Any, after: Any) -> None:
    old = reduce(apply, before, State())
    new = reduce(apply, after, old)
    a, b = to_json(old), to_json(new)
    patch = diff(old, new)
    assert same(merge(a, patch), b)
    assert same(merge(json.loads(json.dumps(a)), json.loads(json.dumps(patch))), b)
    assert same(patch, diff(a, b)), "looking only at what is another object must give the same"


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    # The examples of RFC 7396, appendix A
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merging_does_what_the_rfc_says(target: Any, patch: Any, merged: Any) -> None:
    before = json.dumps(target)
    assert merge(target, patch) == merged
    assert json.dumps(target) == before


def test_only_what_changed_is_in_a_difference() -> None:
    old = reduce(apply, [make.online(make.A), make.online(make.B, start=4, end=8)], State())
    new = apply(old, make.e.ServerSessions(make.A, 1, make.PEERS[0], 1, at=5.0))
    patch = diff(old, new)
    assert patch["servers"] == {make.A: {"sessions": 1}}
    assert set(patch) == {"node", "servers", "sessions", "peers", "share"} - (
        set() if old.share != new.share else {"share"}
    )


@given(make.SEQUENCES)
@settings(max_examples=150)
def test_every_tree_is_valid(events: Any) -> None:
    state = State()
    for event in events:
        new = apply(state, event)
        assert new is state or new != state or "nan" in repr(new), "an event that changes nothing gives the same object"
        state = new
        assert state.share.state is STATE_OF[state.share.reason]
        assert state.share.text
        tree = to_json(state)
        assert not nulls(tree)
        json.dumps(tree, allow_nan=False)
        for key, session in state.sessions.items():
            assert key == f"{session.server_id}/{session.peer_id}" and session.count > 0
            assert session.server_id in state.servers
        for peer_id, peer in state.peers.items():
            listed = [session.count for session in state.sessions.values() if session.peer_id == peer_id]
            assert peer.sessions == sum(listed)
        for server_id, server in state.servers.items():
            assert server.server_id == server_id
            assert server.progress is None or server.status == "starting"
        for download in state.downloads.values():
            assert download.server_id is None or download.server_id in state.servers


def test_the_tree_stays_bounded() -> None:
    state = State()
    ids = range(2 * edits.MAX_SESSIONS)
    everything: list[Any] = [make.online()]
    for i in ids:
        everything += [
            make.e.ServerSessions(make.A, i + 1, f"peer-{i}", 1, at=float(i)),
            make.e.AnswerAsked(f"r{i}", "m", at=float(i)),
            make.e.AnswerDone("other", route=(Hop(f"hop-{i}", make.A, 0, 4),), at=float(i)),
            make.e.ProblemSeen(f"code_{i}", "x" * 10_000, at=float(i)),
            make.e.ModelLoading(f"m{i}"),
            make.e.ModelProgress(f"m{i}", Progress(1, 2)),
            make.e.ServerAdded(f"{i:08x}", "m" * 10),
        ]
    everything.append(make.e.ModelsSeen(tuple(make.model(fingerprint=str(i)) for i in ids)))
    state = reduce(apply, everything, state)
    assert len(state.sessions) == edits.MAX_SESSIONS
    assert state.servers[make.A].sessions == len(ids), "the count is true even if not all are listed"
    assert len(state.peers) == edits.MAX_PEERS
    assert len(state.chats) == edits.MAX_ANSWERS
    assert len(state.problems) == edits.MAX_PROBLEMS
    assert len(state.servers) == edits.MAX_SERVERS
    assert len(state.downloads) <= edits.MAX_DOWNLOADS
    assert len(state.swarm.models) == edits.MAX_MODELS
    newest = max(state.problems.values(), key=lambda problem: problem.last)
    assert newest.code == f"code_{ids[-1]}" and len(newest.message) <= edits.MAX_TEXT
