"""OpenAI's endpoints: ``/v1/models``, ``/v1/chat/completions``, ``/v1/completions``.

A request is turned into a GenerationRequest (``openai_request.py``), the engine's events into chunks or one object
(``openai_stream.py``); here is only what holds them together: how many run at once, and the end of each.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from meadow.chat.request import GenerationEvent, GenerationRequest
from meadow.node.http.answers import LongAnswer
from meadow.node.http.openai_answer import ChatChunk, ChatCompletion, Completion, Model, ModelList, error_responses
from meadow.node.http.openai_request import chat_request, completion_requests, echo_text
from meadow.node.http.openai_schema import ChatRequest, CompletionRequest, Generation
from meadow.node.http.openai_stream import DONE, ChatAnswer, ChatChunks, Head, TextAnswer, TextChunks, frame
from meadow.node.http.problems import ApiError, problem_of
from meadow.node.http.sse import EventStream

CONCURRENCY = 8
HEARTBEAT_SECONDS = 10.0
"""Between comments on a silent stream, so that nobody in between takes it for dead."""
FIRST_FRAME_SECONDS = 10.0
"""How long the status waits for the first frame: an error before it has a status of its own, one after it has not."""


class Engine(Protocol):
    """The chat engine as seen from here (``meadow.node.engine.EngineHandle``)."""

    def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        """Closing the iterator cancels. Raises MeadowError."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that can be asked for: ``id`` as in requests, ``created`` in seconds since 1970 (0: not known)."""

    id: str
    created: int = 0
    ready: bool = True
    owned_by: str = "meadow"

    def to_json(self) -> dict[str, Any]:
        """As ``/v1/models`` lists it."""
        return {
            "id": self.id,
            "object": "model",
            "created": self.created,
            "owned_by": self.owned_by,
            "ready": self.ready,
        }


class Slots:
    """How many requests may run at once; what comes above is told to come back."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self.taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises ApiError (``busy``)."""
        limit = self._limit()
        if self.taken >= limit:
            raise ApiError(f"{limit} requests are running, as many as allowed. Try again in a moment.", code="busy")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


def router(
    engine: Engine,
    models: Callable[[], Sequence[ModelInfo]],
    *,
    concurrency: Callable[[], int] = lambda: CONCURRENCY,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    first_frame_seconds: float = FIRST_FRAME_SECONDS,
) -> APIRouter:
    """``models``: what ``/v1/models`` lists. ``concurrency``: asked at every request; a setting acts at once."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])
    slots = Slots(concurrency)

    def stream(frames: AsyncGenerator[bytes, None], path: str) -> EventStream:
        def last_words(error: Exception) -> bytes:
            return frame(problem_of(error).body(path))

        return EventStream(frames, keep_alive=heartbeat_seconds, patience=first_frame_seconds, last_words=last_words)

    @routes.get("/models", response_model=ModelList, responses=error_responses(401))
    async def list_models() -> Response:
        """The models that are up, or that this machine knows."""
        return JSONResponse({"object": "list", "data": [model.to_json() for model in models()]})

    @routes.get("/models/{model:path}", response_model=Model, responses=error_responses(401, 404))
    async def get_model(model: str) -> Response:
        """One of them; the slashes of a name may be sent as they are or as ``%2F``."""
        for known in models():
            if known.id == model:
                return JSONResponse(known.to_json())
        raise ApiError("This model is not listed. See /v1/models.", code="unknown_model", param="model")

    errors = error_responses(400, 401, 404, 413, 415, 429, 500, 503)

    @routes.post(
        "/chat/completions", response_model=ChatCompletion, responses={**errors, **_either(ChatCompletion, ChatChunk)}
    )
    async def chat_completions(body: ChatRequest) -> Response:
        """The next message of a conversation."""
        request = chat_request(body)
        head = _head("chatcmpl", body, one_call=body.parallel_tool_calls is False)
        if body.stream:
            return stream(_chat_frames(engine, slots, request, ChatChunks(head, request.n)), "/v1/chat/completions")
        answer = ChatAnswer(head, request.n, logprobs=request.logprobs is not None)
        return LongAnswer(lambda: _chat_object(engine, slots, request, answer))

    @routes.post("/completions", response_model=Completion, responses={**errors, **_either(Completion, Completion)})
    async def completions(body: CompletionRequest) -> Response:
        """Text that continues a prompt. Several prompts are answered one after the other."""
        requests = completion_requests(body)
        echoes = [echo_text(request) if body.echo else "" for request in requests]
        head = _head("cmpl", body)
        work = list(zip(requests, echoes, strict=True))
        if body.stream:
            return stream(_text_frames(engine, slots, work, TextChunks(head, body.n or 1)), "/v1/completions")
        answer = TextAnswer(head, body.n or 1, logprobs=body.logprobs is not None)
        return LongAnswer(lambda: _text_object(engine, slots, work, answer))

    return routes


def _head(prefix: str, body: Generation, *, one_call: bool = False) -> Head:
    usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    token_ids = bool(body.return_token_ids)
    return Head(f"{prefix}-{secrets.token_hex(12)}", int(time.time()), body.model, usage, one_call, token_ids)


def _either(whole: type, chunk: type) -> dict[int | str, dict[str, Any]]:
    """Both forms of the answer, for the OpenAPI document: one object, or events with a ``chunk`` or error each."""
    data = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {
            "anyOf": [{"$ref": f"#/components/schemas/{kind}"} for kind in (chunk.__name__, "OpenAIError")]
        },
    }
    event = {
        "type": "object",
        "properties": {"data": {"anyOf": [{"const": "[DONE]"}, data]}},
        "required": ["data"],
    }
    description = f"The answer; with stream, events whose data is a {chunk.__name__}, and at the end [DONE]."
    return {200: {"model": whole, "description": description, "content": {"text/event-stream": {"itemSchema": event}}}}


async def _chat_frames(
    engine: Engine, slots: Slots, request: GenerationRequest, chunks: ChatChunks
) -> AsyncGenerator[bytes, None]:
    with slots.one():
        async with aclosing(_events(engine, request)) as events:
            async for event in events:
                for chunk in chunks.feed(event):
                    yield frame(chunk)
    yield DONE


async def _chat_object(engine: Engine, slots: Slots, request: GenerationRequest, answer: ChatAnswer) -> Any:
    with slots.one():
        async with aclosing(_events(engine, request)) as events:
            async for event in events:
                answer.feed(event)
    return answer.object()


Work = Sequence[tuple[GenerationRequest, str]]


async def _text_frames(engine: Engine, slots: Slots, work: Work, chunks: TextChunks) -> AsyncGenerator[bytes, None]:
    with slots.one():
        for number, (request, echo) in enumerate(work):
            chunks.begin(number, echo)
            async with aclosing(_events(engine, request)) as events:
                async for event in events:
                    for chunk in chunks.feed(event):
                        yield frame(chunk)
    for chunk in chunks.last():
        yield frame(chunk)
    yield DONE


async def _text_object(engine: Engine, slots: Slots, work: Work, answer: TextAnswer) -> Any:
    with slots.one():
        for number, (request, echo) in enumerate(work):
            answer.begin(number, echo)
            async with aclosing(_events(engine, request)) as events:
                async for event in events:
                    answer.feed(event)
    return answer.object()


async def _events(engine: Engine, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
    """The engine's events as a generator that can be closed, whatever kind of iterator the engine returns."""
    events = engine.generate(request)
    try:
        async for event in events:
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
