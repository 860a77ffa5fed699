"""From OpenAI's request bodies to what the engine is asked: honoured, ignored or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from meadow.chat.request import GenerationRequest
from meadow.node.http.app import explain
from meadow.node.http.openai_request import chat_request, completion_requests
from meadow.node.http.openai_schema import ChatRequest, CompletionRequest
from meadow.node.http.problems import ApiError

USER = {"role": "user", "content": "hello"}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"town": {"type": "string"}}}},
}


def chat(**fields: Any) -> GenerationRequest:
    return chat_request(parsed(ChatRequest, {"model": "m", "messages": [USER], **fields}))


def text(**fields: Any) -> list[GenerationRequest]:
    return completion_requests(parsed(CompletionRequest, {"model": "m", "prompt": "p", **fields}))


def parsed(model: Any, body: Any) -> Any:
    """As FastAPI does it, and the application's handler for what is invalid."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        findings = [{**found, "loc": ("body", *found["loc"])} for found in error.errors()]
        raise explain(RequestValidationError(findings).errors()) from None


def test_nothing_said_means_the_models_own_settings() -> None:
    assert chat() == GenerationRequest("m", messages=(USER,))
    assert text() == [GenerationRequest("m", prompt="p")]


def test_every_setting_arrives() -> None:
    common: dict[str, Any] = dict(
        n=3,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        seed=-7,
        frequency_penalty=1.5,
        presence_penalty=-2,
        reproducible=True,
    )
    assert chat(**common, stop="END", max_completion_tokens=9, logprobs=True, top_logprobs=4) == GenerationRequest(
        "m", messages=(USER,), stop=("END",), max_tokens=9, logprobs=4, **common
    )
    assert text(**common, stop=["a", "b"], max_tokens=9, logprobs=0) == [
        GenerationRequest("m", prompt="p", stop=("a", "b"), max_tokens=9, logprobs=0, **common)
    ]
    assert chat(logprobs=True).logprobs == 0
    assert chat(logprobs=False).logprobs is None
    assert chat(top_k=-1).top_k == chat(top_k=0).top_k == 0
    assert chat(max_tokens=5).max_tokens == chat(max_tokens=5, max_completion_tokens=5).max_tokens == 5
    assert chat(prompt_cache_key="k").conversation == "v1:k"


def test_null_is_the_same_as_left_out() -> None:
    names = set(ChatRequest.model_fields) - {"model", "messages"}
    assert chat(**dict.fromkeys(names)) == chat()
    assert text(**dict.fromkeys(set(CompletionRequest.model_fields) - {"model", "prompt"})) == text()


def test_what_has_no_effect_on_the_answer_is_ignored() -> None:
    assert chat(
        user="u", metadata={"a": "b"}, store=True, service_tier="auto", safety_identifier="s",
        prompt_cache_retention="24h", prompt_cache_options={}, prediction={"type": "content", "content": "x"},
        logit_bias={}, modalities=["text"], verbosity="medium", parallel_tool_calls=False,
    ) == chat()  # fmt: skip
    assert text(user="u", best_of=1, suffix="", logit_bias={}, echo=False) == text()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"verbosity": "low"}, "verbosity"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"web_search_options": {"a": 1}}, "web_search_options"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"moderation": ""}, "moderation"), ({"functions": []}, "functions"), ({"logit_bias": 0}, "logit_bias"),
        ({"nonsense": 1}, "nonsense"),
        ({"min_p": 0.1}, "min_p"),
        ({"n": 0}, "n"), ({"n": 17}, "n"), ({"n": "1"}, "n"), ({"n": 1.5}, "n"), ({"n": True}, "n"),
        ({"max_tokens": 0}, "max_tokens"), ({"max_tokens": 131_073}, "max_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens"),
        ({"temperature": 2.1}, "temperature"), ({"temperature": -1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"), ({"top_p": 1.1}, "top_p"), ({"top_k": -2}, "top_k"),
        ({"frequency_penalty": 3}, "frequency_penalty"), ({"presence_penalty": -3}, "presence_penalty"),
        ({"seed": 1 << 63}, "seed"), ({"seed": 1.0}, "seed"),
        ({"stop": ""}, "stop"), ({"stop": ["a"] * 17}, "stop"), ({"stop": [""]}, "stop[0]"), ({"stop": 1}, "stop"),
        ({"top_logprobs": 2}, "top_logprobs"), ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": "yes"}, "stream"),
        ({"model": ""}, "model"), ({"model": None}, "model"),
        ({"messages": []}, "messages"), ({"messages": "hi"}, "messages"), ({"messages": None}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": "user"}]}, "messages[1].content"),
        ({"messages": [{**USER, "odd": 1}]}, "messages[0].odd"),
        ({"messages": [{"role": "assistant"}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{**USER, "tool_call_id": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{**USER, "content": "\ud800"}]}, "messages[0].content"),
        ({"messages": [{**USER, "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
         "messages[0].content[0].type"),
        ({"messages": [{**USER, "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{**USER, "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "assistant", "content": [{"type": "odd"}]}]}, "messages[0].content[0].type"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [WEATHER, WEATHER]}, "tools"),
        ({"tools": [WEATHER] * 129}, "tools"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"a": float("nan")}}}]}, "tools"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"a": "\udfff"}}}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format.json_schema"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_in_a_chat_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        chat(**fields)
    assert caught.value.param == param
    assert caught.value.code in ("invalid_value", "unsupported", "unknown_argument")
    assert param.split(".")[0].split("[")[0] in str(caught.value) or param.startswith(("messages", "tools"))
    assert str(caught.value).endswith(".") or caught.value.code == "unknown_argument"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"suffix": "after"}, "suffix"), ({"best_of": 2}, "best_of"), ({"logprobs": 21}, "logprobs"),
        ({"logprobs": True}, "logprobs"), ({"echo": True, "logprobs": 1}, "echo"),
        ({"echo": True, "prompt": [1]}, "echo"), ({"prompt": "\udc00"}, "prompt"), ({"stop": "\udc00"}, "stop"),
        ({"prompt": ""}, "prompt"), ({"prompt": ["a", ""]}, "prompt[1]"), ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt"), ({"prompt": [-1]}, "prompt"), ({"prompt": [1 << 31]}, "prompt"),
        ({"prompt": [1, "a"]}, "prompt"), ({"prompt": None}, "prompt"), ({"prompt": ["a"] * 65}, "prompt"),
        ({"messages": [USER]}, "messages"), ({"logit_bias": {"1": 1}}, "logit_bias"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_in_a_completion_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        text(**fields)
    assert (caught.value.param or "").startswith(param)


def test_messages_as_templates_take_them() -> None:
    calls = [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]
    conversation = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is"}, {"type": "text", "text": "the weather?"}]},
        {"role": "assistant", "content": None, "tool_calls": calls, "refusal": None, "annotations": []},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny", "name": "weather"},
        {"role": "assistant", "refusal": "No."},
    ]
    assert chat(messages=conversation).messages == (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is\nthe weather?"},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "content": "sunny", "tool_call_id": "call_1", "name": "weather"},
        {"role": "assistant", "content": "No."},
    )


def test_tools_and_how_to_choose_among_them() -> None:
    assert chat(tools=[WEATHER]).tools == (WEATHER,)
    assert chat(tools=[WEATHER]).tool_choice is None
    for choice in ("auto", "none", "required"):
        assert chat(tools=[WEATHER], tool_choice=choice).tool_choice == choice
    named = {"type": "function", "function": {"name": "weather"}}
    assert chat(tools=[WEATHER], tool_choice=named).tool_choice == "weather"
    assert chat(tool_choice="auto").tool_choice is None
    for word in ("auto", "none", "required"):  # they would be taken for something else
        tool = {"type": "function", "function": {"name": word}}
        with pytest.raises(ApiError):
            chat(tools=[tool], tool_choice=tool)


def test_formats_of_the_answer() -> None:
    assert chat(response_format={"type": "text"}).json_schema is None
    assert chat(response_format={"type": "json_object"}).json_schema == {}
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}}
    assert chat(response_format=wanted).json_schema == schema


def test_all_forms_of_a_prompt() -> None:
    assert [request.prompt for request in text(prompt=["a", "b"])] == ["a", "b"]
    assert [request.prompt for request in text(prompt=[1, 2])] == [(1, 2)]
    assert [request.prompt for request in text(prompt=[[1, 2], [3]])] == [(1, 2), (3,)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(sorted(ChatRequest.model_fields)), json_values, max_size=6),
    st.dictionaries(st.sampled_from(sorted(CompletionRequest.model_fields)), json_values, max_size=6),
)
def test_any_json_is_a_request_or_a_refusal(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Nothing else comes out, and what comes out can be sent to the engine."""
    for make, fields in ((chat, one), (text, other)):
        try:
            made = make(**fields)
        except ApiError:
            continue
        for request in [made] if isinstance(made, GenerationRequest) else made:
            assert GenerationRequest.from_json(request.to_json()).to_json() == request.to_json()
