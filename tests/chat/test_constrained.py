"""Answers that must fit a schema or be a tool call do, whatever the model would rather say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.bench import Bench, says
from meadow.errors import MeadowError

HELLO = (says("Tell me."),)
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "kind": {"enum": ["cat", "dog", "it's <|end|>"]},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "maxItems": 2},
    },
    "required": ["name", "age", "kind", "tags"],
    "additionalProperties": False,
    "$defs": {"tag": {"type": "string", "pattern": "^[a-z]{1,5}$"}},
}


def tool(name: str, schema: Any = None) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "It.", "parameters": schema}}


def check(person: Any) -> None:
    assert list(person) == ["name", "age", "kind", "tags"]
    assert isinstance(person["name"], str) and 0 <= person["age"] <= 150
    assert person["kind"] in PERSON["properties"]["kind"]["enum"]  # type: ignore[index]
    assert len(person["tags"]) <= 2 and all(1 <= len(tag) <= 5 and tag.islower() for tag in person["tags"])


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 40))])
def test_a_random_model_writes_valid_json(swarm: Bench, tiny: str, seed: int) -> None:
    heard = swarm.ask(
        tiny, HELLO, json_schema=PERSON, temperature=1.5, seed=seed, max_tokens=400, n=2, top_k=5, logprobs=0
    )
    for choice in range(2):
        check(json.loads(heard.text(choice)))
        assert heard.finished(choice).reason == "stop"


def test_greedy_and_any_object(swarm: Bench, tiny: str, demo: str) -> None:
    check(json.loads(swarm.ask(tiny, HELLO, json_schema=PERSON, max_tokens=400).text()))
    check(json.loads(swarm.ask(demo, HELLO, json_schema=PERSON, max_tokens=400).text()))
    heard = swarm.ask(tiny, HELLO, json_schema={}, temperature=1.0, seed=1, max_tokens=200)
    assert heard.text().startswith("{")
    if heard.finished().reason == "stop":
        assert isinstance(json.loads(heard.text()), dict)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "foo"},
        {"type": "object", "properties": {"a": {"not": {"type": "integer"}}}},
        {"type": "string", "pattern": "(["},
        {"$ref": "#/$defs/nothing"},
        {"$ref": "https://example.com/schema.json"},
        {"type": "object", "properties": 5},
        {"const": "x" * (300 << 10)},
    ],
)
def test_a_schema_that_cannot_be_enforced_is_refused(swarm: Bench, tiny: str, schema: Any) -> None:
    with pytest.raises(MeadowError) as caught:
        swarm.ask(tiny, HELLO, json_schema=schema, max_tokens=5)
    assert caught.value.code == "bad_schema"


@pytest.mark.parametrize("choice", ["required", "second"])
def test_a_required_call_is_valid(swarm: Bench, tiny: str, demo: str, choice: str) -> None:
    tools = (tool("first", {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}),)
    tools = (*tools, tool("second", PERSON))
    for model, seed in ((tiny, 1), (demo, 1)):
        heard = swarm.ask(model, HELLO, tools=tools, tool_choice=choice, temperature=1.2, seed=seed, max_tokens=400)
        finished = heard.finished()
        assert finished.reason == "tool_calls" and heard.text() == ""
        (call,) = finished.tool_calls
        arguments = json.loads(call.arguments)
        assert call.name in (("first", "second") if choice == "required" else ("second",))
        if call.name == "second":
            check(arguments)
        else:
            assert arguments["n"] in (1, 2)


def test_tools_that_nobody_must_use(swarm: Bench, tiny: str, demo: str) -> None:
    free = swarm.ask(demo, HELLO, max_tokens=20)
    none = swarm.ask(demo, HELLO, tools=(tool("f"),), tool_choice="none", max_tokens=20)
    assert none.token_ids() == free.token_ids() and none.text() == free.text()
    auto = swarm.ask(tiny, HELLO, tools=(tool("f"),), max_tokens=20)
    assert auto.finished().tool_calls == () and auto.text()
    with pytest.raises(MeadowError) as caught:
        swarm.ask(demo, HELLO, tools=(tool("f", {"type": "nothing"}),), tool_choice="required")
    assert caught.value.code == "bad_schema"
    with pytest.raises(MeadowError) as caught:
        swarm.ask(demo, HELLO, tools=(tool("f"),), tool_choice="g")
    assert caught.value.code == "bad_tools"
