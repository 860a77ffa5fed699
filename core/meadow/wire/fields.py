"""How a message class says what its fields look like on the wire: one line per field, with its limits.

A message is a frozen dataclass whose fields are made with :func:`field`. From that one declaration come the encoder and
a decoder that checks the type and the range of everything, ignores keys it does not know (SESSION.md rule 16), and
knows no other failure than :class:`ProtocolError`.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any

from meadow.errors import ProtocolError

Reader = Callable[[Any], Any]
"""From a msgpack value to a checked Python value; raises ProtocolError."""

_BASE58 = re.compile(r"[1-9A-HJ-NP-Za-km-z]{1,96}")
_WORD = re.compile(r"[A-Za-z0-9_.+:/ -]*")


KIND = "t"
"""The key under which every header says which message it is."""


class _Missing:
    pass


MISSING = _Missing()


@dataclasses.dataclass(frozen=True, slots=True)
class Wire:
    """A field's key in the header map, its reader, and what to write (default: the value itself)."""

    key: str
    read: Reader
    write: Callable[[Any], Any] | None = None


def field(key: str, read: Reader, default: Any = MISSING, *, write: Callable[[Any], Any] | None = None) -> Any:
    """A dataclass field that travels under ``key``. One with a default may be absent, and at its default it is."""
    metadata = {"wire": Wire(key, read, write)}
    if isinstance(default, _Missing):
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def integer(low: int, high: int) -> Reader:
    """An int (not a bool) in ``[low, high]``."""

    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ProtocolError("a number is missing or out of range")
        return value

    return read


def number(low: float, high: float) -> Reader:
    """A finite float (or int) in ``[low, high]``."""

    def read(value: Any) -> float:
        if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
            raise ProtocolError("a number is missing or out of range")
        return float(value)

    return read


def boolean(value: Any) -> bool:
    """True or False, nothing else."""
    if type(value) is not bool:
        raise ProtocolError("a flag is malformed")
    return value


def raw(low: int, high: int) -> Reader:
    """Bytes with a length in ``[low, high]``."""

    def read(value: Any) -> bytes:
        if type(value) is not bytes or not low <= len(value) <= high:
            raise ProtocolError("a byte string is malformed")
        return value

    return read


def word(high: int) -> Reader:
    """A short string of ASCII letters, digits and ``_.+:/ -``: safe to log and to compare, not shown to people."""

    def read(value: Any) -> str:
        if type(value) is not str or len(value) > high or not _WORD.fullmatch(value):
            raise ProtocolError("a name is malformed")
        return value

    return read


def choice(*allowed: str) -> Reader:
    """One of the given strings."""
    known = frozenset(allowed)

    def read(value: Any) -> str:
        if type(value) is not str or value not in known:
            raise ProtocolError("a keyword is unknown")
        return value

    return read


def peer(value: Any) -> str:
    """A peer id in base58."""
    if type(value) is not str or not _BASE58.fullmatch(value):
        raise ProtocolError("a peer id is malformed")
    return value


def server_id(value: Any) -> str:
    """Eight hexadecimal characters."""
    if type(value) is not str or not re.fullmatch(r"[0-9a-f]{8}", value):
        raise ProtocolError("a server id is malformed")
    return value


def optional(read: Reader) -> Reader:
    """nil, or what ``read`` accepts."""

    def inner(value: Any) -> Any:
        return None if value is None else read(value)

    return inner


def listing(read: Reader, most: int) -> Reader:
    """A list of at most ``most`` items, as a tuple."""

    def inner(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) > most:
            raise ProtocolError("a list is malformed")
        return tuple([read(item) for item in value])

    return inner


def group(*readers: Reader) -> Reader:
    """A list with exactly one item for each reader, as a tuple."""

    def inner(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(readers):
            raise ProtocolError("a group of fields is malformed")
        return tuple([read(item) for read, item in zip(readers, value, strict=True)])

    return inner


class Codec:
    """Encoder and decoder of one message class, made from its fields once."""

    def __init__(self, cls: type[Any]) -> None:
        self.cls = cls
        self._fields = [
            (item.name, item.metadata["wire"], item.default)
            for item in dataclasses.fields(cls)
            if "wire" in item.metadata
        ]
        keys = [wire.key for _, wire, _ in self._fields]
        if len({KIND, *keys}) != len(keys) + 1:
            raise TypeError(f"{cls.__name__} uses a key of the header twice")

    def to_map(self, message: Any) -> dict[str, Any]:
        """The header map of a message."""
        header: dict[str, Any] = {}
        for name, wire, default in self._fields:
            value = getattr(message, name)
            if value == default:
                continue
            header[wire.key] = value if wire.write is None else wire.write(value)
        return header

    def from_map(self, header: dict[str, Any]) -> dict[str, Any]:
        """Checked constructor arguments from a header map. Raises :class:`ProtocolError`."""
        arguments: dict[str, Any] = {}
        for name, wire, default in self._fields:
            if wire.key in header:
                arguments[name] = wire.read(header[wire.key])
            elif default is dataclasses.MISSING:
                raise ProtocolError("a field is missing")
        return arguments
