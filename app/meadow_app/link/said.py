"""What the node says about errors, in the language of the window.

The node writes English, with all that it knows: names, sizes, hosts. English windows show that. In another language a
sentence by the error's code (docs/api.md) says what happened and what helps; a code without one keeps the node's words,
which are better than none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QCoreApplication

from meadow_app.language import QT_TRANSLATE_NOOP

_CODES: Final[dict[str, str]] = {
    "too_long": QT_TRANSLATE_NOOP(
        "NodeErrors",
        "This chat is longer than the model can hold. Edit the question, or begin a new chat.",
    ),
    "unsupported_model": QT_TRANSLATE_NOOP("NodeErrors", "Meadow cannot run this model. Choose another one."),
    "unknown_model": QT_TRANSLATE_NOOP(
        "NodeErrors", "Nobody serves this model now, or it is called otherwise. Choose another one."
    ),
    "no_model": QT_TRANSLATE_NOOP("NodeErrors", "No model is up. Choose one, or start the demo."),
    "unknown_chat": QT_TRANSLATE_NOOP("NodeErrors", "This chat is not there any more."),
    "unknown_message": QT_TRANSLATE_NOOP("NodeErrors", "This message is not there any more."),
    "chat_busy": QT_TRANSLATE_NOOP("NodeErrors", "An answer is being written in this chat. Wait for it, or stop it."),
    "already_sharing": QT_TRANSLATE_NOOP("NodeErrors", "This computer shares another model already. Stop that first."),
    "not_sharing": QT_TRANSLATE_NOOP("NodeErrors", "Nothing is shared now."),
    "not_fetchable": QT_TRANSLATE_NOOP(
        "NodeErrors", "No model of this swarm can be fetched from here. Choose the model to share."
    ),
    "gated": QT_TRANSLATE_NOOP(
        "NodeErrors",
        "The owner of this model lets people in one by one. Accept its terms on the hub, then enter a token.",
    ),
    "busy": QT_TRANSLATE_NOOP("NodeErrors", "Too much is going on now. Try again in a moment."),
    "swarm": QT_TRANSLATE_NOOP("NodeErrors", "The swarm does not answer now. Try again in a moment."),
    "no_peers": QT_TRANSLATE_NOOP("NodeErrors", "No other computer of the swarm answers."),
    "not_joined": QT_TRANSLATE_NOOP("NodeErrors", "Meadow has not joined the swarm yet. Try again in a moment."),
    "blocks_missing": QT_TRANSLATE_NOOP(
        "NodeErrors", "Nobody serves some blocks of this model now. Wait, or choose another model."
    ),
    "server_lost": QT_TRANSLATE_NOOP(
        "NodeErrors", "A computer that worked on this answer was lost, and none could take its place. Try again."
    ),
    "hop": QT_TRANSLATE_NOOP(
        "NodeErrors", "A computer that worked on this answer was lost, and none could take its place. Try again."
    ),
    "server_timeout": QT_TRANSLATE_NOOP(
        "NodeErrors", "A computer that worked on this answer took too long. Try again."
    ),
    "full": QT_TRANSLATE_NOOP("NodeErrors", "The computers that serve this model have no room now. Try again later."),
    "engine_died": QT_TRANSLATE_NOOP(
        "NodeErrors", "The part that writes answers ended and is started again. Try again."
    ),
    "p2pd_died": QT_TRANSLATE_NOOP("NodeErrors", "The connection to the swarm ended and is made again. Try again."),
    "server_died": QT_TRANSLATE_NOOP(
        "NodeErrors", "A part of Meadow ended without warning and is started again. Try again in a moment."
    ),
    "node_starting": QT_TRANSLATE_NOOP("NodeErrors", "Meadow is still starting. Try again in a moment."),
    "stopping": QT_TRANSLATE_NOOP("NodeErrors", "Meadow is ending."),
    "demo_off": QT_TRANSLATE_NOOP(
        "NodeErrors", "This is the model of the demo, and the demo is off. Start it, or choose another model."
    ),
    "offline": QT_TRANSLATE_NOOP("NodeErrors", "The model hub cannot be reached. Check the network, then try again."),
    "download": QT_TRANSLATE_NOOP("NodeErrors", "The download failed. What has come stays; try again."),
    "memory": QT_TRANSLATE_NOOP(
        "NodeErrors", "There is not enough free memory. Close other programs, or allow Meadow more."
    ),
    "nothing_fits": QT_TRANSLATE_NOOP(
        "NodeErrors", "Not one block of this model fits into the memory that Meadow may use. Change the limits."
    ),
    "device": QT_TRANSLATE_NOOP("NodeErrors", "The GPU cannot be used now. The checks in the diagnostics say why."),
    "disk_full": QT_TRANSLATE_NOOP("NodeErrors", "The disk is full. Free some room, then try again."),
    "gpu_runtime": QT_TRANSLATE_NOOP(
        "NodeErrors", "What PyTorch needs for the GPU could not be fetched. Try again, or use the processor."
    ),
    "gpu_runtime_disk": QT_TRANSLATE_NOOP(
        "NodeErrors", "The disk has no room for what PyTorch needs for the GPU. Free some, or use the processor."
    ),
    "gpu_runtime_check": QT_TRANSLATE_NOOP(
        "NodeErrors",
        "PyTorch does not work with this GPU: mostly the driver is too old. Renew it, or use the processor.",
    ),
    "chats_unusable": QT_TRANSLATE_NOOP("NodeErrors", "The chats cannot be read or written now."),
    "chats_in_use": QT_TRANSLATE_NOOP("NodeErrors", "Another program has the chats open."),
    "chats_newer": QT_TRANSLATE_NOOP("NodeErrors", "The chats were written by a newer Meadow. Install that one."),
    "chats_damaged": QT_TRANSLATE_NOOP("NodeErrors", "The file with the chats is damaged."),
    "internal": QT_TRANSLATE_NOOP("NodeErrors", "Something went wrong inside Meadow. The log says more."),
}


def said(code: str, message: str, *, translate: Callable[[str, str], str] = QCoreApplication.translate) -> str:
    """The sentence for ``code`` in the language in use; in English and for other codes ``message``, the node's own."""
    known = _CODES.get(code)
    if known is None:
        return message
    shown = translate("NodeErrors", known)
    return message if shown == known and message else shown
