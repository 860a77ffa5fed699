"""What this machine hosts, who uses it, and the figures on top of the page. Pure: the tree in, rows out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication

from meadow_app import figures
from meadow_app.share.progress import of_start
from meadow_app.share.words import count_sessions, short_model
from meadow_app.text.plain import one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate

SERVER_ROLES = ("model", "blocks", "word", "detail", "start", "end", "numBlocks", "status")
USER_ROLES = ("name", "detail")
TILE_ROLES = ("value", "label")
_NAME = 120


def shared_servers(tree: Tree) -> list[Tree]:
    """The servers that count as sharing: those of the demo are for this machine alone."""
    servers = tree.get("servers", {})
    return [server for server in servers.values() if not server.get("demo")]


def server_rows(tree: Tree, now: float) -> list[dict[str, Any]]:
    """One row for each server process of this machine."""
    return [_server(server, now) for server in shared_servers(tree)]


def _server(server: Tree, now: float) -> dict[str, Any]:
    start, end = int(server.get("start", 0)), server.get("end")
    total = server.get("num_blocks")
    status = str(server.get("status", ""))
    if end is None:
        blocks = translate("Hosted", "from block {start} on").format(start=figures.number(start + 1))
    else:
        blocks = figures.blocks(start, int(end), int(total or 0))
    return {
        "key": str(server.get("server_id", "")),
        "model": short_model(str(server.get("model", ""))),
        "blocks": blocks,
        "word": _word(status),
        "detail": _detail(server, status, now),
        "start": start,
        "end": int(end if end is not None else total or start),
        "numBlocks": int(total or 0),
        "status": status,
    }


def _word(status: str) -> str:
    return {
        "starting": translate("Hosted", "starting"),
        "online": translate("Hosted", "online"),
        "rejoining": translate("Hosted", "joining the swarm again"),
        "draining": translate("Hosted", "finishing"),
        "restarting": translate("Hosted", "being started again"),
        "failed": translate("Hosted", "failed"),
    }.get(status, one_line(status, _NAME))


def _detail(server: Tree, status: str, now: float) -> str:
    parts = []
    if status == "starting":
        progress = of_start([server], [])
        parts += [progress.text] if progress and progress.text else []
    if server.get("throughput"):
        parts.append(figures.speed(float(server["throughput"])))
    if server.get("device"):
        device = one_line(str(server["device"]), _NAME)
        dtype = one_line(str(server.get("dtype", "")), _NAME)
        parts.append(translate("Hosted", "{dtype} on {device}").format(dtype=dtype, device=device) if dtype else device)
    if server.get("sessions"):
        parts.append(count_sessions(int(server["sessions"])))
    if status == "restarting" and server.get("restart"):
        wait = figures.duration(max(0.0, float(server["restart"]) - now))
        parts.append(translate("Hosted", "next try in {time}").format(time=wait))
    if status in ("restarting", "failed") and server.get("last_failure"):
        parts.append(one_line(str(server["last_failure"]), 600))
    return " · ".join(parts)


def user_rows(tree: Tree, now: float) -> list[dict[str, Any]]:
    """One row for each peer that has sessions here, by its friendly name; those longest here first."""
    own = tree.get("node", {}).get("peer_id")
    shared = {str(server.get("server_id")) for server in shared_servers(tree)}
    counts: dict[str, list[Any]] = {}
    for session in tree.get("sessions", {}).values():
        if str(session.get("server_id")) in shared:
            row = counts.setdefault(str(session.get("peer_id", "")), [session.get("name", ""), 0, now])
            row[1] += int(session.get("count", 0))
            row[2] = min(row[2], float(session.get("since", now)))
    rows = []
    for peer, (name, count, since) in sorted(counts.items(), key=lambda item: (item[1][2], item[0])):
        shown = translate("Hosted", "You, on this computer") if peer == own else one_line(str(name), _NAME)
        text = translate("Hosted", "{sessions}, for {time}")
        detail = text.format(sessions=count_sessions(count), time=figures.duration(max(0.0, now - since)))
        rows.append({"key": peer, "name": shown, "detail": detail})
    return rows


def tiles(tree: Tree, tokens_today: float | None) -> list[dict[str, str]]:
    """The figures on top of the page: only what is really known now."""
    share, machine = tree.get("share", {}), tree.get("machine", {})
    online = [server for server in shared_servers(tree) if server.get("status") in ("online", "draining")]
    rows = []

    def add(key: str, value: str, label: str) -> None:
        rows.append({"key": key, "value": value, "label": label})

    tokens = figures.quantity(share, "tokens_today")
    tokens = tokens_today if tokens is None else tokens
    if tokens is not None:
        add("tokens", figures.number(tokens), translate("Tiles", "tokens today"))
    if online:
        sessions = sum(int(server.get("sessions", 0)) for server in online)
        add("sessions", figures.number(sessions), translate("Tiles", "sessions now"))
        speeds = [float(server["throughput"]) for server in online if server.get("throughput")]
        if speeds:
            add("speed", figures.speed(min(speeds)), translate("Tiles", "through its blocks"))
    devices = machine.get("devices", {})
    used = [str(server.get("device") or "") for server in online]
    keys = [key for key in devices if key in used or f"{key.partition(':')[0]}" in used]
    keys = keys or [key for key, one in devices.items() if one.get("kind") != "cpu" and not one.get("code")][:1]
    for key in keys[:2]:
        _device_tiles(devices[key], key, add)
    if not any(row["key"].startswith("memory") for row in rows):
        _memory_tile(machine, "memory", translate("Tiles", "memory free"), add)
    return rows


def _device_tiles(device: Tree, key: str, add: Any) -> None:
    if device.get("temperature") is not None:
        degrees = translate("Tiles", "{number} °C").format(number=figures.number(float(device["temperature"])))
        add(f"heat {key}", degrees, translate("Tiles", "GPU temperature"))
    if device.get("kind") != "cpu":
        _memory_tile(device, f"memory {key}", translate("Tiles", "GPU memory free"), add)


def _memory_tile(part: Tree, key: str, label: str, add: Any) -> None:
    free, total = figures.quantity(part, "memory_free"), figures.quantity(part, "memory_total")
    if free is None:
        return
    if total is None:
        add(key, figures.size(free), label)
    else:
        text = translate("Tiles", "{free} of {total}")
        add(key, text.format(free=figures.size(free), total=figures.size(total)), label)
