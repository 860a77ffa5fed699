"""From a request body of ``/v1`` to what the chat engine is asked. Pure; every refusal names its field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from meadow.chat.request import GenerationRequest
from meadow.node.http.openai_schema import (
    AssistantMessage,
    ChatRequest,
    CompletionRequest,
    Generation,
    Message,
    NamedTool,
    RefusalPart,
    ResponseFormat,
    TextPart,
    ToolMessage,
)
from meadow.node.http.problems import ApiError

_CHOICE_WORDS = frozenset({"auto", "none", "required"})


def chat_request(body: ChatRequest) -> GenerationRequest:
    """Raises ApiError for what cannot be honoured."""
    _refuse_unless(body, "modalities", body.modalities in (None, ["text"]), "Answers are text")
    _refuse_unless(body, "verbosity", body.verbosity in (None, "medium"), "There is no such setting for these models")
    for name, reason in _CHAT_REFUSED.items():
        _refuse_unless(body, name, getattr(body, name) is None, reason)
    _common(body)
    top = body.top_logprobs
    if top is not None and not body.logprobs:
        _bad("top_logprobs", "top_logprobs is only allowed when logprobs is true.")
    tools = tuple(_serializable(tool.model_dump(exclude_none=True), "tools") for tool in body.tools or ())
    limit = body.max_completion_tokens
    if limit is not None and body.max_tokens not in (None, limit):
        _bad("max_tokens", "max_tokens and max_completion_tokens mean the same and must not differ.")
    return GenerationRequest(
        messages=tuple(_message(message, f"messages[{i}]") for i, message in enumerate(body.messages)),
        tools=tools,
        tool_choice=_tool_choice(body),
        max_tokens=body.max_tokens if limit is None else limit,
        logprobs=(top or 0) if body.logprobs else None,
        json_schema=_schema(body.response_format),
        conversation=None if body.prompt_cache_key is None else f"v1:{body.prompt_cache_key}",
        **_sampling(body),
    )


_CHAT_REFUSED = {
    "reasoning_effort": "There is no such setting for these models",
    "audio": "Answers are text",
    "web_search_options": "Models here cannot search the web",
    "moderation": "Nothing is moderated here",
    "functions": "Use tools",
    "function_call": "Use tool_choice",
}


def completion_requests(body: CompletionRequest) -> list[GenerationRequest]:
    """One for each prompt, in their order. Raises ApiError for what cannot be honoured."""
    _refuse_unless(body, "suffix", body.suffix in (None, ""), "These models only write forwards")
    _common(body)
    if body.best_of not in (None, body.n or 1):
        _bad("best_of", "best_of must be equal to n: all answers are returned.", "unsupported")
    prompts = _prompts(body.prompt)
    if body.echo and (body.logprobs is not None or not all(isinstance(prompt, str) for prompt in prompts)):
        _bad("echo", "echo works for prompts that are text, and without logprobs.", "unsupported")
    for i, prompt in enumerate(prompts):
        if not prompt:
            where = "prompt" if isinstance(body.prompt, str) else f"prompt[{i}]"
            raise ApiError("The prompt is empty. Write something.", code="empty_prompt", param=where)
    return [
        GenerationRequest(prompt=prompt, max_tokens=body.max_tokens, logprobs=body.logprobs, **_sampling(body))
        for prompt in prompts
    ]


def echo_text(request: GenerationRequest) -> str:
    """The text of its prompt."""
    assert isinstance(request.prompt, str)
    return request.prompt


def _prompts(prompt: Any) -> list[str | tuple[int, ...]]:
    if isinstance(prompt, str):
        return [prompt]
    if isinstance(prompt[0], int):
        return [tuple(prompt)]
    return [part if isinstance(part, str) else tuple(part) for part in prompt]


def _common(body: Generation) -> None:
    if body.stream_options is not None and not body.stream:
        _bad("stream_options", "stream_options is only allowed when stream is true.")
    _refuse_unless(body, "logit_bias", body.logit_bias in (None, {}), "Single tokens cannot be favoured")


def _sampling(body: Generation) -> dict[str, Any]:
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    return {
        "model": body.model,
        "n": body.n or 1,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "top_k": None if body.top_k is None else max(body.top_k, 0),
        "seed": body.seed,
        "stop": stop,
        "frequency_penalty": body.frequency_penalty or 0.0,
        "presence_penalty": body.presence_penalty or 0.0,
        "reproducible": bool(body.reproducible),
    }


def _message(message: Message, where: str) -> dict[str, Any]:
    """As chat templates take it: content is text, the role is one that they know."""
    result: dict[str, Any] = {"role": "system" if message.role == "developer" else message.role}
    content = _text(message.content)
    if isinstance(message, AssistantMessage):
        content = message.refusal if content is None else content
        if content is None and not message.tool_calls:
            _bad(f"{where}.content", "An assistant message needs content or tool_calls.")
        if message.tool_calls:
            result["tool_calls"] = [call.model_dump() for call in message.tool_calls]
    if isinstance(message, ToolMessage):
        result["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        result["name"] = message.name
    result["content"] = content or ""
    return result


def _text(content: str | Sequence[TextPart | RefusalPart] | None) -> str | None:
    if content is None or isinstance(content, str):
        return content
    return "\n".join(part.text if isinstance(part, TextPart) else part.refusal for part in content)


def _tool_choice(body: ChatRequest) -> str | None:
    names = [tool.function.name for tool in body.tools or ()]
    if len(set(names)) != len(names):
        _bad("tools", "Two tools have the same name.")
    choice = body.tool_choice
    if isinstance(choice, NamedTool):
        name = choice.function.name
        if name not in names:
            _bad("tool_choice", "tool_choice names a function that is not among the tools.")
        if name in _CHOICE_WORDS:
            _bad("tool_choice", "A function called auto, none or required cannot be chosen by name.", "unsupported")
        return name
    if choice == "required" and not names:
        _bad("tool_choice", "tool_choice is only allowed when tools are given.")
    return choice if names else None


def _schema(wanted: ResponseFormat | None) -> dict[str, Any] | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {}
    if wanted.json_schema is None or wanted.json_schema.schema_ is None:
        _bad("response_format.json_schema", "response_format of type json_schema needs json_schema.schema.")
    return _serializable(wanted.json_schema.schema_, "response_format.json_schema.schema")


def _serializable(value: dict[str, Any], where: str) -> dict[str, Any]:
    """JSON has neither NaN nor halves of characters; Python's parser lets both through."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
        _bad(where, "It holds something that JSON cannot, or is nested too deeply.")
    return value


def _refuse_unless(body: Generation, name: str, fine: bool, reason: str) -> None:
    if not fine:
        _bad(name, f"{reason}, so {name} is not supported. Leave it out.", "unsupported")


def _bad(param: str, message: str, code: str = "invalid_value") -> NoReturn:
    raise ApiError(message, code=code, param=param)
