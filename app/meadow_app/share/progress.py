"""How far sharing is on its way: a fraction and a line with rate and time left. Pure: the state tree in, words out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication

from meadow_app import figures

Tree = Mapping[str, Any]
translate = QCoreApplication.translate


@dataclass(frozen=True, slots=True)
class Progress:
    """``fraction``: 0 to 1, None when it is not known how much there is to do."""

    fraction: float | None
    text: str


def of_transfer(progress: Tree) -> Progress:
    """A transfer of the tree: "1.2 GB of 5.1 GB · 12.4 MB/s · 5 min left"."""
    done, total = float(progress.get("done", 0)), float(progress.get("total", 0))
    if total <= 0:
        return Progress(None, "")
    parts = [translate("Progress", "{done} of {total}").format(done=figures.size(done), total=figures.size(total))]
    if progress.get("rate"):
        parts.append(figures.transfer_rate(float(progress["rate"])))
    if progress.get("seconds_left"):
        parts.append(figures.time_left(float(progress["seconds_left"])))
    return Progress(min(1.0, max(0.0, done / total)), " · ".join(parts))


def of_runtime(share: Tree) -> Progress | None:
    """How far the GPU runtime is; None when it is not being made."""
    runtime = share.get("gpu_runtime")
    return None if not runtime else of_transfer(runtime.get("progress") or {})


def of_start(servers: Iterable[Tree], downloads: Iterable[Tree]) -> Progress | None:
    """How far the first server that starts is; None when none does."""
    starting = next((one for one in servers if one.get("status") == "starting" and not one.get("demo")), None)
    if starting is None:
        return None
    if starting.get("phase") in (None, "downloading"):
        server_id = starting.get("server_id")
        transfer = next((one.get("progress", {}) for one in downloads if one.get("server_id") == server_id), None)
        found = of_transfer(transfer or starting.get("progress") or {})
        if found.fraction is not None:
            return found
    step, steps = int(starting.get("step", 0)), int(starting.get("steps", 0))
    if starting.get("phase") == "loading" and steps:
        text = translate("Progress", "Block {number} of {all}").format(number=min(step, steps), all=steps)
        return Progress(min(1.0, step / steps), text)
    return Progress(None, "")
