"""Numbers as people read them, in the language and the habits of their place: sizes, rates, lengths of time."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

translate = QCoreApplication.translate

_MOST = 10**15
"""Peers make claims; what is more than this is no figure, and Qt takes no more than 64 bits."""


def number(value: float) -> str:
    """ "41,208"."""
    return QLocale().toString(round(_bounded(value)))


def counted(text: str, count: int) -> str:
    """``text`` with its ``count`` (which Qt put there for ``%n``) written as people write large numbers."""
    return text.replace(str(count), number(count), 1)


def size(count: float) -> str:
    """Bytes: "512 bytes", "3.1 MB"."""
    count = max(0.0, _bounded(count))
    digits = 0 if count < 1000 else 1
    return QLocale().formattedDataSize(round(count), digits, QLocale.DataSizeFormat.DataSizeSIFormat)


def transfer_rate(per_second: float) -> str:
    """Bytes a second: "12.4 MB/s"."""
    return translate("Figures", "{size}/s").format(size=size(per_second))


def speed(tokens_per_second: float) -> str:
    """Tokens a second: "7.5 tok/s". From a hundred on, the decimal says nothing any more."""
    return translate("Figures", "{number} tok/s").format(number=decimal(tokens_per_second))


def decimal(value: float) -> str:
    """With one decimal below a hundred, if it is not a zero."""
    shown = round(_bounded(value), 1)
    return QLocale().toString(shown, "f", 1) if shown < 100 and shown != int(shown) else number(shown)


def block_range(start: int, end: int) -> str:
    """Blocks [start, end) as people count, from one and with the last one: "1–6", "3". Only programs see START:END."""
    first, last = number(start + 1), number(max(start + 1, end))
    return first if first == last else translate("Figures", "{first}–{last}").format(first=first, last=last)


def blocks(start: int, end: int, total: int | None = None) -> str:
    """ "blocks 1–6", "block 3", "blocks 1–6 of 12"; the one way in which blocks are told to people."""
    shown, one = block_range(start, end), end - start <= 1
    if total:
        text = (
            translate("Figures", "block {number} of {all}") if one else translate("Figures", "blocks {number} of {all}")
        )
        return text.format(number=shown, all=number(total))
    text = translate("Figures", "block {number}") if one else translate("Figures", "blocks {number}")
    return text.format(number=shown)


def percent(fraction: float) -> str:
    """ "90 %", as the language writes it."""
    return translate("Figures", "{number} %").format(number=number(100 * fraction))


def duration(seconds: float) -> str:
    """ "12 s", "3 min", "2 h 5 min"."""
    whole = max(0, round(_bounded(seconds)))
    if whole < 60:
        return translate("Figures", "{number} s").format(number=number(whole))
    minutes = round(whole / 60)
    if minutes < 60:
        return translate("Figures", "{number} min").format(number=number(minutes))
    hours, minutes = divmod(minutes, 60)
    if not minutes:
        return translate("Figures", "{number} h").format(number=number(hours))
    return translate("Figures", "{hours} h {minutes} min").format(hours=number(hours), minutes=minutes)


def time_left(seconds: float) -> str:
    """ "3 min left"."""
    return translate("Figures", "{time} left").format(time=duration(seconds))


def hour_of(unix_seconds: float) -> str:
    """The time of day: "14:00"."""
    return QLocale().toString(_moment(unix_seconds).time(), QLocale.FormatType.ShortFormat)


def day_of(unix_seconds: float) -> str:
    """The day: "23 Nov"."""
    return QLocale().toString(_moment(unix_seconds).date(), translate("Figures", "d MMM", "a day, as QLocale wants it"))


def moment(unix_seconds: float, now: float) -> str:
    """A time of today as "18:30", another with its day."""
    text = hour_of(unix_seconds)
    same_day = _moment(unix_seconds).date() == _moment(now).date()
    return text if same_day else translate("Figures", "{day}, {time}").format(day=day_of(unix_seconds), time=text)


def _moment(unix_seconds: float) -> QDateTime:
    return QDateTime.fromSecsSinceEpoch(int(_bounded(unix_seconds)))


def _bounded(value: float) -> float:
    return min(_MOST, max(-_MOST, value)) if math.isfinite(value) else 0.0


def quantity(tree: Any, name: str) -> float | None:
    """A number out of JSON that came from somewhere, within bounds; None when it is absent or no number."""
    value = tree.get(name) if isinstance(tree, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Comparing first: an int may be too large for a float.
    return float(min(_MOST, max(-_MOST, value))) if value == value else None
