"""The chat engine's process, kept alive: what happens to it is told to an EngineHandle (engine.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from meadow.errors import MeadowError
from meadow.node.child import EngineChild, Event
from meadow.node.kept import Kept
from meadow.node.member import Member, Tell


class Handle(Protocol):
    """Who speaks with the engine (:class:`meadow.node.engine.EngineHandle`)."""

    def attach_child(self, child: EngineChild) -> None:
        """A new process was started."""

    def attach_swarm(self, daemon_maddr: str, initial_peers: Sequence[str] = ()) -> None:
        """p2pd runs (again) at this address."""

    def detach_swarm(self) -> None:
        """p2pd has ended."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """The process said something."""

    def died(self, error: MeadowError | None = None, *, for_good: bool = False) -> None:
        """The process has ended; ``for_good``: it is not started again."""


class KeptEngine:
    """The engine from its first process to the end of its last; the supervisor's side of it."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        log: Path,
        member: Member,
        handle: Handle,
        *,
        restart: bool,
        tell: Tell,
        on_failure: Callable[[MeadowError], None],
    ) -> None:
        """``on_failure``: it ended and is not started again, without our having asked for that."""
        self.kept: Kept[EngineChild] = Kept(lambda: EngineChild.start(spec, log), self, restart=restart)
        self._member, self._handle = member, handle
        self._tell, self._on_failure = tell, on_failure
        self.attach()

    def attach(self) -> None:
        """p2pd may run."""
        node = self._member.node
        if node is not None:
            self._handle.attach_swarm(node.daemon_maddr, list(node.addresses))

    def detached(self) -> None:
        """p2pd has died."""
        self._handle.detach_swarm()

    # What Kept tells (kept.Owner)

    def started(self, kept: Kept[EngineChild], child: EngineChild) -> None:
        self._tell("starting")
        self._handle.attach_child(child)

    def heard(self, kept: Kept[EngineChild], child: EngineChild, event: Event) -> None:
        if event["event"] != "error":  # it ends the process, and is told then
            self._handle.hear(event)

    async def ended(self, kept: Kept[EngineChild], child: EngineChild, error: MeadowError | None) -> None:
        self._handle.died(error, for_good=error is None)
        await self._member.clean_up_after(child.pid)

    def waiting(self, kept: Kept[EngineChild], error: MeadowError, seconds: float) -> None:
        self._tell("restarting", code=error.code, reason=str(error), seconds=seconds)

    def given_up(self, kept: Kept[EngineChild], error: MeadowError) -> None:
        self._handle.died(error, for_good=True)
        self._tell("error", code=error.code, message=str(error))
        self._on_failure(error)
