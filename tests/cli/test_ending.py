"""A command that is told to stop does not wait for a thread that cannot be interrupted, but for one that writes."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio, os, signal, sys, threading, time
from meadow import cli
from meadow.cli.serve import run_until_stopped

def main():
    async def work():
        try:
            asyncio.ensure_future(asyncio.to_thread(time.sleep, {seconds}))
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(3600)
        finally:
            print("cleaned up")
    run_until_stopped(work)
    print("to the end")
    return 7

cli.main = main
cli.entry()
"""


def run(seconds: float) -> subprocess.CompletedProcess[str]:
    code = SCRIPT.format(seconds=seconds)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_a_thread_that_takes_an_hour_keeps_nobody() -> None:
    ended = run(3600.0)
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "cleaned up\nto the end\n", "")


def test_without_one_it_ends_as_ever() -> None:
    ended = run(0.0)
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "cleaned up\nto the end\n", "")
