"""Search over all chats, as the person types: titles and messages, with the found words marked in a snippet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Property, QObject, QTimer, Signal, Slot

from meadow_app.rows import Rows
from meadow_app.text.plain import one_line

if TYPE_CHECKING:
    from meadow_app.link.call import Call, Failure
    from meadow_app.link.node import NodeLink

Tree = Mapping[str, Any]
PAUSE_MS = 180
"""After the last key: a word that is being typed is not searched for letter by letter."""
PAGE = 40
_BEFORE, _LONGEST = 24, 160
_MOST = 200  # characters of a query that the node takes


def marked(snippet: str, highlights: Sequence[Any]) -> list[dict[str, Any]]:
    """The snippet in pieces ``{"text", "hit"}``, from shortly before the first hit on: a line of a list is short.

    ``highlights`` count Unicode code points, as the node does. Pieces are made fit for labels one by one.
    """
    places: list[tuple[int, int]] = []
    for place in highlights:
        if isinstance(place, list | tuple) and len(place) == 2 and all(type(bound) is int for bound in place):
            start, end = (min(max(0, bound), len(snippet)) for bound in place)
            if start < end and (not places or start >= places[-1][1]):
                places.append((start, end))
    if not places:
        return [{"text": one_line(snippet, _LONGEST), "hit": False}] if snippet else []
    at = max(0, places[0][0] - _BEFORE)
    pieces: list[tuple[str, bool]] = []
    if at:
        at = snippet.rfind(" ", 0, places[0][0] - _BEFORE // 2) + 1 if " " in snippet[at : places[0][0]] else at
        pieces.append(("…", False))
    for start, end in places:
        pieces += [(snippet[at:start], False), (snippet[start:end], True)]
        at = end
    pieces.append((snippet[at : at + _LONGEST], False))
    shown = []
    for text, hit in pieces:
        line = one_line(text, _LONGEST)
        if not line:
            line = " " if text.isspace() else ""
        else:  # the spaces between the pieces are the words' own
            line = (" " if text[:1].isspace() else "") + line + (" " if text[-1:].isspace() else "")
        if line:
            shown.append({"text": line, "hit": hit})
    return shown


class Searching(QObject):
    """``query`` is what is in the field; ``found`` the hits, titles first, then messages, the newest first."""

    changed = Signal()

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._query = ""
        self._found = Rows(("chat", "message", "title", "pieces", "spoken", "isTitle"), self)
        self._next: int | None = None
        self._call: Call | None = None
        self._problem = ""
        self._answered = ""
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self._ask)

    found = Property(QObject, lambda self: self._found, constant=True)
    active = Property(bool, lambda self: bool(self._query.strip()), notify=changed)
    busy = Property(bool, lambda self: self._timer.isActive() or self._call is not None, notify=changed)
    nothing = Property(
        bool,
        lambda self: bool(self._query.strip()) and self._answered == self._query and not self._found.rows,
        notify=changed,
    )
    problem = Property(str, lambda self: self._problem, notify=changed)

    def _set_query(self, query: str) -> None:
        query = query[:_MOST]
        if query == self._query:
            return
        self._query = query
        self._cancel()
        if query.strip():
            self._timer.start()
        else:
            self._timer.stop()
            self._found.update([])
        self.changed.emit()

    query = Property(str, lambda self: self._query, _set_query, notify=changed)

    @Slot()
    def again(self) -> None:
        """Search for the same once more: chats changed."""
        if self._query.strip():
            self._timer.start()

    @Slot()
    def more(self) -> None:
        """Get older hits."""
        if self._next is not None and self._call is None:
            self._request({"before": self._next}, self._found.rows)

    def _cancel(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _ask(self) -> None:
        self._cancel()
        self._request({}, [])

    def _request(self, query: dict[str, Any], before: list[dict[str, Any]]) -> None:
        asked = self._query
        self._call = self._link.api.get("/api/chats/search", {"q": asked, "limit": PAGE, **query})
        self._call.then(lambda page: self._show(asked, before, page)).otherwise(self._refused)
        self.changed.emit()

    def _show(self, asked: str, before: list[dict[str, Any]], page: Tree) -> None:
        self._call, self._problem, self._answered = None, "", asked
        self._next = page.get("next")
        self._found.update([*before, *(_row(found) for found in page.get("found") or () if isinstance(found, dict))])
        self.changed.emit()

    def _refused(self, failure: Failure) -> None:
        self._call, self._problem = None, one_line(failure.message, 300)
        self.changed.emit()


def _row(found: Tree) -> dict[str, Any]:
    chat, message = str(found.get("chat_id", "")), found.get("message_id")
    pieces = marked(str(found.get("snippet", "")), found.get("highlights") or ())
    title = one_line(found.get("title", ""), 120)
    return {
        "key": f"{chat}/{message if message is not None else 'title'}",
        "chat": chat,
        "message": "" if message is None else str(message),
        "title": title,
        "pieces": pieces,
        "spoken": title if message is None else f"{title}: {''.join(piece['text'] for piece in pieces)}",
        "isTitle": message is None,
    }
