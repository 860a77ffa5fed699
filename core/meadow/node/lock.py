"""One node per home: who runs it is decided by a lock that the kernel drops when its holder ends, however it ends.

``node.lock`` is held by the running node and has its pid inside. ``node.json`` beside it says where the node answers;
it is there only while the node accepts requests, and what a killed node left of it counts for nothing: without a held
lock there is no node, and a pid that is used again by another program misleads nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from meadow import __version__
from meadow.errors import MeadowError
from meadow.node.files import cannot_write, remove_drafts, write_whole
from meadow.platform.paths import Paths, private_folder

_START_SECONDS = 30.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class RunningNode:
    """Where the node of a home answers. ``token_file`` holds the token that every request must show."""

    url: str
    token_file: str
    pid: int
    version: str = __version__
    demo: bool = False

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self.url.rpartition(":")[2])


class NodeStarting(MeadowError):
    """Another node of this home holds the lock but does not answer yet."""

    code = "node_starting"


def lock_file(paths: Paths) -> Path:
    """Held by the node of this home. Never removed: a lock on a file that is gone keeps nobody away."""
    return paths.data / "node.lock"


def node_file(paths: Paths) -> Path:
    """JSON {"url", "token_file", "pid", "version", "demo"} while the node answers. In the data folder, which no other
    home shares (run folders of homes with long paths are shared)."""
    return paths.data / "node.json"


class NodeLock:
    """The right to be the node of a home, for as long as this process lives, or until :meth:`release`."""

    def __init__(self, paths: Paths) -> None:
        """Raises BlockingIOError when a node of this home runs; MeadowError when the folder cannot be used."""
        self._paths = paths
        private_folder(paths.data)
        path = lock_file(paths)
        try:
            # Children do not inherit it (Python opens everything so), or an orphan would keep a killed node's place.
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(OSError):  # on a full disk the node comes up all the same; announce() tries again
                self._sign()
            node_file(paths).unlink(missing_ok=True)  # of a node that was killed
            remove_drafts(node_file(paths))
        except OSError as error:
            os.close(self._descriptor)
            if isinstance(error, BlockingIOError):
                raise
            raise cannot_write(path, error) from error

    def announce(self, url: str, token_file: Path, *, demo: bool = False) -> RunningNode:
        """Tell everybody where this node answers. Call it when it does. Blocks on the disk for a moment.

        Raises DiskFull or MeadowError; the node can go on then, and try again later.
        """
        node = RunningNode(url, str(token_file), os.getpid(), demo=demo)
        try:
            self._sign()
        except OSError as error:
            raise cannot_write(lock_file(self._paths), error) from error
        write_whole(node_file(self._paths), (json.dumps(asdict(node)) + "\n").encode())
        return node

    def retract(self) -> None:
        """Stop telling, because the node is about to end: whoever wants a node now waits until this one is gone."""
        with contextlib.suppress(OSError):
            node_file(self._paths).unlink()

    def release(self) -> None:
        """Let another node take the place. Call it last: what the node owns must be free by then."""
        if self._descriptor is not None:
            self.retract()
            os.close(self._descriptor)
            self._descriptor = None

    def _sign(self) -> None:
        assert self._descriptor is not None
        os.pwrite(self._descriptor, f"{os.getpid():<12}\n".encode(), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def claim(paths: Paths, *, seconds: float = _START_SECONDS) -> NodeLock | RunningNode:
    """Become the node of this home, or find the one that is. Of any number that try at once, exactly one becomes it.

    Waits up to ``seconds`` for one that is just starting (or ending). Raises NodeStarting after that.
    """
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(BlockingIOError):
            return NodeLock(paths)
        if (node := find(paths)) is not None:
            return node
        if time.monotonic() > deadline:
            raise NodeStarting(
                f"Another Meadow node of {paths.data} has been starting or ending for {seconds:.0f} s "
                f"(process {_holder(paths)}). Look into its log, or end it and try again."
            )
        time.sleep(_POLL_SECONDS)


def find(paths: Paths) -> RunningNode | None:
    """The node of this home that answers now; None if there is none (or it is only starting: see :func:`is_held`)."""
    if not is_held(paths):
        return None
    try:
        fields: Any = json.loads(node_file(paths).read_text(encoding="utf-8"))
        node = RunningNode(
            str(fields["url"]),
            str(fields["token_file"]),
            int(fields["pid"]),
            str(fields["version"]),
            bool(fields["demo"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # A node that just took the lock has not yet removed what a killed one left.
    return node if node.pid == _holder(paths) else None


def is_held(paths: Paths) -> bool:
    """Whether a node of this home lives. Only the kernel is asked; nothing that is written anywhere counts."""
    try:
        descriptor = os.open(lock_file(paths), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def wait_until_gone(paths: Paths, *, seconds: float) -> bool:
    """Wait until no node of this home lives. False if one still does after ``seconds``."""
    deadline = time.monotonic() + seconds
    while is_held(paths):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _holder(paths: Paths) -> int | None:
    try:
        return int(lock_file(paths).read_bytes()[:12])
    except (OSError, ValueError):
        return None
