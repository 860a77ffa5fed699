"""Processes for tests of conversations that are meant to die. Run as a program, it forks one for each line it reads.

A fork of a process that has imported everything takes milliseconds, and it is a process like any other: it opens its
own files, and a kill ends it wherever it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from meadow.chat.request import Delta, Done, Finished, GenerationEvent, GenerationRequest, Hop, Started
from meadow.node.chats import upgrade
from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.running import Ended
from meadow.node.chats.schema import STEPS
from meadow.node.chats.service import ChatService
from meadow.node.chats.store import ChatStore

# What a next version may do: a new column, and a table that is made of others, which takes a while and much room.
NEXT = (
    *STEPS,
    "ALTER TABLE chats ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;\n"
    "CREATE TABLE copies AS SELECT m.content || n.content AS text FROM messages m JOIN messages n;",
)
_WORDS = "heron reed pond willow frog ripple dusk meadow été 天气 🙂 moss lantern".split()


def text_of(seed: str, count: int) -> list[str]:
    """The tokens that the made-up engine answers with: the same for the same question."""
    source = random.Random(seed)
    return [f"{source.choice(_WORDS)} " for _ in range(count)]


class MadeUpEngine:
    """Answers a question with ``text_of`` it, a token every ``seconds``. Only what is stored is tested with it."""

    def __init__(self, count: int = 400, seconds: float = 0.002) -> None:
        self.count, self.seconds = count, seconds
        self.requests: list[GenerationRequest] = []
        self.forgotten: list[str] = []

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        self.requests.append(request)
        assert request.messages is not None
        yield Started(prompt_tokens=len(request.messages))
        question = str(request.messages[-1]["content"])
        for token in text_of(question, self.count):
            await asyncio.sleep(self.seconds * (20 if "chat 2" in question else 1))  # one that goes on for long
            yield Delta(0, token)
        yield Finished(0, "stop", self.count)
        yield Done(
            len(request.messages), self.count, 0, 6.5, 0.25, (Hop("12D3KooWExample", "0a1b2c3d", 0, 8, 0.02),), 99
        )

    async def end(self, conversation: str) -> bool:
        return False

    async def forget(self, conversation: str) -> None:
        self.forgotten.append(conversation)


class Children:
    """The test's side: starts a child, reads what it says, kills it."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.pid = 0
        self.lines: list[dict[str, Any]] = []
        self._said = threading.Condition()
        self._ended = -1
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, name: str, **arguments: Any) -> None:
        """Begin ``name(**arguments)`` in a new process."""
        assert self._server.stdin is not None
        self.pid, self.lines, self._ended = 0, [], -1
        self._server.stdin.write(json.dumps({"name": name, **arguments}) + "\n")
        self._server.stdin.flush()
        self.wait_for(lambda: self.pid != 0)

    def kill(self) -> None:
        """SIGKILL, wherever it is."""
        os.kill(self.pid, signal.SIGKILL)

    def status(self) -> int:
        """How it ended: 0, or minus the signal. All it said is in ``lines`` then."""
        self.wait_for(lambda: self._ended >= 0)
        return os.waitstatus_to_exitcode(self._ended)

    def wait_for(self, true: Callable[[], bool], seconds: float = 60.0) -> None:
        with self._said:
            assert self._said.wait_for(lambda: true() or self._server.poll() is not None, seconds), "nothing came"
        assert true(), self._server.stderr.read() if self._server.stderr else ""

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(30)

    def _read(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            try:
                said = json.loads(line)
            except json.JSONDecodeError:  # a killed process may leave half a line before the next one
                continue
            with self._said:
                if said.get("event") == "child":
                    self.pid = said["pid"]
                elif said.get("event") == "end":
                    self._ended = said["status"]
                else:
                    self.lines.append(said)
                self._said.notify_all()
        with self._said:
            self._said.notify_all()


# What the children do


def say(**fields: Any) -> None:
    """One line in one write, so that a kill cannot mix two."""
    os.write(1, (json.dumps(fields) + "\n").encode())


def upgrade_and_die(file: str, moment: int) -> None:
    """Upgrade to NEXT, and be killed at the ``moment``-th of the moments at which SQLite looks up from its work."""
    seen = 0

    def tick() -> None:
        nonlocal seen
        seen += 1
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    connect, back_up = sqlite3.connect, upgrade._back_up

    def watched(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **named)
        connection.set_progress_handler(tick, 800)  # instructions of its virtual machine, also inside of statements
        return connection

    def watched_back_up(*arguments: Any) -> None:
        tick()
        back_up(*arguments)
        tick()

    sqlite3.connect, upgrade._back_up = watched, watched_back_up  # type: ignore[assignment]
    ChatStore(Path(file), steps=NEXT).close()


def stream(file: str, round: int, chats: int) -> None:
    """Ask and answer in several chats at once, for ever; say what was acknowledged, and what was shown when."""
    asyncio.run(_stream(file, round, chats))


async def _stream(file: str, round: int, chats: int) -> None:
    service = ChatService(AsyncChatStore(Path(file)), MadeUpEngine())
    await service.store.open()
    say(opened=True)
    await asyncio.gather(*(_talk(service, f"round {round} chat {number}") for number in range(chats)))


async def _talk(service: ChatService, name: str) -> None:
    chat = await service.store(ChatStore.add_chat, title=name, model="m")
    say(chat=chat.id)
    for turn in range(10_000):
        content = f"{name} turn {turn}"
        question, answer = await service.send(chat.id, None, content)
        assert question is not None and answer is not None
        say(chat=chat.id, question=question.id, content=content, answer=answer.id)
        async for event in service.follow(chat.id, answer.id):
            if isinstance(event, Ended):
                say(ended=answer.id, state=event.message.state)
            running = service.running(chat.id)
            if running is not None and running.message.id == answer.id:
                say(shown=answer.id, length=len(running.text), at=time.monotonic())


def serve() -> None:
    """One child for each line; the child's end is told when it is over."""
    for line in sys.stdin:
        task = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                globals()[task.pop("name")](**task)
            except BaseException as error:
                say(error=repr(error))
                os._exit(1)
            os._exit(0)
        say(event="child", pid=pid)
        say(event="end", status=os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    serve()
