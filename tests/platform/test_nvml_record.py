"""What the recorder writes is what the driver said: a replayed recording, recorded again, reads the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.nvml_record import record
from meadow.platform.recorded import RecordedNvml, Recording

RECORDINGS = Path(__file__).parent / "recordings"


@pytest.mark.parametrize("name", ["rtx_4070_game", "two_gpus", "one_of_two_lost", "windows_wddm", "laptop_old_driver"])
def test_a_recording_of_a_recording_reads_the_same(name: str, tmp_path: Path) -> None:
    frames = json.loads((RECORDINGS / f"{name}.json").read_text())["frames"]
    library = RecordedNvml(frames)
    library.advance()
    again = tmp_path / "again.json"
    made = record(library, len(frames), wait=lambda seconds: library.advance())
    again.write_text(json.dumps(made))
    first, second = Recording(frames), Recording.load(again)
    for _ in frames:
        wanted, got = first.read(), second.read()
        assert got.driver == wanted.driver and got.cuda == wanted.cuda and got.reason == wanted.reason
        assert [replace(one, uuid=None) for one in got.devices] == [replace(one, uuid=None) for one in wanted.devices]


def test_no_folder_and_no_serial_number_is_kept() -> None:
    frames = json.loads((RECORDINGS / "rtx_4070_game.json").read_text())["frames"]
    library = RecordedNvml(frames)
    library.advance()
    text = json.dumps(record(library, 1))
    uuids = [gpu["uuid"] for gpu in frames[0]["gpus"]]
    assert uuids and not any(uuid in text for uuid in uuids)
    assert "/" not in json.dumps(record(library, 1)["frames"][0]["processes"])
