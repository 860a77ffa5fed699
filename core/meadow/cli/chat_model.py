"""Which of a node's models a chat means. Pure but for :func:`place`: lists and the state tree in, a decision out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meadow.errors import MeadowError

_JUST_STARTED_SECONDS = 10.0
Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A model as a person knows it and as requests call it. ``ready``: every block of it is served."""

    name: str
    ask: str
    ready: bool


def place(wanted: str) -> str | None:
    """The whole path of a folder; None for what is no folder."""
    path = Path(wanted).expanduser()
    return str(path.resolve()) if path.is_dir() or wanted.startswith(("/", "./", "../", "~")) else None


def find(wanted: str | None, folder: str | None, listed: Sequence[Tree], state: Tree) -> Asked | None:
    """The model that is ``wanted``: a name of ``listed`` (what ``/v1/models`` says), a fingerprint, or a ``folder``
    that the node serves; without a wish the first one that is ready, else the first one. None: there is none."""
    if wanted is None:
        best = next((model for model in listed if model["ready"]), listed[0] if listed else None)
        return None if best is None else Asked(best["id"], best["id"], best["ready"])
    for model in listed:
        if model["id"] == wanted:
            return Asked(wanted, wanted, model["ready"])
    prints = [wanted]
    if folder is not None:
        prints = [server.get("fingerprint", "") for server in _servers(state, folder)]
    models = state["swarm"].get("models", {})
    for fingerprint in prints:
        if (model := models.get(fingerprint)) is not None:
            return _named(fingerprint, model, listed)
    return None


def coming(state: Tree, folder: str | None) -> bool:
    """Whether the node is still bringing models up (those of ``folder``, if one is meant), so that waiting helps."""
    known = state["swarm"].get("models", {})
    for server in _servers(state, folder):
        if server["status"] in ("starting", "rejoining", "restarting"):
            return True
        if server["status"] == "online" and server.get("fingerprint") not in known:
            return True
    if folder is not None:
        return False
    just_started = time.time() - state["node"]["started"] < _JUST_STARTED_SECONDS  # it has not looked around yet
    return just_started or state["swarm"]["status"] in ("off", "joining", "rejoining")


def not_up(wanted: str | None, found: Asked | None, listed: Sequence[Tree], state: Tree) -> MeadowError:
    """Why there is no chat now, and what to do."""
    ready = [model["id"] for model in listed if model["ready"]]
    others = f"Up now: {', '.join(ready)}." if ready else "No model is up in its swarm now."
    if found is not None:
        models = state["swarm"].get("models", {}).values()
        missing = next((model.get("missing", ()) for model in models if _is(model, found.name)), ())
        what = f"blocks {', '.join(f'{start}:{end}' for start, end in missing)}" if missing else "all of it"
        return MeadowError(
            f"{found.name} is not complete in the swarm now: nobody serves {what}. "
            f"`meadow share {found.name}` serves some here. {others}",
            code="blocks_missing",
        )
    if wanted is None:
        return MeadowError(
            "The node knows no model to chat with now. `meadow share MODEL` serves one, `meadow status` says what goes "
            "on.",
            code="unknown_model",
        )
    return MeadowError(
        f"The node lists no model {wanted[:80]!r}. {others} A folder with a checkpoint works, too.",
        code="unknown_model",
    )


def _servers(state: Tree, folder: str | None) -> list[Tree]:
    """The node's own servers; of one folder, if it is given."""
    servers: list[Tree] = list(state.get("servers", {}).values())
    return [one for one in servers if folder is None or str(Path(one.get("model", "")).resolve()) == folder]


def _named(fingerprint: str, model: Tree, listed: Sequence[Tree]) -> Asked:
    """By the name that ``listed`` gives it, where that can mean nothing else; else by its fingerprint."""
    name = model.get("hub_id") or model["name"]
    same = [one["id"] for one in listed if one["id"] == name or one["id"].startswith(f"{name}@")]
    return Asked(name, name if same == [name] else fingerprint, bool(model.get("complete")))


def _is(model: Tree, name: str) -> bool:
    base = model.get("hub_id") or model["name"]
    return name in (base, f"{base}@{model['fingerprint'][:8]}")
