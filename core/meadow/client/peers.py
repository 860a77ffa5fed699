"""Where a client finds its first peers: what the caller says, else the settings file, else the built-in list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from meadow.errors import MeadowError, NoPeers
from meadow.resources import resource

BUILT_IN = "public-peers.json"


def initial_peers(given: Sequence[str] | None, settings: Path) -> list[str]:
    """The multiaddrs to try first.

    :param given: what the caller asked for; wins if it is not None.
    :param settings: the settings file (JSON with a list ``initial_peers``); it need not exist.
    :raises NoPeers: nobody is known.
    """
    if given is not None:
        peers, where = list(given), "the call"
    else:
        peers, where = _listed(settings), str(settings)
        if not peers:
            peers, where = _listed(resource(BUILT_IN)), "the built-in list"
    if not peers:
        raise NoPeers(
            "No peer of any swarm is known. Give one (initial_peers=[...], or --initial-peers), write a list "
            f'"initial_peers" into {settings}, or try everything on this machine with `meadow demo`.'
        )
    for peer in peers:
        if not isinstance(peer, str) or not peer.startswith("/"):
            raise NoPeers(
                f"{where} names {str(peer)[:80]!r} as a peer; "
                "an address looks like /ip4/203.0.113.7/tcp/4001/p2p/12D3..."
            )
    return peers


def _listed(path: Path) -> list[str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(content, dict):
            raise ValueError("it is not a JSON object")
        peers = content.get("initial_peers", [])
        if not isinstance(peers, list):
            raise ValueError('"initial_peers" is not a list')
    except FileNotFoundError:
        return []
    except OSError as error:
        raise MeadowError(
            f"The settings file {path} cannot be read ({error.strerror}). Correct that, or move it away to start with "
            "defaults.",
            code="settings",
        ) from error
    except (ValueError, RecursionError) as error:
        raise MeadowError(
            f"The settings file {path} cannot be read ({error}). Correct it, or move it away to start with defaults.",
            code="settings",
        ) from error
    return peers
