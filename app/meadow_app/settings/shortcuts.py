"""Every key of the app, in one table: the keyboard map shows it, and the real shortcuts are made from it.

In QML: ``Shortcut { sequences: window.app.settings.shortcuts.keys("new-chat"); onActivated: ... }``, and the same in
tooltips with ``shortcuts.text("new-chat")``. A key that nothing listens to must not be in this table; a test looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Slot,
)
from PySide6.QtGui import QKeySequence

from meadow_app.language import QT_TRANSLATE_NOOP, translate


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a key does. ``keys`` in portable text; ``built_in``: the control itself listens to them."""

    name: str
    section: str
    label: str
    keys: tuple[str, ...]
    built_in: bool = False


_WINDOW: Final = QT_TRANSLATE_NOOP("Shortcuts", "Everywhere")
_CHAT: Final = QT_TRANSLATE_NOOP("Shortcuts", "In a chat")
_LIST: Final = QT_TRANSLATE_NOOP("Shortcuts", "Among the messages")
_MOVE: Final = QT_TRANSLATE_NOOP("Shortcuts", "Moving about")

ACTIONS: Final = (
    Action("new-chat", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "New chat"), ("Ctrl+N",)),
    Action("search", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "Search all chats"), ("Ctrl+K", "Ctrl+Shift+F")),
    Action("page-chat", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "Chat"), ("Ctrl+1",)),
    Action("page-share", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "Share"), ("Ctrl+2",)),
    Action("page-swarm", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "Swarm"), ("Ctrl+3",)),
    Action("page-settings", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "Settings"), ("Ctrl+4", "Ctrl+,")),
    Action("keyboard-map", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "Keyboard map"), ("F1", "Ctrl+/")),
    Action("zoom-in", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "Larger text"), ("Ctrl++", "Ctrl+=")),
    Action("zoom-out", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "Smaller text"), ("Ctrl+-",)),
    Action("zoom-reset", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "Text at 100 %"), ("Ctrl+0",)),
    Action("quit", _WINDOW, QT_TRANSLATE_NOOP("Shortcuts", "Quit Meadow"), ("Ctrl+Q",)),
    Action("send", _CHAT, QT_TRANSLATE_NOOP("Shortcuts", "Send the message"), ("Return",), built_in=True),
    Action("line", _CHAT, QT_TRANSLATE_NOOP("Shortcuts", "New line"), ("Shift+Return",), built_in=True),
    Action("stop", _CHAT, QT_TRANSLATE_NOOP("Shortcuts", "Stop the answer"), ("Esc",)),
    Action("regenerate", _CHAT, QT_TRANSLATE_NOOP("Shortcuts", "Answer again"), ("Ctrl+R",)),
    Action("copy-answer", _CHAT, QT_TRANSLATE_NOOP("Shortcuts", "Copy the last answer"), ("Ctrl+Shift+C",)),
    Action("undo", _CHAT, QT_TRANSLATE_NOOP("Shortcuts", "Bring back what was just deleted"), ("Ctrl+Z",)),
    Action("message-before", _LIST, QT_TRANSLATE_NOOP("Shortcuts", "The message before"), ("Up",), built_in=True),
    Action("message-after", _LIST, QT_TRANSLATE_NOOP("Shortcuts", "The message after"), ("Down",), built_in=True),
    Action("message-first", _LIST, QT_TRANSLATE_NOOP("Shortcuts", "To the beginning"), ("Home",), built_in=True),
    Action("message-last", _LIST, QT_TRANSLATE_NOOP("Shortcuts", "To the newest"), ("End",), built_in=True),
    Action("message-menu", _LIST, QT_TRANSLATE_NOOP("Shortcuts", "What can be done"), ("Menu",), built_in=True),
    Action("message-edit", _LIST, QT_TRANSLATE_NOOP("Shortcuts", "Edit the message"), ("F2",), built_in=True),
    Action(
        "message-delete", _LIST, QT_TRANSLATE_NOOP("Shortcuts", "Delete it, with what follows"), ("Del",), built_in=True
    ),
    Action("next", _MOVE, QT_TRANSLATE_NOOP("Shortcuts", "Next control"), ("Tab",), built_in=True),
    Action("previous", _MOVE, QT_TRANSLATE_NOOP("Shortcuts", "Previous control"), ("Shift+Tab",), built_in=True),
    Action("press", _MOVE, QT_TRANSLATE_NOOP("Shortcuts", "Press or switch it"), ("Space",), built_in=True),
)
_BY_NAME: Final = {action.name: action for action in ACTIONS}


def native(keys: str) -> str:
    """Keys as this system writes them, in its language."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


class Shortcuts(QAbstractListModel):
    """The keyboard map: roles ``name``, ``section``, ``label``, ``keyTexts`` (one text for each way)."""

    _ROLES: Final = dict(enumerate(("name", "section", "label", "keyTexts"), Qt.ItemDataRole.UserRole.value + 1))

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(ACTIONS)

    def roleNames(self) -> dict[int, Any]:
        return {role: name.encode() for role, name in self._ROLES.items()}

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = 0) -> Any:
        if not index.isValid() or role not in self._ROLES:
            return None
        action = ACTIONS[index.row()]
        match self._ROLES[role]:
            case "name":
                return action.name
            case "section":
                return translate("Shortcuts", action.section)
            case "label":
                return translate("Shortcuts", action.label)
            case _:
                return [native(keys) for keys in action.keys]

    @Slot(str, result="QStringList")
    def keys(self, name: str) -> list[str]:
        """What a QML ``Shortcut`` takes as ``sequences``."""
        return list(_BY_NAME[name].keys)

    @Slot(int, result=str)
    def sectionAt(self, row: int) -> str:
        """The section of a row, for whoever draws the one after it."""
        return translate("Shortcuts", ACTIONS[row].section)

    @Slot(str, result=str)
    def text(self, name: str) -> str:
        """The first way to press it, for tooltips and menus."""
        return native(_BY_NAME[name].keys[0])

    def retranslate(self) -> None:
        """The language is another one."""
        self.dataChanged.emit(self.index(0), self.index(len(ACTIONS) - 1))
