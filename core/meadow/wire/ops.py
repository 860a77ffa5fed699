"""Cache operations that travel in front of a step, and what they do to a session's rows and length.

Pure arithmetic, used by both ends: the client knows its shapes before it sends, and a server checks a frame before it
goes near a cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meadow.errors import ProtocolError
from meadow.wire.limits import MAX_OPS, MAX_ROWS


@dataclass(frozen=True, slots=True)
class CacheOp:
    """One operation on every cache of a session. Build it with the class methods.

    ``indices`` are rows of the batch, ``count`` is a number of positions (crop) or of copies (repeat).
    """

    kind: str
    count: int = 0
    indices: tuple[int, ...] = ()

    @classmethod
    def crop(cls, remove: int) -> CacheOp:
        """Forget the last ``remove`` positions."""
        return cls("crop", remove)

    @classmethod
    def reorder(cls, indices: Sequence[int]) -> CacheOp:
        """Row i becomes the old row ``indices[i]``; as many rows as before (beam search)."""
        return cls("reorder", 0, tuple(indices))

    @classmethod
    def repeat(cls, times: int) -> CacheOp:
        """Every row ``times`` times, copies next to each other."""
        return cls("repeat", times)

    @classmethod
    def select(cls, indices: Sequence[int]) -> CacheOp:
        """Keep only these rows, in this order."""
        return cls("select", 0, tuple(indices))

    @classmethod
    def record_past(cls) -> CacheOp:
        """From now on keep what a later crop needs (sliding windows)."""
        return cls("record_past")

    @classmethod
    def reset(cls) -> CacheOp:
        """Forget every position."""
        return cls("reset")


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a session is: rows of the batch and positions in the cache."""

    rows: int
    length: int


def after_ops(extent: Extent, ops: Sequence[CacheOp], *, can_roll_back: bool = True) -> tuple[Extent, int]:
    """The extent after ``ops``, and the most rows there are on the way. Raises ProtocolError if they do not fit."""
    rows, length, most = extent.rows, extent.length, extent.rows
    if len(ops) > MAX_OPS:
        raise ProtocolError("too many cache operations in one step")
    for op in ops:
        if op.kind == "crop":
            if not 0 <= op.count <= length:
                raise ProtocolError("cannot forget more positions than there are")
            if op.count and not can_roll_back:
                raise ProtocolError("this model's cache cannot roll back", code="cannot_roll_back")
            length -= op.count
        elif op.kind in ("reorder", "select"):
            if not op.indices or len(op.indices) > MAX_ROWS or (op.kind == "reorder" and len(op.indices) != rows):
                raise ProtocolError("wrong number of rows in a cache operation")
            if not all(0 <= index < rows for index in op.indices):
                raise ProtocolError("a cache operation names a row that does not exist")
            rows = len(op.indices)
        elif op.kind == "repeat":
            if not 1 <= op.count <= MAX_ROWS or rows * op.count > MAX_ROWS:
                raise ProtocolError("a cache operation would make too many rows")
            rows *= op.count
        elif op.kind == "reset":
            length = 0
        elif op.kind != "record_past":
            raise ProtocolError("unknown cache operation")
        most = max(most, rows)
    return Extent(rows, length), most
