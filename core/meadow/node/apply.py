"""What each event does to the state tree: ``apply(state, event)``, pure and total.

Whatever order events come in, and whatever they name that is not (any more) there, the result is a valid tree. An event
that changes nothing gives back the very same object, so "did anything change" is ``is``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from meadow.node import apply_demo, apply_servers
from meadow.node import events as e
from meadow.node.apply_demo import PREFIX as DEMO_PREFIX
from meadow.node.apply_demo import unreachable
from meadow.node.apply_servers import count_peer, forget_failed
from meadow.node.edits import (
    MAX_ANSWERS,
    MAX_DEMO_MODELS,
    MAX_DOWNLOADS,
    MAX_MODELS,
    MAX_SERVERS,
    MAX_SERVERS_OF_MODEL,
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
from meadow.node.sharing import STATE_OF, Hosted, Preparing, ShareState, Wanted, decide, short_model
from meadow.node.state import Answer, Download, GpuRuntime, Moving, Progress, State, SwarmServer, frozen
from meadow.node.state_words import AnswerStatus, EngineStatus, RuntimePhase, SwarmStatus

_SWARM_PROBLEM: Final = "swarm"
_ENGINE_PROBLEM: Final = "engine"
_RUNTIME_DOWNLOAD: Final = "gpu-runtime"


def apply(state: State, event: e.Event) -> State:
    """The tree after ``event``. Never raises; ``state`` itself when nothing changes."""
    handler = _HANDLERS.get(type(event))
    if handler is None:
        return state
    new = handler(state, event)
    if new.servers is state.servers and new.swarm is state.swarm and new.share is state.share:
        return new
    return _with_share(new)


def _with_share(state: State) -> State:
    share = state.share
    servers = [
        Hosted(s.status, s.phase, short_model(s.model), s.start, s.end, s.step, s.steps, s.sessions)
        for s in state.servers.values()
        if not s.demo
    ]
    # Alone, loaded servers serve nobody, unless somebody who knows us is still there, or there is nobody to look for.
    in_use = any(server.sessions for server in servers)
    swarm = state.swarm
    joined = swarm.status is SwarmStatus.JOINED or (swarm.status is SwarmStatus.ALONE and (in_use or swarm.first))
    verdict = decide(
        share.wanted,
        share.was_on,
        share.holds,
        joined,
        servers,
        tokens_today=share.tokens_today,
        preparing=_preparing(share.gpu_runtime),
        moving=None if share.moving is None else (share.moving.start, share.moving.end, share.moving.why),
    )
    return with_(
        state,
        share=with_(
            share, state=verdict.state, reason=verdict.reason, text=clip(verdict.text), sessions=verdict.sessions
        ),
    )


def _preparing(runtime: GpuRuntime | None) -> Preparing | None:
    if runtime is None:
        return None
    far = runtime.progress or Progress()
    return Preparing(runtime.phase, far.done, far.total, far.rate, far.seconds_left)


# The node and its machine


def _node_listens(state: State, event: e.NodeListens) -> State:
    return with_(state, node=with_(state.node, url=event.url))


def _node_known(state: State, event: e.NodeKnown) -> State:
    return known_as(state, event.peer_id)


def _node_stops(state: State, event: e.NodeStops) -> State:
    return with_(state, node=with_(state.node, stopping=True))


def _machine_read(state: State, event: e.MachineRead) -> State:
    return with_(state, machine=event.machine)


# The swarm


def _swarm_changed(state: State, event: e.SwarmChanged) -> State:
    old = state.swarm
    bad = event.status not in (SwarmStatus.JOINED, SwarmStatus.OFF)
    message = clip(event.message) if bad and event.message else None
    swarm = with_(
        old,
        status=event.status,
        message=message,
        first=event.status is SwarmStatus.ALONE and event.code is None,
        addresses=old.addresses if event.addresses is None else event.addresses[:MAX_SERVERS],
        num_peers=old.num_peers if event.num_peers is None else event.num_peers,
        demo=old.demo if event.demo is None else event.demo,
    )
    state = known_as(with_(state, swarm=swarm), event.peer_id)
    if event.status is SwarmStatus.REJOINING and old.status is not SwarmStatus.REJOINING:
        state = count_up(state, rejoins=1)
    if event.status in (SwarmStatus.REJOINING, SwarmStatus.OFF, SwarmStatus.JOINING):
        # Whoever was online is loaded still, but nobody can reach it, and its sessions have ended with the daemon.
        state = unreachable(state, tuple(name for name in state.servers if name not in state.demo.servers))
    if message is None or event.code is None:
        return with_(state, problems=drop(state.problems, _SWARM_PROBLEM))
    return add_problem(state, _SWARM_PROBLEM, event.code, message, None, event.at)


def _models_seen(state: State, event: e.ModelsSeen) -> State:
    own = state.demo.peer_id if event.demo else state.node.peer_id
    if event.demo and not state.demo.servers:
        return state  # it was switched off meanwhile
    seen = {}
    for model in event.models[: MAX_DEMO_MODELS if event.demo else MAX_MODELS]:
        servers = dict(list(model.servers.items())[:MAX_SERVERS_OF_MODEL])
        named = {key: _named(server, own) for key, server in servers.items()}
        key = f"{DEMO_PREFIX}{model.fingerprint}" if event.demo else model.fingerprint
        old = state.swarm.models.get(key)
        new = replace(model, servers=frozen(named), demo=event.demo)
        seen[key] = old if old is not None and old == new else new
    others = {key: model for key, model in state.swarm.models.items() if model.demo != event.demo}
    joined, demo = (others, seen) if event.demo else (seen, others)
    models = {**dict(list(joined.items())[: MAX_MODELS - len(demo)]), **demo}
    return state if models == state.swarm.models else with_(state, swarm=with_(state.swarm, models=frozen(models)))


def _named(server: SwarmServer, own: str | None) -> SwarmServer:
    return with_(server, name=friendly_name(server.peer_id), mine=server.peer_id == own)


# Sharing


def _share_on(state: State, event: e.ShareOn) -> State:
    state = forget_failed(state)
    model = state.share.model if event.model is None else event.model
    share = with_(state.share, wanted=Wanted.ON, was_on=True, interrupted=None, model=model, until=None)
    return with_(state, share=share)


def _share_paused(state: State, event: e.SharePaused) -> State:
    state = forget_failed(state)
    return with_(state, share=with_(state.share, wanted=Wanted.PAUSED, until=event.until))


def _share_finishing(state: State, event: e.ShareFinishing) -> State:
    return with_(state, share=with_(state.share, wanted=Wanted.FINISHING, until=event.until))


def _share_off(state: State, event: e.ShareOff) -> State:
    state = forget_failed(state)
    return with_(state, share=with_(state.share, wanted=Wanted.OFF, until=None))


def _share_recalled(state: State, event: e.ShareRecalled) -> State:
    return with_(state, share=with_(state.share, was_on=True, interrupted=event.interrupted))


def _share_held(state: State, event: e.ShareHeld) -> State:
    if event.reason is not None and STATE_OF[event.reason] is not ShareState.WAITING:
        return state
    return with_(state, share=with_(state.share, holds=event.reason))


def _link_measured(state: State, event: e.LinkMeasured) -> State:
    up, down = event.uplink or None, event.downlink or None
    return with_(state, swarm=with_(state.swarm, uplink=up, downlink=down, link_peers=max(0, event.peers)))


def _share_moves(state: State, event: e.ShareMoves) -> State:
    moving = Moving(event.start, event.end, event.why) if event.end else None
    return with_(state, share=with_(state.share, moving=moving))


def _contributed(state: State, event: e.Contributed) -> State:
    return with_(state, share=with_(state.share, tokens_today=max(0, event.tokens_today)))


def _gpu_runtime_changed(state: State, event: e.GpuRuntimeChanged) -> State:
    runtime = None if event.phase is None else GpuRuntime(event.phase, event.progress)
    state = with_(state, share=with_(state.share, gpu_runtime=runtime))
    if event.phase is not RuntimePhase.DOWNLOADING:
        return with_(state, downloads=drop(state.downloads, _RUNTIME_DOWNLOAD))
    download = Download("", None, event.progress or Progress())
    return with_(state, downloads=put_bounded(state.downloads, _RUNTIME_DOWNLOAD, download, MAX_DOWNLOADS))


# The chat engine


def _engine_changed(state: State, event: e.EngineChanged) -> State:
    engine = state.node.engine
    again = event.status is EngineStatus.RESTARTING and engine.status is not EngineStatus.RESTARTING
    new = with_(engine, status=event.status, restarts=engine.restarts + again)
    if event.status is not EngineStatus.READY:  # a new process, or none: whatever it held and did is gone
        new = with_(new, models=frozen(), sessions=0)
        if state.chats and event.status is not EngineStatus.STARTING:
            state = with_(count_up(state, failed_answers=len(state.chats)), chats=frozen())
        of_it = [key for key in state.downloads if key.startswith("chat:")]
        state = with_(state, downloads=drop(state.downloads, *of_it))
    state = with_(state, node=with_(state.node, engine=new))
    if event.status in (EngineStatus.RESTARTING, EngineStatus.FAILED) and event.message:
        return add_problem(state, _ENGINE_PROBLEM, event.code, event.message, None, event.at)
    if event.status is EngineStatus.STARTING:
        return state  # the reason stays until it is up again
    return with_(state, problems=drop(state.problems, _ENGINE_PROBLEM))


def _engine_sessions(state: State, event: e.EngineSessions) -> State:
    engine = with_(state.node.engine, sessions=max(0, event.count))
    return with_(state, node=with_(state.node, engine=engine))


def _engine_model(state: State, model: str, held: str | None) -> State:
    engine = state.node.engine
    models = drop(engine.models, model) if held is None else put_bounded(engine.models, model, held, MAX_MODELS)
    state = with_(state, node=with_(state.node, engine=with_(engine, models=models)))
    return with_(state, downloads=drop(state.downloads, f"chat:{model}"))


def _model_loading(state: State, event: e.ModelLoading) -> State:
    return _engine_model(state, event.model, "loading")


def _model_progress(state: State, event: e.ModelProgress) -> State:
    if state.node.engine.models.get(event.model) != "loading":
        return state
    download = Download(event.model, None, event.progress)
    return with_(state, downloads=put_bounded(state.downloads, f"chat:{event.model}", download, MAX_DOWNLOADS))


def _model_fetching(state: State, event: e.ModelFetching) -> State:
    key = f"chat:{event.model}"
    if event.progress is None:
        new = state.downloads.get(key) or Download(event.model)
        state = with_(state, problems=drop(state.problems, f"model:{event.model}"))
    elif key not in state.downloads:
        return state
    else:
        new = Download(event.model, None, event.progress)
    return with_(state, downloads=put_bounded(state.downloads, key, new, MAX_DOWNLOADS))


def _model_fetched(state: State, event: e.ModelFetched) -> State:
    state = with_(state, downloads=drop(state.downloads, f"chat:{event.model}"))
    if event.code is None or event.message is None:
        return state
    return add_problem(state, f"model:{event.model}", event.code, event.message, None, event.at)


def _model_loaded(state: State, event: e.ModelLoaded) -> State:
    return _engine_model(state, event.model, "loaded")


def _model_unloaded(state: State, event: e.ModelUnloaded) -> State:
    state = _engine_model(state, event.model, None)
    if event.code is None or event.message is None:
        return state
    return add_problem(state, f"model:{event.model}", event.code, event.message, None, event.at)


# Answers under way


def _answer_asked(state: State, event: e.AnswerAsked) -> State:
    answer = Answer(event.id, event.model, event.conversation, asked=event.at)
    return with_(state, chats=put_bounded(state.chats, event.id, answer, MAX_ANSWERS))


def _answer_started(state: State, event: e.AnswerStarted) -> State:
    answer = state.chats.get(event.id) or Answer(event.id, asked=event.at)
    answer = with_(
        answer,
        status=AnswerStatus.READING,
        prompt_tokens=event.prompt_tokens,
        reused_tokens=event.reused_tokens,
    )
    chats = put_bounded(state.chats, event.id, answer, MAX_ANSWERS)
    return with_(state, chats=chats, problems=drop(state.problems, f"model:{answer.model}"))


def _answer_grew(state: State, event: e.AnswerGrew) -> State:
    answer = state.chats.get(event.id)
    if answer is None or event.tokens <= 0:
        return state
    tokens, first = answer.tokens + event.tokens, answer.first_token
    rate = answer.tokens_per_second
    if first is None:
        first = event.at
    elif event.at > first:
        rate = round((tokens - 1) / (event.at - first), 2)  # the first one took the whole prompt
    answer = replace(answer, status=AnswerStatus.WRITING, tokens=tokens, first_token=first, tokens_per_second=rate)
    return with_(state, chats=put(state.chats, event.id, answer))


def _answer_done(state: State, event: e.AnswerDone) -> State:
    state = with_(state, chats=drop(state.chats, event.id))
    state = count_up(
        state,
        answers=1,
        prompt_tokens=max(0, event.prompt_tokens),
        reused_tokens=max(0, event.reused_tokens),
        completion_tokens=max(0, event.completion_tokens),
        bytes_sent=max(0, event.bytes_sent),
    )
    for peer_id in dict.fromkeys(hop.peer_id for hop in event.route):
        if peer_id not in (state.node.peer_id, state.demo.peer_id):
            state = count_peer(state, peer_id, event.at, answers=1)
    return state


def _answer_failed(state: State, event: e.AnswerFailed) -> State:
    if event.id not in state.chats:
        return state
    state = with_(state, chats=drop(state.chats, event.id))
    return state if event.code == "cancelled" else count_up(state, failed_answers=1)


# Problems


def _problem_seen(state: State, event: e.ProblemSeen) -> State:
    key = event.key or (event.code if event.server_id is None else f"server:{event.server_id}:{event.code}")
    return add_problem(state, key, event.code, event.message, event.server_id, event.at)


def _problem_gone(state: State, event: e.ProblemGone) -> State:
    return with_(state, problems=drop(state.problems, event.key))


_HANDLERS: Final[dict[type, Callable[[State, Any], State]]] = {
    e.NodeListens: _node_listens,
    e.NodeKnown: _node_known,
    e.NodeStops: _node_stops,
    e.MachineRead: _machine_read,
    e.SwarmChanged: _swarm_changed,
    e.ModelsSeen: _models_seen,
    e.ShareOn: _share_on,
    e.SharePaused: _share_paused,
    e.ShareFinishing: _share_finishing,
    e.ShareOff: _share_off,
    e.ShareRecalled: _share_recalled,
    e.ShareHeld: _share_held,
    e.ShareMoves: _share_moves,
    e.LinkMeasured: _link_measured,
    e.Contributed: _contributed,
    e.GpuRuntimeChanged: _gpu_runtime_changed,
    **apply_servers.HANDLERS,
    **apply_demo.HANDLERS,
    e.EngineChanged: _engine_changed,
    e.EngineSessions: _engine_sessions,
    e.ModelLoading: _model_loading,
    e.ModelProgress: _model_progress,
    e.ModelFetching: _model_fetching,
    e.ModelFetched: _model_fetched,
    e.ModelLoaded: _model_loaded,
    e.ModelUnloaded: _model_unloaded,
    e.AnswerAsked: _answer_asked,
    e.AnswerStarted: _answer_started,
    e.AnswerGrew: _answer_grew,
    e.AnswerDone: _answer_done,
    e.AnswerFailed: _answer_failed,
    e.ProblemSeen: _problem_seen,
    e.ProblemGone: _problem_gone,
}
