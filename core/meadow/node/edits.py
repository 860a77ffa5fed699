"""Small pure edits of the state tree. Each changes as little as possible, and gives back the same object if nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeVar

from meadow.node.advice import advice_for
from meadow.node.names import friendly_name
from meadow.node.state import Problem, State, frozen

MAX_PEERS: Final = 256
MAX_SESSIONS: Final = 512
MAX_ANSWERS: Final = 256
MAX_DOWNLOADS: Final = 64
MAX_PROBLEMS: Final = 32
MAX_SERVERS: Final = 64
MAX_MODELS: Final = 64
MAX_DEMO_MODELS: Final = 4
MAX_SERVERS_OF_MODEL: Final = 256
MAX_TEXT: Final = 500

T = TypeVar("T")


def with_(record: T, **values: Any) -> T:
    """``record`` with these values; ``record`` itself if it has them already."""
    for name, value in values.items():
        old = getattr(record, name)
        # Mappings come from put() and drop(), which give the same object when nothing changes: no need to look inside.
        if old is not value and (isinstance(value, MappingProxyType) or old != value):
            return replace(record, **values)  # type: ignore[type-var]
    return record


def put(items: Mapping[str, T], key: str, value: T) -> Mapping[str, T]:
    """``items`` with this entry."""
    return items if key in items and items[key] == value else frozen({**items, key: value})


def drop(items: Mapping[str, T], *keys: str) -> Mapping[str, T]:
    """``items`` without these entries."""
    gone = [key for key in keys if key in items]
    return frozen({key: value for key, value in items.items() if key not in gone}) if gone else items


def put_bounded(
    items: Mapping[str, T], key: str, value: T, limit: int, rank: Callable[[T], Any] = lambda value: 0
) -> Mapping[str, T]:
    """Put; beyond ``limit`` the other one with the lowest rank goes, of several the first."""
    items = put(items, key, value)
    while len(items) > limit:
        items = drop(items, min((other for other in items if other != key), key=lambda other: rank(items[other])))
    return items


def clip(text: str) -> str:
    """At most 500 characters of a message."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def count_up(state: State, **more: int) -> State:
    """Add to the totals of the node."""
    totals = replace(state.node.totals, **{name: getattr(state.node.totals, name) + n for name, n in more.items()})
    return with_(state, node=with_(state.node, totals=totals))


def known_as(state: State, peer_id: str | None) -> State:
    """The node's own peer id, and the name that others see."""
    if not peer_id:
        return state
    return with_(state, node=with_(state.node, peer_id=peer_id, name=friendly_name(peer_id)))


def add_problem(state: State, key: str, code: str, message: str, server_id: str | None, at: float) -> State:
    """A problem, or the same one (``key``) once more."""
    old = state.problems.get(key)
    remedy, advice = advice_for(code)
    problem = Problem(
        code,
        clip(message),
        advice,
        remedy,
        server_id,
        since=at if old is None else old.since,
        last=at,
        count=1 if old is None else old.count + 1,
    )
    problems = put_bounded(state.problems, key, problem, MAX_PROBLEMS, rank=lambda other: other.last)
    return with_(state, problems=problems)
