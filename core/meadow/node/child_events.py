"""What children and the supervisor say, as events of the state tree: ``from_child``.

Children are processes of our own, but a half-written or newer line must never bring the node down: whatever does not
have the expected form gives None, and nothing here raises.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from meadow.chat.request import Hop
from meadow.node import events as e
from meadow.node.state import Progress
from meadow.node.state_words import EngineStatus, Phase, SwarmStatus

_PHASES: Final = {phase.value: phase for phase in Phase}
_SWARM: Final = {status.value: status for status in SwarmStatus}
_MAX_COUNT: Final = 2**53  # the largest integer that every JSON reader takes exactly


class _Malformed(Exception):
    """A field is missing or has another type."""


class _Fields:
    """A message with typed access to its fields. A missing one raises unless there is a default."""

    def __init__(self, message: Mapping[Any, Any], at: float) -> None:
        self._message = message
        self.at = at

    def _get(self, name: str, kind: type | tuple[type, ...], default: Any) -> Any:
        value = self._message.get(name)
        if value is None:
            if default is not ...:
                return default
            raise _Malformed
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _Malformed
        return value

    def has(self, name: str) -> bool:
        return isinstance(self._message.get(name), str)

    def text(self, name: str, default: Any = ...) -> Any:
        value = self._get(name, str, default)
        # JSON can carry half a surrogate pair, which cannot be encoded again.
        return value.encode(errors="replace").decode() if isinstance(value, str) else value

    def count(self, name: str, default: Any = ...) -> Any:
        value = self._get(name, int, default)
        return value if value is None else max(0, min(value, _MAX_COUNT))

    def number(self, name: str, default: Any = ...) -> Any:
        value = self._get(name, (int, float), default)
        if value is None:
            return None
        try:
            value = float(value)
        except OverflowError:
            raise _Malformed from None
        if not math.isfinite(value):
            raise _Malformed
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        value = self._get(name, list, None)
        if value is None:
            return None
        return tuple(item.encode(errors="replace").decode() for item in value if isinstance(item, str))

    def objects(self, name: str) -> list[_Fields]:
        value = self._get(name, (list, tuple), ())
        return [_Fields(item, self.at) for item in value if isinstance(item, Mapping)]

    def length(self, name: str) -> int:
        return len(self._get(name, (list, tuple), ()))


def from_child(event: Mapping[str, Any], *, at: float | None = None) -> e.Event | None:
    """The event of the tree that a message of a server, of the chat engine or of the supervisor stands for.

    Messages of and about servers carry their ``server_id``; messages of and about the chat engine do not.

    :param at: when it came, Unix seconds; None: now.
    :returns: None for what the tree does not show, and for what is malformed.
    """
    try:
        fields = _Fields(event, time.time() if at is None else at)
        name = fields.text("event")
        table = _OF_SERVERS if fields.has("server_id") else _OTHERS
        translate = table.get(name)
        return None if translate is None else translate(fields)
    except _Malformed:
        return None


# Servers


def _starting(m: _Fields) -> e.Event:
    word = m.text("text", "").partition(" ")[0]
    phase = _PHASES.get(word, Phase.OPENING)
    return e.ServerStarting(m.text("server_id"), phase, m.count("step", 0), m.count("steps", 0))


def _progress(m: _Fields) -> Progress:
    return Progress(m.count("done"), m.count("total"), max(0.0, m.number("rate", 0.0)), m.number("seconds_left", None))


def _server_progress(m: _Fields) -> e.Event:
    return e.ServerProgress(m.text("server_id"), _progress(m))


def _online(m: _Fields) -> e.Event:
    return e.ServerOnline(
        m.text("server_id"),
        m.text("model", ""),
        m.count("start"),
        m.count("end"),
        num_blocks=m.count("num_blocks", None),
        fingerprint=m.text("fingerprint", None),
        dtype=m.text("dtype", None),
        throughput=m.number("throughput", None),
        prefill=m.number("prefill", None),
        verification=m.text("verification", None),
        peer_id=m.text("peer_id", None),
        addresses=m.texts("initial_peers"),
    )


def _server_batching(m: _Fields) -> e.Event:
    return e.ServerBatching(m.text("server_id"), m.text("mode"), m.text("reason", ""), m.count("longest", 0))


def _server_sessions(m: _Fields) -> e.Event:
    change = m.number("change", 0.0)
    sign = (change > 0) - (change < 0)
    return e.ServerSessions(m.text("server_id"), m.count("count"), m.text("peer_id", None), sign, m.at)


def _draining(m: _Fields) -> e.Event:
    return e.ServerDraining(m.text("server_id"), m.at + max(0.0, m.number("seconds")))


def _restarting(m: _Fields) -> e.Event:
    restart = m.at + max(0.0, m.number("seconds", 0.0))
    message = m.text("message", None) or m.text("reason", "")
    return e.ServerRestarting(m.text("server_id"), m.text("code", "server_died"), message, restart, m.at)


def _failed(m: _Fields) -> e.Event:
    message = m.text("message", None) or m.text("reason", "")
    return e.ServerFailed(m.text("server_id"), m.text("code", "server_died"), message, m.at)


def _stopped(m: _Fields) -> e.Event:
    return e.ServerRemoved(m.text("server_id"))


def _server_problem(m: _Fields) -> e.Event:
    return e.ProblemSeen(m.text("code"), m.text("message"), m.text("server_id"), m.at)


# The swarm


def _swarm(m: _Fields) -> e.Event | None:
    status = _SWARM.get(m.text("status"))
    if status is None:
        return None
    message = m.text("message", None) or m.text("reason", None)
    addresses = m.texts("addresses")
    return e.SwarmChanged(
        status,
        code=m.text("code", "no_peers" if status is SwarmStatus.ALONE else "swarm") or None,
        message=message,
        peer_id=m.text("peer_id", None),
        addresses=m.texts("initial_peers") if addresses is None else addresses,
        num_peers=m.count("num_peers", None),
        at=m.at,
    )


def _problem(m: _Fields) -> e.Event:
    return e.ProblemSeen(m.text("code"), m.text("message"), None, m.at)


# The chat engine


def _engine_is(status: EngineStatus) -> Callable[[_Fields], e.Event]:
    def translate(m: _Fields) -> e.Event:
        message = m.text("message", None) or m.text("reason", None)
        return e.EngineChanged(status, message, m.text("code", "engine_died"), m.at)

    return translate


def _unloaded(m: _Fields) -> e.Event:
    return e.ModelUnloaded(m.text("model"), m.text("code", None), m.text("message", None), m.at)


def _done(m: _Fields) -> e.Event:
    route = tuple(
        Hop(hop.text("peer_id"), hop.text("server_id"), hop.count("start"), hop.count("end"))
        for hop in m.objects("route")
    )
    return e.AnswerDone(
        m.text("id"),
        m.count("prompt_tokens", 0),
        m.count("completion_tokens", 0),
        m.count("reused_tokens", 0),
        m.count("bytes_sent", 0),
        route,
        m.at,
    )


_OF_SERVERS: Final[dict[str, Callable[[_Fields], e.Event | None]]] = {
    "starting": _starting,
    "progress": _server_progress,
    "online": _online,
    "batching": _server_batching,
    "sessions": _server_sessions,
    "draining": _draining,
    "restarting": _restarting,
    "failed": _failed,
    "error": _failed,
    "stopped": _stopped,
    "problem": _server_problem,
}
_OTHERS: Final[dict[str, Callable[[_Fields], e.Event | None]]] = {
    "swarm": _swarm,
    "problem": _problem,
    "starting": _engine_is(EngineStatus.STARTING),
    "ready": _engine_is(EngineStatus.READY),
    "restarting": _engine_is(EngineStatus.RESTARTING),
    "error": _engine_is(EngineStatus.FAILED),
    "sessions": lambda m: e.EngineSessions(m.count("count")),
    "loading": lambda m: e.ModelLoading(m.text("model")),
    "progress": lambda m: e.ModelProgress(m.text("model"), _progress(m)),
    "fetching": lambda m: e.ModelFetching(m.text("model")),
    "fetch_progress": lambda m: e.ModelFetching(m.text("model"), _progress(m)),
    "fetched": lambda m: e.ModelFetched(m.text("model")),
    "fetch_failed": lambda m: e.ModelFetched(m.text("model"), m.text("code"), m.text("message"), m.at),
    "loaded": lambda m: e.ModelLoaded(m.text("model")),
    "unloaded": lambda m: e.ModelUnloaded(m.text("model")),
    "load_failed": _unloaded,
    "started": lambda m: e.AnswerStarted(m.text("id"), m.count("prompt_tokens"), m.count("reused_tokens", 0), m.at),
    "delta": lambda m: e.AnswerGrew(m.text("id"), m.length("token_ids"), m.at),
    "done": _done,
    "failed": lambda m: e.AnswerFailed(m.text("id"), m.text("code")),
}
