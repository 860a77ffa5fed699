"""What this machine gave: today, in all, and over the last hours and days, as bars, as words and as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Property, QCoreApplication, QObject, QTimer, Signal, Slot

from meadow_app import figures
from meadow_app.link.api import Call, Failure
from meadow_app.link.node import NodeLink
from meadow_app.rows import Rows
from meadow_app.text.plain import one_line

translate = QCoreApplication.translate

_AGAIN_MS = 30_000
_MOST_BARS = 60
HOURS, DAYS = "hours", "days"


def bars(series: Sequence[Any], kind: str) -> list[dict[str, Any]]:
    """One row for each hour or day, as the plot and the table show it. ``series``: pairs (Unix start, tokens)."""
    pairs = [(float(pair[0]), max(0.0, float(pair[1]))) for pair in series[-_MOST_BARS:] if _is_pair(pair)]
    most = max((tokens for _, tokens in pairs), default=0.0)
    label = figures.hour_of if kind == HOURS else figures.day_of
    return [
        {
            "key": str(int(start)),
            "label": label(start),
            "tokens": int(tokens),
            "number": figures.number(tokens),
            "height01": tokens / most if most else 0.0,
            "last": at == len(pairs) - 1,
        }
        for at, (start, tokens) in enumerate(pairs)
    ]


def in_words(rows: Sequence[dict[str, Any]], kind: str) -> str:
    """The plot for those who do not see it: the sum, and when it was most."""
    total = sum(row["tokens"] for row in rows)
    if not total:
        if kind == HOURS:
            return translate("Contributions", "Nothing was served in the last 24 hours.")
        return translate("Contributions", "Nothing was served in the last 30 days.")
    best = max(rows, key=lambda row: int(row["tokens"]))
    if kind == HOURS:
        text = translate("Contributions", "{total} tokens in the last 24 hours, most of them from {when}: {most}.")
    else:
        text = translate("Contributions", "{total} tokens in the last 30 days, most of them on {when}: {most}.")
    return text.format(total=figures.number(total), when=best["label"], most=best["number"])


def sums(part: Any) -> list[dict[str, str]]:
    """The known figures of a day or of all time, each with what it counts."""
    labels = {
        "tokens": translate("Contributions", "tokens"),
        "sessions": translate("Contributions", "sessions"),
        "bytes_in": translate("Contributions", "received"),
        "bytes_out": translate("Contributions", "sent"),
        "seconds": translate("Contributions", "of sharing"),
    }
    shown = {"bytes_in": figures.size, "bytes_out": figures.size, "seconds": figures.duration}
    found = {name: figures.quantity(part, name) for name in labels}
    return [
        {"key": name, "value": shown.get(name, figures.number)(value), "label": labels[name]}
        for name, value in found.items()
        if value is not None and math.isfinite(value)
    ]


def _is_pair(pair: Any) -> bool:
    return (
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(isinstance(part, int | float) and math.isfinite(part) for part in pair)
    )


class Contributions(QObject):
    """Read when a page looks, and every half minute for as long as it does."""

    changed = Signal()

    def __init__(self, link: NodeLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._call: Call | None = None
        self._body: dict[str, Any] = {}
        self._failure = ""
        self._kind = HOURS
        self._bars = Rows(["label", "tokens", "number", "height01", "last"], self)
        self._today, self._total = Rows(["value", "label"], self), Rows(["value", "label"], self)
        self._timer = QTimer(self, interval=_AGAIN_MS)
        self._timer.timeout.connect(self.refresh)
        link.connected.connect(self._reconnected)

    @Slot(bool)
    def watch(self, watched: bool) -> None:
        """A page that shows this appears or goes."""
        if watched:
            self.refresh()
            self._timer.start()
        else:
            self._timer.stop()

    @Slot()
    def refresh(self) -> None:
        """Ask now, unless an answer is on its way."""
        if self._call is None:
            self._call = self._link.api.get("/api/contributions")
            self._call.then(self._answered).otherwise(self._refused)

    @Slot()
    def show_again(self) -> None:
        """The language or the day has changed: the same figures in new words."""
        self._bars.update(bars(self._body.get(self._kind) or [], self._kind))
        self._today.update(sums(self._body.get("today")))
        self._total.update(sums(self._body.get("total")))
        self.changed.emit()

    def _reconnected(self) -> None:
        if self._timer.isActive():
            self.refresh()

    def _answered(self, body: object) -> None:
        self._call, self._failure = None, ""
        self._body = body if isinstance(body, dict) else {}
        self.show_again()

    def _refused(self, failure: Failure) -> None:
        self._call, self._failure = None, one_line(failure.message, 600)
        self.changed.emit()

    def _choose(self, kind: str) -> None:
        if kind in (HOURS, DAYS) and kind != self._kind:
            self._kind = kind
            self.show_again()

    @property
    def tokens_today(self) -> float | None:
        """None: not known (yet)."""
        return figures.quantity(self._body.get("today"), "tokens")

    kind = Property(str, lambda self: self._kind, _choose, notify=changed)
    bars = Property(QObject, lambda self: self._bars, constant=True)
    today = Property(QObject, lambda self: self._today, constant=True)
    total = Property(QObject, lambda self: self._total, constant=True)
    words = Property(str, lambda self: self._failure or in_words(self._bars.rows, self._kind), notify=changed)
    known = Property(bool, lambda self: bool(self._body), notify=changed)
    most = Property(str, lambda self: self._most(), notify=changed)

    def _most(self) -> str:
        most = max((row["tokens"] for row in self._bars.rows), default=0)
        return figures.number(most) if most else ""
