"""What this machine contributed: counted once, kept through kills and full disks, never at the cost of the node."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meadow.node import events as e
from meadow.node import files
from meadow.node.changes import StateStore
from meadow.node.contributions import Contributions
from meadow.node.keptfile import KeptFile
from meadow.node.ledger import Counts, Ledger

NOON = datetime(2031, 5, 17, 12).timestamp()
OURS, DEMO = "0000aaaa", "0000bbbb"


def computed(tokens: Any, server_id: str = OURS) -> dict[str, Any]:
    return {"event": "computed", "server_id": server_id, "tokens": tokens, "bytes_in": 8 * 1, "bytes_out": 4}


def keeper(folder: Path, store: StateStore | None = None, **options: Any) -> Contributions:
    options = {"clock": lambda: NOON, **options}
    return Contributions(folder / "contributions.json", store or StateStore(), lambda: {OURS}, **options)


# The ledger


def test_hours_and_days_end_now_and_have_no_holes() -> None:
    ledger = Ledger()
    ledger.add(Counts(tokens=5), NOON - 3600)
    ledger.add(Counts(tokens=7, sessions=1), NOON)
    hours, days = ledger.hours(NOON + 60), ledger.days(NOON + 60)
    assert (len(hours), len(days)) == (24, 30)
    assert [tokens for _, tokens in hours[-2:]] == [5, 7] and not any(tokens for _, tokens in hours[:-2])
    assert hours[-1][0] <= NOON < hours[-1][0] + 3600
    assert days[-1] == (int(datetime(2031, 5, 17).timestamp()), 12)
    assert [datetime.fromtimestamp(start).day for start, _ in days[-3:]] == [15, 16, 17]
    assert ledger.today(NOON) == Counts(tokens=12, sessions=1)
    assert ledger.today(NOON + 86400) == Counts(), "a new day begins with nothing"
    assert ledger.total.tokens == 12


def test_it_stays_small_and_the_total_stays_true() -> None:
    ledger = Ledger()
    for day in range(400):
        for hour in range(0, 24, 3):
            ledger.add(Counts(tokens=1), NOON + day * 86400 + hour * 3600)
    assert ledger.total.tokens == 400 * 8
    assert len(json.dumps(ledger.to_json())) < 10_000
    ledger.add(Counts(tokens=1), NOON - 900 * 86400)  # the clock was wrong, or is right now
    assert ledger.days(NOON - 900 * 86400)[-1][1] == 1


MOMENTS = st.floats(NOON - 3 * 86400, NOON + 3 * 86400)
COUNTS = st.builds(
    Counts, st.integers(0, 1 << 50), st.integers(0, 9), st.integers(0, 1 << 50), st.integers(0, 9), st.floats(0, 60)
)


@given(st.lists(st.tuples(COUNTS, MOMENTS), max_size=20))
def test_what_is_kept_reads_back_as_it_was(entries: list[tuple[Counts, float]]) -> None:
    ledger = Ledger()
    for counts, at in entries:
        ledger.add(counts, at)
    kept = json.loads(json.dumps(ledger.to_json()))
    assert Ledger.of(kept).to_json() == ledger.to_json()


@pytest.mark.parametrize(
    "content",
    [
        {"total": 7},
        {"total": {"tokens": -1}},
        {"total": {"tokens": True}},
        {"total": {"tokens": 1.5}},
        {"total": {"seconds": "long"}},
        {"total": {"tokens": 2**60}},
        {"days": {"yesterday": {}}},
        {"days": []},
        {"hours": {"noon": 1}},
        {"hours": {str(hour): 1 for hour in range(1000)}},
    ],
)
def test_what_was_never_written_is_refused(content: Any) -> None:
    with pytest.raises(ValueError):
        Ledger.of(content)


# The keeper


async def test_only_servers_that_are_shared_count(tmp_path: Path) -> None:
    store = StateStore()
    store.apply(e.NodeKnown("ourselves"))
    contributions = keeper(tmp_path, store)
    await contributions.start()
    for event in [
        computed(10),
        computed(1000, DEMO),
        computed(-5),
        computed("many"),
        computed(2.5),
        {"event": "computed", "tokens": 3},
        {"event": "sessions", "server_id": OURS, "change": 1, "count": 1, "peer_id": "somebody"},
        {"event": "sessions", "server_id": OURS, "change": 1, "count": 2, "peer_id": "ourselves"},
        {"event": "sessions", "server_id": OURS, "change": -1, "count": 0},
        {"event": "sessions", "server_id": DEMO, "change": 1, "count": 1},
    ]:
        contributions.heard(event)
    report = contributions.report()
    assert report["today"]["tokens"] == report["total"]["tokens"] == 10 == store.state.share.tokens_today
    assert report["today"]["sessions"] == 1
    await contributions.close()
    again = keeper(tmp_path)
    await again.start()
    assert again.report() == report
    await again.close()


async def test_time_counts_while_a_shared_server_is_up(tmp_path: Path) -> None:
    store = StateStore()
    contributions = keeper(tmp_path, store, commit_seconds=0.01)
    await contributions.start()
    store.apply(e.ServerAdded(DEMO, "toy", demo=True))
    store.apply(e.ServerOnline(DEMO, "toy", 0, 4))
    await asyncio.sleep(0.1)
    assert contributions.report()["today"]["seconds"] == 0
    store.apply(e.ServerOnline(OURS, "toy", 0, 4))
    deadline = time.monotonic() + 20
    while contributions.report()["today"]["seconds"] < 0.3 and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert contributions.report()["today"]["seconds"] >= 0.3
    await contributions.close()


async def test_a_new_day_is_told_without_news(tmp_path: Path) -> None:
    store, now = StateStore(), [NOON]
    contributions = keeper(tmp_path, store, clock=lambda: now[0], commit_seconds=0.01)
    await contributions.start()
    contributions.heard(computed(10))
    now[0] = (datetime.fromtimestamp(NOON) + timedelta(days=1)).timestamp()
    await _until(lambda: store.state.share.tokens_today == 0)
    assert contributions.report()["total"]["tokens"] == 10
    await contributions.close()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"version": 1, "total": {"tokens": "x"}}', '{"version": "x"}', "\xff" * 9]
)
async def test_a_damaged_file_is_put_aside_and_told(tmp_path: Path, text: str) -> None:
    store, file = StateStore(), tmp_path / "contributions.json"
    file.write_text(text, encoding="latin-1")
    contributions = keeper(tmp_path, store)
    await contributions.start()
    problem = store.state.problems["contributions"]
    assert problem.code == "contributions_damaged" and "contributions.json.damaged-1" in problem.message
    assert (tmp_path / "contributions.json.damaged-1").read_text(encoding="latin-1") == text
    contributions.heard(computed(10))
    await contributions.close()
    assert json.loads(file.read_text())["total"]["tokens"] == 10


async def test_the_file_of_a_newer_meadow_is_left_alone(tmp_path: Path) -> None:
    store, file = StateStore(), tmp_path / "contributions.json"
    file.write_text(text := '{"version": 99, "total": {"tokens": "10"}}')
    contributions = keeper(tmp_path, store)
    await contributions.start()
    assert store.state.problems["contributions"].code == "contributions_newer"
    contributions.heard(computed(10))
    assert contributions.report()["total"]["tokens"] == 10, "it counts, but does not keep"
    await contributions.close()
    assert file.read_text() == text and len(list(tmp_path.iterdir())) == 1


async def test_a_full_disk_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full, tried = True, []

    def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
        tried.append(descriptor)
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", fsync)
    contributions = keeper(tmp_path, commit_seconds=0.01)
    await contributions.start()
    contributions.heard(computed(10))
    await _until(lambda: len(tried) > 3)
    assert not list(tmp_path.iterdir()), "nothing half written is left"
    full = False
    await _until(lambda: (tmp_path / "contributions.json").exists())
    await contributions.close()
    assert KeptFile(tmp_path / "contributions.json", version=1, what="It", code="x").load()[0]["total"]["tokens"] == 10


_CHILD = """
import asyncio, sys
from pathlib import Path
from meadow.node.changes import StateStore
from meadow.node.contributions import Contributions

async def main():
    keeper = Contributions(Path(sys.argv[1]), StateStore(), lambda: {"0000aaaa"}, commit_seconds=0.02)
    await keeper.start()
    total = keeper.report()["total"]["tokens"]
    while True:
        keeper.heard({"event": "computed", "server_id": "0000aaaa", "tokens": 1})
        total += 1
        await asyncio.sleep(0.002)
        print(total, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("rounds", [3, pytest.param(30, marks=pytest.mark.full)])
def test_a_kill_loses_the_last_moments_and_nothing_else(tmp_path: Path, rounds: int) -> None:
    file, before = tmp_path / "contributions.json", 0
    for number in range(rounds):
        process = subprocess.Popen([sys.executable, "-c", _CHILD, str(file)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said = before
        while said < before + 60 + 7 * number:
            said = int(process.stdout.readline())
        process.kill()
        said = max([said, *map(int, process.stdout.read().split())])
        process.wait()
        process.stdout.close()
        kept = json.loads(file.read_text())["total"]["tokens"]
        assert before < kept <= said, "it was kept in between, and nothing was made up"
        before = kept
    left = [path.name for path in tmp_path.iterdir() if not path.name.startswith(".contributions.json.")]
    assert left == ["contributions.json"]
