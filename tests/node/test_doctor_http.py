"""The doctor over HTTP: beside everything else, one at a time, ended with its connection, and without secrets."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from http_client import TOKEN, ask, head, post, running

from meadow.errors import MeadowError
from meadow.node.diagnosis import Diagnoses, all_checks
from meadow.node.doctor import Check, Finding, ok, warn
from meadow.node.http.doctor import router
from meadow.node.http.listen import RunningServer
from meadow.platform.paths import Paths

SECRET = "hf_" + "aB3" * 11


class Slow:
    """One quick check that says too much, and one that takes as long as is wanted."""

    def __init__(self) -> None:
        self.go, self.begun, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def checks(self, self_test: bool) -> list[Check]:
        async def talkative() -> Finding:
            return warn(f"{getpass.getuser()} at 8.8.8.8 keeps {SECRET}.", f"Look into {Path.home()}/x.", token=SECRET)

        async def slow() -> Finding:
            self.begun.set()
            try:
                await self.go.wait()
            finally:
                self.ended.set()
            return ok("All is well.")

        return [Check("talkative", "Talkative", 10, talkative), Check("slow", "Slow", 60, slow)][: 1 + self_test]


@pytest.fixture
async def slow() -> Slow:
    return Slow()


@pytest.fixture
async def server(slow: Slow, tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running([router(Diagnoses(Paths.of(tmp_path), slow.checks))]) as made:
        yield made


async def test_one_at_a_time_beside_everything_else(server: RunningServer, slow: Slow) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(base_url=server.url, headers=headers, trust_env=False, timeout=60) as client:
        first = asyncio.create_task(client.post("/api/doctor", json={"self_test": True}))
        await asyncio.wait_for(slow.begun.wait(), 30)
        assert (await ask(server.port, head("GET", "/health", server.port))).status == 200
        second = await client.post("/api/doctor", json={})
        assert (second.status_code, second.json()["error"]["code"]) == (429, "busy")
        slow.go.set()
        report = (await first).json()
        assert (report["ok"], report["warn"], report["fail"]) == (1, 1, 0)
        assert [check["name"] for check in report["checks"]] == ["talkative", "slow"]
        text = str(report)
        assert SECRET not in text and "8.8.8.8" not in text and f"{Path.home()}/x" not in text
        assert "Talkative" in text and "All is well." in report["text"]
        assert (await client.post("/api/doctor", json={})).status_code == 200, "it can be asked again"
        assert (await client.post("/api/doctor", json={"self_test": 1})).status_code == 400


async def test_it_ends_with_its_connection(server: RunningServer, slow: Slow) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(post("/api/doctor", server.port, b'{"self_test": true}'))
    await asyncio.wait_for(slow.begun.wait(), 30)
    writer.transport.abort()
    await asyncio.wait_for(slow.ended.wait(), 30)


async def test_it_is_the_same_doctor_as_on_the_command_line(tmp_path: Path) -> None:
    names = [check.name for check in all_checks(Paths.of(tmp_path))]
    assert names[-1] == "exactness"
    assert [check.name for check in all_checks(Paths.of(tmp_path), self_test=False)] == names[:-1]


async def test_a_doctor_that_is_stopped_can_be_called_again(slow: Slow, tmp_path: Path) -> None:
    diagnoses = Diagnoses(Paths.of(tmp_path), slow.checks)
    making = asyncio.create_task(diagnoses.make(self_test=True))
    await asyncio.wait_for(slow.begun.wait(), 30)
    with pytest.raises(MeadowError, match="looking already"):
        await diagnoses.make(self_test=False)
    making.cancel()
    await asyncio.wait([making])
    assert len((await diagnoses.make(self_test=False)).results) == 1
