"""The settings file: JSON that a person can read and edit, with the keys of the registry, and only what was chosen.

    {
      "version": 1,
      "initial_peers": ["/ip4/192.0.2.7/tcp/31337/p2p/12D3Koo..."],
      "node.port": 8080
    }

What cannot be read is never overwritten: neither a typing mistake of a person nor the file of a newer Meadow. A file of
an older version is brought up to date when something changes, after a copy of it was put aside.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from meadow.errors import MeadowError
from meadow.node.files import exclusive, remove_drafts, write_whole
from meadow.node.settings.problems import NewerSettings, Problem, SettingsError, no_such_setting
from meadow.node.settings.registry import REGISTRY
from meadow.node.settings.setting import is_unicode
from meadow.node.settings.upgrades import VERSION, upgrade
from meadow.node.settings.values import Settings, accept, plain
from meadow.platform.paths import private_folder

_MAX_BYTES = 1 << 20
_REMEDY = "Correct it, or move the file away to start with defaults."
Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What was read. ``remarks``: what is odd but no reason to stop. ``stamp`` differs when somebody else wrote."""

    settings: Settings
    version: int
    remarks: tuple[Problem, ...] = ()
    raw: bytes | None = None
    """None: there is no file."""
    stamp: Stamp | None = None


def read(path: Path) -> Document:
    """Read the file; defaults if there is none.

    Raises SettingsError that names file, line, key, value and what is allowed; NewerSettings for the file of a newer
    Meadow. Unknown keys are no error: a newer Meadow may have written them, or a person mistyped them. They are kept,
    and remarked upon.
    """
    stamp = _stamp(path)
    try:
        with open(path, "rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return Document(Settings(), VERSION)
    except OSError as error:
        raise SettingsError(
            [Problem(f"The settings file {path} cannot be read ({error.strerror}). Correct that, or move it away.")]
        ) from error
    content, text = _parse(path, raw)
    version = content.pop("version", 0)
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        _refuse(path, Problem('"version" must be a whole number; Meadow writes it itself.', "version"), text=text)
    if version > VERSION:
        raise NewerSettings(
            f"The settings file {path} was written by a newer Meadow (its version is {version}, this Meadow knows up "
            f"to {VERSION}). It was left alone. Update Meadow, or use another --home."
        )
    content = upgrade(content, version)
    unknown = {key: value for key, value in content.items() if key not in REGISTRY}
    accepted, problems = accept(
        {key: value for key, value in content.items() if key in REGISTRY}, null_is_default=False
    )
    if problems:
        _refuse(path, *problems, text=text)
    settings = Settings(accepted, unknown=unknown)
    return Document(settings, version, _remarks(settings, text), raw, stamp)


def write(path: Path, settings: Settings) -> Document:
    """Write the file in one step, after a copy of one of an older version. Other threads and processes wait.

    Raises DiskFull or MeadowError, and the old file stays; also what :func:`read` raises, because what cannot be read
    is not overwritten.
    """
    private_folder(path.parent)
    with exclusive(_lock(path)):
        return _write(path, settings, before=read(path))


def change(path: Path, changes: Mapping[str, Any]) -> Document:
    """Change some values of the file, whatever else it says by now: an edit by hand a moment ago is not lost.

    None takes the default again. Raises what :func:`write` and :meth:`Settings.with_changes` raise.
    """
    private_folder(path.parent)
    with exclusive(_lock(path)):
        before = read(path)
        return _write(path, before.settings.with_changes(changes), before)


class SettingsFile:
    """The settings of a running node and their file. Thread-safe; every method may block on the disk."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError or NewerSettings."""
        self.path = path
        self.problem: MeadowError | None = None
        """Why an edit of the file is not in use: the settings before it go on."""
        self._mutex = threading.Lock()
        self._document = read(path)
        self._seen = self._document.stamp

    @property
    def remarks(self) -> tuple[Problem, ...]:
        """What is odd in the file."""
        return self._document.remarks

    def current(self) -> Settings:
        """The settings as they are now, with what was edited by hand meanwhile. Raises nothing: see ``problem``."""
        with self._mutex:
            stamp = _stamp(self.path)
            if stamp != self._seen:
                self._seen = stamp
                try:
                    self._document = read(self.path)
                    self.problem = None
                except MeadowError as error:
                    self.problem = error
            return self._document.settings

    def change(self, changes: Mapping[str, Any]) -> Settings:
        """Change values, in use and on disk: all or none. Raises what :func:`change` raises."""
        with self._mutex:
            self._document = change(self.path, changes)
            self._seen = self._document.stamp
            self.problem = None
            return self._document.settings


def _write(path: Path, settings: Settings, before: Document) -> Document:
    remove_drafts(path)
    if before.raw is not None and before.version < VERSION:
        _put_aside(path, before)
    content = {
        "version": VERSION,
        **{key: plain(value) for key, value in settings.chosen.items()},
        **settings.unknown,
    }
    text = _as_text(content)
    raw = text.encode()
    if len(raw) > _MAX_BYTES:
        raise SettingsError([Problem(f"The settings would take more than {_MAX_BYTES} bytes. Shorten the long ones.")])
    if raw != before.raw:
        write_whole(path, raw)
    return Document(settings, VERSION, _remarks(settings, text), raw, _stamp(path))


def _as_text(content: Mapping[str, Any]) -> str:
    """JSON for people, in UTF-8 unless an unknown key holds half a surrogate pair."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    return text if is_unicode(text) else json.dumps(content, indent=2) + "\n"


def _remarks(settings: Settings, text: str) -> tuple[Problem, ...]:
    return tuple(
        Problem(f"{no_such_setting(key)} It has no effect.", key, _line_of(text, key)) for key in settings.unknown
    )


def _put_aside(path: Path, document: Document) -> None:
    """Keep what is to be upgraded, under a name of its own; earlier copies stay."""
    assert document.raw is not None
    target = path.with_name(f"{path.name}.version-{document.version}.bak")
    number = 1
    while target.exists():
        if target.read_bytes() == document.raw:
            return
        number += 1
        target = path.with_name(f"{path.name}.version-{document.version}.bak-{number}")
    write_whole(target, document.raw)


def _parse(path: Path, raw: bytes) -> tuple[dict[str, Any], str]:
    """The JSON object and its text."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                _refuse(path, Problem(f'"{key[:80]}" is there twice; keep one.', key), text=text)
            found[key] = value
        return found

    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is not a number that JSON knows")

    text = ""
    if len(raw) > _MAX_BYTES:
        _refuse(path, Problem(f"It has more than {_MAX_BYTES} bytes."), text=text)
    try:
        text = raw.decode("utf-8-sig")
        content = json.loads(text, object_pairs_hook=once, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        sentence, position = _in_plain_words(error)
        line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
        _refuse(path, Problem(f"{sentence} (column {column}).", line=line), text=text)
    except UnicodeDecodeError:
        _refuse(path, Problem("It is not text in UTF-8."), text=text)
    except RecursionError:
        _refuse(path, Problem("It is nested too deeply."), text=text)
    except ValueError as error:
        _refuse(path, Problem(f"{error}."), text=text)
    if not isinstance(content, dict):
        _refuse(path, Problem("It must be a JSON object: { ... }."), text=text)
    return content, text


def _in_plain_words(error: json.JSONDecodeError) -> tuple[str, int]:
    """What people usually did when the parser says this, and where in the text."""
    before = error.doc[: error.pos].rstrip()
    after = error.doc[error.pos :].lstrip()
    if not error.doc.strip():
        return "It is empty; at least {} is needed", 0
    if before.endswith(",") and after[:1] in ("}", "]"):
        return "There is a comma after the last entry; take it away", len(before) - 1
    if after[:1] in ("#", "/"):
        return "JSON knows no comments; take it away", error.pos
    if error.msg.startswith("Expecting ',' delimiter") and after:
        return "A comma is missing between two entries, or a quotation mark is wrong", error.pos
    return f"It is not correct JSON: {error.msg}", error.pos


def _refuse(path: Path, *problems: Problem, text: str = "") -> NoReturn:
    placed = [
        Problem(p.message, p.key, p.line if p.line is not None or p.key is None else _line_of(text, p.key))
        for p in problems
    ]
    raise SettingsError([*placed, Problem(_REMEDY)], where=f"The settings file {path} cannot be used. ")


def _line_of(text: str, key: str) -> int | None:
    """The line where ``key`` is written, counted from 1."""
    found = list(re.finditer(re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:", text))
    return text.count("\n", 0, found[-1].start()) + 1 if found else None


def _stamp(path: Path) -> Stamp | None:
    """What changes whenever somebody writes the file; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.name}-lock")
