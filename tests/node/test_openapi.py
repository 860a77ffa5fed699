"""The OpenAPI document is true: schemathesis makes requests from it, good and bad, and holds the answers against it."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from http_client import TOKEN
from schemathesis.specs.openapi.checks import positive_data_acceptance

from meadow.chat.request import Delta, Done, Finished, GenerationEvent, GenerationRequest, Started, TokenLogprob
from meadow.client.loop import BackgroundLoop
from meadow.errors import MeadowError
from meadow.node.http.app import make_app
from meadow.node.http.listen import RunningServer, serve
from meadow.node.http.openai import ModelInfo, router


class Echoes:
    """An engine that answers everything at once: the document says nothing about what models say."""

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        if request.model != "tiny":
            raise MeadowError("There is no such model.", code="unknown_model")
        yield Started(3)
        for choice in range(request.n):
            logprobs = () if request.logprobs is None else (TokenLogprob(1, "a", -0.5, ((1, "a", -0.5),)),)
            yield Delta(choice, "a", (1,), logprobs)
            yield Finished(choice, "stop", 1)
        yield Done(3, request.n, 0, 1.0, 0.1)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    loop = BackgroundLoop("http")
    found: list[RunningServer] = []

    async def start() -> None:
        # The schema knows one model, so that valid requests get further than "no such model".
        routes = router(Echoes(), lambda: [ModelInfo("tiny")], concurrency=lambda: 100)
        app = make_app(token=TOKEN, port_of=lambda: found[0].port, routers=[routes])
        found.append(await serve(app))

    loop.run(start(), timeout=30)
    yield found[0].url
    loop.run(found[0].close(), timeout=30)
    loop.close()


@pytest.fixture(scope="module")
def document(url: str) -> Any:
    return requests.get(f"{url}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30).json()


def test_the_document_says_what_every_route_needs_and_can_answer(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    assert document["paths"]["/health"]["get"]["security"] == []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert "422" not in operation["responses"], path
            assert operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"].endswith(
                "/OpenAIError" if path.startswith("/v1") else "/ErrorObject"
            )
            assert operation.get("summary"), path
    chat = document["paths"]["/v1/chat/completions"]["post"]
    assert set(chat["responses"]) == {"200", "400", "401", "404", "413", "415", "429", "500", "503", "default"}
    assert set(chat["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    references = [word for word in str(document).split("'") if word.startswith("#/components/schemas/")]
    assert {name.rsplit("/", 1)[1] for name in references} == set(document["components"]["schemas"])


def _examples(count: int) -> hypothesis.settings:
    checks = [
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.filter_too_much,
        hypothesis.HealthCheck.data_too_large,
    ]
    return hypothesis.settings(
        max_examples=count, deadline=None, suppress_health_check=checks, derandomize=True, database=None
    )


# What depends on other fields, which a schema cannot say: with all of it hardly any request would be answered.
_DEPENDENT = (
    "stream_options",
    "top_logprobs",
    "tool_choice",
    "tools",
    "max_tokens",
    "best_of",
    "echo",
    "response_format",
)


def _search(document: Any, url: str, count: int, *, without: tuple[str, ...] = ()) -> None:
    document = copy.deepcopy(document)
    for name in ("ChatRequest", "CompletionRequest"):  # else nearly every request would end at "no such model"
        properties = document["components"]["schemas"][name]["properties"]
        properties["model"] = {"enum": ["tiny", "other"]}
        for field in without:
            properties.pop(field, None)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"})
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) == 5
    statuses: dict[str, set[int]] = {}
    for operation in operations:
        modes = [schemathesis.GenerationMode.POSITIVE]
        if operation.method.upper() == "POST":  # what takes nothing cannot be asked wrongly
            modes.append(schemathesis.GenerationMode.NEGATIVE)
        for mode in modes:

            @_examples(count)
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def one(case: schemathesis.Case) -> None:
                response = case.call()
                # What fits the schema may still be refused: an assistant's message without content, for example.
                case.validate_response(response, excluded_checks=[positive_data_acceptance])
                assert response.status_code < 500
                statuses.setdefault(case.path, set()).add(response.status_code)

            one()
    if without:  # the search must have reached all of it; what each example hits is chance
        assert statuses["/v1/chat/completions"] | statuses["/v1/completions"] >= {200, 400, 404}


def test_answers_are_as_documented(document: Any, url: str) -> None:
    _search(document, url, 20, without=_DEPENDENT)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_answers_are_as_documented_at_length(document: Any, url: str) -> None:
    _search(document, url, 500, without=_DEPENDENT)
    _search(document, url, 500)
