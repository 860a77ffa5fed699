"""All chats: the list in the sidebar, the chat that is open, and those that go on in the background."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Property, QCoreApplication, QObject, QTimer, Signal, Slot

from meadow_app.chat import people
from meadow_app.chat.availability import Availability
from meadow_app.chat.conversation import Conversation
from meadow_app.chat.groups import heading
from meadow_app.chat.undo import Undo
from meadow_app.chat.warm import Warm
from meadow_app.rows import Rows
from meadow_app.text.plain import isolated, one_line

if TYPE_CHECKING:
    from meadow_app.chat.files import Files
    from meadow_app.chat.message import Message
    from meadow_app.chat.searching import Searching
    from meadow_app.link.call import Call, Failure
    from meadow_app.link.node import NodeLink

Tree = Mapping[str, Any]
translate = QCoreApplication.translate
PAGE = 50
KEPT = 6
"""Chats that were open lately keep their messages in memory, beside those that are writing or have a draft."""
_ROLES = ("title", "group", "writing", "model")
_SHOWN_KEYS = frozenset(("swarm", "demo", "peers", "node"))
_SOON_MS = 250
_HEADINGS_MS = 300_000


class Chats(QObject):
    """See the module's text. There is always a ``current`` chat; a new one has no id until its first message."""

    changed = Signal()
    currentChanged = Signal()
    answerFinished = Signal(str, str, bool)
    """An answer ended by itself: the chat's id and title, and whether it is the open chat. For notifications."""
    composerWanted = Signal()
    """The person wants to write now."""

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._undo = Undo(self)
        self._rows = Rows(_ROLES, self)
        self._known: dict[str, dict[str, Any]] = {}
        self._next: str | None = None
        self._call: Call | None = None
        self._loaded = False
        self._problem = ""
        self._at: tuple[str, int] | None = None  # the message that a chat is opened for
        self._open: OrderedDict[str, Conversation] = OrderedDict()
        self._searching: Searching | None = None
        self._files: Files | None = None
        self._contexts: dict[str, int | None] = {}
        self._soon = QTimer(self, singleShot=True, interval=_SOON_MS)
        self._soon.timeout.connect(self.refresh)
        self._headings = QTimer(self, interval=_HEADINGS_MS)
        self._headings.timeout.connect(self._show)
        self._headings.start()
        self._warm = Warm(self)
        self._current = self._conversation(None)
        self._availability = Availability(link, lambda: self._current, self)
        self._current.changed.connect(self._availability.changed)
        link.mirror.changed.connect(self._tree_changed)
        link.statusChanged.connect(self._status_changed)
        link.connected.connect(self._node_is_there)
        if self._connected:
            self._node_is_there()

    # The list

    rows = Property(QObject, lambda self: self._rows, constant=True)
    undo = Property(QObject, lambda self: self._undo, constant=True)
    loading = Property(bool, lambda self: self._call is not None and not self._loaded, notify=changed)
    more = Property(bool, lambda self: self._next is not None, notify=changed)
    none = Property(bool, lambda self: self._loaded and not self._known, notify=changed)
    problem = Property(str, lambda self: self._problem, notify=changed)
    """Why the chats cannot be read."""

    def _get_searching(self) -> Searching:
        if self._searching is None:
            from meadow_app.chat.searching import Searching

            self._searching = Searching(self._link, self)
        return self._searching

    searching = Property(QObject, _get_searching, constant=True)

    def _get_files(self) -> Files:
        if self._files is None:
            from meadow_app.chat.files import Files

            self._files = Files(self._link, self)
            self._files.imported.connect(self._imported)
        return self._files

    files = Property(QObject, _get_files, constant=True)

    # The open chat

    current: Conversation = Property(QObject, lambda self: self._current, notify=currentChanged)  # type: ignore[assignment]
    currentId = Property(str, lambda self: self._current.key, notify=currentChanged)
    nodeStatus = Property(str, lambda self: self._link.status, notify=changed)
    nodeText = Property(str, lambda self: self._node_text(), notify=changed)
    """Why nothing can be sent now; empty while the node is there."""
    availability = Property(QObject, lambda self: self._availability, constant=True)

    # What the person does with the list

    @Slot()
    def refresh(self) -> None:
        """Get the first page anew; what else is known stays."""
        if self._call is None and self._connected:
            self._call = self._link.api.get("/api/chats", {"limit": PAGE})
            self._call.then(self._show_first).otherwise(self._refused)
            self.changed.emit()

    @Slot()
    def loadMore(self) -> None:
        """Get older chats."""
        if self._call is None and self._next is not None:
            self._call = self._link.api.get("/api/chats", {"limit": PAGE, "after": self._next})
            self._call.then(self._show_more).otherwise(self._refused)

    @Slot()
    def newChat(self) -> None:
        """An empty chat; one that is empty already is taken again, with its draft."""
        fresh = self._open.get("")
        self._go(fresh if fresh is not None else self._conversation(None))
        self.composerWanted.emit()

    @Slot(str)
    def open(self, chat_id: str) -> None:
        """Open a chat of the list."""
        known = self._open.get(chat_id)
        if known is None and chat_id in self._known:
            known = self._conversation(self._known[chat_id])
        if known is not None:
            self._go(known)
        elif chat_id:
            self._link.api.get(f"/api/chats/{chat_id}").then(self._open_unknown).otherwise(self._say)

    @Slot(str, str)
    def openAt(self, chat_id: str, message: str) -> None:
        """Open a chat and show one of its messages, wherever in it that is."""
        self._at = (chat_id, int(message)) if message.isdigit() else None
        self.open(chat_id)
        self._seek()

    @Slot(str, result=bool)
    def isWriting(self, chat_id: str) -> bool:
        """Whether a chat is being answered."""
        return chat_id in self._writing()

    @Slot(str, str)
    def rename(self, chat_id: str, title: str) -> None:
        """Give a chat another title."""
        title = title.strip()[:300]
        if title and title != self._known.get(chat_id, {}).get("title"):
            call = self._link.api.patch(f"/api/chats/{chat_id}", {"title": title})
            call.then(self._touched).otherwise(self._say)

    @Slot(str)
    def remove(self, chat_id: str) -> None:
        """Delete a chat; that can be undone."""
        self._link.api.delete(f"/api/chats/{chat_id}").then(self._removed).otherwise(self._say)

    @Slot()
    def retryNode(self) -> None:
        """Look for the node again."""
        self._link.retry()

    def retranslate(self) -> None:
        """The language has changed."""
        self._show()
        for conversation in self._open.values():
            conversation.retranslate()
        self.changed.emit()
        self._availability.changed.emit()

    # Inside: conversations

    def _conversation(self, chat: Tree | None) -> Conversation:
        conversation = Conversation(self._link, chat, self._undo, self._context_of, self)
        conversation.created.connect(lambda chat: self._created(conversation, chat))
        conversation.touched.connect(self._touched)
        conversation.changed.connect(self._show_writing)
        conversation.finished.connect(lambda message: self._finished(conversation, message))
        self._open[conversation.key] = conversation
        return conversation

    def _go(self, conversation: Conversation) -> None:
        self._open.move_to_end(conversation.key)
        if conversation is self._current:
            return
        before, self._current = self._current, conversation
        before.changed.disconnect(self._availability.changed)
        conversation.changed.connect(self._availability.changed)
        conversation.load()
        self._let_go()
        self.currentChanged.emit()
        self._availability.changed.emit()

    def _seek(self) -> None:
        if self._at is not None and self._at[0] == self._current.key:
            message, self._at = self._at[1], None
            self._current.seek(message)

    def _let_go(self) -> None:
        idle = [
            key
            for key, conversation in self._open.items()
            if conversation is not self._current and not conversation.is_writing and not conversation.draft
        ]
        for key in idle[: max(0, len(idle) - KEPT)]:
            gone = self._open.pop(key)
            gone.close()
            gone.deleteLater()

    def _created(self, conversation: Conversation, chat: Tree) -> None:
        if self._open.get("") is conversation:
            del self._open[""]
        self._open[conversation.key] = conversation
        self._touched(chat)
        if conversation is self._current:
            self.currentChanged.emit()

    def _open_unknown(self, chat: Tree) -> None:
        self._touched(chat)
        self.open(str(chat.get("id", "")))
        self._seek()

    def _finished(self, conversation: Conversation, message: Message) -> None:
        self._let_go()
        if message.data.get("state") in ("complete", "failed"):
            self.answerFinished.emit(conversation.key, conversation.title, conversation is self._current)

    # Inside: the list

    def _show_first(self, page: Tree) -> None:
        chats = [chat for chat in page.get("chats") or () if isinstance(chat, dict)]
        if not self._loaded:
            self._next = page.get("next")
        elif self._next is None and page.get("next") is None:
            # This page is all there is: what is not on it was deleted by another program.
            self._known = {}
        self._loaded, self._call, self._problem = True, None, ""
        self._known |= {str(chat["id"]): chat for chat in chats}
        for chat in chats:
            known = self._open.get(str(chat["id"]))
            if known is not None and known.chat != chat:
                known.update(chat)
        self._show()
        self.changed.emit()

    def _show_more(self, page: Tree) -> None:
        self._call = None
        self._next = page.get("next")
        self._known |= {str(chat["id"]): chat for chat in page.get("chats") or () if isinstance(chat, dict)}
        self._show()
        self.changed.emit()

    def _refused(self, failure: Failure) -> None:
        self._call = None
        self._problem = one_line(failure.message, 600)
        self.changed.emit()

    def _touched(self, chat: Tree) -> None:
        key = str(chat.get("id", ""))
        self._known[key] = dict(chat)
        if key in self._open and self._open[key].chat != chat:
            self._open[key].update(chat)
        self._show()
        self.changed.emit()

    def _removed(self, chat: Tree) -> None:
        key = str(chat.get("id", ""))
        self._known.pop(key, None)
        gone = self._open.pop(key, None)
        if gone is not None and gone is self._current:
            self._open[key] = gone  # until another one has taken its place
            self.newChat()
            self._open.pop(key)
        if gone is not None:
            gone.close()
            gone.deleteLater()
        self._show()
        self.changed.emit()
        title = isolated(chat.get("title") or translate("Chat", "New chat"), 50)

        def restore() -> None:
            self._link.api.post(f"/api/chats/{key}/restore").then(self._restored).otherwise(self._say)

        self._undo.offer("chat", translate("Chat", "Chat deleted: {title}").format(title=title), restore)
        if self._searching is not None:
            self._searching.again()

    def _restored(self, chat: Tree) -> None:
        self._touched(chat)
        self.open(str(chat.get("id", "")))
        if self._searching is not None:
            self._searching.again()

    def _imported(self, chats: list[Tree]) -> None:
        for chat in chats:
            self._touched(chat)
        if chats:
            self.open(str(chats[0].get("id", "")))

    def _show(self) -> None:
        now, writing = time.time(), self._writing()
        ordered = sorted(self._known.values(), key=lambda chat: -float(chat.get("updated_at") or 0))
        self._rows.update(
            [
                {
                    "key": str(chat["id"]),
                    "title": one_line(chat.get("title") or translate("Chat", "New chat"), 120),
                    "group": heading(float(chat.get("updated_at") or 0), now),
                    "writing": str(chat["id"]) in writing,
                    "model": people.short_name(str(chat.get("model") or "")),
                }
                for chat in ordered
            ]
        )

    def _show_writing(self) -> None:
        shown = {row["key"] for row in self._rows.rows if row["writing"]}
        if shown != self._writing() & set(self._known):
            self._show()

    def _writing(self) -> set[str]:
        answers = [answer for answer in self._link.mirror.part("chats").values() if isinstance(answer, dict)]
        told = {str(answer["conversation"]) for answer in answers if "conversation" in answer}
        return told | {key for key, conversation in self._open.items() if conversation.is_writing}

    # Inside: the node

    @property
    def _connected(self) -> bool:
        return str(self._link.status) == "connected"

    def _node_text(self) -> str:
        status = str(self._link.status)
        if status == "connected":
            return ""
        if status == "starting":
            return translate("Chat", "Meadow is starting. You can write already.")
        said = one_line(self._link.message, 300)
        if status == "lost":
            return translate("Chat", "Meadow's node is gone for the moment; it is looked for. Nothing is lost.")
        return said or translate("Chat", "Meadow's node cannot be started.")

    def _context_of(self, model: str) -> int | None:
        """How many tokens a model can take; asked once, when it is first needed."""
        if model and model not in self._contexts and self._connected:
            self._contexts[model] = None

            def known(info: Any) -> None:
                context = info.get("context") if isinstance(info, dict) else None
                self._contexts[model] = int(context) if isinstance(context, int) and context > 0 else None
                for conversation in self._open.values():
                    conversation.changed.emit()

            self._link.api.get("/api/models/info", {"model": model}).then(known).otherwise(lambda failure: None)
        return self._contexts.get(model)

    def _tree_changed(self, keys: frozenset[str]) -> None:
        if keys & _SHOWN_KEYS:
            self._current.tree_changed()
        if "chats" in keys:
            writing = self._writing()
            for key, conversation in self._open.items():
                # Another program asks in a chat that is open here.
                if key in writing and not conversation.is_writing and conversation is self._current:
                    conversation.load()
            if writing - set(self._known):
                self._soon.start()
            self._show_writing()

    def _status_changed(self) -> None:
        if not self._connected and self._call is not None:
            self._call.cancel()
            self._call = None
        for conversation in self._open.values():
            conversation.changed.emit()
        self.changed.emit()
        self._availability.changed.emit()

    def _node_is_there(self) -> None:
        self._contexts = {model: context for model, context in self._contexts.items() if context}
        self.refresh()
        for conversation in self._open.values():
            conversation.connected()
        self.changed.emit()
        self._availability.changed.emit()

    def _say(self, failure: Failure) -> None:
        self._link.trouble.emit(one_line(failure.message, 600))
