"""A model's files, opened: start reading here.

    checkpoint = open_checkpoint("owner/model")      # or a folder
    names = [...]                                     # of the tensors a part owns
    checkpoint.fetch(names, progress=print)           # from a hub: only these bytes, resumable
    tensors = checkpoint.read(names)                  # zero-copy

Opening reads the config, the index and the headers of the weight files, and no weights.
"""

from __future__ import annotations

import enum
import json
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from transformers import PreTrainedConfig

from meadow.errors import DamagedCheckpoint, DownloadError, UnknownModel, UnsupportedModel
from meadow.models import manifest as manifests
from meadow.models.cache import cache_root
from meadow.models.config import MAX_CONFIG_BYTES, build_config, parse_config
from meadow.models.fingerprint import FileHashes, fingerprint
from meadow.models.hub_copy import open_hub_copy
from meadow.models.names import is_model_id
from meadow.models.progress import Progress, ProgressMeter, Report
from meadow.models.reader import TensorReader
from meadow.models.safetensors_header import TensorInfo, parse_header
from meadow.models.source import LocalFolder, Source, is_plain_name

__all__ = ["Checkpoint", "Progress", "TensorInfo", "Verification", "make_manifest", "open_checkpoint"]

SINGLE_FILE: Final = "model.safetensors"
INDEX_FILE: Final = "model.safetensors.index.json"
MAX_INDEX_BYTES: Final = 64 * 1024 * 1024
MAX_TEXT_BYTES: Final = 128 * 1024 * 1024  # the largest tokenizer.json files have some tens of megabytes
_FOREIGN_WEIGHTS: Final = (".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx")
_TEXT_FILES: Final = (".json", ".jinja", ".txt", ".model", ".jsonl")


class Verification(enum.Enum):
    """What was checked about the tensors that were read."""

    CONTENT = "verified by content"
    STRUCTURE = "not verified by content"


class Checkpoint:
    """A model in a local folder, or one on a hub that may be here in part. Made by ``open_checkpoint``; thread-safe.

    ``name`` is what the person asked for, ``config`` was checked (``meadow.models.config``), ``tensors`` holds every
    tensor of the model by name. ``bytes_read`` counts the bytes handed out by ``read``, ``bytes_fetched`` all bytes
    of weight files, headers included, that came from the hub through this object.
    """

    def __init__(self, name: str, source: Source, *, hub_id: str | None = None, progress: Report | None = None) -> None:
        self.name = name
        self.hub_id = hub_id
        self._source = source
        config_path = source.small_file("config.json", MAX_CONFIG_BYTES)
        if config_path is None:
            raise DamagedCheckpoint(f"The model {name} has no config.json. Get it again from its source.")
        self._raw_config = parse_config(_read_file(config_path))
        self.config: PreTrainedConfig = build_config(self._raw_config)
        files, promised = _weight_files(name, source)
        self._files = tuple(files)
        self.tensors: Mapping[str, TensorInfo] = MappingProxyType(
            _all_tensors(source.headers(files, progress), source, promised)
        )
        _check_size(self.config, self.tensors)
        self._manifest = _load_manifest(source, self.tensors)
        self._reader = TensorReader(source.path, source.size)
        self._checked: set[str] = set()
        self._files_read: set[str] = set()
        self._progress = progress
        self._fingerprint: bytes | None = None
        self._fingerprint_lock = threading.Lock()

    @property
    def bytes_read(self) -> int:
        """Bytes of tensors handed out by ``read``."""
        return self._reader.bytes_read

    @property
    def bytes_fetched(self) -> int:
        """Bytes of weight files, headers included, received from the hub."""
        return self._source.bytes_fetched

    @property
    def total_bytes(self) -> int:
        """Size of all tensors in bytes."""
        return sum(info.nbytes for info in self.tensors.values())

    def missing(self, names: Iterable[str]) -> int:
        """Bytes still to be downloaded for these tensors; 0 for a local folder."""
        return self._source.missing(self._infos(names))

    def fetch(
        self, names: Iterable[str], *, progress: Report | None = None, cancel: threading.Event | None = None
    ) -> None:
        """Download what is missing of these tensors. What was fetched stays, whatever happens.

        Raises DownloadError (code ``cancelled`` when ``cancel`` was set), DiskFull, or DamagedCheckpoint when the
        bytes do not match the hub's hash or the manifest.
        """
        infos = self._infos(names)
        fresh = [info for info in infos if self._source.missing([info])] if self._manifest else []
        self._source.fetch(infos, progress, cancel)
        for info in fresh:  # not through the counted reader: nobody gets these tensors
            self._check_content(info, TensorReader(self._source.path, self._source.size).read([info])[info.name])

    def read(self, names: Iterable[str]) -> dict[str, torch.Tensor]:
        """The tensors by name, in their stored dtype: private writable views of the files, not copies.

        Raises DownloadError when they were not fetched, DamagedCheckpoint when a file changed or the manifest
        disagrees.
        """
        infos = self._infos(names)
        if missing := self._source.missing(infos):
            raise DownloadError(
                f"{missing} bytes of these tensors of {self.name} are not downloaded yet. Fetch them first."
            )
        tensors = self._reader.read(infos)
        self._files_read.update(info.file for info in infos)
        for info in infos:
            self._check_content(info, tensors[info.name])
        return tensors

    def file(self, name: str) -> Path | None:
        """A text file beside the weights (tokenizer.json, chat_template.jinja ...), or None. Fetched whole, size-
        capped.
        """
        if not is_plain_name(name) or not name.endswith(_TEXT_FILES):
            raise ValueError(f"{name!r} is not the name of a text file of a model")
        return self._source.small_file(name, MAX_TEXT_BYTES)

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that identify config and weights. The first use may hash a local folder: see compute_fingerprint."""
        return self.compute_fingerprint(progress=self._progress)

    def compute_fingerprint(self, *, progress: Report | None = None, cancel: threading.Event | None = None) -> bytes:
        """As ``fingerprint``, telling how far the hashing is (about a second per gigabyte, once per file)."""
        with self._fingerprint_lock:
            if self._fingerprint is None:
                hashes = self._source.sha256(self._files, progress, cancel)
                self._fingerprint = fingerprint(self._raw_config, type(self.config), hashes)
            return self._fingerprint

    @property
    def verification(self) -> Verification:
        """Was the content of what was read so far (of all files, before any read) checked against a published hash?"""
        if self._manifest is not None:
            return Verification.CONTENT
        verified = all(self._source.verified(file) for file in self._files_read or self._files)
        return Verification.CONTENT if verified else Verification.STRUCTURE

    def _infos(self, names: Iterable[str]) -> list[TensorInfo]:
        infos = {}
        for name in names:
            if name not in self.tensors:
                raise DamagedCheckpoint(
                    f"The model {self.name} has no tensor '{name[:120]}', which its config.json calls for. "
                    "Get it again from its source."
                )
            infos[name] = self.tensors[name]
        return list(infos.values())

    def _check_content(self, info: TensorInfo, tensor: torch.Tensor) -> None:
        if self._manifest is None or info.name in self._checked:
            return
        if not manifests.check_tensor(self._manifest, info.name, tensor):
            self._source.forget(info)
            raise DamagedCheckpoint(
                f"The tensor '{info.name}' in {info.file} of {self.name} does not match the manifest: its bytes are "
                "damaged. Get this file again from its source."
            )
        self._checked.add(info.name)


def open_checkpoint(
    model: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Report | None = None,
) -> Checkpoint:
    """Open a model: a folder on this machine, or ``owner/model`` on the hub (HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE).

    ``revision`` is a branch, tag or commit on the hub. ``cache_dir`` holds downloaded models (default: the user's cache
    folder). ``progress`` hears about the headers as they come, and about the hashing when the
    fingerprint of a local folder is asked for. Raises UnknownModel, UnsupportedModel,
    DamagedCheckpoint, DownloadError or DiskFull.
    """
    root = cache_root(cache_dir)
    folder = Path(model).expanduser()
    if folder.is_dir():
        name = folder.resolve().name
        return Checkpoint(name, LocalFolder(folder, FileHashes(root / ".hashes")), progress=progress)
    if folder.is_file():
        raise UnsupportedModel(
            f"{folder.name} is a file. Give the folder that holds config.json and model.safetensors."
        )
    name = os.fspath(model)
    if is_model_id(name):
        return Checkpoint(
            name, open_hub_copy(name, root, revision=revision, token=token), hub_id=name, progress=progress
        )
    raise UnknownModel(f"There is no folder {name!r}, and it is no name like owner/model on the hub.")


def make_manifest(checkpoint: Checkpoint, *, progress: Report | None = None) -> manifests.Manifest:
    """The manifest of a checkpoint that is here in full. Raises DownloadError when parts were never downloaded."""
    missing = checkpoint.missing(checkpoint.tensors)
    if missing:
        raise DownloadError(
            f"{missing} bytes of {checkpoint.name} are not downloaded yet; a manifest needs all of them."
        )
    meter = ProgressMeter(checkpoint.total_bytes, progress)
    reader = TensorReader(checkpoint._source.path, checkpoint._source.size)
    hashes = {}
    for name, info in checkpoint.tensors.items():
        hashes[name] = manifests.tensor_sha256(reader.read([info])[name])
        meter.add(info.nbytes, info.file)
    return manifests.Manifest(checkpoint._source.sha256(checkpoint._files, None, None), hashes)


def _weight_files(name: str, source: Source) -> tuple[list[str], dict[str, str]]:
    """The weight files, and (tensor -> file) as the index promises; empty for a single file."""
    names = source.names()
    if SINGLE_FILE in names:
        return [SINGLE_FILE], {}
    index = source.small_file(INDEX_FILE, MAX_INDEX_BYTES)
    if index is None:
        if any(file.endswith(_FOREIGN_WEIGHTS) for file in names):
            raise UnsupportedModel(
                f"The weights of {name} are not in the safetensors format. Others can run code or are quantised, "
                "so Meadow never opens them; look for a safetensors version of this model."
            )
        raise DamagedCheckpoint(
            f"The model {name} has no {SINGLE_FILE} and no {INDEX_FILE}. Get it again from its source."
        )
    promised = _parse_index(_read_file(index))
    files = sorted(set(promised.values()))
    if absent := [file for file in files if file not in names]:
        raise DamagedCheckpoint(
            f"The model {name} lacks {len(absent)} of {len(files)} weight files, the first is {absent[0]}. "
            "Get it again from its source."
        )
    return files, promised


def _parse_index(raw: bytes) -> dict[str, str]:
    try:
        table = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        table = None
    weights: Any = table.get("weight_map") if isinstance(table, dict) else None
    if not isinstance(weights, dict) or not weights:
        raise DamagedCheckpoint(f"The file {INDEX_FILE} of this model is not readable. Get it again from its source.")
    if not all(is_plain_name(file) and file.endswith(".safetensors") for file in weights.values()):
        raise DamagedCheckpoint(
            f"The file {INDEX_FILE} of this model points outside its folder or at files that are not safetensors. "
            "Do not use this model."
        )
    return weights


def _all_tensors(headers: Mapping[str, bytes], source: Source, promised: Mapping[str, str]) -> dict[str, TensorInfo]:
    tensors: dict[str, TensorInfo] = {}
    for file, header in headers.items():
        try:
            parsed = parse_header(header, file, source.size(file))
        except DamagedCheckpoint:
            source.forget_file(file)  # bytes that were damaged on the way from a hub are fetched anew next time
            raise
        for name, info in parsed.items():
            if name in tensors and promised.get(name) != file:
                continue  # the index says which copy counts
            tensors[name] = info
    for name, file in promised.items():
        if name not in tensors or tensors[name].file != file:
            raise DamagedCheckpoint(
                f"The weight file {file} lacks the tensor '{name[:120]}' that {INDEX_FILE} promises. "
                "Get it again from its source."
            )
    return tensors


def _check_size(config: PreTrainedConfig, tensors: Mapping[str, TensorInfo]) -> None:
    """A block without a single tensor does not exist: a config that asks for more blocks than that is not true."""
    blocks = getattr(config.get_text_config(decoder=True), "num_hidden_layers", None)
    if isinstance(blocks, int) and blocks > len(tensors):
        raise DamagedCheckpoint(
            f"The config.json asks for {blocks} blocks, but the weight files hold only {len(tensors)} tensors. "
            "Get the model again from its source."
        )


def _load_manifest(source: Source, tensors: Mapping[str, TensorInfo]) -> manifests.Manifest | None:
    path = source.small_file(manifests.MANIFEST_NAME, manifests.MAX_MANIFEST_BYTES)
    if path is None:
        return None
    manifest = manifests.parse_manifest(_read_file(path))
    files = {info.file for info in tensors.values()}
    fits = manifest.tensors.keys() == tensors.keys() and manifest.files.keys() == files
    if not fits or any(source.stated(file) not in (None, manifest.files[file]) for file in files):
        raise DamagedCheckpoint(
            f"The file {manifests.MANIFEST_NAME} describes other weights than those beside it. Delete it, or make it "
            "again with: meadow models manifest"
        )
    return manifest


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DamagedCheckpoint(f"The file {path.name} cannot be read ({error.strerror}).") from error
