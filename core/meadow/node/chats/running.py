"""One answer while it is being written: what it says so far, and who listens.

A listener asks for everything from a character on, so one that comes late, was slow or was cut off gets the rest in one
piece: nothing is queued for anybody. Characters are Unicode code points, as Python counts them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from meadow.chat import request
from meadow.chat.request import Delta, Done, Finished, GenerationEvent, Hop, Started
from meadow.errors import MeadowError
from meadow.node.chats.records import Answer, CalledTool, Message, Moved, RouteHop, Settings, State, Trouble

_NAME, _SENTENCE = 300, 10_000  # characters that ``records`` allows


@dataclass(frozen=True, slots=True)
class Grew:
    """The text from character ``offset`` on."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person should know while the answer goes on, like a full disk; ``code`` "" takes it back."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is complete, or ended early; always the last event."""

    message: Message


AnswerEvent = Started | Grew | Notice | Ended


class RunningAnswer:
    """Belongs to the event loop."""

    def __init__(self, message: Message, settings: Settings) -> None:
        self.message = message  # as it was when it began, and at last as it ended
        self.text = ""
        self.saved = 0  # characters that are in the store
        self.finished: Finished | None = None
        self.done: Done | None = None
        self.ended = False
        self._settings = settings
        self._started: Started | None = None
        self._notice: Notice | None = None
        self._news = asyncio.Event()

    def take(self, event: GenerationEvent) -> None:
        """What the engine says. Only the first choice is kept."""
        match event:
            case Started():
                self._started = event
            case Delta(choice=0, text=text) if text:
                self.text += whole_characters(text)
            case Finished(choice=0):
                self.finished = event
            case Done():
                self.done = event
            case _:
                return
        self._tell()

    def notice(self, error: MeadowError | None) -> None:
        """Tell listeners about a problem with keeping the answer, or that it is over."""
        if error is None and self._notice is None:
            return
        new = Notice(error.code, str(error)) if error else Notice("", "")
        if new != self._notice:
            self._notice = new
            self._tell()

    def end(self, message: Message) -> None:
        """Nothing more comes."""
        self.message, self.ended = message, True
        self._tell()

    def facts(self, error: MeadowError | None = None) -> Answer:
        """How it came about, as far as it is known. Everything fits ``records``, whatever the engine said."""
        calls = self.finished.tool_calls if self.finished else ()
        done, started = self.done, self._started
        begun = self.message.answer
        return Answer(
            model=begun.model if begun else "unknown",
            settings=self._settings,
            finish_reason=whole_characters(self.finished.reason)[:_NAME] if self.finished else None,
            error=Trouble(code=error.code[:_NAME], message=whole_characters(str(error))[:_SENTENCE]) if error else None,
            tool_calls=[
                CalledTool(
                    id=whole_characters(call.id)[:_NAME],
                    name=whole_characters(call.name)[:_NAME],
                    arguments=whole_characters(call.arguments),
                )
                for call in calls[:1000]
            ]
            or None,
            prompt_tokens=done.prompt_tokens if done else started.prompt_tokens if started else None,
            completion_tokens=(
                done.completion_tokens if done else self.finished.completion_tokens if self.finished else None
            ),
            reused_tokens=done.reused_tokens if done else started.reused_tokens if started else None,
            tokens_per_second=_finite(done.tokens_per_second) if done else None,
            first_token_seconds=_finite(done.first_token_seconds) if done else None,
            bytes_sent=done.bytes_sent if done else None,
            pass_seconds=(_finite(done.pass_seconds) or None) if done else None,
            moved=_moved(done.moved) if done and done.moved else None,
            route=[_hop(hop) for hop in done.route] if done else None,
        )

    def closing(self, state: State, answer: Answer, now: float) -> Message:
        """The message as it ends."""
        return self.message.model_copy(
            update={"content": self.text, "state": state, "answer": answer, "finished_at": now}
        )

    async def follow(self, offset: int = 0) -> AsyncGenerator[AnswerEvent, None]:
        """Everything from character ``offset`` on, as it comes. An offset that makes no sense counts as 0."""
        if not 0 <= offset <= len(self.text):
            offset = 0
        told_start, told_notice = False, None
        while True:
            news = self._news  # before looking, so that nothing is missed while a listener is busy
            if self._started is not None and not told_start:
                told_start = True
                yield self._started
            if len(self.text) > offset:
                grew = Grew(offset, self.text[offset:])
                offset = len(self.text)
                yield grew
            if self._notice is not told_notice and self._notice is not None:
                told_notice = self._notice
                yield self._notice
            if self.ended and len(self.text) == offset:
                yield Ended(self.message)
                return
            await news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def whole_characters(text: str) -> str:
    """The text with U+FFFD for halves of characters, which neither SQLite nor HTTP can carry."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _hop(hop: Hop) -> RouteHop:
    step, queue = _finite(hop.step_seconds) or None, _finite(hop.queue_seconds)
    return RouteHop(
        peer_id=hop.peer_id,
        server_id=hop.server_id,
        start=hop.start,
        end=hop.end,
        step_seconds=step,
        queue_seconds=queue if step else None,  # 0 is a wait only where something was measured
    )


def _moved(moved: request.Moved) -> Moved:
    return Moved(
        seconds=_finite(moved.seconds) or 0.0,
        left=[_hop(hop) for hop in moved.left],
        took=[_hop(hop) for hop in moved.took],
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) and 0 <= value <= 1e12 else None
