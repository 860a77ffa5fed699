"""Which GPUs torch can use: pure decisions over facts, and the real probe in its own process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from meadow.platform.readings import Code, Device, Kind, Readings
from meadow.platform.recorded import Recording
from meadow.platform.torch_devices import (
    TorchFacts,
    TorchGpu,
    TorchProbe,
    TorchSource,
    amd,
    apple,
    ask_torch,
    check_torch,
    parse_probe,
)

RECORDINGS = Path(__file__).with_name("recordings")
CUDA = TorchFacts("2.13.0+cu130", cuda="13.0")


def two() -> Readings:
    return Recording.load(RECORDINGS / "two_gpus.json").read()


def seen(*gpus: tuple[str, str | None]) -> TorchFacts:
    """Torch built for CUDA 13.0 that sees these (name, uuid)."""
    found = tuple(TorchGpu(index, name, uuid, 1 << 30, 1 << 29) for index, (name, uuid) in enumerate(gpus))
    return TorchFacts(CUDA.version, CUDA.cuda, gpus=found)


def test_matched_by_uuid_whatever_the_order() -> None:
    first, second = two().devices
    facts = seen((second.name, (second.uuid or "").removeprefix("GPU-").upper()), (first.name, first.uuid))
    assert [device.torch for device in check_torch(two(), facts).devices] == ["cuda:1", "cuda:0"]


def test_matched_by_name_where_torch_has_no_uuid() -> None:
    first, second = two().devices
    checked = check_torch(two(), seen((second.name, None), (first.name, None)))
    assert [device.torch for device in checked.devices] == ["cuda:1", "cuda:0"]


def test_two_alike_without_uuid_are_not_guessed() -> None:
    alike = Readings(Kind.CUDA, (Device(Kind.CUDA, 0, "Same"), Device(Kind.CUDA, 1, "Same")))
    checked = check_torch(alike, seen(("Same", None), ("Same", None)))
    assert [device.reason and device.reason.code for device in checked.devices] == [Code.TORCH_CANNOT] * 2


@pytest.mark.parametrize(
    ("facts", "code", "words"),
    [
        (TorchFacts("2.13.0+cpu"), Code.TORCH_WITHOUT_GPU, "CUDA build of PyTorch 2.13.0"),
        (seen(), Code.TORCH_CANNOT, "CUDA_VISIBLE_DEVICES"),
        (TorchFacts("2.13.0+cu140", cuda="14.0"), Code.DRIVER_TOO_OLD, "PyTorch needs 14.0"),
        (parse_probe("", 1), Code.NO_TORCH, "PyTorch"),
    ],
)
def test_a_gpu_that_torch_cannot_use_has_the_reason(facts: TorchFacts, code: Code, words: str) -> None:
    for device in check_torch(two(), facts).devices:
        assert device.torch is None
        assert device.reason is not None
        assert (device.reason.code, words in device.reason.message) == (code, True)


def test_a_driver_too_old_for_torch() -> None:
    old = Recording.load(RECORDINGS / "laptop_old_driver.json").read()
    (device,) = check_torch(old, CUDA).devices
    assert device.reason is not None
    assert device.reason.code is Code.DRIVER_TOO_OLD
    assert "470.256.02" in device.reason.message
    assert "11.4" in device.reason.message


def test_a_minor_version_behind_is_fine() -> None:
    """CUDA's minor versions are compatible: a driver of 12.2 runs programs built for 12.8."""
    old = Readings(Kind.CUDA, (Device(Kind.CUDA, 0, "GPU"),), cuda=(12, 2))
    facts = TorchFacts("2.13.0", "12.8", gpus=(TorchGpu(0, "GPU", None, 2, 1),))
    assert check_torch(old, facts).devices[0].torch == "cuda:0"


def test_the_reason_of_the_driver_stays() -> None:
    recording = Recording.load(RECORDINGS / "gpu_lost.json")
    recording.read()
    (device,) = check_torch(recording.read(), CUDA).devices
    assert device.reason is not None
    assert device.reason.code is Code.GPU_LOST


def test_apple() -> None:
    facts = TorchFacts("2.13.0", mps=True, mps_memory=12 << 30)
    (device,) = apple(facts, 5 << 30).devices
    assert (device.kind, device.torch, device.memory_total, device.memory_free) == (Kind.MPS, "mps", 12 << 30, 5 << 30)
    assert apple(facts, 30 << 30).devices[0].memory_free == 12 << 30
    assert (reason := apple(TorchFacts("2.13.0"), 1).reason) is not None
    assert reason.code is Code.NO_GPU


def test_amd() -> None:
    gpu = TorchGpu(0, "AMD Radeon RX 7900 XTX", None, 24 << 30, 20 << 30)
    (device,) = amd(TorchFacts("2.13.0+rocm7.1", hip="7.1", gpus=(gpu,))).devices
    assert (device.kind, device.torch, device.memory_free) == (Kind.ROCM, "cuda:0", 20 << 30)
    without = amd(TorchFacts("2.13.0+cpu"))
    assert without.hardware
    assert without.reason is not None
    assert without.reason.code is Code.TORCH_WITHOUT_GPU
    hidden = amd(TorchFacts("2.13.0+rocm7.1", hip="7.1"))
    assert hidden.reason is not None
    assert hidden.reason.code is Code.TORCH_CANNOT


def test_torch_is_asked_only_where_it_can_know_of_a_gpu() -> None:
    asked: list[int] = []

    def ask() -> TorchFacts:
        asked.append(1)
        return TorchFacts("2.13.0+cpu")

    probe = TorchProbe(ask)
    assert TorchSource(probe, system="linux", amd=False).read().devices == ()
    assert not asked
    TorchSource(probe, system="darwin", amd=False).read()
    TorchSource(probe, system="linux", amd=True).read()
    assert len(asked) == 1  # kept
    probe.facts(again=True)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "output",
    ["", "{", "null", "[]", "{}", '{"version": 1}', '{"version": "2", "cuda": null, "hip": null, "gpus": 1}'],
)
def test_a_broken_answer_is_a_reason(output: str) -> None:
    reason = parse_probe(output, 0).reason
    assert reason is not None
    assert reason.code is Code.NO_TORCH


def test_a_driver_that_kills_the_probe_is_a_reason() -> None:
    facts = ask_torch([sys.executable, "-c", "import os; os.abort()"])
    assert facts.reason is not None
    assert facts.reason.code is Code.NO_TORCH
    assert ask_torch(["/no/such/program"]).reason == facts.reason


def test_the_real_probe() -> None:
    facts = ask_torch()
    assert facts.reason is None
    assert facts.version == torch.__version__
    assert facts.cuda == torch.version.cuda
    assert len(facts.gpus) == (torch.cuda.device_count() if torch.cuda.is_available() else 0)


def test_looking_at_devices_imports_no_torch() -> None:
    code = "import sys\nfrom meadow.platform.devices import devices\ndevices()\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
