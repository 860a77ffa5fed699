"""A manifest beside the weights: the sha256 of every tensor, so that a part of a file can be checked by content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from meadow.errors import DamagedCheckpoint
from meadow.models.fingerprint import is_sha256

MANIFEST_NAME: Final = "meadow.manifest.json"
MAX_MANIFEST_BYTES: Final = 64 * 1024 * 1024
_FORMAT: Final = "meadow manifest 1"


@dataclass(frozen=True, slots=True)
class Manifest:
    """sha256 in hex: of each weight file by name, of each tensor's bytes by name."""

    files: Mapping[str, str]
    tensors: Mapping[str, str]

    def to_json(self) -> str:
        """The text of the manifest file."""
        table = {"format": _FORMAT, "files": dict(self.files), "tensors": dict(self.tensors)}
        return json.dumps(table, indent=1, sort_keys=True) + "\n"


def parse_manifest(raw: bytes) -> Manifest:
    """Raises DamagedCheckpoint when the file is not a manifest."""
    try:
        table = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _bad("is not readable") from None
    if not isinstance(table, dict) or table.get("format") != _FORMAT:
        raise _bad("has a format that this version does not know")
    return Manifest(_hashes(table.get("files")), _hashes(table.get("tensors")))


def _hashes(table: Any) -> dict[str, str]:
    if not isinstance(table, dict) or not all(is_sha256(value) for value in table.values()):
        raise _bad("is malformed")
    return table


def check_tensor(manifest: Manifest, name: str, tensor: torch.Tensor) -> bool:
    """Do the tensor's bytes have the hash that the manifest states?"""
    return manifest.tensors.get(name) == tensor_sha256(tensor)


def tensor_sha256(tensor: torch.Tensor) -> str:
    """sha256 (hex) of the bytes of a contiguous CPU tensor, in file order."""
    if tensor.nbytes == 0:
        return hashlib.sha256().hexdigest()
    return hashlib.sha256(memoryview(tensor.reshape(-1).view(torch.uint8).numpy())).hexdigest()  # type: ignore[arg-type]


def _bad(what: str) -> DamagedCheckpoint:
    return DamagedCheckpoint(
        f"The file {MANIFEST_NAME} of this model {what}. Delete it, or make it again with: meadow models manifest"
    )
