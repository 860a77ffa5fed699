"""One setting: its type, default, unit, description, and what may be said of a value that does not fit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

Value = bool | int | float | str | tuple[str, ...] | None
_SHOWN = 80


class Kind(StrEnum):
    """The types that a setting can have, by the names that people see."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    TEXTS = "list of texts"


_ARTICLE = {
    Kind.BOOLEAN: "true or false",
    Kind.INTEGER: "a whole number",
    Kind.NUMBER: "a number",
    Kind.TEXT: "a text",
    Kind.TEXTS: "a list of texts",
}
_SCHEMA: dict[Kind, dict[str, Any]] = {
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.INTEGER: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.TEXT: {"type": "string"},
    Kind.TEXTS: {"type": "array", "items": {"type": "string"}},
}


class Check(Protocol):
    """Narrows a type. ``text`` continues "a whole number ..." or says it all; ``schema`` is the same as JSON schema."""

    @property
    def text(self) -> str: ...
    @property
    def schema(self) -> dict[str, Any]: ...
    def __call__(self, value: Any) -> bool: ...


@dataclass(frozen=True, slots=True)
class Between:
    """A number from ``low`` to ``high``, both included."""

    low: float
    high: float

    @property
    def text(self) -> str:
        return f"between {self.low} and {self.high}"

    @property
    def schema(self) -> dict[str, Any]:
        return {"minimum": self.low, "maximum": self.high}

    def __call__(self, value: Any) -> bool:
        return bool(self.low <= value <= self.high)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few texts."""

    choices: tuple[str, ...]

    @property
    def text(self) -> str:
        return "one of " + ", ".join(self.choices)

    @property
    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.choices)}

    def __call__(self, value: Any) -> bool:
        return value in self.choices


@dataclass(frozen=True, slots=True)
class Text:
    """At most ``length`` characters that match ``pattern`` (which JSON schema reads the same way)."""

    text: str
    length: int
    pattern: str = ""

    @property
    def schema(self) -> dict[str, Any]:
        return {"maxLength": self.length, **({"pattern": self.pattern} if self.pattern else {})}

    def __call__(self, value: Any) -> bool:
        # Not search: to Python, "$" also matches before a line break at the end.
        return len(value) <= self.length and (not self.pattern or re.fullmatch(self.pattern, value) is not None)


@dataclass(frozen=True, slots=True)
class Each:
    """At most ``count`` texts, each of which ``accepts``; ``pattern`` says about the same in JSON schema."""

    text: str
    count: int
    accepts: Callable[[str], bool]
    pattern: str

    @property
    def schema(self) -> dict[str, Any]:
        return {"maxItems": self.count, "items": {"type": "string", "pattern": self.pattern}}

    def __call__(self, value: Any) -> bool:
        return len(value) <= self.count and all(self.accepts(item) for item in value)


@dataclass(frozen=True, slots=True)
class Setting:
    """A key that a person can set. ``default`` None means "not set", and then ``unset`` says what happens."""

    key: str
    kind: Kind
    default: Value
    description: str
    unit: str | None = None
    check: Check | None = None
    unset: str | None = None
    restart: bool = False
    """A change counts from the next start of the node; all others count at once."""

    @property
    def type(self) -> str:
        """The type for people and programs: "boolean", "integer", "number", "text" or "list of texts"."""
        return self.kind.value

    @property
    def allowed(self) -> str:
        """What a value must be, to complete "it must be"."""
        parts = [] if isinstance(self.check, OneOf) else [_ARTICLE[self.kind]]
        if self.check is not None:
            parts.append(self.check.text)
        if self.unit is not None:
            parts.append(f"({self.unit})")
        return " ".join(parts) + (", or null" if self.default is None else "")

    @property
    def schema(self) -> dict[str, Any]:
        """What a value must be, as JSON schema."""
        own: dict[str, Any] = {**_SCHEMA[self.kind], **(self.check.schema if self.check is not None else {})}
        if self.default is not None:
            return own
        return {"anyOf": [own, {"type": "null"}]}

    def accept(self, value: Any) -> Value:
        """``value`` as JSON has it, in the type of this setting. Raises ValueError with a sentence for people."""
        if value is None and self.default is None:
            return None
        converted = _convert(self.kind, value)
        if converted is None or (self.check is not None and not self.check(converted)):
            raise ValueError(f"{self.key} is {shown(value)}, but it must be {self.allowed}.")
        return converted


def shown(value: Any) -> str:
    """A value in a message: as JSON would have it, short, on one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value) if not isinstance(value, str) else '"' + value.encode("unicode_escape").decode() + '"'
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _convert(kind: Kind, value: Any) -> Value:
    """In the type of ``kind``, or None. A boolean is no number here, though Python says so."""
    if kind is Kind.BOOLEAN:
        return value if isinstance(value, bool) else None
    if kind in (Kind.INTEGER, Kind.NUMBER):
        if isinstance(value, bool) or not isinstance(value, int if kind is Kind.INTEGER else (int, float)):
            return None
        if kind is Kind.INTEGER:
            return int(value)
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:
            return None
    if kind is Kind.TEXT:
        return value if isinstance(value, str) and is_unicode(value) else None
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        if all(isinstance(item, str) and is_unicode(item) for item in value):
            return tuple(value)
    return None


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold it: JSON can name half a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
