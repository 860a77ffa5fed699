"""A model of a hub as a source of a checkpoint: the parts that are here, and how the others get here."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from meadow.errors import DamagedCheckpoint, DownloadError
from meadow.models.answers import BadAnswer
from meadow.models.download import DEFAULT_POLICY, Retry, RetryPolicy, fetch_ranges
from meadow.models.fingerprint import check_cancel, is_sha256
from meadow.models.hub import Hub, Listing, RemoteFile
from meadow.models.names import is_commit
from meadow.models.progress import ProgressMeter, Report
from meadow.models.ranges import Ranges
from meadow.models.safetensors_header import PREFIX_BYTES, TensorInfo, header_end
from meadow.models.source import is_plain_name
from meadow.models.store import Journal, Store, read_bounded, write_whole

_log = logging.getLogger(__name__)

_MAX_NOTE: Final = 32 << 20
# The first request of a weight file asks for its prefix and, with luck, its whole header. Small enough never to matter
# (one part in twenty thousand of the file: little even beside one block of eighty), yet enough for most large shards.
_FIRST_SHARE: Final = 20_000
_FIRST_MOST: Final = 64 << 10
_HEADER_THREADS: Final = 8
_CHUNK: Final = 4 << 20


class HubCopy:
    """The files of one model at one commit, fetched as they are needed. ``hub`` is None when working offline."""

    def __init__(
        self, model: str, listing: Listing, store: Store, hub: Hub | None, policy: RetryPolicy = DEFAULT_POLICY
    ) -> None:
        self.model = model
        self.commit = listing.commit
        self.bytes_fetched = 0
        self._files = dict(listing.files)
        self._store = store
        self._hub = hub
        self._policy = policy
        self._count_lock = threading.Lock()
        self._parsed: dict[str, bytes] = {}  # the headers that were handed out: what the tensors' places rest on

    def names(self) -> frozenset[str]:
        """Names of the files at this commit."""
        return frozenset(self._files)

    def size(self, file: str) -> int:
        """Size in bytes, as the hub states it."""
        return self._files[file].size

    def path(self, file: str) -> Path:
        """Where the copy lies."""
        return self._store.path(file)

    def small_file(self, file: str, limit: int) -> Path | None:
        """A whole file, fetched if need be and checked against the hub's hash of it."""
        remote = self._files.get(file)
        if remote is None:
            return None
        if remote.size > limit:
            raise DamagedCheckpoint(
                f"The file {file} of {self.model} is larger than any real one. Do not use this model."
            )
        path = self.path(file)
        if path.is_file() and path.stat().st_size == remote.size:
            return path
        hub = self._online(f"the file {file}")
        retry = Retry(hub.host, f"the file {file}", self._policy, None)

        def ask() -> bytes:
            raw = b"".join(data for _, data in hub.read(self.model, self.commit, file, remote, 0, remote.size))
            if not _matches(remote, raw):
                raise BadAnswer("sent damaged bytes")
            return raw

        write_whole(path, retry.call(ask))
        return path

    def headers(self, files: Sequence[str], report: Report | None) -> dict[str, bytes]:
        """The safetensors headers, several files at a time."""
        here = {file: header for file in files if (header := self._header_here(file)) is not None}
        if absent := [file for file in files if file not in here]:
            meter = ProgressMeter(0, report)
            with self._store.lock(), ThreadPoolExecutor(_HEADER_THREADS) as pool:
                here |= zip(absent, pool.map(lambda file: self._header(file, meter), absent), strict=True)
            meter.finish(absent[-1])
        self._parsed |= here
        return here

    def missing(self, infos: Sequence[TensorInfo]) -> int:
        """Bytes of these tensors that no journal says are here."""
        return sum(self._missing(file, wanted).size for file, wanted in _by_file(infos).items())

    def fetch(self, infos: Sequence[TensorInfo], report: Report | None, cancel: threading.Event | None) -> None:
        """Download what is missing; files that become complete are checked against the hub's hash."""
        wanted = _by_file(infos)
        for file, ranges in wanted.items():  # a damaged file is dropped with its header
            wanted[file] = ranges.union(Ranges.of([(0, PREFIX_BYTES + len(self._parsed[file]))]))
        self._fetch(wanted, report, cancel)

    def forget(self, info: TensorInfo) -> None:
        """Fetch this tensor anew next time."""
        self._drop(info.file, Ranges.of([(info.start, info.end)]))

    def forget_file(self, file: str) -> None:
        """Fetch this whole file anew next time."""
        self._drop(file, Ranges.of([(0, self.size(file))]))

    def stated(self, file: str) -> str | None:
        """sha256 as the hub states it."""
        return self._files[file].sha256

    def verified(self, file: str) -> bool:
        """Did the whole file match the hub's hash?"""
        return self._store.journal(file, self.size(file)).verified

    def sha256(self, files: Sequence[str], report: Report | None, cancel: threading.Event | None) -> dict[str, str]:
        """The hub's own hashes; a file that it states none for is fetched whole and hashed."""
        unknown = [file for file in files if self._files[file].sha256 is None]
        self._fetch({file: Ranges.of([(0, self.size(file))]) for file in unknown}, report, cancel)
        hashes = {}
        for file in files:
            hashes[file] = self._files[file].sha256 or self._digest(file, hashlib.sha256(), cancel)
        return hashes

    def _fetch(self, wanted: dict[str, Ranges], report: Report | None, cancel: threading.Event | None) -> None:
        if not any(self._missing(file, ranges) for file, ranges in wanted.items()):
            return
        hub = self._online("these weights")
        with self._store.lock(cancel):
            plans = {file: missing for file, ranges in wanted.items() if (missing := self._missing(file, ranges))}
            total = sum(missing.size for missing in plans.values())
            self._store.check_room(total)
            meter = ProgressMeter(total, report)
            for file, missing in plans.items():
                self._download(hub, file, missing, meter, cancel)
                self._verify_if_whole(file, cancel)
                self._check_header(file)
                meter.finish(file)

    def _download(
        self, hub: Hub, file: str, wanted: Ranges, meter: ProgressMeter, cancel: threading.Event | None
    ) -> None:
        """Get ranges of one weight file. The caller holds the lock."""
        remote = self._files[file]
        with self._store.open(file, remote.size) as opened:

            def commit(fresh: Ranges) -> None:
                opened.sync()
                before = self._store.journal(file, remote.size)
                self._store.save(file, Journal(before.present.union(fresh), before.verified))

            def count(received: int, useful: int) -> None:
                with self._count_lock:
                    self.bytes_fetched += received
                meter.add(useful, file)

            def read(start: int, end: int) -> Any:
                return hub.read(self.model, self.commit, file, remote, start, end)

            retry = Retry(hub.host, f"the file {file}", self._policy, cancel)
            fetch_ranges(wanted, read, opened.write, commit, count, retry, cancel)

    def _header(self, file: str, meter: ProgressMeter) -> bytes:
        """The header of one file, fetched if need be. The caller holds the lock."""
        size = self.size(file)
        first = min(size, max(PREFIX_BYTES, min(size // _FIRST_SHARE, _FIRST_MOST)))
        self._ensure(file, first, meter)
        with self._store.open(file, size) as opened:
            end = self._header_end(file, opened.read(0, PREFIX_BYTES))
        self._ensure(file, end, meter)
        with self._store.open(file, size) as opened:
            return opened.read(PREFIX_BYTES, end)

    def _header_end(self, file: str, prefix: bytes) -> int:
        try:
            return header_end(prefix, file, self.size(file))
        except DamagedCheckpoint:
            self._save_without(file, Ranges.of([(0, self.size(file))]))
            raise

    def _check_header(self, file: str) -> None:
        """Does the file still begin with the header that was handed out?"""
        if file in self._parsed and self._header_here(file) != self._parsed[file]:
            raise DamagedCheckpoint(
                f"The header of {file} of {self.model} was damaged when it came first, and is right now. "
                "Open the model again."
            )

    def _ensure(self, file: str, end: int, meter: ProgressMeter) -> None:
        """Have the first ``end`` bytes of a file."""
        if missing := self._missing(file, Ranges.of([(0, end)])):
            meter.expect(missing.size)
            self._download(self._online(f"the file {file}"), file, missing, meter, None)

    def _header_here(self, file: str) -> bytes | None:
        size = self.size(file)
        present = self._store.journal(file, size).present
        if Ranges.of([(0, min(size, PREFIX_BYTES))]).minus(present) or not present:
            return None
        with open(self.path(file), "rb") as opened:
            try:
                end = header_end(opened.read(PREFIX_BYTES), file, size)
            except DamagedCheckpoint:
                return None
            return None if Ranges.of([(0, end)]).minus(present) else opened.read(end - PREFIX_BYTES)

    def _missing(self, file: str, wanted: Ranges) -> Ranges:
        return wanted.minus(self._store.journal(file, self.size(file)).present)

    def _verify_if_whole(self, file: str, cancel: threading.Event | None) -> None:
        remote = self._files[file]
        journal = self._store.journal(file, remote.size)
        stated = remote.sha256 or remote.git
        if journal.verified or stated is None or Ranges.of([(0, remote.size)]).minus(journal.present):
            return
        digest = hashlib.sha256() if remote.sha256 else _git_digest(remote.size)
        if self._digest(file, digest, cancel) != stated:
            self._save_without(file, Ranges.of([(0, remote.size)]))
            raise DamagedCheckpoint(
                f"The file {file} of {self.model} does not have the hash that the hub states: bytes were damaged on "
                "the way. The copy is dropped; download it again."
            )
        self._store.save(file, Journal(journal.present, verified=True))

    def _digest(self, file: str, digest: Any, cancel: threading.Event | None) -> str:
        with open(self.path(file), "rb") as opened:
            while chunk := opened.read(_CHUNK):
                check_cancel(cancel)
                digest.update(chunk)
        text: str = digest.hexdigest()
        return text

    def _drop(self, file: str, bad: Ranges) -> None:
        with self._store.lock():
            self._save_without(file, bad)

    def _save_without(self, file: str, bad: Ranges) -> None:
        present = self._store.journal(file, self.size(file)).present
        self._store.save(file, Journal(present.minus(bad)))

    def _online(self, what: str) -> Hub:
        if self._hub is None:
            raise DownloadError(
                f"HF_HUB_OFFLINE is set, and {what} of {self.model} were not downloaded before. Unset it to download.",
                code="offline",
            )
        return self._hub


def open_hub_copy(
    model: str,
    root: Path,
    *,
    revision: str | None = None,
    token: str | None = None,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> HubCopy:
    """Resolve ``model`` at ``revision`` (default main) and open its copy under ``root``.

    When the hub cannot be reached, what it said last time counts. Raises UnknownModel or DownloadError.
    """
    hub = Hub(token=token)
    revision = revision or "main"
    folder = root / hub.host.replace(":", "_") / model.replace("/", "--")
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    known = _recall(folder, revision)
    if offline or (known is not None and is_commit(revision)):  # a commit never changes: no need to ask again
        if known is None:
            raise DownloadError(
                f"HF_HUB_OFFLINE is set and {model} was not downloaded before. Unset it to download.", code="offline"
            )
        return HubCopy(model, known, Store(folder / known.commit), None if offline else hub, policy)
    patience = policy if known is None else replace(policy, attempts=min(2, policy.attempts))
    retry = Retry(hub.host, f"the list of files of {model}", patience, None)
    try:
        listing = retry.call(lambda: hub.listing(model, revision))
    except DownloadError as error:
        if known is None or error.code != DownloadError.code:
            raise
        _log.warning("%s cannot be reached; using %s as it was downloaded before.", hub.host, model)
        return HubCopy(model, known, Store(folder / known.commit), hub, policy)
    _remember(folder, revision, listing)
    return HubCopy(model, listing, Store(folder / listing.commit), hub, policy)


def _remember(folder: Path, revision: str, listing: Listing) -> None:
    files = {name: [file.size, file.sha256, file.git] for name, file in listing.files.items()}
    write_whole(folder / listing.commit / ".meadow" / "listing.json", json.dumps(files).encode())
    write_whole(folder / ".revisions" / hashlib.sha256(revision.encode()).hexdigest(), listing.commit.encode())


def _recall(folder: Path, revision: str) -> Listing | None:
    """What ``_remember`` wrote, or None when it is not there or damaged."""
    try:
        commit = revision
        if not is_commit(revision):
            commit = read_bounded(folder / ".revisions" / hashlib.sha256(revision.encode()).hexdigest(), 64).decode(
                "ascii"
            )
        if not is_commit(commit):
            return None
        table = json.loads(read_bounded(folder / commit / ".meadow" / "listing.json", _MAX_NOTE))
        files = {name: _recall_file(*entry) for name, entry in table.items() if is_plain_name(name)}
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return Listing(commit, files)


def _recall_file(size: Any, sha256: Any, git: Any) -> RemoteFile:
    if type(size) is not int or size < 0 or not (sha256 is None or is_sha256(sha256)):
        raise ValueError
    return RemoteFile(size, sha256, git)


def _by_file(infos: Sequence[TensorInfo]) -> dict[str, Ranges]:
    spans: dict[str, list[tuple[int, int]]] = {}
    for info in infos:
        spans.setdefault(info.file, []).append((info.start, info.end))
    return {file: Ranges.of(found) for file, found in spans.items()}


def _matches(remote: RemoteFile, raw: bytes) -> bool:
    """Does a whole small file have the hash that the hub states (if it states one)?"""
    if remote.sha256 is not None:
        return hashlib.sha256(raw).hexdigest() == remote.sha256
    if remote.git is not None:
        digest = _git_digest(len(raw))
        digest.update(raw)
        return bool(digest.hexdigest() == remote.git)
    return True


def _git_digest(size: int) -> Any:
    """git's own name of a file: sha1 over a prefix and the content. Guards against damage, not against forgery."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
