"""docs/api.md is true: its table of errors is the table of the code, and no field of a request is left out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from meadow.node.http import gate, protocol
from meadow.node.http.openai_schema import ChatRequest, CompletionRequest
from meadow.node.http.problems import STATUS

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def test_the_table_of_errors_is_complete() -> None:
    found: dict[str, int] = {}
    for status, codes in re.findall(r"^\| (\d{3}) \| ([^|]+) \|", TEXT, re.MULTILINE):
        for code in re.findall(r"`(\w+)`", re.sub(r"\(under[^)]*\)", "", codes)):
            assert code not in found, code
            found[code] = int(status)
    refusals = {
        code: int(status)
        for module in (gate, protocol)
        for status, code in re.findall(r'(?:Refusal|_say)\(\s*(\d{3}), "(\w+)"', inspect.getsource(module))
    }
    assert len(refusals) > 10
    # The last two have no one place: they come from the router and from what nobody expected.
    assert found == {**STATUS, **refusals, "method_not_allowed": 405, "internal": 500}


def test_every_field_is_explained() -> None:
    fields = set(ChatRequest.model_fields) | set(CompletionRequest.model_fields)
    assert {name for name in fields if f"`{name}`" not in TEXT and f"`{name}." not in TEXT} == {"model"}
