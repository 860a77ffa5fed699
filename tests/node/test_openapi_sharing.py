"""The OpenAPI document is true for plans, contributions, models, the hub token and the doctor: schemathesis asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from http_client import TOKEN
from schemathesis.specs.openapi.checks import positive_data_acceptance

from meadow.client.loop import BackgroundLoop
from meadow.errors import MeadowError
from meadow.node.changes import StateStore
from meadow.node.contributions import Contributions
from meadow.node.diagnosis import Diagnoses
from meadow.node.doctor import Check, Finding, ok
from meadow.node.http import doctor, models, shareplan
from meadow.node.http.app import make_app
from meadow.node.http.listen import RunningServer, serve
from meadow.node.modelfacts import Facts, FactsDesk
from meadow.node.shareplan import Preview, Reason
from meadow.node.shelf import Choice, UpModel
from meadow.node.state import SwarmModel
from meadow.platform.fit import ModelFacts
from meadow.platform.paths import Paths

OPERATIONS = 12


class Answers:
    """Plans and a shelf that answer at once, and refuse now and then: the document says nothing about how it is found
    out."""

    async def preview(self, model: str | None) -> Preview:
        if model is not None and len(model) % 2:
            raise MeadowError("It is served.", code="not_fetchable")
        known = None if model is None else 12.5
        return Preview("m", 0, 4, 8, 1, 2, "cpu", "CPU", 3, known, known, "It would.", Reason.GAP)

    async def choice(self) -> Choice:
        up = SwarmModel("ff" * 32, "toy", 8, missing=((0, 4),))
        return Choice([UpModel(up, None), UpModel(up, "toy")], [("owner/name", 1.5)], [("owner/name", 7)])

    async def look(self, model: str) -> Facts:
        code = ("", "gated", "unsupported_model", "unknown_model")[len(model) % 4]
        if code:
            raise MeadowError("No.", code=code)
        fit = ModelFacts("m", 1, "float32", (1,), (0,), (1.0,), (0.0,))
        return Facts(fit, 64, None, 10, 5)

    async def fetch(self, model: str) -> None:
        pass

    async def cancel(self, key: str) -> None:
        pass

    async def delete(self, model: str) -> int:
        raise MeadowError("It is shared.", code="conflict")


async def _fine() -> Finding:
    return ok("Fine.")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home: Path = tmp_path_factory.mktemp("home")
    loop, found = BackgroundLoop("http"), list[RunningServer]()
    answers: Any = Answers()

    async def start() -> None:
        store = StateStore()
        routers = [
            shareplan.router(answers, Contributions(home / "contributions.json", store, lambda: ())),
            models.router(answers, store),
            models.token_router(home / "hub-token", FactsDesk(home)),
            doctor.router(Diagnoses(Paths.of(home), lambda self_test: [Check("a", "A", 5, _fine)])),
        ]
        found.append(await serve(make_app(token=TOKEN, port_of=lambda: found[0].port, routers=routers)))

    loop.run(start(), timeout=30)
    yield found[0].url
    loop.run(found[0].close(), timeout=30)
    loop.close()


@pytest.mark.parametrize("count", [8, pytest.param(300, marks=pytest.mark.full)])
@pytest.mark.timeout(900)
def test_answers_are_as_documented(url: str, count: int) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    document = requests.get(f"{url}/openapi.json", headers=headers, timeout=30).json()
    for operations in document["paths"].values():
        assert all(
            operation.get("summary") and "422" not in operation["responses"] for operation in operations.values()
        )
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url, headers=headers)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) == OPERATIONS
    statuses: dict[str, set[int]] = {}
    quiet = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much]
    for operation in operations:
        modes = [schemathesis.GenerationMode.POSITIVE]
        if operation.body:
            modes.append(schemathesis.GenerationMode.NEGATIVE)
        for mode in modes:

            @hypothesis.settings(
                max_examples=count, deadline=None, suppress_health_check=quiet, derandomize=True, database=None
            )
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def one(case: schemathesis.Case) -> None:
                response = case.call()
                case.validate_response(response, excluded_checks=[positive_data_acceptance])
                assert response.status_code != 500
                statuses.setdefault(case.path, set()).add(response.status_code)

            one()
    assert all(200 in found or 202 in found for path, found in statuses.items() if path != "/api/models/local"), (
        statuses
    )
