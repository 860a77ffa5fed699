"""What this machine computed for others, by hour, by day and in all. Pure: no clock, no file.

A token counts once for each server that it passes, however many blocks that server hosts: positions times rows of the
steps that were computed, prompts included.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, Self

DAYS = 30
HOURS = 24
_HOUR = 3600
_MOST = 2**53
"""Larger numbers are not exact in JSON."""


@dataclass(slots=True)
class Counts:
    """``bytes_in`` and ``bytes_out`` are those of hidden states, ``seconds`` those in which a server was up."""

    tokens: int = 0
    sessions: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0

    def add(self, other: Counts) -> None:
        """Count more."""
        for field in fields(self):
            setattr(self, field.name, min(_MOST, getattr(self, field.name) + getattr(other, field.name)))

    def to_json(self) -> dict[str, float]:
        """Every count by its name."""
        return {field.name: round(getattr(self, field.name), 1) for field in fields(self)}

    @classmethod
    def of(cls, table: Any) -> Self:
        """The inverse. Raises ValueError for what cannot be a count."""
        if not isinstance(table, Mapping):
            raise ValueError("no table of counts")
        counts = cls()
        for field in fields(counts):
            number = table.get(field.name, 0)
            if field.name != "seconds" and type(number) is not int:
                raise ValueError(field.name)
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise ValueError(field.name)
            if not math.isfinite(number) or not 0 <= number <= _MOST:
                raise ValueError(field.name)
            setattr(counts, field.name, number)
        return counts


class Ledger:
    """All counts. A day is one of the person's calendar; at most 31 days and 25 hours are kept beside the total."""

    def __init__(self) -> None:
        self.total = Counts()
        self._days: dict[date, Counts] = {}
        self._hours: dict[int, int] = {}

    def add(self, counts: Counts, at: float) -> None:
        """Count something that happened at ``at``, Unix seconds."""
        day, hour = _day(at), _hour(at)
        self.total.add(counts)
        self._days.setdefault(day, Counts()).add(counts)
        if counts.tokens:
            self._hours[hour] = min(_MOST, self._hours.get(hour, 0) + counts.tokens)
        # A clock that was wrong for a while must not keep others out: days of the future go, too.
        self._days = {d: c for d, c in self._days.items() if day - timedelta(DAYS) <= d <= day + timedelta(1)}
        self._hours = {h: c for h, c in self._hours.items() if hour - HOURS * _HOUR <= h <= hour + _HOUR}

    def today(self, now: float) -> Counts:
        """The counts of the day that ``now`` is in."""
        return self._days.get(_day(now), Counts())

    def hours(self, now: float) -> list[tuple[int, int]]:
        """(Unix time of its beginning, tokens) of the last 24 hours, the present one last."""
        last = _hour(now)
        starts = range(last - (HOURS - 1) * _HOUR, last + 1, _HOUR)
        return [(start, self._hours.get(start, 0)) for start in starts]

    def days(self, now: float) -> list[tuple[int, int]]:
        """(Unix time of its beginning, tokens) of the last 30 days, today last."""
        days = [_day(now) - timedelta(back) for back in reversed(range(DAYS))]
        return [(_start(day), self._days[day].tokens if day in self._days else 0) for day in days]

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "total": self.total.to_json(),
            "days": {day.isoformat(): counts.to_json() for day, counts in sorted(self._days.items())},
            "hours": {str(hour): tokens for hour, tokens in sorted(self._hours.items())},
        }

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """The inverse; empty for {}. Raises ValueError for what was never written."""
        ledger = cls()
        days, hours = content.get("days", {}), content.get("hours", {})
        if not isinstance(days, Mapping) or not isinstance(hours, Mapping):
            raise ValueError("no tables")
        if len(days) > 2 * DAYS or len(hours) > 2 * HOURS:
            raise ValueError("too many entries")
        ledger.total = Counts.of(content.get("total", {}))
        ledger._days = {date.fromisoformat(day): Counts.of(counts) for day, counts in days.items()}
        ledger._hours = {int(hour): Counts.of({"tokens": tokens}).tokens for hour, tokens in hours.items()}
        return ledger


def _day(at: float) -> date:
    return datetime.fromtimestamp(at).date()


def _start(day: date) -> int:
    return int(datetime(day.year, day.month, day.day).timestamp())


def _hour(at: float) -> int:
    return int(at) // _HOUR * _HOUR
