"""Code in colours: one small engine, and a table per language (``languages``).

A line is lexed with the state the line before it left (inside of which string or comment it ended), so a growing block
of code is lexed line by line, each line once. Every pattern is linear. An unknown language has no colours, nor has a
line of more than a thousand characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meadow_app.text.languages import Language, language
from meadow_app.text.look import Look

LONGEST = 1000

COLOURS: dict[str, tuple[str, str]] = {
    # For light and for dark; a test holds each against the grounds that code stands on.
    "keyword": ("#7A3E9D", "#C9A2E8"),
    "type": ("#0B5C8A", "#7CC4E8"),
    "name": ("#2450A8", "#9BBCF5"),
    "string": ("#1E6A33", "#9CCF8E"),
    "number": ("#93450A", "#E5B27A"),
    "comment": ("#5A645D", "#A0AAA2"),
    "attribute": ("#7D5200", "#E0C07A"),
    "insert": ("#1E6A33", "#8FD19E"),
    "delete": ("#B3261E", "#F2938C"),
}


def colour(kind: str, look: Look) -> str:
    pair = COLOURS.get(kind)
    return look.ink if pair is None else pair[look.dark]


class Token(NamedTuple):
    text: str
    kind: str


def lex(lexer: Language, line: str, state: int = 0) -> tuple[tuple[Token, ...], int]:
    """The tokens of one line, which together are the line, and the state for the next one."""
    if len(line) > LONGEST:
        return (Token(line, ""),), state
    tokens: list[Token] = []
    position, plain = 0, 0
    while position < len(line) or (state and position <= len(line)):
        if state:
            region = lexer.regions[state - 1]
            end = region.close.search(line, position)
            stop = end.end() if end else len(line)
            if stop > plain:
                tokens.append(Token(line[plain:stop], region.kind))
            position = plain = stop
            if end is None:
                return tuple(tokens), state
            state = 0
            continue
        found = lexer.pattern.search(line, position)
        if found is None:
            break
        group = found.lastgroup or ""
        start, stop = found.span(group)
        if group[0] == "r":
            # The text of a region begins with its opening mark.
            _plain(tokens, line, plain, start)
            state, plain, position = int(group[1:]) + 1, start, max(stop, start + 1)
            continue
        kind = lexer.kind(found.group(group), line, stop) if group == "word" else lexer.rules[int(group[1:])].kind
        if kind and stop > start:
            _plain(tokens, line, plain, start)
            tokens.append(Token(line[start:stop], kind))
            plain = stop
        position = max(stop, position + 1)
    _plain(tokens, line, plain, len(line))
    return tuple(tokens), state


def _plain(tokens: list[Token], line: str, start: int, stop: int) -> None:
    if stop > start:
        tokens.append(Token(line[start:stop], ""))


class Colours:
    """The tokens of a block of code that grows; lines that did not change are not lexed again."""

    def __init__(self) -> None:
        self._info = ""
        self._done: list[tuple[str, tuple[Token, ...], int]] = []  # line, tokens, state behind it

    def lines(self, info: str, lines: Sequence[str]) -> list[tuple[Token, ...]]:
        lexer = language(info)
        if lexer is None:
            return [(Token(line, ""),) if line else () for line in lines]
        if info != self._info:
            self._info, self._done = info, []
        same = 0
        for (old, _, _), new in zip(self._done, lines, strict=False):
            if old is not new and old != new:
                break
            same += 1
        del self._done[same:]
        state = self._done[-1][2] if self._done else 0
        for line in lines[same:]:
            tokens, state = lex(lexer, line, state)
            self._done.append((line, tokens, state))
        return [tokens for _, tokens, _ in self._done]
