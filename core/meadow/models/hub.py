"""The hub's protocol over HTTP: what a model consists of, and bytes of its files. Nothing is kept here.

The hub is not trusted with more than it must be: every length is bounded, every wait ends, redirects are followed by
hand so that the token goes only to the hub itself, and an answer whose headers disagree with what was asked is thrown
away.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from urllib.parse import quote, urlsplit

import httpx2

from meadow.errors import DownloadError, UnknownModel
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
from meadow.models.fingerprint import is_sha256
from meadow.models.names import is_commit
from meadow.models.source import is_plain_name

DEFAULT_ENDPOINT: Final = "https://huggingface.co"
MAX_LISTING_BYTES: Final = 32 << 20
MAX_FILES: Final = 20_000

_HOW_TO_GIVE: Final = "in the settings, with `meadow models login`, or as HF_TOKEN"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the hub: size in bytes, sha256 if the hub states it (large files), else perhaps git's hash (small
    ones).
    """

    size: int
    sha256: str | None
    git: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A model at one commit."""

    commit: str
    files: Mapping[str, RemoteFile]


class Hub:
    """A connection pool to one hub. Thread-safe."""

    def __init__(self, endpoint: str | None = None, token: str | None = None) -> None:
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DownloadError(
                "HF_ENDPOINT is not a web address. Unset it, or set it to one like https://huggingface.co"
            )
        self.host = parts.netloc.rpartition("@")[2].lower()
        self._origin = _origin(self.endpoint)
        self._token = token or os.environ.get("HF_TOKEN") or None
        if self._token and parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise DownloadError("HF_ENDPOINT is not encrypted, so your token is not sent there. Use https.")
        self._client = httpx2.Client(timeout=TIMEOUT, follow_redirects=False, headers={"User-Agent": "meadow"})

    def listing(self, model: str, revision: str) -> Listing:
        """The commit behind ``revision`` and the files at it.

        Raises UnknownModel, DownloadError (refused), or BadAnswer (try again).
        """
        url = f"{self.endpoint}/api/models/{model}/revision/{quote(revision, safe='')}?blobs=true"
        with self._open(url, model, "its list of files") as answer:
            raw = b"".join(bounded(answer.response, MAX_LISTING_BYTES))
        try:
            return _parse_listing(json.loads(raw))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise BadAnswer("sent a list of files that is not readable") from None

    def read(
        self, model: str, commit: str, file: str, remote: RemoteFile, start: int, end: int
    ) -> Generator[tuple[int, bytes]]:
        """Bytes of a file as (offset, data), in order.

        They cover exactly ``[start, end)``, unless the server cannot serve ranges: then they begin at 0, and the caller
        closes the generator when it has what it wants. Raises BadAnswer, also after good data.
        """
        url = f"{self.endpoint}/{model}/resolve/{commit}/{quote(file)}"
        with self._open(url, model, f"the file {file}", range_header(remote.size, start, end)) as answer:
            _check_file(answer.first, commit, remote)
            yield from range_body(answer.response, remote.size, start, end)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    @contextlib.contextmanager
    def _open(self, url: str, model: str, what: str, headers: Mapping[str, str] | None = None) -> Iterator[_Answer]:
        """Ask and follow redirects. The first answer's headers are kept: the hub itself says commit and hash there."""
        first: httpx2.Headers | None = None
        try:
            for _ in range(MAX_REDIRECTS + 1):
                trusted = _origin(url) == self._origin
                request = self._client.build_request("GET", url, headers=self._headers(headers, trusted))
                response = self._client.send(request, stream=True)
                try:
                    if first is None:
                        first = response.headers
                    if is_redirect(response):
                        url = redirected(url, response)
                        continue
                    if response.status_code not in (200, 206):
                        self._refuse(response, model, what, trusted)
                    yield _Answer(response, first)
                    return
                finally:
                    response.close()
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise BadAnswer(described(error)) from error
        raise BadAnswer("redirects in circles")

    def _headers(self, more: Mapping[str, str] | None, trusted: bool) -> dict[str, str]:
        # identity: offsets count stored bytes, and nobody can send a decompression bomb.
        headers = {"Accept-Encoding": "identity", **(more or {})}
        if trusted and self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _refuse(self, response: httpx2.Response, model: str, what: str, trusted: bool) -> NoReturn:
        status, reason = response.status_code, response.headers.get("X-Error-Code", "")
        if status in (401, 403) and trusted:
            if status == 401 and reason != "GatedRepo" and not self._token:
                raise UnknownModel(
                    f"There is no model {model} on {self.host}, or it is private. Check the name; for a private model "
                    f"give Meadow a token from {self.endpoint}/settings/tokens ({_HOW_TO_GIVE})."
                )
            raise DownloadError(
                f"{self.host} does not let you read {model}. If it is a gated model, open {self.endpoint}/{model} and "
                f"accept its terms, then give Meadow a token from {self.endpoint}/settings/tokens ({_HOW_TO_GIVE}).",
                code="gated",
            )
        if status == 404:
            if reason == "RevisionNotFound":
                raise UnknownModel(f"The model {model} on {self.host} has no such revision. Check its name.")
            if what.startswith("the file"):
                raise DownloadError(f"{self.host} no longer has {what} of {model}. Choose another revision.")
            raise UnknownModel(f"There is no model {model} on {self.host}. Check the name.")
        if status == 429:
            raise BadAnswer("asks to be asked less often (status 429)")
        if status >= 500:
            raise BadAnswer(f"has a problem of its own (status {status})")
        raise BadAnswer(f"answered with status {status}")


@dataclass(frozen=True, slots=True)
class _Answer:
    response: httpx2.Response
    first: httpx2.Headers


def _check_file(first: httpx2.Headers, commit: str, remote: RemoteFile) -> None:
    """Raises BadAnswer when the hub names another commit or file than was asked for."""
    if first.get("X-Repo-Commit", commit) != commit:
        raise BadAnswer("answered with another commit")
    stated = first.get("X-Linked-Etag", "").removeprefix("W/").strip('"')
    if is_sha256(stated) and remote.sha256 is not None and stated != remote.sha256:
        raise BadAnswer("answered with another file")


def _parse_listing(table: Any) -> Listing:
    commit = table["sha"]
    if not isinstance(commit, str) or not is_commit(commit):
        raise ValueError
    files = {}
    for entry in table["siblings"][:MAX_FILES]:
        name, large = entry["rfilename"], entry.get("lfs")
        if not is_plain_name(name):
            continue  # in a subfolder: never part of a checkpoint
        size = large["size"] if large else entry.get("size")
        if type(size) is not int or not 0 <= size < 1 << 50:
            raise ValueError
        sha256 = large.get("sha256") if large else None
        git = entry.get("blobId") if not large else None
        files[name] = RemoteFile(
            size, sha256 if is_sha256(sha256) else None, git if isinstance(git, str) and is_commit(git) else None
        )
    return Listing(commit, files)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
