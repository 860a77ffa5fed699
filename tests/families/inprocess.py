"""A split model in one process: the real client part and real spans; every step travels as the bytes of the wire.

What is left out is only what carries the bytes (streams, p2pd, scheduling). The tests over real processes put that
under the same promises for a dozen families.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import GenerationConfig, PreTrainedModel

from meadow.client.blocks import RemoteBlock, RemoteGeneration, bind
from meadow.models.checkpoint import open_checkpoint
from meadow.models.parts import layout_of, load_client, load_span
from meadow.server.cache import SpanCache
from meadow.server.span import Span, StepOutput
from meadow.wire import messages
from meadow.wire.body import Extra, forward_step, pack_step, read_result, read_step, result_frame
from meadow.wire.limits import FRAME_PREFIX
from meadow.wire.ops import CacheOp


@dataclass
class Traffic:
    """What was on the wire: bytes, and the names of tensors that travelled beside the hidden states."""

    bytes: int = 0
    extras: set[str] = field(default_factory=set)


@dataclass
class Split:
    """A model cut into spans. ``model`` is what a client holds; ``read`` the tensors that the parts own together."""

    model: PreTrainedModel
    spans: list[Span]
    traffic: Traffic
    read: list[str]


def split(folder: Path, cuts: Sequence[int], dtype: torch.dtype | None = None) -> Split:
    """Load the client part and one span per piece of the model between the cuts."""
    checkpoint = open_checkpoint(folder, cache_dir=folder)
    edges = [0, *cuts, layout_of(checkpoint.config).num_blocks]
    parts = [load_span(checkpoint, *edge, dtype=dtype) for edge in zip(edges, edges[1:], strict=False)]
    spans = [Span(part, *edge) for part, edge in zip(parts, zip(edges, edges[1:], strict=False), strict=True)]
    client = load_client(checkpoint, RemoteBlock, mixin=RemoteGeneration, dtype=dtype)
    traffic = Traffic()
    model = bind(client, lambda rows, expected_length, opening: Session(spans, rows, traffic))
    model.generation_config = GenerationConfig.from_pretrained(folder)
    return Split(model.eval(), spans, traffic, [name for part in [*parts, client] for name in part.tensors])


class Session:
    """One session over spans in this process; a ``meadow.client.cache.BlockSession``."""

    def __init__(self, spans: Sequence[Span], rows: int, traffic: Traffic) -> None:
        self.spans = spans
        self.caches = [span.open(span.start, span.end, rows) for span in spans]
        self.traffic = traffic
        self.seq = 0
        self.can_roll_back = all(span.can_roll_back for span in spans)

    def step(
        self,
        hidden: torch.Tensor,
        *,
        keep: int,
        positions: torch.Tensor | None = None,
        mask: tuple[int, torch.Tensor] | None = None,
        extras: Mapping[int, Mapping[str, torch.Tensor]] | None = None,
        ops: tuple[CacheOp, ...] = (),
    ) -> torch.Tensor:
        """Take the hidden states through every span, each hop a message that is encoded and decoded."""
        self.seq += 1
        wanted = [
            [
                Extra(name, (index,), value)
                for index, arguments in (extras or {}).items()
                if span.start <= index < span.end
                for name, value in arguments.items()
            ]
            for span in self.spans
        ]
        self.traffic.extras.update(extra.name for one in wanted for extra in one)
        axis = self.spans[0].position_axis
        step = messages.Step(
            epoch=0,
            seq=self.seq,
            position=self.caches[0].length,
            count=hidden.shape[axis],
            sections=(),
            keep=keep,
            ops=ops,
        )
        data = pack_step(step, hidden, wanted, positions=positions, mask=mask)
        for span, cache in zip(self.spans, self.caches, strict=True):
            step = messages.expect(self._arrived(data), messages.Step)
            output = _serve(span, cache, step)
            span.plan_ahead(cache)  # as the engine does, and oftener: the next step may be any other
            if span is self.spans[-1]:
                data = result_frame(step, output.hidden, (), axis=axis)
            else:
                self.traffic.extras.update("carry" for tensor in output.carry if tensor is not None)
                data = forward_step(step, output.hidden, output.carry)
        return read_result(messages.expect(self._arrived(data), messages.Result))[0]

    def close(self) -> None:
        for cache in self.caches:
            cache.close()

    def _arrived(self, data: bytes) -> messages.Message:
        self.traffic.bytes += len(data)
        return messages.decode(data[FRAME_PREFIX:])


def _serve(span: Span, cache: SpanCache, step: messages.Step) -> StepOutput:
    """What a server does with a step that it has admitted."""
    for op in step.ops:
        match op.kind:
            case "crop":
                cache.crop(op.count)
            case "repeat":
                cache.repeat(op.count)
            case "reorder":
                cache.reorder(list(op.indices))
            case "select":
                cache.select(list(op.indices))
            case "record_past":
                cache.record_past()
            case "reset":
                cache.reset()
    content = read_step(step)
    return span.step(
        cache,
        content.hidden,
        positions=content.positions,
        mask=content.mask,
        extras=content.extras,
        carry=content.carry,
    )
