"""One chat, and everything that a person can do in it. Its messages and how they come are ``history``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Property, QCoreApplication, QObject, Signal, Slot

from meadow_app.chat import context, people
from meadow_app.chat.history import History
from meadow_app.chat.message import Message
from meadow_app.chat.sampling import Sampling
from meadow_app.chat.undo import Undo
from meadow_app.text.plain import one_line

if TYPE_CHECKING:
    from meadow_app.link.node import NodeLink

Tree = Mapping[str, Any]
translate = QCoreApplication.translate
_LONGEST_TITLE = 200


class Conversation(QObject, History):
    """What can be done with a chat. ``context_of`` says how many tokens a model can take, or None: nobody knows yet."""

    changed = Signal()
    draftChanged = Signal()
    created = Signal(object)
    """The node keeps it from now on: the chat."""
    touched = Signal(object)
    """The node says how the chat is now: the chat."""
    finished = Signal(object)
    """An answer ended: the :class:`Message`."""
    found = Signal(int)
    """The row of the message that was looked for."""
    editWanted = Signal(int)
    """The row of the question that the person wants to write anew."""
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
        self.set_up(link, chat, self)
        self._undo, self._context_of = undo, context_of
        self._sampling = Sampling(self)
        self._sampling.take(self.chat.get("settings") or {})
        self._sampling.wanted.connect(self._settings_wanted)
        self._draft = ""

    # What it is

    chatId = Property(str, lambda self: self.key, notify=changed)
    messages = Property(QObject, lambda self: self._messages, constant=True)
    loading = Property(bool, lambda self: self._page_call is not None and not len(self._messages), notify=changed)
    fresh = Property(bool, lambda self: self._loaded and not len(self._messages), notify=changed)
    """There is no message yet."""
    moreAbove = Property(bool, lambda self: self._older is not None, notify=changed)

    # What is under way

    writing = Property(bool, lambda self: self.is_writing, notify=changed)
    stopping = Property(bool, lambda self: self.is_writing and self._messages[-1].stopping, notify=changed)
    busy = Property(bool, lambda self: self._busy, notify=changed)
    canWriteAnew = Property(bool, lambda self: self._can_command(), notify=changed)
    """Whether messages can be sent, edited, answered again: nothing is being written, and the node is there."""
    problem = Property(str, lambda self: self._problem, notify=changed)
    """Why the last command did not work; what was written is still there."""
    problemCode = Property(str, lambda self: self._problem_code, notify=changed)
    title = Property(str, lambda self: one_line(self.chat.get("title", ""), _LONGEST_TITLE), notify=changed)
    sampling = Property(QObject, lambda self: self._sampling, constant=True)
    systemPrompt = Property(str, lambda self: str(self.chat.get("system_prompt", "")), notify=changed)
    model = Property(str, lambda self: self._model(), notify=changed)
    """What the next answer is asked of; empty: nobody knows one."""
    modelName = Property(str, lambda self: people.told_apart(self._link.mirror.tree, self._model()), notify=changed)
    canSend = Property(bool, lambda self: self._can_send(), notify=changed)

    # The draft

    def _set_draft(self, text: str) -> None:
        if text != self._draft:
            self._draft = text
            self.draftChanged.emit()
            self.changed.emit()

    draft = Property(str, lambda self: self._draft, _set_draft, notify=draftChanged)
    """What was written and not sent."""

    # Context

    contextUsed = Property(int, lambda self: context.used(self._data(), self._size()), notify=changed)
    contextSize = Property(int, lambda self: self._size() or 0, notify=changed)
    contextText = Property(str, lambda self: context.in_words(self._data(), self._size()), notify=changed)
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
        self.load_end()

    @Slot()
    def loadOlder(self) -> None:
        """Get what came before the first message that is here."""
        self.load_older()

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

    # What the list of chats does

    def update(self, chat: Tree) -> None:
        """The node says how the chat is now."""
        self._sampling.take(chat.get("settings") or {})
        self.chat = dict(chat)
        self.changed.emit()

    def tree_changed(self) -> None:
        """The state tree changed: names, what is up, who writes."""
        self.changed.emit()

    # Inside

    def _model(self) -> str:
        return str(self.chat.get("model") or "") or people.default_model(self._link.mirror.tree)

    def _can_send(self) -> bool:
        return self._can_command() and self._loaded and bool(self._draft.strip())

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

    def _data(self) -> list[Tree]:
        return [message.data for message in self._messages]

    def _size(self) -> int | None:
        return self._context_of(self._model())

    def _readers(self) -> list[dict[str, Any]]:
        return people.readers(self._link.mirror.tree, (message.facts for message in self._messages))


def _to_clipboard(text: str) -> None:
    from PySide6.QtGui import QGuiApplication

    QGuiApplication.clipboard().setText(text)
