"""Which swarm a command is for: the one that was named, that of --initial-peers, or the one that this home uses."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from meadow.client.peers import initial_peers
from meadow.platform.paths import Paths


@dataclass(frozen=True, slots=True)
class Which:
    """``peers`` to join through; ``swarm``: the id of a private swarm of this home, or None."""

    peers: list[str]
    swarm: str | None = None


def which_swarm(options: argparse.Namespace, paths: Paths) -> Which:
    """Raises UnknownSwarm, NoPeers."""
    named = getattr(options, "swarm", None)
    if named is None and (options.initial_peers is not None or getattr(options, "new_swarm", False)):
        return Which(
            [] if getattr(options, "new_swarm", False) else initial_peers(options.initial_peers, paths.settings)
        )
    from meadow.swarm.book import SwarmBook

    book = SwarmBook(paths)
    entry = book.current() if named is None else book.find(named)
    if entry is None:
        return Which(initial_peers(None, paths.settings))
    return Which(list(entry.peers), entry.id if entry.is_private else None)
