"""What the About page says: versions, and the licences of what Meadow is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import qVersion


@dataclass(frozen=True, slots=True)
class Part:
    """Something that others made and that Meadow comes with."""

    name: str
    licence: str
    where: str


PARTS: Final = (
    Part("Qt and PySide6", "LGPL-3.0", "https://www.qt.io/licensing/open-source-lgpl-obligations"),
    Part("PyTorch", "BSD-3-Clause", "https://github.com/pytorch/pytorch"),
    Part("Transformers", "Apache-2.0", "https://github.com/huggingface/transformers"),
    Part("hivemind", "MIT", "https://github.com/learning-at-home/hivemind"),
    Part("go-libp2p", "MIT and Apache-2.0", "https://github.com/libp2p/go-libp2p"),
    Part("cryptography", "Apache-2.0 or BSD-3-Clause", "https://github.com/pyca/cryptography"),
    Part("FastAPI", "MIT", "https://github.com/fastapi/fastapi"),
    Part("uvicorn", "BSD-3-Clause", "https://github.com/encode/uvicorn"),
    Part("llguidance", "MIT", "https://github.com/guidance-ai/llguidance"),
    Part("msgpack", "Apache-2.0", "https://github.com/msgpack/msgpack-python"),
    Part("psutil", "BSD-3-Clause", "https://github.com/giampaolo/psutil"),
    Part("Python", "PSF-2.0", "https://www.python.org"),
)


def parts() -> list[dict[str, str]]:
    """For QML."""
    return [{"name": part.name, "licence": part.licence, "where": part.where} for part in PARTS]


def qt_version() -> str:
    """The version of Qt that runs."""
    return qVersion() or ""
