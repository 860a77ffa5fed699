"""What can happen to the state tree: one frozen dataclass an event. ``apply`` says what each does to the tree.

The node makes most of them itself. What its children say comes as dicts and is translated by ``child_events``. Every
event that needs the time carries it (``at``, Unix seconds), so that applying is pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from meadow.chat.request import Hop
from meadow.node.sharing import ShareReason
from meadow.node.state import Machine, Progress, SwarmModel
from meadow.node.state_words import DemoStatus, EngineStatus, MoveReason, Phase, RuntimePhase, SwarmStatus

# The node itself


@dataclass(frozen=True, slots=True)
class NodeListens:
    """HTTP is up at ``url``."""

    url: str


@dataclass(frozen=True, slots=True)
class NodeKnown:
    """p2pd runs under this identity."""

    peer_id: str


@dataclass(frozen=True, slots=True)
class NodeStops:
    """The last thing that followers hear."""


@dataclass(frozen=True, slots=True)
class MachineRead:
    """New readings."""

    machine: Machine


# The swarm


@dataclass(frozen=True, slots=True)
class SwarmChanged:
    """The place in the swarm; ``code`` and ``message`` say why it is not a good one. Another None changes nothing."""

    status: SwarmStatus
    code: str | None = None
    message: str | None = None
    peer_id: str | None = None
    addresses: tuple[str, ...] | None = None
    num_peers: int | None = None
    demo: bool | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class LinkMeasured:
    """Bytes/s between this node and the median of so many peers; 0: not known."""

    uplink: float
    downlink: float
    peers: int


@dataclass(frozen=True, slots=True)
class ModelsSeen:
    """All models of the swarm, as they are now."""

    models: tuple[SwarmModel, ...]
    demo: bool = False
    """Those of the demo swarm; the others stay as they are."""


@dataclass(frozen=True, slots=True)
class DemoChanged:
    """The demo swarm. ``code`` and ``message``: why it starts again, or has failed. Another None changes nothing."""

    status: DemoStatus
    step: int = 0
    steps: int = 0
    code: str | None = None
    message: str | None = None
    model: str | None = None
    peer_id: str | None = None
    servers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class DemoRecalled:
    """Whether the demo was on when an earlier life of the node ended, and nobody has decided about it since."""

    interrupted: bool


@dataclass(frozen=True, slots=True)
class DemoUnreachable:
    """The demo's p2pd has ended."""


# Sharing: what the person wants, and what the node's policy says


@dataclass(frozen=True, slots=True)
class ShareOn:
    """Share, or go on after a pause. ``model`` None: the one from before, or automatic."""

    model: str | None = None


@dataclass(frozen=True, slots=True)
class SharePaused:
    """Stop for a while. ``until`` None: until the person says so."""

    until: float | None = None


@dataclass(frozen=True, slots=True)
class ShareFinishing:
    """No new sessions; stop when the last one ends, or at ``until``."""

    until: float | None = None


@dataclass(frozen=True, slots=True)
class ShareOff:
    """Stop now."""


@dataclass(frozen=True, slots=True)
class ShareRecalled:
    """Sharing was turned on in an earlier life of the node. ``interrupted``: the model that was shared at its end."""

    interrupted: str | None = None


@dataclass(frozen=True, slots=True)
class ShareHeld:
    """The node waits by itself, though the person wants to share. None: it waits no longer.

    ``reason`` is one of the waiting ones; another is ignored.
    """

    reason: ShareReason | None


@dataclass(frozen=True, slots=True)
class ShareMoves:
    """The server is about to host ``[start, end)`` instead. No blocks: it is there, or stays where it is."""

    start: int = 0
    end: int = 0
    why: MoveReason = MoveReason.BETTER


@dataclass(frozen=True, slots=True)
class Contributed:
    """So many tokens were computed for others today, by the person's calendar."""

    tokens_today: int


@dataclass(frozen=True, slots=True)
class GpuRuntimeChanged:
    """The GPU runtime is being made. ``phase`` None: no longer."""

    phase: RuntimePhase | None
    progress: Progress | None = None


# Server processes


@dataclass(frozen=True, slots=True)
class ServerAdded:
    """A server process is started for blocks ``[start, end)``; ``end`` None: to the last."""

    server_id: str
    model: str
    start: int = 0
    end: int | None = None
    device: str | None = None
    demo: bool = False


@dataclass(frozen=True, slots=True)
class ServerStarting:
    """It is at step ``step`` of ``steps``."""

    server_id: str
    phase: Phase
    step: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class ServerProgress:
    """How far the transfer of this step is."""

    server_id: str
    progress: Progress


@dataclass(frozen=True, slots=True)
class ServerOnline:
    """The swarm can find it."""

    server_id: str
    model: str
    start: int
    end: int
    num_blocks: int | None = None
    fingerprint: str | None = None
    dtype: str | None = None
    throughput: float | None = None
    prefill: float | None = None
    verification: str | None = None
    peer_id: str | None = None
    """This node's own."""
    addresses: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ServerBatching:
    """How it computes the steps of several sessions: ``mode`` is packed, lockstep or alone."""

    server_id: str
    mode: str
    reason: str
    longest: int = 0


@dataclass(frozen=True, slots=True)
class ServerSessions:
    """``count`` sessions are open. With a ``peer_id``: it has opened (``change`` +1) or ended (-1) one."""

    server_id: str
    count: int
    peer_id: str | None = None
    change: int = 0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class ServerDraining:
    """No new sessions; it leaves at ``leaves`` at the latest."""

    server_id: str
    leaves: float


@dataclass(frozen=True, slots=True)
class ServerRestarting:
    """It ended (``code``, ``message``) and is started again at ``restart``."""

    server_id: str
    code: str
    message: str
    restart: float
    at: float


@dataclass(frozen=True, slots=True)
class ServerFailed:
    """It ended (``code``, ``message``) and is not started again by itself."""

    server_id: str
    code: str
    message: str
    at: float


@dataclass(frozen=True, slots=True)
class ServerRemoved:
    """Its process has ended because we wanted it to."""

    server_id: str


# The chat engine, and answers under way


@dataclass(frozen=True, slots=True)
class EngineChanged:
    """Its process. ``message`` says why, if it is restarting or failed."""

    status: EngineStatus
    message: str | None = None
    code: str = "engine_died"
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineSessions:
    """So many sessions are kept open between turns."""

    count: int


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """The engine gets a model's client part into memory."""

    model: str


@dataclass(frozen=True, slots=True)
class ModelProgress:
    """How far its download is."""

    model: str
    progress: Progress


@dataclass(frozen=True, slots=True)
class ModelFetching:
    """The engine gets a model's client part onto the disk, perhaps for later. ``progress`` None: it begins."""

    model: str
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class ModelFetched:
    """That has ended; because of an error, if there is a ``code``."""

    model: str
    code: str | None = None
    message: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """It can be chatted with."""

    model: str


@dataclass(frozen=True, slots=True)
class ModelUnloaded:
    """It is not in memory any more, or never got there: then ``code`` and ``message`` say why."""

    model: str
    code: str | None = None
    message: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerAsked:
    """A request is on its way to the engine."""

    id: str
    model: str | None = None
    conversation: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """The prompt is tokenised and a route is open."""

    id: str
    prompt_tokens: int
    reused_tokens: int = 0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerGrew:
    """``tokens`` more tokens."""

    id: str
    tokens: int
    at: float


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """It is complete."""

    id: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reused_tokens: int = 0
    bytes_sent: int = 0
    route: tuple[Hop, ...] = ()
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerFailed:
    """It ended early. ``code`` "cancelled": because somebody wanted that."""

    id: str
    code: str


# Problems


@dataclass(frozen=True, slots=True)
class ProblemSeen:
    """Something went wrong. With the same ``code`` and ``server_id`` it is the same problem once more."""

    code: str
    message: str
    server_id: str | None = None
    at: float = 0.0
    key: str | None = None
    """Where it stands in the tree, if not under its code."""


@dataclass(frozen=True, slots=True)
class ProblemGone:
    """It is solved, or the person has put it away. ``key`` as in the tree."""

    key: str


Event = (
    NodeListens
    | NodeKnown
    | NodeStops
    | MachineRead
    | SwarmChanged
    | LinkMeasured
    | ModelsSeen
    | DemoChanged
    | DemoRecalled
    | DemoUnreachable
    | ShareOn
    | SharePaused
    | ShareFinishing
    | ShareOff
    | ShareRecalled
    | ShareHeld
    | ShareMoves
    | Contributed
    | GpuRuntimeChanged
    | ServerAdded
    | ServerStarting
    | ServerProgress
    | ServerOnline
    | ServerBatching
    | ServerSessions
    | ServerDraining
    | ServerRestarting
    | ServerFailed
    | ServerRemoved
    | EngineChanged
    | EngineSessions
    | ModelLoading
    | ModelProgress
    | ModelFetching
    | ModelFetched
    | ModelLoaded
    | ModelUnloaded
    | AnswerAsked
    | AnswerStarted
    | AnswerGrew
    | AnswerDone
    | AnswerFailed
    | ProblemSeen
    | ProblemGone
)
