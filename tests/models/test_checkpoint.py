"""Checkpoints in a local folder: exact, counted reads; damage is refused with the name of what is damaged."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_checkpoint import CONFIG, flip_byte, only, tensors, write_checkpoint

from meadow.errors import DamagedCheckpoint, ModelError, UnknownModel, UnsupportedModel
from meadow.models.checkpoint import Checkpoint, Verification, make_manifest, open_checkpoint
from meadow.models.manifest import MANIFEST_NAME
from meadow.models.progress import Progress, ProgressMeter

LAST = "model-00003-of-00003.safetensors"


@pytest.fixture
def folder(tmp_path: Path, weights: object) -> Path:
    return tmp_path / "model"


def opened(folder: Path) -> Checkpoint:
    return open_checkpoint(folder, cache_dir=folder.parent / "cache")


@pytest.mark.parametrize("shards", [1, 2, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_tensors_are_what_the_safetensors_library_loads(tmp_path: Path, shards: int, dtype: torch.dtype) -> None:
    made = write_checkpoint(tmp_path / "model", tensors(dtype=dtype), shards=shards)
    checkpoint = opened(tmp_path / "model")
    read = checkpoint.read(checkpoint.tensors)
    assert read.keys() == made.keys() and all(torch.equal(read[name], made[name]) for name in made)
    assert checkpoint.bytes_read == checkpoint.total_bytes == sum(tensor.nbytes for tensor in made.values())
    assert checkpoint.name == "model" and checkpoint.config.num_hidden_layers == 4
    # The same alignment as plain loading: kernels that care choose the same path, so results stay bit-equal.
    for path in (tmp_path / "model").glob("*.safetensors"):
        for name, tensor in load_file(path).items():
            assert tensor.data_ptr() % 64 == read[name].data_ptr() % 64


def test_a_part_reads_only_its_own_tensors(tmp_path: Path) -> None:
    made = tensors()
    owned = only(made, lambda name: ".layers.1." in name or ".layers.2." in name)
    poisoned = {name: tensor if name in owned else torch.full_like(tensor, torch.nan) for name, tensor in made.items()}
    write_checkpoint(tmp_path / "model", poisoned)
    checkpoint = opened(tmp_path / "model")
    read = checkpoint.read(owned)
    assert all(torch.equal(read[name], made[name]) for name in owned)
    assert checkpoint.bytes_read / sum(made[name].nbytes for name in owned) == 1.0


def test_tensors_are_writable_and_private(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    checkpoint = opened(folder)
    first = checkpoint.read(checkpoint.tensors)
    for tensor in first.values():
        tensor.zero_()
    again = checkpoint.read(checkpoint.tensors)
    assert all(torch.equal(again[name], weights[name]) for name in weights)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_tensors_at_odd_offsets_are_copied(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", shards=1)
    path = tmp_path / "model" / "model.safetensors"
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = raw[8 : 8 + length] + b" " * (3 - length % 4 or 4)  # shift the data to an odd address
    path.write_bytes(len(header).to_bytes(8, "little") + header + raw[8 + length :])
    checkpoint = opened(tmp_path / "model")
    assert all(info.start % 4 for info in checkpoint.tensors.values())
    read = checkpoint.read(checkpoint.tensors)
    assert all(torch.equal(read[name], tensor) and tensor.data_ptr() % 4 == 0 for name, tensor in tensors().items())


def test_a_local_folder_needs_no_download(folder: Path) -> None:
    checkpoint = opened(folder)
    checkpoint.fetch(checkpoint.tensors)
    assert checkpoint.missing(checkpoint.tensors) == 0 and checkpoint.bytes_fetched == 0
    assert checkpoint.file("tokenizer.json") == folder / "tokenizer.json"
    assert checkpoint.file("chat_template.jinja") is None
    for name in ("../config.json", "/etc/passwd", "model.py", "a/b.json", ""):
        with pytest.raises(ValueError, match="not the name"):
            checkpoint.file(name)


def rewrite(path: Path, change: Any) -> None:
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))


def damage_index(folder: Path, change: Any) -> None:
    rewrite(folder / "model.safetensors.index.json", change)


DAMAGE: dict[str, tuple[Any, type[ModelError], str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), DamagedCheckpoint, "config.json"),
    "a shard is missing": (lambda f: (f / LAST).unlink(), DamagedCheckpoint, LAST),
    "a shard is cut": (lambda f: os.truncate(f / LAST, 5000), DamagedCheckpoint, LAST),
    "a shard is empty": (lambda f: os.truncate(f / LAST, 0), DamagedCheckpoint, LAST),
    "a shard is longer": (lambda f: os.truncate(f / LAST, 10**6), DamagedCheckpoint, LAST),
    "a header is noise": (lambda f: flip_byte(f / LAST, 8), DamagedCheckpoint, LAST),
    "a header is huge": (lambda f: flip_byte(f / LAST, 6), DamagedCheckpoint, LAST),
    "a shard is a folder": (lambda f: ((f / LAST).unlink(), (f / LAST).mkdir()), DamagedCheckpoint, LAST),
    "no index": (lambda f: (f / "model.safetensors.index.json").unlink(), DamagedCheckpoint, "index.json"),
    "index is noise": (lambda f: (f / "model.safetensors.index.json").write_text("{"), DamagedCheckpoint, "index.json"),
    "index is empty": (lambda f: damage_index(f, lambda t: t["weight_map"].clear()), DamagedCheckpoint, "index.json"),
    "index points outside": (
        lambda f: damage_index(f, lambda t: t["weight_map"].update(x="../secret.safetensors")),
        DamagedCheckpoint,
        "outside",
    ),
    "index points at the root": (
        lambda f: damage_index(f, lambda t: t["weight_map"].update(x="/etc/secret.safetensors")),
        DamagedCheckpoint,
        "outside",
    ),
    "index names pickles": (
        lambda f: damage_index(f, lambda t: t["weight_map"].update(x="pytorch_model.bin")),
        DamagedCheckpoint,
        "not safetensors",
    ),
    "index promises more": (
        lambda f: damage_index(f, lambda t: t["weight_map"].update({"model.more": LAST})),
        DamagedCheckpoint,
        "model.more",
    ),
    "absurd number of blocks": (
        lambda f: rewrite(f / "config.json", lambda t: t.update(num_hidden_layers=3000)),
        DamagedCheckpoint,
        "3000 blocks",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_checkpoint_is_refused_by_name(folder: Path, case: str) -> None:
    damage, kind, says = DAMAGE[case]
    damage(folder)
    with pytest.raises(kind, match=says.replace(".", r"\.")):
        opened(folder)


def test_a_file_that_changes_after_opening_is_noticed(folder: Path) -> None:
    checkpoint = opened(folder)
    os.truncate(folder / LAST, 5000)
    with pytest.raises(DamagedCheckpoint, match=LAST):
        checkpoint.read(checkpoint.tensors)
    (folder / LAST).unlink()
    with pytest.raises(DamagedCheckpoint, match=LAST):
        checkpoint.read(checkpoint.tensors)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.gguf", "consolidated.00.pth", "tf_model.h5"])
def test_only_safetensors_are_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / name).write_bytes(b"\x80\x04evil.")
    with pytest.raises(UnsupportedModel, match="safetensors"):
        open_checkpoint(tmp_path)


def test_what_is_neither_a_folder_nor_a_model_is_unknown(tmp_path: Path, folder: Path) -> None:
    for name in (tmp_path / "nowhere", "./nowhere/at/all", "a b", "../x/y", "owner/model/file"):
        with pytest.raises(UnknownModel, match="no folder"):
            open_checkpoint(name)
    with pytest.raises(UnsupportedModel, match="Give the folder"):
        open_checkpoint(folder / LAST)
    with pytest.raises(DamagedCheckpoint, match=r"model\.nothing"):
        opened(folder).read(["model.nothing"])


def test_a_flipped_byte_with_a_manifest_is_refused_by_name(folder: Path) -> None:
    (folder / MANIFEST_NAME).write_text(make_manifest(opened(folder)).to_json())
    whole = opened(folder)
    whole.read(whole.tensors)
    assert whole.verification is Verification.CONTENT
    victim = whole.tensors["model.layers.2.mlp.up_proj.weight"]
    flip_byte(folder / victim.file, victim.start + 17)
    damaged = opened(folder)
    others = [name for name in damaged.tensors if name != victim.name]
    assert damaged.read(others).keys() == set(others)
    with pytest.raises(DamagedCheckpoint, match=r"model\.layers\.2\.mlp\.up_proj\.weight.*manifest"):
        damaged.read([victim.name])


def test_a_flipped_byte_without_a_manifest_loads_and_says_so(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    before = opened(folder).fingerprint
    victim = opened(folder).tensors["model.layers.2.mlp.up_proj.weight"]
    flip_byte(folder / victim.file, victim.start + 17)
    damaged = opened(folder)
    assert not torch.equal(damaged.read([victim.name])[victim.name], weights[victim.name])
    assert damaged.verification is Verification.STRUCTURE
    assert damaged.verification.value == "not verified by content"
    assert damaged.fingerprint != before  # so it can never mix with the true weights


def test_a_manifest_of_other_weights_is_refused(folder: Path) -> None:
    text = make_manifest(opened(folder)).to_json()
    table = json.loads(text)
    del table["tensors"]["lm_head.weight"]
    for bad in (
        json.dumps(table),
        "{",
        "[]",
        text.replace("manifest 1", "manifest 9"),
        '{"format": "meadow manifest 1"}',
    ):
        (folder / MANIFEST_NAME).write_text(bad)
        with pytest.raises(DamagedCheckpoint, match="meadow models manifest"):
            opened(folder)


def test_the_fingerprint_is_the_weights_and_not_the_place(tmp_path: Path, folder: Path) -> None:
    mark = opened(folder).fingerprint
    assert len(mark) == 32
    shutil.copytree(folder, tmp_path / "copy")
    rewrite(tmp_path / "copy" / "config.json", lambda t: t.update(transformers_version="5", _name_or_path="x"))
    (tmp_path / "copy" / "README.md").write_text("hello")
    assert opened(tmp_path / "copy").fingerprint == mark
    rewrite(tmp_path / "copy" / "config.json", lambda t: t.update(rms_norm_eps=1e-5))
    assert opened(tmp_path / "copy").fingerprint != mark
    write_checkpoint(tmp_path / "other", tensors(seed=1))
    assert opened(tmp_path / "other").fingerprint != mark


def test_hashes_are_remembered_outside_the_model_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in folder.iterdir():  # files that were settled for a while, as files are
        os.utime(path, (time.time() - 100, time.time() - 100))
    monkeypatch.setattr("meadow.models.fingerprint._SETTLED_SECONDS", -1.0)
    before = sorted(folder.iterdir())
    mark = opened(folder).fingerprint
    assert sorted(folder.iterdir()) == before
    notes = list((folder.parent / "cache" / ".hashes").iterdir())
    assert len(notes) == 3
    reports: list[Progress] = []
    assert opened(folder).compute_fingerprint(progress=reports.append) == mark
    assert reports[-1].done == reports[-1].total > 0
    for note in notes:  # proof that they are used: a wrong note gives a wrong fingerprint
        note.write_text("0" * 64)
    assert opened(folder).fingerprint != mark
    flip_byte(folder / LAST, 4000)
    flip_byte(folder / LAST, 4000)
    for note in notes:
        note.write_text("noise")
    assert opened(folder).fingerprint == mark


def test_progress_counts_rate_and_time_left() -> None:
    now = [0.0]
    reports: list[Progress] = []
    meter = ProgressMeter(100, reports.append, clock=lambda: now[0])
    for _ in range(40):
        now[0] += 0.05
        meter.add(1, "f")
    assert 15 <= len(reports) <= 21  # at most ten a second
    assert reports[-1].rate == pytest.approx(20, rel=0.1)
    assert reports[-1].seconds_left == pytest.approx((100 - reports[-1].done) / 20, rel=0.1)
    now[0] += 1
    meter.add(60, "f")
    meter.finish("f")
    assert (reports[-1].done, reports[-1].seconds_left) == (100, 0.0)
