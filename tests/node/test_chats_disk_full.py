"""Full disks (D2), on a real small file system: a tmpfs in a mount namespace of its own.

Root may make one, and on most systems everybody. The scenarios are in ``chats_small_disk``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
_ROOT_NAMESPACE = ["unshare", "--mount"]


def namespace(folder: Path) -> list[str] | None:
    """How to become somebody who may mount; None when this system allows nobody to."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return None
    for command in (_NAMESPACE, _ROOT_NAMESPACE):
        tried = subprocess.run(
            [*command, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if tried.returncode == 0:
            return command
    return None


@pytest.mark.parametrize("scenario", ["first_start", "during_chat", "upgrade", "restart"])
def test_a_full_disk_costs_nothing_that_was_there_and_all_goes_on_when_there_is_room(
    scenario: str, tmp_path: Path
) -> None:
    command = namespace(tmp_path)
    if command is None:
        pytest.skip("not run: this system lets nobody mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = Path(__file__).with_name("chats_small_disk.py")
    # An upgrade needs room for the file, its log and its backup before it is refused room for one of them.
    size = "48m" if scenario == "upgrade" else "2m"
    mount = f'mount -t tmpfs -o size={size} tmpfs "$1" && exec "$2" "$3" "$4" "$1"'
    ended = subprocess.run(
        [*command, "sh", "-c", mount, "sh", str(disk), sys.executable, str(script), scenario],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
