"""One answer on its way to the screen: offsets put together, and at most 30 changes a second, however fast it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from meadow_app.link.call import Failure

if TYPE_CHECKING:
    from meadow_app.chat.message import Message
    from meadow_app.link.node import NodeLink

FRAME_MS = 33
"""Between two changes. A hundred tokens a second would otherwise lay the text out a hundred times."""


class Listening(QObject):
    """Follows one message until it ends. Texts are Python's, so lengths and offsets are Unicode code points, as the
    node counts them. ``lost``: the node cannot be heard now; what was heard stays, and the rest comes by itself."""

    grew = Signal(str)
    """Text that comes behind all that was there."""
    replaced = Signal(str)
    """The node has less than was heard (it was killed, and the last moment with it): this is all."""
    started = Signal(object)
    noticed = Signal(str)
    """A sentence while the answer goes on; empty: it is over."""
    lostChanged = Signal(bool)
    ended = Signal(object)
    """The message as the node keeps it."""
    refused = Signal(object)
    """A :class:`Failure`: there is nothing to hear."""

    def __init__(self, link: NodeLink, chat_id: str, message: Message, parent: QObject | None = None) -> None:
        """``message``: the one that is written, with the text that is there already."""
        super().__init__(parent)
        self.message = message
        text, message_id = message.text, message.number
        self._length = len(text)
        self._pieces: list[str] = []
        self._lost = False
        self._timer = QTimer(self, singleShot=True, interval=FRAME_MS)
        self._timer.timeout.connect(self._flush)
        self._stream = link.api.events(
            f"/api/chats/{chat_id}/messages/{message_id}/events", str(self._length) if text else "", until="ended"
        )
        self._stream.event.connect(self._hear)
        self._stream.interrupted.connect(lambda failure: self._set_lost(True))
        self._stream.opened.connect(lambda: self._set_lost(False))
        self._stream.failed.connect(self._fail)

    @property
    def lost(self) -> bool:
        """Whether the node cannot be heard now."""
        return self._lost

    def stop(self) -> None:
        """Listen no longer; the answer goes on without us."""
        self._stream.stop()
        self._timer.stop()

    def _hear(self, name: str, _: str, data: Any) -> None:
        if not isinstance(data, dict):
            return
        self._set_lost(False)
        if name == "text":
            self._take(data.get("offset"), data.get("text"))
        elif name == "started":
            self.started.emit(data)
        elif name == "notice":
            self.noticed.emit(str(data.get("message", "")) if data.get("code") else "")
        elif name == "error":  # the message was deleted for good, or the disk broke
            self._stream.stop()
            self._fail(Failure(str(data.get("code", "")), str(data.get("message", ""))))
        elif name == "ended":
            self._flush()
            self.ended.emit(data)

    def _take(self, offset: Any, text: Any) -> None:
        if not isinstance(offset, int) or not isinstance(text, str):
            return
        if offset <= self._length and offset + len(text) >= self._length and (offset or not self._length):
            new = text[self._length - offset :]  # what is there already is not put there again
        elif offset == 0:
            self._replace(text)
            return
        else:
            return  # a hole cannot come from our node; what follows it would be in the wrong place
        if new:
            self._pieces.append(new)
            self._length += len(new)
            if not self._timer.isActive():
                self._timer.start()

    def _replace(self, text: str) -> None:
        """From the beginning: the same and more, or less than we had."""
        self._flush()
        self._length = len(text)
        self.replaced.emit(text)

    def _flush(self) -> None:
        self._timer.stop()
        if self._pieces:
            text, self._pieces = "".join(self._pieces), []
            self.grew.emit(text)

    def _fail(self, failure: Failure) -> None:
        self._flush()
        self.refused.emit(failure)

    def _set_lost(self, lost: bool) -> None:
        if lost != self._lost:
            self._lost = lost
            self.lostChanged.emit(lost)
