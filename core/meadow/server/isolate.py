"""State that some families keep inside modules instead of the cache, swapped in and out per session.

Dynamic-NTK rotary embeddings remember the longest sequence they saw, recurrent_gemma its whole recurrent state. Served
naively, interleaved sessions corrupt each other silently (differences of 10 % and more were measured).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

_PLAIN = (int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Slot:
    """One attribute or buffer that a forward pass changes, with its value before any session ran."""

    module: nn.Module
    name: str
    pristine: Any

    def get(self) -> Any:
        buffers = self.module._buffers
        return buffers[self.name] if self.name in buffers else self.module.__dict__.get(self.name)

    def put(self, value: Any) -> None:
        if self.name in self.module._buffers:
            self.module._buffers[self.name] = value
        else:
            self.module.__dict__[self.name] = value


class Snapshot:
    """The values of all plain attributes, tensors and buffers of some modules, for finding what a pass changed."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self.modules = list(modules)
        self.values = self._take()

    def _take(self) -> dict[tuple[int, str], tuple[nn.Module, str, Any]]:
        found: dict[tuple[int, str], tuple[nn.Module, str, Any]] = {}
        for module in self.modules:
            for name, value in [*module.__dict__.items(), *module._buffers.items()]:
                if name.startswith("_") and name not in module._buffers:
                    continue
                if isinstance(value, torch.Tensor):
                    found[id(module), name] = (module, name, value.detach().clone())
                elif isinstance(value, _PLAIN):
                    found[id(module), name] = (module, name, value)
        return found

    def changed(self) -> list[Slot]:
        """Slots whose values are not what they were when this snapshot was taken."""
        slots = []
        for key, (module, name, value) in self._take().items():
            before = self.values.get(key)
            if before is None or not _equal(before[2], value):
                slots.append(Slot(module, name, None if before is None else before[2]))
        return slots


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
        return isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) and a.shape == b.shape and torch.equal(a, b)
    return type(a) is type(b) and a == b


def enter(slots: list[Slot], state: list[Any] | None) -> None:
    """Put a session's module state in place; a new session starts from the pristine values."""
    for slot, value in zip(slots, state if state is not None else [s.pristine for s in slots], strict=True):
        if state is None and isinstance(value, torch.Tensor):
            value = value.clone()  # the pass may write into it
        slot.put(value)


def leave(slots: list[Slot]) -> list[Any]:
    """The module state to keep with the session until its next step."""
    return [slot.get() for slot in slots]
