"""How a chat's answers are sampled: presets, and the fields behind them with the ranges that the node accepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import Property, QCoreApplication, QLocale, QObject, Signal, Slot

from meadow_app.language import QT_TRANSLATE_NOOP

translate = QCoreApplication.translate

PRESETS: Final[dict[str, dict[str, float]]] = {
    "precise": {"temperature": 0.2, "top_p": 0.9},
    "balanced": {},  # what the makers of the model advise
    "creative": {"temperature": 1.1, "top_p": 0.98},
}
CUSTOM: Final = "custom"


@dataclass(frozen=True, slots=True)
class Field:
    """A setting: its range, as docs/chats.md and the node have it. ``above``: the least value itself is too small."""

    name: str
    label: str
    hint: str
    low: float
    high: float
    whole: bool = False
    above: bool = False


FIELDS: Final = (
    Field(
        "temperature",
        QT_TRANSLATE_NOOP("Sampling", "Temperature"),
        QT_TRANSLATE_NOOP("Sampling", "0 always takes the likeliest word; higher is more surprising"),
        0,
        100,
    ),
    Field(
        "top_p",
        QT_TRANSLATE_NOOP("Sampling", "Top p"),
        QT_TRANSLATE_NOOP("Sampling", "Only the likeliest words that together reach this chance"),
        0,
        1,
        above=True,
    ),
    Field(
        "top_k",
        QT_TRANSLATE_NOOP("Sampling", "Top k"),
        QT_TRANSLATE_NOOP("Sampling", "Only so many of the likeliest words; 0 means all"),
        0,
        1_000_000,
        whole=True,
    ),
    Field(
        "max_tokens",
        QT_TRANSLATE_NOOP("Sampling", "Longest answer"),
        QT_TRANSLATE_NOOP("Sampling", "In tokens; a token is about three quarters of a word"),
        1,
        1_000_000,
        whole=True,
    ),
    Field(
        "frequency_penalty",
        QT_TRANSLATE_NOOP("Sampling", "Frequency penalty"),
        QT_TRANSLATE_NOOP("Sampling", "Above 0 avoids words the more, the more often they came"),
        -2,
        2,
    ),
    Field(
        "presence_penalty",
        QT_TRANSLATE_NOOP("Sampling", "Presence penalty"),
        QT_TRANSLATE_NOOP("Sampling", "Above 0 avoids words that came before"),
        -2,
        2,
    ),
    Field(
        "seed",
        QT_TRANSLATE_NOOP("Sampling", "Seed"),
        QT_TRANSLATE_NOOP("Sampling", "The same question with the same seed gets the same answer"),
        -(2**63),
        2**63 - 1,
        whole=True,
    ),
)
_BY_NAME: Final = {field.name: field for field in FIELDS}
_PRESET_FIELDS: Final = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")


def preset_of(settings: Mapping[str, Any]) -> str:
    """The preset that these settings are; "custom" when they are none of them."""
    used = {name: settings[name] for name in _PRESET_FIELDS if settings.get(name) is not None}
    return next((name for name, values in PRESETS.items() if used == values), CUSTOM)


def with_preset(settings: Mapping[str, Any], preset: str) -> dict[str, Any]:
    """These settings with a preset's; what presets do not speak of (length, seed, tools) stays."""
    kept = {name: value for name, value in settings.items() if name not in _PRESET_FIELDS and value is not None}
    return kept | PRESETS.get(preset, {})


def read(field: Field, text: str) -> tuple[float | int | None, str]:
    """What a person wrote as a value (None: not set), or why it cannot be one."""
    text = text.strip()
    if not text:
        return None, ""
    locale = QLocale()
    try:
        # Both commas and points are understood, whatever the language: people paste numbers.
        value: float | int = int(text) if field.whole else float(text.replace(",", "."))
    except ValueError:
        number, good = locale.toLongLong(text) if field.whole else locale.toDouble(text)
        if not good:
            kind = translate("Sampling", "a whole number") if field.whole else translate("Sampling", "a number")
            return None, translate("Sampling", "Write {kind}, or nothing.").format(kind=kind)
        value = number
    if not field.low <= value <= field.high or (field.above and value == field.low):
        if field.name == "seed":
            return None, translate("Sampling", "This number is too large.")
        low, high = (locale.toString(float(bound), "g", 7) for bound in (field.low, field.high))
        form = (
            translate("Sampling", "More than {low}, at most {high}.")
            if field.above
            else translate("Sampling", "Between {low} and {high}.")
        )
        return None, form.format(low=low, high=high)
    return value, ""


class Sampling(QObject):
    """The settings of one chat. ``wanted`` is emitted with what the person wants; the chat sends it to the node."""

    changed = Signal()
    wanted = Signal(object)
    """The settings as a whole, to be stored."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings: dict[str, Any] = {}
        self._errors: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self._open = False

    preset = Property(str, lambda self: CUSTOM if self._open else preset_of(self.settings), notify=changed)
    fields = Property(list, lambda self: [self._row(field) for field in FIELDS], notify=changed)
    trouble = Property(str, lambda self: self._errors.get("", ""), notify=changed)
    """What the node said when it did not say of which field."""

    def take(self, settings: Mapping[str, Any]) -> None:
        """The node says what is stored."""
        self.settings = {name: value for name, value in settings.items() if value is not None}
        self._errors, self._written = {}, {}
        self.changed.emit()

    @Slot(str)
    def choose(self, preset: str) -> None:
        """Take a preset; "custom" shows the fields and changes nothing yet."""
        self._open = preset == CUSTOM
        self._errors, self._written = {}, {}
        if preset in PRESETS:
            self.wanted.emit(with_preset(self.settings, preset))
        self.changed.emit()

    @Slot(str, str)
    def write(self, name: str, text: str) -> None:
        """The person has written this into a field."""
        value, error = read(_BY_NAME[name], text)
        self._written[name] = text
        self._errors.pop("", None)
        self._errors.pop(name, None)
        if error:
            self._errors[name] = error
        else:
            settings = {key: known for key, known in self.settings.items() if key != name}
            if value is not None:
                settings[name] = value
            if settings != self.settings:
                self.wanted.emit(settings)
        self.changed.emit()

    def refuse(self, message: str) -> None:
        """The node did not take them. Its sentence goes to the field that it names."""
        name = next((field.name for field in FIELDS if field.name in message), "")
        self._errors[name] = message
        self.changed.emit()

    def _row(self, field: Field) -> dict[str, str]:
        value = self.settings.get(field.name)
        stored = "" if value is None else str(value) if field.whole else QLocale().toString(float(value), "g", 6)
        return {
            "name": field.name,
            "label": translate("Sampling", field.label),
            "hint": translate("Sampling", field.hint),
            "text": self._written.get(field.name, stored),
            "error": self._errors.get(field.name, ""),
        }
