"""Server-Sent Events, bytes in, events out: an incremental parser of the text/event-stream format, and nothing else.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_EVENT: Final = 16 << 20
"""Bytes of one event, and of one line, that are accepted."""
_MAX_NAME: Final = 256
_BOM: Final = b"\xef\xbb\xbf"


class TooLarge(ValueError):
    """An event or a line has no end in sight. The stream is of no use any more."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name ("message" if it has none), the last id so far, its data with lines joined by "\\n"."""

    name: str
    id: str
    data: str


class Parser:
    """Feed it bytes as they come, cut anywhere. Work is linear in what is fed; memory is bounded by ``max_event``."""

    def __init__(self, *, last_id: str = "", max_event: int = MAX_EVENT) -> None:
        self.last_id = last_id
        """The id to come back with."""
        self.retry: float | None = None
        """Seconds that the other side wants between two attempts, if it said so."""
        self._max = max_event
        self._line: list[bytes] = []  # a line that has no end yet, in pieces
        self._line_size = 0
        self._after_cr = False  # a "\n" that comes now belongs to the "\r" before it
        self._first = True
        self._name = ""
        self._id = last_id
        self._data: list[str] = []
        self._data_size = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that end within ``chunk``. Raises TooLarge."""
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
            if not chunk:
                return []
        self._after_cr = chunk.endswith(b"\r")
        *ended, rest = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        events: list[Event] = []
        for end in ended:
            self._keep(end)
            line = b"".join(self._line)
            self._line, self._line_size = [], 0
            if (event := self._take(line)) is not None:
                events.append(event)
        self._keep(rest)
        return events

    def _keep(self, piece: bytes) -> None:
        self._line_size += len(piece)
        if self._line_size > self._max:
            raise TooLarge(f"a line of more than {self._max} bytes")
        if piece:
            self._line.append(piece)

    def _take(self, line: bytes) -> Event | None:
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data_size += len(value) + 1
            if self._data_size > self._max:
                raise TooLarge(f"an event of more than {self._max} bytes")
            self._data.append(value.decode("utf-8", "replace"))
        elif name == b"event":
            self._name = value[:_MAX_NAME].decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value and len(value) <= _MAX_NAME:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) < 9:
            self.retry = int(value) / 1000
        return None

    def _dispatch(self) -> Event | None:
        self.last_id = self._id  # even an event without data moves it
        event = Event(self._name or "message", self.last_id, "\n".join(self._data)) if self._data else None
        self._name, self._data, self._data_size = "", [], 0
        return event
