"""Who computes a chat, and who could therefore read it: names of peers, how much of a model is up, the sentences that
say so. Pure: parts of the state tree in, text out. Names are claims or derived from ids of strangers: plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication

from meadow_app import figures
from meadow_app.text.plain import isolated, one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate
_NAMED = 3
_LONGEST_NAME = 40


def swarm_models(tree: Tree) -> list[Tree]:
    """The models that the swarm has, as the state tree tells."""
    return [model for model in _part(_part(tree, "swarm"), "models").values() if isinstance(model, dict)]


def find_model(tree: Tree, model: str) -> Tree:
    """What the swarm knows of a model by its hub id, folder or name; empty when it knows nothing."""
    models = swarm_models(tree)
    for key in ("hub_id", "name", "fingerprint"):
        for one in models:
            if model and one.get(key) == model:
                return one
    # A folder is asked for by its path, and stands in the tree by its name.
    folder = model.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] if "/" in model or "\\" in model else ""
    return next((one for one in models if folder and not one.get("hub_id") and one.get("name") == folder), {})


def default_model(tree: Tree) -> str:
    """The model that a chat without one will probably get: the first that is up; empty when none is."""
    for one in swarm_models(tree):
        if one.get("complete"):
            return str(one.get("hub_id") or one.get("name") or "")
    return ""


def short_name(model: str) -> str:
    """A model as a label: without its owner, or the folder's own name."""
    return one_line(model.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1], 60)


def told_apart(tree: Tree, model: str) -> str:
    """:func:`short_name`, with the owner where another model that is up has the same: "toy (fern)"."""
    short = short_name(model)
    others = {str(one.get("hub_id") or one.get("name") or "") for one in swarm_models(tree)} - {model, ""}
    owner = one_line(model.replace("\\", "/").rstrip("/").rpartition("/")[0].rpartition("/")[2], 60)
    if owner and any(short_name(other).casefold() == short.casefold() for other in others):
        return translate("Chat", "{model} ({owner})").format(model=short, owner=owner)
    return short


def up_kind(model: Tree) -> str:
    """ "up", "gaps" or "down"."""
    if not model:
        return "down"
    return "up" if model.get("complete") else "gaps"


def up_text(model: Tree) -> str:
    """ "80 of 80 blocks up · 14 servers"."""
    if not model:
        return translate("Chat", "not up now")
    total = int(figures.quantity(model, "num_blocks") or 0)
    gaps = [gap for gap in model.get("missing") or () if isinstance(gap, list | tuple) and len(gap) == 2]
    there = max(0, total - sum(int(end) - int(start) for start, end in gaps))
    servers = int(figures.quantity(model, "num_servers") or 0)
    blocks = translate("Chat", "{there} of {total} blocks up").format(
        there=figures.number(there), total=figures.number(total)
    )
    if servers == 1:
        return translate("Chat", "{blocks} · 1 server").format(blocks=blocks)
    return translate("Chat", "{blocks} · {servers} servers").format(blocks=blocks, servers=figures.number(servers))


def peer_name(tree: Tree, peer_id: str, said: str = "") -> str:
    """The friendly name of a peer. ``said``: what an answer's facts call it."""
    known = _part(_part(tree, "peers"), peer_id).get("name") or said
    if not known:
        for model in swarm_models(tree):
            for server in _part(model, "servers").values():
                if isinstance(server, dict) and server.get("peer_id") == peer_id and server.get("name"):
                    known = server["name"]
    return one_line(known, _LONGEST_NAME) if known else one_line(f"…{peer_id[-6:]}", _LONGEST_NAME)


def is_here(tree: Tree, peer_id: str) -> bool:
    """Whether a peer is this machine: the node itself, or its demo."""
    return bool(peer_id) and peer_id in (_part(tree, "node").get("peer_id"), _part(tree, "demo").get("peer_id"))


def is_demo(tree: Tree, model: Tree) -> bool:
    """Whether this is the bundled model on the swarm of this machine."""
    return bool(model) and bool(model.get("demo") or _part(tree, "swarm").get("demo"))


def means_demo(tree: Tree, model: str) -> bool:
    """Whether a chat that names this model means the bundled one, also while the demo is off."""
    demo = _part(tree, "demo").get("model")
    return bool(demo) and model.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] == demo


def stays_here(tree: Tree, model: Tree) -> bool:
    """Whether nothing of a chat with this model leaves the machine, as far as the swarm is seen now."""
    if is_demo(tree, model):
        return True
    servers = [server for server in _part(model, "servers").values() if isinstance(server, dict)]
    return bool(servers) and all(server.get("mine") for server in servers)


def who_can_read(tree: Tree, model: Tree) -> str:
    """One plain sentence, before the first message."""
    if not model:
        return translate("Chat", "Who computes an answer can read the chat. Nobody serves this model now.")
    if is_demo(tree, model):
        return translate("Chat", "The demo runs on this computer: nothing that you write leaves it.")
    if stays_here(tree, model):
        return translate("Chat", "Only this computer serves this model now: nothing that you write leaves it.")
    names = []
    for server in _part(model, "servers").values():
        if isinstance(server, dict) and not server.get("mine"):
            name = isolated(server.get("name") or f"…{str(server.get('peer_id', ''))[-6:]}", _LONGEST_NAME)
            if name not in names:
                names.append(name)
    return translate(
        "Chat", "Whoever runs {names} could read this chat: parts of the model are computed there."
    ).format(names=joined(names))


def joined(names: list[str]) -> str:
    """ "Birch, Fern and Alder", "Birch, Fern, Alder and 11 others"."""
    if not names:
        return translate("Chat", "its servers")
    shown, more = names[:_NAMED], len(names) - _NAMED
    if more > 0:
        listed = ", ".join(shown)
        if more == 1:
            return translate("Chat", "{names} and 1 other").format(names=listed)
        return translate("Chat", "{names} and {number} others").format(names=listed, number=figures.number(more))
    if len(shown) == 1:
        return shown[0]
    return translate("Chat", "{names} and {last}").format(names=", ".join(shown[:-1]), last=shown[-1])


def readers(tree: Tree, answers: Iterable[Tree]) -> list[dict[str, Any]]:
    """Who computed blocks for these answers, and so could read the chat up to there: the busiest first."""
    found: dict[str, dict[str, Any]] = {}
    for answer in answers:
        seen = set()
        for hop in answer.get("route") or ():
            peer_id = str(hop.get("peer_id", ""))
            row = found.setdefault(peer_id, {"peer": one_line(peer_id, 80), "name": "", "here": False, "answers": 0})
            row["name"] = peer_name(tree, peer_id, str(hop.get("name") or ""))
            row["here"] = is_here(tree, peer_id)
            row["answers"] += peer_id not in seen
            seen.add(peer_id)
    rows = sorted(found.values(), key=lambda row: (row["here"], -row["answers"], row["name"]))
    for row in rows:
        count = row.pop("answers")
        row["detail"] = (
            translate("Chat", "computed parts of 1 answer")
            if count == 1
            else translate("Chat", "computed parts of {number} answers").format(number=figures.number(count))
        )
    return rows


def _part(tree: Any, name: str) -> dict[str, Any]:
    found = tree.get(name) if isinstance(tree, Mapping) else None
    return found if isinstance(found, dict) else {}
