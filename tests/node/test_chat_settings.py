"""A setting of a chat that does not fit: the sentence names the key and what is possible, and the bounds are true."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from meadow.node.chats.records import Settings
from meadow.node.http.app import explain
from meadow.node.http.chats_schema import RANGES, NewChat, NewMessageBody, SettingsBody

WRONG: dict[str, tuple[list[Any], list[Any]]] = {
    "max_tokens": ([0, -1, 1_000_001, 1.5, "7", True], [1, 1_000_000, 7.0]),
    "temperature": ([-0.1, 100.1, float("nan"), "hot", []], [0, 0.0, 1, 100]),
    "top_p": ([0, 1.01, "all"], [0.01, 1]),
    "top_k": ([-1, 1_000_001, 0.5], [0, 1_000_000]),
    "seed": ([-(2**63) - 1, 2**63, "x"], [-(2**63), 0, 2**63 - 1]),
    "frequency_penalty": ([-2.1, 2.1], [-2, 2]),
    "presence_penalty": ([-2.1, 2.1], [-2, 2]),
    "stop": (["x", [""], ["a"] * 17, ["a" * 1001], [7]], [[], ["a" * 1000] * 16]),
}


def test_every_range_is_told_and_tested() -> None:
    assert set(WRONG) == set(RANGES) <= set(Settings.model_fields)


@pytest.mark.parametrize("name", WRONG)
def test_what_fits_and_what_does_not(name: str) -> None:
    wrong, right = WRONG[name]
    for value in right:
        assert getattr(SettingsBody.model_validate({name: value}), name) == value
        assert getattr(Settings.model_validate({name: value}), name) == value
    assert getattr(SettingsBody.model_validate({name: None}), name) is None
    for value in wrong:
        for body, fields in ((NewChat, {}), (NewMessageBody, {"content": "x"})):
            with pytest.raises(ValidationError) as caught:
                body.model_validate({**fields, "settings": {name: value}})
            errors = [{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]
            problem = explain(errors)
            assert (problem.code, problem.param) == ("invalid_value", f"settings.{name}")
            assert str(problem) == f"settings.{name} {RANGES[name]}."


def test_the_document_keeps_the_bounds() -> None:
    plain, told = Settings.model_json_schema(), SettingsBody.model_json_schema()
    assert {name: told["properties"][name] for name in RANGES} == {name: plain["properties"][name] for name in RANGES}
