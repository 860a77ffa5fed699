"""What a server process is told at birth. Standard library only: the node reads it without waiting for torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """Host blocks ``[start, end)`` of ``model`` (``end`` None: to the last) under ``server_id`` (8 hex digits).

    ``dtype`` None means the checkpoint's own. ``kv_tokens`` None means that the server decides. ``hub_token_file``:
    where the person's token for the hub is, if they gave one; ``speeds_file``: where what servers measured is kept.
    ``run_dir`` and ``run_lock`` are removed by the server process when its parent died without doing so.
    """

    model: str
    server_id: str
    start: int = 0
    end: int | None = None
    revision: str | None = None
    cache_dir: str | None = None
    dtype: str | None = None
    device: str = "cpu"
    threads: int | None = None
    kv_tokens: int | None = None
    hub_token_file: str | None = None
    speeds_file: str | None = None
    run_dir: str | None = None
    run_lock: str | None = None

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> ServerSpec:
        """The inverse of ``to_json``; only our own parent process ever writes it."""
        return cls(**json.loads(line))
