"""``meadow settings``: read and change settings, through the running node or, without one, in their file."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from meadow.cli.output import Output, plain
from meadow.cli.remote import NoNode, connect
from meadow.node.lock import is_held
from meadow.node.settings import REGISTRY, Kind, Setting, SettingsError, SettingsFile
from meadow.node.settings.problems import Problem, no_such_setting
from meadow.platform.paths import Paths

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0, or MeadowError that names what is wrong."""
    if options.key is not None and options.key not in REGISTRY:
        raise SettingsError([Problem(f"{no_such_setting(options.key)} `meadow settings` lists all.", options.key)])
    changes: dict[str, Any] = {}
    if options.reset and options.key is None:
        raise SettingsError(
            [Problem("Name the setting to take back, for example `meadow settings node.port --reset`.")]
        )
    if options.reset:
        changes = {options.key: None}
    elif options.value is not None:
        changes = {options.key: value_of(REGISTRY[options.key], options.value)}
    body = _through_node(options, changes)
    if body is None:
        body = _in_file(options, changes)
    for remark in body["remarks"]:
        output.note(plain(remark))
    keys = [options.key] if options.key is not None else list(REGISTRY)
    for key in keys:
        setting, value = REGISTRY[key], body["values"].get(key)
        chosen = key in body["chosen"]
        output.event("setting", key=key, value=value, chosen=chosen, default=value_json(setting.default))
        if options.key is None:
            output.result(f"{'*' if chosen else ' '} {key:22} {_shown(setting, value)}")
        elif not changes:
            output.result(f"{key} = {_shown(setting, value)}")
            output.result(f"  {setting.description}")
            output.result(f"  It must be {setting.allowed}. Default: {_shown(setting, value_json(setting.default))}")
        else:
            output.result(f"{key} = {_shown(setting, value)}")
    if options.key is None:
        output.note(f"* differs from its default. Kept in {body['file']}; `meadow settings KEY` explains one.")
    if body["restart_needed"]:
        output.note("The node that runs now uses it from its next start: `meadow stop`, then `meadow node`.")
    return 0


def value_of(setting: Setting, text: str) -> Any:
    """What a person typed, as JSON has it. What does not fit is left as it is, for the check that explains it."""
    if text.strip().lower() == "null":
        return None
    if setting.kind is Kind.BOOLEAN:
        return _WORDS.get(text.strip().lower(), text)
    if setting.kind is Kind.TEXTS:
        return [part.strip() for part in text.split(",") if part.strip()]
    if setting.kind in (Kind.INTEGER, Kind.NUMBER):
        try:
            return int(text) if setting.kind is Kind.INTEGER else float(text)
        except ValueError:
            return text
    return text


def value_json(value: Any) -> Any:
    """A value of the registry as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def _through_node(options: argparse.Namespace, changes: dict[str, Any]) -> Any:
    """The answer of the running node; None if there is none."""
    if "MEADOW_URL" not in os.environ and not is_held(Paths.of(options.home)):
        return None
    try:
        with connect(options.home) as remote:
            return remote.patch("/api/settings", changes) if changes else remote.get("/api/settings")
    except NoNode:
        if "MEADOW_URL" in os.environ:
            raise
        return None


def _in_file(options: argparse.Namespace, changes: dict[str, Any]) -> dict[str, Any]:
    """The same without a node. Other writers are kept out by the file's lock."""
    file = SettingsFile(Paths.of(options.home).settings)
    settings = file.change(changes) if changes else file.current()
    return {
        "values": settings.to_json(),
        "chosen": list(settings.chosen),
        "restart_needed": [],
        "file": str(file.path),
        "remarks": [str(remark) for remark in file.remarks],
    }


def _shown(setting: Setting, value: Any) -> str:
    if value is None:
        return f"not set: {setting.unset}"
    if isinstance(value, str):
        text = value
    elif isinstance(value, list):
        text = ", ".join(map(str, value)) or "none"
    else:
        text = json.dumps(value)
    return plain(text).replace("\n", " ") + (f" {setting.unit}" if setting.unit else "")
