"""What a node is told: once at its start, and later by commands. The HTTP routers and ``Node`` meet here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from meadow.node.settings import Settings


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What ``meadow node`` was told. None: as the settings say."""

    port: int | None = None
    demo: bool = False
    """The demo from the start; and the node joins nobody, with an identity that is not kept."""
    initial_peers: tuple[str, ...] | None = None
    """() means: start a new swarm."""
    host_maddrs: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ShareRequest:
    """Share blocks of a model. None: as the settings say; no ``blocks``: the first that nobody serves and that fit."""

    model: str | None = None
    """owner/name on the hub, or an absolute path."""
    blocks: tuple[int, int] | None = None
    """[start, end)"""
    revision: str | None = None
    dtype: str | None = None
    device: str | None = None
    kv_tokens: int | None = None


class Control(Protocol):
    """The commands of a node. Each returns as soon as the node has taken it on; the state tree tells how it goes.

    Each raises MeadowError with a sentence for people when it cannot be done.
    """

    async def share(self, request: ShareRequest) -> None:
        """Serve blocks to the swarm, also after a pause."""

    async def pause(self, seconds: float | None) -> None:
        """Give the machine back for ``seconds``, None: until :meth:`resume`; then share again as before."""

    async def resume(self) -> None:
        """End a pause now."""

    async def finish(self, seconds: float | None) -> None:
        """Take no new sessions; stop sharing when the open ones have ended, at the latest after ``seconds``."""

    async def share_anew(self, seconds: float) -> None:
        """Share the same with the settings as they are now; open sessions have ``seconds`` to end."""

    async def forget_interrupted(self) -> None:
        """The person knows what ended with the last node: it is not offered again. Harmless when nothing was."""

    async def start_demo(self) -> None:
        """Switch the demo swarm on. Harmless when it is on."""

    async def stop_demo(self) -> None:
        """Switch it off. Harmless when it is off."""

    async def stop(self) -> None:
        """End the node soon after this returns, with everything that it runs."""

    async def settings(self) -> SettingsReport:
        """All settings as they are now, also what was edited by hand meanwhile."""

    async def change_settings(self, changes: Mapping[str, Any]) -> SettingsReport:
        """Change some; None takes the default. All of them or none.

        Raises SettingsError (of a value, or because the file cannot be read), NewerSettings, DiskFull.
        """


@dataclass(frozen=True, slots=True)
class SettingsReport:
    """The settings, and what a person should know about their file."""

    settings: Settings
    file: str
    remarks: tuple[str, ...] = ()
    """What is odd in the file, or why an edit of it is not in use."""
