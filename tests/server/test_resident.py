"""Weights in memory of their own: same numbers, same ties, same places in a cache line, and no way out of memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from meadow.server import resident
from meadow.server.resident import LINE, make_resident

needs_huge_pages = pytest.mark.skipif(not resident.offered(), reason="this system offers no huge pages")


class Two(nn.Module):
    """Two layers out of a file, tied, and a small bias that may stay."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        weights = {f"w{i}": torch.randn(1024, 600, generator=generator) for i in range(2)}
        weights["a_small_one"] = torch.randn(7, generator=generator)  # moves the others off any round address
        save_file(weights, folder / "w.safetensors")
        tensors = load_file(folder / "w.safetensors")
        self.first, self.second = nn.Linear(600, 1024, bias=False), nn.Linear(600, 1024, bias=False)
        self.tied = self.first
        self.small = nn.Parameter(tensors["a_small_one"])
        self.register_buffer("table", tensors["w1"])
        self.first.weight.data = tensors["w0"]
        self.second.weight.data = tensors["w1"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x) + self.second(x) + self.tied(x) + (x @ self.table.T)


@needs_huge_pages
def test_numbers_ties_and_lines_stay(tmp_path: Path) -> None:
    model = Two(tmp_path)
    x = torch.randn(3, 600, generator=torch.Generator().manual_seed(1))
    before = model(x)
    lines = {name: tensor.data_ptr() % LINE for name, tensor in model.named_parameters()}
    places = {name: tensor.data_ptr() for name, tensor in model.named_parameters()}

    assert make_resident(model) == 3 * 1024 * 600 * 4  # two weights and the table

    assert torch.equal(model(x), before)
    assert model.tied.weight is model.first.weight
    after = {name: tensor.data_ptr() for name, tensor in model.named_parameters()}
    assert {name: at % LINE for name, at in after.items()} == lines
    assert after["first.weight"] != places["first.weight"] and after["small"] == places["small"]


@needs_huge_pages
def test_no_weight_reads_its_file_any_more(tmp_path: Path) -> None:
    model = Two(tmp_path)
    make_resident(model)
    expected = model.second.weight.clone()
    with open(tmp_path / "w.safetensors", "r+b") as file:
        size = file.seek(0, 2)
        file.seek(0)
        file.write(b"\0" * size)
    assert torch.equal(model.second.weight, expected)


def test_short_memory_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Two(tmp_path)
    places = [tensor.data_ptr() for tensor in model.parameters()]
    monkeypatch.setattr(resident, "offered", lambda: True)
    monkeypatch.setattr(resident, "SPARE_BYTES", 1 << 60)
    assert make_resident(model) == 0
    assert [tensor.data_ptr() for tensor in model.parameters()] == places


def test_what_is_not_in_memory_is_left_alone() -> None:
    with torch.device("meta"):
        model = nn.Linear(2048, 2048)
    assert make_resident(model) == 0
    assert model.weight.device.type == "meta"
