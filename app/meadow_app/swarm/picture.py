"""One model of the swarm as a picture: a row for each server, a column for each block. Pure: the tree in, rows out.

Brightness is throughput relative to the fastest server of the model; 0 to 1, never so dark that a server disappears.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication

from meadow_app import figures
from meadow_app.text.plain import one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate

ROW_ROLES = ("name", "start", "end", "blocks", "speed", "light", "mine", "online", "spoken", "peer", "note")
MODEL_ROLES = ("name", "summary", "healthy", "mine", "demo", "strip")
COVERAGE_ROLES = ("value",)
GAP_ROLES = ("start", "end", "text")
DARKEST = 0.3
MOST_BLOCKS = 4096
"""More than any model has; a stranger's record may claim more, and each block costs a column."""
_NAME = 120


def name_of(model: Tree) -> str:
    """What the model is called; a claim of strangers."""
    return one_line(str(model.get("hub_id") or model.get("name") or model.get("fingerprint", "")), _NAME)


def names(models: Mapping[str, Tree]) -> dict[str, str]:
    """What each model is called. Where two claim one name, the beginning of their fingerprints tells them apart."""
    said = {key: name_of(model) for key, model in models.items()}
    often = Counter(name.casefold() for key, name in said.items() if not models[key].get("demo"))
    return {
        key: name if often[name.casefold()] < 2 or models[key].get("demo") else f"{name} · {short_print(models[key])}"
        for key, name in said.items()
    }


def short_print(model: Tree) -> str:
    """The beginning of its fingerprint, which no stranger can claim."""
    return one_line(str(model.get("fingerprint", ""))[:6], 6)


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
    start, end = _span(server, blocks)
    rate, online = _throughput(server), server.get("state", "online") == "online"
    peer = one_line(str(server.get("peer_id", "")), _NAME)
    friendly, mine = one_line(str(server.get("name") or peer[-8:]), _NAME), bool(server.get("mine"))
    speed = figures.speed(rate) if rate else ""
    note = "" if online else _state_word(str(server.get("state")))
    span = figures.blocks(start, end)
    who = translate("Swarm", "{name}, this computer").format(name=friendly) if mine else friendly
    return {
        "key": key,
        "name": friendly,
        "start": start,
        "end": end,
        "blocks": figures.block_range(start, end),
        "speed": speed,
        "light": _light(rate, best),
        "mine": mine,
        "online": online,
        "note": note,
        "spoken": " · ".join(part for part in (who, span, speed, note) if part),
        "peer": peer,
    }


def _span(server: Tree, blocks: int) -> tuple[int, int]:
    start = min(blocks, max(0, int(server.get("start", 0))))
    return start, min(blocks, max(start, int(server.get("end", 0))))


def _light(rate: float, best: float) -> float:
    return DARKEST + (1 - DARKEST) * (rate / best if best else 1.0)


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
                text = translate("Swarm", "Nobody serves {blocks}.").format(blocks=figures.blocks(start, end))
                rows.append({"key": f"{start}:{end}", "start": start, "end": end, "text": text})
    return rows


def coverage(model: Tree) -> list[float]:
    """For each block how strongly it is served: the throughputs of its servers, relative to the strongest block.

    0: nobody. Where no server says how fast it is, servers count alike.
    """
    blocks, servers = num_blocks(model), model.get("servers", {}).values()
    best = max((_throughput(server) for server in servers), default=0.0)
    sums = [0.0] * blocks
    for server in servers:
        if server.get("state", "online") == "online":
            (start, end), light = _span(server, blocks), _light(_throughput(server), best)
            for block in range(start, end):
                sums[block] += light
    most = max(sums, default=0.0)
    return [DARKEST + (1 - DARKEST) * value / most if value else 0.0 for value in sums]


def coverage_rows(model: Tree) -> list[dict[str, Any]]:
    """:func:`coverage` as rows; a change of one block is then the change of one row."""
    return [{"key": str(block), "value": round(value, 2)} for block, value in enumerate(coverage(model))]


def strip(model: Tree, columns: int = 40) -> list[float]:
    """:func:`coverage` in at most ``columns`` columns, for a small picture. A column with a gap in it is a gap."""
    values = [round(value, 2) for value in coverage(model)]
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
    shown = ", ".join(figures.block_range(row["start"], row["end"]) for row in missing[:4])
    if len(missing) > 4:
        shown = translate("Swarm", "{blocks} and others").format(blocks=shown)
    text = translate("Swarm", "blocks {blocks} are missing, so nobody can chat with it now · {servers}")
    return text.format(blocks=shown, servers=servers)


def ordered(models: Mapping[str, Tree]) -> list[tuple[str, Tree]]:
    """Those one can chat with first, then the ones with most servers."""
    return sorted(models.items(), key=lambda item: _rank(item[0], item[1]))


def model_row(key: str, model: Tree) -> dict[str, Any]:
    """One model among others."""
    return {
        "key": key,
        "name": name_of(model),
        "summary": summary(model),
        "healthy": bool(model.get("complete")),
        "mine": any(server.get("mine") for server in model.get("servers", {}).values()),
        "demo": bool(model.get("demo")),
        "strip": strip(model),
    }


def _rank(key: str, model: Tree) -> tuple[bool, int, str, str]:
    return (not model.get("complete"), -int(model.get("num_servers", 0)), name_of(model), key)
