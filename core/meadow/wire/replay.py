"""Several logged steps as one frame, for a replay: a span computes 256 positions at once far faster than one by one.

Only what every hop has computed already may be joined, as nobody behind the receiver is to see the joined frame unless
it is rebuilt as well. Sessions that are reproducible keep the boundaries of their steps and join nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from meadow.wire.body import Extra, pack_step
from meadow.wire.framelog import Join
from meadow.wire.limits import FRAME_PREFIX, MAX_REPLAYED
from meadow.wire.messages import Step, decode, expect
from meadow.wire.tensors import unpack_section


def joiner(position_axis: int) -> Join:
    """What makes one frame of several steps; ``position_axis`` of the hidden states counts positions.

    Steps are joined as long as they only append: no cache operation but in front of the first, no argument for single
    blocks, no carry, no mask or position ids of their own, and together at most 256 positions.
    """

    def join(frames: Sequence[bytes]) -> tuple[int, bytes]:
        first = _step(frames[0])
        tensor = _plain(first)
        if tensor is None:
            return 1, frames[0]
        common = bytes(_common(first))
        parts, steps, total = [tensor], [first], first.count
        for frame in frames[1:]:
            step = _step(frame)
            total += step.count
            tensor = None if step.ops or total > MAX_REPLAYED or bytes(_common(step)) != common else _plain(step)
            if tensor is None or tensor.shape[:position_axis] != parts[0].shape[:position_axis]:
                break
            parts.append(tensor)
            steps.append(step)
        stands_for = sum(step.stands_for for step in steps)
        if len(steps) == 1 or stands_for > MAX_REPLAYED:
            return 1, frames[0]
        header = replace(
            first,
            seq=steps[-1].seq,
            count=sum(step.count for step in steps),
            keep=0,
            answer=False,
            acked=0,
            again=True,
            stands_for=stands_for,
            body=b"",
        )
        nothing: list[list[Extra]] = [[] for _ in first.sections[1:-1]]
        derived = torch.empty(0, dtype=torch.int64) if common else None
        return len(steps), pack_step(header, torch.cat(parts, position_axis), nothing, positions=derived)

    return join


def _step(frame: bytes) -> Step:
    return expect(decode(memoryview(frame)[FRAME_PREFIX:]), Step)


def _common(step: Step) -> memoryview:
    return memoryview(step.body)[len(step.body) - step.sections[-1] :]


def _plain(step: Step) -> torch.Tensor | None:
    """The hidden states, if they are all that this step brings."""
    if any(step.sections[1:-1]):
        return None
    for part in unpack_section(_common(step)):
        # Empty position ids let the model count from the mask, step by step or all at once.
        if part is None or part.name != "positions" or part.tensor.numel():
            return None
    parts = unpack_section(memoryview(step.body)[: step.sections[0]])
    return parts[0].tensor if len(parts) == 1 and parts[0] is not None else None
