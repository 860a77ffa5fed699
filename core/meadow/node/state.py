"""The state tree: everything that the node lets others see, as frozen dataclasses.

The window, the command line and the tests read this one tree; what changes it are events (``events``) through one pure
function (``apply``). ``changes`` has the differences and the followers.

Two rules keep the JSON form fit for merge patches (RFC 7396, where null means "delete" and lists are replaced as a
whole). *None never appears*: a field without a value is absent. *Whatever comes and goes by itself is a mapping from an
id*, not a list. Nothing that a person wrote or read in a chat is ever in here, and everything is bounded.

Units: bytes, seconds, tokens/s; times are Unix seconds; utilisation and charge are fractions between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar

from meadow.node.sharing import ShareReason, ShareState, Wanted
from meadow.node.state_words import (
    AnswerStatus,
    DemoStatus,
    EngineStatus,
    MoveReason,
    Phase,
    Remedy,
    RuntimePhase,
    ServerStatus,
    SwarmStatus,
)

FORM: Final = 1
"""Version of the tree's form. Grows when a field changes its meaning or goes, not when one is added."""

T = TypeVar("T")


def frozen(items: Mapping[str, T] | None = None) -> Mapping[str, T]:
    """A mapping that nobody can change: a read-only view of a copy. There is only one without items."""
    return MappingProxyType(dict(items)) if items else _EMPTY


_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


def _as_sent(schema: dict[str, Any]) -> None:
    """Correct a JSON schema that pydantic made: what may be None is absent then, everything else is always there."""
    schema["required"] = []
    for name, part in schema.get("properties", {}).items():
        kinds = part.get("anyOf", [])
        if {"type": "null"} in kinds:
            (kind,) = (kind for kind in kinds if kind != {"type": "null"})
            del part["anyOf"]
            part.pop("default", None)
            part.update(kind)
        else:
            schema["required"].append(name)


# Read by pydantic when the OpenAPI document is made: the texts below the fields become descriptions.
_DESCRIBED: Final = {"use_attribute_docstrings": True, "json_schema_extra": _as_sent}


@dataclass(frozen=True, slots=True)
class Engine:
    """The chat engine."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    status: EngineStatus = EngineStatus.OFF
    models: Mapping[str, str] = field(default_factory=frozen)
    """Models whose client part it holds: name -> "loading" or "loaded"."""
    sessions: int = 0
    """Sessions kept open between the turns of chats."""
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Counted since the node started."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    answers: int = 0
    failed_answers: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    """Of the prompts: what the servers still held from earlier turns."""
    completion_tokens: int = 0
    bytes_sent: int = 0
    """Hidden states that left for the first server of a route."""
    sessions: int = 0
    """Sessions that others opened on servers here."""
    server_restarts: int = 0
    rejoins: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """Who this node is."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    version: str = ""
    """Meadow's version."""
    pid: int = 0
    started: float = 0.0
    url: str | None = None
    peer_id: str | None = None
    """Absent until p2pd runs."""
    name: str | None = None
    """The friendly name that others see, made from the peer id."""
    stopping: bool = False
    engine: Engine = field(default_factory=Engine)
    totals: Totals = field(default_factory=Totals)


@dataclass(frozen=True, slots=True)
class SwarmServer:
    """One server of the swarm, as its record says. Key: "peer_id/server_id"."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    peer_id: str
    server_id: str
    start: int
    end: int
    """The first block that it does not host."""
    name: str = ""
    state: str = "online"
    throughput: float = 0.0
    """Its own claim."""
    mine: bool = False


@dataclass(frozen=True, slots=True)
class SwarmModel:
    """A model that somebody serves. ``name`` and ``hub_id`` are claims of strangers: show them as plain text."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    fingerprint: str
    name: str
    num_blocks: int
    hub_id: str | None = None
    complete: bool = False
    """Every block is served, so one can chat with it."""
    missing: tuple[tuple[int, int], ...] = ()
    """The gaps, as [start, end) pairs."""
    num_servers: int = 0
    demo: bool = False
    """Of the demo swarm: it stays on this machine."""
    servers: Mapping[str, SwarmServer] = field(default_factory=frozen)
    """At most 256 of them."""


@dataclass(frozen=True, slots=True)
class Swarm:
    """The swarm as this node sees it."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    status: SwarmStatus = SwarmStatus.OFF
    message: str | None = None
    """Why it is not joined."""
    first: bool = False
    """Alone because no other peer is known: a swarm of its own, which others can join."""
    addresses: tuple[str, ...] = ()
    """What others give as initial peers to meet this node."""
    num_peers: int | None = None
    """Peers that the DHT knows."""
    uplink: float | None = None
    """Bytes/s to other peers, measured with a few of them: the median. Absent: not known."""
    downlink: float | None = None
    """Bytes/s from other peers, likewise."""
    link_peers: int = 0
    """So many peers were measured with."""
    demo: bool = False
    """A swarm of this machine alone."""
    models: Mapping[str, SwarmModel] = field(default_factory=frozen)
    """By fingerprint, those of the demo by "demo:" and fingerprint; at most 64."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo: a swarm of two servers with the bundled model, beside the joined swarm and on this machine alone.

    Its servers and its model are in ``servers`` and ``swarm.models``, where ``demo`` is set.
    """

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    status: DemoStatus = DemoStatus.OFF
    step: int = 0
    steps: int = 0
    """It is at step ``step`` of ``steps`` on its way to ready."""
    message: str | None = None
    """Why it has failed, or starts again."""
    code: str | None = None
    """The same for programs."""
    model: str | None = None
    """What its model is called, also while it is off."""
    peer_id: str | None = None
    servers: tuple[str, ...] = ()
    """The ids of its servers."""
    interrupted: bool | None = None
    """True: it was on when the last node ended. It is not started again by itself."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer is."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    done: int = 0
    """Bytes."""
    total: int = 0
    """Bytes."""
    rate: float = 0.0
    """Bytes/s over the last seconds; 0 when unknown."""
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class GpuRuntime:
    """The CUDA build of PyTorch that servers on an NVIDIA GPU need, while it is being made."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    phase: RuntimePhase = RuntimePhase.DOWNLOADING
    progress: Progress | None = None
    """Of downloading, or of installing."""


@dataclass(frozen=True, slots=True)
class Moving:
    """Other blocks that the server is about to host, because that helps the swarm more."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    start: int = 0
    end: int = 0
    """The first block that it will not host."""
    why: MoveReason = MoveReason.BETTER


@dataclass(frozen=True, slots=True)
class Share:
    """What this machine gives: one state, one reason, one sentence that is the same everywhere."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    state: ShareState = ShareState.OFF
    reason: ShareReason = ShareReason.NEVER_TURNED_ON
    text: str = "Sharing is off; it was never turned on."
    wanted: Wanted = Wanted.OFF
    """What the person asked for."""
    was_on: bool = False
    """Ever, also in an earlier life of the node."""
    interrupted: str | None = None
    """The model that was shared when the last node ended. Nothing is shared again by itself."""
    holds: ShareReason | None = None
    """Why the node itself waits, though the person wants to share."""
    model: str | None = None
    until: float | None = None
    """When a pause ends, or when a draining server leaves at the latest; Unix seconds."""
    sessions: int = 0
    tokens_today: int = 0
    """Computed for others since midnight; a token counts once for each server here that it passed."""
    gpu_runtime: GpuRuntime | None = None
    """Present while it is being made: the first share with an NVIDIA GPU waits for it."""
    moving: Moving | None = None
    """Present while the server goes to other blocks by itself."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server process of this node: blocks [start, end) of a model."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    server_id: str
    model: str = ""
    status: ServerStatus = ServerStatus.STARTING
    start: int = 0
    end: int | None = None
    """Absent until the model was opened, if it hosts everything to the last block."""
    num_blocks: int | None = None
    phase: Phase | None = None
    step: int = 0
    steps: int = 0
    """It is at step ``step`` of ``steps`` on its way to online."""
    progress: Progress | None = None
    fingerprint: str | None = None
    device: str | None = None
    dtype: str | None = None
    throughput: float | None = None
    """Tokens/s of one session through this span, one token at a time, measured."""
    prefill: float | None = None
    """Tokens/s of a long input of one session through this span, measured; 0: not known."""
    verification: str | None = None
    """How its weights were checked."""
    batching: str | None = None
    """How steps of several sessions are computed: ``packed`` in one row, in ``lockstep``, or each ``alone``."""
    batching_reason: str | None = None
    """Why so, as a sentence; it changes if the server finds out while it serves that packing is not right."""
    batching_longest: int | None = None
    """Positions beyond which a session is not packed; absent: no limit."""
    sessions: int = 0
    leaves: float | None = None
    """Draining: when it leaves at the latest."""
    restarts: int = 0
    restart: float | None = None
    """Restarting: when."""
    last_failure: str | None = None
    """Why it ended the last time."""
    demo: bool = False
    """Of the demo swarm, which only this machine can reach: it does not count as sharing."""


@dataclass(frozen=True, slots=True)
class Session:
    """The open sessions that one peer has on one server of this node. Key: "server_id/peer_id"."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    server_id: str
    peer_id: str
    name: str
    count: int
    since: float
    """When the first of them was opened."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer that this node has to do with: it computes for us, or we for it."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    peer_id: str
    name: str
    """Friendly, derived from the peer id; two peers may share one."""
    sessions: int = 0
    """Open sessions that it has on servers here."""
    answers: int = 0
    """Answers of ours in which it computed blocks, since the node started. It could read those."""
    seen: float = 0.0


@dataclass(frozen=True, slots=True)
class Download:
    """What is being fetched. Key: "server:SERVER_ID" or "chat:MODEL" for models, "gpu-runtime" for the GPU runtime."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    model: str
    """Empty for the GPU runtime."""
    server_id: str | None = None
    """The server that fetches its blocks; absent: the chat engine fetches the two ends, or it is no model."""
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer under way; it leaves the tree when it is done. Its text is never in the tree."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    id: str
    model: str | None = None
    conversation: str | None = None
    """The chat that it belongs to, if it is one of Meadow's own."""
    status: AnswerStatus = AnswerStatus.WAITING
    asked: float = 0.0
    prompt_tokens: int | None = None
    reused_tokens: int | None = None
    tokens: int = 0
    """New tokens so far, over all choices."""
    first_token: float | None = None
    """When the first text came."""
    tokens_per_second: float | None = None
    """Since the first one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong and still matters: what happened, what it means, what to do."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    code: str
    """Stable; for programs."""
    message: str
    """For people."""
    advice: str
    """What they can do."""
    remedy: Remedy
    server_id: str | None = None
    since: float = 0.0
    last: float = 0.0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Device:
    """Something that can compute, or could. Key: "kind:index"."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    kind: str
    index: int = 0
    name: str = ""
    driver: str | None = None
    memory_total: int | None = None
    memory_free: int | None = None
    utilisation: float | None = None
    """A fraction, 0 to 1."""
    temperature: float | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""
    other_programs: int | None = None
    """How many programs besides Meadow use it."""
    code: str | None = None
    """Stable; for programs: why it cannot be used."""
    reason: str | None = None
    """The same for people."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine has, as it was read the last time."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    system: str | None = None
    cpu: str | None = None
    cpu_count: int | None = None
    cpu_utilisation: float | None = None
    """A fraction, 0 to 1."""
    memory_total: int | None = None
    memory_free: int | None = None
    disk_free: int | None = None
    """Where models are kept."""
    on_battery: bool | None = None
    """Absent: no battery, or unknown."""
    battery: float | None = None
    """A fraction, 0 to 1."""
    devices: Mapping[str, Device] = field(default_factory=frozen)


@dataclass(frozen=True, slots=True)
class State:
    """The whole tree."""

    __pydantic_config__: ClassVar[Any] = _DESCRIBED
    version: int = FORM
    """Of the form of this tree. New fields may come without a new version: ignore what you do not know."""
    node: Node = field(default_factory=Node)
    swarm: Swarm = field(default_factory=Swarm)
    demo: Demo = field(default_factory=Demo)
    share: Share = field(default_factory=Share)
    servers: Mapping[str, Server] = field(default_factory=frozen)
    """Server processes of this node, by server id."""
    sessions: Mapping[str, Session] = field(default_factory=frozen)
    """Who uses them."""
    peers: Mapping[str, Peer] = field(default_factory=frozen)
    """By peer id; at most 256."""
    downloads: Mapping[str, Download] = field(default_factory=frozen)
    chats: Mapping[str, Answer] = field(default_factory=frozen)
    """Answers under way, by request id."""
    problems: Mapping[str, Problem] = field(default_factory=frozen)
    """At most 32."""
    machine: Machine = field(default_factory=Machine)
