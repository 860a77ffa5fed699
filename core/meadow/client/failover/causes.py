"""From what a server said, or did not say, to a cause for the machine; and from its end to an error for a person."""

from __future__ import annotations

from meadow.client.failover.machine import Cause, GiveUp
from meadow.client.problems import late, lost, refused, where
from meadow.errors import BlocksMissing, MeadowError, Refused, ServerTimeout
from meadow.wire.messages import Problem

_ABOUT_A_STEP = frozenset({"not_finite", "bad_step", "internal", "protocol", "gap", "window"})


def cause_of(problem: Problem, seq: int) -> Cause:
    """``seq``: the first step without an answer."""
    input_is_bad = problem.code == "bad_step" or (problem.code == "not_finite" and problem.params[:1] == (0,))
    about = seq if problem.code in _ABOUT_A_STEP else 0
    return Cause(problem.code, about, blames_sender=input_is_bad and not problem.final)


def error_of(error: MeadowError) -> Cause:
    """For a stream that broke or a server that did not open the session."""
    return Cause(error.code)


def last_error(action: GiveUp) -> MeadowError:
    """What a person reads when the session cannot go on. The text so far is theirs to keep."""
    if action.gaps:
        names = ", ".join(f"{first}:{last}" for first, last in action.gaps)
        first, last = action.gaps[0]
        return BlocksMissing(
            f"The server of blocks {names} went away, and within 30 seconds nobody else served them. Wait for somebody "
            f"to join, or serve them yourself: meadow serve MODEL --blocks {first}:{last}",
            action.gaps,
        )
    hop = action.hop
    assert hop is not None
    if action.code == "log_dropped":
        return Refused(
            f"The server of {where(hop)} went away, and this session is too long to be built again elsewhere. "
            "Start a new one.",
            code="log_dropped",
            peer_id=hop.server.peer_id,
            blocks=(hop.start, hop.end),
        )
    if action.code == "server_timeout":
        return late(hop)
    if action.code in ("server_lost", "unreachable"):
        return lost(hop)
    try:
        return refused(Problem(action.code), hop)
    except KeyError:
        return ServerTimeout(
            f"The servers of {where(hop)} keep failing. Try again later.",
            code=action.code,
            peer_id=hop.server.peer_id,
            blocks=(hop.start, hop.end),
        )
