"""Bytes of weight files -> tensors, without copying, and counted.

A file is mapped privately: the tensors are writable, as modules expect, and yet nothing can reach the file. Only
pages that are touched are read from disk, so the tensors that a part does not own cost nothing. A view has the same
alignment as one made by the safetensors library (the offset in the file), which keeps results bit-equal to plain
loading.
"""

from __future__ import annotations

import mmap
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch

from meadow.errors import DamagedCheckpoint
from meadow.models.safetensors_header import TensorInfo

# Without it Linux counts a private mapping of a 100 GB file as 100 GB of memory that might be needed, and refuses it.
# (Python 3.11 has no name for the flag; its value is the same on x86-64 and ARM.)
_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000) if sys.platform == "linux" else 0


class TensorReader:
    """Reads tensors of one checkpoint; every byte handed out is counted in ``bytes_read``. Safe to use from threads."""

    def __init__(self, path_of: Callable[[str], Path], size_of: Callable[[str], int]) -> None:
        """``path_of`` gives the path of a weight file and ``size_of`` the size in bytes that it must have."""
        self._path_of = path_of
        self._size_of = size_of
        self._lock = threading.Lock()
        self.bytes_read = 0

    def read(self, infos: Iterable[TensorInfo]) -> dict[str, torch.Tensor]:
        """The tensors by name, as private views of the mapped files.

        Each call maps the files anew, so that what one caller writes into its tensors no other caller sees: ask for
        many tensors at once. Raises DamagedCheckpoint when a file is gone or no longer has the size it had.
        """
        wanted = list(infos)
        maps = {
            file: map_privately(self._path_of(file), self._size_of(file))
            for file in {info.file for info in wanted if info.nbytes}
        }
        made = {info.name: _view(info, maps) for info in wanted}
        with self._lock:
            self.bytes_read += sum(tensor.nbytes for tensor in made.values())
        return made


def _view(info: TensorInfo, maps: Mapping[str, mmap.mmap]) -> torch.Tensor:
    if info.nbytes == 0:
        return torch.empty(info.shape, dtype=info.dtype)
    mapped = maps[info.file]
    if info.start % info.dtype.itemsize:  # legal in the format, but not a legal address for the numbers
        raw = bytearray(mapped[info.start : info.end])
        return torch.frombuffer(raw, dtype=info.dtype).reshape(info.shape)
    count = info.nbytes // info.dtype.itemsize
    return torch.frombuffer(mapped, dtype=info.dtype, count=count, offset=info.start).reshape(info.shape)


def map_privately(path: Path, size: int) -> mmap.mmap:
    """The file as copy-on-write memory. Raises DamagedCheckpoint unless it is there and ``size`` bytes long."""
    try:
        with open(path, "rb") as file:
            actual = file.seek(0, 2)
            if actual != size:  # a mapping beyond the end of a file kills the process when it is touched
                raise DamagedCheckpoint(
                    f"The weight file {path.name} has {actual} bytes instead of {size}. Get it again from its source."
                )
            if sys.platform == "win32":
                return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
            protection = mmap.PROT_READ | mmap.PROT_WRITE
            return mmap.mmap(file.fileno(), size, flags=mmap.MAP_PRIVATE | _NORESERVE, prot=protection)
    except OSError as error:
        raise DamagedCheckpoint(
            f"The weight file {path.name} cannot be read ({error.strerror}). Check that it is there and readable."
        ) from error
