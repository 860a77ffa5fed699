"""One chat: its messages along the chosen path, what is being written, and everything a person can do in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Property, QCoreApplication, QObject, Signal, Slot

from meadow_app import figures
from meadow_app.chat import facts, people
from meadow_app.chat.message import Message
from meadow_app.chat.messages import Messages
from meadow_app.chat.sampling import Sampling
from meadow_app.chat.undo import Undo
from meadow_app.text.plain import one_line

if TYPE_CHECKING:
    from meadow_app.chat.listening import Listening
    from meadow_app.link.call import Call, Failure
    from meadow_app.link.node import NodeLink

Tree = Mapping[str, Any]
translate = QCoreApplication.translate
PAGE = 40
_LONGEST_TITLE = 200


class Conversation(QObject):
    """A chat that the node keeps, or (``chatId`` empty) one that begins with its first message.

    ``context_of`` says how many tokens a model can take, or None while that is not known.
    """

    changed = Signal()
    draftChanged = Signal()
    created = Signal(object)
    """The node keeps it from now on: the chat."""
    touched = Signal(object)
    """The node says how the chat is now: the chat."""
    finished = Signal(object)
    """An answer ended: the :class:`Message`."""
    editWanted = Signal(int)
    """The row of the question that the person wants to write anew."""
    found = Signal(int)
    """The row of the message that was looked for."""
    sent = Signal()
    """A message of the person's is there: the view goes to the end."""

    def __init__(
        self,
        link: NodeLink,
        chat: Tree | None,
        undo: Undo,
        context_of: Callable[[str], int | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._link, self._undo, self._context_of = link, undo, context_of
        self.chat: dict[str, Any] = dict(chat or {})
        self._messages = Messages(lambda: link.mirror.tree, self)
        self._sampling = Sampling(self)
        self._sampling.take(self.chat.get("settings") or {})
        self._sampling.wanted.connect(self._settings_wanted)
        self._draft = ""
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

    # What it is

    @property
    def key(self) -> str:
        """The chat's id; empty while it is new."""
        return str(self.chat.get("id", ""))

    chatId = Property(str, lambda self: self.key, notify=changed)
    title = Property(str, lambda self: one_line(self.chat.get("title", ""), _LONGEST_TITLE), notify=changed)
    messages = Property(QObject, lambda self: self._messages, constant=True)
    sampling = Property(QObject, lambda self: self._sampling, constant=True)
    systemPrompt = Property(str, lambda self: str(self.chat.get("system_prompt", "")), notify=changed)
    model = Property(str, lambda self: self._model(), notify=changed)
    """What the next answer is asked of; empty: nobody knows one."""
    modelName = Property(str, lambda self: people.short_name(self._model()), notify=changed)
    loading = Property(bool, lambda self: self._page_call is not None and not len(self._messages), notify=changed)
    fresh = Property(bool, lambda self: self._loaded and not len(self._messages), notify=changed)
    """There is no message yet."""
    moreAbove = Property(bool, lambda self: self._older is not None, notify=changed)

    # What is under way

    writing = Property(bool, lambda self: self.is_writing, notify=changed)
    stopping = Property(bool, lambda self: self.is_writing and self._messages[-1].stopping, notify=changed)
    busy = Property(bool, lambda self: self._busy, notify=changed)
    canSend = Property(bool, lambda self: self._can_send(), notify=changed)
    canWriteAnew = Property(bool, lambda self: self._can_command(), notify=changed)
    """Whether messages can be sent, edited, answered again: nothing is being written, and the node is there."""
    problem = Property(str, lambda self: self._problem, notify=changed)
    """Why the last command did not work; what was written is still there."""
    problemCode = Property(str, lambda self: self._problem_code, notify=changed)

    @property
    def is_writing(self) -> bool:
        """Whether an answer of this chat is being written and listened to."""
        return self._listening is not None

    # The draft

    def _set_draft(self, text: str) -> None:
        if text != self._draft:
            self._draft = text
            self.draftChanged.emit()
            self.changed.emit()

    draft = Property(str, lambda self: self._draft, _set_draft, notify=draftChanged)
    """What was written and not sent."""

    # Context

    contextUsed = Property(int, lambda self: self._used(), notify=changed)
    contextSize = Property(int, lambda self: self._context_of(self._model()) or 0, notify=changed)
    contextText = Property(str, lambda self: self._context_text(), notify=changed)
    """ "1,204 of 32,768 tokens"."""
    readers = Property(list, lambda self: self._readers(), notify=changed)
    """Who computed the answers that are loaded."""

    def retranslate(self) -> None:
        """The language has changed."""
        for message in self._messages:
            message.changed.emit()
        self._sampling.changed.emit()
        self.changed.emit()

    # What the person does

    @Slot()
    def load(self) -> None:
        """Get the end of the chosen path, as it is now."""
        if self._busy:  # the answer to a command says how things are after it, and a page may be from before
            self._stale = True
        elif self.key and self._page_call is None:
            self._stale = False
            limit = min(200, max(PAGE, len(self._messages)))
            self._page_call = self._link.api.get(f"{self._path}/messages", {"limit": limit})
            self._page_call.then(self._show_page).otherwise(self._page_refused)
            self.changed.emit()

    @Slot()
    def loadOlder(self) -> None:
        """Get what came before the first message that is here."""
        if self._older is not None and self._page_call is None and not self._busy:
            self._page_call = self._link.api.get(
                f"{self._path}/messages", {"limit": PAGE if self._sought is None else 200, "before": self._older}
            )
            self._page_call.then(self._show_older).otherwise(self._page_refused)
            self.changed.emit()

    @Slot()
    def send(self) -> None:
        """Ask what is in the draft. It stays there until the node has it."""
        text = self._draft
        if not text.strip() or not self._can_send():
            return
        if not self.key:
            body = {name: self.chat[name] for name in ("model", "system_prompt") if self.chat.get(name)}
            body["settings"] = self._sampling.settings
            self._command(self._link.api.post("/api/chats", body), self._begun)
            return
        self._command(
            self._link.api.post(f"{self._path}/messages", {"content": text}),
            lambda sent: self._sent(sent, text, len(self._messages)),
        )

    @Slot(str)
    def suggest(self, text: str) -> None:
        """Ask one of the suggestions."""
        self._set_draft(text)
        self.send()

    @Slot()
    def stop(self) -> None:
        """End the running answer; its text stays."""
        if self.is_writing and not self._messages[-1].stopping:
            message = self._messages[-1]
            message.set_stopping()
            self.changed.emit()
            call = self._asked(self._link.api.post(f"{self._path}/stop", {"message_id": message.number}))
            call.otherwise(self._refused)

    @Slot(QObject)
    def regenerate(self, message: Message) -> None:
        """Another answer beside this one, or an answer to this question."""
        row = self._messages.find(message.number)
        if row < 0 or not self._can_command():
            return
        keep = row + 1 if message.data.get("role") == "user" else row
        self._command(
            self._link.api.post(f"{self._path}/messages/{message.number}/regenerate"),
            lambda sent: self._sent(sent, None, keep),
        )

    @Slot()
    def regenerateLast(self) -> None:
        """The last answer again."""
        if len(self._messages):
            self.regenerate(self._messages[-1])

    @Slot(QObject, str)
    def edit(self, message: Message, text: str) -> None:
        """Another version of a message, beside the old one; a new question is answered."""
        row = self._messages.find(message.number)
        if row < 0 or not text.strip() or text == message.text or not self._can_command():
            return
        self._command(
            self._link.api.post(f"{self._path}/messages/{message.number}/edit", {"content": text}),
            lambda sent: self._sent(sent, None, row),
        )

    @Slot(QObject)
    def editQuestion(self, message: Message) -> None:
        """Write the question of this answer anew."""
        row = self._messages.find(message.number) - 1
        if row >= 0 and self._can_command():
            self.editWanted.emit(row)

    @Slot(QObject, int)
    def choose(self, message: Message, step: int) -> None:
        """Go to the previous (-1) or next (1) version of a message, and to what followed it."""
        siblings = message.siblings
        at = siblings.index(message.number) + step
        if 0 <= at < len(siblings) and self._can_command():
            self._command(self._link.api.post(f"{self._path}/messages/{siblings[at]}/choose"), lambda _: self._reload())

    @Slot(QObject)
    def remove(self, message: Message) -> None:
        """Delete a message and what follows it; that can be undone."""
        if self._busy or self._messages.find(message.number) < 0:
            return
        number, path = message.number, self._path
        text = (
            translate("Chat", "Question and what followed it deleted")
            if message.data.get("role") == "user"
            else translate("Chat", "Answer and what followed it deleted")
        )

        def restore() -> None:
            self._command(self._link.api.post(f"{path}/messages/{number}/restore"), lambda _: self._reload())

        def deleted(_: object) -> None:
            self._undo.offer("message", text, restore)
            self._reload()

        self._command(self._link.api.delete(f"{path}/messages/{number}"), deleted)

    @Slot(QObject)
    def copy(self, message: Message) -> None:
        """All of a message's text to the clipboard, as it was written."""
        _to_clipboard(message.text)

    @Slot()
    def copyLast(self) -> None:
        """The last answer to the clipboard."""
        for row in range(len(self._messages) - 1, -1, -1):
            if self._messages[row].data.get("role") == "assistant":
                _to_clipboard(self._messages[row].text)
                return

    @Slot(str)
    def chooseModel(self, model: str) -> None:
        """Ask this model from now on."""
        self._change({"model": model or None})

    @Slot(str)
    def setSystemPrompt(self, text: str) -> None:
        """What the model is told before the chat."""
        if text != self.chat.get("system_prompt", ""):
            self._change({"system_prompt": text})

    @Slot(str)
    def rename(self, title: str) -> None:
        """Give it another title."""
        if title.strip() and title.strip() != self.chat.get("title"):
            self._change({"title": title.strip()[:300]})

    @Slot()
    def dismissProblem(self) -> None:
        """The sentence was read."""
        self._set_problem("", "")

    def seek(self, number: int) -> None:
        """Show this message: page back to it, and if it is on another branch, go there."""
        self._sought, self._sought_elsewhere = number, False
        if self._loaded:
            self._seek()

    # What the list of chats does

    def update(self, chat: Tree) -> None:
        """The node says how the chat is now."""
        self.chat = dict(chat)
        self._sampling.take(self.chat.get("settings") or {})
        self.changed.emit()

    def tree_changed(self) -> None:
        """The state tree changed: names, what is up, who writes."""
        self.changed.emit()

    def connected(self) -> None:
        """The node is there (again)."""
        if self.key and (self._loaded or self._page_call is None):
            self.load()
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

    def _model(self) -> str:
        return str(self.chat.get("model") or "") or people.default_model(self._link.mirror.tree)

    def _can_command(self) -> bool:
        return not self._busy and not self.is_writing and str(self._link.status) == "connected"

    def _can_send(self) -> bool:
        return self._can_command() and self._loaded and bool(self._draft.strip())

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
                self.load()
            self.changed.emit()

        self._asked(call).then(done).otherwise(self._refused)
        self.changed.emit()

    def _refused(self, failure: Failure) -> None:
        self._busy = False
        if failure.code == "chat_busy":  # somebody else writes here: show that
            self.load()
        elif failure.code in ("unknown_message",):
            self._reload()
        elif self._stale:
            self.load()
        self._set_problem(failure.message, failure.code)

    def _set_problem(self, text: str, code: str) -> None:
        self._problem, self._problem_code = one_line(text, 600), code
        self.changed.emit()

    def _begun(self, chat: Tree) -> None:
        self.chat = dict(chat)
        self.created.emit(chat)
        self.send()

    def _sent(self, sent: Tree, draft: str | None, keep: int) -> None:
        if draft is not None and self._draft == draft:
            self._set_draft("")
        page = [part for part in (sent.get("question"), sent.get("answer")) if isinstance(part, dict)]
        self._messages.cut(keep)
        self._messages.append(page)
        if page and page[-1].get("state") == "streaming":
            self._listen(self._messages[-1])
        self._look()
        self.sent.emit()

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
        self.load()

    def _listen(self, message: Message) -> None:
        if self._listening is not None:
            if self._listening.message is message:
                return
            self._stop_listening()
        from meadow_app.chat.listening import Listening  # Qt's network classes, not needed for the first frame

        listening = Listening(self._link, self.key, message, self)
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
            self.loadOlder()
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

    def _change(self, body: dict[str, Any]) -> None:
        if not self.key:
            self.chat.update(body)
            self.changed.emit()
            return
        self._asked(self._link.api.patch(self._path, body)).then(self._looked).otherwise(self._refused)

    def _settings_wanted(self, settings: dict[str, Any]) -> None:
        if not self.key:
            self.chat["settings"] = settings
            self._sampling.take(settings)
            return
        call = self._asked(self._link.api.patch(self._path, {"settings": settings}))
        call.then(self._looked).otherwise(lambda failure: self._sampling.refuse(one_line(failure.message, 400)))

    def _too_long(self) -> bool:
        """Whether the chat, as it stands, is more than its model can hold."""
        return len(self._messages) > 0 and facts.error_code(self._messages[-1].data) == "too_long"

    def _used(self) -> int:
        if self._too_long():
            return facts.tokens_wanted(self._messages[-1].data) or (self._context_of(self._model()) or 0)
        for row in range(len(self._messages) - 1, -1, -1):
            if used := facts.tokens_used(self._messages[row].data):
                return used
        return 0

    def _context_text(self) -> str:
        used, size = self._used(), self._context_of(self._model())
        if not size:
            return translate("Chat", "{used} tokens").format(used=figures.number(used)) if used else ""
        if self._too_long() and used <= size:
            return translate("Chat", "more than {size} tokens").format(size=figures.number(size))
        return translate("Chat", "{used} of {size} tokens").format(used=figures.number(used), size=figures.number(size))

    def _readers(self) -> list[dict[str, Any]]:
        return people.readers(self._link.mirror.tree, (message.facts for message in self._messages))


def _to_clipboard(text: str) -> None:
    from PySide6.QtGui import QGuiApplication

    QGuiApplication.clipboard().setText(text)
