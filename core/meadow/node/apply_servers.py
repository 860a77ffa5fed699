"""What events of server processes do to the state tree: their way up and down, who uses them, what they fetch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from meadow.node import events as e
from meadow.node.edits import (
    MAX_DOWNLOADS,
    MAX_PEERS,
    MAX_SERVERS,
    MAX_SESSIONS,
    add_problem,
    clip,
    count_up,
    drop,
    known_as,
    put,
    put_bounded,
    with_,
)
from meadow.node.names import friendly_name
from meadow.node.sharing import Wanted
from meadow.node.state import Download, Peer, Server, Session, State
from meadow.node.state_words import Phase, ServerStatus, SwarmStatus


def change_server(state: State, server: Server, **values: Any) -> State:
    """Change or add one server."""
    if server.server_id not in state.servers and len(state.servers) >= MAX_SERVERS:
        return state
    return with_(state, servers=put(state.servers, server.server_id, with_(server, **values)))


def _server_added(state: State, event: e.ServerAdded) -> State:
    demo = event.demo or state.swarm.demo
    server = Server(event.server_id, event.model, start=event.start, end=event.end, device=event.device, demo=demo)
    return change_server(state, server)


def _known_or_new(state: State, server_id: str) -> Server:
    # Its parent may have started it before anybody told us.
    return state.servers.get(server_id) or Server(server_id, demo=state.swarm.demo)


def _server_starting(state: State, event: e.ServerStarting) -> State:
    server = _known_or_new(state, event.server_id)
    state = _end_download(state, event.server_id)
    status = ServerStatus.STARTING
    steps = {"phase": event.phase, "step": event.step, "steps": event.steps}
    return change_server(state, server, status=status, progress=None, restart=None, leaves=None, **steps)


def _server_progress(state: State, event: e.ServerProgress) -> State:
    server = state.servers.get(event.server_id)
    if server is None or server.status is not ServerStatus.STARTING:
        return state
    if server.phase in (Phase.OPENING, Phase.DOWNLOADING):
        download = Download(server.model, server.server_id, event.progress)
        key = f"server:{server.server_id}"
        state = with_(state, downloads=put_bounded(state.downloads, key, download, MAX_DOWNLOADS))
    return change_server(state, server, progress=event.progress)


def _server_online(state: State, event: e.ServerOnline) -> State:
    server = _known_or_new(state, event.server_id)
    state = known_as(_end_download(state, event.server_id), event.peer_id)
    swarm = state.swarm
    if swarm.status in (SwarmStatus.OFF, SwarmStatus.JOINING) and event.server_id not in state.demo.servers:
        swarm = with_(swarm, status=SwarmStatus.JOINED, message=None)  # it could not be online otherwise
    if event.addresses is not None:
        swarm = with_(swarm, addresses=event.addresses[:MAX_SERVERS])
    state = with_(state, swarm=swarm, problems=drop(state.problems, f"server:{event.server_id}"))
    measured = {name: getattr(event, name) for name in _MEASURED if getattr(event, name) is not None}
    return change_server(
        state,
        server,
        status=ServerStatus.ONLINE,
        model=event.model or server.model,
        start=event.start,
        end=event.end,
        phase=None,
        step=0,
        steps=0,
        progress=None,
        restart=None,
        leaves=None,
        **measured,
    )


_MEASURED: Final = ("num_blocks", "fingerprint", "dtype", "throughput", "prefill", "verification")


def _server_batching(state: State, event: e.ServerBatching) -> State:
    server = state.servers.get(event.server_id)
    if server is None:
        return state
    longest = event.longest if event.longest > 0 else None
    return change_server(state, server, batching=event.mode, batching_reason=event.reason, batching_longest=longest)


def _server_sessions(state: State, event: e.ServerSessions) -> State:
    server = state.servers.get(event.server_id)
    if server is None:
        return state
    count = max(0, event.count)
    opened = (event.change > 0) if event.change else max(0, count - server.sessions)
    if opened:
        state = count_up(state, sessions=int(opened))
    if event.peer_id and event.change:
        state = _peer_sessions(state, event.server_id, event.peer_id, event.change, event.at)
    if count == 0:
        state = end_sessions(state, event.server_id)
    return change_server(state, server, sessions=count)


def _peer_sessions(state: State, server_id: str, peer_id: str, change: int, at: float) -> State:
    key = f"{server_id}/{peer_id}"
    session = state.sessions.get(key) or Session(server_id, peer_id, friendly_name(peer_id), 0, at)
    session = with_(session, count=max(0, session.count + change))
    if session.count == 0:
        sessions = drop(state.sessions, key)
    elif key in state.sessions or len(state.sessions) < MAX_SESSIONS:
        sessions = put(state.sessions, key, session)
    else:
        sessions = state.sessions  # counted in its server, but not listed
    return count_peer(with_(state, sessions=sessions), peer_id, at)


def count_peer(state: State, peer_id: str, at: float | None = None, answers: int = 0) -> State:
    """Bring the entry of one peer up to date with the sessions that are listed. This node is not its own peer, nor is
    its demo."""
    if peer_id in (state.node.peer_id, state.demo.peer_id):
        return state
    peer = state.peers.get(peer_id) or Peer(peer_id, friendly_name(peer_id))
    open_now = sum(session.count for session in state.sessions.values() if session.peer_id == peer_id)
    seen = peer.seen if at is None else max(peer.seen, at)
    peer = with_(peer, sessions=open_now, seen=seen, answers=peer.answers + answers)
    peers = put_bounded(state.peers, peer_id, peer, MAX_PEERS, rank=lambda other: (other.sessions > 0, other.seen))
    return with_(state, peers=peers)


def end_sessions(state: State, server_id: str) -> State:
    """All sessions on this server are over."""
    ended = {key: session for key, session in state.sessions.items() if session.server_id == server_id}
    state = with_(state, sessions=drop(state.sessions, *ended))
    for peer_id in {session.peer_id for session in ended.values()} & set(state.peers):
        state = count_peer(state, peer_id)
    server = state.servers.get(server_id)
    return state if server is None else change_server(state, server, sessions=0)


def _end_download(state: State, server_id: str) -> State:
    return with_(state, downloads=drop(state.downloads, f"server:{server_id}"))


def _server_draining(state: State, event: e.ServerDraining) -> State:
    server = state.servers.get(event.server_id)
    if server is None or server.status not in (ServerStatus.ONLINE, ServerStatus.REJOINING, ServerStatus.DRAINING):
        return state
    return change_server(state, server, status=ServerStatus.DRAINING, leaves=event.leaves)


def _server_restarting(state: State, event: e.ServerRestarting) -> State:
    return _server_ended(
        state, event.server_id, ServerStatus.RESTARTING, event.code, event.message, event.at, event.restart
    )


def _server_failed(state: State, event: e.ServerFailed) -> State:
    return _server_ended(state, event.server_id, ServerStatus.FAILED, event.code, event.message, event.at, None)


def _server_ended(
    state: State, server_id: str, status: ServerStatus, code: str, message: str, at: float, restart: float | None
) -> State:
    if server_id not in state.servers:
        return state
    state = _end_download(end_sessions(state, server_id), server_id)
    server = state.servers[server_id]
    again = status is ServerStatus.RESTARTING
    if again:
        state = count_up(state, server_restarts=1)
    state = change_server(
        state,
        server,
        status=status,
        phase=None,
        step=0,
        steps=0,
        progress=None,
        leaves=None,
        restart=restart,
        restarts=server.restarts + again,
        last_failure=clip(message),
    )
    return add_problem(state, f"server:{server_id}", code, message, server_id, at)


def _server_removed(state: State, event: e.ServerRemoved) -> State:
    state = _forget(state, event.server_id)
    if state.share.wanted is Wanted.FINISHING and not any(not server.demo for server in state.servers.values()):
        state = with_(state, share=with_(state.share, wanted=Wanted.OFF, until=None))
    return state


def _forget(state: State, server_id: str) -> State:
    state = _end_download(end_sessions(state, server_id), server_id)
    of_it = [key for key, problem in state.problems.items() if problem.server_id == server_id]
    return with_(state, servers=drop(state.servers, server_id), problems=drop(state.problems, *of_it))


def forget_failed(state: State) -> State:
    """Without the servers that cannot run: the person has seen them, and has asked for something else."""
    for server in state.servers.values():
        if server.status is ServerStatus.FAILED:
            state = _forget(state, server.server_id)
    return state


HANDLERS: Final[dict[type, Callable[[State, Any], State]]] = {
    e.ServerAdded: _server_added,
    e.ServerStarting: _server_starting,
    e.ServerProgress: _server_progress,
    e.ServerOnline: _server_online,
    e.ServerBatching: _server_batching,
    e.ServerSessions: _server_sessions,
    e.ServerDraining: _server_draining,
    e.ServerRestarting: _server_restarting,
    e.ServerFailed: _server_failed,
    e.ServerRemoved: _server_removed,
}
"""By event; the rest of the table is in ``apply``."""
