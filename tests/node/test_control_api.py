"""Commands and settings over HTTP: on a real socket, through the real door, with a settings file on a real disk."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from http_client import TOKEN, running

from meadow.errors import MeadowError
from meadow.node.control import SettingsReport, ShareRequest
from meadow.node.http import control, settings
from meadow.node.settings import REGISTRY, Settings, SettingsFile


class Recorded:
    """Keeps what it is told."""

    def __init__(self, path: Path) -> None:
        self.file = SettingsFile(path)
        self.told: list[tuple[str, Any]] = []
        self.refusal: MeadowError | None = None

    def _note(self, name: str, argument: Any = None) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.told.append((name, argument))

    async def share(self, request: ShareRequest) -> None:
        self._note("share", request)

    async def pause(self, seconds: float | None) -> None:
        self._note("pause", seconds)

    async def resume(self) -> None:
        self._note("resume")

    async def finish(self, seconds: float | None) -> None:
        self._note("finish", seconds)

    async def share_anew(self, seconds: float) -> None:
        self._note("share/anew", seconds)

    async def forget_interrupted(self) -> None:
        self._note("interrupted")

    async def stop(self) -> None:
        self._note("stop")

    async def settings(self) -> SettingsReport:
        now = self.file.current()
        remarks = [*map(str, self.file.remarks), *([str(self.file.problem)] if self.file.problem else [])]
        return SettingsReport(now, str(self.file.path), tuple(remarks))

    async def change_settings(self, changes: Mapping[str, Any]) -> SettingsReport:
        self.file.change(changes)
        return await self.settings()


@pytest.fixture
def told(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path / "settings.json")


@pytest.fixture
async def node(told: Recorded) -> AsyncIterator[httpx2.AsyncClient]:
    async with running([control.router(told), settings.router(told)]) as server:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx2.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as client:
            yield client


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("share", {}, ShareRequest()),
        (
            "share",
            {
                "model": "owner/name",
                "blocks": [0, 6],
                "revision": "main",
                "dtype": "float16",
                "device": "mps",
                "kv_tokens": 5,
            },
            ShareRequest("owner/name", (0, 6), "main", "float16", "mps", 5),
        ),
        ("pause", {}, None),
        ("pause", {"seconds": None}, None),
        ("pause", {"seconds": 60}, 60.0),
        ("resume", {}, None),
        ("finish", {"seconds": 0}, 0.0),
        ("share/anew", {}, 60.0),
        ("share/anew", {"seconds": 0}, 0.0),
        ("finish", {"seconds": 1.5}, 1.5),
        ("stop", {}, None),
    ],
)
async def test_a_command_reaches_the_node(
    node: httpx2.AsyncClient, told: Recorded, path: str, body: Any, expected: Any
) -> None:
    answer = await node.post(f"/api/{path}", json=body)
    assert (answer.status_code, answer.json()) == (202, {"accepted": True})
    assert told.told == [(path, expected)]


async def test_what_was_interrupted_can_be_put_away(node: httpx2.AsyncClient, told: Recorded) -> None:
    assert (await node.delete("/api/interrupted")).json() == {"accepted": True}
    assert told.told == [("interrupted", None)]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("share", {"modle": "m"}, "modle"),
        ("share", {"model": ""}, "model"),
        ("share", {"model": "a\x00b"}, "model"),
        ("share", {"model": 7}, "model should be a valid string."),
        ("share", {"blocks": [6, 0]}, "blocks must be [START, END] with START below END"),
        ("share", {"blocks": [0]}, "blocks"),
        ("share", {"blocks": [0, "6"]}, "blocks[1] should be a valid integer."),
        ("share", {"blocks": [-1, 6]}, "blocks[0]"),
        ("share", {"dtype": "int8"}, "dtype should be 'float32', 'bfloat16' or 'float16'."),
        ("share", {"kv_tokens": 0}, "kv_tokens"),
        ("pause", {"seconds": 0}, "seconds should be greater than 0."),
        ("pause", {"seconds": "60"}, "seconds should be a valid number."),
        ("pause", {"seconds": True}, "seconds should be a valid number."),
        ("pause", {"seconds": 1e12}, "seconds should be less than"),
        ("finish", {"seconds": -1}, "seconds"),
        ("resume", {"seconds": 1}, "seconds"),
        ("stop", [], "must be a JSON object"),
    ],
)
async def test_a_wrong_command_is_refused_with_the_name_of_the_field(
    node: httpx2.AsyncClient, told: Recorded, path: str, body: Any, said: str
) -> None:
    answer = await node.post(f"/api/{path}", json=body)
    assert 400 <= answer.status_code < 500
    assert set(answer.json()["error"]) == {"code", "message"}
    assert said in answer.json()["error"]["message"]
    assert told.told == []


async def test_numbers_that_json_does_not_have(node: httpx2.AsyncClient, told: Recorded) -> None:
    for number in ("NaN", "Infinity", "1e999"):
        answer = await node.post(
            "/api/pause", content=f'{{"seconds": {number}}}', headers={"Content-Type": "application/json"}
        )
        assert 400 <= answer.status_code < 500
        answer = await node.patch(
            "/api/settings",
            content=f'{{"share.limit_fraction": {number}}}',
            headers={"Content-Type": "application/json"},
        )
        assert 400 <= answer.status_code < 500
    assert told.told == []


async def test_what_the_node_refuses_is_said_as_it_is(node: httpx2.AsyncClient, told: Recorded) -> None:
    told.refusal = MeadowError("There is no model like that.", code="unknown_model")
    answer = await node.post("/api/share", json={"model": "owner/name"})
    assert answer.status_code == 404
    assert answer.json() == {"error": {"code": "unknown_model", "message": "There is no model like that."}}


async def test_settings_are_read_and_changed_and_kept(node: httpx2.AsyncClient, told: Recorded) -> None:
    answer = await node.get("/api/settings")
    assert answer.json() == {
        "values": Settings().to_json(),
        "chosen": [],
        "restart_needed": [],
        "file": str(told.file.path),
        "remarks": [],
    }
    answer = await node.patch("/api/settings", json={"node.port": 4711, "share.model": "owner/name"})
    assert (answer.status_code, answer.json()["restart_needed"]) == (200, ["node.port"])
    assert answer.json()["chosen"] == ["node.port", "share.model"]
    assert json.loads(told.file.path.read_text())["node.port"] == 4711
    answer = await node.patch("/api/settings", json={"node.port": None, "share.model": None})
    assert answer.json()["values"] == Settings().to_json()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"node.port": 70000}, "node.port is 70000, but it must be a whole number between 0 and 65535."),
        ({"metrics.enabled": "yes"}, 'metrics.enabled is "yes", but it must be true or false.'),
        ({"initial_peers": [[]]}, "initial_peers is [[]], but it must be a list of texts"),
        ({"metrics.enabled": True, "metrics": True}, "Write the whole name"),
    ],
)
async def test_wrong_settings_change_nothing(
    node: httpx2.AsyncClient, told: Recorded, changes: dict[str, Any], said: str
) -> None:
    answer = await node.patch("/api/settings", json=changes)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")
    assert said in answer.json()["error"]["message"]
    assert not told.file.path.exists()


async def test_a_file_that_cannot_be_read_is_a_conflict_and_stays(node: httpx2.AsyncClient, told: Recorded) -> None:
    for text, said in [
        ('{"version": 1,\n "node.port": "x"}', "Line 2: node.port"),
        ("{", "not correct JSON"),
        ('{"version": 99}', "newer Meadow"),
    ]:
        told.file.path.write_text(text)
        answer = await node.patch("/api/settings", json={"node.port": 1})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
        assert said in answer.json()["error"]["message"]
        assert told.file.path.read_text() == text
        answer = await node.get("/api/settings")
        assert answer.json()["values"] == Settings().to_json(), "the values before go on"
        assert said in answer.json()["remarks"][-1]


async def test_the_registry_says_what_the_page_of_settings_needs(node: httpx2.AsyncClient) -> None:
    entries = {entry["key"]: entry for entry in (await node.get("/api/settings/registry")).json()}
    assert list(entries) == list(REGISTRY)
    assert entries["share.reserve_bytes"]["unit"] == "bytes"
    assert entries["share.limit_fraction"]["value_schema"] == {"type": "number", "minimum": 0.05, "maximum": 1}
    assert entries["share.dtype"]["value_schema"]["anyOf"][0]["enum"] == ["float32", "bfloat16", "float16"]


async def test_openapi_names_every_command_and_every_setting(node: httpx2.AsyncClient) -> None:
    document = (await node.get("/openapi.json")).json()
    assert {f"/api/{name}" for name in ("share", "pause", "resume", "finish", "stop", "settings")} <= set(
        document["paths"]
    )
    changes = document["paths"]["/api/settings"]["patch"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(changes["properties"]) == set(REGISTRY)
    assert all("description" in entry for entry in changes["properties"].values())
    values = document["components"]["schemas"]["SettingsBody"]["properties"]["values"]
    assert set(values["properties"]) == set(REGISTRY)
