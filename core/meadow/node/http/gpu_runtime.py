"""``/api/gpu-runtime``: the CUDA build of PyTorch that servers on an NVIDIA GPU need. Sharing makes it; see
docs/devices.md."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel, Field

from meadow.node.gpu_runtime.keeper import GpuRuntime


class RuntimeBody(BaseModel):
    """The GPU runtime of this node. Sizes in bytes."""

    ready: bool
    disk_bytes: int = Field(description="What it and its downloads take on the disk now.")
    runtime_download_bytes: int | None = Field(
        None, description="What would still be downloaded. Absent when it is there, or there is none for this system."
    )
    runtime_disk_bytes: int | None = Field(None, description="What it takes on the disk then.")


class RemovedBody(BaseModel):
    freed_bytes: int


def router(runtime: GpuRuntime) -> APIRouter:
    """The two routes."""
    routes = APIRouter(prefix="/api/gpu-runtime", tags=["sharing"])

    @routes.get("", response_model_exclude_none=True, summary="Whether the GPU runtime is there, and what it takes")
    async def get() -> RuntimeBody:
        used, cost = await asyncio.to_thread(runtime.disk_used), runtime.cost()
        return RuntimeBody(
            ready=runtime.ready(),
            disk_bytes=used,
            runtime_download_bytes=None if cost is None else cost.download,
            runtime_disk_bytes=None if cost is None else cost.disk,
        )

    @routes.delete("", summary="Delete the GPU runtime, and what was downloaded for it")
    async def delete() -> RemovedBody:
        """The next share with an NVIDIA GPU makes it anew, if it is still needed. Refused while a server uses it."""
        return RemovedBody(freed_bytes=await runtime.remove())

    return routes
