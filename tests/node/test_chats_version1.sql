-- A file of version 1 of the conversations. Never change it.
PRAGMA foreign_keys = OFF;
PRAGMA application_id = 1298489700;
PRAGMA user_version = 1;
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
INSERT INTO chats VALUES (1, '0123456789abcdef0123456789abcdef', 'Where do herons sleep?', 'owner/name', 'Be brief.', '{"temperature":0.5,"stop":["END"]}', 1, 1795000000.0, 1795000005.0, NULL);
INSERT INTO messages VALUES (1, 1, NULL, 3, 'user', 'Where do herons sleep?', 'complete', NULL, NULL, 1795000001.0, NULL, NULL, NULL);
INSERT INTO messages VALUES (2, 1, 1, NULL, 'assistant', 'Standing on one leg.', 'stopped', NULL, '{"model":"owner/name","settings":{}}', 1795000002.0, 1795000003.0, NULL, NULL);
INSERT INTO messages VALUES (3, 1, 1, NULL, 'assistant', 'In trees.', 'complete', NULL, '{"model":"owner/name","settings":{},"finish_reason":"stop","prompt_tokens":9,"completion_tokens":3,"reused_tokens":0,"tokens_per_second":6.5,"first_token_seconds":0.25,"route":[{"peer_id":"12D3KooWExample","server_id":"0a1b2c3d","start":0,"end":8}]}', 1795000004.0, 1795000005.0, NULL, NULL);
