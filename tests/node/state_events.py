"""Random events of the state tree, with so few different ids that they meet each other."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from hypothesis import strategies as st

from meadow.node import events as e
from meadow.node.state import SwarmModel, SwarmServer, frozen

PEERS = ["12D3KooWAlder", "12D3KooWBirch", "12D3KooWCedar"]
_POOLS: dict[str, list[str]] = {
    "server_id": ["0000aaaa", "0000bbbb", "0000cccc"],
    "peer_id": PEERS,
    "id": ["r1", "r2", "r3"],
    "model": ["org/small", "org/large", "/home/someone/models/mine"],
    "code": ["server_died", "memory", "no_peers", "something_new", "cancelled"],
    "fingerprint": ["ff" * 32, "00" * 32],
    "key": ["swarm", "engine", "memory", "server:0000aaaa", "server:0000bbbb:memory", "model:org/small"],
}
_TEXT = st.text(st.characters(exclude_categories=[]), max_size=8)  # half surrogate pairs too
_NUMBER = st.integers(0, 100) | st.floats(0, 1e6) | st.sampled_from([float("nan"), float("inf"), -1.0])


def _value(name: str, kind: Any) -> st.SearchStrategy[Any]:
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if kind is type(None):
        return st.none()
    if origin in (types.UnionType, typing.Union):
        return st.one_of([_value(name, part) for part in inside])
    if origin is tuple and inside[-1] is Ellipsis:
        return st.lists(_value(name, inside[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(_value(name, part) for part in inside))
    if origin is not None and issubclass(origin, Mapping):
        keys = st.sampled_from(["a", "b", "c"])
        return st.dictionaries(keys, _value(name, inside[1]), max_size=3).map(frozen)
    if kind is str:
        return st.sampled_from(_POOLS[name]) if name in _POOLS else _TEXT
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(-1, 5)
    if kind is float:
        return _NUMBER
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    assert is_dataclass(kind), (name, kind)
    return build(kind)


def build(kind: type) -> st.SearchStrategy[Any]:
    """Instances of a dataclass, field by field."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{item.name: _value(item.name, hints[item.name]) for item in fields(kind)})


KINDS: tuple[type, ...] = typing.get_args(e.Event)
EVENTS = st.one_of([build(kind) for kind in KINDS])
SEQUENCES = st.lists(EVENTS, max_size=30)

A, B = "0000aaaa", "0000bbbb"


def online(server_id: str = A, model: str = "org/small", start: int = 0, end: int = 4) -> e.ServerOnline:
    """A server of a model of eight blocks that is found by the swarm."""
    return e.ServerOnline(server_id, model, start, end, num_blocks=8, throughput=50.0, dtype="float32")


def model(**changes: Any) -> SwarmModel:
    """A model of the swarm with one server."""
    server = SwarmServer(PEERS[0], A, 0, 4)
    fields: dict[str, Any] = {
        "fingerprint": "ff" * 32,
        "servers": frozen({f"{PEERS[0]}/{A}": server}),
        "num_servers": 1,
        **changes,
    }
    return SwarmModel(name="small", num_blocks=8, **fields)
