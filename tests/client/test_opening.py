"""What both doors for programs do before anybody is asked: the dtype, and progress while a folder is hashed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from meadow import AutoDistributedModelForCausalLM, RemoteSequential
from meadow.client.opening import checked_dtype
from meadow.errors import MeadowError, UnsupportedModel
from meadow.models.checkpoint import Progress


class NoSwarm:
    """Takes the place of a swarm that is joined already; nothing here may ask it anything."""

    joined = 0

    def join(self) -> None:
        self.joined += 1


@pytest.mark.parametrize("door", [AutoDistributedModelForCausalLM, RemoteSequential])
@pytest.mark.parametrize("dtype", ["int8", "", torch.int8, torch.float64])
def test_a_dtype_that_nobody_computes_in(door: type, dtype: object, tiny_chat_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="bfloat16"):
        door.from_pretrained(tiny_chat_model, swarm=NoSwarm(), dtype=dtype, home=tmp_path)  # type: ignore[attr-defined]


def test_dtypes_by_name_and_as_they_are() -> None:
    assert checked_dtype(None) is None
    assert checked_dtype("bfloat16") is checked_dtype(torch.bfloat16) is torch.bfloat16


@pytest.mark.parametrize("door", [AutoDistributedModelForCausalLM, RemoteSequential])
def test_hashing_a_folder_tells_how_far_it_is(door: type, tiny_chat_model: Path, tmp_path: Path) -> None:
    heard: list[Progress] = []
    swarm = NoSwarm()
    door.from_pretrained(tiny_chat_model, swarm=swarm, home=tmp_path, progress=heard.append)  # type: ignore[attr-defined]
    size = (tiny_chat_model / "model.safetensors").stat().st_size
    assert any(progress.total >= size for progress in heard)
    assert swarm.joined == 1


@pytest.mark.parametrize("door", [AutoDistributedModelForCausalLM, RemoteSequential])
def test_hashing_can_be_cancelled(door: type, tiny_chat_model: Path, tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(MeadowError):
        door.from_pretrained(tiny_chat_model, swarm=NoSwarm(), home=tmp_path, cancel=cancel)  # type: ignore[attr-defined]
