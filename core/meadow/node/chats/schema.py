"""The tables of the conversations, as steps from one version of the file to the next.

Never change a step that was released: add one. Version n is what the first n steps make; it is kept in
``user_version``. A child's id is always larger than its parent's (AUTOINCREMENT, and imports are inserted in order),
so walks along the tree end even in a damaged file.

``chosen`` is the child that the chosen path goes through (of a chat: the first message), so every branch remembers
how it went on. Text of a running answer is in ``pieces`` until it ends: appending costs a page, rewriting a long
answer every second would cost it anew every time. The words of a message are indexed when it is finished.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

APPLICATION_ID = 0x4D656164  # "Mead": tells our files from other people's databases

Step = str | Callable[[sqlite3.Connection], None]
"""SQL statements, or a function for what SQL cannot say. Runs inside the transaction of the upgrade."""

_FIRST = f"""
PRAGMA application_id = {APPLICATION_ID};

CREATE TABLE chats (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  model TEXT,
  system_prompt TEXT NOT NULL,
  settings TEXT NOT NULL,
  chosen INTEGER,
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL,
  deleted_at REAL
) STRICT;
CREATE INDEX chats_by_time ON chats (updated_at, number);

CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  chat INTEGER NOT NULL REFERENCES chats (number) ON DELETE CASCADE,
  parent INTEGER REFERENCES messages (id) ON DELETE CASCADE CHECK (parent < id),
  chosen INTEGER CHECK (chosen > id),
  role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'tool')),
  content TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('complete', 'streaming', 'stopped', 'interrupted', 'failed')),
  tool_call_id TEXT,
  answer TEXT,
  created_at REAL NOT NULL,
  finished_at REAL,
  deleted_at REAL,
  deleted_with INTEGER
) STRICT;
CREATE INDEX messages_by_place ON messages (chat, parent);
CREATE INDEX messages_by_parent ON messages (parent);
CREATE INDEX messages_running ON messages (id) WHERE state = 'streaming';
CREATE INDEX messages_deleted ON messages (deleted_with) WHERE deleted_with IS NOT NULL;

CREATE TABLE pieces (
  message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  start INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (message, start)
) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE message_words USING fts5 (
  content, content = 'messages', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER message_added AFTER INSERT ON messages WHEN new.state <> 'streaming' BEGIN
  INSERT INTO message_words (rowid, content) VALUES (new.id, new.content);
END;
CREATE TRIGGER message_removed AFTER DELETE ON messages WHEN old.state <> 'streaming' BEGIN
  INSERT INTO message_words (message_words, rowid, content) VALUES ('delete', old.id, old.content);
END;
CREATE TRIGGER message_finished AFTER UPDATE OF content, state ON messages
WHEN old.state = 'streaming' AND new.state <> 'streaming' BEGIN
  INSERT INTO message_words (rowid, content) VALUES (new.id, new.content);
END;
CREATE TRIGGER message_changed AFTER UPDATE OF content, state ON messages WHEN old.state <> 'streaming' BEGIN
  SELECT raise(ABORT, 'a finished message never changes');
END;

CREATE VIRTUAL TABLE title_words USING fts5 (
  title, content = 'chats', content_rowid = 'number', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER chat_added AFTER INSERT ON chats BEGIN
  INSERT INTO title_words (rowid, title) VALUES (new.number, new.title);
END;
CREATE TRIGGER chat_removed AFTER DELETE ON chats BEGIN
  INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.number, old.title);
END;
CREATE TRIGGER chat_retitled AFTER UPDATE OF title ON chats BEGIN
  INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.number, old.title);
  INSERT INTO title_words (rowid, title) VALUES (new.number, new.title);
END;
"""

STEPS: Sequence[Step] = (_FIRST,)
"""What makes version n + 1 out of version n, beginning with an empty file."""


def statements(script: str) -> list[str]:
    """The statements of a script, one by one: ``executescript`` would commit the transaction that it is in."""
    found, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement.strip())
            statement = ""
    if statement.strip():
        raise ValueError(f"not a whole statement: {statement.strip()[:80]}")
    return found
