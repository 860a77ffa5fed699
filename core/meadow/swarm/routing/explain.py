"""A route in words: where the time of a token goes, and why nobody else was taken."""

from __future__ import annotations

from collections.abc import Callable

from meadow.swarm.routing.choose import Route, standby
from meadow.swarm.routing.hop import Key
from meadow.swarm.routing.snapshot import Snapshot


def short(key: Key) -> str:
    """A server by the end of its peer id."""
    return f"…{key[0][-6:]}/{key[1]}"


def explain(snapshot: Snapshot, route: Route, *, name: Callable[[Key], str] = short) -> list[str]:
    """One line for each hop, one for its next best, and one for the sum. ``name``: what to call a server."""
    lines = []
    for number, (hop, cost) in enumerate(zip(route.hops, route.costs, strict=True)):
        unknown = [] if snapshot.measured[snapshot.index[hop.key]] else ["speed not known"]
        if not snapshot.known_place[snapshot.index[hop.key]]:
            unknown.append("distance not known")
        note = f" ({', '.join(unknown)}: estimated)" if unknown else ""
        lines.append(
            f"{number + 1}. blocks {hop.start}:{hop.end} at {name(hop.key)}: {_ms(cost.delay)} to get there, "
            f"{_ms(cost.queue)} waiting, {_ms(cost.compute)} computing{note}."
        )
        lines.append("   " + _next_best(snapshot, route, number, name))
    where = "here" if route.request.start == 0 else "the caller"
    lines.append(
        f"Back to {where}: {_ms(route.home)}. A token takes about {_ms(route.ring_seconds)}, "
        f"that is {1 / max(route.ring_seconds, 1e-9):.3g} tokens/s."
    )
    if route.request.prompt:
        lines.append(
            f"The first token after a prompt of {route.request.prompt} tokens comes within about "
            f"{_ms(route.first_token_seconds)}."
        )
    out = int(snapshot.banned.sum())
    if out:
        lines.append(f"{out} {'server is' if out == 1 else 'servers are'} left out because they failed lately.")
    if route.request.objective == "latency":
        share = 0.0 if route.exact else route.cost / max(route.bound, 1e-12) - 1
        lines.append(
            "No other route is cheaper." if route.exact else f"No other route is cheaper by more than {share:.0%}."
        )
    else:
        lines.append("Chosen for the most work at once: no route has a faster slowest server.")
    return lines


def _next_best(snapshot: Snapshot, route: Route, number: int, name: Callable[[Key], str]) -> str:
    hop = route.hops[number]
    other = standby(snapshot, route.request, route.hops, number)
    if other is None:
        return f"Nobody else could take over blocks {hop.start}:{hop.end}."
    last = number + 1 == len(route.hops)
    onward = route.home if last else route.costs[number + 1].delay
    mine = route.costs[number]
    theirs = [
        ("network", sum(c.delay for c in other.costs) + other.home - mine.delay - onward),
        ("waiting", sum(c.queue for c in other.costs) - mine.queue),
        ("computing", sum(c.compute for c in other.costs) - mine.compute),
    ]
    more = sum(seconds for _, seconds in theirs)
    who = " and ".join(name(one.key) for one in other.hops)
    what = ", ".join(f"{'+' if s >= 0 else '-'}{_ms(abs(s))} {word}" for word, s in theirs if abs(s) >= 5e-5)
    if more < 5e-5:
        return f"Next best: {who}, as good."
    return f"Next best: {who}, slower by {_ms(more)} a token ({what})."


def _ms(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds * 1e3:.1f} ms"
