"""What happens to conversations on a disk that is full. Run as a program inside a folder that is a small tmpfs.

    python chats_small_disk.py NAME FOLDER

Every scenario is an assertion after another; the exit status says whether all held. The tmpfs is mounted by the test,
in a namespace of its own, so nothing of it is left whatever happens here.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from functools import partial
from pathlib import Path

from chats_children import NEXT, MadeUpEngine, text_of

from meadow.errors import DiskFull
from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.importing import ImportedChat
from meadow.node.chats.records import Answer
from meadow.node.chats.running import Ended, Grew, Notice
from meadow.node.chats.schema import STEPS
from meadow.node.chats.service import ChatService
from meadow.node.chats.store import ChatStore, NewMessage
from meadow.node.chats.upgrade import backup_path


def fill(folder: Path, leave: int = 0) -> None:
    """Take all room but ``leave`` bytes."""
    with (folder / "fill").open("ab", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leave))


def make_room(folder: Path) -> None:
    (folder / "fill").unlink()


def refused(work: object) -> DiskFull:
    """The error of something that must not find room."""
    try:
        work()  # type: ignore[operator]
    except DiskFull as error:
        assert "no room" in str(error).lower() and "free some space" in str(error).lower(), str(error)
        return error
    raise AssertionError("there was room")


def talk(store: ChatStore, chat: str, text: str) -> None:
    _, answer = store.begin_answer(chat, None, Answer(model="m"), NewMessage(text))
    store.finish(answer.id, text * 50, "complete", Answer(model="m"))


async def first_start(folder: Path) -> None:
    """Nothing is there yet and nothing fits; the node starts all the same, and all is well when there is room."""
    fill(folder)
    service = ChatService(AsyncChatStore(folder / "home" / "chats.db"), MadeUpEngine())
    await service.start()
    assert service.store.problem is not None and service.store.problem.code == "disk_full"
    for _ in range(2):
        try:
            await service.store(ChatStore.add_chat)
            raise AssertionError("there was room")
        except DiskFull:
            pass
    make_room(folder)
    chat = await service.store(ChatStore.add_chat, title="at last")
    assert service.store.problem is None
    assert [found.id for found in await service.store(ChatStore.chats)] == [chat.id]
    await service.close()


async def during_chat(folder: Path) -> None:
    """The answer goes on, listeners are told, and its end is stored as soon as there is room."""
    store, engine = AsyncChatStore(folder / "chats.db"), MadeUpEngine(count=600, seconds=0.002)
    service = ChatService(store, engine, save_seconds=0.05, retry_seconds=0.1)
    await service.start()
    chat = await service.store(ChatStore.add_chat, model="m")
    _, answer = await service.send(chat.id, None, "first")
    assert answer is not None
    async for _ in service.follow(chat.id, answer.id):
        continue
    question, answer = await service.send(chat.id, None, "second")
    assert question is not None and answer is not None
    text, notices, filled = "", [], False
    async for event in service.follow(chat.id, answer.id):
        if isinstance(event, Grew):
            text += event.text
            if not filled and len(text) > 300:
                await asyncio.to_thread(fill, folder)
                filled = True
        elif isinstance(event, Notice):
            notices.append(event.code)
            if event.code == "disk_full":
                await disk_is_full(service, chat.id, answer.id)
                await until(lambda: len(running_text(service, chat.id)) == len("".join(text_of("second", 600))))
                await asyncio.to_thread(make_room, folder)
        elif isinstance(event, Ended):
            assert event.message.state == "complete"
    assert notices[0] == "disk_full" and notices[-1] == "", notices
    assert text == "".join(text_of("second", 600))
    messages = await service.store(ChatStore.path, chat.id)
    assert [message.state for message in messages] == ["complete"] * 4 and messages[-1].content == text
    assert await service.store(ChatStore.check) == []
    await service.close()


async def disk_is_full(service: ChatService, chat_id: str, running: int) -> None:
    """What was there can be read and found; nothing new is taken, and nothing half."""
    before = [message.id for message in await service.store(ChatStore.path, chat_id)]
    assert before[-1] == running
    other = (await service.store(ChatStore.chats))[0]
    assert await service.store(ChatStore.search, "first")
    big = [ImportedChat(title="x" * 200, system_prompt="y" * 300_000)] * 3
    for attempt in (
        lambda: service.store(ChatStore.import_chats, big),
        lambda: service.store(ChatStore.change_chat, other.id, system_prompt="z" * 100_000),
    ):
        try:
            await attempt()
            raise AssertionError("there was room")
        except DiskFull:
            pass
    assert [message.id for message in await service.store(ChatStore.path, chat_id)] == before
    assert len(await service.store(ChatStore.chats)) == 1
    assert await service.store(ChatStore.check) == []


def running_text(service: ChatService, chat_id: str) -> str:
    running = service.running(chat_id)
    assert running is not None
    return running.text


async def until(true: object) -> None:
    async with asyncio.timeout(60):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def upgrade(folder: Path) -> None:
    """Neither the backup nor the upgrade fit: the old version stays, whole, and is upgraded later."""
    file = folder / "chats.db"
    store = ChatStore(file)
    chat = store.add_chat().id
    for number in range(60):
        talk(store, chat, f"question {number} ")
    store.close()
    old = file.read_bytes()
    backup = backup_path(file, len(STEPS))
    for room in (0, len(old) // 2, len(old) + 40_000):
        fill(folder, leave=room)
        refused(lambda: ChatStore(file, steps=NEXT))
        assert not list(folder.glob("*.part"))
        assert backup.exists() == (room > len(old))
        make_room(folder)
        backup.unlink(missing_ok=True)
        with sqlite3.connect(file) as raw:
            assert raw.execute("PRAGMA user_version").fetchone()[0] == len(STEPS)
            assert raw.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        raw.close()
        assert file.read_bytes() == old
    store = ChatStore(file, steps=NEXT)
    assert len(store.path(chat)) == 120 and store.check() == [] and backup.exists()
    store.close()


async def restart(folder: Path) -> None:
    """A node that was killed starts on a full disk: all can be read, what was cut off counts as interrupted."""
    file = folder / "chats.db"
    store = ChatStore(file)
    chat = store.add_chat().id
    talk(store, chat, "heron ")
    _, answer = store.begin_answer(chat, None, Answer(model="m"), NewMessage("pond"))
    store.save_piece(answer.id, 0, "half an answer")
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.close()
    with sqlite3.connect(file) as raw:  # as a killed node leaves it
        assert raw.execute("SELECT state FROM messages WHERE id = ?", (answer.id,)).fetchone()[0] == "streaming"
    raw.close()
    for _ in range(2):
        fill(folder)
        store = ChatStore(file)
        kept = store.message(chat, answer.id)
        assert (kept.content, kept.state) == ("half an answer", "interrupted")
        assert store.search("heron") and len(store.path(chat)) == 4
        refused(partial(store.change_chat, chat, system_prompt="z" * 100_000))
        store.close()
        make_room(folder)
    store = ChatStore(file)
    assert store.message(chat, answer.id).content == "half an answer" and store.search("half")
    talk(store, chat, "goes on")
    assert store.check() == []
    store.close()


if __name__ == "__main__":
    scenarios = {work.__name__: work for work in (first_start, during_chat, upgrade, restart)}
    asyncio.run(scenarios[sys.argv[1]](Path(sys.argv[2])))
