"""Search in everything that was said: words of titles and messages, newest first, with snippets.

FTS5 finds words by their beginnings. Scripts without spaces between words (Chinese, Japanese, Thai) are one long word
to it, so queries with such letters look at the text itself, which is slower but right.
"""

from __future__ import annotations

import re
import sqlite3

from meadow.node.chats.records import Found

MAX_QUERY = 200  # characters
_MAX_WORDS = 12
_MAX_TITLES = 20
_AROUND = 80  # characters of a snippet before and after a hit
_BEGIN, _END = "\x02", "\x03"  # around highlighted words; control characters are taken out of the text itself
_NO_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
    "\U00020000-\U0003ffff]"
)
_TITLES = f"""
SELECT c.id, c.title, NULL, NULL, c.created_at, snippet(title_words, 0, '{_BEGIN}', '{_END}', '…', 16)
FROM title_words JOIN chats c ON c.number = title_words.rowid
WHERE title_words MATCH ? AND c.deleted_at IS NULL ORDER BY title_words.rowid DESC LIMIT ?
"""
_MESSAGES = f"""
SELECT c.id, c.title, m.id, m.role, m.created_at, snippet(message_words, 0, '{_BEGIN}', '{_END}', '…', 24)
FROM message_words JOIN messages m ON m.id = message_words.rowid JOIN chats c ON c.number = m.chat
WHERE message_words MATCH ? AND message_words.rowid < ? AND m.deleted_at IS NULL AND c.deleted_at IS NULL
ORDER BY message_words.rowid DESC LIMIT ?
"""
_TITLES_LITERALLY = """
SELECT id, title, NULL, NULL, created_at, title FROM chats
WHERE {} AND deleted_at IS NULL ORDER BY number DESC LIMIT ?
"""
_MESSAGES_LITERALLY = """
SELECT c.id, c.title, m.id, m.role, m.created_at, m.content
FROM messages m JOIN chats c ON c.number = m.chat
WHERE {} AND m.id < ? AND m.state <> 'streaming' AND m.deleted_at IS NULL AND c.deleted_at IS NULL
ORDER BY m.id DESC LIMIT ?
"""


def search(db: sqlite3.Connection, query: str, limit: int, before: int | None = None) -> list[Found]:
    """At most ``limit`` messages that have all words of ``query``; ``before``: only those with a smaller id.

    Before them, and only without ``before``, come titles, at most 20. No query is wrong: one without a word finds
    nothing.
    """
    words = terms(query)
    if not words:
        return []
    last = before if before is not None else 2**63 - 1
    if any(_NO_SPACES.search(word) for word in words):
        return _literally(db, words, limit, before, last)
    match = _expression(words)
    rows = db.execute(_TITLES, (match, _MAX_TITLES)).fetchall() if before is None else []
    rows += db.execute(_MESSAGES, (match, last, limit)).fetchall()
    return [_found(row) for row in rows]


def terms(query: str) -> list[str]:
    """The words of a query as a person types it; text in double quotes stays together."""
    found = []
    for quoted, word in re.findall(r'"([^"]*)"|([^\s"]+)', query[:MAX_QUERY].replace("\0", " ")):
        term = (quoted or word).strip()
        if any(character.isalnum() for character in term):
            found.append(term)
    return found[:_MAX_WORDS]


def _expression(words: list[str]) -> str:
    """In FTS5's language. Each term is quoted, so nothing in it is an operator; each is a prefix of what is found."""
    return " ".join(f'"{word}"*' for word in words)


def _literally(db: sqlite3.Connection, words: list[str], limit: int, before: int | None, last: int) -> list[Found]:
    def where(column: str) -> str:
        return " AND ".join([f"instr(lower({column}), lower(?)) > 0"] * len(words))

    rows = []
    if before is None:
        rows = db.execute(_TITLES_LITERALLY.format(where("title")), (*words, _MAX_TITLES)).fetchall()
    rows += db.execute(_MESSAGES_LITERALLY.format(where("m.content")), (*words, last, limit)).fetchall()
    return [_found((*row[:5], _marked(row[5], words))) for row in rows]


def _marked(text: str, words: list[str]) -> str:
    pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    first = pattern.search(text)
    at = first.start() if first else 0
    begin, end = max(0, at - _AROUND), at + _AROUND
    part = re.sub(f"[{_BEGIN}{_END}]", " ", text[begin:end])
    part = pattern.sub(lambda hit: f"{_BEGIN}{hit[0]}{_END}", part)
    return ("…" if begin else "") + part + ("…" if end < len(text) else "")


def _found(row: sqlite3.Row | tuple[object, ...]) -> Found:
    chat_id, title, message_id, role, created_at, marked = row
    snippet, highlights = _unmarked(str(marked))
    return Found.model_validate(
        {
            "chat_id": chat_id,
            "title": title,
            "message_id": message_id,
            "role": role,
            "created_at": created_at,
            "snippet": snippet,
            "highlights": highlights,
        }
    )


def _unmarked(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """Plain text and where its highlights are. A word without an end (a megabyte of letters) is cut around the hit."""
    if len(marked) > 6 * _AROUND:
        at = max(0, marked.find(_BEGIN) - _AROUND)
        marked = ("…" if at else "") + marked[at : at + 4 * _AROUND] + "…" + _END
    text, highlights, begin = "", [], None
    for part in re.split(f"([{_BEGIN}{_END}])", marked):
        if part == _BEGIN:
            begin = len(text)
        elif part == _END:
            if begin is not None and begin < len(text):
                highlights.append((begin, len(text)))
            begin = None
        else:
            text += part
    return text, highlights
