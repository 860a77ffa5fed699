"""Starts p2pd so that it cannot outlive the process that wants it. Run as a script; needs only the standard library.

``python launch.py OWNER_PID p2pd ARGUMENTS...`` becomes p2pd (same pid). On Linux the kernel is asked to kill it when
its parent dies, even by SIGKILL. Elsewhere a small watcher process does that. Without this a killed owner would leave
a daemon behind that keeps its port and its identity.
"""

import ctypes
import os
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.5


def _die_with_parent_linux() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def watch(owner: int) -> None:
    """Fork a watcher that kills this process (soon p2pd) when ``owner`` is gone, and ends with it."""
    daemon = os.getpid()
    if os.fork() != 0:
        return
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):  # the owner waits for the end of p2pd's output; the watcher must not hold it open
        os.dup2(nowhere, descriptor)
    while os.getppid() == daemon:
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            os.kill(daemon, signal.SIGKILL)
            break
        except PermissionError:
            pass
        time.sleep(_POLL_SECONDS)
    os._exit(0)


def main() -> None:
    """Tie this process to its owner, then turn into p2pd."""
    owner, program = int(sys.argv[1]), sys.argv[2]
    if sys.platform == "linux":
        _die_with_parent_linux()
    else:
        watch(owner)
    os.setsid()  # Ctrl+C in a terminal reaches a whole group; it must stop an answer in a chat, not p2pd
    if os.getppid() != owner:  # the owner died before the kernel was asked
        sys.exit("the owner of p2pd is gone")
    os.execv(program, [program, *sys.argv[3:]])


if __name__ == "__main__":
    main()
