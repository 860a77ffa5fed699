"""Old, newer, foreign and damaged files: upgraded after a backup, or left exactly as they were."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chats_children import NEXT, Children

from meadow.node.chats.errors import DamagedStore, NewerStore, StoreUnusable
from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.records import Answer
from meadow.node.chats.schema import STEPS
from meadow.node.chats.store import ChatStore, NewMessage
from meadow.node.chats.upgrade import backup_path, open_database, set_aside

# The files that released versions made, as SQL. A file that was released stays here for ever.
RELEASED = sorted(Path(__file__).parent.glob("test_chats_version*.sql"))


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    children = Children()
    yield children
    children.close()


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def filled(file: Path, count: int = 40) -> str:
    """A file of the present version with one chat; its id."""
    store = ChatStore(file)
    chat = store.add_chat(title="old").id
    for number in range(count):
        _, answer = store.begin_answer(chat, None, Answer(model="m"), NewMessage(f"question {number}"))
        store.finish(answer.id, f"answer {number} " * 40, "complete", Answer(model="m"))
    store.close()
    return chat


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
def test_files_of_every_released_version_open_with_all_that_is_in_them(released: Path, tmp_path: Path) -> None:
    file = tmp_path / "chats.db"
    raw = sqlite3.connect(file)
    raw.executescript(released.read_text())
    raw.close()
    store = ChatStore(file)
    (chat,) = store.chats()
    assert chat.title == "Where do herons sleep?" and chat.settings.temperature == 0.5
    assert [message.content for message in store.path(chat.id)] == ["Where do herons sleep?", "In trees."]
    assert store.path(chat.id)[1].siblings == (2, 3)
    assert [found.message_id for found in store.search("standing")] == [2]
    assert store.message(chat.id, 3).answer.route[0].end == 8  # type: ignore[union-attr, index]
    assert store.check() == []
    store.close()


def test_there_is_a_fixture_of_every_version() -> None:
    assert [path.stem for path in RELEASED] == [f"test_chats_version{number + 1}" for number in range(len(STEPS))]


def test_an_upgrade_keeps_everything_and_leaves_a_backup_that_opens(tmp_path: Path) -> None:
    file = tmp_path / "chats.db"
    chat = filled(file)
    store = ChatStore(file, steps=NEXT)
    assert len(store.path(chat)) == 80 and store.check() == []
    assert store._db.execute("SELECT pinned FROM chats").fetchone()[0] == 0
    store.close()
    backup = backup_path(file, len(STEPS))
    assert backup.stat().st_mode & 0o077 == 0
    old = ChatStore(backup)
    assert len(old.path(chat)) == 80 and old.check() == []
    old.close()
    ChatStore(file, steps=NEXT).close()  # and a second start does nothing


def test_what_is_only_in_the_log_is_upgraded_and_backed_up_too(tmp_path: Path) -> None:
    """A killed node leaves a log beside the file; most of what it wrote may be in there."""
    file = tmp_path / "chats.db"
    child = (
        f"import os, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"from test_chats_upgrade import *\nstore = ChatStore(Path({str(file)!r}))\n"
        "chat = store.add_chat(title='in the log').id\n"
        "store.begin_answer(chat, None, Answer(model='m'), NewMessage('hello'))\nos.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", child], check=False)
    assert file.with_name("chats.db-wal").stat().st_size > 0
    for path in (file, backup_path(file, len(STEPS))):
        store = ChatStore(path, steps=NEXT if path == file else STEPS)
        (chat,) = store.chats()
        assert [message.state for message in store.path(chat.id)] == ["complete", "interrupted"]
        store.close()


def test_a_failed_upgrade_leaves_the_old_version(tmp_path: Path) -> None:
    file = tmp_path / "chats.db"
    chat = filled(file)

    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM messages")
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        ChatStore(file, steps=(*NEXT, fails))
    with pytest.raises(DamagedStore):  # a step that breaks references is not committed either
        ChatStore(file, steps=(*STEPS, "DELETE FROM messages WHERE id = 1;"))
    store = ChatStore(file)
    assert len(store.path(chat)) == 80 and store.check() == []
    store.close()


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.full)])
def test_a_kill_at_any_moment_of_an_upgrade_is_harmless(tmp_path: Path, children: Children, every: int) -> None:
    """Killed from within at the moments that the upgrade has, and then upgraded."""
    folder = tmp_path / "old"
    folder.mkdir()
    chat = filled(folder / "chats.db")
    moments = 0
    for moment in range(1, 1000, every):
        work = tmp_path / f"work{moment}"
        shutil.copytree(folder, work)
        children.start("upgrade_and_die", file=str(work / "chats.db"), moment=moment)
        ended = children.status()
        assert ended in (0, -signal.SIGKILL), children.lines
        moments += ended != 0
        # The old version still opens it, unless the upgrade was complete; the new one always does.
        with sqlite3.connect(work / "chats.db") as raw:
            version = raw.execute("PRAGMA user_version").fetchone()[0]
            assert raw.execute("SELECT count(*) FROM messages").fetchone()[0] == 80
        raw.close()
        assert version in (len(STEPS), len(NEXT))
        steps = STEPS if version == len(STEPS) else NEXT
        for each in (steps, NEXT):
            store = ChatStore(work / "chats.db", steps=each)
            assert len(store.path(chat)) == 80 and store.check() == []
            store.close()
        assert not list(work.glob("*.part"))
        shutil.rmtree(work)
        if ended == 0:
            break
    assert moments * every >= 20


@pytest.mark.parametrize("in_log", [False, True], ids=["in the file", "in the log"])
def test_a_newer_file_is_refused_and_left_byte_for_byte(tmp_path: Path, in_log: bool) -> None:
    file = tmp_path / "chats.db"
    filled(file)
    child = f"""
import os, sqlite3
connection = sqlite3.connect({str(file)!r}, isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("BEGIN")
connection.execute("CREATE TABLE future (a)")
connection.execute("PRAGMA user_version = {len(STEPS) + 1}")
connection.execute("COMMIT")
{"os.kill(os.getpid(), 9)" if in_log else "connection.close()"}
"""
    subprocess.run([sys.executable, "-c", child], check=False)
    assert file.with_name("chats.db-wal").exists() == in_log
    before = fingerprints(tmp_path)
    with pytest.raises(NewerStore, match="written by a newer version of Meadow.*Update|update Meadow"):
        ChatStore(file)
    assert fingerprints(tmp_path) == before


def _text(file: Path) -> None:
    file.write_text("hello" * 1000)


def _short(file: Path) -> None:
    file.write_bytes(b"SQLite format 3\0")


def _foreign(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    connection.close()


def _first_page(file: Path) -> None:
    filled(file)
    with file.open("r+b") as opened:
        opened.seek(100)
        opened.write(os.urandom(3000))


@pytest.mark.parametrize("damage", [_text, _short, _foreign, _first_page])
async def test_a_damaged_file_is_never_written_and_can_be_set_aside(tmp_path: Path, damage: object) -> None:
    file = tmp_path / "chats.db"
    damage(file)  # type: ignore[operator]
    before = file.read_bytes()
    with pytest.raises(DamagedStore, match="left as it is"):
        ChatStore(file)
    assert file.read_bytes() == before
    store = AsyncChatStore(file)
    with pytest.raises(DamagedStore):
        await store(ChatStore.chats)
    assert store.problem is not None and store.problem.code == "chats_damaged"
    aside = await store.set_aside()
    assert aside.read_bytes() == before and aside != file
    assert await store(ChatStore.chats) == [] and store.problem is None
    await store.close()


def test_damage_inside_is_reported_where_it_is_met_and_the_rest_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "chats.db"
    chat = filled(file, 200)
    with file.open("r+b") as opened:
        size = file.stat().st_size
        for page in range(30, size // 4096, 2):
            opened.seek(page * 4096)
            opened.write(b"\xff" * 4096)
    store = ChatStore(file)
    assert store.chat(chat).title == "old"
    with pytest.raises(DamagedStore):
        store.path(chat, 200)
    store.close()
    renamed = set_aside(file)
    assert renamed.exists() and not file.exists()


def test_two_files_set_aside_in_one_second_are_both_kept(tmp_path: Path) -> None:
    names = set()
    for number in range(3):
        (tmp_path / "chats.db").write_text(f"damaged {number}")
        names.add(set_aside(tmp_path / "chats.db"))
    assert {name.read_text() for name in names} == {"damaged 0", "damaged 1", "damaged 2"}


def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    """What a full disk at the very first start leaves behind."""
    (tmp_path / "chats.db").touch()
    connection = open_database(tmp_path / "chats.db")
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(STEPS)
    connection.close()


def test_a_place_where_no_file_can_be_is_explained(tmp_path: Path) -> None:
    (tmp_path / "chats.db").mkdir()
    with pytest.raises(StoreUnusable, match="cannot be used: Is a directory"):
        ChatStore(tmp_path / "chats.db")
