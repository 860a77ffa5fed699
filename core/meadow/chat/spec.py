"""What the chat engine is told at birth. Standard library only: the node reads it without waiting for torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One chat engine. ``run_dir`` and ``run_lock`` are removed by it when its parent died without doing so."""

    cache_dir: str | None = None
    """Where downloaded models are; None: the user's cache folder."""
    hub_token_file: str | None = None
    """Where the person's token for the hub is, if they gave one."""
    device: str = "cpu"
    """Where embeddings, norm and head are computed: cpu, cuda or mps."""
    threads: int | None = None
    """Of torch; None: its own choice."""
    models: int = 2
    """Client parts kept in memory; the least recently used one goes first, never one in use."""
    sessions: int = 32
    """Sessions kept open between the turns of chats."""
    idle_seconds: float = 240.0
    """A kept session without a turn for so long is closed; servers close theirs after 300 s."""
    concurrency: int = 16
    """Requests that run at a time; more wait."""
    waiting: int = 128
    """Requests that may wait; more are refused with the code "busy"."""
    run_dir: str | None = None
    run_lock: str | None = None

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> EngineSpec:
        """The inverse of ``to_json``; only our own parent process ever writes it."""
        return cls(**json.loads(line))
