"""The state of the node as it was told last. View-models read it and hear which parts changed."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal


def merge(target: Any, patch: Any) -> Any:
    """``target`` after a JSON merge patch (RFC 7396). Changes neither; parts that did not change are shared."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def changed_keys(before: dict[str, Any], after: dict[str, Any]) -> frozenset[str]:
    """The top-level keys whose values differ, those that came and those that went included."""
    missing = object()
    return frozenset(key for key in {*before, *after} if before.get(key, missing) != after.get(key, missing))


class Mirror(QObject):
    """The tree (docs/node-state.md describes it). Read it only; each change makes a new one."""

    changed = Signal(object)
    """The frozenset of the top-level keys that changed; never empty."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tree: dict[str, Any] = {}

    def part(self, name: str) -> dict[str, Any]:
        """One top-level object; empty when it is absent, so that nobody has to ask first."""
        found = self.tree.get(name)
        return found if isinstance(found, dict) else {}

    def replace(self, tree: dict[str, Any]) -> None:
        """A whole tree came."""
        before, self.tree = self.tree, tree
        if keys := changed_keys(before, tree):
            self.changed.emit(keys)

    def patch(self, patch: dict[str, Any]) -> None:
        """What changed came."""
        before, self.tree = self.tree, merge(self.tree, patch)
        # Only what the patch names can differ, so nothing else is compared.
        keys = frozenset(key for key in patch if before.get(key) != self.tree.get(key))
        if keys:
            self.changed.emit(keys)
