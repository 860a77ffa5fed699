"""Errors as people's programs see them: which status a code has, and the two shapes of an error object.

Under ``/v1`` an error looks as OpenAI's client libraries expect it, elsewhere it is ``{"error": {"code", "message"}}``.
Only sentences of our own leave: the message of a MeadowError, or a fixed one. What any other exception says may hold
memory addresses, paths or a prompt, so it goes neither out nor into the log.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meadow.errors import MeadowError

_log = logging.getLogger(__name__)

RETRY_SECONDS = 1
"""What ``Retry-After`` says when the node is busy."""

STATUS: Mapping[str, int] = {
    # the request is wrong
    "invalid_request": 400, "invalid_value": 400, "invalid_json": 400, "unknown_argument": 400, "unsupported": 400,
    "bad_request": 400, "bad_messages": 400, "bad_template": 400, "bad_tools": 400, "bad_schema": 400,
    "control_token": 400, "empty_prompt": 400, "too_long": 400, "unsupported_model": 400, "bad_import": 400,
    "no_model": 400, "dtype": 400, "bad_link": 400, "bad_name": 400,
    # not for you, not here, not now
    "invalid_api_key": 401, "gated": 403, "not_owner": 403, "unknown_swarm": 404,
    "unknown_model": 404, "unknown_server": 404, "unknown_chat": 404,
    "unknown_message": 404, "not_found": 404, "conflict": 409, "chat_busy": 409, "already_sharing": 409,
    "not_sharing": 409, "not_fetchable": 409, "too_large": 413, "busy": 429, "too_many": 429,
    # the request is fine, but the swarm or this machine cannot do it now
    "swarm": 503, "no_peers": 503, "not_joined": 503, "blocks_missing": 503, "hop": 503, "server_lost": 503,
    "server_timeout": 503, "timeout": 503, "refused": 503, "full": 503, "unreachable": 503, "offline": 503,
    "download": 503, "memory": 503, "disk_full": 503, "p2pd_died": 503, "engine_died": 503, "server_died": 503,
    "nothing_fits": 503, "device": 503, "gpu_runtime": 503, "gpu_runtime_disk": 503, "gpu_runtime_check": 503,
    "node_starting": 503, "stopping": 503, "cancelled": 503, "not_read": 503, "protocol": 503, "update_needed": 503,
    "log_dropped": 503, "stale_epoch": 503, "wrong_model": 503, "wrong_blocks": 503, "draining": 503,
    "unknown_session": 503, "evicted": 503, "gap": 503, "window": 503, "position": 503, "bad_step": 503,
    "cannot_roll_back": 503, "not_finite": 503, "bad_answer": 503, "numeric_class": 503, "chats_unusable": 503,
    "chats_in_use": 503, "chats_newer": 503, "chats_damaged": 503, "demo_off": 503,
    "not_member": 503, "not_invited": 503, "unwanted": 503, "swarms_file": 503,
}  # fmt: skip
"""HTTP status for each code of a MeadowError; a code that is not listed is 500. docs/api.md shows the same table."""

# Trying again at once can help. The official client tries again after every 5xx unless it is told not to.
_PASSING = frozenset({
    "busy", "too_many", "server_lost", "server_timeout", "timeout", "full", "p2pd_died", "engine_died", "log_dropped",
    "stale_epoch", "unreachable", "draining", "unknown_session", "evicted", "not_joined", "node_starting",
})  # fmt: skip

# What OpenAI calls the same thing; programs match on these.
_OPENAI_CODE = {
    "unknown_model": "model_not_found",
    "too_long": "context_length_exceeded",
    "busy": "rate_limit_exceeded",
    "too_many": "rate_limit_exceeded",
}

# The field that is to blame when the chat engine refuses; it knows prompts, not requests.
_BLAMED = {
    "too_long": "messages", "bad_messages": "messages", "bad_template": "messages", "control_token": "messages",
    "empty_prompt": "messages", "bad_tools": "tools", "bad_schema": "response_format", "unknown_model": "model",
    "unsupported_model": "model", "gated": "model", "demo_off": "model",
}  # fmt: skip
_FIELDS = frozenset({
    "n", "max_tokens", "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "logprobs",
})  # fmt: skip

INTERNAL = "Something went wrong inside the node. The log of the node says where."


class ApiError(MeadowError):
    """A request that cannot be served as it is. ``param`` names the field, in OpenAI's way: ``messages[0].role``."""

    code = "invalid_request"

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message, code=code)
        self.param = param


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that is ready to be sent."""

    status: int
    code: str
    message: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, path: str) -> dict[str, Any]:
        """The error object in the shape that belongs to ``path``."""
        if not is_openai(path):
            return {"error": {"code": self.code, "message": self.message}}
        kind = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
        default = "server_error" if self.status >= 500 else "invalid_request_error"
        code = _OPENAI_CODE.get(self.code, self.code)
        param = self.param or _blamed(self.code, self.message)
        if param == "messages" and path == "/v1/completions":
            param = "prompt"
        return {
            "error": {
                "message": self.message,
                "type": kind.get(self.status, default),
                "param": param,
                "code": code,
            }
        }


def _blamed(code: str, message: str) -> str | None:
    if code == "bad_request":  # "temperature must be ...": such sentences begin with the field
        first = message.partition(" ")[0]
        return first if first in _FIELDS else None
    return _BLAMED.get(code)


def is_openai(path: str) -> bool:
    """Whether errors for this path have OpenAI's shape."""
    return path == "/v1" or path.startswith("/v1/")


def problem_of(error: BaseException) -> Problem:
    """What to tell about ``error``. One that nobody raised on purpose is logged, without its text."""
    if not isinstance(error, MeadowError) or error.code == "internal":
        log_silently(error)
        return Problem(500, "internal", INTERNAL, headers={"x-should-retry": "false"})
    status = STATUS.get(error.code, 500)
    headers = {}
    if status == 429:
        headers["Retry-After"] = str(RETRY_SECONDS)
    elif status >= 500 and error.code not in _PASSING:
        headers["x-should-retry"] = "false"
    return Problem(status, error.code, str(error), getattr(error, "param", None), headers)


def log_silently(error: BaseException) -> None:
    """Log where an exception came from, but not what it says: that may quote a prompt."""
    places = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    _log.error("%s\n  %s", type(error).__name__, "\n  ".join(places))
