"""What this machine shares, in one state, one reason and one sentence: a pure decision over a few facts.

The icon, the window, the command line and the log show the same word and the same sentence, so they are made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meadow.node.state_words import MoveReason


class ShareState(StrEnum):
    """One word and one icon."""

    OFF = "off"
    STARTING = "starting"
    SHARING = "sharing"
    WAITING = "waiting"
    DRAINING = "draining"
    PROBLEM = "problem"


class ShareReason(StrEnum):
    """Why the state is what it is. Each belongs to exactly one state (:data:`STATE_OF`)."""

    NEVER_TURNED_ON = "never_turned_on"
    TURNED_OFF = "turned_off"
    LOOKING_FOR_SWARM = "looking_for_swarm"
    GPU_RUNTIME = "gpu_runtime"
    OPENING = "opening"
    DOWNLOADING = "downloading"
    LOADING = "loading"
    MEASURING = "measuring"
    JOINING = "joining"
    SERVING = "serving"
    PAUSED = "paused"
    COMPUTER_IN_USE = "computer_in_use"
    FULL_SCREEN_APP = "full_screen_app"
    GPU_IN_USE = "gpu_in_use"
    ON_BATTERY = "on_battery"
    OUTSIDE_SCHEDULE = "outside_schedule"
    TOO_HOT = "too_hot"
    METERED_NETWORK = "metered_network"
    TRANSFER_CAP = "transfer_cap"
    FINISHING = "finishing"
    MOVING = "moving"
    SERVER_RESTARTING = "server_restarting"
    SERVER_FAILED = "server_failed"


class Wanted(StrEnum):
    """What the person asked for last."""

    OFF = "off"
    ON = "on"
    PAUSED = "paused"
    FINISHING = "finishing"


_R: Final = ShareReason
_REASONS: Final = {
    ShareState.OFF: (_R.NEVER_TURNED_ON, _R.TURNED_OFF),
    ShareState.STARTING: (
        _R.LOOKING_FOR_SWARM,
        _R.GPU_RUNTIME,
        _R.OPENING,
        _R.DOWNLOADING,
        _R.LOADING,
        _R.MEASURING,
        _R.JOINING,
    ),
    ShareState.SHARING: (_R.SERVING,),
    ShareState.WAITING: (
        _R.PAUSED,
        _R.COMPUTER_IN_USE,
        _R.FULL_SCREEN_APP,
        _R.GPU_IN_USE,
        _R.ON_BATTERY,
        _R.OUTSIDE_SCHEDULE,
        _R.TOO_HOT,
        _R.METERED_NETWORK,
        _R.TRANSFER_CAP,
    ),
    ShareState.DRAINING: (_R.FINISHING, _R.MOVING),
    ShareState.PROBLEM: (_R.SERVER_RESTARTING, _R.SERVER_FAILED),
}
STATE_OF: Final = {reason: state for state, reasons in _REASONS.items() for reason in reasons}

_SENTENCES: Final = {
    _R.NEVER_TURNED_ON: "Sharing is off; it was never turned on.",
    _R.TURNED_OFF: "Sharing is off.",
    _R.LOOKING_FOR_SWARM: "Looking for the swarm.",
    _R.PAUSED: "Paused by you.",
    _R.COMPUTER_IN_USE: "Waiting: the computer is in use.",
    _R.FULL_SCREEN_APP: "Waiting: an app fills the screen.",
    _R.GPU_IN_USE: "Waiting: another program uses the GPU.",
    _R.ON_BATTERY: "Waiting: the computer runs on battery.",
    _R.OUTSIDE_SCHEDULE: "Waiting: outside the hours that you allow.",
    _R.TOO_HOT: "Waiting: the machine is too hot.",
    _R.METERED_NETWORK: "Waiting: the network is metered.",
    _R.TRANSFER_CAP: "Waiting: today's transfer limit is reached.",
}


_WHERE: Final = {
    MoveReason.MISSING: "which nobody serves",
    MoveReason.FEWEST: "which fewer servers hold",
    MoveReason.SLOWEST: "which are the slowest part of the swarm",
    MoveReason.BETTER: "where it helps the swarm more",
}


@dataclass(frozen=True, slots=True)
class Hosted:
    """What the decision has to know about one server. ``status`` and ``phase`` are the words of the state tree."""

    status: str
    phase: str | None = None
    model: str = ""
    start: int = 0
    end: int | None = None
    step: int = 0
    steps: int = 0
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class Preparing:
    """The GPU runtime is being made. ``phase``: downloading, installing or checking; sizes in bytes."""

    phase: str
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome; ``sessions`` counts those of all servers."""

    reason: ShareReason
    text: str
    sessions: int = 0

    @property
    def state(self) -> ShareState:
        """The one that the reason belongs to."""
        return STATE_OF[self.reason]


def decide(
    wanted: Wanted,
    was_on: bool,
    holds: ShareReason | None,
    swarm_joined: bool,
    servers: Sequence[Hosted],
    *,
    tokens_today: int = 0,
    preparing: Preparing | None = None,
    moving: tuple[int, int, MoveReason] | None = None,
) -> Verdict:
    """What to show. The first rule that fits wins.

    :param holds: why the node's own policy keeps from sharing now, though the person wants it.
    :param swarm_joined: others can find and reach what is served here.
    :param moving: the blocks ``[start, end)`` that are hosted next, and why.
    """
    sessions = sum(server.sessions for server in servers)
    living = [server for server in servers if server.status not in ("failed", "restarting")]
    online = [server for server in living if server.status == "online"]

    def verdict(reason: ShareReason, text: str | None = None) -> Verdict:
        return Verdict(reason, text or _SENTENCES[reason], sessions)

    leaving = wanted is not Wanted.ON or holds is not None
    moves = "" if moving is None else f"Moving to blocks {moving[0]}:{moving[1]}, {_WHERE[moving[2]]}"
    if moves and living and not leaving and all(server.status == "draining" for server in living):
        return verdict(_R.MOVING, f"{moves} ({_count(sessions, 'session')} still open here).")
    if living and (leaving or all(server.status == "draining" for server in living)):
        return verdict(_R.FINISHING, f"Finishing: {_count(sessions, 'session')} still open, no new ones.")
    if wanted is Wanted.PAUSED:
        return verdict(_R.PAUSED)
    if leaving and wanted is not Wanted.ON:
        return verdict(_R.TURNED_OFF if was_on else _R.NEVER_TURNED_ON)
    if holds is not None:
        return verdict(holds)
    if preparing is not None and not living:
        return verdict(_R.GPU_RUNTIME, _prepare(preparing))
    if online and swarm_joined:
        today = f", {_count(tokens_today, 'token')} today" if tokens_today else ""
        text = f"Sharing {_spans(online)}, {_count(sessions, 'session')} now{today}."
        return verdict(_R.SERVING, f"{text} {moves}." if moves else text)
    starting = [server for server in living if server.status == "starting"]
    if starting:
        return _start(starting[0], sessions)
    if any(server.status == "restarting" for server in servers):
        return verdict(_R.SERVER_RESTARTING, "The server ended unexpectedly and is started again.")
    if servers and not living:
        return verdict(_R.SERVER_FAILED, "The server cannot run. See what went wrong, then try again.")
    if not servers and swarm_joined:
        return _start(Hosted("starting"), sessions)  # it is being chosen what to host
    return verdict(_R.LOOKING_FOR_SWARM)


def _start(server: Hosted, sessions: int) -> Verdict:
    reason = ShareReason(server.phase or "opening")
    what = {
        _R.OPENING: "opening the model",
        _R.DOWNLOADING: "downloading",
        _R.LOADING: "loading blocks",
        _R.MEASURING: "measuring speed",
        _R.JOINING: "joining the swarm",
    }[reason]
    where = f" (step {server.step} of {server.steps})" if server.steps else ""
    return Verdict(reason, f"Starting: {what}{where}.", sessions)


def _prepare(runtime: Preparing) -> str:
    """ "Starting: GPU runtime, 812 of 2,900 MB at 12 MB/s, 3 min left." """
    if runtime.phase == "checking":
        return "Starting: GPU runtime, checking that it works."
    what = "Starting: GPU runtime, unpacking" if runtime.phase == "installing" else "Starting: GPU runtime"
    if not runtime.total:
        return f"{what}."
    far = f"{what}, {runtime.done / 1e6:,.0f} of {runtime.total / 1e6:,.0f} MB"
    if runtime.rate >= 1e6:
        far += f" at {runtime.rate / 1e6:,.0f} MB/s"
    elif runtime.rate >= 1e3:
        far += f" at {runtime.rate / 1e3:,.0f} kB/s"
    seconds = runtime.seconds_left
    if not seconds:
        return f"{far}."
    return f"{far}, {seconds / 60:,.0f} min left." if seconds >= 90 else f"{far}, {seconds:.0f} s left."


def _spans(servers: Sequence[Hosted]) -> str:
    """ "blocks 0:4 of NAME", for several servers joined by "and"."""
    names = []
    for server in servers:
        end = "" if server.end is None else server.end
        of = f" of {server.model}" if server.model else ""
        names.append(f"blocks {server.start}:{end}{of}")
    return " and ".join(names)


def short_model(model: str) -> str:
    """A folder by its last part, a hub id as it is."""
    is_folder = model.startswith(("/", "~", "./", "../")) or "\\" in model
    return model.replace("\\", "/").rstrip("/").rpartition("/")[2] if is_folder else model


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number:,} {word}s"
