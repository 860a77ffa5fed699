"""Ask the node as soon as there is one: the window is faster than the node that it starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meadow_app.link.call import Call, Failure


def when_connected(link: Any, ask: Callable[[], Call]) -> Call:
    """Ask now, or when ``link`` is connected. Fails with the link's own words when that is given up."""
    if link.status == "connected":
        return ask()
    inner: list[Call] = []

    def stop() -> None:
        link.connected.disconnect(go)
        link.statusChanged.disconnect(look)

    outer = Call(lambda: inner[0].cancel() if inner else stop(), link)

    def go() -> None:
        stop()
        inner.append(ask())
        inner[0].then(outer.succeed).otherwise(outer.fail)

    def look() -> None:
        if link.status == "failed":
            stop()
            outer.fail(Failure("node_unreachable", link.message))

    link.connected.connect(go)
    link.statusChanged.connect(look)
    if link.status == "failed":
        link.retry()
    return outer
