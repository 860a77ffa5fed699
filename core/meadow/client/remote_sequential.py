"""The blocks of a model in a swarm as an ordinary ``nn.Module`` that can be sliced."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

import torch
from torch import nn

from meadow.client.opener import SessionOpener
from meadow.client.opening import joining, open_model
from meadow.client.session import RemoteSession
from meadow.client.swarm import Swarm
from meadow.models.checkpoint import Checkpoint, Progress


class RemoteSequential(nn.Module):
    """Blocks ``[start, end)`` of a model.

    >>> blocks = RemoteSequential.from_pretrained("Qwen/Qwen3-8B", initial_peers=[...])
    >>> hidden = blocks[4:8](hidden)                       # one pass, nothing is kept
    >>> with blocks.session(rows=1) as session:            # with a KV cache on the servers
    ...     hidden = session.step(hidden)
    """

    def __init__(self, opener: SessionOpener, start: int = 0, end: int | None = None) -> None:
        """:param opener: e.g. ``model.opener`` of an :class:`AutoDistributedModelForCausalLM`."""
        super().__init__()
        self.opener = opener
        self.start, self.end = start, opener.num_blocks if end is None else end

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str] | Checkpoint,
        *,
        initial_peers: Sequence[str] | None = None,
        swarm: Swarm | None = None,
        dtype: torch.dtype | str | None = None,
        reproducible: bool = False,
        home: str | os.PathLike[str] | None = None,
        revision: str | None = None,
        token: str | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> RemoteSequential:
        """All blocks of ``model``, without its embeddings and head: no weights are loaded here.

        Parameters and errors as for :meth:`AutoDistributedModelForCausalLM.from_pretrained`.
        """
        with joining(swarm, initial_peers, home) as joined:
            _, opener = open_model(
                model,
                joined,
                dtype=dtype,
                reproducible=reproducible,
                home=home,
                revision=revision,
                token=token,
                progress=progress,
                cancel=cancel,
            )
        return cls(opener)

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, index: int | slice) -> RemoteSequential:
        """A block or a contiguous range of blocks, numbered from 0 within this one."""
        if isinstance(index, slice):
            first, last, step = index.indices(len(self))
            if step != 1 or first >= last:
                raise IndexError("Blocks can only be sliced as a contiguous range that is not empty.")
        else:
            first = index + len(self) if index < 0 else index
            if not 0 <= first < len(self):
                raise IndexError(f"There is no block {index} among {len(self)}.")
            last = first + 1
        return RemoteSequential(self.opener, self.start + first, self.start + last)

    def session(self, rows: int = 1, expected_length: int | None = None) -> RemoteSession:
        """A session that keeps its KV cache on the servers; a context manager.

        :raises BlocksMissing, Refused: as :meth:`SessionOpener.open`.
        """
        return self.opener.open(self.start, self.end, rows, expected_length)

    @torch.no_grad()
    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Take hidden states ``[rows, seq, hidden]`` through the blocks once; no gradients, no cache.

        :param attention_mask: ``[rows, seq]``, 0 where a position does not count.
        :param position_ids: int64 ``[rows, seq]``; None counts from 0.
        """
        mask = None if attention_mask is None else (0, (attention_mask != 0).to(torch.int64))
        length = hidden_states.shape[self.opener.position_axis]
        with self.session(hidden_states.shape[self.opener.row_axis], length) as session:
            return session.step(hidden_states, positions=position_ids, mask=mask).to(hidden_states.device)

    def close(self) -> None:
        """Leave the swarm that :meth:`from_pretrained` joined."""
        self.opener.swarm.close()

    def extra_repr(self) -> str:
        return f"blocks {self.start}:{self.end} of {self.opener.num_blocks}"
