"""Where Meadow keeps things: identity keys, settings, cache, logs, and the sockets of running processes.

``--home DIR`` puts all of it below one folder; without it, each kind goes where the operating system wants it. Sockets
are the exception that needs thought: the address of a Unix socket has at most 104 bytes on macOS (108 on Linux), so a
home with a long path gets its run folders in a private folder of the system's temporary directory instead.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import platformdirs

from meadow.errors import DiskFull, MeadowError

# 104 with its terminating zero, less "/" and the longest name we put into a run folder.
_MAX_RUN_PATH = 103 - 1 - 36
_ENOSPC = 28


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one installation; nothing exists until it is asked for."""

    data: Path  # identity keys, settings.json
    cache: Path  # models; safe to delete
    logs: Path
    run: Path  # one folder per running supervisor or client, with its sockets

    @classmethod
    def of(cls, home: str | os.PathLike[str] | None = None) -> Paths:
        """All below ``home``, or where the operating system wants them."""
        if home is not None:
            root = Path(home).expanduser().absolute()
            return cls(root, root / "cache", root / "logs", _short(root / "run"))
        return cls(
            platformdirs.user_data_path("meadow", appauthor=False),
            platformdirs.user_cache_path("meadow", appauthor=False),
            platformdirs.user_log_path("meadow", appauthor=False),
            _short(_runtime_path()),
        )

    def identity(self, number: int = 1) -> Path:
        """The key file of this node, or of the ``number``-th node that runs at the same time with this home."""
        return self.data / ("identity.key" if number == 1 else f"identity-{number}.key")

    @property
    def settings(self) -> Path:
        """The settings file; the client takes its ``initial_peers`` from it."""
        return self.data / "settings.json"

    @property
    def hub_token(self) -> Path:
        """The person's token for the hub, if they gave one (``meadow.models.hub_token``)."""
        return self.data / "hub-token"

    @property
    def models(self) -> Path:
        """Downloaded parts of models."""
        return self.cache / "models"


def _runtime_path() -> Path:
    with warnings.catch_warnings():
        # Where there is no XDG_RUNTIME_DIR (a container, a cron job), platformdirs falls back to the temporary folder
        # and says so; run folders are private wherever they are.
        warnings.simplefilter("ignore")
        return platformdirs.user_runtime_path("meadow", appauthor=False)


def private_folder(path: Path) -> Path:
    """Create ``path`` for this user only, if need be. Refuses a folder that belongs to somebody else."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.stat()
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            raise MeadowError(f"The folder {path} belongs to another user. Remove it or choose another --home.")
        if stat.S_IMODE(status.st_mode) & 0o077:
            path.chmod(0o700)
    except OSError as error:
        if error.errno == _ENOSPC:
            raise DiskFull(f"No room to create {path}. Free some space and try again.") from error
        raise MeadowError(
            f"The folder {path} cannot be used ({error.strerror}). Choose another with --home DIR."
        ) from error
    return path


class RunFolder:
    """A private folder for the sockets of one running process tree, gone when the process is.

    A lock beside the folder says that its owner lives; the kernel drops it however the owner ends. What a killed
    process left behind is therefore removed by the next one that starts.
    """

    def __init__(self, paths: Paths) -> None:
        root = private_folder(paths.run)
        sweep(root)
        while True:
            name = secrets.token_hex(4)
            lock = root / f"{name}.lock"
            self._lock: int | None = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if _try_lock(self._lock, lock):
                break
            os.close(self._lock)  # a sweep took it for a leftover; another name
        self.lock = lock
        self.path = root / name
        self.path.mkdir(mode=0o700)

    def close(self) -> None:
        """Remove the folder and everything in it. Harmless when called again."""
        if self._lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            self.lock.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FileLock:
    """Held on an existing file for as long as this process lives, or until ``release``."""

    def __init__(self, path: Path) -> None:
        """Raises BlockingIOError when another process holds it."""
        self._descriptor: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise

    def release(self) -> None:
        """Let others have it. Harmless when called again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def sweep(root: Path) -> None:
    """Remove the run folders whose owners are dead."""
    for lock in root.glob("*.lock"):
        with suppress(OSError):
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
            try:
                if _try_lock(descriptor, lock):
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                    lock.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def _try_lock(descriptor: int, path: Path) -> bool:
    """Lock an open file if nobody has it and it is still the one at ``path``."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except OSError:
        return False


def _short(path: Path) -> Path:
    """``path``, or a private folder with a short name when sockets below ``path`` would not fit."""
    if len(os.fsencode(path)) + len("/12345678") <= _MAX_RUN_PATH:
        return path
    user = os.getuid() if hasattr(os, "getuid") else 0
    temporary = Path(tempfile.gettempdir())
    if len(os.fsencode(temporary)) > 40:
        temporary = Path("/tmp")
    return temporary / f"meadow-{user}"
