"""Fixtures for the parts that open models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # for hub_server, which other folders of tests use too

from hub_server import HubServer  # noqa: E402
from tiny_checkpoint import write_checkpoint  # noqa: E402

from meadow.models.download import RetryPolicy  # noqa: E402


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, torch.Tensor]:
    """A sharded checkpoint in tmp_path / "model", and what it holds."""
    return write_checkpoint(tmp_path / "model")


@pytest.fixture
def hub(tmp_path: Path, weights: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub that has the checkpoint of ``weights`` as owner/tiny; retries do not wait."""
    with HubServer(token="secret") as server:
        server.add("owner/tiny", tmp_path / "model")
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(RetryPolicy, "wait", lambda policy, failures: 0.0)
        yield server
