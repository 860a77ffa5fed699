"""The models that can be chosen, as rows: up in this swarm, recent, on this disk, the demo. Pure: JSON in, rows out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication

from meadow_app import figures
from meadow_app.share.words import short_model
from meadow_app.text.plain import one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate

ROLES = ("model", "name", "section", "detail", "usable", "healthy", "bytes", "canFree")
UP, DEMO, RECENT, DISK, TYPED = "up", "demo", "recent", "disk", "typed"
_ORDER = (TYPED, UP, DEMO, RECENT, DISK)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def section_name(section: str) -> str:
    """What stands above the models of one kind."""
    return {
        TYPED: translate("Models", "As you wrote it"),
        UP: translate("Models", "Up in this swarm"),
        DEMO: translate("Models", "The demo, on this computer"),
        RECENT: translate("Models", "Used lately"),
        DISK: translate("Models", "On this disk"),
    }.get(section, "")


def listed(body: Any) -> list[dict[str, Any]]:
    """The models of ``GET /api/models``, each once, with all that is said about it.

    What is up but has neither a name on the hub nor an id here is only in a stranger's folder: nobody else can use it.
    """
    found: dict[str, dict[str, Any]] = {}
    for up in _objects(body, "swarm"):
        model = str(up.get("id") or up.get("hub_id") or "")
        if model in found:
            found[model]["others"] = True  # the same name, another model; the first is what the name leads to
        elif model:
            found[model] = {"model": model, "swarm": up, "demo": bool(up.get("demo"))}
    demo = body.get("demo") if isinstance(body, dict) else None
    if isinstance(demo, dict) and demo.get("model"):
        found.setdefault(str(demo["model"]), {"model": str(demo["model"])})["demo"] = True
    for recent in _objects(body, "recent"):
        model = str(recent.get("model") or "")
        found.setdefault(model, {"model": model})["recent"] = recent.get("used")
    for local in _objects(body, "local"):
        model = str(local.get("model") or "")
        found.setdefault(model, {"model": model})["disk_bytes"] = local.get("bytes")
    return [one for one in found.values() if one["model"]]


def _objects(body: Any, name: str) -> list[Tree]:
    part = body.get(name) if isinstance(body, dict) else None
    return [one for one in part if isinstance(one, dict)] if isinstance(part, list) else []


def rows(models: Iterable[Tree], search: str, purpose: str) -> list[dict[str, Any]]:
    """What the person sees who has typed ``search``, for "chat" or "share"; one row for each model, best kind first."""
    wanted = search.strip()
    # The demo is for chats: it serves this machine alone.
    offered = [model for model in models if purpose != "share" or not model.get("demo")]
    found = [row for row in (_row(model, purpose) for model in offered) if row["model"] and _fits(row, wanted)]
    exact = any(wanted in (row["model"], row["name"]) for row in found)
    if is_model(wanted) and not exact:
        detail = translate("Models", "A folder") if is_folder(wanted) else translate("Models", "A model of the hub")
        found.append(_of(wanted, TYPED, detail, usable=True, healthy=False))
    _tell_apart(found)
    found.sort(key=lambda row: (_ORDER.index(row["section"]), not row["healthy"], row["name"].casefold()))
    return found


def _tell_apart(rows: list[dict[str, Any]]) -> None:
    """Rows that would read alike get what differs: the folder around a folder, the owner, or the fingerprint."""
    often = Counter(row["name"].casefold() for row in rows)
    for row in rows:
        if often[row["name"].casefold()] > 1:
            parts = row["model"].replace("\\", "/").rstrip("/").rpartition("/")
            owner = parts[0].rpartition("/")[2] if is_folder(row["model"]) else ""
            which = one_line(owner, 60) or row["print"]
            row["name"] = f"{row['name']} · {which}" if which else row["name"]
        elif row["others"]:
            row["name"] = f"{row['name']} · {row['print']}"


def is_folder(text: str) -> bool:
    """Whether this is the whole path of a folder, here or on Windows."""
    return text.startswith("/") or bool(re.match(r"[A-Za-z]:[\\/]", text))


def is_model(text: str) -> bool:
    """Whether this can name a model: owner/name on the hub, or the whole path of a folder."""
    return is_folder(text) or _HUB_ID.fullmatch(text) is not None


def _fits(row: dict[str, Any], search: str) -> bool:
    return all(part in f"{row['name']} {row['model']}".casefold() for part in search.casefold().split())


def _row(model: Tree, purpose: str) -> dict[str, Any]:
    swarm = model.get("swarm") if isinstance(model.get("swarm"), dict) else None
    demo, held = bool(model.get("demo")), int(figures.quantity(model, "disk_bytes") or 0)
    healthy = bool(swarm and swarm.get("complete"))
    if demo:
        section = DEMO
    elif swarm:
        section = UP
    elif model.get("recent"):
        section = RECENT
    else:
        section = DISK
    parts = []
    if swarm:
        parts.append(_up(swarm))
    elif demo:
        parts.append(translate("Models", "Off; it starts when you choose it"))
    elif purpose == "chat":
        parts.append(translate("Models", "Not up now"))
    if held:
        parts.append(translate("Models", "{size} on this disk").format(size=figures.size(held)))
    # One cannot chat with what has gaps; sharing it is what closes them.
    usable = (purpose == "share" and not demo) or (purpose == "chat" and demo) or healthy
    row = _of(str(model.get("model", "")), section, " · ".join(parts), usable=usable, healthy=healthy)
    row["print"] = one_line(str((swarm or {}).get("fingerprint") or "")[:6], 6)
    row["others"] = bool(model.get("others"))
    return {**row, "bytes": held, "canFree": bool(held) and not demo and not is_folder(row["model"])}


def _up(swarm: Tree) -> str:
    number = int(swarm.get("num_servers", 0))
    servers = translate("Models", "1 server") if number == 1 else translate("Models", "%n servers", None, number)
    if swarm.get("complete"):
        return translate("Models", "healthy · {servers}").format(servers=servers)
    return translate("Models", "blocks are missing · {servers}").format(servers=servers)


def _of(model: str, section: str, detail: str, *, usable: bool, healthy: bool) -> dict[str, Any]:
    return {
        "key": model,
        "model": model,
        "name": short_model(model) if section != TYPED else one_line(model, 300),
        "section": section,
        "detail": detail,
        "usable": usable,
        "healthy": healthy,
        "print": "",
        "others": False,
        "bytes": 0,
        "canFree": False,
    }
