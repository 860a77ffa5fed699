"""One message as the chat page shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Property, QCoreApplication, QObject, Signal, Slot

from meadow_app import figures
from meadow_app.chat import facts, people
from meadow_app.text.plain import clean

if TYPE_CHECKING:
    from meadow_app.text.document import MessageDocument

Tree = Mapping[str, Any]
translate = QCoreApplication.translate
SHOWN_AT_FIRST = 4000
SHOWN_AT_MOST = 200_000
"""Characters of a question. A pasted book is folded, and copying copies all of it."""


class Message(QObject):
    """``data`` is the node's; while the answer is written, ``text`` runs ahead of it."""

    changed = Signal()
    textChanged = Signal()
    documentChanged = Signal()

    def __init__(self, data: Tree, tree: Callable[[], Tree], parent: QObject | None = None) -> None:
        """``tree`` gives the state tree, for names of peers."""
        super().__init__(parent)
        self.data = dict(data)
        self._tree = tree
        self._pieces: list[str] = []
        self._text = str(data.get("content", ""))
        self._document: MessageDocument | None = None
        self._shown = 0
        self._unfolded = False
        self._notice, self._lost, self._refusal = "", False, ""
        self._stopping = False
        self._stored: str | None = None  # what the node kept, where that is only the beginning of the text

    # What it is

    @property
    def number(self) -> int:
        """Its id; larger than QML's integers can be."""
        return int(self.data["id"])

    key = Property(str, lambda self: str(self.data["id"]), constant=True)
    role = Property(str, lambda self: str(self.data.get("role", "")), constant=True)
    question = Property(bool, lambda self: self.data.get("role") == "user", constant=True)
    answer = Property(bool, lambda self: self.data.get("role") == "assistant", constant=True)
    state = Property(str, lambda self: str(self.data.get("state", "")), notify=changed)
    writing = Property(bool, lambda self: self.data.get("state") == "streaming", notify=changed)
    empty = Property(bool, lambda self: not self.text, notify=textChanged)
    stopping = Property(bool, lambda self: self._stopping, notify=changed)
    when = Property(str, lambda self: figures.moment(_created(self.data), time.time()), notify=changed)

    @property
    def text(self) -> str:
        """All of it, as it was written."""
        if self._pieces:
            self._text += "".join(self._pieces)
            self._pieces.clear()
        return self._text

    @Slot(result=str)
    def wholeText(self) -> str:
        """All of it, to be edited."""
        return self.text

    def _shown_text(self) -> str:
        return clean(self.text[: SHOWN_AT_MOST if self._unfolded else SHOWN_AT_FIRST])

    plain = Property(str, _shown_text, notify=textChanged)
    """The text of a question without what could deceive; folded when it is long."""
    folded = Property(bool, lambda self: not self._unfolded and len(self.text) > SHOWN_AT_FIRST, notify=textChanged)

    @Slot()
    def unfold(self) -> None:
        """Show more of a long question."""
        self._unfolded = True
        self.textChanged.emit()

    # Branches

    branch = Property(int, lambda self: self.siblings.index(self.number) + 1, notify=changed)
    branches = Property(int, lambda self: len(self.siblings), notify=changed)

    def _model(self) -> str:
        return people.told_apart(self._tree(), str(self.facts.get("model", "")))

    def _branch_text(self) -> str:
        return translate("Chat", "{number} of {count}").format(
            number=figures.number(self.siblings.index(self.number) + 1), count=figures.number(len(self.siblings))
        )

    branchText = Property(str, _branch_text, notify=changed)

    @property
    def siblings(self) -> list[int]:
        """All versions in its place, oldest first."""
        found = [int(one) for one in self.data.get("siblings") or ()]
        return found if self.number in found else [self.number]

    # How it came about

    model = Property(str, lambda self: self._model(), notify=changed)
    speedText = Property(str, lambda self: facts.speed_text(self._tree(), self.facts), notify=changed)
    firstTokenText = Property(str, lambda self: facts.first_token_text(self.facts), notify=changed)
    movedText = Property(str, lambda self: facts.moved_text(self._tree(), self.facts), notify=changed)
    hasRoute = Property(bool, lambda self: bool(facts.route_of(self.facts)), notify=changed)
    hops = Property(list, lambda self: facts.hop_rows(self._tree(), self.facts), notify=changed)
    details = Property(list, lambda self: facts.details(self.facts), notify=changed)
    outcome = Property(str, lambda self: self._refusal or self._outcome()[1], notify=changed)
    """How it ended when it did not simply end, in a sentence."""
    outcomeKind = Property(str, lambda self: "error" if self._refusal else self._outcome()[0], notify=changed)
    errorCode = Property(str, lambda self: facts.error_code(self.data), notify=changed)
    notice = Property(str, lambda self: self._now_notice(), notify=changed)
    """What matters while it is being written."""

    @property
    def facts(self) -> Tree:
        """The answer's facts."""
        return facts.answer_of(self.data)

    # For the view

    document = Property(QObject, lambda self: self._document, notify=documentChanged)
    """The text in blocks, while somebody looks at it; else null."""

    @Slot()
    def shown(self) -> None:
        """For the view: an item shows it from now on."""
        self.parent().appear(self)  # type: ignore[union-attr, attr-defined]

    @Slot()
    def hidden(self) -> None:
        """For the view: the item shows something else, or is gone."""
        self.parent().disappear(self)  # type: ignore[union-attr, attr-defined]

    def appear(self) -> None:
        """An item shows it from now on."""
        self._shown += 1
        if self._document is None:
            self._open_document()

    def disappear(self) -> bool:
        """One item less shows it. True: none does."""
        self._shown = max(0, self._shown - 1)
        return not self._shown

    def forget_document(self) -> None:
        """Nobody looks: its blocks need not be in memory."""
        if not self._shown and self._document is not None:
            document, self._document = self._document, None
            self.documentChanged.emit()
            document.deleteLater()

    # What happens to it

    def update(self, data: Tree) -> None:
        """The node says how it is now."""
        was_writing = self.writing
        self.data = dict(data)
        content = str(data.get("content", ""))
        if not self.writing:
            self._notice, self._lost, self._stopping = "", False, False
        # While it is written, what we have heard is newer than what is stored.
        if content != self.text and (not self.writing or len(content) > len(self.text)):
            if data.get("state") == "interrupted":
                self.keep_beyond(content)
            else:
                self.replace(content)
        if was_writing and not self.writing:
            self._close_document()
        self.changed.emit()

    def append(self, text: str) -> None:
        """More text came."""
        if self._stored is not None:  # it follows what the node kept, not what was lost with it
            self.replace(self._stored)
        self._pieces.append(text)
        if self._document is not None:
            self._document.append(text)
        self.textChanged.emit()

    def replace(self, text: str) -> None:
        """This is the text."""
        self._stored = None
        self._pieces.clear()
        self._text = text
        if self._document is not None:
            # One that streams cannot be taken back: another one takes its place.
            self._document.deleteLater()
            self._open_document()
        self.textChanged.emit()

    def keep_beyond(self, text: str) -> None:
        """The node has this. Where that is only the beginning of what was heard, the rest stays on the screen."""
        if len(text) < len(self.text) and self.text.startswith(text):
            self._stored = text
        else:
            self.replace(text)

    def notify(self, notice: str) -> None:
        """A sentence while it goes on; empty: that is over."""
        if notice != self._notice:
            self._notice = notice
            self.changed.emit()

    def set_lost(self, lost: bool) -> None:
        """Whether the node cannot be heard now."""
        if lost != self._lost:
            self._lost = lost
            self.changed.emit()

    def set_stopping(self) -> None:
        """The person wants it to end."""
        self._stopping = True
        self.changed.emit()

    def refuse(self, sentence: str) -> None:
        """It cannot be heard any more."""
        self._refusal = sentence
        self.data["state"] = "interrupted"
        self._close_document()
        self.changed.emit()

    def _open_document(self) -> None:
        from meadow_app.text.document import MessageDocument  # what the first frame needs is loaded first

        if self.writing:
            self._document = MessageDocument(None, self)
            self._document.append(self.text)
        else:
            self._document = MessageDocument(self.text, self)
        self.documentChanged.emit()

    def _close_document(self) -> None:
        if self._document is not None:
            self._document.finish()

    def _outcome_kind(self) -> str:
        return "error" if self._refusal else self._outcome()[0]

    def _outcome(self) -> tuple[str, str]:
        return facts.outcome(self._now(), unstored=self._stored is not None)

    def _now(self) -> Tree:
        return {**self.data, "content": self.text} if self.data.get("role") == "assistant" else {}

    def _now_notice(self) -> str:
        if self.writing and self._lost:
            return translate("Chat", "Meadow's node does not answer now. The text stays; what comes next is added.")
        return self._notice


def _created(data: Tree) -> float:
    return figures.quantity(data, "created_at") or 0.0
