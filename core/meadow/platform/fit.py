"""How much of a model fits into what is free on a device now, and which part of it to take: pure functions.

Weights, KV cache, head room for passing tensors and a reserve for the runtime must fit together; nothing is planned
that would take more than was free when it was measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from meadow.platform.readings import Device, Kind
from meadow.platform.readings import Reason as DeviceReason

ITEM_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Tokens of all sessions together, each in all blocks of the span: two chats of four thousand.
DEFAULT_KV_TOKENS = 8192
MAX_KV_TOKENS = 1 << 17
# Share of the free memory that stays free: passing tensors, buffers that move when they grow, fragmentation.
HEAD_ROOM = 0.1
# What a server takes beside weights and cache. Measured on the CPU: 444 MB are resident in a server of three small
# blocks. An estimate for GPUs (the driver's context, kernels, workspaces), never measured: see docs/devices.md.
RUNTIME_BYTES = {Kind.CPU: 600 << 20, Kind.CUDA: 1 << 30, Kind.ROCM: 1 << 30, Kind.MPS: 1 << 30}
# Left for the person's other programs where memory is not a GPU's own.
RESERVE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What ``meadow.models.facts`` says about a model. The tuples have one entry for each block."""

    name: str
    num_blocks: int
    dtype: str
    numbers: tuple[int, ...]
    kept_bytes: tuple[int, ...]
    cache_numbers: tuple[float, ...]
    cache_kept_bytes: tuple[float, ...]
    indivisible: tuple[tuple[int, int], ...] = ()
    fingerprint: bytes = b""
    hub_id: str | None = None
    missing_bytes: tuple[int, ...] = ()

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> ModelFacts:
        """From the JSON values of a "facts" event; unknown ones are ignored."""
        return cls(
            name=table["name"],
            num_blocks=table["num_blocks"],
            dtype=table["dtype"],
            numbers=tuple(table["numbers"]),
            kept_bytes=tuple(table["kept_bytes"]),
            cache_numbers=tuple(table["cache_numbers"]),
            cache_kept_bytes=tuple(table["cache_kept_bytes"]),
            indivisible=tuple((start, end) for start, end in table["indivisible"]),
            fingerprint=bytes.fromhex(table["fingerprint"]),
            hub_id=table["hub_id"],
            missing_bytes=tuple(table["missing_bytes"]),
        )

    def weight_bytes(self, block: int, dtype: str | None = None) -> int:
        """Memory of one block's weights."""
        return self.numbers[block] * ITEM_BYTES[dtype or self.dtype] + self.kept_bytes[block]

    def cache_bytes(self, block: int, tokens: int, dtype: str | None = None) -> int:
        """Memory of ``tokens`` cached positions in one block."""
        each = self.cache_numbers[block] * ITEM_BYTES[dtype or self.dtype] + self.cache_kept_bytes[block]
        return math.ceil(each * tokens)

    def block_bytes(self, tokens: int, dtype: str | None = None) -> tuple[int, ...]:
        """Weights and cache of every block."""
        return tuple(
            self.weight_bytes(block, dtype) + self.cache_bytes(block, tokens, dtype) for block in range(self.num_blocks)
        )


class Why(StrEnum):
    """Why nothing can be shared."""

    DEVICE = "device"  # the device itself cannot be used or read
    NOTHING_FITS = "nothing_fits"
    DTYPE = "dtype"


@dataclass(frozen=True, slots=True)
class NoShare:
    """Nothing to share: ``why`` for programs, ``message`` for people. ``device``: the device's own reason, if it is."""

    why: Why
    message: str
    device: DeviceReason | None = None


@dataclass(frozen=True, slots=True)
class SharePlan:
    """What this machine would host: blocks ``[start, end)`` on ``device`` (torch's name). Sizes in bytes.

    ``kv_tokens`` and the other values are those of a ``ServerSpec``. ``capacity``: how many blocks would fit from
    ``start`` on; ``reserve_bytes`` are for the runtime and other programs. ``message`` is one
    sentence for the person.
    """

    model: str
    device: str
    dtype: str
    start: int
    end: int
    num_blocks: int
    kv_tokens: int
    weight_bytes: int
    cache_bytes: int
    reserve_bytes: int
    free_bytes: int
    download_bytes: int
    capacity: int
    message: str


def room(free: int, *, reserve: int, head_room: float = HEAD_ROOM, limit: int | None = None) -> int:
    """Bytes for weights and cache when ``free`` bytes are free now. ``limit``: the most that the person allows."""
    most = free if limit is None else min(free, limit)
    return max(0, int((most - reserve) * (1.0 - head_room)))


def blocks_that_fit(
    costs: Sequence[int], space: int, *, start: int = 0, indivisible: Sequence[tuple[int, int]] = ()
) -> int:
    """How many blocks from ``start`` on fit together into ``space`` bytes; never ends inside an indivisible range."""
    fitting = taken = 0
    for block in range(start, len(costs)):
        taken += costs[block]
        if taken > space:
            break
        if may_cut(block + 1, indivisible):
            fitting = block + 1 - start
    return fitting


def may_cut(boundary: int, indivisible: Iterable[tuple[int, int]]) -> bool:
    """Whether a span may begin or end before block ``boundary``."""
    return not any(first < boundary < last for first, last in indivisible)


def gaps(served: Iterable[tuple[int, int]], num_blocks: int) -> list[tuple[int, int]]:
    """The ranges of blocks that no span of ``served`` holds, in order. Spans may overlap, and may be nonsense."""
    found, at = [], 0
    for start, end in sorted(span for span in served if span[0] < span[1]):
        if start > at:
            found.append((at, min(start, num_blocks)))
        at = max(at, end)
        if at >= num_blocks:
            return found
    return [*found, (at, num_blocks)] if at < num_blocks else found


def plan_share(
    model: ModelFacts,
    device: Device,
    *,
    place: Callable[[Callable[[int], int]], tuple[int, int] | None],
    dtype: str | None = None,
    kv_tokens: int | None = None,
    limit_fraction: float = 1.0,
    blocks: tuple[int, int] | None = None,
    reserve: int | None = None,
    head_room: float = HEAD_ROOM,
) -> SharePlan | NoShare:
    """What to host of ``model`` on ``device`` with what is free there now.

    :param place: chooses the span: called with the function from a first block to how many fit from there on; None from
        it: nothing fits.
    :param dtype: computed in; default the checkpoint's own.
    :param kv_tokens: tokens of all sessions together; None: at least DEFAULT_KV_TOKENS, more where room is left.
    :param limit_fraction: of what is free now that may be taken at most.
    :param blocks: exactly these instead, if they fit.
    :param reserve: bytes that stay free for other programs; default for this kind of device.
    """
    if device.reason is not None:
        return NoShare(Why.DEVICE, device.reason.message, device.reason)
    if device.torch is None or device.memory_free is None:
        return NoShare(Why.DEVICE, f"How much memory is free on the {device.name} is not known, so nothing is planned.")
    dtype = dtype or model.dtype
    if dtype not in ITEM_BYTES:
        return NoShare(Why.DTYPE, f"Meadow does not compute in {dtype}. Choose float32, bfloat16 or float16.")
    if reserve is None:
        reserve = RESERVE_BYTES if device.kind in (Kind.CPU, Kind.MPS) else 0
    reserve += RUNTIME_BYTES[device.kind]
    limit = int(device.memory_free * limit_fraction)
    space = room(device.memory_free, reserve=reserve, head_room=head_room, limit=limit)
    tokens = DEFAULT_KV_TOKENS if kv_tokens is None else kv_tokens
    costs = model.block_bytes(tokens, dtype)

    capacity = _fitting(model, costs, space)
    span: tuple[int, int] | None
    if blocks is not None:
        span = blocks if capacity(blocks[0]) >= blocks[1] - blocks[0] else None
    else:
        span = place(capacity)
    if span is None:
        return NoShare(Why.NOTHING_FITS, _too_small(model, device, costs, blocks, reserve, head_room))
    start, end = span
    weights = sum(model.weight_bytes(block, dtype) for block in range(start, end))
    if kv_tokens is None:
        tokens = _more_tokens(model, span, dtype, space - weights, tokens)
    cache = sum(model.cache_bytes(block, tokens, dtype) for block in range(start, end))
    return SharePlan(
        model=model.name,
        device=device.torch,
        dtype=dtype,
        start=start,
        end=end,
        num_blocks=model.num_blocks,
        kv_tokens=tokens,
        weight_bytes=weights,
        cache_bytes=cache,
        reserve_bytes=reserve,
        free_bytes=device.memory_free,
        download_bytes=sum(model.missing_bytes[start:end]),
        capacity=capacity(start),
        message=f"The {device.name} ({_gb(device.memory_free)} free) would host {end - start} of "
        f"{model.num_blocks} blocks of {model.name}: {start}:{end}, {_gb(weights + cache)}.",
    )


def fitting_as_planned(
    model: ModelFacts, plan: SharePlan, *, kv_tokens: int | None, limit_fraction: float
) -> Callable[[int], int]:
    """How many blocks would have fit from a first one on, when ``plan`` was made with these wishes."""
    limit = int(plan.free_bytes * limit_fraction)
    space = room(plan.free_bytes, reserve=plan.reserve_bytes, limit=limit)
    costs = model.block_bytes(DEFAULT_KV_TOKENS if kv_tokens is None else kv_tokens, plan.dtype)
    return _fitting(model, costs, space)


def _fitting(model: ModelFacts, costs: Sequence[int], space: int) -> Callable[[int], int]:
    def fitting(start: int) -> int:
        # Without any room, blocks of no size (some families have them) must not fit either: the reserve does not.
        return blocks_that_fit(costs, space, start=start, indivisible=model.indivisible) if space else 0

    return fitting


def _more_tokens(model: ModelFacts, span: tuple[int, int], dtype: str, space: int, tokens: int) -> int:
    """Tokens that fit into ``space`` bytes beside the weights, in thousands; at least ``tokens``, which do fit."""
    each = sum(model.cache_numbers[block] * ITEM_BYTES[dtype] + model.cache_kept_bytes[block] for block in range(*span))
    # One byte a block less: every block's share is rounded up.
    most = MAX_KV_TOKENS if each <= 0 else int((space - (span[1] - span[0])) / each)
    return max(tokens, min(most, MAX_KV_TOKENS) // 1024 * 1024)


def _too_small(
    model: ModelFacts,
    device: Device,
    costs: Sequence[int],
    blocks: tuple[int, int] | None,
    reserve: int,
    head_room: float,
) -> str:
    free = _gb(device.memory_free or 0)
    if blocks is not None:
        what, cost = f"Blocks {blocks[0]}:{blocks[1]}", sum(costs[slice(*blocks)])
    else:
        what, cost = "One block", min(costs)
    needed = math.ceil(cost / (1.0 - head_room)) + reserve
    return (
        f"{what} of {model.name} needs about {_gb(needed)}, and {free} are free on the {device.name}. "
        "Close programs that use it, allow Meadow more of it, or choose a smaller model."
    )


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
