"""Entries of the node's registry as rows of a form: what draws them, and text into values and back. No widgets here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QLocale

from meadow_app.language import translate
from meadow_app.settings.words import about_of, choice_of, label_of, of_node, page_of, unit_of

_GB: Final = 1e9
_NO_LIMIT: Final = 1e6
"""From here on an upper bound only keeps nonsense out, and is not worth mentioning."""
_NUMERIC: Final = ("integer", "number", "percent", "bytes")
_WIDGETS: Final = {
    "boolean": "switch",
    "integer": "integer",
    "number": "number",
    "text": "text",
    "list of texts": "list",
}


class NotANumber(ValueError):
    """What was typed is no number at all; a value that is only too large is for the node to refuse."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A setting. ``widget``: switch, integer, number, percent, bytes, choice, text, model or list."""

    key: str
    page: str
    widget: str
    description: str
    unset: str
    unit: str
    default: Any
    nullable: bool
    restart: bool
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @property
    def label(self) -> str:
        """Its name, in the language of the person."""
        return label_of(self.key)

    @property
    def about(self) -> str:
        """What it does and, while it is not set, what happens then."""
        known = about_of(self.key)
        if known:
            return known
        text = of_node(self.description)
        if self.unset:
            text += " " + translate("SettingsForm", "Not set: %1.").replace("%1", of_node(self.unset))
        return text.replace("`", "")

    @property
    def shown_unit(self) -> str:
        """What stands behind the field."""
        if self.widget == "bytes":
            return translate("SettingsForm", "GB")
        if self.widget == "percent":
            return translate("SettingsForm", "% of the free memory") if self.unit == "of the free memory" else "%"
        return unit_of(self.unit)

    @property
    def range_text(self) -> str:
        """What a value must be, to be read before anything is refused; empty where anything may be."""
        if self.minimum is None or self.maximum is None or self.widget in ("switch", "choice"):
            return ""
        low = self.as_text(self.minimum)
        if self._displayed(self.maximum) >= _NO_LIMIT:
            return translate("SettingsForm", "%1 or more").replace("%1", low)
        high = self.as_text(self.maximum)
        return translate("SettingsForm", "%1 to %2").replace("%1", low).replace("%2", high)

    def _displayed(self, value: float) -> float:
        return {"bytes": value / _GB, "percent": round(value * 100, 6)}.get(self.widget, value)

    def as_text(self, value: Any) -> str:
        """A value as a person types it, in the numbers of the locale."""
        locale = QLocale()
        if value is None:
            return ""
        if self.widget == "bytes" and value >= _GB / 10:
            # Rounded to be read: 1 GiB is 1.07 GB. The field changes nothing while nobody types in it.
            return _number(locale, round(value / _GB, 2))
        if self.widget in _NUMERIC:
            return _number(locale, self._displayed(value))
        return ", ".join(value) if isinstance(value, list) else str(value)

    def as_value(self, typed: Any) -> Any:
        """The JSON value for the node. Raises NotANumber. Nothing typed: not set, or the default."""
        if self.widget in ("switch", "list"):
            return typed
        if self.widget == "choice":
            return typed or None
        text = str(typed).strip()
        if not text:
            return None
        if self.widget in ("text", "model"):
            return text
        number = _read(text, groups=self.widget in ("integer", "bytes"))
        if self.widget == "bytes":
            return round(number * _GB)
        if self.widget == "percent":
            return round(number / 100, 8)
        if self.widget == "integer" and number == int(number):
            return int(number)
        return number

    def options(self) -> list[dict[str, str]]:
        """The values of a choice with their names; the one that is empty leaves it to Meadow."""
        automatic = [{"value": "", "text": translate("SettingsForm", "Automatic")}] if self.nullable else []
        return automatic + [{"value": choice, "text": choice_of(choice)} for choice in self.choices]


def entry_of(body: Mapping[str, Any]) -> Entry | None:
    """An entry from the node's JSON; None when it has a type that this app cannot draw."""
    kind = _WIDGETS.get(body.get("type", ""))
    if kind is None or not isinstance(body.get("key"), str):
        return None
    key, unit = body["key"], body.get("unit") or ""
    schema = _without_null(body.get("value_schema") or {})
    choices = tuple(schema.get("enum", ()))
    if choices:
        kind = "choice"
    elif unit == "bytes":
        kind = "bytes"
    elif kind == "number" and unit.startswith("of ") and schema.get("maximum") == 1:
        kind = "percent"
    elif kind == "text" and key.endswith("model"):
        kind = "model"
    return Entry(
        key=key,
        page=page_of(key),
        widget=kind,
        description=body.get("description") or "",
        unset=body.get("unset") or "",
        unit=unit,
        default=body.get("default"),
        nullable=body.get("default") is None,
        restart=bool(body.get("restart")),
        choices=choices,
        minimum=schema.get("minimum"),
        maximum=schema.get("maximum"),
    )


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    for part in schema.get("anyOf", ()):
        if part.get("type") != "null":
            return dict(part)
    return schema


def _number(locale: QLocale, value: float) -> str:
    """Short, without an exponent, and without thousands' separators, which are taken for decimal points."""
    locale.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)
    if value == int(value):
        return locale.toString(int(value))
    text = f"{value:.6f}".rstrip("0")
    return locale.toString(float(value), "f", len(text.partition(".")[2]))


def _read(text: str, *, groups: bool) -> float:
    """A number of the locale, or as programs write it. ``groups``: "1.000" is a thousand to a German.

    Where fractions are usual it is not: whoever types "0.500" there means a half.
    """
    local, program = QLocale(), QLocale.c()
    for locale in (program, *(() if groups else (local,))):
        locale.setNumberOptions(QLocale.NumberOption.RejectGroupSeparator)
    for candidate in (local, program):
        number, good = candidate.toDouble(text)
        if good and number == number and abs(number) != float("inf"):
            return number
    raise NotANumber(translate("SettingsForm", "This is not a number."))
