"""The door for programs: the stock transformers class with remote blocks."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel

from meadow.client.blocks import RemoteBlock, RemoteGeneration, bind
from meadow.client.opener import SessionOpener
from meadow.client.opening import joining, open_model
from meadow.client.swarm import Swarm
from meadow.errors import DamagedCheckpoint
from meadow.models.checkpoint import Checkpoint, Progress
from meadow.models.parts import load_client


class AutoDistributedModelForCausalLM:
    """``from_pretrained`` returns the real transformers class of a model, with its blocks in a swarm.

    >>> model = AutoDistributedModelForCausalLM.from_pretrained("Qwen/Qwen3-8B", initial_peers=[...])
    >>> model.generate(**tokenizer("A swarm is", return_tensors="pt"), max_new_tokens=20)
    """

    def __init__(self) -> None:
        raise TypeError("Use AutoDistributedModelForCausalLM.from_pretrained(model, initial_peers=[...]).")

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str] | Checkpoint,
        *,
        initial_peers: Sequence[str] | None = None,
        swarm: Swarm | None = None,
        dtype: torch.dtype | str | None = None,
        device: torch.device | str = "cpu",
        reproducible: bool = False,
        home: str | os.PathLike[str] | None = None,
        revision: str | None = None,
        token: str | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> PreTrainedModel:
        """Load embeddings, norm and head of ``model``, and join the swarm that serves its blocks.

        :param model: a hub id, a folder, or a checkpoint that is open already.
        :param initial_peers: multiaddrs of peers of the swarm; None takes them from the settings, then from the
            built-in list.
        :param swarm: a swarm that is joined already, instead of ``initial_peers``; it stays open on ``close()``.
        :param dtype: float32, bfloat16 or float16; must be what the servers compute in. None: the checkpoint's own.
        :param reproducible: sessions run alone, with stock kernels and uncut prompts; bit-equal on equal hardware.
        :param progress: called while something is downloaded, or hashed (a local folder, once per file).
        :param cancel: set it, from any thread, to end the download or the hashing.
        :returns: a ``*ForCausalLM`` in evaluation mode with, in addition, ``new_cache()``, ``opener`` and ``close()``.
        :raises UnknownModel, UnsupportedModel, DamagedCheckpoint, DownloadError: the model cannot be loaded.
        :raises NoPeers: nobody is known, or nobody answers.
        """
        with joining(swarm, initial_peers, home) as joined:
            checkpoint, opener = open_model(
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
            part = load_client(
                checkpoint,
                RemoteBlock,
                mixin=DistributedModel,
                dtype=opener.dtype,
                device=device,
                progress=progress,
                cancel=cancel,
            )
            loaded = bind(part, opener)
            opener.row_axis, opener.position_axis = loaded.remote.row_axis, loaded.remote.position_axis
            loaded.opener = opener  # type: ignore[assignment]
            loaded._own_swarm = joined if swarm is None else None  # type: ignore[assignment]
            _take_generation_config(loaded, checkpoint)
        return loaded


class DistributedModel(RemoteGeneration):
    """What a model from :class:`AutoDistributedModelForCausalLM` can do beside being a transformers model."""

    opener: SessionOpener
    _own_swarm: Swarm | None

    def close(self) -> None:
        """Leave the swarm (if this model joined it by itself). The model cannot generate afterwards."""
        own, self._own_swarm = self._own_swarm, None
        if own is not None:
            own.close()


def _take_generation_config(model: PreTrainedModel, checkpoint: Checkpoint) -> None:
    """Use the checkpoint's own defaults for sampling, as plain ``from_pretrained`` does."""
    path = checkpoint.file("generation_config.json")
    if path is None:
        return
    try:
        settings: Any = json.loads(path.read_text(encoding="utf-8"))
        model.generation_config = GenerationConfig.from_dict(settings)
    except (ValueError, TypeError, AttributeError) as error:
        raise DamagedCheckpoint(
            f"generation_config.json of {checkpoint.name} cannot be read; download the model again."
        ) from error
