"""Every error that Meadow raises on purpose.

One small hierarchy. Each error carries a short stable ``code`` (what a program matches on) and a message that says what
happened and what the person can do. Text that came from another peer never goes into a message: only our own sentences,
numbers, and names that were checked.
"""

from __future__ import annotations

from collections.abc import Sequence


class MeadowError(Exception):
    """Base of all errors of Meadow. ``code`` is stable; the message is for people and may change."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class ModelError(MeadowError):
    """Something is wrong with a checkpoint, or this model cannot be run in parts."""

    code = "model"


class UnknownModel(ModelError):
    """Neither a folder on this machine nor a model on the hub."""

    code = "unknown_model"


class UnsupportedModel(ModelError):
    """The model's architecture cannot be split; the message says why."""

    code = "unsupported_model"


class DamagedCheckpoint(ModelError):
    """Files are missing, truncated, malformed, or do not match their checksums."""

    code = "damaged_checkpoint"


class DownloadError(ModelError):
    """The hub could not be reached, refused, or kept sending bad bytes."""

    code = "download"


class DiskFull(MeadowError):
    """There is no room left where Meadow keeps its files."""

    code = "disk_full"


class SwarmError(MeadowError):
    """The swarm cannot do what was asked right now."""

    code = "swarm"


class NoPeers(SwarmError):
    """No initial peer is known, or none of them answers."""

    code = "no_peers"


class BlocksMissing(SwarmError):
    """Nobody serves some of the blocks. ``missing`` holds the gaps as ``(start, end)`` pairs."""

    code = "blocks_missing"

    def __init__(self, message: str, missing: Sequence[tuple[int, int]]) -> None:
        super().__init__(message)
        self.missing = tuple(missing)


class HopError(SwarmError):
    """A server of the route failed. ``peer_id`` and ``blocks`` (start, end) say which one, when that is known."""

    code = "hop"

    def __init__(
        self, message: str, *, code: str | None = None, peer_id: str = "", blocks: tuple[int, int] | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.peer_id = peer_id
        self.blocks = blocks


class ServerLost(HopError):
    """A server of the route went away in the middle of a session."""

    code = "server_lost"


class ServerTimeout(HopError):
    """A server of the route did not answer before its deadline."""

    code = "server_timeout"


class Refused(HopError):
    """A server refused; ``code`` says why (``full``, ``wrong_model``, ...)."""

    code = "refused"


class DaemonDied(SwarmError):
    """The local libp2p daemon (p2pd) ended; nothing can be sent any more."""

    code = "p2pd_died"


class ProtocolError(MeadowError):
    """Bytes from another peer break the protocol. Never shown with the peer's own text."""

    code = "protocol"


class VersionMismatch(ProtocolError):
    """No protocol version in common: one side needs an update."""

    code = "update_needed"
