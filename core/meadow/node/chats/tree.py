"""The tree of messages of a chat: paths, branches, siblings, and what is deleted. Functions on an open transaction.

An edit is a new sibling of the edited message, a regenerated answer a sibling of the answer. The chosen path goes
from the chat's ``chosen`` message along each message's ``chosen`` child to the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from meadow.node.chats.errors import BadRequest, UnknownChat, UnknownMessage
from meadow.node.chats.records import Answer, Message, Role, State

_ANCESTORS = """
WITH RECURSIVE up (id, parent, depth) AS (
  SELECT id, parent, 0 FROM messages WHERE id = ?
  UNION ALL
  SELECT m.id, m.parent, up.depth + 1 FROM up JOIN messages m ON m.id = up.parent
  WHERE m.id < up.id AND up.depth + 1 < ?
)
"""
_LEAF = """
WITH RECURSIVE down (id, chosen) AS (
  SELECT m.id, m.chosen FROM messages m WHERE m.id = ?
  UNION ALL
  SELECT m.id, m.chosen FROM down JOIN messages m ON m.id = down.chosen WHERE m.id > down.id
)
SELECT max(id) FROM down
"""
_SUBTREE = """
WITH RECURSIVE below (id) AS (
  SELECT ?
  UNION ALL
  SELECT m.id FROM below JOIN messages m ON m.parent = below.id WHERE m.id > below.id
)
"""
_EVERYTHING = 1 << 40


def chat_number(db: sqlite3.Connection, chat_id: str, *, deleted: bool = False) -> int:
    """The row of a chat. Raises UnknownChat; a deleted one counts as unknown unless ``deleted``."""
    row = db.execute("SELECT number, deleted_at FROM chats WHERE id = ?", (chat_id,)).fetchone()
    if row is None or (row[1] is not None and not deleted):
        raise UnknownChat("This chat does not exist any more.")
    return int(row[0])


def require(db: sqlite3.Connection, chat: int, message: int) -> sqlite3.Row:
    """The row of a message that is in this chat and not deleted. Raises UnknownMessage."""
    # Ids beyond 64 bits cannot be asked for; there is no such message either.
    row = None
    if 0 < message < 2**63:
        row = db.execute("SELECT * FROM messages WHERE id = ? AND chat = ?", (message, chat)).fetchone()
    if row is None or row["deleted_at"] is not None:
        raise UnknownMessage("This message does not exist any more.")
    return row  # type: ignore[no-any-return]


def leaf(db: sqlite3.Connection, chat: int) -> int | None:
    """The last message of the chosen path; None in an empty chat."""
    (chosen,) = db.execute("SELECT chosen FROM chats WHERE number = ?", (chat,)).fetchone()
    if chosen is None:
        return None
    return db.execute(_LEAF, (chosen,)).fetchone()[0]  # type: ignore[no-any-return]


def path(db: sqlite3.Connection, last: int | None, limit: int | None = None) -> list[sqlite3.Row]:
    """The rows from the first message to ``last``; with a ``limit``, only the last so many of them."""
    if last is None:
        return []
    rows = db.execute(
        _ANCESTORS + "SELECT m.* FROM up JOIN messages m ON m.id = up.id ORDER BY up.depth DESC",
        (last, limit or _EVERYTHING),
    )
    return rows.fetchall()


def siblings(db: sqlite3.Connection, chat: int, parent: int | None) -> tuple[int, ...]:
    """The versions in one place, oldest first, without deleted ones."""
    rows = db.execute(
        "SELECT id FROM messages WHERE chat = ? AND parent IS ? AND deleted_at IS NULL ORDER BY id", (chat, parent)
    )
    return tuple(row[0] for row in rows)


def add(
    db: sqlite3.Connection,
    chat: int,
    parent: int | None,
    role: Role,
    content: str,
    now: float,
    *,
    state: State = "complete",
    tool_call_id: str | None = None,
    answer: Answer | None = None,
) -> int:
    """A new message below ``parent``; the chosen path ends in it."""
    if parent is not None:
        require(db, chat, parent)
    message = insert(db, chat, parent, role, content, now, state=state, tool_call_id=tool_call_id, answer=answer)
    choose(db, chat, message)
    db.execute("UPDATE chats SET updated_at = ? WHERE number = ?", (now, chat))
    return message


def insert(
    db: sqlite3.Connection,
    chat: int,
    parent: int | None,
    role: Role,
    content: str,
    created_at: float,
    *,
    state: State = "complete",
    tool_call_id: str | None = None,
    answer: Answer | None = None,
    finished_at: float | None = None,
) -> int:
    """The row alone: nothing is checked or chosen."""
    cursor = db.execute(
        "INSERT INTO messages (chat, parent, role, content, state, tool_call_id, answer, created_at, finished_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            chat,
            parent,
            role,
            content,
            state,
            tool_call_id,
            answer.dumped() if answer else None,
            created_at,
            finished_at,
        ),
    )
    return int(cursor.lastrowid or 0)


def choose(db: sqlite3.Connection, chat: int, message: int) -> None:
    """Let the chosen path go through ``message``; below it, it goes on as it did when it last went there."""
    db.execute(
        _ANCESTORS + "UPDATE messages SET chosen = up.id FROM up "
        "WHERE messages.id = up.parent AND messages.chosen IS NOT up.id",
        (message, _EVERYTHING),
    )
    db.execute(
        _ANCESTORS + "UPDATE chats SET chosen = (SELECT min(id) FROM up) WHERE number = ?",
        (message, _EVERYTHING, chat),
    )


def delete(db: sqlite3.Connection, chat: int, message: int, now: float) -> None:
    """Mark a message and everything below it; the chosen path goes to its newest sibling, or ends at its parent."""
    row = require(db, chat, message)
    db.execute(
        _SUBTREE + "UPDATE messages SET deleted_at = ?, deleted_with = ? "
        "WHERE id IN (SELECT id FROM below) AND deleted_at IS NULL",
        (message, now, message),
    )
    others = siblings(db, chat, row["parent"])
    _go_on_with(db, chat, row["parent"], message, others[-1] if others else None)


def restore(db: sqlite3.Connection, chat: int, message: int) -> None:
    """Undo ``delete`` of exactly this message. Raises UnknownMessage when it was not deleted, or is purged."""
    row = None
    if 0 < message < 2**63:
        row = db.execute(
            "SELECT parent FROM messages WHERE id = ? AND chat = ? AND deleted_with = id", (message, chat)
        ).fetchone()
    if row is None:
        raise UnknownMessage("This message was not deleted, or it is gone for good.")
    if row["parent"] is not None:
        above = db.execute("SELECT deleted_at FROM messages WHERE id = ?", (row["parent"],)).fetchone()
        if above["deleted_at"] is not None:
            raise BadRequest("The message before this one is deleted too. Bring that one back first.")
    db.execute("UPDATE messages SET deleted_at = NULL, deleted_with = NULL WHERE deleted_with = ?", (message,))
    choose(db, chat, message)


def _go_on_with(db: sqlite3.Connection, chat: int, parent: int | None, old: int, new: int | None) -> None:
    if parent is None:
        db.execute("UPDATE chats SET chosen = ? WHERE number = ? AND chosen = ?", (new, chat, old))
    else:
        db.execute("UPDATE messages SET chosen = ? WHERE id = ? AND chosen = ?", (new, parent, old))


def history(messages: Sequence[Message], system_prompt: str) -> tuple[dict[str, object], ...]:
    """What the engine's chat template gets for this path: a pure function.

    Answers that ended early count with the text they have; empty ones are left out. Two messages of the person in a row
    (an answer between them failed) become one, because many templates refuse roles that do not alternate.
    """
    turns: list[dict[str, object]] = []
    if system_prompt:
        turns.append({"role": "system", "content": system_prompt})
    for message in messages:
        if message.role == "tool":
            turns.append({"role": "tool", "content": message.content, "tool_call_id": message.tool_call_id or ""})
        elif message.role == "user":
            if turns and turns[-1]["role"] == "user":
                turns[-1] = {"role": "user", "content": f"{turns[-1]['content']}\n\n{message.content}"}
            else:
                turns.append({"role": "user", "content": message.content})
        else:
            calls = message.answer.tool_calls if message.answer else None
            turn: dict[str, object] = {"role": "assistant", "content": message.content}
            if calls:
                turn["tool_calls"] = [
                    {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                    for call in calls
                ]
            if message.content or calls:
                turns.append(turn)
    return tuple(turns)
