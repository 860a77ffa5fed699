"""The private directory for the control sockets of p2pd and of servers on the same machine.

Whoever can open these sockets speaks for the node, so nobody else may enter the directory. Socket names start with the
pid of their owner; what a killed process left behind is removed at the next start.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from meadow.errors import SwarmError

MAX_SOCKET_PATH = 103  # sun_path has 104 bytes on macOS and the BSDs, 108 on Linux, with the closing zero
_LONGEST_NAME = len("1234567890-p2pclient-0123456789A.sock")


def private_run_dir(directory: str | os.PathLike[str]) -> Path:
    """Make ``directory`` (mode 0700), check that nobody else can use it, and return where sockets are to live.

    That is the directory itself, or, when its path is too long for a socket, one with a short name in the folder for
    temporary files. Raises SwarmError when the directory belongs to somebody else or cannot be made.
    """
    path = Path(os.path.abspath(directory))
    if len(os.fsencode(path)) + 1 + _LONGEST_NAME > MAX_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        path = Path(tempfile.gettempdir()) / f"meadow-{os.getuid()}-{digest}"
        if len(os.fsencode(path)) + 1 + _LONGEST_NAME > MAX_SOCKET_PATH:
            raise SwarmError(f"The path {path} is too long for a socket. Set TMPDIR to a shorter one.")
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise SwarmError(f"{path} belongs to somebody else. Remove it or choose another run directory.")
        if stat.S_IMODE(status.st_mode) & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise SwarmError(f"The run directory {path} cannot be used ({error.strerror}).") from error
    remove_stale_sockets(path)
    return path


def socket_prefix(run_dir: Path) -> str:
    """What the names of this process's sockets begin with."""
    return f"{run_dir}/{os.getpid()}-"


def public_marker(control_path: str) -> Path:
    """The file that says, beside p2pd's socket: in this swarm, do not dial private addresses of strangers."""
    return Path(control_path + ".public")


def local_socket(run_dir: Path, peer_id: str, protocol: str) -> str:
    """Where a server that speaks ``protocol`` listens for streams from its own node (which p2pd cannot dial)."""
    return f"{run_dir}/local-{hashlib.sha256(f'{peer_id}/{protocol}'.encode()).hexdigest()[:16]}.sock"


def is_listening(path: str | os.PathLike[str]) -> bool:
    """Whether a process accepts connections on this unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True  # busy is alive: when in doubt, leave it alone
        return True


def remove_stale_sockets(run_dir: Path) -> None:
    """Remove the sockets of processes that are gone."""
    for path in run_dir.glob("*.sock"):
        owner = path.name.split("-", 1)[0]
        if owner.isdigit() and _is_alive(int(owner)):
            continue
        if not is_listening(path):
            for leftover in (path, public_marker(str(path)), path.with_name(path.name + ".gate")):
                with suppress(OSError):
                    leftover.unlink()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    return True
