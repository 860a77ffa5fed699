"""How much the operating system lets this process use."""

from __future__ import annotations

import sys

WANTED_DESCRIPTORS = 16384


def raise_descriptor_limit() -> int:
    """Allow as many open files and sockets as may be had without asking, for this process and its future children.

    A server may hold two thousand streams; desktop systems start a process with 256 (macOS) or 1024 (Linux). Returns
    the limit that holds now, 0 where there is none.
    """
    if sys.platform == "win32":
        return 0
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    best = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, hard)
    if soft == resource.RLIM_INFINITY or soft >= best:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
    except (OSError, ValueError):
        return soft  # some systems allow less than they say; the default still works for fewer sessions
    return best
