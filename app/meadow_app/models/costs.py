"""What a model is and what it costs, in words, before anything is fetched. Pure: the node's facts in, sentences out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication

from meadow_app import figures
from meadow_app.text.plain import one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate


def facts_line(info: Tree) -> str:
    """ "80 blocks · context 32,768 · bfloat16"; what is not known is left out."""
    blocks, context = figures.quantity(info, "num_blocks"), figures.quantity(info, "context")
    parts = []
    if blocks:
        parts.append(translate("Models", "{number} blocks").format(number=figures.number(blocks)))
    if context:
        parts.append(translate("Models", "context {number}").format(number=figures.number(context)))
    if info.get("dtype"):
        parts.append(one_line(str(info["dtype"]), 40))
    return " · ".join(parts)


def missing_bytes(info: Tree) -> int:
    """What chatting with it would download first."""
    return int(figures.quantity(info, "chat_part_missing_bytes") or 0)


def chat_cost(info: Tree, disk_free: float | None) -> str:
    """What has to be fetched for a chat, and whether the disk has room for it."""
    missing = missing_bytes(info)
    if not info.get("num_blocks"):
        return ""
    if not missing:
        return translate("Models", "Everything that a chat needs is on this computer.")
    size = figures.size(missing)
    if disk_free is None:
        return translate("Models", "A chat first downloads {size}.").format(size=size)
    if disk_free < missing:
        text = translate("Models", "A chat first downloads {size}, but only {free} are free on the disk.")
    else:
        text = translate("Models", "A chat first downloads {size}; {free} are free on the disk.")
    return text.format(size=size, free=figures.size(disk_free))


def share_cost(info: Tree) -> str:
    """What one block takes; how many fit is decided when sharing begins."""
    each = figures.quantity(info, "block_bytes")
    if not each:
        return ""
    return translate("Models", "Each block is about {size}.").format(size=figures.size(each))


def too_large(info: Tree, disk_free: float | None) -> bool:
    """Whether the disk has no room for it."""
    return disk_free is not None and disk_free < missing_bytes(info)
