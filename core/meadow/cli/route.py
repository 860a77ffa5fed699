"""``meadow route``: which servers a chat with a model would go through now, and why these."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from meadow.cli.output import Output, plain
from meadow.cli.which import which_swarm
from meadow.errors import SwarmError
from meadow.platform.paths import Paths

if TYPE_CHECKING:
    from meadow.swarm.records import ModelRecord


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0, or MeadowError: no such model is up, or some of its blocks have no server."""
    which = which_swarm(options, Paths.of(options.home))
    output.progress("Joining the swarm")
    from meadow.client.swarm import Swarm
    from meadow.swarm.routing import Request, RouteBook, explain

    with Swarm(which.peers, home=options.home, private=which.swarm) as swarm:
        model = find_model(options.model, swarm.find_models())
        book = RouteBook()
        book.update(swarm.find_servers(model.fingerprint, model.num_blocks))
        output.clear()
        dtype = options.dtype
        if dtype is None:
            # A route stays within one dtype; most servers have the checkpoint's own, which is what a chat asks for.
            counted = Counter(one.server.dtype for one in book.servers if one.server.state == "online")
            dtype = max(sorted(counted), key=lambda name: counted[name], default=None)
        request = Request(0, model.num_blocks, dtype, prompt=options.prompt)
        route = book.choose(replace(request, objective="throughput") if options.batch else request)
        output.event(
            "route",
            model=model.name,
            fingerprint=model.fingerprint.hex(),
            dtype=dtype,
            ring_seconds=route.ring_seconds,
            first_token_seconds=route.first_token_seconds,
            proven=route.exact,
            hops=[
                {
                    "peer_id": hop.server.peer_id,
                    "server_id": hop.server.server_id,
                    "start": hop.start,
                    "end": hop.end,
                    "delay_seconds": cost.delay,
                    "queue_seconds": cost.queue,
                    "compute_seconds": cost.compute,
                }
                for hop, cost in zip(route.hops, route.costs, strict=True)
            ],
        )
        why = explain(book.snapshot(), route)
        if options.why:
            output.event("why", lines=why)
        output.result(f"{plain(model.name)}, {model.num_blocks} blocks in {dtype}:")
        for line in why if options.why else [line for line in why if not line.startswith("   ")]:
            output.result(f"  {line}")
    return 0


def find_model(wanted: str, models: list[ModelRecord]) -> ModelRecord:
    """The model that is meant: by hub id, by the name that its servers give it, or by its fingerprint.

    Raises SwarmError when there is none, or several that differ in their weights.
    """
    found = {
        model.fingerprint: model
        for model in models
        if wanted in (model.hub_id, model.name) or (len(wanted) >= 8 and model.fingerprint.hex().startswith(wanted))
    }
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        names = ", ".join(sorted(fingerprint.hex()[:16] for fingerprint in found))
        raise SwarmError(
            f"Several models of this name are up, with other weights. Say which by its fingerprint: {names}.",
            code="unknown_model",
        )
    up = ", ".join(sorted({plain(model.hub_id or model.name) for model in models}))
    hint = f"Up now: {up}." if up else "No model is up in this swarm now; `meadow share MODEL` shares one."
    raise SwarmError(f"No model named {plain(wanted)} is up in this swarm. {hint}", code="unknown_model")
