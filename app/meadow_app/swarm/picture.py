"""One model of the swarm as a picture: a row for each server, a column for each block. Pure: the tree in, rows out.

Brightness is throughput relative to the fastest server of the model; 0 to 1, never so dark that a server disappears.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication

from meadow_app import figures
from meadow_app.text.plain import one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate

ROW_ROLES = ("name", "start", "end", "blocks", "speed", "light", "mine", "online", "spoken", "peer", "note")
MODEL_ROLES = ("name", "summary", "healthy", "mine", "blocks", "servers", "gaps")
GAP_ROLES = ("start", "end", "text")
DARKEST = 0.3
MOST_BLOCKS = 4096
"""More than any model has; a stranger's record may claim more, and each block costs a column."""
_NAME = 120


def name_of(model: Tree) -> str:
    """What the model is called; a claim of strangers."""
    return one_line(str(model.get("hub_id") or model.get("name") or model.get("fingerprint", "")), _NAME)


def num_blocks(model: Tree) -> int:
    """How many columns."""
    return min(MOST_BLOCKS, max(0, int(model.get("num_blocks", 0))))


def server_rows(model: Tree) -> list[dict[str, Any]]:
    """Servers from the first block to the last: the picture reads like a staircase, and rows keep their places."""
    servers = model.get("servers", {})
    best = max((_throughput(server) for server in servers.values()), default=0.0)
    rows = [_row(key, server, best, num_blocks(model)) for key, server in servers.items()]
    return sorted(rows, key=lambda row: (row["start"], row["end"], row["key"]))


def _row(key: str, server: Tree, best: float, blocks: int) -> dict[str, Any]:
    start = min(blocks, max(0, int(server.get("start", 0))))
    end = min(blocks, max(start, int(server.get("end", 0))))
    rate, online = _throughput(server), server.get("state", "online") == "online"
    peer = one_line(str(server.get("peer_id", "")), _NAME)
    friendly, mine = one_line(str(server.get("name") or peer[-8:]), _NAME), bool(server.get("mine"))
    speed = figures.speed(rate) if rate else ""
    note = "" if online else _state_word(str(server.get("state")))
    span = translate("Swarm", "blocks {start}:{end}").format(start=start, end=end)
    who = translate("Swarm", "{name}, this computer").format(name=friendly) if mine else friendly
    return {
        "key": key,
        "name": friendly,
        "start": start,
        "end": end,
        "blocks": f"{start}:{end}",
        "speed": speed,
        "light": DARKEST + (1 - DARKEST) * (rate / best if best else 1.0),
        "mine": mine,
        "online": online,
        "note": note,
        "spoken": " · ".join(part for part in (who, span, speed, note) if part),
        "peer": peer,
    }


def _throughput(server: Tree) -> float:
    value = figures.quantity(server, "throughput") or 0.0
    return value if math.isfinite(value) and value > 0 else 0.0


def _state_word(state: str) -> str:
    return {
        "joining": translate("Swarm", "joining"),
        "draining": translate("Swarm", "finishing"),
        "leaving": translate("Swarm", "leaving"),
    }.get(state, one_line(state, _NAME))


def gap_rows(model: Tree) -> list[dict[str, Any]]:
    """The blocks that nobody serves."""
    rows = []
    for pair in model.get("missing") or []:
        if isinstance(pair, list | tuple) and len(pair) == 2:
            start, end = max(0, int(pair[0])), min(num_blocks(model), int(pair[1]))
            if start < end:
                text = translate("Swarm", "Nobody serves blocks {start}:{end}.").format(start=start, end=end)
                rows.append({"key": f"{start}:{end}", "start": start, "end": end, "text": text})
    return rows


def coverage(model: Tree) -> list[float]:
    """For each block how strongly it is served: the throughputs of its servers, relative to the strongest block.

    0: nobody. Where no server says how fast it is, servers count alike.
    """
    servers = [one for one in server_rows(model) if one["online"]]
    sums = [0.0] * num_blocks(model)
    for server in servers:
        for block in range(server["start"], server["end"]):
            sums[block] += server["light"]
    most = max(sums, default=0.0)
    return [DARKEST + (1 - DARKEST) * value / most if value else 0.0 for value in sums]


def strip(model: Tree, columns: int = 64) -> list[float]:
    """:func:`coverage` in at most ``columns`` columns, for a small picture. A column with a gap in it is a gap."""
    values = coverage(model)
    if len(values) <= columns:
        return values
    edges = [round(at * len(values) / columns) for at in range(columns + 1)]
    return [min(values[start:end]) for start, end in zip(edges, edges[1:], strict=False)]


def summary(model: Tree) -> str:
    """One line: whether one can chat with it, and who serves it."""
    number = int(model.get("num_servers", 0))
    servers = translate("Swarm", "1 server") if number == 1 else translate("Swarm", "%n servers", None, number)
    if model.get("complete"):
        return translate("Swarm", "healthy · {servers}").format(servers=servers)
    missing = gap_rows(model)
    if not number or not missing:
        return translate("Swarm", "nobody serves it now")
    shown = ", ".join(row["key"] for row in missing[:4])
    if len(missing) > 4:
        shown = translate("Swarm", "{blocks} and others").format(blocks=shown)
    text = translate("Swarm", "blocks {blocks} are missing, so nobody can chat with it now · {servers}")
    return text.format(blocks=shown, servers=servers)


def model_rows(models: Mapping[str, Tree]) -> list[dict[str, Any]]:
    """One row for each model: those one can chat with first, then the ones with most servers."""
    ordered = sorted(models.items(), key=lambda item: _rank(item[0], item[1]))
    return [
        {
            "key": key,
            "name": name_of(model),
            "summary": summary(model),
            "healthy": bool(model.get("complete")),
            "mine": any(server.get("mine") for server in model.get("servers", {}).values()),
            "blocks": num_blocks(model),
            "servers": int(model.get("num_servers", 0)),
            "gaps": [[row["start"], row["end"]] for row in gap_rows(model)],
        }
        for key, model in ordered
    ]


def _rank(key: str, model: Tree) -> tuple[bool, int, str, str]:
    return (not model.get("complete"), -int(model.get("num_servers", 0)), name_of(model), key)
