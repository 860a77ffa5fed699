"""When the GPU runtime is needed: a pure decision over what the driver says, what PyTorch is installed, and what the
person wants."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from meadow.node.gpu_runtime.lock import Lock
from meadow.platform.devices import Survey
from meadow.platform.readings import Code, Device, Kind, Reason


class Need(StrEnum):
    """What sharing here takes."""

    NONE = "none"
    """No GPU that it could help, or this PyTorch needs no help, or the person wants another device."""
    RUNTIME = "runtime"
    NOT_TO_BE_HAD = "not_to_be_had"
    """It would help, but there is none for this Python, this system, or this version of PyTorch."""


@dataclass(frozen=True, slots=True)
class BaseTorch:
    """The PyTorch of this installation: its version, and what it was built for (None: without)."""

    version: str
    cuda: str | None = None
    hip: str | None = None


_LINE: Final = re.compile(r"^(__version__|cuda|hip)\b[^=\n]*=\s*(?:'([^']*)'|\"([^\"]*)\"|None)", re.MULTILINE)


def parse_version_file(text: str) -> BaseTorch | None:
    """``torch/version.py``, read and never run."""
    found = {name: single or double or None for name, single, double in _LINE.findall(text)}
    version = found.get("__version__")
    return None if version is None else BaseTorch(version, found.get("cuda"), found.get("hip"))


def base_torch() -> BaseTorch | None:
    """Of this installation, without importing it; None when that cannot be found out."""
    try:
        file = importlib.metadata.distribution("torch").locate_file("torch/version.py")
        with open(str(file), encoding="utf-8") as opened:
            return parse_version_file(opened.read(1 << 16))
    except (importlib.metadata.PackageNotFoundError, OSError, UnicodeDecodeError):
        return None


def need(wanted: str, devices: Sequence[Device], base: BaseTorch | None, lock: Lock | None) -> Need:
    """``wanted``: as in the setting share.device. ``devices``: as surveyed with the PyTorch that servers have now."""
    if wanted.partition(":")[0] not in ("auto", Kind.CUDA):
        return Need.NONE
    if base is None or base.cuda is not None or base.hip is not None:
        return Need.NONE
    if not any(is_candidate(device) for device in devices):
        return Need.NONE
    if lock is None or lock.torch != base.version.partition("+")[0]:
        return Need.NOT_TO_BE_HAD
    return Need.RUNTIME


def is_candidate(device: Device) -> bool:
    """An NVIDIA GPU that nothing but PyTorch keeps from being used, or nothing at all."""
    return device.kind is Kind.CUDA and (device.reason is None or device.reason.code is Code.TORCH_WITHOUT_GPU)


def as_if_there(survey: Survey, lock: Lock) -> Survey:
    """The survey that is expected once servers have the runtime: for plans. Where the driver is known to be too old for
    it, that is the reason, before gigabytes are fetched in vain."""
    return replace(survey, devices=tuple(_expected(device, lock) for device in survey.devices))


def _expected(device: Device, lock: Lock) -> Device:
    if not is_candidate(device):
        return device
    if device.cuda is not None and device.cuda[0] < lock.cuda[0]:
        text = (
            f"The NVIDIA driver {device.driver or ''} is too old: it knows CUDA {device.cuda[0]}.{device.cuda[1]}, and "
            f"the GPU runtime needs {lock.cuda[0]}.{lock.cuda[1]}. Install a newer driver, or share with the "
            "processor: set share.device to cpu."
        )
        return replace(device, reason=Reason(Code.DRIVER_TOO_OLD, text))
    return replace(device, reason=None, torch=device.torch or f"cuda:{device.index}")


def explained(survey: Survey, lock: Lock) -> Survey:
    """For people: a card that only lacks the runtime says so, and not that PyTorch should be installed by hand."""
    size = f"{lock.download_bytes / 1e6:,.0f} MB"
    text = f"It can be used after a download: on the first share Meadow gets the GPU runtime ({size})."
    reason = Reason(Code.TORCH_WITHOUT_GPU, text)
    devices = (
        replace(device, reason=reason) if is_candidate(device) and device.reason is not None else device
        for device in survey.devices
    )
    return replace(survey, devices=tuple(devices))
