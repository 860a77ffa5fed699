"""What events do to the tree, as a table of stories: events in, what a person would look at out."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
import state_events as make
from state_events import PEERS, A, B, online

from meadow.chat.request import Hop
from meadow.node import events as e
from meadow.node.apply import apply
from meadow.node.names import friendly_name
from meadow.node.sharing import ShareReason
from meadow.node.state import Device, Machine, Progress, State, frozen
from meadow.node.state_json import to_json
from meadow.node.state_words import DemoStatus, EngineStatus, MoveReason, Phase, RuntimePhase, SwarmStatus

JOINED = e.SwarmChanged(SwarmStatus.JOINED)


def after(*events: Any) -> State:
    return reduce(apply, events, State())


def at(tree: Any, path: str) -> Any:
    """The value at "a.b.c" of a JSON tree; None when it is absent."""
    for name in path.split("|"):
        if not isinstance(tree, dict) or name not in tree:
            return None
        tree = tree[name]
    return tree


STARTING = e.ServerStarting(A, Phase.DOWNLOADING, 2, 5)
DIED = e.ServerRestarting(A, "server_died", "It was killed.", restart=12.0, at=10.0)
HOPS = (Hop(PEERS[0], A, 0, 4), Hop(PEERS[1], B, 4, 6), Hop(PEERS[1], B, 6, 8))
DEMO_ADDED = e.ServerAdded(A, "toy", 0, 4, demo=True)


def demo(status: DemoStatus, *more: Any) -> e.DemoChanged:
    return e.DemoChanged(status, *more, servers=(A,), peer_id=PEERS[0])


DEMO_READY = (
    demo(DemoStatus.STARTING),
    DEMO_ADDED,
    online(),
    e.ModelsSeen((make.model(),), demo=True),
    e.DemoChanged(DemoStatus.READY),
)
STORIES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "nothing has happened": ([], {"share|state": "off", "share|reason": "never_turned_on", "swarm|status": "off"}),
    "identity": (
        [e.NodeKnown(PEERS[0]), e.NodeListens("http://127.0.0.1:1")],
        {"node|peer_id": PEERS[0], "node|name": friendly_name(PEERS[0]), "node|url": "http://127.0.0.1:1"},
    ),
    "steps on the way": (
        [e.ShareOn("org/small"), JOINED, e.ServerAdded(A, "org/small"), STARTING],
        {
            f"servers|{A}|step": 2,
            f"servers|{A}|steps": 5,
            f"servers|{A}|phase": "downloading",
            "share|state": "starting",
            "share|reason": "downloading",
            "share|text": "Starting: downloading (step 2 of 5).",
        },
    ),
    "bytes on the way": (
        [e.ServerAdded(A, "org/small"), STARTING, e.ServerProgress(A, Progress(10, 100, 5.0, 18.0))],
        {
            f"servers|{A}|progress": {"done": 10, "total": 100, "rate": 5.0, "seconds_left": 18.0},
            f"downloads|server:{A}|model": "org/small",
            f"downloads|server:{A}|progress|done": 10,
        },
    ),
    "a download ends with its step": (
        [STARTING, e.ServerProgress(A, Progress(10, 100)), e.ServerStarting(A, Phase.LOADING, 3, 5)],
        {"downloads": {}, f"servers|{A}|progress": None, f"servers|{A}|phase": "loading"},
    ),
    "how it computes several sessions": (
        [STARTING, e.ServerBatching(A, "packed", "It does.", 2048), online()],
        {
            f"servers|{A}|batching": "packed",
            f"servers|{A}|batching_reason": "It does.",
            f"servers|{A}|batching_longest": 2048,
        },
    ),
    "and finds out that it was wrong": (
        [online(), e.ServerBatching(A, "packed", "It does.", 2048), e.ServerBatching(A, "alone", "It does not.")],
        {f"servers|{A}|batching": "alone", f"servers|{A}|batching_longest": None},
    ),
    "sharing": (
        [e.ShareOn("org/small"), JOINED, STARTING, online(), e.ServerSessions(A, 1, PEERS[0], 1, at=3.0)],
        {
            "share|state": "sharing",
            "share|text": "Sharing blocks 0:4 of org/small, 1 session now.",
            "share|sessions": 1,
            f"servers|{A}|status": "online",
            f"servers|{A}|sessions": 1,
            f"sessions|{A}/{PEERS[0]}|count": 1,
            f"sessions|{A}/{PEERS[0]}|name": friendly_name(PEERS[0]),
            f"peers|{PEERS[0]}|sessions": 1,
            "node|totals|sessions": 1,
        },
    ),
    "a session ends": (
        [
            online(),
            e.ServerSessions(A, 1, PEERS[0], 1, at=3.0),
            e.ServerSessions(A, 2, PEERS[0], 1, at=4.0),
            e.ServerSessions(A, 1, PEERS[0], -1, at=5.0),
        ],
        {f"sessions|{A}/{PEERS[0]}|count": 1, f"sessions|{A}/{PEERS[0]}|since": 3.0, f"peers|{PEERS[0]}|seen": 5.0},
    ),
    "only the number of sessions is known": (
        [online(), e.ServerSessions(A, 2), e.ServerSessions(A, 1), e.ServerSessions(A, 3)],
        {f"servers|{A}|sessions": 3, "sessions": {}, "node|totals|sessions": 4},
    ),
    "a server dies and takes its sessions with it": (
        [e.ShareOn(), JOINED, online(), e.ServerSessions(A, 1, PEERS[0], 1, at=3.0), DIED],
        {
            "sessions": {},
            f"peers|{PEERS[0]}|sessions": 0,
            f"servers|{A}|status": "restarting",
            f"servers|{A}|restart": 12.0,
            f"servers|{A}|restarts": 1,
            f"servers|{A}|last_failure": "It was killed.",
            "share|state": "problem",
            "share|reason": "server_restarting",
            f"problems|server:{A}|code": "server_died",
            f"problems|server:{A}|remedy": "retry",
            f"problems|server:{A}|since": 10.0,
            "node|totals|server_restarts": 1,
        },
    ),
    "while one restarts the other shares": (
        [e.ShareOn(), JOINED, online(A), online(B, start=4, end=8), DIED],
        {"share|state": "sharing", "share|text": "Sharing blocks 4:8 of org/small, 0 sessions now."},
    ),
    "a model is fetched for later": (
        [
            e.ModelFetching("org/small", Progress(1, 2)),
            e.ModelFetching("org/small"),
            e.ModelFetching("org/small", Progress(50, 100, 10.0, 5.0)),
        ],
        {"downloads|chat:org/small|progress|done": 50, "node|engine|models": {}},
    ),
    "it was fetched, or somebody ended that": (
        [e.ModelFetching("org/small"), e.ModelFetched("org/small")],
        {"downloads": {}, "problems": {}},
    ),
    "it could not be fetched, until it is tried again": (
        [e.ModelFetching("org/small"), e.ModelFetched("org/small", "gated", "The hub says no.", 7.0)],
        {"downloads": {}, "problems|model:org/small|remedy": "hub_token"},
    ),
    "fetching again forgets what went wrong": (
        [e.ModelFetched("org/small", "gated", "The hub says no.", 7.0), e.ModelFetching("org/small")],
        {"problems": {}, "downloads|chat:org/small|model": "org/small"},
    ),
    "no other peer is known, and others may come": (
        [e.ShareOn(), online(), e.SwarmChanged(SwarmStatus.ALONE, None, "No other peer is known.")],
        {
            "swarm|status": "alone",
            "swarm|first": True,
            "swarm|message": "No other peer is known.",
            "problems": {},
            "share|state": "sharing",
        },
    ),
    "what was computed today is in the sentence": (
        [e.ShareOn(), JOINED, online(), e.Contributed(1234)],
        {
            "share|tokens_today": 1234,
            "share|text": "Sharing blocks 0:4 of org/small, 0 sessions now, 1,234 tokens today.",
        },
    ),
    "the reason of a restart is kept until it is up again": (
        [online(), DIED, STARTING],
        {f"problems|server:{A}|count": 1, f"servers|{A}|last_failure": "It was killed.", f"servers|{A}|restart": None},
    ),
    "up again": ([online(), DIED, STARTING, online()], {"problems": {}, f"servers|{A}|restarts": 1}),
    "the second death counts": ([online(), DIED, DIED], {f"problems|server:{A}|count": 2}),
    "gone for good": (
        [e.ShareOn(), JOINED, STARTING, e.ServerFailed(A, "memory", "Not enough memory.", at=5.0)],
        {
            "share|state": "problem",
            "share|reason": "server_failed",
            f"problems|server:{A}|remedy": "free_memory",
            "downloads": {},
        },
    ),
    "asking again forgets the failure": (
        [e.ShareOn(), JOINED, STARTING, e.ServerFailed(A, "memory", "Not enough.", at=5.0), e.ShareOn("org/small")],
        {"servers": {}, "problems": {}, "share|state": "starting", "share|model": "org/small"},
    ),
    "p2pd dies": (
        [
            e.ShareOn(),
            JOINED,
            online(),
            e.ServerSessions(A, 1, PEERS[0], 1, at=3.0),
            e.SwarmChanged(SwarmStatus.REJOINING, "p2pd_died", "It has ended.", at=9.0),
        ],
        {
            "swarm|status": "rejoining",
            "swarm|message": "It has ended.",
            f"servers|{A}|status": "rejoining",
            "sessions": {},
            "share|state": "starting",
            "share|reason": "looking_for_swarm",
            "problems|swarm|code": "p2pd_died",
            "node|totals|rejoins": 1,
        },
    ),
    "p2pd is back": (
        [
            e.ShareOn(),
            JOINED,
            online(),
            e.SwarmChanged(SwarmStatus.REJOINING, "p2pd_died", "It has ended."),
            e.SwarmChanged(SwarmStatus.REJOINING, "p2pd_died", "It does not start."),
            JOINED,
            online(),
        ],
        {"problems": {}, "swarm|message": None, "share|state": "sharing", "node|totals|rejoins": 1},
    ),
    "alone": (
        [e.ShareOn(), online(), e.SwarmChanged(SwarmStatus.ALONE, "no_peers", "None answers.")],
        {"share|reason": "looking_for_swarm", "problems|swarm|remedy": "check_network"},
    ),
    "a pause": (
        [e.ShareOn(), JOINED, online(), e.SharePaused(99.0), e.ServerRemoved(A)],
        {"share|state": "waiting", "share|reason": "paused", "share|until": 99.0, "servers": {}},
    ),
    "the end of a pause": (
        [e.ShareOn("org/small"), JOINED, e.SharePaused(99.0), e.ShareOn(), online()],
        {"share|state": "sharing", "share|until": None, "share|model": "org/small"},
    ),
    "the network, measured": (
        [JOINED, e.LinkMeasured(2e6, 8e6, 3)],
        {"swarm|uplink": 2e6, "swarm|downlink": 8e6, "swarm|link_peers": 3},
    ),
    "the network, not known": ([JOINED, e.LinkMeasured(0.0, 0.0, 0)], {"swarm|uplink": None, "swarm|link_peers": 0}),
    "a move": (
        [e.ShareOn(), JOINED, online(), e.ShareMoves(4, 8, MoveReason.SLOWEST), e.ServerDraining(A, leaves=60.0)],
        {
            "share|state": "draining",
            "share|reason": "moving",
            "share|moving|start": 4,
            "share|moving|end": 8,
            "share|moving|why": "slowest",
        },
    ),
    "a move is over": (
        [e.ShareOn(), JOINED, online(), e.ShareMoves(4, 8, MoveReason.MISSING), e.ShareMoves()],
        {"share|state": "sharing", "share|moving": None},
    ),
    "finishing": (
        [
            e.ShareOn(),
            JOINED,
            online(),
            e.ServerSessions(A, 2, PEERS[0], 1),
            e.ShareFinishing(60.0),
            e.ServerDraining(A, leaves=60.0),
        ],
        {
            "share|state": "draining",
            "share|text": "Finishing: 2 sessions still open, no new ones.",
            f"servers|{A}|leaves": 60.0,
        },
    ),
    "finished": (
        [e.ShareOn(), JOINED, online(), e.ShareFinishing(60.0), e.ServerDraining(A, 60.0), e.ServerRemoved(A)],
        {"share|state": "off", "share|reason": "turned_off", "share|wanted": "off", "share|until": None},
    ),
    "the demo swarm is no sharing": (
        [JOINED, e.SwarmChanged(SwarmStatus.JOINED, demo=True), STARTING, online(), e.ServerSessions(A, 1)],
        {"share|state": "off", f"servers|{A}|demo": True},
    ),
    "off": (
        [e.ShareOn(), JOINED, online(), e.SharePaused(99.0), e.ShareOff(), e.ServerRemoved(A)],
        {"share|state": "off", "share|reason": "turned_off", "share|until": None},
    ),
    "it was shared when the last node ended": (
        [e.ShareRecalled("owner/name")],
        {"share|state": "off", "share|reason": "turned_off", "share|wanted": "off", "share|interrupted": "owner/name"},
    ),
    "the demo was on when the last node ended": (
        [e.DemoRecalled(True), e.DemoChanged(DemoStatus.OFF)],
        {"demo|status": "off", "demo|interrupted": True},
    ),
    "the demo is on again": (
        [e.DemoRecalled(True), e.DemoChanged(DemoStatus.STARTING, 0, 6)],
        {"demo|interrupted": None},
    ),
    "nobody wants the demo any more": ([e.DemoRecalled(True), e.DemoRecalled(False)], {"demo|interrupted": None}),
    "shared again": (
        [e.ShareRecalled("owner/name"), e.ShareOn("owner/name"), JOINED],
        {"share|state": "starting", "share|interrupted": None},
    ),
    "a server that is removed takes everything with it": (
        [
            online(),
            e.ServerSessions(A, 1, PEERS[0], 1),
            STARTING,
            e.ServerProgress(A, Progress(1, 2)),
            e.ProblemSeen("swarm", "Nobody keeps its record.", A),
            e.ServerRemoved(A),
        ],
        {"servers": {}, "sessions": {}, f"peers|{PEERS[0]}|sessions": 0, "downloads": {}, "problems": {}},
    ),
    "held by the policy": (
        [e.ShareOn(), JOINED, e.ShareHeld(ShareReason.ON_BATTERY)],
        {"share|state": "waiting", "share|reason": "on_battery"},
    ),
    "a reason that is no reason to wait": (
        [e.ShareOn(), JOINED, online(), e.ShareHeld(ShareReason.SERVING)],
        {"share|state": "sharing", "share|holds": None},
    ),
    "late news of a server that is gone": (
        [
            e.ServerRemoved(A),
            e.ServerSessions(A, 3, PEERS[0], 1),
            e.ServerProgress(A, Progress(1, 2)),
            e.ServerBatching(A, "packed", "It does."),
            e.ServerDraining(A, 9.0),
            DIED,
            e.ServerFailed(A, "memory", "x", 1.0),
        ],
        {"servers": {}, "sessions": {}, "problems": {}, "downloads": {}},
    ),
    "an answer under way": (
        [
            e.AnswerAsked("r", "org/small", "chat-1", at=1.0),
            e.AnswerStarted("r", 20, 15, at=2.0),
            e.AnswerGrew("r", 1, at=3.0),
            e.AnswerGrew("r", 10, at=5.0),
        ],
        {
            "chats|r|status": "writing",
            "chats|r|conversation": "chat-1",
            "chats|r|asked": 1.0,
            "chats|r|prompt_tokens": 20,
            "chats|r|reused_tokens": 15,
            "chats|r|tokens": 11,
            "chats|r|first_token": 3.0,
            "chats|r|tokens_per_second": 5.0,
        },
    ),
    "an answer is done, and who computed is known": (
        [
            e.NodeKnown(PEERS[0]),
            e.AnswerAsked("r"),
            e.AnswerDone("r", 20, 11, 15, 1000, HOPS, at=6.0),
        ],
        {
            "chats": {},
            "node|totals|answers": 1,
            "node|totals|prompt_tokens": 20,
            "node|totals|completion_tokens": 11,
            "node|totals|bytes_sent": 1000,
            f"peers|{PEERS[1]}|answers": 1,
            f"peers|{PEERS[1]}|seen": 6.0,
            f"peers|{PEERS[0]}": None,
        },
    ),
    "cancelled is no failure": (
        [e.AnswerAsked("r"), e.AnswerFailed("r", "cancelled"), e.AnswerAsked("q"), e.AnswerFailed("q", "full")],
        {"chats": {}, "node|totals|failed_answers": 1},
    ),
    "the engine dies": (
        [
            e.EngineChanged(EngineStatus.READY),
            e.ModelLoading("m"),
            e.ModelProgress("m", Progress(1, 2)),
            e.AnswerAsked("r"),
            e.EngineChanged(EngineStatus.RESTARTING, "It was killed.", "engine_died", 4.0),
            e.EngineChanged(EngineStatus.STARTING),
            e.AnswerAsked("waits"),
            e.AnswerFailed("r", "engine_died"),
        ],
        {
            "node|engine|status": "starting",
            "node|engine|restarts": 1,
            "node|engine|models": {},
            "downloads": {},
            "chats|r": None,
            "chats|waits|status": "waiting",
            "node|totals|failed_answers": 1,
            "problems|engine|message": "It was killed.",
        },
    ),
    "the engine is back": (
        [e.EngineChanged(EngineStatus.RESTARTING, "It was killed."), e.EngineChanged(EngineStatus.READY)],
        {"problems": {}, "node|engine|status": "ready"},
    ),
    "a model is loaded": (
        [e.ModelLoading("m"), e.ModelProgress("m", Progress(1, 2)), e.ModelLoaded("m"), e.EngineSessions(2)],
        {"node|engine|models": {"m": "loaded"}, "downloads": {}, "node|engine|sessions": 2},
    ),
    "a model cannot be loaded": (
        [e.ModelLoading("m"), e.ModelUnloaded("m", "disk_full", "No room.", 3.0)],
        {"node|engine|models": {}, "problems|model:m|remedy": "free_disk"},
    ),
    "a problem put away": (
        [e.ProblemSeen("x", "one", A, 1.0), e.ProblemSeen("y", "two", None, 2.0), e.ProblemGone(f"server:{A}:x")],
        {f"problems|server:{A}:x": None, "problems|y|message": "two", "problems|y|remedy": "copy_diagnostics"},
    ),
    "models of the swarm": (
        [e.NodeKnown(PEERS[0]), e.ModelsSeen((make.model(missing=((4, 8),)),))],
        {
            f"swarm|models|{'ff' * 32}|missing": [[4, 8]],
            f"swarm|models|{'ff' * 32}|servers|{PEERS[0]}/{A}|mine": True,
            f"swarm|models|{'ff' * 32}|servers|{PEERS[0]}/{A}|name": friendly_name(PEERS[0]),
        },
    ),
    "the demo is starting": (
        [e.DemoChanged(DemoStatus.OFF, model="toy"), demo(DemoStatus.STARTING, 2, 6), DEMO_ADDED, online()],
        {
            "demo|status": "starting",
            "demo|model": "toy",
            "demo|step": 2,
            "demo|steps": 6,
            f"servers|{A}|demo": True,
            f"servers|{A}|status": "online",
            "swarm|status": "off",
            "node|peer_id": None,
            "share|state": "off",
        },
    ),
    "the demo is ready, beside a model of the joined swarm": (
        [e.NodeKnown(PEERS[1]), e.ModelsSeen((make.model(),)), *DEMO_READY],
        {
            "demo|status": "ready",
            "demo|step": 0,
            f"swarm|models|{'ff' * 32}|demo": False,
            f"swarm|models|demo:{'ff' * 32}|demo": True,
            f"swarm|models|demo:{'ff' * 32}|servers|{PEERS[0]}/{A}|mine": True,
            f"swarm|models|{'ff' * 32}|servers|{PEERS[0]}/{A}|mine": False,
        },
    ),
    "the demo's own peer is nobody else": (
        [*DEMO_READY, e.ServerSessions(A, 1, PEERS[0], 1, at=3.0), e.AnswerDone("r", route=HOPS)],
        {f"peers|{PEERS[0]}": None, f"peers|{PEERS[1]}|answers": 1, f"sessions|{A}/{PEERS[0]}|count": 1},
    ),
    "the demo's p2pd dies, and the joined one's does not": (
        [online(B), *DEMO_READY, e.ServerSessions(A, 1, PEERS[0], 1), e.DemoUnreachable()],
        {f"servers|{A}|status": "rejoining", f"servers|{B}|status": "online", "sessions": {}},
    ),
    "the joined swarm's p2pd dies, and the demo's does not": (
        [online(B), *DEMO_READY, e.SwarmChanged(SwarmStatus.REJOINING)],
        {f"servers|{A}|status": "online", f"servers|{B}|status": "rejoining"},
    ),
    "a part of the demo starts again": (
        [*DEMO_READY, demo(DemoStatus.STARTING, 0, 6, "server_died", "It was killed.")],
        {"demo|status": "starting", "demo|message": "It was killed.", "demo|code": "server_died"},
    ),
    "and is there again": (
        [demo(DemoStatus.STARTING, 0, 6, "server_died", "It was killed."), *DEMO_READY],
        {"demo|status": "ready", "demo|message": None, "demo|code": None},
    ),
    "the demo is switched off": (
        [e.ModelsSeen((make.model(),)), *DEMO_READY, e.DemoChanged(DemoStatus.OFF)],
        {"demo|status": "off", "demo|servers": [], "demo|peer_id": None, f"swarm|models|demo:{'ff' * 32}": None}
        | {f"swarm|models|{'ff' * 32}|name": "small"},
    ),
    "what is seen of a demo that was switched off does not count": (
        [*DEMO_READY, e.DemoChanged(DemoStatus.OFF), e.ModelsSeen((make.model(),), demo=True)],
        {"swarm|models": {}},
    ),
    "the demo has failed": (
        [*DEMO_READY, e.DemoChanged(DemoStatus.FAILED, code="damaged_checkpoint", message="It is damaged.")],
        {"demo|status": "failed", "demo|message": "It is damaged.", "swarm|models": {}},
    ),
    "models that are gone": ([e.ModelsSeen((make.model(),)), e.ModelsSeen(())], {"swarm|models": {}}),
    "the GPU runtime is downloaded": (
        [e.ShareOn("org/small"), e.GpuRuntimeChanged(RuntimePhase.DOWNLOADING, Progress(812_000_000, 2_900_000_000))],
        {"share|state": "starting", "share|reason": "gpu_runtime", "downloads|gpu-runtime|progress|done": 812_000_000}
        | {"share|text": "Starting: GPU runtime, 812 of 2,900 MB."},
    ),
    "and survives the end of the chat engine": (
        [
            e.ShareOn(),
            e.GpuRuntimeChanged(RuntimePhase.DOWNLOADING),
            e.EngineChanged(EngineStatus.OFF),
        ],
        {"downloads|gpu-runtime|model": "", "share|gpu_runtime|phase": "downloading"},
    ),
    "and is checked": (
        [e.ShareOn(), e.GpuRuntimeChanged(RuntimePhase.DOWNLOADING), e.GpuRuntimeChanged(RuntimePhase.CHECKING)],
        {"share|text": "Starting: GPU runtime, checking that it works.", "downloads": {}},
    ),
    "and given up": (
        [e.ShareOn(), e.GpuRuntimeChanged(RuntimePhase.DOWNLOADING), e.GpuRuntimeChanged(None), e.ShareOff()],
        {"share|gpu_runtime": None, "share|reason": "turned_off", "downloads": {}},
    ),
    "the end": ([e.NodeStops()], {"node|stopping": True}),
}


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str) -> None:
    events, expected = STORIES[name]
    tree = to_json(after(*events))
    assert {path: at(tree, path) for path in expected} == expected


def test_every_event_has_a_story_of_what_it_does() -> None:
    told = {type(event) for events, _ in STORIES.values() for event in events} | {e.MachineRead}
    assert told == set(make.KINDS)


COUNTING = (
    e.AnswerGrew,
    e.AnswerDone,
    e.ServerRestarting,
    e.ServerFailed,
    e.ServerSessions,
    e.SwarmChanged,
    e.ModelUnloaded,
    e.ModelFetched,
)


@pytest.mark.parametrize(
    "name", [name for name, (events, _) in STORIES.items() if events and not isinstance(events[-1], COUNTING)]
)
def test_news_that_is_not_new_gives_the_same_object(name: str) -> None:
    events, _ = STORIES[name]
    once = after(*events)
    assert apply(once, events[-1]) is once


def test_readings_of_the_machine_replace_each_other() -> None:
    device = Device("cuda", 0, "RTX", memory_free=3)
    state = after(e.MachineRead(Machine(devices=frozen({"cuda:0": device}))))
    assert at(to_json(state), "machine|devices|cuda:0|memory_free") == 3
    assert "temperature" not in to_json(state)["machine"]["devices"]["cuda:0"]
    assert apply(state, e.MachineRead(Machine())).machine.devices == {}
