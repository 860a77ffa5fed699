"""``meadow://`` links: a small strict language, because any web page can make a person click on one.

A link shows something; the demo it only offers. It never starts programs by itself, shares, sends, downloads or changes
anything, and names no file.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_LENGTH: Final = 2048
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}(?:/[A-Za-z0-9][A-Za-z0-9_.-]{0,95})?")


class Link(NamedTuple):
    """What a link asks for. ``action``: "show" the window, "demo", "open" ``model``, "later" (an invitation, which this
    version cannot take), or "unknown"."""

    action: str
    model: str = ""


def parse_link(text: str) -> Link:
    """Never fails; whatever is not exactly one of ours is "unknown"."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() != "meadow" or len(text) > MAX_LENGTH or not text.isascii():
        return Link("unknown")
    path, has_query, _ = rest.partition("?")
    if path.lower() in ("join", "join/"):
        return Link("later")
    if has_query or "#" in rest:
        return Link("unknown")
    if path in ("", "/"):
        return Link("show")
    if path.lower() in ("demo", "demo/"):
        return Link("demo")
    verb, _, model = path.partition("/")
    if verb.lower() == "open" and _MODEL.fullmatch(model) and ".." not in model:
        return Link("open", model)
    return Link("unknown")
