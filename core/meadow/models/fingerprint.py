"""Which weights are these? One short answer that is the same on every machine that holds them.

The fingerprint is a hash of the canonical config and of (file name, sha256) of every weight file (SESSION.md rule
19). The hub publishes the sha256 of each large file, so a model that was only partly downloaded has the same
fingerprint as a whole local copy. For a local folder the hashes are computed once and remembered in our own cache,
never in the model's folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from meadow.errors import DamagedCheckpoint, DownloadError
from meadow.models.progress import ProgressMeter

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_DOMAIN: Final = b"meadow fingerprint 1\n"
_CHUNK: Final = 4 * 1024 * 1024
# A file system may stamp two writes with the same time; a file changed this recently is hashed again next time.
_SETTLED_SECONDS: Final = 2.0

# Settings that do not change what a block, an embedding or a head computes. All else counts, also what only might
# matter: a difference that is harmless splits a swarm, one that is missed mixes different models.
_IRRELEVANT: Final = frozenset(
    {
        "architectures",  # the class follows from the model type
        "dtype",  # the stored numbers are in the weights; what a server computes in is in its record
        "use_cache",
        "return_dict",
        "output_hidden_states",
        "bos_token_id",  # steer when generation begins and ends, on the client; people correct them after release
        "eos_token_id",
        "id2label",  # heads of classifiers
        "label2id",
        "num_labels",
        "problem_type",
        "initializer_range",  # training only
        "is_encoder_decoder",  # always false here
    }
)


def fingerprint(config: Mapping[str, Any], family: type[PreTrainedConfig], hashes: Mapping[str, str]) -> bytes:
    """32 bytes from a parsed config.json and the sha256 (hex) of each weight file by name."""
    digest = hashlib.sha256(_DOMAIN)
    digest.update(canonical_config(config, family))
    for file in sorted(hashes):
        digest.update(f"\n{file} {hashes[file]}".encode())
    return digest.digest()


def canonical_config(config: Mapping[str, Any], family: type[PreTrainedConfig]) -> bytes:
    """What a config.json says about the computation, written in one way.

    Only keys that the family's class understands, as the file states them: values that a class fills in by itself are
    left out, because the next release of transformers may fill in more. Whole floats are written as integers (10000.0
    = 10000).
    """
    # Here, for what downloads is also used where nobody has or wants torch: the node.
    from meadow.models.config import clean_config

    stated = {key: value for key, value in clean_config(config, family).items() if key not in _IRRELEVANT}
    stated["model_type"] = family.model_type
    return json.dumps(_plain(stated), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if key not in ("torch_dtype", "dtype")}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if value in (float("inf"), float("-inf")):
        return str(value)  # JSON has no infinity
    return value


class FileHashes:
    """sha256 of local files, computed once and remembered by what identifies an unchanged file."""

    def __init__(self, folder: Path) -> None:
        """``folder`` holds one small file per remembered hash; it is made when it is first needed."""
        self._folder = folder

    def sha256(self, path: Path, meter: ProgressMeter | None = None, cancel: threading.Event | None = None) -> str:
        """sha256 of ``path`` in hex. Raises DamagedCheckpoint when it cannot be read, DownloadError when cancelled."""
        try:
            with open(path, "rb") as file:
                before = os.fstat(file.fileno())
                note = self._folder / _identity(path, before)
                if (known := _read_note(note)) is not None:
                    if meter:
                        meter.add(before.st_size, path.name)
                    return known
                digest = hashlib.sha256()
                while chunk := file.read(_CHUNK):
                    check_cancel(cancel)
                    digest.update(chunk)
                    if meter:
                        meter.add(len(chunk), path.name)
                after = os.fstat(file.fileno())
        except OSError as error:
            raise DamagedCheckpoint(
                f"The weight file {path.name} cannot be read ({error.strerror}). Check that it is there and readable."
            ) from error
        settled = time.time() - max(after.st_mtime, after.st_ctime) > _SETTLED_SECONDS
        if settled and _identity(path, after) == note.name:
            _write_note(note, digest.hexdigest())
        return digest.hexdigest()


def check_cancel(cancel: threading.Event | None) -> None:
    """Stop here if the person asked for it. Raises DownloadError with the code ``cancelled``."""
    if cancel is not None and cancel.is_set():
        raise DownloadError("Stopped as asked. What is already there is kept, and used next time.", code="cancelled")


def _identity(path: Path, stat: os.stat_result) -> str:
    facts = (os.fspath(path.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _read_note(note: Path) -> str | None:
    try:
        text = note.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    return text if is_sha256(text) else None


def _write_note(note: Path, text: str) -> None:
    """Remember a hash; a cache that cannot be written costs time next time, and nothing else."""
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=note.parent)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
        os.replace(temporary, note)
    except OSError:
        return


def is_sha256(text: object) -> bool:
    """Is this a sha256 in lower-case hex?"""
    return isinstance(text, str) and len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
