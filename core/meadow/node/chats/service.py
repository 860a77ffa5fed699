"""Answers of the chat engine on their way into the store and to listeners.

An answer belongs to the node, not to the connection that asked for it: closing the window does not end it. One answer
at a time per chat, many chats at once. Its text is stored every half second; whatever ends it, the text so far is kept
and the message says why.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, Protocol

from meadow.chat.request import Done, GenerationEvent, GenerationRequest
from meadow.errors import DiskFull, MeadowError
from meadow.node.chats import tree
from meadow.node.chats.errors import BadRequest, Busy, ChatsError, DamagedStore, StoreUnusable, UnknownMessage
from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.records import Answer, Chat, Message, Settings, State
from meadow.node.chats.running import AnswerEvent, Ended, Grew, RunningAnswer
from meadow.node.chats.store import ChatStore, NewMessage

_log = logging.getLogger(__name__)

SAVE_SECONDS = 0.5
"""Between two writes of a running answer; with the write itself, a killed node loses less than a second of text."""
RETRY_SECONDS = 5.0
"""Between two attempts to store the end of an answer while the disk is full."""
STOP_SECONDS = 10.0
"""How long the engine may take to stop before the message ends without it."""
TELL_SECONDS = 1.5
"""How long a stopped answer may take to say how fast it was."""
KEEP_DELETED_SECONDS = 30 * 86400.0
"""What was deleted can be brought back for so long."""
_DAY = 86400.0


class Engine(Protocol):
    """The chat engine as seen from here (``meadow.node.engine.EngineHandle``)."""

    def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        """Closing the iterator cancels. Raises MeadowError."""

    async def end(self, conversation: str) -> bool:
        """End its request at the next token: its last events follow. False: there is none."""

    async def forget(self, conversation: str) -> None:
        """Close the session that is kept for a chat."""


class ChatService:
    """Belongs to one event loop. Methods raise what ``ChatStore`` raises, and Busy or BadRequest."""

    def __init__(
        self,
        store: AsyncChatStore,
        engine: Engine,
        *,
        default_model: Callable[[], str | None] = lambda: None,
        default_settings: Callable[[], Settings] = Settings,
        clock: Callable[[], float] = time.time,
        save_seconds: float = SAVE_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        stop_seconds: float = STOP_SECONDS,
        tell_seconds: float = TELL_SECONDS,
    ) -> None:
        """``default_model`` is asked when a chat has no model, ``default_settings`` for what it leaves open."""
        self.store = store
        self._engine = engine
        self._default_model = default_model
        self._default_settings = default_settings
        self._clock = clock
        self._save_seconds = save_seconds
        self._retry_seconds = retry_seconds
        self._stop_seconds, self._tell_seconds = stop_seconds, tell_seconds
        self._taken: set[str] = set()  # chats that are being answered, from before the store knows
        self._answers: dict[str, _Job] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Open the conversations. Never raises: the node also runs without them; ``store.problem`` says why."""
        try:
            await self.store.open()
        except MeadowError as error:
            _log.warning("Conversations cannot be opened: %s", error.code)
        self._keep(asyncio.create_task(self._purge_daily()))

    async def close(self) -> None:
        """End all answers as "interrupted", keep their text, and close the file."""
        self._closing = True
        self._closed.set()
        for job in list(self._answers.values()):
            job.end_as("interrupted")
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        await self.store.close()

    # Asking

    async def send(
        self,
        chat_id: str,
        parent_id: int | None,
        content: str,
        settings: Settings | None = None,
        *,
        role: str = "user",
        tool_call_id: str | None = None,
        answer: bool = True,
    ) -> tuple[Message | None, Message | None]:
        """A new message below ``parent_id`` (None: the end of the chosen path), and its answer, which then runs.

        ``role`` "tool" is the result of a tool; with ``answer`` False nothing is asked yet, for when more results come.
        """
        if not content.strip() and role == "user":
            raise BadRequest("The message is empty. Write something.")
        new = NewMessage(content, "tool" if role == "tool" else "user", tool_call_id)
        if not answer:
            self._refuse_taken(chat_id)
            return await self.store(ChatStore.add_message, chat_id, parent_id, new), None
        return await self._begin(chat_id, parent_id, new, settings)

    async def edit(
        self, chat_id: str, message_id: int, content: str, settings: Settings | None = None
    ) -> tuple[Message | None, Message | None]:
        """Another version of a message, beside the old one. A new question is answered anew; a new answer stands."""
        if not content.strip():
            raise BadRequest("The message is empty. Write something, or delete it.")
        self._refuse_taken(chat_id)
        old = await self.store(ChatStore.message, chat_id, message_id)
        new = NewMessage(content, old.role, old.tool_call_id)
        first = old.parent_id is None
        if old.role == "user":
            return await self._begin(chat_id, old.parent_id, new, settings, first=first)
        return await self.store(ChatStore.add_message, chat_id, old.parent_id, new, first=first), None

    async def regenerate(self, chat_id: str, message_id: int, settings: Settings | None = None) -> Message:
        """Another answer beside this one, or an answer to this question."""
        self._refuse_taken(chat_id)
        old = await self.store(ChatStore.message, chat_id, message_id)
        parent_id = old.parent_id if old.role == "assistant" else old.id
        if parent_id is None:
            raise BadRequest("There is no question before this answer.")
        _, message = await self._begin(chat_id, parent_id, None, settings)
        assert message is not None
        return message

    async def stop(self, chat_id: str, message_id: int | None = None) -> Message | None:
        """End the running answer, or only that one; its text so far is kept. Returns it when it has ended, None when
        nothing ran."""
        job = self._answers.get(chat_id)
        if job is None or (message_id is not None and job.running.message.id != message_id):
            return None
        if job.outcome is None and job.running.text and await self._engine.end(chat_id):
            # Its last events tell how fast it was, and over whom; a slow one is not waited for.
            job.outcome = "stopped"
            if job.generation is not None:
                await asyncio.wait({job.generation}, timeout=self._tell_seconds)
        job.end_as("stopped")
        await job.over.wait()
        return job.running.message

    # Listening

    def running(self, chat_id: str) -> RunningAnswer | None:
        """The answer that is being written in this chat."""
        job = self._answers.get(chat_id)
        return job.running if job else None

    async def follow(self, chat_id: str, message_id: int, offset: int = 0) -> AsyncGenerator[AnswerEvent, None]:
        """An answer from character ``offset`` on: as it comes while it runs, at once when it is over."""
        running = self.running(chat_id)
        if running is None or running.message.id != message_id:
            message = await self.store(ChatStore.message, chat_id, message_id)
            running = self.running(chat_id)  # it may have begun meanwhile
            if running is None or running.message.id != message_id:
                start = offset if 0 <= offset <= len(message.content) else 0
                if start < len(message.content):
                    yield Grew(start, message.content[start:])
                yield Ended(message)
                return
        async with aclosing(running.follow(offset)) as events:
            async for event in events:
                yield event

    # Deleting

    async def delete_chat(self, chat_id: str) -> Chat:
        """Stop its answer, hide the chat, and let the servers forget its session."""
        await self.stop(chat_id)
        chat = await self.store(ChatStore.delete_chat, chat_id)
        with suppress(MeadowError):  # the session ends by itself when nothing comes
            await self._engine.forget(chat_id)
        return chat

    async def delete_message(self, chat_id: str, message_id: int) -> None:
        """Stop a running answer of this chat, and hide the message and what follows it."""
        await self.stop(chat_id)
        await self.store(ChatStore.delete_message, chat_id, message_id)

    async def set_aside(self) -> Path:
        """Rename a damaged file and begin with an empty one; its new name."""
        if not isinstance(self.store.problem, DamagedStore):
            raise BadRequest("The conversations are not damaged. Nothing was changed.")
        return await self.store.set_aside()

    # Inside

    def _refuse_taken(self, chat_id: str) -> None:
        if self._closing:
            raise StoreUnusable("Meadow is stopping. Ask again when it runs.")
        if chat_id in self._taken:
            raise Busy("This chat is being answered. Stop that answer, or wait for its end.")

    async def _begin(
        self,
        chat_id: str,
        parent_id: int | None,
        new: NewMessage | None,
        settings: Settings | None,
        *,
        first: bool = False,
    ) -> tuple[Message | None, Message | None]:
        self._refuse_taken(chat_id)
        self._taken.add(chat_id)
        # Shielded: when the one who asks goes away in between, the message is stored and answered, or neither.
        return await asyncio.shield(
            self._keep(asyncio.create_task(self._started(chat_id, parent_id, new, settings, first)))
        )

    async def _started(
        self, chat_id: str, parent_id: int | None, new: NewMessage | None, settings: Settings | None, first: bool
    ) -> tuple[Message | None, Message]:
        try:
            chat = await self.store(ChatStore.chat, chat_id)
            model = chat.model or self._default_model()
            if model is None:
                raise BadRequest("This chat has no model yet. Choose one first.")
            used = (settings or Settings()).over(chat.settings).over(self._default_settings())
            question, message = await self.store(
                ChatStore.begin_answer, chat_id, parent_id, Answer(model=model, settings=used), new, first=first
            )
            if chat.model is None:  # from its first answer on a chat stays with its model, whatever is up later
                await self.store(ChatStore.change_chat, chat_id, model=model)
        except BaseException:
            self._taken.discard(chat_id)
            raise
        job = _Job(RunningAnswer(message, used))
        self._answers[chat_id] = job
        job.generation = asyncio.create_task(self._generate(chat, job.running, model, used))
        if self._closing:
            job.end_as("interrupted")
        self._keep(asyncio.create_task(self._watch(job)))
        return question, message

    async def _generate(self, chat: Chat, running: RunningAnswer, model: str, used: Settings) -> None:
        parent_id = running.message.parent_id
        path = await self.store(ChatStore.ancestry, chat.id, parent_id) if parent_id is not None else []
        request = _request(model, tree.history(path, chat.system_prompt), used, chat.id)
        async with aclosing(self._engine.generate(request)) as events:  # type: ignore[type-var]
            async for event in events:
                running.take(event)
                if isinstance(event, Done):
                    return

    async def _watch(self, job: _Job) -> None:
        """Store what comes, at last the end of it; whatever happens, the chat is free afterwards."""
        running, generation = job.running, job.generation
        assert generation is not None
        loop = asyncio.get_running_loop()
        try:
            while not generation.done():
                await asyncio.wait({generation}, timeout=self._save_seconds)
                await self._save(running)
                if job.outcome is not None:
                    job.deadline = job.deadline or loop.time() + self._stop_seconds
                    if loop.time() > job.deadline:
                        break
            state, error = _how_it_ended(job)
            message = running.closing(state, running.facts(error), self._clock())
            await self._finish(running, message)
            running.end(message)
        finally:
            del self._answers[running.message.chat_id]
            self._taken.discard(running.message.chat_id)
            job.over.set()

    async def _save(self, running: RunningAnswer) -> None:
        text = running.text[running.saved :]
        if not text:
            return
        try:
            await self.store(ChatStore.save_piece, running.message.id, running.saved, text)
        except MeadowError as error:  # the text is in memory, and the next round tries again
            running.notice(error)
        else:
            running.saved += len(text)
            running.notice(None)

    async def _finish(self, running: RunningAnswer, message: Message) -> None:
        """Store the end, for as long as it takes until there is room. When the node stops first, the pieces that are
        stored make an interrupted message at the next start."""
        answer = message.answer
        assert answer is not None
        while True:
            try:
                await self.store(ChatStore.finish, message.id, message.content, message.state, answer)
                running.notice(None)
                return
            except UnknownMessage:
                return  # purged meanwhile
            except MeadowError as error:
                running.notice(error)
                if self._closing or not isinstance(error, DiskFull | StoreUnusable) or isinstance(error, DamagedStore):
                    _log.warning("The end of an answer could not be stored: %s", error.code)
                    return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), self._retry_seconds)

    async def _purge_daily(self) -> None:
        while not self._closing:
            with suppress(MeadowError):  # tomorrow again
                await self.store(ChatStore.purge, self._clock() - KEEP_DELETED_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), _DAY)

    def _keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        """Hold a reference until it ends, and take note of its exception when nobody else does."""
        self._tasks.add(task)

        def over(task: asyncio.Task[Any]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) and not isinstance(error, MeadowError):
                _log.error("A conversation failed: %s", type(error).__name__)

        task.add_done_callback(over)
        return task


class _Job:
    """A running answer with the task that generates it."""

    def __init__(self, running: RunningAnswer) -> None:
        self.running = running
        self.generation: asyncio.Task[None] | None = None
        self.outcome: State | None = None
        self.deadline: float | None = None
        self.over = asyncio.Event()

    def end_as(self, outcome: State) -> None:
        """Cancel the generation; the message becomes ``outcome`` unless it was complete already."""
        self.outcome = self.outcome or outcome
        if self.generation is not None:
            self.generation.cancel()


def _how_it_ended(job: _Job) -> tuple[State, MeadowError | None]:
    generation, running = job.generation, job.running
    assert generation is not None
    if not generation.done() or generation.cancelled():
        return job.outcome or "interrupted", None
    error = generation.exception()
    if error is not None and job.outcome is not None:
        return job.outcome, None  # nobody waits for it any more
    if isinstance(error, MeadowError):
        return "failed", error
    if error is not None:
        _log.error("An answer failed inside the node: %s", type(error).__name__)
        return "failed", ChatsError("Something went wrong inside the node. Try again.", code="internal")
    if running.finished is not None and running.finished.reason == "cancelled":
        return job.outcome or "stopped", None
    if running.finished is None:
        return "failed", ChatsError("The chat engine ended this answer without saying why. Try again.", code="engine")
    return "complete", None


def _request(
    model: str, messages: tuple[dict[str, object], ...], used: Settings, conversation: str
) -> GenerationRequest:
    fields = used.model_dump(exclude_none=True)
    for name in ("tools", "stop"):
        if name in fields:
            fields[name] = tuple(fields[name])
    return GenerationRequest(model=model, messages=messages, conversation=conversation, **fields)
