"""The limit of open files is raised for children too, and never lowered."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, subprocess, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), hard))
from meadow.platform.limits import raise_descriptor_limit
now = raise_descriptor_limit()
child = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
inherited = int(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout)
print(now, inherited, hard)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("start", [64, 256])
def test_raised_and_inherited(start: int) -> None:
    output = subprocess.run([sys.executable, "-c", SCRIPT, str(start)], capture_output=True, text=True, check=True)
    now, inherited, hard = map(int, output.stdout.split())
    assert now == inherited > start
    assert now <= hard or hard == -1
