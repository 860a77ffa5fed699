"""Tensors as bytes and back, for data that a stranger sent.

A *section* is a self-describing run of bytes with some tensors in it::

    u16 header length | msgpack list, one item per tensor | the tensors' bytes, one after the other, little-endian

Each item is ``[name, numbers, dtype code, shape]`` or nil for "no tensor here". ``numbers`` are a few integers whose
meaning belongs to the name (the blocks that an argument is for, the first column of a mask change). Sizes are checked
against the bytes that really arrived before anything is allocated, and a decoded tensor is a fresh, aligned copy, so
that nothing downstream can see or change the receive buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, prod

import msgpack
import torch

from meadow.errors import ProtocolError
from meadow.wire.limits import (
    MAX_BLOCKS,
    MAX_DIMENSION,
    MAX_FRAME,
    MAX_HEADER,
    MAX_LENGTH,
    MAX_NAME,
    MAX_RANK,
    MAX_TENSORS,
)

Buffer = bytes | bytearray | memoryview

_DTYPES: tuple[torch.dtype, ...] = (
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.bool,
)
_CODES = {dtype: code for code, dtype in enumerate(_DTYPES)}
_SIZES = tuple(dtype.itemsize for dtype in _DTYPES)
DTYPE_NAMES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""The dtypes a session may have, by the name they have in messages and records."""


@dataclass(frozen=True, slots=True)
class Part:
    """One named tensor of a section, with the few numbers that belong to it."""

    name: str
    numbers: tuple[int, ...]
    tensor: torch.Tensor


def dtype_name(dtype: torch.dtype) -> str:
    """``torch.float32`` -> ``"float32"``; raises ValueError for a dtype that no session can have."""
    for name, known in DTYPE_NAMES.items():
        if known is dtype:
            return name
    raise ValueError(f"sessions are float32, float16 or bfloat16, not {dtype}")


def pack_section(parts: Sequence[Part | None]) -> list[Buffer]:
    """The buffers of a section, in order; their concatenation is what :func:`unpack_section` reads.

    No tensor on the CPU is copied here if it is contiguous: the caller joins all buffers of a frame once. Raises
    ValueError when our own data does not fit the wire (that is a mistake of the caller, not of a peer).
    """
    if not parts:
        return []
    if len(parts) > MAX_TENSORS:
        raise ValueError(f"a section holds at most {MAX_TENSORS} tensors")
    table: list[object] = []
    data: list[Buffer] = []
    for part in parts:
        if part is None:
            table.append(None)
            continue
        tensor = part.tensor.detach() if part.tensor.requires_grad else part.tensor
        code = _CODES.get(tensor.dtype)
        if code is None or tensor.dim() > MAX_RANK:
            raise ValueError(f"tensor {part.name!r} cannot travel: {tensor.dtype} with {tensor.dim()} dimensions")
        table.append([part.name, part.numbers, code, tuple(tensor.shape)])
        if tensor.numel():
            flat = tensor.cpu().contiguous().view(-1).view(torch.uint8)
            data.append(flat.numpy().data)
    header = msgpack.packb(table)
    if len(header) > MAX_HEADER:
        raise ValueError("the description of a section's tensors is too long")
    return [len(header).to_bytes(2, "big"), header, *data]


def unpack_section(data: Buffer) -> list[Part | None]:
    """Read what :func:`pack_section` wrote. Raises :class:`ProtocolError` for anything else."""
    view = memoryview(data)
    if not len(view):
        return []
    if len(view) < 2:
        raise ProtocolError("a section is cut short")
    if len(view) > MAX_FRAME:
        raise ProtocolError("a section is too large")
    start = 2 + int.from_bytes(view[:2], "big")
    if start > len(view):
        raise ProtocolError("a section is cut short")
    table = unpack_map_or_list(view[2:start])
    if type(table) is not list or len(table) > MAX_TENSORS:
        raise ProtocolError("a section's table is not a short list")
    described = [None if item is None else _described(item) for item in table]
    if sum(item[3] for item in described if item is not None) != len(view) - start:
        raise ProtocolError("a section's tensors do not match its size")
    parts: list[Part | None] = []
    for item, raw in zip(described, table, strict=True):
        if item is None:
            parts.append(None)
            continue
        code, shape, numbers, size = item
        parts.append(Part(raw[0], numbers, _tensor(view[start : start + size], code, shape)))
        start += size
    return parts


def _described(item: object) -> tuple[int, tuple[int, ...], tuple[int, ...], int]:
    if type(item) is not list or len(item) != 4:
        raise ProtocolError("a tensor's description is malformed")
    name, numbers, code, shape = item
    if type(name) is not str or len(name) > MAX_NAME or (name and not name.isidentifier()):
        raise ProtocolError("a tensor's name is malformed")
    if type(numbers) is not list or len(numbers) > MAX_BLOCKS:
        raise ProtocolError("a tensor's numbers are malformed")
    if not all(type(number) is int and 0 <= number <= MAX_LENGTH for number in numbers):
        raise ProtocolError("a tensor's numbers are out of range")
    if type(code) is not int or not 0 <= code < len(_DTYPES):
        raise ProtocolError("a tensor has an unknown dtype")
    if type(shape) is not list or len(shape) > MAX_RANK:
        raise ProtocolError("a tensor has too many dimensions")
    if not all(type(size) is int and 0 <= size <= MAX_DIMENSION for size in shape):
        raise ProtocolError("a tensor's shape is out of range")
    return code, tuple(shape), tuple(numbers), prod(shape) * _SIZES[code]


def _tensor(data: memoryview, code: int, shape: tuple[int, ...]) -> torch.Tensor:
    dtype = _DTYPES[code]
    if not len(data):
        return torch.empty(shape, dtype=dtype)
    fresh = bytearray(data)  # malloc aligns it to 16 bytes; the receive buffer is aligned to nothing
    if dtype is torch.bool:  # a byte other than 0 or 1 inside a bool tensor is undefined behaviour in torch
        return torch.frombuffer(fresh, dtype=torch.uint8).ne(0).view(shape)
    return torch.frombuffer(fresh, dtype=dtype).view(shape)


def unpack_map_or_list(data: Buffer) -> object:
    """msgpack with every size bounded, no extension types, text keys only. Raises :class:`ProtocolError`."""
    size = len(data)
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            use_list=True,
            strict_map_key=True,
            ext_hook=_no_extension,
            max_str_len=min(size, 4096),
            max_bin_len=min(size, 4096),
            max_array_len=min(size, 4096),
            max_map_len=min(size, 64),
            max_ext_len=0,
        )
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError, OverflowError) as error:
        raise ProtocolError("a header is not valid msgpack") from error


def _no_extension(code: int, data: bytes) -> object:
    raise ValueError("extension types are not part of the protocol")


_FEW = 512
_EXPONENTS = {torch.float16: 0x7C00, torch.bfloat16: 0x7F80}


def is_finite(tensor: torch.Tensor) -> bool:
    """True if the tensor holds neither NaN nor infinity; integers always pass.

    This runs twice per hop and token, on a machine whose caches other work has emptied meanwhile: Python's own sum is
    the least code for the few numbers of a narrow model. One number tells for the whole tensor where that is possible.
    """
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        return bool(torch.isfinite(tensor).all())
    if tensor.requires_grad:
        tensor = tensor.detach()
    if tensor.dtype is torch.float32 and tensor.numel() <= _FEW:
        return isfinite(sum(tensor.numpy().reshape(-1).data))  # in double precision: nothing overflows
    flat = tensor.view(-1)
    exponent = _EXPONENTS.get(tensor.dtype)
    if exponent is not None:  # numpy has no bfloat16, and is slow with float16: look at the bits
        return not bool(((flat.view(torch.int16).numpy() & exponent) == exponent).any())
    # NaN and infinity both survive a scalar product with itself; so does the overflow of honest large numbers, which
    # the exact check then clears.
    return isfinite(torch.dot(flat, flat).item()) or bool(torch.isfinite(flat).all())
