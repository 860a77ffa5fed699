"""What ``generate()`` holds as its KV cache: nothing but lengths. The states live on the servers of one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import LinearAttentionCacheLayerMixin

from meadow.models.shadow import Length, shadow
from meadow.wire.ops import CacheOp


class BlockSession(Protocol):
    """One session over all blocks, however it gets there: :class:`meadow.client.session.RemoteSession`, or in-process
    spans in the tests."""

    can_roll_back: bool

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
        """Take ``hidden`` through the blocks; returns the last ``keep`` positions."""
        ...

    def close(self) -> None:
        """End the session without waiting for anybody."""
        ...


OpenSession = Callable[[int, "int | None", "torch.Tensor | None"], BlockSession]
"""``(rows, expected length or None, opening) -> session``; opening: the first hidden states of the first step, of which
no output is wanted, or None if that step brings more than hidden states."""


class RemoteCache(DynamicCache):
    """A cache of full length whose layers only know the session's length.

    Cache operations of ``generate()`` (crop, reorder, ...) are noted and travel with the next step. The session is
    opened by the first step and closed when the cache is closed or dropped.
    """

    is_compileable = False  # type: ignore[assignment]

    def __init__(self, config: PreTrainedConfig, open_session: OpenSession, expected_length: int | None = None) -> None:
        super().__init__(config=config)
        self.layers: list[Any]
        self._length = Length()
        self._recurrent = any(isinstance(layer, LinearAttentionCacheLayerMixin) for layer in self.layers)
        self.layers = [shadow(layer, self._length) for layer in self.layers]
        self._open_session = open_session
        self._expected_length = expected_length
        self.session: BlockSession | None = None
        self.rows = 0
        self.mask: torch.Tensor | None = None  # int64 [rows, length]; None while every position counts
        self._ops: list[CacheOp] = []

    @property
    def length(self) -> int:
        """Positions that the servers hold."""
        return self._length.positions

    # -- what generate() asks for -------------------------------------------------------------------------------------

    @property
    def is_croppable(self) -> bool:  # type: ignore[override]
        return self.session.can_roll_back if self.session else not self._recurrent

    def crop(self, tokens_to_remove: int) -> None:
        """Take back ``-tokens_to_remove`` positions (a positive number: the length to keep)."""
        remove = -tokens_to_remove if tokens_to_remove <= 0 else self.length - tokens_to_remove
        if not 0 <= remove <= self.length:
            raise ValueError(f"Cannot take back {remove} of {self.length} positions.")
        self._note(CacheOp.crop(remove))
        self._length.positions -= remove
        if self.mask is not None:
            self.mask = self.mask[:, : self.length]

    def activate_past_recording(self) -> None:
        self._note(CacheOp.record_past())

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        self._note(CacheOp.reorder(beam_idx.tolist()))
        if self.mask is not None:
            self.mask = self.mask[beam_idx.cpu()]

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        rows = indices.nonzero().flatten() if indices.dtype == torch.bool else indices
        self._note(CacheOp.select(rows.tolist()))
        self.rows = len(rows)
        if self.mask is not None:
            self.mask = self.mask[rows.cpu()]

    def batch_repeat_interleave(self, repeats: int) -> None:
        self._note(CacheOp.repeat(repeats))
        self.rows *= repeats
        if self.mask is not None:
            self.mask = self.mask.repeat_interleave(repeats, dim=0)

    def reset(self) -> None:
        self._note(CacheOp.reset())
        self._length.positions, self.mask = 0, None

    def _note(self, op: CacheOp) -> None:
        self._ops.append(op)

    # -- what the blocks do -------------------------------------------------------------------------------------------

    def step(
        self,
        hidden: torch.Tensor,
        *,
        rows: int,
        count: int,
        keep: int,
        positions: torch.Tensor | None,
        mask: torch.Tensor | None,
        extras: Mapping[int, Mapping[str, torch.Tensor]] | None,
    ) -> torch.Tensor:
        """Take ``count`` more positions of ``rows`` rows through the remote blocks.

        :param positions: what the model's decoder was called with, or None.
        :param mask: the whole 2-D attention mask ``[rows, length + count]``, or None.
        :returns: hidden states of the last ``keep`` positions.
        """
        if self.rows and rows != self.rows:
            raise ValueError(f"This cache holds {self.rows} rows, but {rows} were given; start with a new cache.")
        change, full = self._mask_change(mask, count)
        sent = self._positions_to_send(positions, full, count)
        if self.session is None:
            plain = rows == 1 and hidden.ndim == 3 and not self._ops and not self._recurrent
            plain = plain and change is None and sent is None and not extras
            opening = hidden[:, : count - keep] if plain and keep < count else None
            self.session = self._open_session(rows, self._expected_length, opening)
            self.rows = rows
        output = self.session.step(hidden, keep=keep, positions=sent, mask=change, extras=extras, ops=tuple(self._ops))
        self._ops.clear()
        self._length.positions += count
        self.mask = full
        return output

    def _mask_change(
        self, mask: torch.Tensor | None, count: int
    ) -> tuple[tuple[int, torch.Tensor] | None, torch.Tensor | None]:
        """The columns that the servers do not know yet, and the whole mask from now on (None: all ones)."""
        total = self.length + count
        if mask is None:
            if self.mask is None:
                return None, None
            # No mask means that everything counts, whatever was masked before (Mamba decodes so after a padded prompt).
            mask = self.mask.new_ones(self.mask.shape[0], total)
        if mask.ndim != 2 or mask.shape[1] != total:
            raise ValueError(
                f"The attention mask must be [rows, {total}] (past and new positions); {tuple(mask.shape)} was given."
            )
        # numpy for what happens with every token: a call into torch costs several times as much as these few bytes.
        ones = (
            bool(mask.numpy().all()) if mask.device.type == "cpu" and not mask.is_floating_point() else bool(mask.all())
        )
        if ones and self.mask is None:
            return None, None
        mask = (mask != 0).to("cpu", torch.int64)
        if ones:
            # Where the servers know only ones, there is nothing to say.
            return (0, mask), None
        known = self.mask if self.mask is not None else mask.new_ones(mask.shape[0], self.length)
        column = self.length if torch.equal(mask[:, : self.length], known) else 0
        new = mask[:, column:]
        return (None if column and bool(new.all()) else (column, new)), mask

    def _positions_to_send(
        self, positions: torch.Tensor | None, mask: torch.Tensor | None, count: int
    ) -> torch.Tensor | None:
        if positions is None:
            # Without a mask, every model counts from the length. With one, some count from the mask: let them.
            return None if mask is None else torch.empty(0, dtype=torch.int64)
        positions = positions.to("cpu", torch.int64)
        if positions.ndim > 2 or not positions.numel():
            return positions
        given = positions.numpy()
        if count == 1:
            usual = bool((given == self.length).all())
        else:
            usual = bool((given == np.arange(self.length, self.length + count)).all())
        return None if usual else positions

    def close(self) -> None:
        """Tell the servers that this session is over. Safe to call twice; never blocks."""
        session, self.session = self.session, None
        if session is not None:
            session.close()

    def __del__(self) -> Any:
        session = self.__dict__.get("session")
        if session is not None:
            session.close()
