"""What a safetensors file says it holds: parsed and checked here, because the file may come from a stranger.

The format: 8 bytes (little endian) with the length N of a JSON header, the header, then the tensors' bytes. The
header maps each name to a dtype, a shape and a pair of offsets into those bytes. Everything is checked before
anything is allocated or mapped: a header that passes describes non-overlapping tensors that fill the file exactly,
each as large as its shape says.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import torch

from meadow.errors import DamagedCheckpoint

PREFIX_BYTES: Final = 8
MAX_HEADER_BYTES: Final = 100_000_000  # the format's own limit; checkpoints of 100B+ models reach some megabytes
MAX_RANK: Final = 16
MAX_NAME: Final = 512

DTYPES: Final[Mapping[str, torch.dtype]] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor of a checkpoint: where its bytes lie. ``start`` and ``end`` are absolute offsets in ``file``."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    file: str
    start: int
    end: int

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.end - self.start


def header_end(prefix: bytes, file: str, file_size: int) -> int:
    """Offset at which the header of ``file`` ends and the tensors begin, from the file's first 8 bytes.

    Raises DamagedCheckpoint when the length cannot be true.
    """
    if len(prefix) < PREFIX_BYTES:
        raise _damaged(file, f"it is only {len(prefix)} bytes long")
    length = int.from_bytes(prefix[:PREFIX_BYTES], "little")
    if length > MAX_HEADER_BYTES:
        raise _damaged(file, f"its header claims {length} bytes, more than any real model needs")
    if length < 2 or PREFIX_BYTES + length > file_size:
        raise _damaged(file, f"its header claims {length} bytes in a file of {file_size} bytes")
    return PREFIX_BYTES + length


def parse_header(header: bytes, file: str, file_size: int) -> dict[str, TensorInfo]:
    """Tensors of ``file`` by name, in file order, from the JSON bytes between the prefix and the data.

    ``file_size`` is the true size of the whole file in bytes. Raises DamagedCheckpoint naming the file, and the
    tensor if one is to blame.
    """
    table = _load_json(header, file)
    table.pop("__metadata__", None)  # free text for people; nothing here depends on it
    base = PREFIX_BYTES + len(header)
    infos = [_parse_entry(name, entry, file, base) for name, entry in table.items()]
    infos.sort(key=lambda info: (info.start, info.end))
    expected = base
    for info in infos:
        if info.start != expected:
            kind = "overlaps another tensor" if info.start < expected else "leaves a gap before it"
            raise _damaged(file, f"the tensor {_quote(info.name)} {kind}")
        expected = info.end
    if expected != file_size:
        what = "cut short" if file_size < expected else "longer than its header says"
        raise _damaged(file, f"it is {what} ({file_size} bytes instead of {expected})")
    return {info.name: info for info in infos}


def _load_json(header: bytes, file: str) -> dict[str, Any]:
    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError("a name appears twice")
        return made

    try:
        table = json.loads(header.decode("utf-8"), object_pairs_hook=no_duplicates)
    except (ValueError, RecursionError):
        raise _damaged(file, "its header is not readable") from None
    if not isinstance(table, dict):
        raise _damaged(file, "its header is not a table of tensors")
    return table


def _parse_entry(name: str, entry: Any, file: str, base: int) -> TensorInfo:
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise _damaged(file, "a tensor has an impossible name")
    if not isinstance(entry, dict):
        raise _damaged(file, f"the entry of {_quote(name)} is malformed")
    dtype = DTYPES.get(entry["dtype"]) if isinstance(entry.get("dtype"), str) else None
    if dtype is None:
        raise _damaged(file, f"the tensor {_quote(name)} has an unknown number format")
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not _sizes(shape) or len(shape) > MAX_RANK:
        raise _damaged(file, f"the tensor {_quote(name)} has an impossible shape")
    if not _sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _damaged(file, f"the tensor {_quote(name)} has impossible offsets")
    if math.prod(shape) * dtype.itemsize != offsets[1] - offsets[0]:
        raise _damaged(file, f"the tensor {_quote(name)} is not as large as its shape says")
    return TensorInfo(name, dtype, tuple(shape), file, base + offsets[0], base + offsets[1])


def _sizes(value: Any) -> TypeGuard[list[int]]:
    """A list of non-negative integers that fit a 63-bit file offset (bool is an int in Python, but not here)."""
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**63 for item in value)


def _quote(name: str) -> str:
    return f"'{name[:120]}'"


def _damaged(file: str, what: str) -> DamagedCheckpoint:
    return DamagedCheckpoint(f"The weight file {file} is damaged: {what}. Delete it and get it again from its source.")
