"""Answers of servers that send files: what can be wrong with them, and reading the bodies of those that are right."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx2

MAX_REDIRECTS: Final = 5
TIMEOUT: Final = httpx2.Timeout(20.0, connect=10.0)  # seconds without a single byte
SLOWEST: Final = (30.0, 30_000)  # a connection that carries fewer bytes in this time is given up

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class BadAnswer(Exception):
    """A drop, a stall, or an answer that does not fit: worth another try. The text is ours, never the server's.

    ``spoiled``: also the bytes that came before cannot be trusted.
    """

    def __init__(self, what: str, *, spoiled: bool = False) -> None:
        super().__init__(what)
        self.spoiled = spoiled


def steady(response: httpx2.Response) -> Iterator[bytes]:
    """The body as it comes; BadAnswer when it trickles so slowly that waiting makes no sense."""
    seconds, least = SLOWEST
    since, count = time.monotonic(), 0
    for data in response.iter_raw():
        yield data
        count += len(data)
        now = time.monotonic()
        if now - since > seconds:
            if count < least:
                raise BadAnswer("sends hardly anything")
            since, count = now, 0


def bounded(response: httpx2.Response, limit: int) -> Iterator[bytes]:
    """The body as it comes; BadAnswer beyond ``limit`` bytes."""
    total = 0
    for data in steady(response):
        total += len(data)
        if total > limit:
            raise BadAnswer("sent far more than such an answer can hold")
        yield data


def range_body(response: httpx2.Response, size: int, start: int, end: int) -> Generator[tuple[int, bytes]]:
    """The body of an answer to "bytes ``[start, end)`` of a file of ``size`` bytes", as (offset, data), in order.

    Where the server serves no ranges it begins at 0, and the caller closes the generator when it has what it wants.
    Raises BadAnswer when the headers say anything else than was asked, and also after good data.
    """
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise BadAnswer("answered in an encoding that was not asked for")
    at, stop = 0, size
    if response.status_code == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or tuple(map(int, match.groups())) != (start, end - 1, size):
            raise BadAnswer("answered with another range than was asked for")
        at, stop = start, end
    length = response.headers.get("Content-Length")
    if length is not None and length != str(stop - at):
        raise BadAnswer("announced a wrong length")
    for data in steady(response):
        if at + len(data) > stop:
            raise BadAnswer("sent more than was asked for", spoiled=True)
        yield at, data
        at += len(data)
    if at != stop:
        raise BadAnswer("closed the connection early")


def range_header(size: int, start: int, end: int) -> dict[str, str]:
    """What asks for bytes ``[start, end)`` of ``size``; nothing for all of them."""
    return {"Range": f"bytes={start}-{end - 1}"} if (start, end) != (0, size) else {}


def redirected(url: str, response: httpx2.Response) -> str:
    """Where a redirect leads; never from an encrypted address to one that is not. Raises BadAnswer."""
    target = urljoin(url, response.headers.get("Location", ""))
    allowed = ("https",) if urlsplit(url).scheme == "https" else ("http", "https")
    if urlsplit(target).scheme not in allowed or not urlsplit(target).hostname:
        raise BadAnswer("redirects to an address that is not safe")
    return target


def is_redirect(response: httpx2.Response) -> bool:
    """Whether the answer is that the file is elsewhere."""
    return response.status_code in (301, 302, 303, 307, 308)


def described(error: Exception) -> str:
    """What went wrong with a connection, in words of ours."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return "cannot be reached"
    if isinstance(error, httpx2.TimeoutException):
        return "does not answer in time"
    return "broke off the connection"
