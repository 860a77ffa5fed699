"""Settings: one typed registry, one file, one way to change them.

``registry`` lists every setting, ``setting`` says what one is, ``values`` is all of them at one moment, ``file`` keeps
them on disk, ``upgrades`` reads files of older versions. Start with ``registry``. Standard library and address checks
only: the commands use this without waiting for anything heavy.
"""

from __future__ import annotations

from meadow.node.settings.file import Document, SettingsFile
from meadow.node.settings.problems import NewerSettings, Problem, SettingsError
from meadow.node.settings.registry import REGISTRY
from meadow.node.settings.setting import Kind, Setting, Value
from meadow.node.settings.values import Settings

__all__ = [
    "REGISTRY",
    "Document",
    "Kind",
    "NewerSettings",
    "Problem",
    "Setting",
    "Settings",
    "SettingsError",
    "SettingsFile",
    "Value",
]
