"""Chats as text to keep or to pass on: JSON with everything, Markdown for people. Pure functions.

JSON has no ids of this machine in it: messages refer to each other by their position. The same chat always gives the
same bytes, so what was imported exports as it came. Markdown has the chosen path only; it comes back with the same
words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from meadow.node.chats.importing import FORMAT, MARK, VERSION, escaped
from meadow.node.chats.records import Chat, Message

_HEADINGS = {"user": "You", "assistant": "Assistant", "tool": "Tool", "system": "System"}


def to_json(chat: Chat, messages: Sequence[Message], chosen: Sequence[int | None]) -> str:
    """One line: a whole document with one chat. Arguments as ``ChatStore.whole`` gives them."""
    index = {message.id: number for number, message in enumerate(messages)}
    document = {
        "format": FORMAT,
        "version": VERSION,
        "chats": [
            {
                **chat.model_dump(exclude_none=True, exclude={"id", "deleted_at"}),
                **_pointer("chosen", chosen[0], index),
                "messages": [
                    {
                        **_pointer("parent", message.parent_id, index),
                        **_pointer("chosen", chosen_child, index),
                        **message.model_dump(
                            exclude_none=True, exclude={"id", "chat_id", "parent_id", "siblings", "deleted_at"}
                        ),
                        "state": "interrupted" if message.state == "streaming" else message.state,
                    }
                    for message, chosen_child in zip(messages, chosen[1:], strict=True)
                ],
            }
        ],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def to_markdown(chat: Chat, path: Sequence[Message]) -> str:
    """The chosen path with a heading for each message, and what the importer needs in comments that are not shown."""
    title = re.sub(r"\s+", " ", chat.title).strip() or "Conversation"
    parts = [f"# {title}\n"]
    if chat.system_prompt:
        parts.append(_part("system", chat.system_prompt))
    parts += [_part(message.role, message.content) for message in path]
    return "\n".join(parts)


def file_name(chat: Chat, ending: str) -> str:
    """A harmless name for a download: letters, digits and hyphens of the title."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", chat.title).strip("-")[:60].strip("-")
    return f"{words or 'conversation'}.{ending}"


def _part(speaker: str, content: str) -> str:
    return f"{MARK.format(speaker)}\n### {_HEADINGS[speaker]}\n\n{escaped(content)}\n"


def _pointer(name: str, identity: int | None, index: dict[int, int]) -> dict[str, int]:
    return {} if identity is None or identity not in index else {name: index[identity]}
