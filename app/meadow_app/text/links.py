"""Which links of a message can be opened, and what a person is told before one is."""

from __future__ import annotations

import re

from PySide6.QtCore import QUrl

SCHEMES = ("http", "https", "mailto")
LONGEST = 2000

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_UNSAFE = re.compile(r"[\s\x00-\x20\x7f<>\"\\^`{}|]")


def target(text: str) -> str:
    """``text`` as the target of a link, or "" where it is not one that may be opened (another scheme, no host, …)."""
    scheme = _SCHEME.match(text)
    if scheme is None or scheme.group(1).lower() not in SCHEMES or len(text) > LONGEST or _UNSAFE.search(text):
        return ""
    url = QUrl(text, QUrl.ParsingMode.StrictMode)
    if not url.isValid():
        return ""
    if url.scheme() == "mailto":
        # Only an address: a whole letter behind a word is not what people expect of a link.
        return f"mailto:{url.path()}" if "@" in url.path() else ""
    return text if url.host() else ""


def host(link: str) -> str:
    """The host that a link leads to, as it goes over the wire (xn--… for letters beyond ASCII), or the mail address."""
    url = QUrl(link)
    if url.scheme() == "mailto":
        return url.path()
    return url.host(QUrl.ComponentFormattingOption.EncodeUnicode)


def full(link: str) -> str:
    """The whole target as it will be asked for: letters that look like others show as what they are."""
    return QUrl(link).toString(
        QUrl.ComponentFormattingOption.FullyEncoded | QUrl.ComponentFormattingOption.EncodeUnicode
    )


_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?((?:[^\W_](?:[\w-]{0,62})\.)+[^\W\d_]{2,24})\b", re.IGNORECASE)


def misleads(label: str, link: str) -> bool:
    """Whether the words of a link look like an address, and it leads to another host than they say."""
    named = _ADDRESS.search(label[:500])
    if named is None:
        return False
    said, real = named.group(1).lower().removeprefix("www."), host(link).lower().removeprefix("www.")
    return said != real and not real.endswith("@" + said)
