"""From the engine's events to OpenAI's chunks and objects. Pure: events in, dicts out."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meadow.chat.request import Delta, Done, Finished, GenerationEvent, Started, TokenLogprob, ToolCall
from meadow.errors import MeadowError

Object = dict[str, Any]

_LOWEST = -9999.0
"""What OpenAI says instead of minus infinity, which JSON has not."""

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Head:
    """What every chunk of one answer repeats."""

    id: str
    created: int
    model: str
    include_usage: bool = False
    one_call: bool = False
    """At most one tool call for each choice (``parallel_tool_calls`` false)."""
    token_ids: bool = False
    """Choices have ``token_ids`` (``return_token_ids``)."""

    def object(self, kind: str, choices: list[Object]) -> Object:
        """The envelope."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": None,
            "choices": choices,
        }

    def chunk(self, kind: str, choices: list[Object]) -> Object:
        """The envelope of a chunk; with ``include_usage`` each has a ``usage``, and only the last one's is not null."""
        found = self.object(kind, choices)
        if self.include_usage:
            found["usage"] = None
        return found


def frame(chunk: Object) -> bytes:
    """A chunk as a Server-Sent Event."""
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n\n"


def _with_tokens(head: Head, choice: Object, token_ids: Sequence[int]) -> Object:
    """The choice, with the ids of its tokens where they were asked for."""
    return {**choice, "token_ids": list(token_ids)} if head.token_ids else choice


def usage_of(ends: Sequence[Done]) -> Object:
    """The sum over all prompts of a request."""
    prompt, completion = sum(end.prompt_tokens for end in ends), sum(end.completion_tokens for end in ends)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(end.reused_tokens for end in ends)},
    }


def journey_of(ends: Sequence[Done]) -> Object:
    """Route and speed of the last prompt; bytes of all."""
    end = ends[-1]
    hops = [
        {"peer_id": hop.peer_id, "server_id": hop.server_id, "start": hop.start, "end": hop.end} for hop in end.route
    ]
    return {
        "route": hops,
        "tokens_per_second": _finite(end.tokens_per_second),
        "first_token_seconds": _finite(end.first_token_seconds),
        "bytes_sent": sum(each.bytes_sent for each in ends),
    }


def _finite(number: float) -> float:
    return number if math.isfinite(number) else 0.0


def _reason(event: Finished) -> str:
    if event.reason == "cancelled":
        raise MeadowError("The answer was stopped before it was complete.", code="cancelled")
    return event.reason


def _calls(head: Head, event: Finished) -> Sequence[ToolCall]:
    return event.tool_calls[:1] if head.one_call else event.tool_calls


class ChatChunks:
    """Streaming chat: feed events, get chunks."""

    _KIND = "chat.completion.chunk"

    def __init__(self, head: Head, choices: int = 1) -> None:
        self._head = head
        self._choices = choices

    def feed(self, event: GenerationEvent) -> list[Object]:
        """The chunks that this event makes. Raises MeadowError (``cancelled``)."""
        head = self._head
        if isinstance(event, Started):
            first = {"role": "assistant", "content": "", "refusal": None}
            return [self._chunk(index, first) for index in range(self._choices)]
        if isinstance(event, Delta):
            logprobs = _chat_logprobs(event.logprobs)
            if not (event.text or logprobs or (head.token_ids and event.token_ids)):
                return []
            return [self._chunk(event.choice, {"content": event.text}, logprobs, token_ids=event.token_ids)]
        if isinstance(event, Finished):
            reason = _reason(event)
            calls = [{"index": i, **_call(call)} for i, call in enumerate(_calls(head, event))]
            chunks = [self._chunk(event.choice, {"tool_calls": calls})] if calls else []
            return [*chunks, self._chunk(event.choice, {}, reason=reason)]
        if not head.include_usage:
            return []
        last = head.object(self._KIND, [])
        return [{**last, "usage": usage_of([event]), "meadow": journey_of([event])}]

    def _chunk(
        self,
        index: int,
        delta: Object,
        logprobs: Object | None = None,
        reason: str | None = None,
        token_ids: Sequence[int] = (),
    ) -> Object:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return self._head.chunk(self._KIND, [_with_tokens(self._head, choice, token_ids)])


class ChatAnswer:
    """A whole chat answer: feed all events, then take ``object``."""

    def __init__(self, head: Head, choices: int = 1, *, logprobs: bool = False) -> None:
        self._head = head
        self._texts = [""] * choices
        self._tokens: list[list[Object]] | None = [[] for _ in range(choices)] if logprobs else None
        self._token_ids: list[list[int]] = [[] for _ in range(choices)]
        self._finished: dict[int, Finished] = {}
        self._done: Done | None = None

    def feed(self, event: GenerationEvent) -> None:
        """Raises MeadowError (``cancelled``)."""
        if isinstance(event, Delta):
            self._texts[event.choice] += event.text
            self._token_ids[event.choice] += event.token_ids
            if self._tokens is not None:
                self._tokens[event.choice] += [_entry(token) for token in event.logprobs]
        elif isinstance(event, Finished):
            _reason(event)
            self._finished[event.choice] = event
        elif isinstance(event, Done):
            self._done = event

    def object(self) -> Object:
        """The ``chat.completion``. Raises MeadowError (``internal``) when the events ended too early."""
        if self._done is None or len(self._finished) < len(self._texts):
            raise MeadowError("The answer is incomplete.", code="internal")
        found = self._head.object("chat.completion", [self._choice(index) for index in range(len(self._texts))])
        return {**found, "usage": usage_of([self._done]), "meadow": journey_of([self._done])}

    def _choice(self, index: int) -> Object:
        finished = self._finished[index]
        calls = [_call(call) for call in _calls(self._head, finished)]
        message: Object = {"role": "assistant", "content": self._texts[index], "refusal": None}
        if calls:
            message["content"] = self._texts[index] or None
            message["tool_calls"] = calls
        logprobs = None if self._tokens is None else {"content": self._tokens[index], "refusal": None}
        choice = {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finished.reason}
        return _with_tokens(self._head, choice, self._token_ids[index])


def _call(call: ToolCall) -> Object:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _chat_logprobs(tokens: Sequence[TokenLogprob]) -> Object | None:
    return {"content": [_entry(token) for token in tokens], "refusal": None} if tokens else None


def _entry(token: TokenLogprob) -> Object:
    top = [_logprob(text, value) for _, text, value in token.top]
    return {**_logprob(token.text, token.logprob), "top_logprobs": top}


def _logprob(text: str, value: float) -> Object:
    bytes_ = None if "\ufffd" in text else list(text.encode("utf-8", "replace"))
    return {"token": text, "logprob": _bounded(value), "bytes": bytes_}


def _bounded(value: float) -> float:
    return value if value > _LOWEST and math.isfinite(value) else _LOWEST


class TextChunks:
    """Streaming text completions of several prompts, one after the other: ``begin`` a prompt, feed its events."""

    _KIND = "text_completion"

    def __init__(self, head: Head, choices: int = 1) -> None:
        self._head = head
        self._choices = choices
        self._first = 0
        self._echo = ""
        self._offsets: dict[int, int] = {}
        self._ends: list[Done] = []

    def begin(self, number: int, echo: str = "") -> None:
        """Prompt ``number`` comes next; ``echo``: text to put before each of its answers."""
        self._first = number * self._choices
        self._echo = echo
        self._offsets = {}

    def feed(self, event: GenerationEvent) -> list[Object]:
        """The chunks that this event makes. Raises MeadowError (``cancelled``)."""
        if isinstance(event, Started):
            return [self._chunk(index, self._echo) for index in range(self._choices)] if self._echo else []
        if isinstance(event, Delta):
            logprobs = self._logprobs(event)
            if not (event.text or logprobs or (self._head.token_ids and event.token_ids)):
                return []
            return [self._chunk(event.choice, event.text, logprobs, token_ids=event.token_ids)]
        if isinstance(event, Finished):
            return [self._chunk(event.choice, "", reason=_reason(event))]
        self._ends.append(event)
        return []

    def last(self) -> list[Object]:
        """After all prompts."""
        if not self._head.include_usage:
            return []
        last = self._head.object(self._KIND, [])
        return [{**last, "usage": usage_of(self._ends), "meadow": journey_of(self._ends)}]

    def _logprobs(self, event: Delta) -> Object | None:
        if not event.logprobs:
            return None
        found, end = _text_logprobs(event.logprobs, self._offsets.get(event.choice, 0))
        self._offsets[event.choice] = end
        return found

    def _chunk(
        self,
        index: int,
        text: str,
        logprobs: Object | None = None,
        reason: str | None = None,
        token_ids: Sequence[int] = (),
    ) -> Object:
        choice = {"index": self._first + index, "text": text, "logprobs": logprobs, "finish_reason": reason}
        return self._head.chunk(self._KIND, [_with_tokens(self._head, choice, token_ids)])


class TextAnswer:
    """Whole text completions of several prompts: ``begin`` a prompt, feed its events, then take ``object``."""

    def __init__(self, head: Head, choices: int = 1, *, logprobs: bool = False) -> None:
        self._head = head
        self._per_prompt = choices
        self._logprobs = logprobs
        self._choices: list[Object] = []
        self._tokens: list[list[TokenLogprob]] = []
        self._first = 0
        self._ends: list[Done] = []

    def begin(self, number: int, echo: str = "") -> None:
        """Prompt ``number`` comes next; ``echo``: text to put before each of its answers."""
        self._first = len(self._choices)
        for _ in range(self._per_prompt):
            index = len(self._choices)
            choice = {"index": index, "text": echo, "logprobs": None, "finish_reason": None}
            self._choices.append(_with_tokens(self._head, choice, ()))
            self._tokens.append([])

    def feed(self, event: GenerationEvent) -> None:
        """Raises MeadowError (``cancelled``)."""
        if isinstance(event, Delta):
            choice = self._choices[self._first + event.choice]
            choice["text"] += event.text
            if self._head.token_ids:
                choice["token_ids"] += event.token_ids
            self._tokens[self._first + event.choice] += event.logprobs
        elif isinstance(event, Finished):
            self._choices[self._first + event.choice]["finish_reason"] = _reason(event)
        elif isinstance(event, Done):
            self._ends.append(event)

    def object(self) -> Object:
        """The ``text_completion``. Raises MeadowError (``internal``) when the events ended too early."""
        complete = all(choice["finish_reason"] for choice in self._choices)
        if not complete or len(self._ends) * self._per_prompt < len(self._choices):
            raise MeadowError("The answer is incomplete.", code="internal")
        if self._logprobs:
            for choice, tokens in zip(self._choices, self._tokens, strict=True):
                choice["logprobs"] = _text_logprobs(tokens, 0)[0]
        found = self._head.object("text_completion", self._choices)
        return {**found, "usage": usage_of(self._ends), "meadow": journey_of(self._ends)}


def _text_logprobs(tokens: Sequence[TokenLogprob], offset: int) -> tuple[Object, int]:
    """The four lists, and where the text of these tokens ends (in characters)."""
    found: Object = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for token in tokens:
        found["tokens"].append(token.text)
        found["token_logprobs"].append(_bounded(token.logprob))
        found["top_logprobs"].append({text: _bounded(value) for _, text, value in token.top})
        found["text_offset"].append(offset)
        offset += len(token.text)
    return found, offset
