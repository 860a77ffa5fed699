"""A bound on how long Python code of a stranger may compute: chat templates are programs, and they can loop forever."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class TookTooLong(Exception):
    """The code was ended."""


def limited(work: Callable[[], T], seconds: float) -> T:
    """``work()``, ended with TookTooLong when it has used so many seconds of this thread's processor time.

    The interpreter asks before every line, which makes the work some times slower. Time in C code is only seen when
    that returns; jinja's sandbox bounds what can be asked of it there.
    """
    deadline = time.thread_time() + seconds

    def look(frame: FrameType, event: str, argument: Any) -> Any:
        if time.thread_time() > deadline:
            raise TookTooLong
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        return work()
    finally:
        sys.settrace(before)
