"""The settings file: a person may edit it, a full disk or a killed process may not damage it, nothing else overwrites
what cannot be read."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meadow.client.peers import initial_peers
from meadow.errors import DiskFull, MeadowError
from meadow.node.settings import NewerSettings, Settings, SettingsError, SettingsFile, file
from meadow.node.settings.upgrades import VERSION

PEER = "/ip4/203.0.113.7/tcp/4001/p2p/12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "settings.json"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_no_file_means_defaults_and_none_is_made(path: Path) -> None:
    assert Settings.load(path) == Settings()
    assert not path.parent.exists()


def test_only_what_was_chosen_is_written_and_the_client_reads_it_too(path: Path) -> None:
    Settings({"initial_peers": [PEER], "chat.default_model": "Grüße"}).save(path)
    assert path.read_text(encoding="utf-8") == (
        f'{{\n  "version": {VERSION},\n  "initial_peers": [\n    "{PEER}"\n  ],\n  "chat.default_model": "Grüße"\n}}\n'
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert initial_peers(None, path) == [PEER]
    assert Settings.load(path)["initial_peers"] == (PEER,)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{\n  "node.port": 70000\n}', 2, "node.port is 70000, but it must be a whole number between 0 and 65535."),
        ('{"version": 1,\n\n "share.dtype"  : "int8"}', 3, "float32, bfloat16, float16"),
        ('{\n "initial_peers": null}', 2, "a list of texts"),
        ('{\n "node.port": 1,\n}', 2, "There is a comma after the last entry; take it away"),
        ('{\n "node.port": 1\n "metrics.enabled": true}', 3, "A comma is missing"),
        ('{\n // the port\n "node.port": 1}', 2, "JSON knows no comments"),
        ("{\n 'node.port': 1}", 2, "It is not correct JSON"),
        ('{"node.port": 1,\n "node.port": 2}', 2, '"node.port" is there twice'),
        ('{"node.port": NaN}', None, "NaN is not a number"),
        ('{\n"version": "new"}', 2, '"version" must be a whole number'),
        ('{\n"version": -1}', 2, '"version" must be a whole number'),
        ("", 1, "It is empty"),
        ("[]", None, "It must be a JSON object"),
        ("[" * 100_000, None, "nested too deeply"),
        (" " * (1 << 20) + "{}", None, "more than 1048576 bytes"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_left_alone(path: Path, text: str, line: int | None, said: str) -> None:
    write(path, text)
    with pytest.raises(SettingsError) as caught:
        Settings.load(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "move the file away" in str(caught.value)
    assert caught.value.problems[0].line == line
    with pytest.raises(SettingsError):
        Settings({"node.port": 1}).save(path)
    with pytest.raises(SettingsError):
        file.change(path, {"node.port": 1})
    assert path.read_text() == text


def test_bytes_that_are_no_text(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"chat.default_model": "\xff\xfe"}')
    with pytest.raises(SettingsError, match="not text in UTF-8"):
        Settings.load(path)


def test_the_mark_that_some_editors_put_first(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"initial_peers": [PEER]}).encode())
    assert Settings.load(path)["initial_peers"] == (PEER,)
    assert initial_peers(None, path) == [PEER]


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load(path)


def test_a_mistyped_key_has_no_effect_but_is_noticed_and_kept(path: Path) -> None:
    write(path, '{\n "version": 1,\n "node.prot": 8080\n}')
    settings = SettingsFile(path)
    (remark,) = settings.remarks
    assert str(remark) == ('Line 3: There is no setting "node.prot". Did you mean "node.port"? It has no effect.')
    settings.change({"metrics.enabled": True})
    assert json.loads(path.read_text()) == {"version": VERSION, "metrics.enabled": True, "node.prot": 8080}


def test_what_a_newer_meadow_knows_survives(path: Path) -> None:
    """Keys are added without a new version of the file: going back and forth between two Meadows loses nothing."""
    write(path, json.dumps({"version": VERSION, "share.moon": {"phase": [1, {"deep": "\ud800"}]}, "node.port": 7}))
    file.change(path, {"node.port": 8})
    assert json.loads(path.read_text()) == {
        "version": VERSION,
        "node.port": 8,
        "share.moon": {"phase": [1, {"deep": "\ud800"}]},
    }


def test_the_file_of_a_newer_meadow_is_refused_and_left_alone(path: Path) -> None:
    text = json.dumps({"version": VERSION + 1, "node.port": 7})
    write(path, text)
    for attempt in (lambda: Settings.load(path), lambda: Settings().save(path), lambda: SettingsFile(path)):
        with pytest.raises(NewerSettings, match=f"its version is {VERSION + 1}"):
            attempt()
    assert path.read_text() == text
    assert [item.name for item in path.parent.iterdir() if not item.name.startswith(".")] == [path.name]


def test_an_old_file_is_read_and_copied_before_it_is_replaced(path: Path) -> None:
    old = json.dumps({"initial_peers": [PEER]})
    write(path, old)
    settings = SettingsFile(path)
    assert settings.current()["initial_peers"] == (PEER,)
    assert path.read_text() == old, "reading changes nothing"
    settings.change({"node.port": 9})
    assert json.loads(path.read_text()) == {"version": VERSION, "initial_peers": [PEER], "node.port": 9}
    copy = path.with_name("settings.json.version-0.bak")
    assert copy.read_text() == old
    other = json.dumps({"initial_peers": []})
    write(path, other)
    settings.change({"node.port": 10})
    assert (copy.read_text(), path.with_name("settings.json.version-0.bak-2").read_text()) == (old, other)


def test_an_edit_by_hand_is_noticed_and_not_overwritten(path: Path) -> None:
    settings = SettingsFile(path)
    settings.change({"node.port": 1})
    write(path, '{"version": 1, "node.port": 2, "share.model": "m"}')
    assert settings.current()["node.port"] == 2
    write(path, '{"version": 1, "node.port": 3, "share.model": "n"}')
    changed = settings.change({"metrics.enabled": True})
    assert (changed["node.port"], changed["share.model"], changed["metrics.enabled"]) == (3, "n", True)
    path.unlink()
    assert settings.current() == Settings()


def test_a_wrong_edit_while_running_is_told_and_the_old_values_go_on(path: Path) -> None:
    settings = SettingsFile(path)
    settings.change({"node.port": 1})
    write(path, '{"version": 1, "node.port": 2,}')
    assert settings.current()["node.port"] == 1
    assert settings.problem is not None and "comma" in str(settings.problem)
    assert settings.current()["node.port"] == 1 and settings.problem is not None, "and it stays told"
    write(path, '{"version": 1, "node.port": 2}')
    assert settings.current()["node.port"] == 2
    assert settings.problem is None


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "dotfiles.json")
    Settings({"node.port": 5}).save(path)
    assert path.is_symlink()
    assert json.loads((tmp_path / "dotfiles.json").read_text())["node.port"] == 5


def test_writers_at_the_same_time_lose_nothing(path: Path) -> None:
    """Threads and processes change different keys, each many times; every last word counts."""
    keys = ["node.port", "share.kv_tokens", "chat.max_tokens", "chat.top_k"]
    settings = SettingsFile(path)

    def work(key: str) -> None:
        for value in range(1, 31):
            settings.change({key: value})

    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_change_often, args=(path, key)) for key in keys[:2]]
    threads = [threading.Thread(target=work, args=(key,)) for key in keys[2:]]
    for worker in (*others, *threads):
        worker.start()
    for worker in (*others, *threads):
        worker.join(60)
    assert [Settings.load(path)[key] for key in keys] == [30, 30, 30, 30]
    assert settings.current() == Settings.load(path)
    assert sorted(item.name for item in path.parent.iterdir()) == [".settings.json-lock", "settings.json"]


def _change_often(path: Path, key: str) -> None:
    for value in range(1, 31):
        file.change(path, {key: value})


_WRITER = """
import sys
from pathlib import Path
from meadow.node.settings import file
value = 0
while True:
    value += 1
    file.change(Path(sys.argv[1]), {"node.port": value % 60000, "chat.default_model": "x" * (1 + value % 4000)})
    print(value, flush=True)
"""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [8, pytest.param(200, marks=pytest.mark.full)])
def test_a_killed_writer_leaves_a_whole_file(path: Path, kills: int) -> None:
    for number in range(kills):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        committed = 0
        for _ in range(1 + number % 7):
            committed = int(writer.stdout.readline())
        time.sleep(number % 5 / 1000)
        writer.send_signal(signal.SIGKILL)
        last = max([committed, *map(int, writer.stdout.read().split())])
        writer.wait(10)
        writer.stdout.close()
        assert Settings.load(path)["node.port"] in (last, last + 1), "what was reported as written is there"
    file.change(path, {"node.port": 1})
    assert sorted(item.name for item in path.parent.iterdir()) == [".settings.json-lock", "settings.json"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 kB, where this user may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("this user may not mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_file_and_it_goes_on_when_there_is_room(small_disk: Path) -> None:
    path = small_disk / "settings.json"
    settings = SettingsFile(path)
    settings.change({"node.port": 7})
    before = path.read_bytes()
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as out, pytest.raises(OSError):
        while True:
            out.write(b"x" * 4096)
    with pytest.raises(DiskFull, match="What was there is unchanged"):
        settings.change({"node.port": 8})
    assert path.read_bytes() == before
    assert settings.current()["node.port"] == 7
    assert sorted(item.name for item in small_disk.iterdir()) == [".settings.json-lock", "filler", "settings.json"]
    filler.unlink()
    assert settings.change({"node.port": 8})["node.port"] == 8


def test_an_old_file_on_a_full_disk_is_not_upgraded_without_its_copy(small_disk: Path) -> None:
    path = small_disk / "settings.json"
    path.write_text(json.dumps({"initial_peers": [PEER]}))
    before = path.read_bytes()
    with (small_disk / "filler").open("wb", buffering=0) as out, pytest.raises(OSError):
        while True:
            out.write(b"x" * 4096)
    assert Settings.load(path)["initial_peers"] == (PEER,)
    with pytest.raises(DiskFull):
        file.change(path, {"initial_peers": []})
    assert path.read_bytes() == before


def test_a_folder_that_may_not_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Settings({"node.port": 7}).save(path)

    def refuse(source: object, target: object) -> None:
        raise PermissionError(13, os.strerror(13))  # chmod would not keep root from writing

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(MeadowError, match="Check the permissions"):
        file.change(path, {"node.port": 8})
    assert Settings.load(path)["node.port"] == 7
