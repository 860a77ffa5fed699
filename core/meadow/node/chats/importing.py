"""Chats from a text that somebody else may have written: bounded, checked, and then imported as a whole or not at
all.

JSON is what ``export`` writes, as one document or several after one another, and comes back exactly, with all
branches. Markdown is what ``export`` writes too, or any text with headings like "## You" and "## Assistant".

A document is checked completely before anything is stored, by models with bounds for everything; what is in it is
data, never code, markup or a file name.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from meadow.node.chats.errors import BadImport
from meadow.node.chats.records import Answer, Chat, Content, ModelName, Name, Record, Role, Settings, Time, Title

MAX_TEXT = 4 * 1024 * 1024
"""Characters of one import. Python needs up to 25 times as much memory for what JSON can say in them."""

FORMAT = "meadow.chats"
VERSION = 1

MARK = "<!-- meadow: {} -->"
_MARK = re.compile(r"^<!-- meadow: (user|assistant|tool|system) -->$")
_ESCAPED = re.compile(r"^\\(\\*<!-- meadow: )", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.{1,40}?)[\s:]*$")
_SPEAKERS: dict[str, Role | Literal["system"]] = {
    **dict.fromkeys(("you", "user", "human", "me", "question", "prompt"), "user"),
    **dict.fromkeys(("assistant", "ai", "bot", "model", "answer", "response"), "assistant"),
    "tool": "tool",
    **dict.fromkeys(("system", "system prompt"), "system"),
}

Index = Annotated[int, Field(ge=0, le=100_000)]


class ImportedMessage(Record):
    """``parent`` and ``chosen`` are positions in the chat's list of messages."""

    parent: Index | None = None
    chosen: Index | None = None
    role: Role
    content: Content
    state: Literal["complete", "stopped", "interrupted", "failed"] = "complete"
    created_at: Time | None = None
    finished_at: Time | None = None
    tool_call_id: Name | None = None
    answer: Answer | None = None


class ImportedChat(Record):
    """One chat without an identity. Parents come before their children, so there is no circle."""

    title: Title = ""
    model: ModelName | None = None
    system_prompt: Content = ""
    settings: Settings = Settings()
    created_at: Time | None = None
    updated_at: Time | None = None
    chosen: Index | None = None
    messages: Annotated[list[ImportedMessage], Field(fail_fast=True, max_length=20_000)] = []

    @model_validator(mode="after")
    def _check_tree(self) -> ImportedChat:
        parents = [message.parent for message in self.messages]
        for index, parent in enumerate(parents):
            if parent is not None and parent >= index:
                raise ValueError(f"message {index} comes before the one that it follows")
        for index, chosen in enumerate([self.chosen, *(message.chosen for message in self.messages)], start=-1):
            above = None if index < 0 else index
            if chosen is not None and (chosen >= len(parents) or parents[chosen] != above):
                raise ValueError(f"the chosen path goes through message {chosen}, which is not there")
        return self

    def chat(self, chat_id: str, now: float) -> Chat:
        """It as a new chat."""
        created_at = now if self.created_at is None else self.created_at
        return Chat(
            id=chat_id,
            title=self.title,
            model=self.model,
            system_prompt=self.system_prompt,
            settings=self.settings,
            created_at=created_at,
            updated_at=created_at if self.updated_at is None else self.updated_at,
        )


class Document(Record):
    """The whole file."""

    format: Literal["meadow.chats"]
    version: Literal[1]
    chats: Annotated[list[ImportedChat], Field(fail_fast=True, max_length=1000)]


def read_json(text: str) -> list[ImportedChat]:
    """The chats of one or several JSON documents. Raises BadImport, which says where what is wrong."""
    _check_size(text)
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    found: list[ImportedChat] = []
    at, documents = 0, 0
    try:
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            value, at = decoder.raw_decode(text, at)
            documents += 1
            found += _document(value, documents).chats
    except RecursionError:
        raise BadImport("This JSON is nested too deeply to be a file of conversations.") from None
    except ValueError as error:  # JSONDecodeError too; its message holds no text of the file
        position = f" near character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise BadImport(f"This is not valid JSON{position}. Export the conversation again.") from None
    if not documents:
        raise BadImport("The file is empty.")
    return found


def read_markdown(text: str) -> ImportedChat:
    """One chat without branches. Raises BadImport when there is no message in it."""
    _check_size(text)
    if re.search(r"^<!-- meadow: \w+ -->\r$", text, re.MULTILINE):  # an editor changed the ends of all lines
        text = text.replace("\r\n", "\n")
    lines = text.split("\n")
    title = lines[0][2:].strip()[:300] if lines[0].startswith("# ") else ""
    turns = _marked_turns(lines) or _headed_turns(lines)
    if not turns:
        raise BadImport(
            "No messages were found. Meadow reads Markdown in which each message has a heading like "
            '"## You" or "## Assistant".'
        )
    system = [content for speaker, content in turns if speaker == "system"]
    said = [(speaker, content) for speaker, content in turns if speaker != "system"]
    messages = [
        {
            "parent": index - 1 if index else None,
            "chosen": index + 1 if index + 1 < len(said) else None,
            "role": speaker,
            "content": content,
        }
        for index, (speaker, content) in enumerate(said)
    ]
    return _checked(
        ImportedChat,
        {
            "title": title,
            "system_prompt": "\n\n".join(system),
            "chosen": 0 if messages else None,
            "messages": messages,
        },
        "The text",
    )


def escaped(content: str) -> str:
    """Content in which no line looks like one of our marks; a Markdown reader shows it as it was."""
    return re.sub(r"^(\\*<!-- meadow: )", r"\\\1", content, flags=re.MULTILINE)


def _marked_turns(lines: list[str]) -> list[tuple[str, str]]:
    """After "mark, heading, empty line" stands the content, exactly, up to an empty line and the next mark or the end.

    The heading and the empty lines may be missing: people and editors tidy up.
    """
    turns = []
    starts = [(index, found[1]) for index, line in enumerate(lines) if (found := _MARK.match(line))]
    if not starts:
        return []
    for (start, speaker), end in zip(starts, [*(index for index, _ in starts[1:]), len(lines)], strict=True):
        content = lines[start + 1 : end]
        if content and content[0].startswith("#"):
            content = content[1:]
        if len(content) > 1 and content[0] == "":
            content = content[1:]
        if content and content[-1] == "":
            content = content[:-1]
        turns.append((speaker, _ESCAPED.sub(r"\1", "\n".join(content))))
    return turns


def _headed_turns(lines: list[str]) -> list[tuple[str, str]]:
    turns: list[tuple[str, list[str]]] = []
    fenced = False
    for line in lines:
        if line.lstrip().startswith("```"):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        speaker = _SPEAKERS.get(heading[1].strip().lower()) if heading else None
        if speaker:
            turns.append((speaker, []))
        elif turns:
            turns[-1][1].append(line)
    return [(speaker, "\n".join(content).strip()) for speaker, content in turns]


def _document(value: Any, number: int) -> Document:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise BadImport('This is not a file of conversations from Meadow: it has no "format": "meadow.chats".')
    version = value.get("version")
    if type(version) is not int:  # True would count as 1
        raise BadImport('This file does not say which version of the format it has ("version": 1).')
    if version > VERSION:
        raise BadImport("This file was exported by a newer version of Meadow. Update Meadow to import it.")
    return _checked(Document, value, f"Document {number}" if number > 1 else "The file")


def _checked(model: Any, value: dict[str, Any], name: str) -> Any:
    try:
        _refuse_half_characters(value)
        return model.model_validate(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"][:8])
        raise BadImport(f"{name} is not valid at {where or 'its beginning'}: {first['msg'][:200]}.") from None


def _refuse_half_characters(value: Any) -> None:
    """JSON can say "\\ud800", half of a character, which no file and no other program can hold."""
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            stack += part.keys()
            stack += part.values()
        elif isinstance(part, list):
            stack += part
        elif isinstance(part, str):
            try:
                part.encode()
            except UnicodeEncodeError:
                raise BadImport("The file has half of a character in a text, so it is damaged.") from None


def _check_size(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise BadImport(
            f"The text has {len(text) / 2**20:.1f} MiB; at most {MAX_TEXT // 2**20} can be imported at once. "
            "Import the chats one by one: each line of an export of all chats is a file of its own."
        )


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
