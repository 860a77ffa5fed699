"""Settings files of older versions of Meadow, brought up to date one small step at a time.

The version of the file only rises when a key changes its name or its meaning; a new key needs no step. A step takes the
content of version n and returns that of version n + 1; it must bear anything that a person may have written there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Content = dict[str, Any]
Step = Callable[[Mapping[str, Any]], Content]


def _number_the_version(content: Mapping[str, Any]) -> Content:
    """0 -> 1: before there were versions, a file held ``initial_peers`` only, which kept its name and meaning."""
    return dict(content)


STEPS: Sequence[Step] = (_number_the_version,)
"""``STEPS[n]`` leads from version n to n + 1."""

VERSION = len(STEPS)
"""What this Meadow reads and writes."""


def upgrade(content: Mapping[str, Any], version: int, steps: Sequence[Step] = STEPS) -> Content:
    """The content of a file of ``version``, in the newest version. ``version`` is at most ``len(steps)``."""
    upgraded = dict(content)
    for step in steps[version:]:
        upgraded = step(upgraded)
    return upgraded
