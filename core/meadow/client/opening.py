"""What both doors for programs do first: open the checkpoint, choose the dtype, and make an opener of sessions."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from meadow.client.opener import SessionOpener
from meadow.client.swarm import Swarm
from meadow.errors import UnsupportedModel
from meadow.models.checkpoint import Checkpoint, Progress, open_checkpoint
from meadow.models.layout import indivisible_ranges
from meadow.models.parts import DTYPES, default_dtype, layout_of
from meadow.platform.paths import Paths


@contextmanager
def joining(
    swarm: Swarm | None, initial_peers: Sequence[str] | None, home: str | os.PathLike[str] | None
) -> Iterator[Swarm]:
    """``swarm``, or a new one that is left again when the body fails. Joined at the latest when the body is done."""
    joined = swarm or Swarm(initial_peers, home=home)
    try:
        yield joined
        joined.join()
    except BaseException:
        if swarm is None:
            joined.close()
        raise


def open_model(
    model: str | os.PathLike[str] | Checkpoint,
    swarm: Swarm,
    *,
    dtype: torch.dtype | str | None,
    reproducible: bool,
    home: str | os.PathLike[str] | None,
    revision: str | None,
    token: str | None,
    progress: Callable[[Progress], None] | None,
    cancel: threading.Event | None,
) -> tuple[Checkpoint, SessionOpener]:
    """Parameters and errors as for ``AutoDistributedModelForCausalLM.from_pretrained``."""
    chosen = checked_dtype(dtype)
    if isinstance(model, Checkpoint):
        checkpoint = model
    else:
        cache_dir = Paths.of(home).models
        checkpoint = open_checkpoint(model, revision=revision, token=token, cache_dir=cache_dir, progress=progress)
    num_blocks = layout_of(checkpoint.config).num_blocks
    opener = SessionOpener(
        swarm,
        fingerprint=checkpoint.compute_fingerprint(progress=progress, cancel=cancel),
        name=checkpoint.name,
        num_blocks=num_blocks,
        dtype=chosen or default_dtype(checkpoint.config),
        indivisible=indivisible_ranges(checkpoint.config, num_blocks),
        reproducible=reproducible,
    )
    return checkpoint, opener


def checked_dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    """A dtype by name or as it is. Raises UnsupportedModel for one that no server computes in."""
    chosen = DTYPES.get(dtype) if isinstance(dtype, str) else dtype
    if dtype is not None and chosen not in DTYPES.values():
        raise UnsupportedModel(f"Meadow computes in {', '.join(DTYPES)}; {str(dtype)[:40]!r} is none of them.")
    return chosen
