"""How models and commits are called on a hub. Pure, and cheap to import."""

from __future__ import annotations

import re
from typing import Final

_MODEL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95})?")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def is_model_id(name: str) -> bool:
    """Could this be ``owner/model`` (or the ``model`` of old) on a hub?"""
    return _MODEL_ID.fullmatch(name) is not None and ".." not in name and "--" not in name


def is_commit(revision: str) -> bool:
    """Is this a full commit hash?"""
    return _COMMIT.fullmatch(revision) is not None
