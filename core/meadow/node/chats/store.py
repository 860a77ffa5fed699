"""Everything that is kept of conversations: one SQLite file, used by one thread.

``ChatStore`` blocks and belongs to the thread that made it. ``AsyncChatStore`` in ``facade`` gives it one.

What a person wrote and every finished answer is on the disk (fsync) when its method returns. Text of a running answer
is handed to the operating system only: it survives a killed process, not a power cut.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from meadow.errors import DiskFull
from meadow.node.chats import tree
from meadow.node.chats.errors import BadRequest, UnknownMessage, explained
from meadow.node.chats.importing import ImportedChat
from meadow.node.chats.records import Answer, Chat, Found, Message, Role, Settings, State
from meadow.node.chats.schema import STEPS, Step
from meadow.node.chats.search import search
from meadow.node.chats.upgrade import open_database

MAX_PAGE = 200
_TITLE = 60  # characters of a first message that become the title


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What a person, or the program that ran a tool, adds to a chat."""

    content: str
    role: Role = "user"
    tool_call_id: str | None = None


class ChatStore:
    """All methods raise UnknownChat, UnknownMessage, DiskFull, DamagedStore or StoreUnusable."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time, steps: Sequence[Step] = STEPS) -> None:
        """Open or make the file. Answers that a killed process left unfinished become "interrupted", with their text.

        Raises NewerStore, DamagedStore, StoreInUse, StoreUnusable, or DiskFull (only where the file must be made or
        upgraded; what is there can be read on a full disk).
        """
        self.file = path
        self._clock = clock
        self._db = open_database(path, steps)
        self._db.row_factory = sqlite3.Row
        self._running: set[int] = set()
        self.commits = 0
        """Transactions that are in the file since it was opened."""
        with suppress(DiskFull):  # then they are read as interrupted, and become so at a later start
            self._recover()

    def close(self) -> None:
        """Fold the log into the file and let others have it."""
        with explained(self.file):
            self._db.close()

    # Chats

    def add_chat(
        self, *, title: str = "", model: str | None = None, system_prompt: str = "", settings: Settings | None = None
    ) -> Chat:
        """An empty chat. Without a title it takes the beginning of the first message."""
        with self._transaction() as db:
            now = self._clock()
            chat = Chat(
                id=secrets.token_hex(16),
                title=title,
                model=model,
                system_prompt=system_prompt,
                settings=settings or Settings(),
                created_at=now,
                updated_at=now,
            )
            _insert_chat(db, chat)
            return chat

    def chat(self, chat_id: str, *, deleted: bool = False) -> Chat:
        """One chat; a deleted one only if asked for."""
        with explained(self.file):
            number = tree.chat_number(self._db, chat_id, deleted=deleted)
            return _chat(self._db.execute("SELECT * FROM chats WHERE number = ?", (number,)).fetchone())

    def chats(self, limit: int = 50, after: str | None = None, *, deleted: bool = False) -> list[Chat]:
        """One page, the last used first. ``after``: the id of the last chat of the page before."""
        with explained(self.file):
            where, arguments = f"deleted_at IS {'NOT ' if deleted else ''}NULL", []
            if after is not None:
                last = self.chat(after, deleted=True)
                number = tree.chat_number(self._db, after, deleted=True)
                where += " AND (updated_at, number) < (?, ?)"
                arguments = [last.updated_at, number]
            rows = self._db.execute(
                f"SELECT * FROM chats WHERE {where} ORDER BY updated_at DESC, number DESC LIMIT ?",
                (*arguments, max(1, min(limit, MAX_PAGE))),
            )
            return [_chat(row) for row in rows]

    def change_chat(
        self,
        chat_id: str,
        *,
        title: str | None = None,
        model: str | None = None,
        system_prompt: str | None = None,
        settings: Settings | None = None,
        forget_model: bool = False,
    ) -> Chat:
        """Change what is given (``settings`` as a whole) and leave the rest. ``forget_model``: use the default one."""
        changes = {
            "title": title,
            "model": model,
            "system_prompt": system_prompt,
            "settings": settings.dumped() if settings is not None else None,
        }
        with self._transaction() as db:
            number = tree.chat_number(db, chat_id)
            for column, value in changes.items():
                if value is not None:
                    db.execute(f"UPDATE chats SET {column} = ? WHERE number = ?", (value, number))
            if forget_model:
                db.execute("UPDATE chats SET model = NULL WHERE number = ?", (number,))
        return self.chat(chat_id)

    def delete_chat(self, chat_id: str) -> Chat:
        """Hide a chat until it is restored or purged."""
        with self._transaction() as db:
            number = tree.chat_number(db, chat_id)
            db.execute("UPDATE chats SET deleted_at = ? WHERE number = ?", (self._clock(), number))
        return self.chat(chat_id, deleted=True)

    def restore_chat(self, chat_id: str) -> Chat:
        """Undo ``delete_chat``."""
        with self._transaction() as db:
            number = tree.chat_number(db, chat_id, deleted=True)
            db.execute("UPDATE chats SET deleted_at = NULL WHERE number = ?", (number,))
        return self.chat(chat_id)

    def purge(self, deleted_before: float) -> bool:
        """Remove for good what was deleted before that time (seconds since 1970); whether there was anything.

        The text is overwritten in the file and taken out of the search index.
        """
        with self._transaction() as db:
            chats = db.execute("DELETE FROM chats WHERE deleted_at < ?", (deleted_before,)).rowcount
            messages = db.execute(
                "DELETE FROM messages WHERE deleted_with IS NOT NULL AND deleted_at < ?", (deleted_before,)
            ).rowcount
            if chats + messages:
                # A deleted row's words stay in the index until its parts are merged.
                for table in ("message_words", "title_words"):
                    db.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
        return chats + messages > 0

    # Messages

    def message(self, chat_id: str, message_id: int) -> Message:
        """One message with its siblings."""
        with explained(self.file):
            number = tree.chat_number(self._db, chat_id)
            return self._message(chat_id, number, tree.require(self._db, number, message_id))

    def path(self, chat_id: str, limit: int | None = MAX_PAGE, before: int | None = None) -> list[Message]:
        """The end of the chosen path, or what comes before the message ``before``; at most ``limit`` (None: all of
        it), oldest first."""
        with explained(self.file):
            number = tree.chat_number(self._db, chat_id)
            last = tree.leaf(self._db, number) if before is None else tree.require(self._db, number, before)["parent"]
            rows = tree.path(self._db, last, None if limit is None else max(1, min(limit, MAX_PAGE)))
            return [self._message(chat_id, number, row) for row in rows]

    def ancestry(self, chat_id: str, message_id: int) -> list[Message]:
        """All messages from the first one to this one, without their siblings."""
        with explained(self.file):
            number = tree.chat_number(self._db, chat_id)
            tree.require(self._db, number, message_id)
            return [self._message(chat_id, number, row, siblings=False) for row in tree.path(self._db, message_id)]

    def whole(self, chat_id: str) -> tuple[list[Message], list[int | None]]:
        """All messages of all branches, oldest first, and the ids that are chosen: first below the chat, then below
        each message."""
        with explained(self.file):
            number = tree.chat_number(self._db, chat_id)
            (first,) = self._db.execute("SELECT chosen FROM chats WHERE number = ?", (number,)).fetchone()
            rows = self._db.execute(
                "SELECT * FROM messages WHERE chat = ? AND deleted_at IS NULL ORDER BY id", (number,)
            ).fetchall()
            messages = [self._message(chat_id, number, row, siblings=False) for row in rows]
            return messages, [first, *(row["chosen"] for row in rows)]

    def add_message(self, chat_id: str, parent_id: int | None, new: NewMessage, *, first: bool = False) -> Message:
        """A message that is not answered yet, below ``parent_id``: None is the end of the chosen path, or with
        ``first`` the beginning of the chat."""
        with self._transaction() as db:
            number = tree.chat_number(db, chat_id)
            return self.message(chat_id, self._add(db, number, self._parent(number, parent_id, first), new))

    def begin_answer(
        self, chat_id: str, parent_id: int | None, answer: Answer, new: NewMessage | None = None, *, first: bool = False
    ) -> tuple[Message | None, Message]:
        """The new message, if there is one, and an empty answer below it, both or neither."""
        with self._transaction() as db:
            number = tree.chat_number(db, chat_id)
            parent = self._parent(number, parent_id, first)
            if new is not None:
                parent = self._add(db, number, parent, new)
            elif parent is None:
                raise BadRequest("There is nothing to answer yet. Write a message first.")
            message = tree.add(db, number, parent, "assistant", "", self._clock(), state="streaming", answer=answer)
            question = None if new is None or parent is None else self.message(chat_id, parent)
        # Only now: a commit that failed has left nothing behind.
        self._running.add(message)
        return question, self.message(chat_id, message)

    def save_piece(self, message_id: int, start: int, text: str) -> None:
        """Text of a running answer from character ``start`` on. The same piece may come again, also with more text."""
        with self._transaction(durable=False) as db:
            row = db.execute("SELECT state FROM messages WHERE id = ?", (message_id,)).fetchone()
            if row is None or row["state"] != "streaming":
                raise UnknownMessage("This answer is not running any more.")
            db.execute("INSERT OR REPLACE INTO pieces VALUES (?, ?, ?)", (message_id, start, text))

    def finish(self, message_id: int, content: str, state: State, answer: Answer) -> None:
        """The end of a running answer, with all of its text. Harmless when it is told again."""
        with self._transaction() as db:
            self._finish(db, message_id, content, state, answer.dumped())
        self._running.discard(message_id)

    def choose(self, chat_id: str, message_id: int) -> None:
        """Let the chosen path of the chat go through this message."""
        with self._transaction() as db:
            number = tree.chat_number(db, chat_id)
            tree.require(db, number, message_id)
            tree.choose(db, number, message_id)

    def delete_message(self, chat_id: str, message_id: int) -> None:
        """Hide a message and all that follows it, until it is restored or purged."""
        with self._transaction() as db:
            tree.delete(db, tree.chat_number(db, chat_id), message_id, self._clock())

    def restore_message(self, chat_id: str, message_id: int) -> Message:
        """Undo ``delete_message``."""
        with self._transaction() as db:
            tree.restore(db, tree.chat_number(db, chat_id), message_id)
        return self.message(chat_id, message_id)

    # All chats

    def search(self, query: str, limit: int = 50, before: int | None = None) -> list[Found]:
        """Where all words of ``query`` are; see ``search.search``."""
        with explained(self.file):
            return search(self._db, query, max(1, min(limit, MAX_PAGE)), before)

    def import_chats(self, chats: Sequence[ImportedChat]) -> list[Chat]:
        """Add checked chats as new ones; all or none."""
        added = []
        with self._transaction() as db:
            for imported in chats:
                chat = imported.chat(secrets.token_hex(16), self._clock())
                number = _insert_chat(db, chat)
                ids: list[int] = []
                for message in imported.messages:
                    parent = None if message.parent is None else ids[message.parent]
                    ids.append(
                        tree.insert(
                            db,
                            number,
                            parent,
                            message.role,
                            message.content,
                            message.created_at if message.created_at is not None else chat.created_at,
                            state=message.state,
                            tool_call_id=message.tool_call_id,
                            answer=message.answer,
                            finished_at=message.finished_at,
                        )
                    )
                for message, identity in zip(imported.messages, ids, strict=True):
                    if message.chosen is not None:
                        db.execute("UPDATE messages SET chosen = ? WHERE id = ?", (ids[message.chosen], identity))
                if imported.chosen is not None:
                    db.execute("UPDATE chats SET chosen = ? WHERE number = ?", (ids[imported.chosen], number))
                added.append(chat)
        return added

    def check(self) -> list[str]:
        """What SQLite's own checks of the file and of the search index find; empty when all is well."""
        with explained(self.file):
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check")]
            found += [str(tuple(row)) for row in self._db.execute("PRAGMA foreign_key_check")]
            for table in ("message_words", "title_words"):
                self._db.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
            return [line for line in found if line != "ok"]

    # Inside

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        with explained(self.file):
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
                self.commits += 1
            except BaseException:
                if self._db.in_transaction:  # SQLite ends it by itself after some errors
                    self._db.execute("ROLLBACK")
                raise

    def _recover(self) -> None:
        with explained(self.file):
            rows = self._db.execute("SELECT id, answer FROM messages WHERE state = 'streaming'").fetchall()
        if rows:
            with self._transaction() as db:
                for row in rows:
                    self._finish(db, row["id"], self._pieces(row["id"]), "interrupted", row["answer"])

    def _parent(self, number: int, parent_id: int | None, first: bool) -> int | None:
        if first or parent_id is not None:
            return parent_id
        return tree.leaf(self._db, number)

    def _add(self, db: sqlite3.Connection, number: int, parent: int | None, new: NewMessage) -> int:
        message = tree.add(db, number, parent, new.role, new.content, self._clock(), tool_call_id=new.tool_call_id)
        if new.role == "user":
            title = " ".join(new.content[: 4 * _TITLE].split())
            title = title if len(title) <= _TITLE else title[: _TITLE - 1].rstrip() + "…"
            db.execute("UPDATE chats SET title = ? WHERE number = ? AND title = ''", (title, number))
        return message

    def _finish(self, db: sqlite3.Connection, message: int, content: str, state: State, answer: str | None) -> None:
        now = self._clock()
        changed = db.execute(
            "UPDATE messages SET content = ?, state = ?, answer = ?, finished_at = ? "
            "WHERE id = ? AND state = 'streaming' RETURNING chat",
            (content, state, answer, now, message),
        ).fetchone()
        if changed is not None:
            db.execute("DELETE FROM pieces WHERE message = ?", (message,))
            db.execute("UPDATE chats SET updated_at = ? WHERE number = ?", (now, changed["chat"]))

    def _pieces(self, message: int) -> str:
        rows = self._db.execute("SELECT text FROM pieces WHERE message = ? ORDER BY start", (message,))
        return "".join(row["text"] for row in rows)

    def _message(self, chat_id: str, number: int, row: sqlite3.Row, *, siblings: bool = True) -> Message:
        content, state = row["content"], row["state"]
        if state == "streaming":
            content = self._pieces(row["id"])
            state = state if row["id"] in self._running else "interrupted"
        return Message(
            id=row["id"],
            chat_id=chat_id,
            parent_id=row["parent"],
            role=row["role"],
            content=content,
            state=state,
            created_at=row["created_at"],
            finished_at=row["finished_at"],
            tool_call_id=row["tool_call_id"],
            answer=Answer.model_validate_json(row["answer"]) if row["answer"] else None,
            siblings=tree.siblings(self._db, number, row["parent"]) if siblings else (),
            deleted_at=row["deleted_at"],
        )


def _insert_chat(db: sqlite3.Connection, chat: Chat) -> int:
    cursor = db.execute(
        "INSERT INTO chats (id, title, model, system_prompt, settings, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            chat.id,
            chat.title,
            chat.model,
            chat.system_prompt,
            chat.settings.dumped(),
            chat.created_at,
            chat.updated_at,
        ),
    )
    return int(cursor.lastrowid or 0)


def _chat(row: sqlite3.Row) -> Chat:
    return Chat(
        id=row["id"],
        title=row["title"],
        model=row["model"],
        system_prompt=row["system_prompt"],
        settings=Settings.model_validate(json.loads(row["settings"])),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted_at=row["deleted_at"],
    )
