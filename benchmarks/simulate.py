"""Whether placement keeps every block served, and evenly: 6, 12, 50 and 5,000 simulated servers that come and go."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from benchmarks.swarm_sim import Setting, Simulation

SETTINGS = (
    Setting(6, 32, 96.0, memory=(2, 32)),
    Setting(12, 32, 48.0, memory=(2, 32)),
    Setting(50, 48, 12.0, memory=(3, 48)),
    Setting(5000, 128, 3.0, memory=(4, 64)),
)
"""30 % leave in an hour, half of them without a word; speeds differ by a factor of 100, memory by 16."""


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    samples: dict[str, Any] = {}
    for setting in SETTINGS:
        begun = time.perf_counter()
        outcome = Simulation(setting).run()
        seconds = time.perf_counter() - begun
        samples[str(setting.servers)] = {**dataclasses.asdict(outcome), "seconds": seconds}
        say(f"{setting.servers} servers, {setting.hours:g} hours: {outcome} ({seconds:.0f} s)")
        large = setting.servers == 5000
        end = "" if large else f"_{setting.servers}"
        metrics |= {
            f"coverage{end}": _metric(outcome.coverage, "of the time it was possible", 1.0 if large else None),
            f"balance{end}": _metric(outcome.balance, "of an even split", 0.9 if large else None),
            f"moves_per_server_hour{end}": _metric(outcome.moves_per_server_hour, "moves", 1.0 if large else None),
            f"route_ratio{end}": _metric(outcome.route_ratio, "x the cheapest route, median", None),
            f"ghost_routes{end}": _metric(outcome.ghosts, "of routes led to a server that was gone", None),
        }
    return {"metrics": metrics, "samples": samples, "commands": []}


def _metric(value: float, unit: str, limit: float | None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "limit": limit}
