"""A signal at the worst moment: while the event loop is being made."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, os, selectors, signal, sys

from meadow import cli
from meadow.cli.serve import run_until_stopped

number = int(sys.argv[1])
signal.signal(signal.SIGTERM, cli._terminate)
signal.signal(signal.SIGHUP, cli._terminate)


class Slow(selectors.DefaultSelector):
    def __init__(self):
        os.kill(os.getpid(), number)
        super().__init__()


async def work():
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    print("blocked" if blocked else "heard", flush=True)  # what children would inherit
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaned up", flush=True)


selectors.DefaultSelector = Slow
run_until_stopped(work)
print("clean", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_while_the_loop_is_made_is_heard_once_it_runs(number: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", SCRIPT, str(int(number))],
        capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )  # fmt: skip
    assert done.stderr == ""
    # It may be heard before the work begins, or while it waits.
    assert done.stdout in ("clean\n", "heard\ncleaned up\nclean\n")
    assert done.returncode == 0
