"""The body of a Step: hidden states, what later servers need, and how one server hands the rest on.

Sections in order: ``main`` (hidden states, then carry), one for each server still to come, the receiver's own first,
and the common one (position ids, mask change). A server reads ``main``, its own and the common section; what it sends
on is a new ``main`` and the untouched bytes of everything behind its own section.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from meadow.errors import ProtocolError
from meadow.wire.messages import Result, Step, encode
from meadow.wire.tensors import Buffer, Part, pack_section, unpack_section

Mask = tuple[int, torch.Tensor]
"""(first column, values ``[rows, columns]``): the 2-D attention mask from that column on."""


@dataclass(frozen=True, slots=True)
class Extra:
    """An argument that a client made for some blocks, e.g. per-layer inputs; sent once for all these blocks."""

    name: str
    blocks: tuple[int, ...]
    tensor: torch.Tensor


@dataclass(frozen=True, slots=True)
class Content:
    """What a server gets out of a step. ``extras``: block index -> argument name -> tensor."""

    hidden: torch.Tensor
    carry: tuple[torch.Tensor | None, ...] = ()
    extras: Mapping[int, Mapping[str, torch.Tensor]] = field(default_factory=dict)
    positions: torch.Tensor | None = None
    mask: Mask | None = None


def pack_step(
    step: Step,
    hidden: torch.Tensor,
    extras: Sequence[Sequence[Extra]],
    *,
    carry: Sequence[torch.Tensor | None] = (),
    positions: torch.Tensor | None = None,
    mask: Mask | None = None,
) -> bytes:
    """The frame of a step as the client sends it; ``extras`` has one entry per hop. ``step.sections`` is filled in."""
    sections = [_main(hidden, carry)]
    for wanted in extras if any(extras) else [()]:
        sections.append(pack_section([Part(extra.name, extra.blocks, extra.tensor) for extra in wanted]))
    common: list[Part | None] = []
    if positions is not None:
        common.append(Part("positions", (), positions))
    if mask is not None:
        common.append(Part("mask", (mask[0],), mask[1]))
    sections.append(pack_section(common))
    sizes = tuple(sum(len(buffer) for buffer in section) for section in sections)
    return encode(replace(step, sections=sizes), [buffer for section in sections for buffer in section])


def read_step(step: Step) -> Content:
    """The tensors that concern the receiver. Raises :class:`ProtocolError`."""
    body, sizes = memoryview(step.body), step.sections
    own = sizes[0]
    hidden, carry = _read_main(body[:own])
    extras: dict[int, dict[str, torch.Tensor]] = {}
    for part in unpack_section(body[own : own + sizes[1]]):
        if part is None or not part.name:
            raise ProtocolError("an extra argument is malformed")
        for block in part.numbers:
            extras.setdefault(block, {})[part.name] = part.tensor
    positions: torch.Tensor | None = None
    mask: Mask | None = None
    for part in unpack_section(body[len(body) - sizes[-1] :]) if sizes[-1] else ():
        if part is not None and part.name == "positions":
            positions = part.tensor
        elif part is not None and part.name == "mask" and len(part.numbers) == 1:
            if part.tensor.is_floating_point():
                raise ProtocolError("a mask is made of integers")
            mask = part.numbers[0], part.tensor
    return Content(hidden, carry, extras, positions, mask)


def forward_step(step: Step, hidden: torch.Tensor, carry: Sequence[torch.Tensor | None]) -> bytes:
    """The frame for the next hop: a new main section, the receiver's own section taken out, the rest as it came.

    A step without arguments for any block has a single empty section for all servers, however many they are: a route
    may get longer by a replacement.
    """
    main = _main(hidden, carry)
    left = step.sections[1:]
    if len(left) > 2:
        left = left[1:]
    elif left[0]:
        raise ProtocolError("a step has no section for the next hop")
    rest = memoryview(step.body)[len(step.body) - sum(left) :]
    sizes = (sum(len(buffer) for buffer in main), *left)
    return encode(replace(step, sections=sizes, body=b""), [*main, rest])


def result_frame(step: Step, hidden: torch.Tensor, carry: Sequence[torch.Tensor | None], *, axis: int) -> bytes:
    """The last server's answer: the last ``step.keep`` positions along ``axis``."""
    if step.keep != step.count:
        hidden = hidden.narrow(axis, hidden.shape[axis] - step.keep, step.keep)
    return encode(Result(step.epoch, step.seq), _main(hidden, carry))


def read_result(result: Result) -> tuple[torch.Tensor, tuple[torch.Tensor | None, ...]]:
    """Hidden states and carry of an answer. Raises :class:`ProtocolError`."""
    return _read_main(memoryview(result.body))


def _main(hidden: torch.Tensor, carry: Sequence[torch.Tensor | None]) -> list[Buffer]:
    parts: list[Part | None] = [Part("hidden", (), hidden)]
    parts.extend(None if tensor is None else Part("carry", (), tensor) for tensor in carry)
    return pack_section(parts)


def _read_main(data: memoryview) -> tuple[torch.Tensor, tuple[torch.Tensor | None, ...]]:
    parts = unpack_section(data)
    if not parts or parts[0] is None or parts[0].name != "hidden":
        raise ProtocolError("a step has no hidden states")
    return parts[0].tensor, tuple(None if part is None else part.tensor for part in parts[1:])
