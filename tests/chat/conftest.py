"""One swarm for all tests of the engine: an endless tiny model over two servers, and the bundled demo model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from chat.bench import Bench, bench
from meadow.resources import resource


@pytest.fixture(scope="session")
def swarm(endless_chat_model: Path) -> Iterator[Bench]:
    with bench([(endless_chat_model, "0:2"), (endless_chat_model, "2:4"), (resource("demo-model"), "0:6")]) as made:
        yield made


@pytest.fixture(scope="session")
def tiny(endless_chat_model: Path) -> str:
    """What requests call the model that never ends an answer by itself."""
    return str(endless_chat_model)


@pytest.fixture(scope="session")
def demo() -> str:
    """What requests call the bundled model."""
    return str(resource("demo-model"))


@pytest.fixture(scope="session")
def plain(tiny: str) -> Any:
    """The endless model in plain transformers."""
    return AutoModelForCausalLM.from_pretrained(tiny).eval()


@pytest.fixture(scope="session")
def tokenizer(tiny: str) -> Any:
    return AutoTokenizer.from_pretrained(tiny)
