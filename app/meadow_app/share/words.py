"""The word, the shape and the sentence of each share state, made from the enums of the state tree.

The node says the same in English (its ``share.text``); here it goes through Qt's translation, so the window speaks the
person's language while both keep saying one thing. A test holds the two together over every state and reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication

from meadow_app import figures
from meadow_app.text.plain import one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate

_NAME_LENGTH = 200

SHAPES = {
    "off": "ring",
    "starting": "arc",
    "sharing": "leaf",
    "waiting": "pause",
    "draining": "down",
    "problem": "triangle",
}
"""State -> the shape of its icon: states differ in shape, not only in colour."""


_HEADED = frozenset(
    "opening downloading loading measuring joining gpu_runtime finishing computer_in_use full_screen_app gpu_in_use "
    "on_battery outside_schedule too_hot metered_network transfer_cap".split()
)
"""Reasons whose sentence begins with the word of their state, and a colon."""


def state_of(share: Tree) -> str:
    """The state, one of :data:`SHAPES`; "off" for what this window does not know."""
    state = str(share.get("state", "off"))
    return state if state in SHAPES else "off"


def word(state: str) -> str:
    """One word for a state."""
    words = {
        "off": translate("Share", "Off"),
        "starting": translate("Share", "Starting"),
        "sharing": translate("Share", "Sharing"),
        "waiting": translate("Share", "Waiting"),
        "draining": translate("Share", "Finishing"),
        "problem": translate("Share", "Problem"),
    }
    return words.get(state, words["off"])


def sentence(share: Tree, servers: Iterable[Tree]) -> str:
    """One sentence for what is true now. ``servers``: those of this node, from the tree."""
    reason = str(share.get("reason", "never_turned_on"))
    fixed = _fixed().get(reason)
    if fixed is not None:
        return fixed
    shared = [server for server in servers if not server.get("demo")]
    living = [server for server in shared if server.get("status") not in ("failed", "restarting")]
    sessions = count_sessions(int(share.get("sessions", 0)))
    if reason == "serving":
        online = [server for server in living if server.get("status") == "online"]
        tokens = int(share.get("tokens_today") or 0)
        if not tokens:
            text = translate("Share", "Sharing {blocks}, {sessions} now.")
            text = text.format(blocks=_spans(online), sessions=sessions)
        else:
            text = translate("Share", "Sharing {blocks}, {sessions} now, {tokens} today.")
            text = text.format(blocks=_spans(online), sessions=sessions, tokens=count_tokens(tokens))
        return f"{text} {_move(share['moving'])}." if share.get("moving") else text
    if reason == "moving":
        text = translate("Share", "{moving} ({sessions} still open here).")
        return text.format(moving=_move(share.get("moving") or {}), sessions=sessions)
    if reason == "finishing":
        return translate("Share", "Finishing: {sessions} still open, no new ones.").format(sessions=sessions)
    if reason == "gpu_runtime":
        return _runtime(share.get("gpu_runtime") or {})
    step = _step(reason)
    if step is not None:
        starting = [server for server in living if server.get("status") == "starting"]
        return _starting(step, starting[0] if starting else {})
    # A newer node may have reasons that this window has no words for; the node's own are better than none.
    return one_line(str(share.get("text", "")), 4 * _NAME_LENGTH)


def reason(share: Tree, servers: Iterable[Tree]) -> str:
    """:func:`sentence` where the word of the state stands above it already: "Opening the model." below "Starting"."""
    said = sentence(share, servers)
    _, colon, rest = said.partition(": ")
    return rest[:1].upper() + rest[1:] if colon and str(share.get("reason")) in _HEADED else said


def count_sessions(number: int) -> str:
    """ "3 sessions"."""
    if number == 1:
        return translate("Share", "1 session")
    return figures.counted(translate("Share", "%n sessions", None, number), number)


def count_tokens(number: int) -> str:
    """ "41,208 tokens"."""
    if number == 1:
        return translate("Share", "1 token")
    return figures.counted(translate("Share", "%n tokens", None, number), number)


def short_model(model: str) -> str:
    """A folder by its last part, a hub id as it is; on one line."""
    is_folder = model.startswith(("/", "~", "./", "../")) or "\\" in model
    name = model.replace("\\", "/").rstrip("/").rpartition("/")[2] if is_folder else model
    return one_line(name, _NAME_LENGTH)


def _fixed() -> dict[str, str]:
    return {
        "never_turned_on": translate("Share", "Sharing is off; it was never turned on."),
        "turned_off": translate("Share", "Sharing is off."),
        "looking_for_swarm": translate("Share", "Looking for the swarm."),
        "paused": translate("Share", "Paused by you."),
        "computer_in_use": translate("Share", "Waiting: the computer is in use."),
        "full_screen_app": translate("Share", "Waiting: an app fills the screen."),
        "gpu_in_use": translate("Share", "Waiting: another program uses the GPU."),
        "on_battery": translate("Share", "Waiting: the computer runs on battery."),
        "outside_schedule": translate("Share", "Waiting: outside the hours that you allow."),
        "too_hot": translate("Share", "Waiting: the machine is too hot."),
        "metered_network": translate("Share", "Waiting: the network is metered."),
        "transfer_cap": translate("Share", "Waiting: today's transfer limit is reached."),
        "server_restarting": translate("Share", "The server ended unexpectedly and is started again."),
        "server_failed": translate("Share", "The server cannot run. See what went wrong, then try again."),
    }


def _runtime(runtime: Tree) -> str:
    """While the GPU runtime is being made. ``runtime``: ``share.gpu_runtime`` of the tree."""
    phase, progress = runtime.get("phase"), runtime.get("progress") or {}
    if phase == "checking":
        return translate("Share", "Starting: GPU runtime, checking that it works.")
    if not progress.get("total"):
        if phase == "installing":
            return translate("Share", "Starting: GPU runtime, unpacking.")
        return translate("Share", "Starting: GPU runtime.")
    done, total = (figures.number(float(progress.get(name, 0)) / 1e6) for name in ("done", "total"))
    if phase == "installing":
        far = translate("Share", "Starting: GPU runtime, unpacking, {done} of {total} MB")
    else:
        far = translate("Share", "Starting: GPU runtime, {done} of {total} MB")
    rate, seconds = float(progress.get("rate") or 0), float(progress.get("seconds_left") or 0)
    text = far.format(done=done, total=total)
    if rate >= 1e6:
        text = translate("Share", "{far} at {number} MB/s").format(far=text, number=figures.number(rate / 1e6))
    elif rate >= 1e3:
        text = translate("Share", "{far} at {number} kB/s").format(far=text, number=figures.number(rate / 1e3))
    if seconds >= 90:
        left = translate("Share", "{far}, {number} min left.")
        return left.format(far=text, number=figures.number(seconds / 60))
    if seconds:
        return translate("Share", "{far}, {number} s left.").format(far=text, number=figures.number(seconds))
    return translate("Share", "{far}.", "the end of a sentence").format(far=text)


def _step(reason: str) -> str | None:
    return {
        "opening": translate("Share", "opening the model"),
        "downloading": translate("Share", "downloading"),
        "loading": translate("Share", "loading blocks"),
        "measuring": translate("Share", "measuring speed"),
        "joining": translate("Share", "joining the swarm"),
    }.get(reason)


def _starting(what: str, server: Tree) -> str:
    if server.get("steps"):
        text = translate("Share", "Starting: {what} (step {step} of {steps}).")
        return text.format(what=what, step=server.get("step", 0), steps=server["steps"])
    return translate("Share", "Starting: {what}.").format(what=what)


def _move(moving: Tree) -> str:
    """Where the server goes by itself, and why; without the end of the sentence. ``moving``: ``share.moving``."""
    blocks = figures.blocks(int(moving.get("start", 0)), int(moving.get("end", 0)))
    texts = {
        "missing": translate("Share", "Moving to {blocks}, which nobody serves"),
        "fewest": translate("Share", "Moving to {blocks}, which fewer servers hold"),
        "slowest": translate("Share", "Moving to {blocks}, which are the slowest part of the swarm"),
    }
    other = translate("Share", "Moving to {blocks}, where it helps the swarm more")
    return texts.get(str(moving.get("why")), other).format(blocks=blocks)


def _spans(servers: Sequence[Tree]) -> str:
    names = [_span(server) for server in servers]
    return translate("Share", " and ", "between the blocks of two servers").join(names)


def _span(server: Tree) -> str:
    start, end, model = int(server.get("start", 0)), server.get("end"), short_model(str(server.get("model", "")))
    if end is None:  # to the last one, wherever that is
        blocks = translate("Share", "blocks from {number} on").format(number=figures.number(start + 1))
    else:
        blocks = figures.blocks(start, int(end))
    return translate("Share", "{blocks} of {model}").format(blocks=blocks, model=model) if model else blocks
