"""Times as people write them: "90s", "1h30m", "18:30", "tomorrow"."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_LONGEST = 366 * 86400
MORNING = 8
"""The hour that "tomorrow" begins at."""


def span(text: str) -> float:
    """Seconds of "90s", "10m", "1h30m", "2d"; for argparse."""
    compact = text.replace(" ", "").lower()
    if not _DURATION.fullmatch(compact):
        raise argparse.ArgumentTypeError(f"{text!r} is not a length of time. Write for example 90s, 10m, 1h30m or 2d")
    seconds = sum(float(count) * _SECONDS[unit] for count, unit in _PART.findall(compact))
    if seconds > _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is longer than a year")
    return seconds


def moment(text: str, now: datetime | None = None) -> datetime:
    """The next "18:30", "tomorrow" (in the morning), or "2030-01-31T08:00", in local time; for argparse.

    ``now``: local time with its zone; for tests.
    """
    now = now or datetime.now().astimezone()
    wanted = text.strip().lower()
    if wanted == "tomorrow":
        found = (now + timedelta(days=1)).replace(hour=MORNING, minute=0, second=0, microsecond=0)
        return _local(found)
    if match := re.fullmatch(r"(\d{1,2}):(\d{2})", wanted):
        hour, minute = map(int, match.groups())
        if hour > 23 or minute > 59:
            raise argparse.ArgumentTypeError(f"{text!r} is not a time of day. Write for example 18:30")
        found = _local(now.replace(hour=hour, minute=minute, second=0, microsecond=0))
        return found if found > now else _local(found + timedelta(days=1))
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time. Write for example 18:30, tomorrow or 2030-01-31T08:00"
        ) from None
    found = found.astimezone() if found.tzinfo is None else found
    if found <= now:
        raise argparse.ArgumentTypeError(f"{text!r} is over already")
    if found - now > timedelta(seconds=_LONGEST):
        raise argparse.ArgumentTypeError(f"{text!r} is more than a year away")
    return found


def _local(time: datetime) -> datetime:
    """The same time on the wall, with the zone that holds on that day: the clocks may change in between."""
    return time.replace(tzinfo=None).astimezone()


def clock(time: datetime, now: datetime) -> str:
    """A moment for people: "18:30" today, else with its date."""
    local = time.astimezone()
    return f"{local:%H:%M}" if local.date() == now.astimezone().date() else f"{local:%a %d %b, %H:%M}"
