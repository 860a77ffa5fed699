"""The state tree as plain JSON, by the two rules of ``state``: None is absent, and what comes and goes has an id."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from meadow.node.state import State

Json = dict[str, Any]


def to_json(state: State) -> Json:
    """The tree as plain JSON values. Absent means None; numbers that are not finite count as unknown."""
    json: Json = plain(state)
    return json


def plain(value: Any) -> Any:
    """Any part of the tree as plain JSON values; None for what has none."""
    inside = members(value)
    if inside is not None:
        return {name: json for name, part in inside.items() if (json := plain(part)) is not None}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def members(value: Any) -> Mapping[str, Any] | None:
    """What becomes the members of a JSON object; None for what does not become one."""
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in _names(type(value))}
    return None


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(item.name for item in fields(kind))
