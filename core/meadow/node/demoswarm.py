"""The demo swarm: the bundled model on two servers of this machine, apart from every other swarm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from meadow.errors import UnknownModel, UnsupportedModel
from meadow.node.supervisor import new_server_id
from meadow.resources import resource
from meadow.server.spec import ServerSpec


def demo_folder() -> Path:
    """The bundled model."""
    return resource("demo-model")


def demo_specs(folder: Path | None = None) -> list[ServerSpec]:
    """Two servers for the model in ``folder`` (None: the bundled one), one thread each. Raises MeadowError."""
    folder = demo_folder() if folder is None else folder
    return [ServerSpec(str(folder), new_server_id(), start, end, threads=1) for start, end in halves(folder)]


def halves(folder: Path) -> list[tuple[int, int]]:
    """The spans of two servers (one, if there is one block), from the config alone: nobody waits for torch here."""
    try:
        config: Any = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnknownModel(f"There is no model in {folder}. Give a folder that holds config.json.") from None
    except (OSError, ValueError) as error:
        raise UnsupportedModel(f"The config.json in {folder} cannot be read. Get the model again.") from error
    text = config.get("text_config", config) if isinstance(config, dict) else {}
    counts = (text.get(name) for name in ("num_hidden_layers", "n_layer", "n_layers", "num_layers"))
    count = next((value for value in counts if isinstance(value, int) and value > 0), None)
    if count is None:
        raise UnsupportedModel(f"The config.json in {folder} does not say how many blocks the model has.")
    middle = (count + 1) // 2
    return [(0, middle), (middle, count)] if count > 1 else [(0, 1)]
