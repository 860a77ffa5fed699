"""One window for each home: a second start hands over what it was asked for, and the first window comes forward.

Who is first is decided by a lock that the system drops however its holder ends, so what a killed app left behind is
never in the way. The socket beside it is only how the others reach the first. Both lie in a private folder of the user;
what comes through the socket is bounded and checked all the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from PySide6.QtCore import QObject, QTimer, Signal

from meadow_app.deeplink import MAX_LENGTH, Link, parse_link

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer, QLocalSocket

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

MAX_MESSAGE: Final = 128 << 10
MAX_LINKS: Final = 16
_MAX_TOKEN: Final = 512
_MAX_GUESTS: Final = 16
_PATIENCE_SECONDS: Final = 10.0
_STEP_MS: Final = 500
_LISTEN_MS: Final = 300
_GUEST_MS: Final = 10_000
_DONE: Final = b"done\n"


class Unreachable(Exception):
    """Another window has this home but does not answer; the text is for people."""


class Asked(NamedTuple):
    """What a start asks of the window. ``activation``: the desktop's permission to come forward, "" if it gave none."""

    links: tuple[Link, ...] = ()
    activation: str = ""


def encode(links: Sequence[str], activation: str) -> bytes:
    """One line of JSON, which always fits. What can be no link of ours arrives as an unknown one."""
    kept = [link if _plain(link) else "?" for link in links[:MAX_LINKS]]
    return json.dumps({"links": kept, "activation": activation[:_MAX_TOKEN]}).encode() + b"\n"


def _plain(link: str) -> bool:
    return len(link) <= MAX_LENGTH and link.isascii() and link.isprintable()


def decode(line: bytes) -> Asked | None:
    """The opposite; None for anything that is not exactly that."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or set(found) != {"links", "activation"}:
        return None
    links, activation = found["links"], found["activation"]
    if not isinstance(links, list) or len(links) > MAX_LINKS or not all(isinstance(link, str) for link in links):
        return None
    if not isinstance(activation, str) or len(activation) > _MAX_TOKEN or not activation.isascii():
        return None
    if not activation.isprintable():
        return None
    return Asked(tuple(parse_link(link) for link in links), activation)


def activation_token(environment: dict[str, str] | os._Environ[str] = os.environ) -> str:
    """What the desktop gave this start so that its window may come forward: Wayland's token, or that of X11."""
    return environment.get("XDG_ACTIVATION_TOKEN") or environment.get("DESKTOP_STARTUP_ID") or ""


def meeting_folder() -> Path:
    """A private folder for locks and sockets. Raises OSError; PermissionError when it belongs to somebody else."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    user = os.getuid() if hasattr(os, "getuid") else 0
    # The path of a socket has about a hundred characters, so a folder with a long name is of no use.
    usable = bool(runtime) and len(runtime) < 50 and os.access(runtime, os.W_OK)
    folder = Path(runtime) / "meadow-app" if usable else Path(tempfile.gettempdir()) / f"meadow-app-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != user):
        raise PermissionError(f"{folder} belongs to somebody else")
    if hasattr(os, "getuid") and stat.S_IMODE(status.st_mode) & 0o077:
        folder.chmod(0o700)
    return folder


class Instance(QObject):
    """The place of the one window of a home.

    ``claim`` decides; when it says True, ``asked`` tells what later starts want, until ``release`` or the end.
    """

    asked = Signal(object)
    """An :class:`Asked`: come forward, and do what its links say."""

    def __init__(self, home: str | None, parent: QObject | None = None, *, folder: Path | None = None) -> None:
        """``folder``: for tests; where the instances of a user meet. Raises OSError."""
        super().__init__(parent)
        where = "" if home is None else os.path.realpath(os.path.expanduser(home))
        name = hashlib.sha256(where.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        folder = meeting_folder() if folder is None else folder
        self._lock_path, self._socket_path = folder / f"{name}.lock", str(folder / f"{name}.sock")
        self._lock: IO[bytes] | None = None
        self._server: QLocalServer | None = None
        self._guests: dict[QLocalSocket, bytearray] = {}

    def claim(self, links: Sequence[str] = (), *, seconds: float = _PATIENCE_SECONDS) -> bool:
        """True: this is the one window. False: another has it and was told ``links``; this start can end.

        Waits up to ``seconds`` for a window that is just starting or ending. Raises Unreachable after that.
        """
        deadline = time.monotonic() + seconds
        while True:
            if self._take():
                # Not before the first frame: Qt's network classes take a while to load, and others are patient.
                QTimer.singleShot(_LISTEN_MS, self, self._listen)
                return True
            if self._tell(encode(links, activation_token())):
                return False
            if time.monotonic() > deadline:
                raise Unreachable(
                    "Meadow's window is open already but does not answer. End it, or wait a moment, and try again."
                )
            time.sleep(0.02)  # before there is a window: nobody waits for this thread

    def release(self) -> None:
        """Leave the place to others. Harmless when called again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._lock is not None:
            self._lock.close()  # never removed: a lock on a file that is gone keeps nobody away
            self._lock = None

    # Inside

    def _take(self) -> bool:
        lock = open(os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
        try:
            if sys.platform == "win32":
                msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return False
        self._lock = lock
        return True

    def _listen(self) -> None:
        if self._lock is None:
            return
        from PySide6.QtNetwork import QLocalServer

        QLocalServer.removeServer(self._socket_path)  # of a window that was killed: we hold the lock, so nobody uses it
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.setMaxPendingConnections(_MAX_GUESTS)
        server.newConnection.connect(self._welcome)
        self._server = server
        # Without a socket this window works all the same; later starts then say that it does not answer.
        server.listen(self._socket_path)

    def _tell(self, message: bytes) -> bool:
        from PySide6.QtNetwork import QLocalSocket

        socket = QLocalSocket()
        socket.connectToServer(self._socket_path)
        if not socket.waitForConnected(_STEP_MS):
            return False
        socket.write(message)
        answer = b""
        while not answer.endswith(_DONE) and len(answer) < len(_DONE) and socket.waitForReadyRead(4 * _STEP_MS):
            answer += bytes(socket.readAll().data())
        socket.abort()
        return answer == _DONE

    def _welcome(self) -> None:
        server = self._server
        while server is not None and (guest := server.nextPendingConnection()) is not None:
            if len(self._guests) >= _MAX_GUESTS:
                guest.abort()
                guest.deleteLater()
                continue
            self._guests[guest] = bytearray()
            guest.readyRead.connect(lambda guest=guest: self._hear(guest))
            guest.disconnected.connect(lambda guest=guest: self._forget(guest))
            QTimer.singleShot(_GUEST_MS, guest, guest.abort)  # what says nothing must not keep others out
            if guest.bytesAvailable():
                self._hear(guest)

    def _hear(self, guest: QLocalSocket) -> None:
        said = self._guests.get(guest)
        if said is None:
            return
        said += bytes(guest.read(MAX_MESSAGE + 1 - len(said)).data())
        line, end, _ = bytes(said).partition(b"\n")
        if not end:
            if len(said) > MAX_MESSAGE:
                guest.abort()
            return
        asked = decode(line)
        if asked is None:
            guest.abort()
            return
        guest.write(_DONE)
        guest.flush()
        guest.disconnectFromServer()
        self.asked.emit(asked)

    def _forget(self, guest: QLocalSocket) -> None:
        if self._guests.pop(guest, None) is not None:
            guest.deleteLater()
