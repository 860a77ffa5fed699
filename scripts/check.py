"""Everything that must hold before a change is merged: style, types, layers, QML, tests. ./test calls it.

    scripts/check.py [--all] [PYTEST ARGUMENT ...]

Each check runs even when an earlier one failed, so that one run shows all there is to mend. The whole output goes to
build/test.log (build/test-all.log with --all), whose last lines are the summary.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

# A singleton is one only within its folder, which a check of its file alone does not see.
QML = [
    str(path.relative_to(ROOT))
    for path in sorted(ROOT.glob("resources/qml/**/*.qml"))
    if "pragma Singleton" not in path.read_text(encoding="utf-8")
]

STATIC = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "import-linter": ["lint-imports"],
    "qmllint": ["pyside6-qmllint", "--max-warnings", "0", "--unused-imports", "disable", "-I", "resources/qml", *QML],
}


def show(text: str, log: TextIO) -> None:
    print(text, flush=True)
    log.write(text + "\n")
    log.flush()


def run(command: list[str], log: TextIO) -> int:
    """Run one tool of the environment; its output goes to the terminal and to the log. Returns its exit status."""
    show(f"\n$ {' '.join(command)}", log)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        log.write(line)
    return process.wait()


def commit() -> str:
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def main(arguments: list[str]) -> int:
    full = "--all" in arguments
    rest = [argument for argument in arguments if argument != "--all"]
    path = ROOT / "build" / ("test-all.log" if full else "test.log")
    path.parent.mkdir(exist_ok=True)
    results: list[tuple[str, bool, float]] = []
    with path.open("w", encoding="utf-8") as log:
        show(
            f"meadow {commit()}, Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores", log
        )
        show(f"{time.strftime('%Y-%m-%d %H:%M:%S %z')}: ./test {' '.join(arguments)}", log)
        pytest = ["pytest", "-n", "2", "--dist", "loadfile", "--durations=40", *(["--full"] if full else []), *rest]
        for name, command in {**STATIC, "pytest": pytest}.items():
            begin = time.monotonic()
            status = run(command, log)
            results.append((name, status == 0, time.monotonic() - begin))
        show("", log)
        for name, passed, seconds in results:
            show(f"{'ok    ' if passed else 'FAILED'} {name:14} {seconds:7.1f} s", log)
        good = all(passed for _, passed, _ in results)
        total = sum(seconds for _, _, seconds in results)
        show(f"{'All checks passed' if good else 'Some checks FAILED'} in {total:.0f} s. Log: {path}", log)
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
