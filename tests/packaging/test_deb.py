"""The .deb: built, installed in a clean root, used by keys to an answer of the demo swarm, removed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEB = ROOT / "packaging" / "deb"


def test_every_pattern_of_what_is_left_out_says_what_it_is_for() -> None:
    lines = (DEB / "leave_out.txt").read_text().splitlines()
    assert lines[0].startswith("#")
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert len(patterns) == len(set(patterns))
    assert not [pattern for pattern in patterns if pattern.startswith(("/", "..")) or "site-packages/*" in pattern]


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_the_package_installs_answers_and_leaves_nothing(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, DEB / "build.py", "--output", tmp_path], capture_output=True, text=True, timeout=1800
    )
    if "is missing" in built.stderr:
        pytest.skip(built.stderr.strip())
    assert built.returncode == 0, built.stdout + built.stderr
    (package,) = tmp_path.glob("meadow_*.deb")
    tried = subprocess.run([sys.executable, DEB / "try.py", package], capture_output=True, text=True, timeout=1800)
    print(built.stdout, tried.stdout)
    if tried.returncode == 77:
        pytest.skip(tried.stdout.strip().splitlines()[-1])
    assert tried.returncode == 0, tried.stdout + tried.stderr
