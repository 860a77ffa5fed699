"""Conversations over HTTP: ``/api/chats``. docs/chats.md says what is promised about them.

An answer runs in the node whether or not anybody listens. ``.../events`` is how to listen; the id of an event is how
many characters of the text one has with it, so a client that was cut off sends the last one as ``Last-Event-ID`` and
gets the rest, and nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import Response, StreamingResponse

from meadow.chat.request import Started
from meadow.errors import MeadowError
from meadow.node.chats import importing
from meadow.node.chats.errors import UnknownChat
from meadow.node.chats.export import file_name, to_json, to_markdown
from meadow.node.chats.facade import AsyncChatStore
from meadow.node.chats.records import Chat, Message
from meadow.node.chats.running import AnswerEvent, Grew, Notice
from meadow.node.chats.search import MAX_QUERY
from meadow.node.chats.service import ChatService
from meadow.node.chats.store import MAX_PAGE, ChatStore
from meadow.node.http.chats_schema import (
    ChangedChat,
    ChatPage,
    EditBody,
    ImportBody,
    Imported,
    MessagePage,
    NewChat,
    NewMessageBody,
    Nothing,
    RegenerateBody,
    SearchPage,
    Sent,
    SetAside,
    StopBody,
    Stopped,
    Storage,
    StorageProblem,
)
from meadow.node.http.sse import EventStream, encode_event

ChatId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
MessageId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1)]

_EXPORTS: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The file.",
        "content": {
            "application/json": {"schema": {"type": "string"}},
            "text/markdown": {"schema": {"type": "string"}},
        },
    }
}
_LINES: dict[int | str, dict[str, object]] = {
    200: {"description": "One JSON document a line.", "content": {"application/x-ndjson": {}}}
}
_EVENTS: dict[int | str, dict[str, object]] = {
    200: {
        "description": "started, text (its offset and what follows from there), notice, and at last ended with the "
        "whole message.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


def router(service: ChatService, *, stopping: asyncio.Event | None = None) -> APIRouter:
    """The routes. ``stopping``: set when the node stops, so that open streams end."""
    routes = APIRouter(prefix="/api/chats", tags=["conversations"])
    _all_chats(routes, service)
    _one_chat(routes, service)
    _messages(routes, service)
    _answers(routes, service, stopping)
    return routes


def _all_chats(routes: APIRouter, service: ChatService) -> None:
    store = service.store

    @routes.get("", summary="Chats, the last used first")
    async def chats(
        limit: Limit = 50,
        after: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
        deleted: bool = False,
    ) -> ChatPage:
        page = await store(ChatStore.chats, limit, after, deleted=deleted)
        return ChatPage(chats=page, next=page[-1].id if len(page) == limit else None)

    @routes.post("", status_code=201, summary="Begin a chat")
    async def begin(body: NewChat) -> Chat:
        return await store(
            ChatStore.add_chat,
            title=body.title,
            model=body.model,
            system_prompt=body.system_prompt,
            settings=body.settings,
        )

    @routes.get("/search", summary="Search in all chats")
    async def search(
        q: Annotated[str, Query(max_length=MAX_QUERY)], limit: Limit = 50, before: Before = None
    ) -> SearchPage:
        found = await store(ChatStore.search, q, limit, before)
        messages = [place.message_id for place in found if place.message_id is not None]
        return SearchPage(found=found, next=messages[-1] if len(messages) == limit else None)

    @routes.get("/storage", summary="Where conversations are kept, and whether that works")
    async def storage() -> Storage:
        problem = store.problem
        return Storage(
            file=str(store.file),
            problem=StorageProblem(code=problem.code, message=str(problem)) if problem is not None else None,
        )

    @routes.post("/storage/set-aside", summary="Rename a damaged file and begin with an empty one")
    async def set_aside(body: Nothing) -> SetAside:
        return SetAside(file=str(await service.set_aside()))

    @routes.post("/import", status_code=201, summary="Import chats; all of the text, or nothing")
    async def import_chats(body: ImportBody) -> Imported:
        if body.format == "json":
            read = await asyncio.to_thread(importing.read_json, body.content)
        else:
            read = [await asyncio.to_thread(importing.read_markdown, body.content)]
        return Imported(chats=await store(ChatStore.import_chats, read))

    @routes.get("/export", summary="All chats, one JSON document a line", responses=_LINES, response_class=Response)
    async def export_all() -> Response:
        first = await store(ChatStore.chats, MAX_PAGE)  # an error still has a status of its own here
        name = {"content-disposition": 'attachment; filename="conversations.ndjson"'}
        return StreamingResponse(_lines(store, first), media_type="application/x-ndjson", headers=name)


async def _lines(store: AsyncChatStore, page: list[Chat]) -> AsyncGenerator[bytes, None]:
    while page:
        for chat in page:
            try:
                messages, chosen = await store(ChatStore.whole, chat.id)
            except UnknownChat:
                continue  # deleted meanwhile
            yield (await asyncio.to_thread(to_json, chat, messages, chosen) + "\n").encode()
        page = await store(ChatStore.chats, MAX_PAGE, page[-1].id)


def _one_chat(routes: APIRouter, service: ChatService) -> None:
    store = service.store

    @routes.get("/{chat_id}", summary="One chat")
    async def chat(chat_id: ChatId) -> Chat:
        return await store(ChatStore.chat, chat_id)

    @routes.patch("/{chat_id}", summary="Change title, model, system prompt or settings")
    async def change(chat_id: ChatId, body: ChangedChat) -> Chat:
        return await store(
            ChatStore.change_chat,
            chat_id,
            title=body.title,
            model=body.model,
            system_prompt=body.system_prompt,
            settings=body.settings,
            forget_model="model" in body.model_fields_set and body.model is None,
        )

    @routes.delete("/{chat_id}", summary="Delete a chat; it can be restored for 30 days")
    async def delete(chat_id: ChatId) -> Chat:
        return await service.delete_chat(chat_id)

    @routes.post("/{chat_id}/restore", summary="Undo that")
    async def restore(chat_id: ChatId, body: Nothing) -> Chat:
        return await store(ChatStore.restore_chat, chat_id)

    @routes.get("/{chat_id}/export", summary="One chat as a file", responses=_EXPORTS, response_class=Response)
    async def export(chat_id: ChatId, format: Literal["json", "markdown"] = "json") -> Response:
        chat = await store(ChatStore.chat, chat_id)
        if format == "json":
            messages, chosen = await store(ChatStore.whole, chat_id)
            text, kind, ending = await asyncio.to_thread(to_json, chat, messages, chosen), "application/json", "json"
        else:
            path = await store(ChatStore.path, chat_id, None)
            text, kind, ending = await asyncio.to_thread(to_markdown, chat, path), "text/markdown", "md"
        name = {"content-disposition": f'attachment; filename="{file_name(chat, ending)}"'}
        return Response(text, media_type=kind, headers=name)


def _messages(routes: APIRouter, service: ChatService) -> None:
    store = service.store

    @routes.get("/{chat_id}/messages", summary="The chosen path, or what comes before a message of it")
    async def messages(chat_id: ChatId, limit: Limit = 50, before: Before = None) -> MessagePage:
        page = await store(ChatStore.path, chat_id, limit, before)
        running = service.running(chat_id)
        return MessagePage(
            messages=page,
            next=page[0].id if page and page[0].parent_id is not None else None,
            running=running.message.id if running else None,
        )

    @routes.get("/{chat_id}/messages/{message_id}", summary="One message")
    async def message(chat_id: ChatId, message_id: MessageId) -> Message:
        return await store(ChatStore.message, chat_id, message_id)

    @routes.post("/{chat_id}/messages/{message_id}/choose", summary="Let the chosen path go through this message")
    async def choose(chat_id: ChatId, message_id: MessageId, body: Nothing) -> Message:
        await store(ChatStore.choose, chat_id, message_id)
        return await store(ChatStore.message, chat_id, message_id)

    @routes.delete("/{chat_id}/messages/{message_id}", status_code=204, summary="Delete a message and what follows it")
    async def delete(chat_id: ChatId, message_id: MessageId) -> None:
        await service.delete_message(chat_id, message_id)

    @routes.post("/{chat_id}/messages/{message_id}/restore", summary="Undo that")
    async def restore(chat_id: ChatId, message_id: MessageId, body: Nothing) -> Message:
        return await store(ChatStore.restore_message, chat_id, message_id)


def _answers(routes: APIRouter, service: ChatService, stopping: asyncio.Event | None) -> None:
    @routes.post("/{chat_id}/messages", status_code=202, summary="Write a message; its answer begins")
    async def send(chat_id: ChatId, body: NewMessageBody) -> Sent:
        question, answer = await service.send(
            chat_id,
            body.parent_id,
            body.content,
            body.settings,
            role=body.role,
            tool_call_id=body.tool_call_id,
            answer=body.answer,
        )
        return Sent(question=question, answer=answer)

    @routes.post("/{chat_id}/messages/{message_id}/edit", status_code=202, summary="Write it anew, as a branch")
    async def edit(chat_id: ChatId, message_id: MessageId, body: EditBody) -> Sent:
        question, answer = await service.edit(chat_id, message_id, body.content, body.settings)
        return Sent(question=question, answer=answer)

    @routes.post("/{chat_id}/messages/{message_id}/regenerate", status_code=202, summary="Answer it anew")
    async def regenerate(chat_id: ChatId, message_id: MessageId, body: RegenerateBody) -> Sent:
        return Sent(question=None, answer=await service.regenerate(chat_id, message_id, body.settings))

    @routes.post("/{chat_id}/stop", summary="Stop the running answer; its text so far stays")
    async def stop(chat_id: ChatId, body: StopBody) -> Stopped:
        await service.store(ChatStore.chat, chat_id)
        return Stopped(answer=await service.stop(chat_id, body.message_id))

    @routes.get(
        "/{chat_id}/messages/{message_id}/events",
        summary="Listen to an answer",
        responses=_EVENTS,
        response_class=Response,
    )
    async def events(
        chat_id: ChatId, message_id: MessageId, last_event_id: Annotated[str | None, Header(max_length=100)] = None
    ) -> Response:
        await service.store(ChatStore.message, chat_id, message_id)  # so that an unknown one has a status of its own
        known = last_event_id or ""
        offset = int(known) if known.isascii() and known.isdigit() and len(known) < 16 else 0
        return EventStream(_frames(service, chat_id, message_id, offset), stopping=stopping)


async def _frames(service: ChatService, chat_id: str, message_id: int, offset: int) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(service.follow(chat_id, message_id, offset)) as events:
            async for event in events:
                offset = event.offset + len(event.text) if isinstance(event, Grew) else offset
                yield _frame(event, offset)
    except MeadowError as error:  # the message was purged, or the disk broke, between two events
        yield encode_event({"code": error.code, "message": str(error)}, event="error")


def _frame(event: AnswerEvent, offset: int) -> bytes:
    match event:
        case Started():
            data = {"prompt_tokens": event.prompt_tokens, "reused_tokens": event.reused_tokens}
            return encode_event(data, event="started", id=offset)
        case Grew():
            return encode_event({"offset": event.offset, "text": event.text}, event="text", id=offset)
        case Notice():
            return encode_event({"code": event.code, "message": event.message}, event="notice", id=offset)
        case _:
            return encode_event(event.message.model_dump(mode="json"), event="ended", id=offset)
