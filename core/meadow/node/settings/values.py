"""The values of all settings at one moment: an immutable mapping that knows which of them a person has chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from meadow.node.settings.problems import Problem, SettingsError, no_such_setting
from meadow.node.settings.registry import REGISTRY
from meadow.node.settings.setting import Value


class Settings(Mapping[str, Any]):
    """``settings["node.port"]`` is the chosen value or the default; iterating gives every key of the registry.

    Never changes: :meth:`with_` gives another one. :class:`~meadow.node.settings.SettingsFile` keeps one on disk.
    """

    __slots__ = ("_chosen", "_unknown")

    def __init__(self, chosen: Mapping[str, Any] | None = None, *, unknown: Mapping[str, Any] | None = None) -> None:
        """Defaults, but ``chosen``. ``unknown``: what a file says beside; kept for the Meadow that knows it.

        Raises SettingsError that names every key whose value does not fit.
        """
        accepted, problems = accept(chosen or {})
        if problems:
            raise SettingsError(problems)
        self._chosen = MappingProxyType({key: accepted[key] for key in REGISTRY if key in accepted})
        self._unknown = MappingProxyType(dict(unknown or {}))

    def __getitem__(self, key: str) -> Any:
        return self._chosen[key] if key in self._chosen else REGISTRY[key].default

    def __iter__(self) -> Iterator[str]:
        return iter(REGISTRY)

    def __len__(self) -> int:
        return len(REGISTRY)

    def __repr__(self) -> str:
        return f"Settings({dict(self._chosen)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._chosen == other._chosen and self._unknown == other._unknown

    def __hash__(self) -> int:
        return hash(tuple(self._chosen.items()))

    @property
    def chosen(self) -> Mapping[str, Value]:
        """Only what differs from the defaults, in the order of the registry."""
        return self._chosen

    @property
    def unknown(self) -> Mapping[str, Any]:
        """Keys of the file that this Meadow does not know, with their values."""
        return self._unknown

    def with_(self, key: str, value: Any) -> Settings:
        """The same with another value; None takes the default again. Raises SettingsError."""
        return self.with_changes({key: value})

    def with_changes(self, changes: Mapping[str, Any]) -> Settings:
        """The same with several other values; all of them or, by SettingsError, none."""
        return Settings({**self._chosen, **changes}, unknown=self._unknown)

    def to_json(self) -> dict[str, Any]:
        """All values, as JSON has them."""
        return {key: plain(value) for key, value in self.items()}

    @classmethod
    def load(cls, path: Path) -> Settings:
        """What the file says; defaults if there is none. See :func:`meadow.node.settings.file.read`."""
        from meadow.node.settings.file import read

        return read(path).settings

    def save(self, path: Path) -> None:
        """Write the file in one step. See :func:`meadow.node.settings.file.write`."""
        from meadow.node.settings.file import write

        write(path, self)


def accept(chosen: Mapping[str, Any], *, null_is_default: bool = True) -> tuple[dict[str, Value], list[Problem]]:
    """The values in their types, without those that equal the default, and what is wrong with the others.

    ``null_is_default``: None takes the default of every key, as in a JSON merge patch.
    """
    accepted: dict[str, Value] = {}
    problems = []
    for key, value in chosen.items():
        setting = REGISTRY.get(key)
        if setting is None:
            problems.append(Problem(no_such_setting(key), key))
        elif value is not None or not null_is_default:
            try:
                converted = setting.accept(value)
            except ValueError as error:
                problems.append(Problem(str(error), key))
            else:
                if converted != setting.default:
                    accepted[key] = converted
    return accepted, problems


def plain(value: Value) -> Any:
    """A value as JSON has it."""
    return list(value) if isinstance(value, tuple) else value
