"""``/api/demo``: switch the demo swarm on and off. How it goes is in the state tree, under ``demo``."""

from __future__ import annotations

from fastapi import APIRouter

from meadow.node.control import Control
from meadow.node.http.control import Accepted, NoBody


def router(control: Control) -> APIRouter:
    """The two routes."""
    routes = APIRouter(prefix="/api/demo", tags=["commands"])

    @routes.post("", status_code=202, summary="Start the demo: the bundled model on a swarm of this machine alone")
    async def start(body: NoBody) -> Accepted:
        await control.start_demo()
        return Accepted()

    @routes.delete("", status_code=202, summary="End the demo; answers that it writes end with it")
    async def stop() -> Accepted:
        await control.stop_demo()
        return Accepted()

    return routes
