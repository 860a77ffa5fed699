"""What a server's refusal means, in our own words: peers send codes and numbers, never text."""

from __future__ import annotations

from meadow.errors import MeadowError, Refused, ServerLost, ServerTimeout, VersionMismatch
from meadow.swarm.routing import Hop
from meadow.wire.messages import Problem

_SENTENCES = {
    "full": "has no room left for this session. Try again later, or with a shorter text.",
    "too_many": "already holds as many sessions of yours as it allows. Close some of them.",
    "wrong_model": "serves other weights or another dtype than asked for. Choose what it serves.",
    "wrong_blocks": "does not serve these blocks. Ask for a new route.",
    "draining": "is leaving and takes no new sessions. Try again to get another one.",
    "unknown_session": "no longer knows this session: it rested for too long. Start a new one.",
    "evicted": "gave this session's room to others while it rested. Start a new one.",
    "stale_epoch": "has moved on to a newer route of this session. Start a new session.",
    "gap": "missed a step of this session. Start a new session.",
    "window": "was sent too much at once. Start a new session.",
    "position": "stands at another position than this session. Start a new session.",
    "bad_step": "cannot use the tensors that were sent: they do not fit the model. Check the model's versions.",
    "cannot_roll_back": "keeps a state that cannot be rolled back, as this generation method needs. Use another one.",
    "log_dropped": "no longer stores what was asked for again. Start a new session.",
    "protocol": "did not understand a message. Update Meadow on both sides.",
    "internal": "failed while computing. Try again to get another one.",
}


def where(hop: Hop) -> str:
    """``blocks 4:8 (peer ...3XkQ9rTz)``: enough to recognise a server in a log or a list."""
    return f"blocks {hop.start}:{hop.end} (peer ...{hop.server.peer_id[-8:]})"


def refused(problem: Problem, hop: Hop) -> MeadowError:
    """The error for a Problem that ``hop`` sent."""
    blocks = (hop.start, hop.end)
    if problem.code == "update_needed":
        return VersionMismatch(f"Meadow here and at the server of {where(hop)} share no protocol version: update.")
    if problem.code == "not_finite":
        side = "received" if problem.params[:1] == (0,) else "computed"
        sentence = f"{side} numbers that are not finite. Check the model's weights and dtype (float16 may overflow)."
    else:
        sentence = _SENTENCES[problem.code]
    return Refused(
        f"The server of {where(hop)} {sentence}", code=problem.code, peer_id=hop.server.peer_id, blocks=blocks
    )


def lost(hop: Hop) -> ServerLost:
    """The server went away."""
    return ServerLost(
        f"The server of {where(hop)} went away in the middle of the session. Start a new session to use another one.",
        peer_id=hop.server.peer_id,
        blocks=(hop.start, hop.end),
    )


def late(hop: Hop) -> ServerTimeout:
    """The server does not answer."""
    return ServerTimeout(
        f"The server of {where(hop)} does not answer any more. Start a new session to use another one.",
        peer_id=hop.server.peer_id,
        blocks=(hop.start, hop.end),
    )


def unusable(hop: Hop) -> Refused:
    """The server answered with something that cannot be right."""
    return Refused(
        f"The server of {where(hop)} sent back something that cannot be right. Start a new session to use another one.",
        code="bad_answer",
        peer_id=hop.server.peer_id,
        blocks=(hop.start, hop.end),
    )
