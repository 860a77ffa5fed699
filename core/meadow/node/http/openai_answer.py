"""What ``/v1`` answers, as types: they make the OpenAPI document and the tests hold every answer against them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

FinishReason = Literal["stop", "length", "tool_calls"]


class Exact(BaseModel):
    """Nothing but the declared fields leaves."""

    model_config = ConfigDict(extra="forbid")


class OpenAIErrorFields(Exact):
    """``code`` is stable; ``param`` names the field of the request, if one is to blame."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(Exact):
    """Every error under ``/v1``."""

    error: OpenAIErrorFields


class Model(Exact):
    """A model that can be asked for. ``ready``: every block of it is served now. ``created``: seconds since 1970."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    ready: bool


class ModelList(Exact):
    """All of them."""

    object: Literal["list"]
    data: list[Model]


class PromptDetails(Exact):
    """``cached_tokens``: of the prompt, held by the servers from an earlier turn."""

    cached_tokens: int


class Usage(Exact):
    """In tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class RouteHop(Exact):
    """One server and the blocks ``[start, end)`` that it computed."""

    peer_id: str
    server_id: str
    start: int
    end: int


class Journey(Exact):
    """Ours: who computed the answer, and how fast."""

    route: list[RouteHop]
    tokens_per_second: float
    first_token_seconds: float
    bytes_sent: int


class TopLogprob(Exact):
    """``bytes`` is null when the token is only a part of a character."""

    token: str
    logprob: float
    bytes: list[int] | None


class TokenLogprobEntry(TopLogprob):
    """One token of the answer."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(Exact):
    """Of the tokens of the text that comes with it."""

    content: list[TokenLogprobEntry] | None
    refusal: None


class FunctionCall(Exact):
    """``arguments``: JSON text."""

    name: str
    arguments: str


class ToolCallEntry(Exact):
    """A call that the model wants to be made."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class ChatMessage(BaseModel):
    """The answer. ``tool_calls`` is there only when there are some."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: list[ToolCallEntry] = []


class ChatChoice(Exact):
    """One of n answers. ``token_ids`` (ours) is there only when it was asked for: the tokens that begin in the text,
    and an end token."""

    index: int
    message: ChatMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason
    token_ids: list[int] | None = None


class ChatCompletion(Exact):
    """The answer of ``/v1/chat/completions`` without ``stream``."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: None
    choices: list[ChatChoice]
    usage: Usage
    meadow: Journey


class ToolCallDelta(ToolCallEntry):
    """A call, complete in one chunk."""

    index: int


class ChatDelta(Exact):
    """What is new."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChatChunkChoice(Exact):
    """What is new in one choice. ``token_ids`` (ours): the tokens that begin in this text, when they were asked for."""

    index: int
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason | None
    token_ids: list[int] | None = None


class ChatChunk(Exact):
    """One event of a streamed chat answer."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: None
    choices: list[ChatChunkChoice]
    usage: Usage | None = None
    meadow: Journey | None = None


class TextLogprobs(Exact):
    """Lists of equal length, one entry per token."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class TextChoice(Exact):
    """One completion, or what is new in it."""

    index: int
    text: str
    logprobs: TextLogprobs | None
    finish_reason: FinishReason | None
    token_ids: list[int] | None = None


class Completion(Exact):
    """The answer of ``/v1/completions``; with ``stream`` also each of its events."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: None
    choices: list[TextChoice]
    usage: Usage | None = None
    meadow: Journey | None = None


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For FastAPI's ``responses``: these errors, and ``default`` for what any request can meet."""
    words = {
        400: "The request is wrong; ``param`` names the field.",
        401: "The token is missing or wrong.",
        404: "No such model.",
        413: "The body is larger than 4 MiB.",
        415: "The body is not JSON.",
        429: "As many requests as allowed are running; try again after ``Retry-After`` seconds.",
        500: "Something went wrong inside the node.",
        503: "The swarm cannot do it now.",
    }
    found: dict[int | str, dict[str, Any]] = {s: {"model": OpenAIError, "description": words[s]} for s in statuses}
    found["default"] = {"model": OpenAIError, "description": "Any other error."}
    return found
