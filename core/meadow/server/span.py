"""Run blocks ``[start, end)`` of a model: plan a step with the model's own code, then call the blocks directly.

*Plan*: the decoder's own forward runs once with a recorder in place of every block. It computes masks, rotary
embeddings and whatever else the family passes to its blocks; each owned recorder writes its arguments down and hands on
a marker.
*Run*: the real blocks are called with those arguments and the real hidden states. That is legal exactly if the marker
arrives at every block untouched, which is checked on every plan by identity: a model that computes something between
its blocks is refused at load, never run wrong.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from meadow.errors import UnsupportedModel
from meadow.models.parts import Part
from meadow.models.standin import FAILURES, RECOMPUTED, BlockList, BlockStandIn, untouched
from meadow.server.cache import BadStep, SpanCache, is_plain
from meadow.server.isolate import Slot, Snapshot, enter, leave
from meadow.server.lengths import config_lengths


@dataclass(frozen=True, slots=True)
class StepOutput:
    """``hidden``: what the last block returned. ``carry``: further elements of its tuple that the next block takes."""

    hidden: torch.Tensor
    carry: tuple[torch.Tensor | None, ...] = ()


class _Planned(Exception):
    """Ends the decoder's forward once the last block that matters has been recorded."""


@dataclass(frozen=True, slots=True)
class _Carried:
    """Stands for element ``element`` of the tuple that block ``block`` will return."""

    block: int
    element: int


@dataclass(slots=True)
class _Plan:
    start: int
    end: int
    marker: torch.Tensor
    carry: tuple[torch.Tensor | None, ...] = ()
    calls: list[tuple[tuple, dict]] = field(default_factory=list)
    entered: torch.Tensor | None = None  # what the model itself brought to the first block: only its shape matters
    clean: bool = True


class _Recorder(BlockStandIn):
    def __init__(self, original: nn.Module, index: int, span: Span) -> None:
        super().__init__(original, index)
        object.__setattr__(self, "span", span)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        plan: _Plan = self.__dict__["span"].current
        index = self.index
        hidden = self.hidden(args, kwargs)
        if index < plan.start:
            if plan.carry and index == plan.start - 1 and self.arity:
                return (hidden, *plan.carry)
            return self.wrap(hidden)
        if index == plan.start:
            plan.entered = hidden
        elif not untouched(hidden, plan.marker):
            plan.clean = False
        plan.calls.append((args, kwargs))
        if index == plan.end - 1:
            raise _Planned
        if not self.arity:
            return plan.marker
        return (plan.marker, *(_Carried(index, element) for element in range(1, self.arity)))


class Span:
    """Blocks ``[start, end)`` of one model, loaded in this process. Everything but the facts belongs on one thread."""

    def __init__(self, part: Part, start: int, end: int) -> None:
        """Wrap a loaded part and try it out: three short steps find its shapes, its module state, and that it works.

        :raises UnsupportedModel: the model computes something between its blocks.
        """
        self.start, self.end = start, end
        self.model, self.layout, self.step_shape = part.model, part.layout, part.step
        self.config = part.model.config.get_text_config(decoder=True)
        self.num_blocks = part.layout.num_blocks
        self.weight_bytes = part.nbytes
        self.dtype, self.device = part.step.dtype, torch.device(part.model.device)
        self.decoder = part.decoder
        self.current = _Plan(0, 0, torch.empty(0))
        self.slots: list[Slot] = []
        self._ahead: tuple[weakref.ref[SpanCache], tuple[int, int], _Plan] | None = None
        self.state_in_blocks = False

        blocks = part.blocks
        self.blocks: dict[int, nn.Module] = {index: blocks[index] for index in range(start, end)}
        # Pinning the real blocks here keeps them out of the decoder's module tree, where only recorders stand.
        self._stand_ins = {
            index: _Recorder(block.original if isinstance(block, BlockStandIn) else block, index, self)
            for index, block in enumerate(blocks)
        }
        parent, _, name = part.layout.blocks.rpartition(".")
        setattr(self.model.get_submodule(parent), name, BlockList(self._stand_ins.values()))

        names = inspect.signature(inspect.unwrap(type(self.decoder).forward)).parameters
        self._takes = None if any(p.kind is p.VAR_KEYWORD for p in names.values()) else frozenset(names)
        self._cache_name = "cache_params" if "cache_params" in names else "past_key_values"
        self._forward: Callable[..., Any] = self.decoder.__call__
        self._row_axis, self._position_axis = 0, 1
        self._shape: tuple[int, ...] = (1, 1, self.config.hidden_size)
        self.can_roll_back = True
        with torch.inference_mode():
            try:
                self._learn_shape()
                self._learn_carry()
            except FAILURES as error:
                raise UnsupportedModel(
                    f"{type(self.model).__name__} does not run with the cache and the arguments that other models "
                    f"take ({type(error).__name__}), so it cannot be split."
                ) from error
            self._undecorate()
            self._try_out()

    # -- sessions -----------------------------------------------------------------------------------------------------

    def open(self, start: int, end: int, batch: int = 1) -> SpanCache:
        """A cache for a session that uses blocks ``[start, end)`` of this span with ``batch`` rows.

        :raises BadStep: outside the span.
        """
        if not self.start <= start < end <= self.end:
            raise BadStep(f"Blocks {start}:{end} are not all among the {self.start}:{self.end} served here.")
        cache = SpanCache(self.config, start, end, rows=batch, slots_per_block=self.layout.slots_per_block)
        return cache

    def hidden_shape(self, batch: int, length: int) -> tuple[int, ...]:
        """The shape of hidden states between blocks: usually ``[batch, seq, hidden]``; some families have four axes."""
        shape = list(self._shape)
        shape[self._row_axis], shape[self._position_axis] = batch, length
        return tuple(shape)

    @property
    def position_axis(self) -> int:
        """The axis of the hidden states that counts positions."""
        return self._position_axis

    @torch.inference_mode()
    def step(
        self,
        cache: SpanCache,
        hidden: torch.Tensor,
        *,
        positions: torch.Tensor | None = None,
        mask: tuple[int, torch.Tensor] | None = None,
        extras: Mapping[int, Mapping[str, torch.Tensor]] | None = None,
        carry: tuple[torch.Tensor | None, ...] = (),
    ) -> StepOutput:
        """Take ``T`` more positions through blocks ``[cache.start, cache.end)``.

        :param hidden: :meth:`hidden_shape` ``(rows, T)``, floating point.
        :param positions: int64, last axis ``T`` (``[rows, T]``, or with leading axes for multi-axis rotary); ``None``
            means ``cache.length .. cache.length + T``, an empty tensor that the model derives them itself (some do so
            from the mask).
        :param mask: ``(column, values)``: the 2-D attention mask from ``column`` on, ``[rows, length + T - column]``;
            ``None`` means that all new positions count.
        :param extras: per block, tensors that the client made for it.
        :param carry: what the previous span's last block returned beside the hidden states.
        :raises BadStep: something does not fit; nothing was changed. Any other exception leaves the cache unusable.
        """
        length = self._checked_length(cache, hidden)
        self._check_positions(positions, length)
        self._check_extras(cache, extras, length)
        full_mask = self._full_mask(cache, mask, length)
        hidden = hidden.to(self.device)
        usual = positions is None and length == 1 and full_mask is None and not carry
        plan = self._planned_for(cache) if usual else None
        if plan is not None:
            output = self._run(plan, hidden, extras)
        else:
            if positions is None:
                positions = self._next_positions(cache, length)
            else:
                positions = positions.to(self.device) if positions.numel() else None
            output = self.compute(cache, hidden, positions, full_mask, extras=extras, carry=carry)
        cache.mask = full_mask
        cache.advanced(length)
        return output

    @torch.inference_mode()
    def plan_ahead(self, cache: SpanCache) -> None:
        """Plan one more position of this session now, when there is time for it: the next step finds it done.

        A plan depends on the cache and the arguments of a step, not on its hidden states. It is for the usual step and
        serves once, if nothing happened to the cache meanwhile. Raises nothing: what is wrong, the step will say.
        """
        self._ahead = None
        if self.slots or cache.mask is not None or not cache.layers:  # module state is only right inside a step
            return
        if not all(map(is_plain, cache.owned)):  # some models look at recurrent states or indexes while they plan
            return
        marker = torch.empty(self.hidden_shape(cache.rows, 1), dtype=self.dtype, device=self.device)
        try:
            plan = self._clean_plan(cache, marker, self._next_positions(cache, 1), None, ())
        except Exception:
            return
        self._ahead = (weakref.ref(cache), (cache.length, cache.changes), plan)

    def _planned_for(self, cache: SpanCache) -> _Plan | None:
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead[0]() is not cache or ahead[1] != (cache.length, cache.changes):
            return None
        return ahead[2]

    def _next_positions(self, cache: SpanCache, count: int) -> torch.Tensor:
        """One row for each, as generate() has it: some models index their rotary embeddings by row."""
        return torch.arange(cache.length, cache.length + count, device=self.device).expand(cache.rows, -1)

    def compute(
        self,
        cache: SpanCache,
        hidden: torch.Tensor,
        positions: torch.Tensor | None,
        mask: torch.Tensor | None,
        *,
        extras: Mapping[int, Mapping[str, torch.Tensor]] | None = None,
        carry: tuple[torch.Tensor | None, ...] = (),
    ) -> StepOutput:
        """Plan and run: what :meth:`step` does between its checks and its book-keeping, for callers that do those.

        :param mask: the whole 2-D mask, ``[rows, length + T]``, or None.
        """
        if not self.slots:
            return self._run(self._clean_plan(cache, hidden, positions, mask, carry), hidden, extras)
        enter(self.slots, cache.module_state)
        inside = True
        try:
            plan = self._clean_plan(cache, hidden, positions, mask, carry)
            if not self.state_in_blocks:  # then other sessions may plan before these blocks are through
                cache.module_state, inside = leave(self.slots), False
            return self._run(plan, hidden, extras)
        finally:
            if inside:
                cache.module_state = leave(self.slots)

    def _clean_plan(
        self,
        cache: SpanCache,
        hidden: torch.Tensor,
        positions: torch.Tensor | None,
        mask: torch.Tensor | None,
        carry: tuple[torch.Tensor | None, ...],
    ) -> _Plan:
        plan = self._plan(cache, hidden, hidden.shape[self._position_axis], positions, mask, carry)
        if not plan.clean:
            raise UnsupportedModel("This model computes between its blocks; it cannot be split.")
        return plan

    @property
    def takes_carry(self) -> bool:
        """Whether any block here takes more from the block before it than hidden states."""
        return any(self._taken.values())

    # -- checks -------------------------------------------------------------------------------------------------------

    def _checked_length(self, cache: SpanCache, hidden: torch.Tensor) -> int:
        if hidden.ndim != len(self._shape):
            raise BadStep(f"Hidden states must have {len(self._shape)} axes; {hidden.ndim} arrived.")
        length = hidden.shape[self._position_axis]
        if length < 1 or tuple(hidden.shape) != self.hidden_shape(cache.rows, length):
            raise BadStep(
                f"Hidden states for {cache.rows} rows must have the shape {self.hidden_shape(cache.rows, length)}; "
                f"{tuple(hidden.shape)} arrived."
            )
        if not hidden.is_floating_point():
            raise BadStep(f"Hidden states must be floating point; {hidden.dtype} arrived.")
        return length

    def _check_positions(self, positions: torch.Tensor | None, length: int) -> None:
        if positions is None or not positions.numel():
            return
        if positions.dtype != torch.int64 or not 1 <= positions.ndim <= 3 or positions.shape[-1] != length:
            raise BadStep(f"Position ids must be int64 with {length} in the last axis.")
        # Rotary tables and learned positions are indexed by them.
        if not 0 <= int(positions.min()) <= int(positions.max()) < 1 << 31:
            raise BadStep("Position ids must not be negative or absurdly large.")

    def _check_extras(
        self, cache: SpanCache, extras: Mapping[int, Mapping[str, torch.Tensor]] | None, length: int
    ) -> None:
        for index, arguments in (extras or {}).items():
            if not cache.start <= index < cache.end:
                raise BadStep(f"Block {index} is not part of this session.")
            allowed = self._stand_ins[index].names[1:]
            for name in arguments:
                if name in RECOMPUTED or name not in allowed:
                    raise BadStep("An extra argument is not one that the block takes.")

    def _full_mask(self, cache: SpanCache, change: tuple[int, torch.Tensor] | None, length: int) -> torch.Tensor | None:
        total = cache.length + length
        if change is None:
            if cache.mask is None:
                return None
            column, values = cache.length, cache.mask.new_ones(cache.rows, length)
        else:
            column, values = change
            if not 0 <= column <= cache.length or tuple(values.shape) != (cache.rows, total - column):
                raise BadStep(f"The mask must cover columns up to {total} for {cache.rows} rows.")
            values = values.to(self.device, torch.int64)
        before = cache.mask
        if before is None:
            before = torch.ones(cache.rows, column, dtype=torch.int64, device=self.device)
        mask = torch.cat([before[:, :column], values], dim=1)
        return None if bool(mask.all()) else mask

    # -- plan and run -------------------------------------------------------------------------------------------------

    def _plan(
        self,
        cache: SpanCache,
        marker: torch.Tensor,
        length: int,
        positions: torch.Tensor | None,
        mask: torch.Tensor | None,
        carry: tuple[torch.Tensor | None, ...] = (),
        end: int | None = None,
    ) -> _Plan:
        self.step_shape.rows, self.step_shape.length = cache.rows, length
        plan = self.current = _Plan(cache.start, end or cache.end, marker, carry)
        arguments = {
            "input_ids": torch.zeros(cache.rows, length, dtype=torch.long, device=self.device),
            "attention_mask": mask,
            "position_ids": positions,
            self._cache_name: cache,
            "use_cache": True,
        }
        if self._takes is not None:
            arguments = {name: value for name, value in arguments.items() if name in self._takes}
        try:
            self._forward(**arguments)
        except _Planned:
            return plan
        raise UnsupportedModel("This model does not run all of its blocks in order; it cannot be split.")

    def _run(
        self, plan: _Plan, hidden: torch.Tensor, extras: Mapping[int, Mapping[str, torch.Tensor]] | None
    ) -> StepOutput:
        returned: dict[int, tuple] = {}
        output: Any = hidden
        for index, (args, kwargs) in zip(range(plan.start, plan.end), plan.calls, strict=True):
            stand_in = self._stand_ins[index]
            if stand_in.arity > 1:
                args = tuple(_carried(value, returned) for value in args)
                kwargs = {name: _carried(value, returned) for name, value in kwargs.items()}
            if extras and index in extras:
                args, kwargs = _with_extras(args, kwargs, extras[index], stand_in.names, self.device)
            if args:
                args = (hidden, *args[1:])
            else:
                name = stand_in.names[0] if stand_in.names[0] in kwargs else "hidden_states"
                kwargs = {**kwargs, name: hidden}
            output = self.blocks[index](*args, **kwargs)
            if isinstance(output, tuple):
                returned[index] = output
                hidden = output[0]
            else:
                hidden = output
        taken = self._taken.get(plan.end)
        if not taken or not isinstance(output, tuple):
            return StepOutput(hidden)
        carry = tuple(
            value if element in taken and isinstance(value, torch.Tensor) else None
            for element, value in enumerate(output[1:], start=1)
        )
        return StepOutput(hidden, carry if any(value is not None for value in carry) else ())

    # -- finding out, at load -----------------------------------------------------------------------------------------

    def _learn_shape(self) -> None:
        """See which shape the model itself brings to its first owned block for two rows of five positions."""
        rows, length = 2, 5
        cache = self.open(self.start, self.end, rows)
        positions = torch.arange(length, device=self.device)[None]
        first = self._plan(cache, torch.empty(0, device=self.device), length, positions, None, end=self.start + 1)
        assert first.entered is not None
        # Some decoders look at the shape of what comes out of a block, so the marker must have it.
        plan = self._plan(cache, torch.zeros_like(first.entered), length, positions, None)
        if not plan.clean or plan.entered is None:
            raise UnsupportedModel(
                f"{type(self.model).__name__} computes something between its blocks, or hands them more than the "
                "output of the block before; Meadow cannot split it."
            )
        shape = tuple(plan.entered.shape)
        position_axis = shape.index(length, 0, 3) if length in shape[:3] else 1
        row_axis = next((axis for axis, size in enumerate(shape) if size == rows and axis < position_axis), 0)
        self._shape, self._row_axis, self._position_axis = shape, row_axis, position_axis

    def _marker(self, length: int) -> torch.Tensor:
        return torch.zeros(self.hidden_shape(1, length), device=self.device, dtype=self.dtype)

    def _learn_carry(self) -> None:
        """See which elements of its predecessor's tuple each block takes; the others (attention weights) stay here."""
        self._taken: dict[int, set[int]] = {}
        cache = self.open(self.start, self.end)
        end = min(self.end + 1, self.num_blocks)
        marker = self._marker(1)
        plan = self._plan(cache, marker, 1, torch.zeros(1, 1, dtype=torch.long, device=self.device), None, end=end)
        for index, (args, kwargs) in zip(range(self.start, end), plan.calls, strict=True):
            carried = [value for value in (*args, *kwargs.values()) if isinstance(value, _Carried)]
            self._taken[index] = {value.element for value in carried if value.block == index - 1}

    def _undecorate(self) -> None:
        """Call the decoder's undecorated forward if that plans the same: the decorators cost 0.1 ms a step."""
        cache = self.open(self.start, self.end)
        marker = self._marker(3)
        positions = torch.arange(3, device=self.device)[None]
        stock = self._plan(cache, marker, 3, positions, None)
        decorated = self._forward
        self._forward = inspect.unwrap(type(self.decoder).forward).__get__(self.decoder)
        try:
            lean = self._plan(cache, marker, 3, positions, None)
        except (UnsupportedModel, TypeError, AttributeError, ValueError, RuntimeError):
            self._forward = decorated
            return
        if not (lean.clean and _same(stock.calls, lean.calls)):
            self._forward = decorated

    def _try_out(self) -> None:
        """Three steps on made-up input: find module state to isolate, and whether the cache can roll back."""
        modules = {id(m): m for m in self.model.modules() if not isinstance(m, _Recorder)}
        for block in self.blocks.values():
            modules.update((id(m), m) for m in block.modules())
        before = Snapshot(modules.values())
        generator = torch.Generator().manual_seed(0)
        cache = self.open(self.start, self.end)
        slots: dict[tuple[int, str], Slot] = {}
        for length in (3, 1, 5):
            hidden = torch.randn(self.hidden_shape(1, length), generator=generator).to(self.device, self.dtype)
            try:
                self.step(cache, hidden)
            except (RuntimeError, TypeError, AttributeError, KeyError, ValueError):
                # Families whose blocks need tensors from the client cannot be tried without one.
                break
            slots.update({(id(s.module), s.name): s for s in before.changed()})
        # Positions far beyond every length in the config make length-dependent rotary embeddings switch.
        far = self.open(self.start, self.end)
        far.length = 4 * max(config_lengths(self.config.to_dict()), default=4096)
        positions = torch.arange(far.length, far.length + 2, device=self.device)[None]
        try:
            self._plan(far, self._marker(2), 2, positions, None)
        except (RuntimeError, ValueError, IndexError):
            pass  # a model with a fixed position table ends before that
        slots.update({(id(s.module), s.name): s for s in before.changed()})
        self.slots = list(slots.values())
        self.state_in_blocks = any(
            slot.module is module for slot in self.slots for b in self.blocks.values() for module in b.modules()
        )
        enter(self.slots, None)
        self.can_roll_back = cache.can_roll_back and not any(
            slot for slot in self.slots if not hasattr(slot.module, "inv_freq")
        )


def _carried(value: Any, returned: dict[int, tuple]) -> Any:
    if not isinstance(value, _Carried):
        return value
    elements = returned.get(value.block, ())
    return elements[value.element] if value.element < len(elements) else None


def _with_extras(
    args: tuple, kwargs: dict, extras: Mapping[str, torch.Tensor], names: tuple[str, ...], device: torch.device
) -> tuple[tuple, dict]:
    args, kwargs = list(args), dict(kwargs)  # type: ignore[assignment]
    for name, value in extras.items():
        place = names.index(name)
        if name not in kwargs and place < len(args):
            args[place] = value.to(device)  # type: ignore[index]
        else:
            kwargs[name] = value.to(device)
    return tuple(args), kwargs


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, tuple | list):
        return isinstance(b, tuple | list) and len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return isinstance(a, _Carried) or a is b or bool(a == b)
