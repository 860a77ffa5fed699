"""A package index as pip uses them: where it is, what files it lists, and bytes of those.

Nothing that it says is trusted beyond an address: which bytes are the right ones is in the lock. So a mirror is as good
as the index itself, and Meadow takes the one that pip would take here.
"""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import httpx2

from meadow.errors import MeadowError
from meadow.models.answers import (
    MAX_REDIRECTS,
    TIMEOUT,
    BadAnswer,
    bounded,
    described,
    is_redirect,
    range_body,
    range_header,
    redirected,
)
from meadow.resources import resource_root

MAX_PAGE_BYTES: Final = 32 << 20

_ACCEPT: Final = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_PIP_DEFAULT: Final = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"


def index_url(environment: Mapping[str, str] = os.environ) -> str:
    """The index to use: MEADOW_PACKAGE_INDEX, else the one that pip is told to use here, else the one that came with
    this installation, else pip's own. Raises MeadowError when there is none."""
    told = environment.get("MEADOW_PACKAGE_INDEX") or environment.get("PIP_INDEX_URL") or _configured(environment)
    url = (told or _packaged() or _of_pip() or "").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise MeadowError(
            "It is not known where the packages of the GPU runtime can be had. Set MEADOW_PACKAGE_INDEX to the address "
            "of a package index.",
            code="gpu_runtime",
        )
    return url


def _configured(environment: Mapping[str, str]) -> str | None:
    """``index-url`` of pip's configuration files; the most special one counts."""
    home = environment.get("HOME", "")
    config = environment.get("XDG_CONFIG_HOME") or f"{home}/.config"
    files = [environment.get("PIP_CONFIG_FILE"), f"{config}/pip/pip.conf", f"{home}/.pip/pip.conf", "/etc/pip.conf"]
    for file in filter(None, files):
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        found = parser.get("global", "index-url", fallback=None)
        if found:
            return found.strip()
    return None


def _packaged() -> str | None:
    """What whoever packaged this Meadow wrote down: ``resources/package-index``, one line."""
    try:
        return Path(resource_root(), "package-index").read_text(encoding="utf-8").strip() or None
    except (OSError, MeadowError):
        return None


def _of_pip() -> str | None:
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PIP_DEFAULT], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file as the index lists it; all of it are claims."""

    name: str
    url: str
    sha256: str | None = None
    size: int | None = None
    requires_python: str | None = None
    yanked: bool = False


class PackageIndex:
    """A connection pool to one index and to wherever its files are. Thread-safe."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.host = urlsplit(url).netloc.rpartition("@")[2].lower()
        self._client = httpx2.Client(timeout=TIMEOUT, follow_redirects=False, headers={"User-Agent": "meadow"})

    def files(self, project: str) -> list[IndexFile]:
        """All files of a project. Raises BadAnswer (worth another try) or MeadowError (it is not there)."""
        with self._open(f"{self.url}/{project}/", {"Accept": _ACCEPT}) as (response, url):
            kind = response.headers.get("Content-Type", "")
            page = b"".join(bounded(response, MAX_PAGE_BYTES))
        try:
            text = page.decode("utf-8")
            return _from_json(json.loads(text), url) if "json" in kind else _from_html(text, url)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise BadAnswer("sent a list of files that is not readable") from None

    def read(self, url: str, size: int, start: int, end: int) -> Generator[tuple[int, bytes]]:
        """Bytes of a file of ``size`` bytes as (offset, data), in order: ``[start, end)``, or from 0 when the server
        serves no ranges. Raises BadAnswer, also after good data, or MeadowError."""
        with self._open(url, range_header(size, start, end)) as (response, _):
            yield from range_body(response, size, start, end)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    @contextmanager
    def _open(self, url: str, headers: Mapping[str, str]) -> Iterator[tuple[httpx2.Response, str]]:
        # identity: offsets count stored bytes, and nobody can send a decompression bomb.
        headers = {"Accept-Encoding": "identity", **headers}
        try:
            for _ in range(MAX_REDIRECTS + 1):
                request = self._client.build_request("GET", url, headers=headers)
                response = self._client.send(request, stream=True)
                try:
                    if is_redirect(response):
                        url = redirected(url, response)
                        continue
                    if response.status_code not in (200, 206):
                        self._refuse(response.status_code)
                    if response.headers.get("Content-Encoding", "identity") != "identity":
                        raise BadAnswer("answered in an encoding that was not asked for")
                    yield response, url
                    return
                finally:
                    response.close()
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise BadAnswer(described(error)) from error
        raise BadAnswer("redirects in circles")

    def _refuse(self, status: int) -> None:
        if status == 429 or status >= 500:
            raise BadAnswer(f"has a problem of its own (status {status})")
        raise MeadowError(
            f"{self.host} does not give out a package of the GPU runtime (status {status}). Try again later, or name "
            "another package index with MEADOW_PACKAGE_INDEX.",
            code="gpu_runtime",
        )


def _from_json(table: Any, base: str) -> list[IndexFile]:
    return [
        IndexFile(
            str(entry["filename"]),
            urljoin(base, entry["url"]),
            entry.get("hashes", {}).get("sha256"),
            entry.get("size"),
            entry.get("requires-python"),
            bool(entry.get("yanked")),
        )
        for entry in table["files"]
    ]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and dict(attrs).get("href"):
            self.found.append(dict(attrs))


def _from_html(page: str, base: str) -> list[IndexFile]:
    links = _Links()
    links.feed(page)
    files = []
    for link in links.found:
        url, fragment = urldefrag(urljoin(base, link["href"] or ""))
        name, _, value = fragment.partition("=")
        files.append(
            IndexFile(
                unquote(urlsplit(url).path.rpartition("/")[2]),
                url,
                value if name == "sha256" else None,
                requires_python=link.get("data-requires-python"),
                yanked="data-yanked" in link,
            )
        )
    return files
