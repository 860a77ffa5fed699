"""Chats as files: export to Markdown or JSON, and import of both. The node makes and reads the text; large exports go
to the disk without being parsed here."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Property, QCoreApplication, QFile, QIODevice, QObject, QStandardPaths, QUrl, Signal, Slot

from meadow_app.text.plain import isolated, one_line

if TYPE_CHECKING:
    from meadow_app.link.call import Call, Failure
    from meadow_app.link.node import NodeLink

translate = QCoreApplication.translate
MAX_IMPORT: Final = 4 << 20
"""Characters that the node takes at once; the body of a request is bounded by as many bytes."""
_ENDINGS: Final = {"markdown": "md", "json": "json"}
_FORBIDDEN: Final = set('/\\:*?"<>|')


def file_name(title: str, kind: str) -> str:
    """A name for a file, from a title that may hold anything."""
    name = "".join("-" if character in _FORBIDDEN else character for character in one_line(title, 60))
    name = name.strip(" .…-") or translate("Chat", "Chat")
    return f"{name}.{_ENDINGS[kind]}"


class Files(QObject):
    """``done`` and ``failed`` say in a sentence how it went."""

    changed = Signal()
    done = Signal(str)
    failed = Signal(str)
    imported = Signal(object)
    """The new chats."""

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._busy = 0

    busy = Property(bool, lambda self: self._busy > 0, notify=changed)

    @Slot(str, str, result=QUrl)
    def suggestion(self, title: str, kind: str) -> QUrl:
        """Where a file dialog begins."""
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        return QUrl.fromLocalFile(os.path.join(folder, file_name(title, kind)))

    @Slot(str, str, QUrl)
    def exportChat(self, chat_id: str, kind: str, file: QUrl) -> None:
        """Write one chat: ``kind`` "markdown" (the chosen path) or "json" (everything)."""
        self._save(f"/api/chats/{chat_id}/export", {"format": kind}, file)

    @Slot(QUrl)
    def exportAll(self, file: QUrl) -> None:
        """Write all chats, one JSON document a line."""
        self._save("/api/chats/export", None, file)

    @Slot(QUrl)
    def importFile(self, file: QUrl) -> None:
        """Read chats from a file of either kind; all of it, or nothing."""
        path = file.toLocalFile()
        source = QFile(path)
        if not source.open(QIODevice.OpenModeFlag.ReadOnly):
            self.failed.emit(translate("Chat", "This file cannot be read: {why}.").format(why=source.errorString()))
            return
        if source.size() > MAX_IMPORT:
            self.failed.emit(
                translate("Chat", "This file is larger than 4 MB, which is the most that can be imported at once.")
            )
            return
        data = bytes(source.readAll().data())
        source.close()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            self.failed.emit(translate("Chat", "This file is no text in UTF-8, so it holds no chats."))
            return
        documents = _documents(text)
        self._import(documents, [], isolated(os.path.basename(path), 60))

    def _import(self, documents: list[tuple[str, str]], chats: list[Any], name: str) -> None:
        """One after the other: an export of all chats has a document on each line."""
        (kind, content), rest = documents[0], documents[1:]

        def then(body: Any) -> None:
            chats.extend(chat for chat in body.get("chats", ()) if isinstance(chat, dict))
            if rest:
                self._import(rest, chats, name)
                return
            self.imported.emit(chats)
            form = translate("Chat", "1 chat was imported from {file}.")
            if len(chats) != 1:
                form = translate("Chat", "{number} chats were imported from {file}.")
            self.done.emit(form.format(number=len(chats), file=name))

        self._run(self._link.api.post("/api/chats/import", {"format": kind, "content": content}), then)

    def _save(self, path: str, query: dict[str, str] | None, file: QUrl) -> None:
        target = file.toLocalFile()
        if not target:
            self.failed.emit(translate("Chat", "Chats can be written to files of this computer only."))
            return
        name = isolated(os.path.basename(target), 80)
        self._run(
            self._link.api.save(path, query, target),
            lambda _: self.done.emit(translate("Chat", "Written to {file}.").format(file=name)),
        )

    def _run(self, call: Call, then: Callable[[Any], object]) -> None:
        self._busy += 1
        self.changed.emit()

        def over(outcome: Callable[[], object]) -> None:
            self._busy -= 1
            self.changed.emit()
            outcome()

        def refused(failure: Failure) -> None:
            over(lambda: self.failed.emit(one_line(failure.message, 600)))

        call.then(lambda body: over(lambda: then(body))).otherwise(refused)


def _documents(text: str) -> list[tuple[str, str]]:
    """What a file holds: JSON (one document, or one on each line), else Markdown."""
    if not text.lstrip().startswith("{"):
        return [("markdown", text)]
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.startswith("{") and line.rstrip().endswith("}") for line in lines):
        return [("json", line) for line in lines]
    return [("json", text)]
