"""How long a route takes to choose among 10,000 servers of 128 blocks, and how good it is."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from meadow.swarm.identity import peer_id_from_key
from meadow.swarm.records import ServerRecord, SignedRecord
from meadow.swarm.routing import Coordinate, Request, Seen, Snapshot, choose
from meadow.swarm.routing.choose import least_cost, prepare

SERVERS, BLOCKS = 10_000, 128
WORLDS: tuple[dict[str, Any], ...] = (
    {"cities": 40, "length": (2, 32)},
    {"cities": 5, "length": (8, 64)},
    {"cities": 1000, "length": (4, 8)},
)
"""Servers in few or many cities, with spans of these lengths."""
PROMPTS = (0, 40, 500, 4000)
ALL = 1600
"""Servers that the reference solves together, in about a second; the routes that count look at a few hundred."""


def world(seed: int, cities: int, length: tuple[int, int]) -> Seen:
    """Records of servers whose speeds differ by a factor of 100, and a client in one of their cities."""
    rng = np.random.default_rng(seed)
    towns = rng.normal(0, 0.06, (cities, 2))
    records = []
    for number in range(SERVERS):
        size = int(np.exp(rng.uniform(np.log(length[0]), np.log(length[1] + 1))))
        start = int(rng.integers(0, BLOCKS - size + 1))
        place = towns[rng.integers(cities)] + rng.normal(0, 0.003, 2)
        seconds = float(np.exp(rng.uniform(np.log(0.0003), np.log(0.03))))
        records.append(
            SignedRecord(
                ServerRecord(
                    peer_id_from_key(number.to_bytes(32, "big")),
                    f"{number:08x}",
                    b"b" * 32,
                    start,
                    start + size,
                    "online",
                    throughput=1.0 / (seconds * size),
                    coordinates=(float(place[0]), float(place[1]), float(np.exp(rng.uniform(-7, -3.5))), 0.1),
                ),
                b"",
            )
        )
    return Seen(tuple(records), Coordinate((float(towns[0][0]), float(towns[0][1])), 0.005, 0.1))


def run(*, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    samples: dict[str, list[float]] = {"route": [], "prepare": [], "snapshot": [], "again": [], "gap": []}

    walls: list[float] = []

    def clock(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        wall, begun = time.perf_counter(), time.thread_time()
        result = work(*arguments)
        samples[name].append((time.thread_time() - begun) * 1e3)
        walls.append((time.perf_counter() - wall) * 1e3 if name == "route" else 0.0)
        return result

    for number, kind in enumerate(WORLDS):
        seen = world(number, **kind)
        snapshot = clock("snapshot", Snapshot, seen)
        requests = [Request(0, BLOCKS, prompt=prompt) for prompt in PROMPTS]
        for request in requests:
            clock("prepare", prepare, snapshot, request)
        for _ in range(rounds):
            for request in requests:
                route = clock("route", choose, snapshot, request)
                # A server that just failed is left out: the work for all requests is not done again.
                without = Request(0, BLOCKS, prompt=request.prompt, avoid={route.hops[0].key})
                clock("route", choose, snapshot, without)
        clock("again", functools.partial(Snapshot, seen, older=snapshot))
        for request in requests:
            best = least_cost(snapshot, request, ALL)
            assert best is not None
            samples["gap"].append(choose(snapshot, request).cost / best)
        say(f"world {number}: {statistics.median(samples['route']):.2f} ms a route so far")

    def metric(value: float, unit: str, limit: float | None = None) -> dict[str, Any]:
        return {"value": value, "unit": unit, "limit": limit}

    return {
        "metrics": {
            "route_ms_10k": metric(statistics.median(samples["route"]), "ms of one core", 10.0),
            "route_ms_10k_worst": metric(max(samples["route"]), "ms of one core"),
            "route_wall_ms_10k": metric(statistics.median(wall for wall in walls if wall), "ms on the clock"),
            "route_cost_ratio": metric(max(samples["gap"]), "x the best of 1,600 solved together"),
            "prepare_ms_10k": metric(
                statistics.median(samples["prepare"]), "ms of one core, once per kind of request and snapshot"
            ),
            "snapshot_ms_10k": metric(
                statistics.median(samples["snapshot"]), "ms of one core, when records were fetched"
            ),
            "snapshot_again_ms_10k": metric(
                statistics.median(samples["again"]), "ms of one core, when load or bans changed"
            ),
        },
        "samples": samples,
        "commands": [],
    }
