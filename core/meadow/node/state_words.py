"""The words of the state tree: what can be said of the engine, the swarm, a server, an answer, and of a remedy."""

from __future__ import annotations

from enum import StrEnum


class EngineStatus(StrEnum):
    """The chat engine, the process that generates text."""

    OFF = "off"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"


class SwarmStatus(StrEnum):
    """This node's place in its swarm. ``alone``: no initial peer answers, or there is none."""

    OFF = "off"
    JOINING = "joining"
    JOINED = "joined"
    REJOINING = "rejoining"
    ALONE = "alone"


class ServerStatus(StrEnum):
    """One server process. ``rejoining``: loaded, but nobody can reach it until the swarm is joined again."""

    STARTING = "starting"
    ONLINE = "online"
    REJOINING = "rejoining"
    DRAINING = "draining"
    RESTARTING = "restarting"
    FAILED = "failed"


class DemoStatus(StrEnum):
    """The demo swarm. ``starting``: also when something of it has died and is started again."""

    OFF = "off"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


class Phase(StrEnum):
    """What a server does on its way to online."""

    OPENING = "opening"
    DOWNLOADING = "downloading"
    LOADING = "loading"
    MEASURING = "measuring"
    JOINING = "joining"


class RuntimePhase(StrEnum):
    """What is being done to get the GPU runtime. ``installing``: unpacking; ``checking``: does it work here?"""

    DOWNLOADING = "downloading"
    INSTALLING = "installing"
    CHECKING = "checking"


class AnswerStatus(StrEnum):
    """An answer under way. ``waiting``: no route yet; ``reading``: the prompt is computed; ``writing``: text comes."""

    WAITING = "waiting"
    READING = "reading"
    WRITING = "writing"


class MoveReason(StrEnum):
    """Why a server goes to other blocks by itself: what they are."""

    MISSING = "missing"
    FEWEST = "fewest"
    SLOWEST = "slowest"
    BETTER = "better"


class Remedy(StrEnum):
    """The one button that helps with a problem."""

    RETRY = "retry"
    WAIT = "wait"
    FREE_MEMORY = "free_memory"
    FREE_DISK = "free_disk"
    CHECK_NETWORK = "check_network"
    CHOOSE_MODEL = "choose_model"
    HUB_TOKEN = "hub_token"
    CHECK_DRIVER = "check_driver"
    CHECK_SETTINGS = "check_settings"
    START_DEMO = "start_demo"
    UPDATE = "update"
    COPY_DIAGNOSTICS = "copy_diagnostics"
