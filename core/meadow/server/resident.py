"""Weights of a server in memory of their own, in huge pages.

A part is loaded as private views of its files (:mod:`meadow.models.reader`): right for a client, which touches little
of them. A server reads every weight for every token, and with 4 KiB pages that means as many addresses to look up:
while other programs use the memory too, a core multiplies about 15 % faster out of 2 MiB pages (benchmarks/README.md).
Linux gives such pages only to memory that belongs to no file.

Weights keep their places within a cache line, because kernels choose their code by it and results shall stay equal, to
the last bit, to those of a model that was loaded plainly.
"""

from __future__ import annotations

import logging
import mmap
import sys
from pathlib import Path

import psutil
import torch
from torch import nn

log = logging.getLogger(__name__)

LINE = 64  # bytes; the widest loads of today's CPUs
MIN_BYTES = 64 * 1024  # what is smaller may stay where it is: norms, biases
HUGE_PAGE = 2 * 1024 * 1024
SPARE_BYTES = 512 * 1024 * 1024  # of free memory, left to others while weights are in memory twice
_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def offered() -> bool:
    """Does this system put memory into huge pages for those who ask?"""
    if sys.platform != "linux" or not hasattr(mmap, "MADV_HUGEPAGE"):
        return False
    try:
        return "[never]" not in _SETTING.read_text()
    except OSError:
        return False


def make_resident(model: nn.Module) -> int:
    """Move the weights of ``model`` that lie on the CPU into huge pages; the bytes moved.

    0, and nothing changed, where the system offers none or where memory is too short to hold the weights twice for a
    moment. Must come before anything else keeps the addresses of weights.
    """
    tensors = _worth_moving(model)
    total = sum(tensor.nbytes + LINE for tensor in tensors)
    if not tensors or total < HUGE_PAGE or not offered():
        return 0
    if psutil.virtual_memory().available < total + SPARE_BYTES:
        log.info("weights stay mapped from their files: no memory to copy %d MB into huge pages", total >> 20)
        return 0
    try:
        pool = mmap.mmap(-1, total, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        pool.madvise(mmap.MADV_HUGEPAGE)
    except OSError as error:
        log.info("weights stay mapped from their files: %s", error)
        return 0
    base = torch.frombuffer(pool, dtype=torch.uint8)
    origin, used, moved = base.data_ptr(), 0, 0
    for tensor in tensors:
        used += (tensor.data_ptr() - origin - used) % LINE
        place = base[used : used + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
        place.copy_(tensor.detach())
        tensor.data = place
        used += tensor.nbytes
        moved += tensor.nbytes
    return moved


def _worth_moving(model: nn.Module) -> list[torch.Tensor]:
    """Each large contiguous tensor once: tied weights are one object and stay one."""
    found = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return [
        tensor
        for tensor in found.values()
        if tensor.device.type == "cpu" and tensor.is_contiguous() and tensor.nbytes >= MIN_BYTES
    ]
