"""Colours for code. (In work: plain so far.)"""

from __future__ import annotations

from collections.abc import Sequence

from meadow_app.text.look import Look


def colour(kind: str, look: Look) -> str:
    return look.ink


class Colours:
    def lines(self, info: str, lines: Sequence[str]) -> list[tuple[tuple[str, str], ...]]:
        return [((line, ""),) for line in lines]
