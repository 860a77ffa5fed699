"""The messages of one chat on the screen: pages of them, the answer that is being written, and how commands come out.

What a person can do with a chat is :class:`~meadow_app.chat.conversation.Conversation`, which builds on this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from meadow_app.chat.message import Message
from meadow_app.chat.messages import Messages
from meadow_app.text.plain import one_line

if TYPE_CHECKING:
    from PySide6.QtCore import QObject

    from meadow_app.chat.listening import Listening
    from meadow_app.link.call import Call, Failure
    from meadow_app.link.node import NodeLink

Tree = Mapping[str, Any]
PAGE = 40


class History:
    """Of a chat that the node keeps, or (without a ``key``) of one that begins with its first message.

    No QObject itself, as QML finds no signal of a base class's Python: the signals are the conversation's.
    """

    if TYPE_CHECKING:
        changed: Any
        touched: Any
        finished: Any
        found: Any

    def set_up(self, link: NodeLink, chat: Tree | None, parent: QObject) -> None:
        """Once, by ``parent``, which is this very object as Qt sees it."""
        self._link = link
        self.chat: dict[str, Any] = dict(chat or {})
        self._messages = Messages(lambda: link.mirror.tree, parent)
        self._older: int | None = None
        self._loaded = not self.chat
        self._page_call: Call | None = None
        self._stale = False  # what is here may be from before
        self._calls: set[Call] = set()
        self._busy = False  # a command that changes the path is under way
        self._listening: Listening | None = None
        self._problem, self._problem_code = "", ""
        self._sought: int | None = None
        self._sought_elsewhere = False

    @property
    def key(self) -> str:
        """The chat's id; empty while it is new."""
        return str(self.chat.get("id", ""))

    @property
    def is_writing(self) -> bool:
        """Whether an answer of this chat is being written and listened to."""
        return self._listening is not None

    def update(self, chat: Tree) -> None:
        """The node says how the chat is now."""
        raise NotImplementedError

    def load_end(self) -> None:
        """Get the end of the chosen path, as it is now."""
        if self._busy:  # the answer to a command says how things are after it, and a page may be from before
            self._stale = True
        elif self.key and self._page_call is None:
            self._stale = False
            limit = min(200, max(PAGE, len(self._messages)))
            self._page_call = self._link.api.get(f"{self._path}/messages", {"limit": limit})
            self._page_call.then(self._show_page).otherwise(self._page_refused)
            self.changed.emit()

    def load_older(self) -> None:
        """Get what came before the first message that is here."""
        if self._older is not None and self._page_call is None and not self._busy:
            self._page_call = self._link.api.get(
                f"{self._path}/messages", {"limit": PAGE if self._sought is None else 200, "before": self._older}
            )
            self._page_call.then(self._show_older).otherwise(self._page_refused)
            self.changed.emit()

    def seek(self, number: int) -> None:
        """Show this message: page back to it, and if it is on another branch, go there."""
        self._sought, self._sought_elsewhere = number, False
        if self._loaded:
            self._seek()

    def connected(self) -> None:
        """The node is there (again)."""
        if self.key and (self._loaded or self._page_call is None):
            self.load_end()
        self.changed.emit()

    def close(self) -> None:
        """Hear nothing any more. An answer that runs goes on in the node."""
        self._stop_listening()
        for call in [*self._calls, self._page_call]:
            if call is not None:
                call.cancel()
        self._calls.clear()

    # Inside

    @property
    def _path(self) -> str:
        return f"/api/chats/{self.key}"

    def _can_command(self) -> bool:
        return not self._busy and not self.is_writing and str(self._link.status) == "connected"

    def _asked(self, call: Call) -> Call:
        """Remember a call until its outcome, so that none comes to a conversation that was let go."""
        self._calls.add(call)
        return call.then(lambda _: self._calls.discard(call)).otherwise(lambda _: self._calls.discard(call))

    def _command(self, call: Call, then: Callable[[Any], object]) -> None:
        self._busy = True
        if self._page_call is not None:
            self._page_call.cancel()
            self._page_call, self._stale = None, True
        self._set_problem("", "")

        def done(body: Any) -> None:
            self._busy = False
            then(body)
            if self._stale:
                self.load_end()
            self.changed.emit()

        self._asked(call).then(done).otherwise(self._refused)
        self.changed.emit()

    def _refused(self, failure: Failure) -> None:
        self._busy = False
        if failure.code == "chat_busy":  # somebody else writes here: show that
            self.load_end()
        elif failure.code in ("unknown_message",):
            self._reload()
        elif self._stale:
            self.load_end()
        self._set_problem(failure.message, failure.code)

    def _set_problem(self, text: str, code: str) -> None:
        self._problem, self._problem_code = one_line(text, 600), code
        self.changed.emit()

    def _look(self) -> None:
        """How the chat is called now, and when it was used last."""
        self._asked(self._link.api.get(self._path)).then(self._looked)

    def _looked(self, chat: Tree) -> None:
        if chat.get("id") == self.key:
            self.update(chat)
            self.touched.emit(chat)

    def _show_page(self, page: Tree) -> None:
        self._page_call = None
        first = self._messages[0].number if len(self._messages) else None
        found = [part for part in page.get("messages") or () if isinstance(part, dict)]
        self._messages.show(found)
        self._loaded = True
        if first is None or not len(self._messages) or self._messages[0].number != first:
            self._older = page.get("next")
        running = page.get("running")
        row = self._messages.find(int(running)) if running is not None else -1
        if row >= 0 and self._messages[row].writing:
            self._listen(self._messages[row])
        elif self._listening is not None and not any(message.writing for message in self._messages):
            self._stop_listening()
        self.changed.emit()
        self._seek()

    def _show_older(self, page: Tree) -> None:
        self._page_call = None
        self._older = page.get("next")
        self._messages.prepend([part for part in page.get("messages") or () if isinstance(part, dict)])
        self.changed.emit()
        self._seek()

    def _page_refused(self, failure: Failure) -> None:
        self._page_call = None
        self._set_problem(failure.message, failure.code)

    def _reload(self) -> None:
        """The path goes another way, from somewhere in the middle on."""
        if self._page_call is not None:
            self._page_call.cancel()
            self._page_call = None
        self.load_end()

    def _listen(self, message: Message) -> None:
        if self._listening is not None:
            if self._listening.message is message:
                return
            self._stop_listening()
        from meadow_app.chat.listening import Listening  # Qt's network classes, not needed for the first frame

        listening = Listening(self._link, self.key, message, self._messages)
        listening.grew.connect(message.append)
        listening.replaced.connect(message.keep_beyond)
        listening.noticed.connect(message.notify)
        listening.lostChanged.connect(message.set_lost)
        listening.ended.connect(lambda data: self._ended(message, data))
        listening.refused.connect(lambda failure: self._unheard(message, failure))
        self._listening = listening
        self.changed.emit()

    def _seek(self) -> None:
        number = self._sought
        if number is None or self._page_call is not None:
            return
        row = self._messages.find(number)
        if row >= 0:
            self._sought = None
            self.found.emit(row)
        elif self._older is not None:
            self.load_older()
        elif not self._sought_elsewhere and self._can_command():
            self._sought_elsewhere = True
            path = f"{self._path}/messages/{number}/choose"
            self._command(self._link.api.post(path), lambda _: self._reload())
        else:
            self._sought = None

    def _stop_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.stop()
            listening.deleteLater()
            self.changed.emit()

    def _ended(self, message: Message, data: Tree) -> None:
        self._stop_listening()
        message.update(data)
        self._look()
        self.changed.emit()
        self.finished.emit(message)

    def _unheard(self, message: Message, failure: Failure) -> None:
        self._stop_listening()
        if failure.code in ("unknown_message", "unknown_chat"):
            self._reload()
        else:
            message.refuse(one_line(failure.message, 600))
        self.changed.emit()
