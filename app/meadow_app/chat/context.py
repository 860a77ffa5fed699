"""How full a chat's context is, from what its answers say. Pure: messages in, numbers and words out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication

from meadow_app import figures
from meadow_app.chat import facts

Tree = Mapping[str, Any]
translate = QCoreApplication.translate


def too_long(messages: Sequence[Tree]) -> bool:
    """Whether the chat, as it stands, is more than its model can hold. ``messages``: oldest first."""
    return bool(messages) and facts.error_code(messages[-1]) == "too_long"


def used(messages: Sequence[Tree], size: int | None) -> int:
    """Tokens that the chat takes now; 0: nobody knows. ``size``: what the model can hold."""
    if too_long(messages):
        return facts.tokens_wanted(messages[-1]) or size or 0
    return next((count for message in reversed(messages) if (count := facts.tokens_used(message))), 0)


def in_words(messages: Sequence[Tree], size: int | None) -> str:
    """ "1,204 of 32,768 tokens"; empty when nothing is known."""
    count = used(messages, size)
    if not size:
        return translate("Chat", "{used} tokens").format(used=figures.number(count)) if count else ""
    if too_long(messages) and count <= size:
        return translate("Chat", "more than {size} tokens").format(size=figures.number(size))
    return translate("Chat", "{used} of {size} tokens").format(used=figures.number(count), size=figures.number(size))
