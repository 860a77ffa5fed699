"""When the GPU runtime is needed, as a table; what people are told; and the list of wheels that comes with Meadow."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from meadow.node.gpu_runtime.index import index_url
from meadow.node.gpu_runtime.lock import Lock, Wheel, find_lock
from meadow.node.gpu_runtime.need import BaseTorch, Need, as_if_there, base_torch, explained, need, parse_version_file
from meadow.platform.devices import Survey, choose
from meadow.platform.readings import Code, Device, Kind, Reason

LOCK = Lock("2.13.0", (13, 0), (Wheel("torch", "2.13.0", "torch.whl", "0" * 64, 2_700_000_000, 4_700_000_000),))
PLAIN, CUDA, ROCM = BaseTorch("2.13.0+cpu"), BaseTorch("2.13.0", cuda="13.0"), BaseTorch("2.13.0", hip="7.0")
WITHOUT = Reason(Code.TORCH_WITHOUT_GPU, "This PyTorch was built without CUDA.")
CARD = Device(Kind.CUDA, 0, "GeForce RTX 4070", driver="580.95.05", reason=WITHOUT, cuda=(13, 0))
SEEN = replace(CARD, reason=None, torch="cuda:0")
LOST = replace(CARD, reason=Reason(Code.GPU_LOST, "It fell off the bus."))
AMD = Device(Kind.ROCM, 0, "Radeon")
CPU = Device(Kind.CPU, 0, "a processor", torch="cpu")


@pytest.mark.parametrize(
    ("wanted", "device", "base", "lock", "expected"),
    [
        ("auto", CARD, PLAIN, LOCK, Need.RUNTIME),
        ("cuda", CARD, PLAIN, LOCK, Need.RUNTIME),
        ("cuda:0", CARD, PLAIN, LOCK, Need.RUNTIME),
        ("auto", SEEN, PLAIN, LOCK, Need.RUNTIME),  # it is there already: its servers need it all the same
        ("cpu", CARD, PLAIN, LOCK, Need.NONE),
        ("mps", CARD, PLAIN, LOCK, Need.NONE),
        ("auto", CARD, CUDA, LOCK, Need.NONE),
        ("auto", CARD, ROCM, LOCK, Need.NONE),
        ("auto", CARD, None, LOCK, Need.NONE),
        ("auto", LOST, PLAIN, LOCK, Need.NONE),
        ("auto", AMD, PLAIN, LOCK, Need.NONE),
        ("auto", CPU, PLAIN, LOCK, Need.NONE),
        ("auto", CARD, PLAIN, None, Need.NOT_TO_BE_HAD),
        ("auto", CARD, BaseTorch("2.14.0+cpu"), LOCK, Need.NOT_TO_BE_HAD),
    ],
)
def test_when(wanted: str, device: Device, base: BaseTorch | None, lock: Lock | None, expected: Need) -> None:
    assert need(wanted, [device, CPU], base, lock) is expected


def survey(*gpus: Device) -> Survey:
    return Survey((*gpus, CPU), (), True, None)  # type: ignore[arg-type]


def test_plans_count_on_the_card() -> None:
    device = choose(as_if_there(survey(CARD, LOST), LOCK))
    assert isinstance(device, Device) and device.torch == "cuda:0" and device.usable


def test_a_driver_that_is_too_old_is_told_before_the_download() -> None:
    reason = choose(as_if_there(survey(replace(CARD, cuda=(12, 4))), LOCK))
    assert isinstance(reason, Reason) and reason.code is Code.DRIVER_TOO_OLD
    assert "12.4" in reason.message and "13.0" in reason.message and "share.device to cpu" in reason.message


def test_a_card_that_lacks_it_says_what_will_be() -> None:
    card, lost, _ = explained(survey(CARD, LOST), LOCK).devices
    assert card.reason is not None and "2,700 MB" in card.reason.message and lost.reason == LOST.reason


def test_versions_are_read_and_not_run() -> None:
    text = (
        "from typing import Optional\n__version__ = '2.13.0'\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n"
    )
    assert parse_version_file(text) == CUDA
    assert parse_version_file("raise SystemExit") is None
    assert base_torch() is not None, "the one that the tests run with"


def test_the_list_that_comes_with_meadow_fits_the_torch_that_is_pinned() -> None:
    root = Path(__file__).parents[2]
    pinned = next(line for line in (root / "constraints.txt").read_text().splitlines() if line.startswith("torch=="))
    table = json.loads((root / "resources" / "gpu-runtime.json").read_text())
    assert table["torch"] == pinned.removeprefix("torch==") and not table["missing"]
    for python in ("cp311", "cp312"):
        lock = find_lock(python=python, system="linux-x86_64")
        assert lock is not None and lock.torch == table["torch"]
        torch = next(wheel for wheel in lock.wheels if wheel.name == "torch")
        assert python in torch.file and torch.size > 400_000_000
        assert 2e9 < lock.download_bytes < lock.disk_bytes < 1e10
    assert find_lock(python="cp311", system="win32-AMD64") is None


def test_the_index_is_the_one_that_pip_is_told_to_use(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://mirror.example/simple/\n")
    told = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    assert index_url(told) == "https://mirror.example/simple"
    assert index_url({**told, "PIP_INDEX_URL": "https://other.example/simple"}) == "https://other.example/simple"
    both = {**told, "MEADOW_PACKAGE_INDEX": "http://127.0.0.1:8/simple", "PIP_INDEX_URL": "https://other.example"}
    assert index_url(both) == "http://127.0.0.1:8/simple"
