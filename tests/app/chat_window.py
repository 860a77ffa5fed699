"""The chat page and its list in a real window (offscreen), with the real view-models over a fake node."""

from __future__ import annotations

from typing import Any

import page_window
from chat_node import Node
from fakes import settle, spin
from page_window import PageApp, PageWindow
from PySide6.QtCore import Property, QObject

from meadow_app.chat.chats import Chats


class ChatApp(PageApp):
    """An app with chats."""

    def __init__(self, link: Node) -> None:
        super().__init__(link)
        self._chats = Chats(link, self)  # type: ignore[arg-type]

    chat = Property(QObject, lambda self: self._chats, constant=True)


def chat_window(node: Node, file: str = "chat/ChatPage.qml", **set: Any) -> PageWindow:
    """A window with the page, after its first frame."""
    before = page_window.PageApp
    page_window.PageApp = ChatApp  # type: ignore[misc]
    try:
        window = PageWindow(node, file, **set)
    finally:
        page_window.PageApp = before  # type: ignore[misc]
    if file == "chat/ChatPage.qml":
        spin(lambda: window.page.property("chats") is not None)
    settle()
    return window
