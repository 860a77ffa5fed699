"""What can be wrong with settings."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from meadow.errors import MeadowError
from meadow.node.settings.registry import REGISTRY
from meadow.node.settings.setting import shown


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a sentence, and where. ``line`` counts from 1; both are None where unknown."""

    message: str
    key: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return self.message if self.line is None else f"Line {self.line}: {self.message}"


class SettingsError(MeadowError):
    """A value, or the settings file, is not as it must be; nothing was changed. ``problems`` has each one."""

    code = "settings"

    def __init__(self, problems: Sequence[Problem], *, where: str = "") -> None:
        super().__init__(where + " ".join(map(str, problems)))
        self.problems = tuple(problems)


class NewerSettings(MeadowError):
    """The settings file was written by a newer Meadow; it was left alone."""

    code = "settings_newer"


def no_such_setting(key: str, known: Iterable[str] = REGISTRY) -> str:
    """A sentence about a key that does not exist, with what was probably meant."""
    names = list(known)
    section = [name for name in names if name.startswith(key + ".")]
    if section:
        return f"There is no setting {shown(key)}. Write the whole name, for example {shown(section[0])}."
    near = difflib.get_close_matches(key[:100], names, n=1)
    return f"There is no setting {shown(key)}." + (f" Did you mean {shown(near[0])}?" if near else "")
