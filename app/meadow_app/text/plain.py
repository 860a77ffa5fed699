"""What may reach the screen of a string that somebody else wrote: visible characters, in the order they are written."""

from __future__ import annotations

import functools
import re
import unicodedata

ELLIPSIS = "…"
REPLACEMENT = "\ufffd"
MOST_MARKS = 4
"""Accents and other combining marks that one letter may carry; more than this is there to smear over other lines."""

_HIDDEN = (
    (0x00, 0x08),  # C0 controls, but not tab, newline
    (0x0B, 0x1F),
    (0x7F, 0x84),  # delete and C1 controls, but not "next line"
    (0x86, 0x9F),
    (0xAD, 0xAD),  # soft hyphen
    (0x34F, 0x34F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers: blank, and letters to every rule about names
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200B),  # zero-width space
    (0x202A, 0x202E),  # embeddings and overrides: they reorder what stands beside them
    (0x2060, 0x206F),  # word joiner, invisible operators, isolates, deprecated controls
    (0x3164, 0x3164),
    (0xFE00, 0xFE0D),  # variation selectors; the two for text and emoji stay
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),  # tags and more variation selectors: unseen text can be smuggled in them
)
_NEWLINES = (0x85, 0x2028, 0x2029)
_MARKS = (0x200E, 0x200F, 0x061C)  # direction marks: right for a text, out of place in a one-line name
_JOINERS = "\u200c\u200d"


def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = {code: None for first, last in _HIDDEN for code in range(first, last + 1)}
    table |= dict.fromkeys(_NEWLINES, "\n")
    table[0x00] = REPLACEMENT
    # Qt marks objects, and the edges of frames and tables inside of a document, with these.
    table |= dict.fromkeys((0xFFFC, *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF), REPLACEMENT)
    table |= dict.fromkeys(((plane << 16) + end for plane in range(1, 17) for end in (0xFFFE, 0xFFFF)), REPLACEMENT)
    return table


_TABLE = _table()
_ODD = re.compile(r"[^\n\t -~]")
_LINE_ENDS = re.compile(r"\r\n?|[\v\f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("([\ud800-\udbff])([\udc00-\udfff])")
_JOINER_RUN = re.compile(f"([{_JOINERS}\ufe0e\ufe0f])[{_JOINERS}\ufe0e\ufe0f]*\\1")
_SPACES = re.compile(r"\s+")


@functools.cache
def _mark_run() -> re.Pattern[str]:
    """Finds the combining marks beyond the ones a letter may carry. Built at the first text that needs it."""
    ranges: list[list[int]] = []
    for code in [*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)]:
        if unicodedata.category(chr(code)) in ("Mn", "Me"):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    marks = "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
    return re.compile(f"((?:[{marks}][{_JOINERS}]*){{{MOST_MARKS}}})[{marks}{_JOINERS}]+")


def clean(text: str) -> str:
    """The visible characters of ``text``. Line ends become "\\n"; tabs stay. Removed: control characters, invisible
    ones, overrides of direction, combining marks beyond four on a letter. Lone surrogates become U+FFFD."""
    if not _ODD.search(text):
        return text
    text = _LINE_ENDS.sub("\n", text)
    if text.isascii():
        return text.translate(_TABLE)
    if _SURROGATE.search(text):
        text = _PAIR.sub(lambda pair: pair.group().encode("utf-16", "surrogatepass").decode("utf-16"), text)
        text = _SURROGATE.sub(REPLACEMENT, text)
    text = text.translate(_TABLE)
    text = _JOINER_RUN.sub(r"\1", text)
    return _mark_run().sub(r"\1", text)


def one_line(text: object, limit: int = 80) -> str:
    """``text`` for a label, a title, a button, a tooltip: cleaned, on one line, at most ``limit`` characters long.

    To be shown as plain text (``textFormat: Text.PlainText``). Anything but a string is shown as its ``str()``.
    """
    raw = text if isinstance(text, str) else "" if text is None else str(text)
    # A megabyte is not searched for what fits into a label. Invisible characters may use up what is looked at.
    raw = raw[: 64 * limit + 1024]
    line = _SPACES.sub(" ", clean(raw)).strip()
    line = "".join(character for character in line if ord(character) not in _MARKS) if not line.isascii() else line
    if len(line) <= limit:
        return line
    cut = limit - 1
    while cut > 0 and (unicodedata.combining(line[cut]) or line[cut] in _JOINERS or line[cut - 1] in _JOINERS):
        cut -= 1
    return line[:cut].rstrip() + ELLIPSIS


def isolated(text: object, limit: int = 80) -> str:
    """``one_line`` for use inside of a sentence: a name written from right to left does not reorder its neighbours."""
    return f"\u2068{one_line(text, limit)}\u2069"


def label(text: object, limit: int = 80) -> str:
    """``one_line`` for buttons and menu items, where "&" would otherwise underline the letter after it."""
    return one_line(text, limit).replace("&", "&&")


def is_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction is written from right to left (Unicode's rule P2)."""
    if text.isascii():
        return False
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False
