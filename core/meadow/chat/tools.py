"""Tool calls in what a model writes: which format a model uses, and how to read it.

Three formats are common: Hermes and Qwen write ``<tool_call>{"name", "arguments"}</tool_call>``, Llama 3 writes bare
JSON with "parameters", Mistral writes ``[TOOL_CALLS]`` and a list, or a name, ``[ARGS]`` and JSON. A model whose
template knows nothing of tools is told about them in words, in the Hermes format (``templates.py``).
"""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meadow.chat.request import ToolCall
from meadow.chat.tokenizer import overlap
from meadow.errors import MeadowError

_ID_LETTERS = string.ascii_letters + string.digits
_MAX_CALLS = 128
_PYTHON_TAG = "<|python_tag|>"
_ARGS = "[ARGS]"


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """How one kind of model writes its calls."""

    name: str
    open: str
    """A call begins with this text."""
    close: str = ""
    arguments: str = "arguments"
    """The key of the arguments."""
    bare: bool = False
    """An answer that begins with { is a call, too."""


HERMES = ToolFormat("hermes", "<tool_call>", "</tool_call>")
LLAMA3 = ToolFormat("llama3", _PYTHON_TAG, arguments="parameters", bare=True)
MISTRAL = ToolFormat("mistral", "[TOOL_CALLS]")


def knows_tools(template: str | None) -> bool:
    """Whether a chat template has a place for tools."""
    return template is not None and "tools" in template


def tool_format(template: str | None) -> ToolFormat:
    """The format in which a model with this chat template writes its calls."""
    if template is None or not knows_tools(template):
        return HERMES
    if MISTRAL.open in template:
        return MISTRAL
    if HERMES.open in template:
        return HERMES
    return LLAMA3 if _PYTHON_TAG in template or '"parameters"' in template else HERMES


def checked_tools(tools: Sequence[Mapping[str, Any]], choice: str | None) -> tuple[Mapping[str, Any], ...]:
    """The functions that may be called, as ``{"name", "description", "parameters"}``: all for "auto", none for "none",
    one for its name. Raises MeadowError (code "bad_tools")."""
    functions = []
    for tool in tools:
        function = tool.get("function")
        if tool.get("type") != "function" or not isinstance(function, Mapping):
            raise MeadowError(
                'A tool must look like {"type": "function", "function": {"name": ...}}.', code="bad_tools"
            )
        name, parameters = function.get("name"), function.get("parameters")
        letters = isinstance(name, str) and name.replace("_", "").replace("-", "").replace(".", "")
        if not isinstance(name, str) or not letters or not letters.isalnum() or len(name) > 64 or not name.isascii():
            raise MeadowError(
                "The name of a tool has 1 to 64 letters, digits, underscores, dots or dashes.", code="bad_tools"
            )
        if parameters is not None and not isinstance(parameters, Mapping):
            raise MeadowError("The parameters of a tool must be a JSON schema of an object.", code="bad_tools")
        functions.append(function)
    names = [function["name"] for function in functions]
    if len(set(names)) != len(names):
        raise MeadowError("Two tools have the same name.", code="bad_tools")
    if choice == "none":
        return ()
    if choice in (None, "auto", "required"):
        if choice == "required" and not functions:
            raise MeadowError('tool_choice is "required", but no tool is given.', code="bad_tools")
        return tuple(functions)
    chosen = tuple(function for function in functions if function["name"] == choice)
    if not chosen:
        raise MeadowError("tool_choice names a tool that is not among those given.", code="bad_tools")
    return chosen


class ToolReader:
    """Splits an answer into text for people and calls, while it comes."""

    def __init__(self, form: ToolFormat, names: Collection[str]) -> None:
        """``names``: the tools that may be called; a call of anything else is text."""
        self._form, self._names = form, frozenset(names)
        self._held = ""
        self._in_call = False
        self._begun = False  # something other than white space was shown

    def add(self, text: str) -> str:
        """More text; returns what is certainly not part of a call."""
        text = self._held + text
        self._held = ""
        if not self._in_call:
            at = text.find(self._form.open)
            if at < 0 and self._form.bare and not self._begun:
                stripped = text.lstrip()
                at = len(text) - len(stripped) if not stripped or stripped.startswith("{") else -1
            if at < 0:
                held = overlap(text, self._form.open)
                shown = text[: len(text) - held]
                self._held = text[len(shown) :]
                self._begun = self._begun or bool(shown.strip())
                return shown
            shown, text = text[:at], text[at:]
            self._in_call = text.startswith(self._form.open) or bool(text.strip())
            self._held = text
            return shown
        self._held = text
        return ""

    def finish(self) -> tuple[str, tuple[ToolCall, ...]]:
        """At the end: text that turned out to be no call, and the calls."""
        held, self._held = self._held, ""
        calls = read_calls(self._form, held, self._names)
        return ("", calls) if calls else (held, ())


def read_calls(form: ToolFormat, text: str, names: Collection[str]) -> tuple[ToolCall, ...]:
    """The calls in a text that begins with one; () unless all of it can be read as calls of tools in ``names``."""
    found: list[tuple[str, Any]] | None
    if form is HERMES:
        found = _hermes(text)
    elif form is MISTRAL:
        found = _mistral(text)
    else:
        found = _llama(text)
    calls: list[ToolCall] = []
    for name, arguments in found or ():
        arguments = _object(arguments)
        if name not in names or arguments is None or len(calls) == _MAX_CALLS:
            return ()
        calls.append(ToolCall(_new_id(form), name, json.dumps(arguments, ensure_ascii=False)))
    return tuple(calls)


def _hermes(text: str) -> list[tuple[str, Any]] | None:
    calls: list[tuple[str, Any]] = []
    rest = text.strip()
    while rest:
        if not rest.startswith(HERMES.open):
            return calls or None  # what a model adds behind its calls is of no use to anybody
        decoded = _decode(rest[len(HERMES.open) :])
        if decoded is None:
            return None
        value, rest = decoded
        calls.append(_named(value))
        rest = rest.strip().removeprefix(HERMES.close).strip()
    return _complete(calls)


def _llama(text: str) -> list[tuple[str, Any]] | None:
    calls: list[tuple[str, Any]] = []
    rest = text.strip().removeprefix(_PYTHON_TAG).strip()
    while rest:
        decoded = _decode(rest)
        if decoded is None:
            return None
        value, rest = decoded
        calls.append(_named(value))
        rest = rest.strip().removeprefix(";").strip()
    return _complete(calls)


def _mistral(text: str) -> list[tuple[str, Any]] | None:
    calls: list[tuple[str, Any]] = []
    for part in text.split(MISTRAL.open)[1:]:
        part = part.strip()
        if part.startswith("["):
            decoded = _decode(part)
            if decoded is None or not isinstance(decoded[0], list):
                return None
            calls += [_named(value) for value in decoded[0]]
        else:
            brace = part.find("{")
            decoded = _decode(part[brace:]) if brace > 0 else None
            if decoded is None:
                return None
            calls.append((part[:brace].strip().removesuffix(_ARGS).strip(), decoded[0]))
    return _complete(calls)


def _complete(calls: list[tuple[str, Any]]) -> list[tuple[str, Any]] | None:
    return calls or None


def _decode(text: str) -> tuple[Any, str] | None:
    """The JSON value at the beginning of ``text``, and what follows it."""
    text = text.lstrip()
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value, text[end:]


def _named(value: Any) -> tuple[str, Any]:
    if not isinstance(value, dict):
        return "", None
    arguments = value.get("arguments", value.get("parameters", {}))
    name = value.get("name")
    return (name if isinstance(name, str) else ""), arguments


def _object(arguments: Any) -> dict[str, Any] | None:
    """Arguments as an object; some models write them as a string of JSON."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    return arguments if isinstance(arguments, dict) else None


def _new_id(form: ToolFormat) -> str:
    """Mistral's templates insist on nine letters and digits."""
    if form is MISTRAL:
        return "".join(secrets.choice(_ID_LETTERS) for _ in range(9))
    return "call_" + secrets.token_hex(12)
