"""What events of the demo swarm do to the state tree. Its servers and its model stand among the others, marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from meadow.node import events as e
from meadow.node.apply_servers import change_server, end_sessions
from meadow.node.edits import MAX_SERVERS, clip, with_
from meadow.node.state import State, frozen
from meadow.node.state_words import DemoStatus, ServerStatus

PREFIX: Final = "demo:"
"""Before the fingerprint of a model of the demo swarm: the joined swarm may have the same one."""


def _demo_changed(state: State, event: e.DemoChanged) -> State:
    going = event.status in (DemoStatus.STARTING, DemoStatus.READY)
    bad = event.status in (DemoStatus.STARTING, DemoStatus.FAILED)
    demo = with_(
        state.demo,
        status=event.status,
        step=max(0, event.step) if event.status is DemoStatus.STARTING else 0,
        steps=max(0, event.steps) if event.status is DemoStatus.STARTING else 0,
        code=event.code if bad and event.message else None,
        message=clip(event.message) if bad and event.message else None,
        model=state.demo.model if event.model is None else event.model,
        interrupted=None if going else state.demo.interrupted,
        peer_id=(event.peer_id or state.demo.peer_id) if going else None,
        servers=(state.demo.servers if event.servers is None else event.servers[:MAX_SERVERS]) if going else (),
    )
    state = with_(state, demo=demo)
    if going:
        return state
    models = {key: model for key, model in state.swarm.models.items() if not model.demo}
    return with_(state, swarm=with_(state.swarm, models=frozen(models))) if models != state.swarm.models else state


def _demo_recalled(state: State, event: e.DemoRecalled) -> State:
    off = state.demo.status is DemoStatus.OFF
    return with_(state, demo=with_(state.demo, interrupted=True if event.interrupted and off else None))


def _demo_unreachable(state: State, event: e.DemoUnreachable) -> State:
    return unreachable(state, state.demo.servers)


def unreachable(state: State, server_ids: tuple[str, ...]) -> State:
    """The p2pd of these servers has ended: they are loaded still, but nobody can reach them, and sessions are over."""
    for server_id in server_ids:
        server = state.servers.get(server_id)
        if server is not None and server.status is ServerStatus.ONLINE:
            state = end_sessions(change_server(state, server, status=ServerStatus.REJOINING), server_id)
    return state


HANDLERS: Final[dict[type, Callable[[State, Any], State]]] = {
    e.DemoChanged: _demo_changed,
    e.DemoRecalled: _demo_recalled,
    e.DemoUnreachable: _demo_unreachable,
}
"""By event; the rest of the table is in ``apply``."""
