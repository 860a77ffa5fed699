"""Meadow: run large language models together.

``AutoDistributedModelForCausalLM`` and ``RemoteSequential`` are the library's two doors; they are imported on first
use, because torch takes a second to load and ``meadow --help`` should not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["AutoDistributedModelForCausalLM", "RemoteSequential", "__version__"]

if TYPE_CHECKING:
    from meadow.client.auto import AutoDistributedModelForCausalLM
    from meadow.client.remote_sequential import RemoteSequential


def __getattr__(name: str) -> Any:
    if name == "AutoDistributedModelForCausalLM":
        from meadow.client.auto import AutoDistributedModelForCausalLM

        return AutoDistributedModelForCausalLM
    if name == "RemoteSequential":
        from meadow.client.remote_sequential import RemoteSequential

        return RemoteSequential
    raise AttributeError(f"module 'meadow' has no attribute {name!r}")
